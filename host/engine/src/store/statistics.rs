//! Statistics by the hour.

use async_trait::async_trait;
use jiff::Timestamp;

use super::Result;

/// How many times something happened with an instance in an hour: see [`crate::statistics::Statistic`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatisticRecord {
    /// The beginning of the hour.
    pub hour: Timestamp,
    /// The subscription of the instance.
    pub subscription: String,
    /// The instance.
    pub instance: String,
    /// The event that is counted.
    pub event: String,
    /// A detail of the event; may be empty.
    pub label: String,
    /// How many times it happened.
    pub count: u64,
    /// When it last happened.
    pub last: Timestamp,
}

/// Stores statistics.
#[async_trait]
pub trait StatisticsStore {
    /// Adds counts to those of the same hour.
    async fn add_statistics(&self, records: Vec<StatisticRecord>) -> Result<()>;

    /// Returns a subscription's statistics of the hours from `since` on, in their order.
    async fn statistics(&self, subscription: &str, since: Timestamp) -> Result<Vec<StatisticRecord>>;
}
