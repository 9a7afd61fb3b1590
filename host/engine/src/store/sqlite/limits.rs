//! What is counted, and what is remembered for a while.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::super::*;
use super::clock::SKEW_MS;
use super::{ms, time};

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

/// Claims an idempotency key, or answers with what is remembered under it.
pub(super) fn claim(c: &Connection, claim: &IdempotencyClaim, now: Timestamp) -> Result<Option<IdempotencyRecord>> {
    c.prepare_cached("DELETE FROM idempotency WHERE key = ? AND until <= ?")?.execute(params![claim.key, ms(now)])?;
    let sql = "SELECT request, answer, created_at FROM idempotency WHERE key = ?";
    let known = c
        .prepare_cached(sql)?
        .query_row([&claim.key], |row| {
            Ok(IdempotencyRecord { request: row.get(0)?, answer: row.get(1)?, created_at: time(row.get(2)?) })
        })
        .optional()?;
    if known.is_none() {
        let sql = "INSERT INTO idempotency (key, request, created_at, until) VALUES (?, ?, ?, ?)";
        c.prepare_cached(sql)?.execute(params![claim.key, claim.request, ms(now), ms(claim.until)])?;
    }
    Ok(known)
}

pub(super) fn settle_idempotency(c: &Connection, key: &BucketKey, answer: Option<&[u8]>) -> Result<()> {
    match answer {
        Some(answer) => {
            c.prepare_cached("UPDATE idempotency SET answer = ? WHERE key = ?")?.execute(params![answer, key])?
        }
        None => c.prepare_cached("DELETE FROM idempotency WHERE key = ?")?.execute([key])?,
    };
    Ok(())
}

/// Wrong answers in a row are remembered so long after the last of them.
const REMEMBERED_MS: i64 = 30 * 86_400_000;

/// Figures are kept so long.
const FIGURES_MS: i64 = 90 * 86_400_000;

/// A browser in which nobody has logged in for so long is a stranger's again.
const BROWSERS_MS: i64 = 180 * 86_400_000;

/// A few rows at a time: others wait for the writer.
pub(super) fn purge(c: &Connection, before: Timestamp) -> Result<u64> {
    let mut removed = 0;
    for (sql, before) in [
        ("DELETE FROM challenges WHERE id IN (SELECT id FROM challenges WHERE expires_at < ? LIMIT 200)", ms(before)),
        ("DELETE FROM sign_ins WHERE id IN (SELECT id FROM sign_ins WHERE expires_at < ? LIMIT 200)", ms(before)),
        ("DELETE FROM buckets WHERE key IN (SELECT key FROM buckets WHERE ends < ? LIMIT 200)", ms(before)),
        ("DELETE FROM idempotency WHERE key IN (SELECT key FROM idempotency WHERE until < ? LIMIT 200)", ms(before)),
        (
            "DELETE FROM persons WHERE person IN (SELECT person FROM persons WHERE last < ? LIMIT 200)",
            ms(before) - REMEMBERED_MS,
        ),
        (
            "DELETE FROM statistics WHERE (subscription, hour, instance, event, label) IN \
             (SELECT subscription, hour, instance, event, label FROM statistics WHERE hour < ? LIMIT 200)",
            ms(before) - FIGURES_MS,
        ),
        (
            "DELETE FROM browsers WHERE digest IN (SELECT digest FROM browsers WHERE used_at < ? LIMIT 200)",
            ms(before) - BROWSERS_MS,
        ),
        ("DELETE FROM sessions WHERE digest IN (SELECT digest FROM sessions WHERE ends_at < ? LIMIT 200)", ms(before)),
        ("DELETE FROM log_ins WHERE digest IN (SELECT digest FROM log_ins WHERE expires_at < ? LIMIT 200)", ms(before)),
        ("DELETE FROM errands WHERE digest IN (SELECT digest FROM errands WHERE expires_at < ? LIMIT 200)", ms(before)),
        (
            "DELETE FROM invitations WHERE digest IN (SELECT digest FROM invitations WHERE expires_at < ? LIMIT 200)",
            ms(before),
        ),
    ] {
        removed += c.prepare_cached(sql)?.execute([before])? as u64;
    }
    Ok(removed)
}
