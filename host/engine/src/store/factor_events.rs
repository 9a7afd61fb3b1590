//! What happened to the factors of a user, for the user to read.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{BucketKey, Result};

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactorEventRecord {
    /// A keyed hash of the user.
    pub person: BucketKey,
    /// When it happened.
    pub at: Timestamp,
    /// What happened, sealed and bound to `person` and `at`.
    pub sealed: Vec<u8>,
}

/// Stores events.
#[async_trait]
pub trait FactorEventStore {
    /// Adds an event. If the user has more than `most` then, the oldest are removed.
    async fn add_factor_event(&self, event: FactorEventRecord, most: u32) -> Result<()>;

    /// Returns a user's events, the newest first, at most `limit`.
    async fn factor_events(&self, person: BucketKey, limit: u32) -> Result<Vec<FactorEventRecord>>;
}
