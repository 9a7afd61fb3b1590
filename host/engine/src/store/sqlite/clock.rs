//! The time that transactions used, and how far the clocks of processes may differ.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::rows::{ms, time};
use crate::store::{MAX_CLOCK_SKEW, Result};

/// How far the clocks of two processes may differ, in milliseconds.
pub(super) const SKEW_MS: i64 = MAX_CLOCK_SKEW.as_millis() as i64;

/// Returns the newest recorded time.
pub(super) fn newest(c: &Connection) -> Result<Option<i64>> {
    let mut statement = c.prepare_cached("SELECT newest FROM clock WHERE one = 1")?;
    Ok(statement.query_row([], |row| row.get(0)).optional()?)
}

/// Returns the end of the second that a time is in. No transaction has used a later time than that of the newest recorded one.
pub(super) fn end_of_second(ms: i64) -> i64 {
    ms.saturating_add(999).div_euclid(1000).saturating_mul(1000)
}

/// Records the time of a transaction, if it is in a later second than the recorded one: so most transactions do not write it.
pub(super) fn record(c: &Connection, now: Timestamp) -> Result<()> {
    if newest(c)?.is_some_and(|newest| ms(now) <= end_of_second(newest)) {
        return Ok(());
    }
    let sql = "INSERT INTO clock (one, newest) VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET newest = ?1";
    c.prepare_cached(sql)?.execute([ms(now)])?;
    Ok(())
}

/// Records the time, changes the database in any case, and returns the newest recorded time.
pub(super) fn check(c: &Connection, now: Timestamp) -> Result<Timestamp> {
    let sql = "INSERT INTO clock (one, newest, checks) VALUES (1, ?1, 1) \
               ON CONFLICT (one) DO UPDATE SET newest = max(newest, ?1), checks = checks + 1 RETURNING newest";
    Ok(time(c.prepare_cached(sql)?.query_row([ms(now)], |row| row.get(0))?))
}

/// Continues from an earlier time than the recorded one.
pub(super) fn set_back(c: &Connection, now: Timestamp) -> Result<()> {
    let sql = "UPDATE clock SET newest = ?1, restored_at = min(restored_at, ?1) WHERE one = 1";
    c.prepare_cached(sql)?.execute(params![ms(now)])?;
    Ok(())
}

/// Records that a backup is restored.
pub(super) fn set_restored(c: &Connection, now: Timestamp) -> Result<()> {
    let sql = "INSERT INTO clock (one, newest, restored_at) VALUES (1, ?1, ?1) \
               ON CONFLICT (one) DO UPDATE SET newest = max(newest, ?1), restored_at = ?1";
    c.prepare_cached(sql)?.execute([ms(now)])?;
    Ok(())
}

/// Returns when a backup was restored, if one was.
pub(super) fn restored_at(c: &Connection) -> Result<Option<Timestamp>> {
    let mut statement = c.prepare_cached("SELECT restored_at FROM clock WHERE one = 1")?;
    let at = statement.query_row([], |row| row.get::<_, Option<i64>>(0)).optional()?;
    Ok(at.flatten().map(time))
}
