//! The history of messages, and the last responses of upstreams.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{BucketKey, Result};

/// An event of a message, or of a request that led to no message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryRecord {
    /// The subscription it belongs to.
    pub subscription: String,
    /// When it happened. For several events counted together, the last time.
    pub at: Timestamp,
    /// A keyed hash of the person it concerns.
    pub person: BucketKey,
    /// A keyed hash of the recipient, if there was one.
    pub recipient: Option<BucketKey>,
    /// The challenge, if there was one.
    pub challenge: Option<String>,
    /// Records of the same group are stored as one row with a count.
    pub group: Option<BucketKey>,
    /// The stable name of what happened.
    pub outcome: String,
    /// How many times it happened.
    pub count: u32,
    /// User, masked recipient, instance and the upstream's response, sealed and bound to the fields above except `count`, and to `at` only
    /// if there is no group.
    pub sealed: Vec<u8>,
}

/// Selects records of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryKey {
    /// Those of a person.
    Person(BucketKey),
    /// Those of a recipient.
    Recipient(BucketKey),
    /// Those of a challenge.
    Challenge(String),
}

/// How much of the history is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryBounds {
    /// Nothing older than this.
    pub since: Timestamp,
    /// The number of rows in total.
    pub rows: u64,
    /// The number of rows of one person.
    pub rows_of_person: u32,
}

/// How many rows of a subscription are removed at once, at most: others wait for it.
const BEYOND_AT_ONCE: u64 = 2000;

/// Returns the subscription that loses rows, and how many, from the number of rows of each.
pub(super) fn loses_rows(counts: Vec<(String, u64)>, bounds: &HistoryBounds) -> Option<(String, u64)> {
    let total: u64 = counts.iter().map(|(_, rows)| rows).sum();
    let beyond = total.checked_sub(bounds.rows).filter(|beyond| *beyond > 0)?;
    let (subscription, _) = counts.into_iter().max_by_key(|(_, rows)| *rows)?;
    Some((subscription, beyond.min(BEYOND_AT_ONCE)))
}

/// The last responses of an instance's upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpstreamHealthRecord {
    /// When it last accepted a message.
    pub accepted_at: Option<Timestamp>,
    /// When a message last failed.
    pub failed_at: Option<Timestamp>,
    /// The stable name of that failure.
    pub outcome: String,
    /// The upstream's or the host's code for it; may be empty.
    pub code: String,
}

/// Stores the history of messages and the health of upstreams.
#[async_trait]
pub trait HistoryStore {
    /// Adds records, and keeps the newest rows of each person among them.
    async fn add_history(&self, records: Vec<HistoryRecord>, bounds: HistoryBounds) -> Result<()>;

    /// Removes some of the rows beyond the bounds: those that are too old, then the oldest of the subscription that has the most. So what
    /// one subscription does removes nothing of another that has fewer. Returns how many; 0 if none are beyond the bounds.
    async fn trim_history(&self, bounds: HistoryBounds) -> Result<u64>;

    /// Returns a subscription's records since a time, the newest first.
    async fn history(
        &self,
        subscription: &str,
        key: HistoryKey,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<HistoryRecord>>;

    /// Stores the last responses of upstreams, by instance. Fields that are `None` keep their value.
    async fn set_health(&self, all: Vec<(String, UpstreamHealthRecord)>) -> Result<()>;

    /// Returns the last responses of an instance's upstream, if there were any.
    async fn health(&self, instance: &str) -> Result<Option<UpstreamHealthRecord>>;
}
