//! How challenges and deliveries go, hour by hour.
//!
//! They are counted in memory and added up in the store every few seconds, so that no sign-in waits for a figure. What a process
//! counted in its last seconds is lost when it is killed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::clock::Clock;
use crate::error::Error;
use crate::store::{StatisticRecord, Store};

/// How often what was counted goes to the store.
const EVERY: Duration = Duration::from_secs(5);

const HOUR_MS: i64 = 3_600_000;

/// Upper ends of the classes of a delivery's duration, in milliseconds. What takes longer has the label `more`.
const DURATIONS: [u64; 9] = [50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000];

/// What happened with one instance in one hour, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Statistic {
    /// When the hour began.
    pub hour: Timestamp,
    /// The instance.
    pub instance: String,
    /// What happened: `started`, `verified` or `wrong-answer` of a challenge; `delivered`, or how a delivery failed
    /// (`retry-later` …); `duration` of a delivery; `confirmed` or `undelivered` where the upstream reported that a message arrived, or did not; `tested`
    /// for a test message that the upstream accepted.
    pub event: String,
    /// More of it: for `started` and `verified` of a telephone number its country (ISO 3166-1); for `duration` the milliseconds
    /// it was at most, or `more`. Else empty.
    pub label: String,
    /// How often.
    pub count: u64,
    /// When for the last time.
    pub last: Timestamp,
}

impl Statistic {
    /// Whether it counts deliveries, good or bad.
    pub fn is_delivery(&self) -> bool {
        const OTHERS: [&str; 9] = [
            "started",
            "verified",
            "wrong-answer",
            "verification-failed",
            "over-at-upstream",
            "duration",
            "confirmed",
            "undelivered",
            "tested",
        ];
        !OTHERS.contains(&&*self.event)
    }
}

/// What is counted. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct Statistics(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    counted: Mutex<Counted>,
}

#[derive(Default)]
struct Counted {
    figures: HashMap<Figure, (u64, Timestamp)>,
    /// Whether a task is there that brings them to the store.
    watched: bool,
}

#[derive(PartialEq, Eq, Hash)]
struct Figure {
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
        let figure = Figure {
            hour: now.as_millisecond().div_euclid(HOUR_MS) * HOUR_MS,
            subscription: subscription.to_owned(),
            instance: instance.to_owned(),
            event,
            label: label.into(),
        };
        let mut counted = self.0.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, last) = counted.figures.entry(figure).or_insert((0, now));
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

    /// Brings everything that was counted to the store.
    pub(crate) async fn flush(&self) -> Result<(), Error> {
        self.0.flush().await
    }
}

impl Inner {
    async fn flush(&self) -> Result<(), Error> {
        let figures = std::mem::take(&mut self.counted.lock().unwrap_or_else(PoisonError::into_inner).figures);
        if figures.is_empty() {
            return Ok(());
        }
        let time = |ms| Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
        let record = |(figure, (count, last)): (Figure, (u64, Timestamp))| StatisticRecord {
            hour: time(figure.hour),
            subscription: figure.subscription,
            instance: figure.instance,
            event: figure.event.to_owned(),
            label: figure.label,
            count,
            last,
        };
        Ok(self.store.add_statistics(figures.into_iter().map(record).collect()).await?)
    }
}

/// Settles now and then, as long as the engine is there.
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
