//! Browsers in which a user need not use a factor for some days.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{BucketKey, Result};

/// A remembered browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RememberedDeviceRecord {
    /// Random. Not a secret.
    pub id: String,
    /// A keyed hash of the user.
    pub person: BucketKey,
    /// SHA-256 of the secret that the browser stores.
    pub digest: [u8; 32],
    /// The instance that was used, and the browser's name, sealed and bound to `id` and the user.
    pub sealed: Vec<u8>,
    /// When it was remembered.
    pub created_at: Timestamp,
    /// When it last replaced a factor.
    pub last_used_at: Timestamp,
    /// When it is forgotten.
    pub expires_at: Timestamp,
}

/// Which of a user's remembered devices are forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceSelection {
    /// The one with this id.
    One(String),
    /// All.
    All,
}

/// Stores remembered devices. All of a user's are gone when a factor of that user is added, suspended, resumed or removed, in
/// the same transaction.
///
/// A device is *remembered* at a time if it has not expired, and was not created later than that time by more than the clocks of
/// two processes may differ ([`super::MAX_CLOCK_SKEW`]).
#[async_trait]
pub trait RememberedDeviceStore {
    /// Adds a device. If the user has more than `most` then, those that were used least recently are forgotten.
    async fn add_remembered_device(&self, device: RememberedDeviceRecord, most: u32) -> Result<()>;

    /// Records that a user's remembered device was used, and returns it. None if there is no such device.
    async fn use_remembered_device(
        &self,
        person: BucketKey,
        digest: [u8; 32],
        now: Timestamp,
    ) -> Result<Option<RememberedDeviceRecord>>;

    /// Returns a user's remembered devices, the newest first.
    async fn remembered_devices(&self, person: BucketKey, now: Timestamp) -> Result<Vec<RememberedDeviceRecord>>;

    /// Forgets devices of a user. Returns how many.
    async fn forget_remembered_devices(&self, person: BucketKey, which: DeviceSelection) -> Result<u64>;
}
