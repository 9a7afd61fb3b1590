//! The database's clock, and its newest recorded time.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

use super::migrations::require_known;
use super::values::{SKEW_MS, get, ms, values};
use super::{PostgresStore, Work};
use crate::store::Result;

/// The time up to which a process has recorded the database's time.
#[derive(Default)]
pub(super) struct Times {
    /// This process recorded a time up to the end of this second.
    recorded: AtomicI64,
    /// Whether the clock of a process counts as the database's, so that a test can set it.
    #[cfg(test)]
    pub(super) of_caller: bool,
}

impl Times {
    /// Returns the database's time if a test has set it.
    pub(super) fn set(&self, now: Timestamp) -> Option<i64> {
        #[cfg(test)]
        if self.of_caller {
            return Some(ms(now));
        }
        let _ = now;
        None
    }
}

/// Returns the end of the second that a time is in.
pub(super) fn end_of_second(ms: i64) -> i64 {
    ms.saturating_add(999).div_euclid(1000).saturating_mul(1000)
}

impl PostgresStore {
    /// Records the database's time, unless this process has done so in this second: a row that each call writes would be a
    /// bottleneck.
    pub(super) async fn record_time(&self, now: Timestamp) -> Result<()> {
        let (second, before) = (end_of_second(ms(now)), self.times.recorded.load(Ordering::Relaxed));
        if second <= before
            || self.times.recorded.compare_exchange(before, second, Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            return Ok(());
        }
        let result = self.check_recorded(now, 0).await.map(drop);
        if result.is_err() {
            // The next call tries again.
            let _ = self.times.recorded.compare_exchange(second, before, Ordering::Relaxed, Ordering::Relaxed);
        }
        result
    }

    /// Records the time, counts checks, and returns the database's time. The clock of a process counts only up to the allowed skew.
    ///
    /// # Errors
    /// Incompatible if a newer version has migrated the schema so far that this one cannot use it.
    pub(super) async fn check_recorded(&self, now: Timestamp, checks: u32) -> Result<Timestamp> {
        let set = self.times.set(now);
        self.run(Work::Read, (), move |session, _| async move {
            let sql = format!(
                "WITH t AS (SELECT coalesce($1, tf1_clock()) AS now, tf1_epoch() AS epoch) UPDATE clock SET checks = checks + $2, \
                 newest = greatest(newest, t.now, least($3, t.now + {SKEW_MS} / 2)), \
                 epoch_since = CASE WHEN clock.epoch = t.epoch THEN clock.epoch_since ELSE t.now END, epoch = t.epoch FROM t \
                 RETURNING CASE WHEN $1 IS NULL THEN t.now ELSE newest END, (SELECT oldest_program FROM twofactor_schema)"
            );
            let row = session.only_row(&sql, values![set, checks, now]).await?;
            require_known(get(&row, 1)?)?;
            get(&row, 0)
        })
        .await
    }

    /// Makes the next call record the time in any case.
    pub(super) fn forget_recorded_time(&self) {
        self.times.recorded.store(i64::MIN, Ordering::Relaxed);
    }
}
