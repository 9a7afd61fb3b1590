//! The store itself: its time, the keys its contents depend on, and the removal of old rows.

use async_trait::async_trait;
use jiff::Timestamp;

use super::Result;
use crate::keyring::KeyId;

/// A key of the keyring that something in the store depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInUse {
    /// The key.
    pub id: KeyId,
    /// A MAC over a constant. It detects a wrong secret with the right id.
    pub check: [u8; 32],
}

/// Where the time continues at the start of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeAtStart {
    /// The time of the start: that of the process's clock, or the newest recorded time if that is later.
    pub now: Timestamp,
    /// No call that was committed before came with a later time than this. It is ahead of `now` by less than a second.
    pub not_before: Timestamp,
}

/// Maintains the store.
///
/// # The time
/// Processes may be restarted after the clock was set back, and their clocks may differ. So that nothing that has expired becomes valid
/// again, a store records the newest time that calls came with: at the latest in the transaction of the first call of each second. A store
/// whose database has a clock of its own records the time of that clock instead.
#[async_trait]
pub trait MaintenanceStore {
    /// Returns where the time continues at the start of a process.
    ///
    /// If the newest recorded time is ahead of `now` by more than [`super::MAX_CLOCK_SKEW`], the clock was set back, and nobody knows for
    /// how long challenges, hosted sign-ins, sessions, logins, authorization requests, invitations and passes have been open, and
    /// devices remembered: all of them are ended, and the time continues from `now`.
    async fn resume(&self, now: Timestamp) -> Result<TimeAtStart>;

    /// Records the time `now` of this process, and returns the time of the database: that of its own clock if it has one, otherwise the
    /// newest time that any process has recorded.
    ///
    /// Each call writes a change, even if the time is the same: success shows that the store can be written to.
    async fn check_time(&self, now: Timestamp) -> Result<Timestamp>;

    /// Returns the keys that something in the store depends on.
    async fn keys_in_use(&self) -> Result<Vec<KeyInUse>>;

    /// Adds such a key, unless there is one that is not `known`: another process with another key file was first. Returns false then.
    /// Adding a key again changes nothing.
    async fn add_key_in_use(&self, key: KeyInUse, known: Vec<KeyId>) -> Result<bool>;

    /// Removes a few rows: authorization requests that have expired at `now`, others that expired a day ago, persons without a
    /// wrong answer for 30 days, statistics older than 90 days, browsers that were not used for 180 days, and events of factors
    /// and unverified addresses older than 365 days. Returns how many rows: few enough that no other call waits for long. It is
    /// called again until it returns 0.
    async fn purge(&self, now: Timestamp) -> Result<u64>;
}
