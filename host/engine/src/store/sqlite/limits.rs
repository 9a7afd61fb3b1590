//! Counters of rate limits, and wrong answers of persons.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::SqliteStore;
use super::clock::SKEW_MS;
use super::rows::{ms, time};
use super::threads::Step;
use crate::store::*;

#[async_trait]
impl LimitStore for SqliteStore {
    async fn charge(&self, charges: Vec<Charge>, now: Timestamp) -> Result<Option<Limited>> {
        self.threads.write_step_at(now, move |c| charge(c, &charges, now)).await
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
    Ok(match charge_all(c, charges, now)? {
        None => Step::Keep(None),
        limited => Step::Undo(limited),
    })
}

/// Returns the condition of a window that contains this moment. One that ends later than a window from now, by more than clocks may
/// differ, was begun while a clock was wrong: nobody must wait for its end.
fn is_current() -> String {
    format!("ends > ?2 AND ends <= ?2 + ?3 + {SKEW_MS}")
}

/// Counts each charge in its window. Returns the first limit that is exceeded; the caller then undoes all counts.
pub(super) fn charge_all(c: &Connection, charges: &[Charge], now: Timestamp) -> Result<Option<Limited>> {
    let current = is_current();
    let sql = format!(
        "INSERT INTO buckets (key, ends, count) VALUES (?1, ?2 + ?3, ?4) ON CONFLICT (key) DO UPDATE SET \
         count = CASE WHEN {current} THEN count + ?4 ELSE ?4 END, ends = CASE WHEN {current} THEN ends ELSE ?2 + ?3 END \
         RETURNING count, ends"
    );
    let mut statement = c.prepare_cached(&sql)?;
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

/// Returns whether a person has given too many wrong answers. Without the first factor, fewer are allowed.
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

/// Counts an answer as wrong; `absolve_person` undoes that for a right one. The lock of a person who is counted here has ended: a new
/// row of wrong answers begins.
pub(super) fn charge_person(c: &Connection, person: &BucketKey, limits: &PersonLimits, now: Timestamp) -> Result<()> {
    if limits.is_unlimited() || *person == NOBODY {
        return Ok(());
    }
    // A day is current under the same conditions as a window.
    let today = format!("day_started + ?3 > ?2 AND day_started <= ?2 + {SKEW_MS}");
    let sql = format!(
        "INSERT INTO persons (person, consecutive, last, day_started, day_wrong) VALUES (?1, 1, ?2, ?2, 1) \
         ON CONFLICT (person) DO UPDATE SET consecutive = CASE WHEN consecutive < ?4 THEN consecutive + 1 ELSE 1 END, last = ?2, \
         day_wrong = CASE WHEN {today} THEN day_wrong + 1 ELSE 1 END, day_started = CASE WHEN {today} THEN day_started ELSE ?2 END"
    );
    c.prepare_cached(&sql)?.execute(params![person, ms(now), limits.day_ms, limits.consecutive])?;
    Ok(())
}

/// A right answer: it was not wrong after all, and the row of wrong ones ends. Nothing is stored of a person without wrong answers: the
/// table stays small, so that a write of many persons changes few pages.
pub(super) fn absolve_person(c: &Connection, person: &BucketKey) -> Result<()> {
    let sql = "DELETE FROM persons WHERE person = ? AND day_wrong <= 1";
    if c.prepare_cached(sql)?.execute([person])? == 1 {
        return Ok(());
    }
    let sql = "UPDATE persons SET consecutive = 0, day_wrong = max(day_wrong - 1, 0) WHERE person = ?";
    c.prepare_cached(sql)?.execute([person])?;
    Ok(())
}

/// A right answer that was not counted as a wrong one.
pub(super) fn end_row_of_wrong_answers(c: &Connection, person: &BucketKey) -> Result<()> {
    c.prepare_cached("UPDATE persons SET consecutive = 0 WHERE person = ? AND consecutive > 0")?.execute([person])?;
    Ok(())
}

/// An answer that does not count after all. The row of wrong ones goes on.
pub(super) fn release_person(c: &Connection, person: &BucketKey) -> Result<()> {
    let sql =
        "UPDATE persons SET consecutive = max(consecutive - 1, 0), day_wrong = max(day_wrong - 1, 0) WHERE person = ?";
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

/// Returns the limits that are reached. Only reads.
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
    let current = is_current();
    let mut statement =
        c.prepare_cached(&format!("SELECT ends FROM buckets WHERE key = ?1 AND count >= ?4 AND {current}"))?;
    for (n, charge) in charges.iter().enumerate() {
        let values = params![charge.key, ms(now), charge.window_ms, charge.limit];
        let ends: Option<i64> = statement.query_row(values, |row| row.get(0)).optional()?;
        reached.charges.extend(ends.map(|ends| (n, time(ends))));
    }
    Ok(reached)
}
