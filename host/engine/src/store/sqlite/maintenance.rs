//! Time over restarts, keys in use, old rows.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::clock::SKEW_MS;
use super::rows::{ms, time};
use super::{SqliteStore, challenges, clock, purge, sessions, sign_ins};
use crate::store::*;

#[async_trait]
impl MaintenanceStore for SqliteStore {
    async fn resume(&self, now: Timestamp) -> Result<Timestamp> {
        self.threads.write(move |c| resume(c, now)).await
    }

    async fn touch(&self, now: Timestamp) -> Result<()> {
        self.threads.write(move |c| clock::touch(c, now)).await
    }

    async fn keys_in_use(&self) -> Result<Vec<KeyInUse>> {
        self.threads.read(keys_in_use).await
    }

    async fn add_key_in_use(&self, key: KeyInUse) -> Result<()> {
        self.threads.write(move |c| add_key_in_use(c, &key)).await
    }

    async fn purge(&self, before: Timestamp) -> Result<u64> {
        self.threads.write(move |c| purge::purge(c, before)).await
    }
}

pub(super) fn resume(c: &Connection, now: Timestamp) -> Result<Timestamp> {
    let newest: Option<i64> =
        c.prepare_cached("SELECT newest FROM clock")?.query_row([], |row| row.get(0)).optional()?;
    let newest = newest.unwrap_or(i64::MIN).max(ms(now));
    if newest <= ms(now) + SKEW_MS {
        return Ok(time(newest));
    }
    let ended = challenges::close_all(c, now)? + sign_ins::end_all(c, now)?;
    sessions::end_all(c)?;
    c.prepare_cached("UPDATE clock SET newest = ?")?.execute(params![ms(now)])?;
    tracing::warn!(
        ended,
        seconds = (newest - ms(now)) / 1000,
        "the clock was set back: open challenges, sign-ins, sessions and invitations are ended"
    );
    Ok(now)
}

pub(super) fn keys_in_use(c: &Connection) -> Result<Vec<KeyInUse>> {
    let mut statement = c.prepare_cached("SELECT id, check_value FROM keys")?;
    let rows = statement.query_map([], |row| Ok(KeyInUse { id: row.get(0)?, check: row.get(1)? }))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn add_key_in_use(c: &Connection, key: &KeyInUse) -> Result<()> {
    let sql = "INSERT INTO keys VALUES (?, ?) ON CONFLICT (id) DO NOTHING";
    c.prepare_cached(sql)?.execute(params![key.id, key.check])?;
    Ok(())
}
