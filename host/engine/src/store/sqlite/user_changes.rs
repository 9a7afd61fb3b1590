//! How often the factors, verified addresses and passes of a user have changed, and what ends with each change.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _};

use super::SqliteStore;
use crate::store::*;

#[async_trait]
impl UserChangeStore for SqliteStore {
    async fn user_changes(&self, person: BucketKey) -> Result<u64> {
        self.threads.read(move |c| count(c, &person)).await
    }
}

pub(super) fn count(c: &Connection, person: &BucketKey) -> Result<u64> {
    let sql = "SELECT count FROM user_changes WHERE person = ?";
    Ok(c.prepare_cached(sql)?.query_row([person], |row| row.get(0)).optional()?.unwrap_or(0))
}

/// Counts a change, and ends what rests on what was before it: enrolments and remembered browsers.
pub(super) fn changed(c: &Connection, person: &BucketKey) -> Result<()> {
    passes_changed(c, person)?;
    forget_browsers(c, person)?;
    Ok(())
}

/// Counts a change of passes, and ends the enrolments. No browser is remembered by a pass.
pub(super) fn passes_changed(c: &Connection, person: &BucketKey) -> Result<()> {
    let sql =
        "INSERT INTO user_changes (person, count) VALUES (?, 1) ON CONFLICT (person) DO UPDATE SET count = count + 1";
    c.prepare_cached(sql)?.execute([person])?;
    cancel_enrolments(c, person)?;
    Ok(())
}

/// Ends the enrolments of a user. Returns how many there were.
pub(super) fn cancel_enrolments(c: &Connection, user: &BucketKey) -> Result<u64> {
    Ok(c.prepare_cached("DELETE FROM enrolments WHERE user = ?")?.execute([user])? as u64)
}

/// Forgets the remembered browsers of a user. Returns how many there were.
pub(super) fn forget_browsers(c: &Connection, person: &BucketKey) -> Result<u64> {
    Ok(c.prepare_cached("DELETE FROM remembered_devices WHERE person = ?")?.execute([person])? as u64)
}
