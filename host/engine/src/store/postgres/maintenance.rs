//! Time across restarts, keys in use, old rows.

use async_trait::async_trait;
use jiff::Timestamp;
use tokio_postgres::Row;

use super::session::Session;
use super::time::end_of_second;
use super::values::{SKEW_MS, get, time, values};
use super::{PostgresStore, Step, purge};
use crate::keyring::KeyId;
use crate::store::*;

#[async_trait]
impl MaintenanceStore for PostgresStore {
    async fn resume(&self, now: Timestamp) -> Result<TimeAtStart> {
        let set = self.times.set(now);
        self.forget_recorded_time();
        self.change((), move |c, _| async move { resume(&c, set).await }).await
    }

    async fn check_time(&self, now: Timestamp) -> Result<Timestamp> {
        self.check_recorded(now, 1).await
    }

    async fn keys_in_use(&self) -> Result<Vec<KeyInUse>> {
        self.read((), |c, _| async move { keys_in_use(&c).await }).await
    }

    async fn add_key_in_use(&self, key: KeyInUse, known: Vec<KeyId>) -> Result<bool> {
        self.change((key, known), |c, input| async move {
            let (key, known) = &*input;
            if keys_in_use(&c).await?.iter().any(|used| !known.contains(&used.id)) {
                return Ok(Step::Undo(false));
            }
            let sql = "INSERT INTO keys (id, check_value) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";
            c.execute(sql, values![key.id, &key.check]).await?;
            Ok(Step::Keep(true))
        })
        .await
    }

    async fn purge(&self, now: Timestamp) -> Result<u64> {
        let set = self.times.set(now);
        self.write((), move |c, _| async move { purge::purge(&c, now, set).await }).await
    }
}

async fn keys_in_use(c: &Session) -> Result<Vec<KeyInUse>> {
    let key = |row: &Row| Ok(KeyInUse { id: get(row, 0)?, check: get(row, 1)? });
    c.rows("SELECT id, check_value FROM keys", &[]).await?.iter().map(key).collect()
}

/// Only the database's clock counts: no process can end what others have opened.
async fn resume(c: &Session, set: Option<i64>) -> Result<Step<TimeAtStart>> {
    let row = c.only_row("SELECT newest, coalesce($1, tf1_clock()) FROM clock FOR UPDATE", values![set]).await?;
    let (newest, now): (Option<i64>, i64) = (get(&row, 0)?, get(&row, 1)?);
    let Some(newest) = newest else {
        return Ok(Step::Keep(TimeAtStart { now: time(now), not_before: time(now) }));
    };
    if newest > now + SKEW_MS {
        let ended = purge::end_all(c, now).await?;
        c.execute("UPDATE clock SET newest = $1, epoch_since = least(epoch_since, $1)", values![now]).await?;
        tracing::warn!(
            ended,
            seconds = (newest - now) / 1000,
            "the database's clock was set back, or had been ahead when the store was last used: open challenges, enrolments, \
             sign-ins, sessions and invitations are ended"
        );
        return Ok(Step::Keep(TimeAtStart { now: time(now), not_before: time(now) }));
    }
    let start = TimeAtStart { now: time(newest.max(now)), not_before: time(end_of_second(newest).max(now)) };
    Ok(Step::Undo(start))
}
