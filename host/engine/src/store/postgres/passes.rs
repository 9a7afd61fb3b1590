//! Temporary passes.

use async_trait::async_trait;
use jiff::Timestamp;
use tokio_postgres::Row;

use super::limits::{absolve_person, charge, charge_person, unlock_person};
use super::session::Session;
use super::user_changes::passes_changed;
use super::values::{SKEW_MS, get, values};
use super::{BEGIN_UNGUARDED, PostgresStore, Step, begin_for};
use crate::store::columns::{pack, unpack};
use crate::store::*;

#[async_trait]
impl PassStore for PostgresStore {
    async fn put_pass(&self, pass: PassRecord, counted: BucketKey) -> Result<()> {
        self.record_time(pass.created_at).await?;
        self.transaction(begin_for(&pass.person), pass, move |c, pass| async move {
            put(&c, &pass).await?;
            passes_changed(&c, &pass.person).await?;
            unlock_person(&c, &counted).await.map(Step::Keep)
        })
        .await
    }

    async fn charge_pass(&self, attempt: PassAttempt) -> Result<ChargedPass> {
        self.record_time(attempt.now).await?;
        self.transaction(
            BEGIN_UNGUARDED.to_owned(),
            attempt,
            |c, attempt| async move { charge_pass(&c, &attempt).await },
        )
        .await
    }

    async fn use_pass(&self, person: BucketKey, code: CodeMac, counted: BucketKey, now: Timestamp) -> Result<bool> {
        self.record_time(now).await?;
        self.transaction(BEGIN_UNGUARDED.to_owned(), (), move |c, _| async move {
            let sql = format!("UPDATE passes SET code = '', expires_at = $4 WHERE {} AND code = $3", is_valid());
            let used = c.execute(&sql, values![&person, now, &pack(&[code]), now + MAX_PROOF_AGE]).await? == 1;
            if used {
                absolve_person(&c, &counted).await?;
            }
            Ok(Step::Keep(used))
        })
        .await
    }

    async fn pass_until(&self, person: BucketKey, now: Timestamp) -> Result<Option<Timestamp>> {
        self.read(
            person,
            move |c, person| async move { Ok(get_valid(&c, &person, now).await?.map(|pass| pass.expires_at)) },
        )
        .await
    }

    async fn is_pass_in_use(&self, person: BucketKey, id: &str, now: Timestamp) -> Result<bool> {
        self.read(id.to_owned(), move |c, id| async move { is_in_use(&c, &person, &id, now).await }).await
    }

    async fn end_pass(&self, person: BucketKey) -> Result<bool> {
        self.transaction(begin_for(&person), person, |c, person| async move {
            passes_changed(&c, &person).await?;
            end(&c, &person).await.map(Step::Keep)
        })
        .await
    }
}

/// Returns the condition for a valid pass. A pass of another timeline may have been used before a failover that lost this change.
fn is_valid() -> String {
    format!(
        "person = $1 AND expires_at > tf1_now($2) AND created_at <= tf1_now($2) + {SKEW_MS} AND epoch = tf1_epoch()"
    )
}

async fn put(c: &Session, pass: &PassRecord) -> Result<()> {
    let sql = "INSERT INTO passes (person, id, code, created_at, expires_at, epoch) VALUES ($1, $2, $3, tf1_now($4), $5 + tf1_now($4) - $4, tf1_epoch()) \
               ON CONFLICT (person) DO UPDATE SET id = excluded.id, code = excluded.code, created_at = excluded.created_at, \
               expires_at = excluded.expires_at, epoch = excluded.epoch";
    let PassRecord { person, id, code, created_at, expires_at } = pass;
    c.execute(sql, values![person, id, &pack(&[*code]), *created_at, *expires_at]).await?;
    Ok(())
}

async fn get_valid(c: &Session, person: &BucketKey, now: Timestamp) -> Result<Option<PassRecord>> {
    let sql = format!("SELECT person, id, code, created_at, expires_at FROM passes WHERE {}", is_valid());
    match c.row(&sql, values![person, now]).await? {
        Some(row) => to_pass(&row),
        None => Ok(None),
    }
}

async fn charge_pass(c: &Session, attempt: &PassAttempt) -> Result<Step<ChargedPass>> {
    let PassAttempt { person, counted, charges, limits, now } = attempt;
    // Limits first: guesses at passes that do not exist count too.
    if let Some(limited) = charge(c, charges, *now).await? {
        return Ok(Step::Undo(ChargedPass::Limited(limited)));
    }
    let Some(pass) = get_valid(c, person, *now).await? else {
        return Ok(Step::Keep(ChargedPass::NoPass));
    };
    if let Some(limited) = charge_person(c, counted, limits, *now).await? {
        return Ok(Step::Undo(ChargedPass::Limited(limited)));
    }
    Ok(Step::Keep(ChargedPass::Compare(pass)))
}

pub(super) async fn is_in_use(c: &Session, person: &BucketKey, id: &str, now: Timestamp) -> Result<bool> {
    let sql = format!("SELECT 1 FROM passes WHERE {} AND id = $3 AND code = ''", is_valid());
    Ok(c.row(&sql, values![person, now, id]).await?.is_some())
}

/// Ends a pass. Returns whether it was not used.
pub(super) async fn end(c: &Session, person: &BucketKey) -> Result<bool> {
    let row = c.row("DELETE FROM passes WHERE person = $1 RETURNING code <> ''", values![person]).await?;
    row.map_or(Ok(false), |row| get(&row, 0))
}

/// Returns `None` for a pass that was used.
fn to_pass(row: &Row) -> Result<Option<PassRecord>> {
    let codes = unpack(&get::<Vec<u8>>(row, 2)?);
    let Some(code) = codes.first() else { return Ok(None) };
    Ok(Some(PassRecord {
        person: get(row, 0)?,
        id: get(row, 1)?,
        code: *code,
        created_at: get(row, 3)?,
        expires_at: get(row, 4)?,
    }))
}
