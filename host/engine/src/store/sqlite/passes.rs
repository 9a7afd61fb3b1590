//! Temporary passes.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::SqliteStore;
use super::clock::SKEW_MS;
use super::limits::{absolve_person, charge_all, charge_person, person_limited, unlock_person};
use super::rows::{ms, time};
use super::threads::Step;
use super::user_changes::passes_changed;
use crate::store::columns::{pack, unpack};
use crate::store::*;

#[async_trait]
impl PassStore for SqliteStore {
    async fn put_pass(&self, pass: PassRecord, counted: BucketKey) -> Result<()> {
        self.threads.write_at(pass.created_at, move |c| put(c, &pass, &counted)).await
    }

    async fn charge_pass(&self, attempt: PassAttempt) -> Result<ChargedPass> {
        self.threads.write_step_at(attempt.now, move |c| charge(c, &attempt)).await
    }

    async fn use_pass(&self, person: BucketKey, code: CodeMac, counted: BucketKey, now: Timestamp) -> Result<bool> {
        self.threads.write_at(now, move |c| use_up(c, &person, code, &counted, now)).await
    }

    async fn pass_until(&self, person: BucketKey, now: Timestamp) -> Result<Option<Timestamp>> {
        self.threads.read(move |c| Ok(get(c, &person, now)?.map(|pass| pass.expires_at))).await
    }

    async fn is_pass_in_use(&self, person: BucketKey, id: &str, now: Timestamp) -> Result<bool> {
        let id = id.to_owned();
        self.threads.read(move |c| is_in_use(c, &person, &id, now)).await
    }

    async fn end_pass(&self, person: BucketKey) -> Result<bool> {
        self.threads
            .write(move |c| {
                passes_changed(c, &person)?;
                end(c, &person)
            })
            .await
    }
}

/// Returns the condition of a valid pass.
fn is_valid() -> String {
    format!("person = ?1 AND expires_at > ?2 AND created_at <= ?2 + {SKEW_MS}")
}

pub(super) fn put(c: &Connection, pass: &PassRecord, counted: &BucketKey) -> Result<()> {
    let sql = "INSERT OR REPLACE INTO passes (person, id, code, created_at, expires_at) VALUES (?, ?, ?, ?, ?)";
    let PassRecord { person, id, code, created_at, expires_at } = pass;
    c.prepare_cached(sql)?.execute(params![person, id, pack(&[*code]), ms(*created_at), ms(*expires_at)])?;
    passes_changed(c, person)?;
    unlock_person(c, counted)
}

pub(super) fn get(c: &Connection, person: &BucketKey, now: Timestamp) -> Result<Option<PassRecord>> {
    let valid = is_valid();
    let sql = format!("SELECT person, id, code, created_at, expires_at FROM passes WHERE {valid}");
    let found = c.prepare_cached(&sql)?.query_row(params![person, ms(now)], to_pass).optional()?;
    Ok(found.flatten())
}

pub(super) fn charge(c: &Connection, attempt: &PassAttempt) -> Result<Step<ChargedPass>> {
    let PassAttempt { person, counted, charges, limits, now } = attempt;
    // Limits first: guesses at passes that do not exist count too.
    if let Some(limited) = charge_all(c, charges, *now)? {
        return Ok(Step::Undo(ChargedPass::Limited(limited)));
    }
    let Some(pass) = get(c, person, *now)? else {
        return Ok(Step::Keep(ChargedPass::NoPass));
    };
    if let Some(limited) = person_limited(c, (counted, true), limits, *now)? {
        return Ok(Step::Undo(ChargedPass::Limited(limited)));
    }
    charge_person(c, counted, limits, *now)?;
    Ok(Step::Keep(ChargedPass::Compare(pass)))
}

pub(super) fn use_up(
    c: &Connection,
    person: &BucketKey,
    code: CodeMac,
    counted: &BucketKey,
    now: Timestamp,
) -> Result<bool> {
    let valid = is_valid();
    let sql = format!("UPDATE passes SET code = x'', expires_at = ?4 WHERE {valid} AND code = ?3");
    let until = ms(now + MAX_PROOF_AGE);
    let used = c.prepare_cached(&sql)?.execute(params![person, ms(now), pack(&[code]), until])? == 1;
    if used {
        absolve_person(c, counted)?;
    }
    Ok(used)
}

pub(super) fn is_in_use(c: &Connection, person: &BucketKey, id: &str, now: Timestamp) -> Result<bool> {
    let sql = format!("SELECT 1 FROM passes WHERE {} AND id = ?3 AND code = x''", is_valid());
    Ok(c.prepare_cached(&sql)?.exists(params![person, ms(now), id])?)
}

/// Ends a pass. Returns whether it was not used.
pub(super) fn end(c: &Connection, person: &BucketKey) -> Result<bool> {
    let sql = "DELETE FROM passes WHERE person = ? RETURNING code <> x''";
    Ok(c.prepare_cached(sql)?.query_row([person], |row| row.get(0)).optional()?.unwrap_or(false))
}

/// Ends all passes.
pub(super) fn end_all(c: &Connection) -> Result<usize> {
    Ok(c.prepare_cached("DELETE FROM passes")?.execute([])?)
}

/// None for a pass that was used.
fn to_pass(row: &Row<'_>) -> rusqlite::Result<Option<PassRecord>> {
    let codes = unpack(&row.get::<_, Vec<u8>>(2)?);
    let Some(code) = codes.first() else { return Ok(None) };
    Ok(Some(PassRecord {
        person: row.get(0)?,
        id: row.get(1)?,
        code: *code,
        created_at: time(row.get(3)?),
        expires_at: time(row.get(4)?),
    }))
}
