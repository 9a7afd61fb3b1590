//! Challenges. Each step is one conditional statement.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::clock::SKEW_MS;
use super::factors::use_factor;
use super::idempotency::{claim, complete, find};
use super::limits::{
    absolve_person, charge_all, charge_person, end_row_of_wrong_answers, person_limited, release, release_person,
};
use super::rows::{ms, time};
use super::threads::Step;
use super::{SqliteStore, clock, user_changes};
use crate::store::columns::{ACTIVE, closing_number, pack, to_closing, unpack};
use crate::store::*;

#[async_trait]
impl ChallengeStore for SqliteStore {
    async fn open_challenge(&self, request: OpenChallenge) -> Result<Opened> {
        self.threads.write_step_at(request.now, move |c| open(c, &request)).await
    }

    async fn challenge(&self, subscription: &str, id: &str) -> Result<Option<ChallengeRecord>> {
        let (subscription, id) = (subscription.to_owned(), id.to_owned());
        self.threads.read_at_once(move |c| get(c, &subscription, &id)).await
    }

    async fn answer_challenge(&self, request: CodeAnswer) -> Result<Answered> {
        self.threads.write_step_at(request.attempt.now, move |c| answer(c, &request)).await
    }

    async fn charge_attempt(&self, attempt: Attempt) -> Result<Charged> {
        self.threads.write_step_at(attempt.now, move |c| charge_attempt(c, &attempt)).await
    }

    async fn consume_challenge(&self, request: Consume) -> Result<Consumed> {
        self.threads.write_step_at(request.now, move |c| consume(c, &request)).await
    }

    async fn release_attempt(&self, subscription: &str, id: &str, person: BucketKey) -> Result<()> {
        let (subscription, id) = (subscription.to_owned(), id.to_owned());
        self.threads.write(move |c| release_attempt(c, &subscription, &id, &person)).await
    }

    async fn resend_challenge(&self, request: Resend) -> Result<Resent> {
        self.threads.write_step_at(request.now, move |c| resend(c, &request)).await
    }

    async fn hand_over_challenge(&self, request: HandOver) -> Result<bool> {
        self.threads.write_at(request.now, move |c| hand_over(c, &request)).await
    }

    async fn close_challenge(&self, subscription: &str, id: &str, why: Closing, now: Timestamp) -> Result<bool> {
        let (subscription, id) = (subscription.to_owned(), id.to_owned());
        self.threads.write_at(now, move |c| close(c, &subscription, &id, why, now)).await
    }

