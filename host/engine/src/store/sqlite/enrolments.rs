//! Enrolments in progress.

use rusqlite::Connection;

use crate::store::{BucketKey, Result};

/// Ends the enrolments of a user. Returns how many there were.
pub(super) fn cancel_enrolments(c: &Connection, user: &BucketKey) -> Result<u64> {
    Ok(c.prepare_cached("DELETE FROM enrolments WHERE user = ?")?.execute([user])? as u64)
}
