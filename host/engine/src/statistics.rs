//! Statistics of challenges and deliveries, by hour.
//!
//! Events are counted in memory and written to the store every few seconds, so that no sign-in waits for a metric. The counts of
//! the last seconds are lost if the process is killed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::clock::Clock;
use crate::error::Error;
use crate::store::{StatisticRecord, Store};

/// The interval between two writes to the store.
const EVERY: Duration = Duration::from_secs(5);

const HOUR_MS: i64 = 3_600_000;

/// The upper ends of the classes of a delivery's duration, in milliseconds. A longer one has the label `more`.
const DURATIONS: [u64; 9] = [50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000];

/// The number of times that something happened to an instance in an hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Statistic {
    /// The start of the hour.
    pub hour: Timestamp,
    /// The instance.
    pub instance: String,
    /// What happened. Of a challenge: `started`, `verified`, `wrong-answer`; `verification-failed` and `expired-at-upstream` if its
    /// upstream verifies answers. Of a delivery: `delivered`, or how it failed (`retry-later` …), and `duration`. By delivery reports:
    /// `confirmed` and `undelivered`. Of a test message that the upstream accepted: `tested`.
    pub event: String,
    /// For `started` and `verified` of a phone number, its country (ISO 3166-1). For `duration`, the upper end of its class in
    /// milliseconds, or `more`. Otherwise empty.
    pub label: String,
    /// The number of times.
    pub count: u64,
    /// The last time.
    pub last: Timestamp,
}

impl Statistic {
    /// Returns whether it counts deliveries, successful or not.
    pub fn is_delivery(&self) -> bool {
        const OTHERS: [&str; 9] = [
            "started",
            "verified",
            "wrong-answer",
            "verification-failed",
            "expired-at-upstream",
            "duration",
            "confirmed",
            "undelivered",
            "tested",
        ];
        !OTHERS.contains(&&*self.event)
    }
}

/// The counters. Cheap to clone; all clones share them.
#[derive(Clone)]
pub(crate) struct Statistics(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    counted: Mutex<Counted>,
}

#[derive(Default)]
struct Counted {
    counters: HashMap<Key, (u64, Timestamp)>,
    /// Whether a task writes them to the store.
    watched: bool,
}

#[derive(PartialEq, Eq, Hash)]
struct Key {
    hour: i64,
    subscription: String,
    instance: String,
    event: &'static str,
    label: String,
}

impl Statistics {
    pub(crate) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner { store, clock, counted: Mutex::default() }))
    }

    pub(crate) fn count(&self, subscription: &str, instance: &str, event: &'static str, label: impl Into<String>) {
        let now = self.0.clock.now();
        let key = Key {
            hour: now.as_millisecond().div_euclid(HOUR_MS) * HOUR_MS,
            subscription: subscription.to_owned(),
            instance: instance.to_owned(),
            event,
            label: label.into(),
        };
        let mut counted = self.0.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, last) = counted.counters.entry(key).or_insert((0, now));
        *count += 1;
        *last = now;
        if !std::mem::replace(&mut counted.watched, true) {
            tokio::spawn(keep(Arc::downgrade(&self.0)));
        }
    }

    pub(crate) fn took(&self, subscription: &str, instance: &str, duration: Duration) {
        let class = DURATIONS.into_iter().find(|end| duration.as_millis() <= u128::from(*end));
        let label = class.map_or_else(|| "more".to_owned(), |end| end.to_string());
        self.count(subscription, instance, "duration", label);
    }

    /// Writes all counters to the store.
    pub(crate) async fn flush(&self) -> Result<(), Error> {
        self.0.flush().await
    }
}

impl Inner {
    async fn flush(&self) -> Result<(), Error> {
        let counters = std::mem::take(&mut self.counted.lock().unwrap_or_else(PoisonError::into_inner).counters);
        if counters.is_empty() {
            return Ok(());
        }
        let time = |ms| Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
        let record = |(key, (count, last)): (Key, (u64, Timestamp))| StatisticRecord {
            hour: time(key.hour),
            subscription: key.subscription,
            instance: key.instance,
            event: key.event.to_owned(),
            label: key.label,
            count,
            last,
        };
        Ok(self.store.add_statistics(counters.into_iter().map(record).collect()).await?)
    }
}

/// Writes the counters periodically, as long as the engine exists.
async fn keep(statistics: Weak<Inner>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(statistics) = statistics.upgrade() else { return };
        if let Err(error) = statistics.flush().await {
            tracing::warn!(error = error.operator_detail(), "statistics of the last seconds were lost");
        }
    }
}

impl From<StatisticRecord> for Statistic {
    fn from(record: StatisticRecord) -> Self {
        let StatisticRecord { hour, subscription: _, instance, event, label, count, last } = record;
        Self { hour, instance, event, label, count, last }
    }
}
