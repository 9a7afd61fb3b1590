//! Time over restarts, keys in use, old rows.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::clock::SKEW_MS;
use super::rows::{ms, time};
use super::{SqliteStore, challenges, clock, factors, passes, purge, remembered_browsers, sessions, sign_ins};
use crate::keyring::KeyId;
use crate::store::*;

#[async_trait]
impl MaintenanceStore for SqliteStore {
    async fn resume(&self, now: Timestamp) -> Result<TimeAtStart> {
        self.threads.write(move |c| resume(c, now)).await
    }

    async fn check_time(&self, now: Timestamp) -> Result<Timestamp> {
        self.threads.write(move |c| clock::check(c, now)).await
    }

    async fn keys_in_use(&self) -> Result<Vec<KeyInUse>> {
        self.threads.read(keys_in_use).await
    }

    async fn add_key_in_use(&self, key: KeyInUse, known: Vec<KeyId>) -> Result<bool> {
        self.threads.write(move |c| add_key_in_use(c, &key, &known)).await
    }

    async fn purge(&self, now: Timestamp) -> Result<u64> {
        self.threads.write(move |c| purge::purge(c, now)).await
    }
}

fn resume(c: &Connection, now: Timestamp) -> Result<TimeAtStart> {
    let Some(newest) = clock::newest(c)? else {
        return Ok(TimeAtStart { now, not_before: now });
    };
    if newest > ms(now) + SKEW_MS {
        let ended = challenges::close_all(c, now)? + sign_ins::end_all(c, now)? + factors::cancel_all(c, now)?;
        sessions::end_all(c)?;
        passes::end_all(c)?;
        remembered_browsers::end_all(c)?;
        clock::set_back(c, now)?;
        tracing::warn!(
            ended,
            seconds = (newest - ms(now)) / 1000,
            "the system clock was set back, or had been ahead when the store was last used: open challenges, enrolments, sign-ins, \
             sessions and invitations are ended"
        );
        return Ok(TimeAtStart { now, not_before: now });
    }
    let not_before = clock::end_of_second(newest).max(ms(now));
    Ok(TimeAtStart { now: time(newest.max(ms(now))), not_before: time(not_before) })
}

pub(super) fn keys_in_use(c: &Connection) -> Result<Vec<KeyInUse>> {
    let mut statement = c.prepare_cached("SELECT id, check_value FROM keys")?;
    let rows = statement.query_map([], |row| Ok(KeyInUse { id: row.get(0)?, check: row.get(1)? }))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn add_key_in_use(c: &Connection, key: &KeyInUse, known: &[KeyId]) -> Result<bool> {
    if keys_in_use(c)?.iter().any(|used| !known.contains(&used.id)) {
        return Ok(false);
    }
    let sql = "INSERT INTO keys VALUES (?, ?) ON CONFLICT (id) DO NOTHING";
    c.prepare_cached(sql)?.execute(params![key.id, key.check])?;
    Ok(true)
}
