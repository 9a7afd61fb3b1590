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

/// Maintains the store.
#[async_trait]
pub trait MaintenanceStore {
    /// Returns the earliest time to continue from at a start: the newest that a call that depends on the time came with. If that is
    /// ahead of `now` by more than [`super::MAX_CLOCK_SKEW`], the clock was set back, and nobody knows for how long challenges,
    /// hosted sign-ins, sessions, logins, authorization requests and invitations have been open: all of them are ended, and
    /// the time continues from `now`.
    async fn resume(&self, now: Timestamp) -> Result<Timestamp>;

    /// Writes a small change. Success shows that the store can be written to.
    async fn touch(&self, now: Timestamp) -> Result<()>;

    /// Returns the keys that something in the store depends on.
    async fn keys_in_use(&self) -> Result<Vec<KeyInUse>>;

    /// Adds such a key. Adding it again changes nothing.
    async fn add_key_in_use(&self, key: KeyInUse) -> Result<()>;

    /// Removes a few rows that expired before `before`, persons without a wrong answer since 30 days before it, statistics
    /// older than 90 days before it, and browsers that were not used since 180 days before it. Returns how many rows: few
    /// enough that no other call waits for long. It is called again until it returns 0.
    async fn purge(&self, before: Timestamp) -> Result<u64>;
}
