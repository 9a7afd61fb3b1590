//! The newest time that was used.

use jiff::Timestamp;
use rusqlite::Connection;

use super::rows::ms;
use crate::store::*;

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