    async fn use_challenge_as_proof(
        &self,
        subscription: &str,
        id: &str,
        holder: Option<BucketKey>,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<bool> {
        let (subscription, id) = (subscription.to_owned(), id.to_owned());
        self.threads.write_at(now, move |c| use_as_proof(c, &subscription, &id, holder, (since, now))).await
    }

    async fn idempotency(&self, key: BucketKey, now: Timestamp) -> Result<Option<IdempotencyRecord>> {
        self.threads.read(move |c| find(c, &key, now)).await
    }

    async fn complete_idempotency(&self, key: BucketKey, _: &str, answer: Option<Vec<u8>>) -> Result<()> {
        // A key has no other holder until it is forgotten.
        self.threads.write(move |c| complete(c, &key, answer.as_deref())).await
    }
}

/// Returns the condition of an open challenge. One that was created later than now, by more than clocks may differ, is not open:
/// then a clock was wrong.
fn is_open() -> String {
    format!("closed IS NULL AND attempts < max_attempts AND expires_at > ?3 AND created_at <= ?3 + {SKEW_MS}")
}

const MAX_PROOF_AGE_MS: i64 = MAX_PROOF_AGE.as_millis() as i64;

const COLUMNS: &str = "id, subscription, instance, person, first_factor, sealed, codes, attempts, max_attempts, resends, max_resends, \
                       resend_after, created_at, expires_at, closed";

pub(super) fn open(c: &Connection, request: &OpenChallenge) -> Result<Step<Opened>> {
    if let Some(valid_for) = request.repeatable_for
        && let Some(restored_at) = clock::restored_at(c)?
    {
        let until = restored_at.checked_add(valid_for).unwrap_or(Timestamp::MAX);
        if until > request.now {
            return Ok(Step::Undo(Opened::TooEarly(until)));
        }
    }
    if let Some(idempotency) = &request.idempotency
        && let Some(known) = claim(c, idempotency, request.now)?
    {
        return Ok(Step::Undo(Opened::Repeated(known)));
    }
    let new = &request.challenge;
    if let Some(limited) = limited(c, (&new.person, new.first_factor), &request.person, &request.charges, request.now)?
    {
        return Ok(Step::Undo(Opened::Limited(limited)));
    }
    if let Some((user, changes)) = &request.changes
        && user_changes::count(c, user)? != *changes
    {
        return Ok(Step::Undo(Opened::Changed));
    }
    let sql = format!("INSERT INTO challenges ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)");
    c.prepare_cached(&sql)?.execute(params![
        new.id,
        new.subscription,
        new.instance,
        new.person,
        new.first_factor,
        new.sealed,
        pack(&new.codes),
        new.attempts,
        new.max_attempts,
        new.resends,
        new.max_resends,
        ms(new.resend_after),
        ms(new.created_at),
        ms(new.expires_at)
    ])?;
    Ok(Step::Keep(Opened::Open))
}

pub(super) fn get(c: &Connection, subscription: &str, id: &str) -> Result<Option<ChallengeRecord>> {
    let sql = format!("SELECT {COLUMNS} FROM challenges WHERE id = ? AND subscription = ?");
    Ok(c.prepare_cached(&sql)?.query_row([id, subscription], to_challenge).optional()?)
}

/// Only one thread writes, so what is read here does not change until it is written.
pub(super) fn answer(c: &Connection, request: &CodeAnswer) -> Result<Step<Answered>> {
    let CodeAnswer { attempt, release: released, .. } = request;
    let Attempt { subscription, id, charges, person: limits, now } = attempt;
    // Limits first: guesses at unknown challenges count too.
    if let Some(limited) = charge_all(c, charges, *now)? {
        return Ok(Step::Undo(Answered::Limited(limited)));
    }
    let open = is_open();
    let sql = format!("SELECT {COLUMNS} FROM challenges WHERE id = ?1 AND subscription = ?2 AND {open}");
    let found = c.prepare_cached(&sql)?.query_row(params![id, subscription, ms(*now)], to_challenge).optional()?;
    let Some(mut challenge) = found else {
        return Ok(Step::Keep(Answered::Closed));
    };
    if let Some(limited) = person_limited(c, (&challenge.person, challenge.first_factor), limits, *now)? {
        return Ok(Step::Undo(Answered::Limited(limited)));
    }
    challenge.attempts += 1;
    if !request.is_right(&challenge.codes) {
        c.prepare_cached("UPDATE challenges SET attempts = ? WHERE id = ?")?
            .execute(params![challenge.attempts, id])?;
        charge_person(c, &challenge.person, limits, *now)?;
        return Ok(Step::Keep(Answered::Wrong(challenge)));
    }
    challenge.closed = Some(Closing::Used);
    c.prepare_cached("UPDATE challenges SET attempts = ?, closed = ?, verified_at = ? WHERE id = ?")?
        .execute(params![challenge.attempts, closing_number(Closing::Used), ms(*now), id])?;
    end_row_of_wrong_answers(c, &challenge.person)?;
    release(c, released)?;
    Ok(Step::Keep(Answered::Right(challenge)))
}

pub(super) fn charge_attempt(c: &Connection, attempt: &Attempt) -> Result<Step<Charged>> {
    // Limits first: guesses at unknown challenges count too.
    if let Some(limited) = charge_all(c, &attempt.charges, attempt.now)? {
        return Ok(Step::Undo(Charged::Limited(limited)));
    }
    let open = is_open();
    let sql = format!(
        "UPDATE challenges SET attempts = attempts + 1 WHERE id = ?1 AND subscription = ?2 AND {open} RETURNING {COLUMNS}"
    );
    let charged = c
        .prepare_cached(&sql)?
        .query_row(params![attempt.id, attempt.subscription, ms(attempt.now)], to_challenge)
        .optional()?;
    let Some(challenge) = charged else {
        return Ok(Step::Keep(Charged::Closed));
    };
    if let Some(limited) = person_limited(c, (&challenge.person, challenge.first_factor), &attempt.person, attempt.now)?
    {
        return Ok(Step::Undo(Charged::Limited(limited)));
    }
    charge_person(c, &challenge.person, &attempt.person, attempt.now)?;
    Ok(Step::Keep(Charged::Compare(challenge)))
}

/// The challenge need not be open: the answer that is consumed here may have been the last one allowed.
pub(super) fn consume(c: &Connection, request: &Consume) -> Result<Step<Consumed>> {
    let sql = "UPDATE challenges SET closed = ?1, verified_at = ?4 WHERE id = ?2 AND subscription = ?3 AND closed IS NULL \
               AND expires_at > ?4 AND instr(codes, ?5) > 0";
    let consumed = c.prepare_cached(sql)?.execute(params![
        closing_number(Closing::Used),
        request.id,
        request.subscription,
        ms(request.now),
        pack(&[request.code])
    ])?;
    if consumed != 1 {
        return Ok(Step::Undo(Consumed::Closed));
    }
    if let Some(used) = &request.factor
        && !use_factor(c, &request.subscription, used, request.now)?
    {
        return Ok(Step::Undo(Consumed::FactorChanged));
    }
    absolve_person(c, &request.person)?;
    release(c, &request.release)?;
    Ok(Step::Keep(Consumed::Done))
}

pub(super) fn release_attempt(c: &Connection, subscription: &str, id: &str, person: &BucketKey) -> Result<()> {
    let sql = "UPDATE challenges SET attempts = max(attempts - 1, 0) WHERE id = ? AND subscription = ?";
    c.prepare_cached(sql)?.execute([id, subscription])?;
    release_person(c, person)
}

pub(super) fn resend(c: &Connection, request: &Resend) -> Result<Step<Resent>> {
    let open = is_open();
    let sql = format!(
        "UPDATE challenges SET codes = ?4, resends = resends + 1, resend_after = ?5 \
         WHERE id = ?1 AND subscription = ?2 AND {open} AND resends = ?6 AND resends < max_resends AND resend_after <= ?3 \
         RETURNING person, first_factor"
    );
    let person: Option<(BucketKey, bool)> = c
        .prepare_cached(&sql)?
        .query_row(
            params![
                request.id,
                request.subscription,
                ms(request.now),
                pack(&request.codes),
                ms(request.resend_after),
                request.resends
            ],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let Some((person, first_factor)) = person else {
        return Ok(Step::Undo(Resent::Refused));
    };
    match limited(c, (&person, first_factor), &request.person, &request.charges, request.now)? {
        Some(limited) => Ok(Step::Undo(Resent::Limited(limited))),
        None => Ok(Step::Keep(Resent::Granted)),
    }
}

pub(super) fn hand_over(c: &Connection, request: &HandOver) -> Result<bool> {
    let open = is_open();
    let sql = format!(
        "UPDATE challenges SET instance = ?4, sealed = ?5, codes = coalesce(?7, codes) \
         WHERE id = ?1 AND subscription = ?2 AND {open} AND resends = ?6"
    );
    let HandOver { subscription, id, resends, instance, sealed, codes, now } = request;
    let codes = codes.as_deref().map(pack);
    Ok(c.prepare_cached(&sql)?.execute(params![id, subscription, ms(*now), instance, sealed, resends, codes])? == 1)
}

pub(super) fn close(c: &Connection, subscription: &str, id: &str, why: Closing, now: Timestamp) -> Result<bool> {
    let open = is_open();
    let sql = format!("UPDATE challenges SET closed = ?4 WHERE id = ?1 AND subscription = ?2 AND {open}");
    Ok(c.prepare_cached(&sql)?.execute(params![id, subscription, ms(now), closing_number(why)])? == 1)
}

/// One that was verified later than now, by more than clocks may differ, proves nothing: then a clock was wrong.
pub(super) fn use_as_proof(
    c: &Connection,
    subscription: &str,
    id: &str,
    holder: Option<BucketKey>,
    (since, now): (Timestamp, Timestamp),
) -> Result<bool> {
    let sql = format!(
        "UPDATE challenges SET verified_at = NULL WHERE id = ?1 AND subscription = ?2 AND closed = ?3 \
         AND verified_at > ?4 AND verified_at <= ?5 + {SKEW_MS} AND (?6 IS NULL OR EXISTS (\
           SELECT 1 FROM factors WHERE factors.user = ?6 AND factors.instance = challenges.instance \
           AND factors.status = {ACTIVE} AND factors.last_used_at = challenges.verified_at))"
    );
    let proved = params![id, subscription, closing_number(Closing::Used), ms(since), ms(now), holder];
    Ok(c.prepare_cached(&sql)?.execute(proved)? == 1)
}

/// Ends the challenges of a person that are open at `now`, and what the verified ones prove. They are found by their end: so many
/// challenges are started within minutes, and resets are rare.
pub(super) fn close_of(c: &Connection, person: &BucketKey, now: Timestamp) -> Result<u64> {
    let sql =
        "UPDATE challenges SET verified_at = NULL WHERE person = ? AND verified_at IS NOT NULL AND expires_at > ?";
    c.prepare_cached(sql)?.execute(params![person, ms(now) - MAX_PROOF_AGE_MS])?;
    let sql = "UPDATE challenges SET closed = ? WHERE person = ? AND closed IS NULL AND expires_at > ?";
    Ok(c.prepare_cached(sql)?.execute(params![closing_number(Closing::Cancelled), person, ms(now)])? as u64)
}

/// Ends whatever is open at `now`, and whatever was verified so lately that it may still serve as a proof.
pub(super) fn close_all(c: &Connection, now: Timestamp) -> Result<usize> {
    let sql = "UPDATE challenges SET verified_at = NULL WHERE verified_at IS NOT NULL AND expires_at > ?";
    c.prepare_cached(sql)?.execute([ms(now) - MAX_PROOF_AGE_MS])?;
    let sql = "UPDATE challenges SET closed = ? WHERE closed IS NULL AND expires_at > ?";
    Ok(c.prepare_cached(sql)?.execute(params![closing_number(Closing::Cancelled), ms(now)])?)
}

fn limited(
    c: &Connection,
    person: (&BucketKey, bool),
    limits: &PersonLimits,
    charges: &[Charge],
    now: Timestamp,
) -> Result<Option<Limited>> {
    match person_limited(c, person, limits, now)? {
        Some(limited) => Ok(Some(limited)),
        None => charge_all(c, charges, now),
    }
}

fn to_challenge(row: &Row<'_>) -> rusqlite::Result<ChallengeRecord> {
    Ok(ChallengeRecord {
        id: row.get(0)?,
        subscription: row.get(1)?,
        instance: row.get(2)?,
        person: row.get(3)?,
        first_factor: row.get(4)?,
        sealed: row.get(5)?,
        codes: unpack(&row.get::<_, Vec<u8>>(6)?),
        attempts: row.get(7)?,
        max_attempts: row.get(8)?,
        resends: row.get(9)?,
        max_resends: row.get(10)?,
        resend_after: time(row.get(11)?),
        created_at: time(row.get(12)?),
        expires_at: time(row.get(13)?),
        closed: row.get::<_, Option<i64>>(14)?.map(to_closing),
    })
}
