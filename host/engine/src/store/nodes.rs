//! The processes that use the store.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;

use super::Result;

/// What a process says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRecord {
    /// Random, for each start of a process.
    pub id: String,
    /// A name that operators recognize.
    pub name: String,
    /// The version of the program.
    pub version: String,
    /// The digest of the component in use for each type.
    pub providers: BTreeMap<String, String>,
    /// By how many milliseconds its clock is behind the time of the store; negative if it is ahead.
    pub clock_behind_ms: i64,
    /// When the process started, by its own clock.
    pub started_at: Timestamp,
    /// When it last reported itself. The store sets it, from the clock of its database if that has one.
    pub seen_at: Timestamp,
}

/// Stores which processes use the store. Nothing depends on it: it is for operators.
#[async_trait]
pub trait NodeStore {
    /// Adds or replaces what a process says of itself, and removes processes that were not seen for a day.
    async fn report_node(&self, node: NodeRecord) -> Result<()>;

    /// Removes a process that ends.
    async fn remove_node(&self, id: &str) -> Result<()>;

    /// Returns the processes in the order of their names, and the time of the store, which `seen_at` is compared with.
    async fn nodes(&self, now: Timestamp) -> Result<(Vec<NodeRecord>, Timestamp)>;
}
