//! Counters of rate limits, and wrong answers of persons.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::SqliteStore;
use super::clock::{self, SKEW_MS};
use super::rows::{ms, time};
use super::threads::Step;
use crate::store::*;

#[async_trait]
impl LimitStore for SqliteStore {
    async fn charge(&self, charges: Vec<Charge>, now: Timestamp) -> Result<Option<Limited>> {
        self.threads.write_step(move |c| charge(c, &charges, now)).await
    }

    async fn release(&self, keys: Vec<BucketKey>) -> Result<()> {
        self.threads.write(move |c| release(c, &keys)).await
    }

    async fn reached_limits(
        &self,
        person: BucketKey,
        limits: PersonLimits,
        charges: Vec<Charge>,
        now: Timestamp,
    ) -> Result<ReachedLimits> {
        self.threads.read(move |c| reached(c, &person, &limits, &charges, now)).await
    }

    async fn unlock_person(&self, person: BucketKey) -> Result<()> {
        self.threads.write(move |c| unlock_person(c, &person)).await
    }
}

/// Counts, or says which limit is reached and counts nothing.
pub(super) fn charge(c: &Connection, charges: &[Charge], now: Timestamp) -> Result<Step<Option<Limited>>> {
    clock::note(c, now)?;
    Ok(match charge_all(c, charges, now)? {
        None => Step::Keep(None),
        limited => Step::Undo(limited),
    })
}

/// Whether a window is the one of this moment. One that ends later than a window from now was begun while the clock was
/// wrong: nobody must wait for its end. (5000: see `clock::SKEW_MS`.)
const CURRENT: &str = "ends > ?2 AND ends <= ?2 + ?3 + 5000";

/// Counts each charge in its window. The first that is over its limit is the answer; the caller then undoes them all.
pub(super) fn charge_all(c: &Connection, charges: &[Charge], now: Timestamp) -> Result<Option<Limited>> {
    let sql = "INSERT INTO buckets (key, ends, count) VALUES (?1, ?2 + ?3, ?4) \
               ON CONFLICT (key) DO UPDATE SET \
               count = CASE WHEN {CURRENT} THEN count + ?4 ELSE ?4 END, \
               ends = CASE WHEN {CURRENT} THEN ends ELSE ?2 + ?3 END \
               RETURNING count, ends";
    let mut statement = c.prepare_cached(&sql.replace("{CURRENT}", CURRENT))?;
    for (n, charge) in charges.iter().enumerate() {
        let (count, ends): (i64, i64) = statement
            .query_row(params![charge.key, ms(now), charge.window_ms, charge.amount], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        if count > charge.limit.into() {
            return Ok(Some(Limited::Until(time(ends), n)));
        }
    }
    Ok(None)
}

/// Whether a person has given too many wrong answers: for one who had passed the first factor, or of those that are not kept for one.
pub(super) fn person_limited(
    c: &Connection,
    (person, first_factor): (&BucketKey, bool),
    limits: &PersonLimits,
    now: Timestamp,
) -> Result<Option<Limited>> {
    let (in_a_row, in_a_day) = match first_factor {
        true => (limits.consecutive, limits.daily),
        false => {
            (limits.consecutive.saturating_sub(limits.consecutive_kept), limits.daily.saturating_sub(limits.daily_kept))
        }
    };
    let sql = "SELECT consecutive, last, day_started, day_wrong FROM persons WHERE person = ?";
    let found: Option<(u32, i64, i64, u32)> = c
        .prepare_cached(sql)?
        .query_row([person], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .optional()?;
    Ok(found.and_then(|(consecutive, last, started, wrong)| {
        let current = |since: i64| since <= ms(now) + SKEW_MS && since + limits.day_ms > ms(now);
        if consecutive >= in_a_row && current(last) {
            Some(Limited::PersonLocked)
        } else if wrong >= in_a_day && current(started) {
            Some(Limited::PersonUntil(time(started + limits.day_ms)))
        } else {
            None
        }
    }))
}

/// As `CURRENT`, for the day of a person.
const TODAY: &str = "day_started + ?3 > ?2 AND day_started <= ?2 + 5000";

/// Counts an answer as wrong; the right one is given back when the challenge is consumed. A person who was locked has been
/// let go by now, so a new row of wrong answers begins.
pub(super) fn charge_person(c: &Connection, person: &BucketKey, limits: &PersonLimits, now: Timestamp) -> Result<()> {
    let sql = "INSERT INTO persons (person, consecutive, last, day_started, day_wrong) VALUES (?1, 1, ?2, ?2, 1) ON CONFLICT (person) DO UPDATE SET \
               consecutive = CASE WHEN consecutive < ?4 THEN consecutive + 1 ELSE 1 END, \
               last = ?2, \
               day_wrong = CASE WHEN {TODAY} THEN day_wrong + 1 ELSE 1 END, \
               day_started = CASE WHEN {TODAY} THEN day_started ELSE ?2 END";
    c.prepare_cached(&sql.replace("{TODAY}", TODAY))?.execute(params![
        person,
        ms(now),
        limits.day_ms,
        limits.consecutive
    ])?;
    Ok(())
}

/// A right answer: it was not wrong after all, and the row of wrong ones ends.
pub(super) fn absolve_person(c: &Connection, person: &BucketKey) -> Result<()> {
    let sql = "UPDATE persons SET consecutive = 0, day_wrong = max(day_wrong - 1, 0) WHERE person = ?";
    c.prepare_cached(sql)?.execute([person])?;
    Ok(())
}

pub(super) fn unlock_person(c: &Connection, person: &BucketKey) -> Result<()> {
    c.prepare_cached("DELETE FROM persons WHERE person = ?")?.execute([person])?;
    Ok(())
}

pub(super) fn release(c: &Connection, keys: &[BucketKey]) -> Result<()> {
    let mut statement = c.prepare_cached("UPDATE buckets SET count = max(count - 1, 0) WHERE key = ?")?;
    for key in keys {
        statement.execute([key])?;
    }
    Ok(())
}

/// Which limits are reached. Only reads.
pub(super) fn reached(
    c: &Connection,
    person: &BucketKey,
    limits: &PersonLimits,
    charges: &[Charge],
    now: Timestamp,
) -> Result<ReachedLimits> {
    let sql = "SELECT consecutive, last, day_started, day_wrong FROM persons WHERE person = ?";
    let found: Option<(u32, i64, i64, u32)> = c
        .prepare_cached(sql)?
        .query_row([person], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .optional()?;
    let mut reached = ReachedLimits { is_known: found.is_some(), ..ReachedLimits::default() };
    if let Some((consecutive, last, started, wrong)) = found {
        let end = |since: i64| {
            let is_current = since <= ms(now) + SKEW_MS && since + limits.day_ms > ms(now);
            is_current.then(|| time(since + limits.day_ms))
        };
        reached.locked_until = end(last).filter(|_| consecutive >= limits.consecutive);
        reached.day_until = end(started).filter(|_| wrong >= limits.daily);
    }
    let mut statement = c.prepare_cached(
        "SELECT ends FROM buckets WHERE key = ?1 AND count >= ?4 AND ends > ?2 AND ends <= ?2 + ?3 + 5000",
    )?;
    for (n, charge) in charges.iter().enumerate() {
        let values = params![charge.key, ms(now), charge.window_ms, charge.limit];
        let ends: Option<i64> = statement.query_row(values, |row| row.get(0)).optional()?;
        reached.charges.extend(ends.map(|ends| (n, time(ends))));
    }
    Ok(reached)
}
