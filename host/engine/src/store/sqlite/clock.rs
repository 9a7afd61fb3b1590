//! The newest time seen, so that time does not move back over a restart.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::super::*;
use super::{accounts, challenges, ms, sign_ins, time};

/// How far the clocks of two nodes may differ.
pub(super) const SKEW_MS: i64 = 5_000;

/// Part of each write that depends on the time.
pub(super) fn note(c: &Connection, now: Timestamp) -> Result<()> {
    let sql = "INSERT INTO clock VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET newest = ?1 WHERE newest < ?1";
    c.prepare_cached(sql)?.execute([ms(now)])?;
    Ok(())
}

/// Writes the time, and something else than what stands there.
pub(super) fn touch(c: &Connection, now: Timestamp) -> Result<()> {
    let sql = "INSERT INTO clock VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET newest = max(newest + 1, ?1)";
    c.prepare_cached(sql)?.execute([ms(now)])?;
    Ok(())
}

pub(super) fn resume(c: &Connection, now: Timestamp) -> Result<Timestamp> {
    let newest: Option<i64> =
        c.prepare_cached("SELECT newest FROM clock")?.query_row([], |row| row.get(0)).optional()?;
    let newest = newest.unwrap_or(i64::MIN).max(ms(now));
    if newest <= ms(now) + SKEW_MS {
        return Ok(time(newest));
    }
    let ended = challenges::close_all(c, now)? + sign_ins::end_all(c, now)?;
    accounts::end_all(c)?;
    c.prepare_cached("UPDATE clock SET newest = ?")?.execute(params![ms(now)])?;
    tracing::warn!(
        ended,
        seconds = (newest - ms(now)) / 1000,
        "the clock was set back: open challenges, sign-ins, sessions and invitations are ended"
    );
    Ok(now)
}
