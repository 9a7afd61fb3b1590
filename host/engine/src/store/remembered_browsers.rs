//! Browsers in which a user need not use a factor for some days.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{BucketKey, Result};

/// A remembered browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RememberedBrowserRecord {
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

/// Which of a user's remembered browsers are forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BrowserSelection {
    /// The one with this id.
    One(String),
    /// All.
    All,
}

/// Stores remembered browsers. Each change of a user ([`super::UserChangeStore`]) forgets all of that user's, in the same transaction.
///
/// A browser is *remembered* at a time if it has not expired, and was not created later than that time by more than the clocks of
/// two processes may differ ([`super::MAX_CLOCK_SKEW`]).
///
/// Their table, and the REST API, call them `remembered_devices`.
#[async_trait]
pub trait RememberedBrowserStore {
    /// Adds a browser. If the user has more than `most` then, those that were used least recently are forgotten. Returns false, and adds
    /// nothing, if the count of the user's changes ([`super::UserChangeStore`]) is not `changes`.
    async fn add_remembered_browser(&self, browser: RememberedBrowserRecord, most: u32, changes: u64) -> Result<bool>;

    /// Records that a user's remembered browser was used, and returns it. None if there is no such browser.
    async fn use_remembered_browser(
        &self,
        person: BucketKey,
        digest: [u8; 32],
        now: Timestamp,
    ) -> Result<Option<RememberedBrowserRecord>>;

    /// Returns a user's remembered browsers, the newest first.
    async fn remembered_browsers(&self, person: BucketKey, now: Timestamp) -> Result<Vec<RememberedBrowserRecord>>;

    /// Forgets browsers of a user. Returns how many.
    async fn forget_remembered_browsers(&self, person: BucketKey, which: BrowserSelection) -> Result<u64>;
}
