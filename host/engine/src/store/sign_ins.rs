//! Hosted sign-ins, and the settings of the pages they take place on.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{BucketKey, Result, Update};

/// The settings of a subscription's sign-in page.
#[derive(Clone, Debug, PartialEq)]
pub struct SignInPageRecord {
    /// The subscription it belongs to.
    pub subscription: String,
    /// The settings.
    pub settings: serde_json::Value,
    /// Counts changes, from 1; guards against lost updates.
    pub revision: u64,
}

/// A sign-in at the hosted sign-in page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostedSignInRecord {
    /// Random. Known to the application, not to the browser.
    pub id: String,
    /// The subscription it belongs to.
    pub subscription: String,
    /// SHA-256 of the secret in its link.
    pub link: [u8; 32],
    /// SHA-256 of the cookie of the browser it is bound to.
    pub browser: Option<[u8; 32]>,
    /// The person, the recipient and the return URL, sealed and bound to `id` and `subscription`.
    pub sealed: Vec<u8>,
    /// The current challenge, if one was started.
    pub challenge: Option<String>,
    /// Counts the challenges and changes, from 0.
    pub step: u32,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
    /// How it ended. An expired sign-in is not marked.
    pub ended: Option<SignInEnd>,
}

/// How and when a hosted sign-in ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignInEnd {
    /// The person gave the right code.
    Verified {
        /// When.
        at: Timestamp,
        /// The instance that delivered the code.
        two_factor: String,
        /// Authentication method references.
        amr: Vec<String>,
        /// SHA-256 of the handle that the browser takes to the application; none once it was redeemed.
        handle: Option<[u8; 32]>,
    },
    /// The person cancelled it.
    Cancelled {
        /// When.
        at: Timestamp,
    },
}

/// Stores hosted sign-ins and the settings of sign-in pages.
///
/// A hosted sign-in is *open* at a time if it has not ended, has not expired, and was not created later than that time by more
/// than the clocks of two processes may differ ([`super::MAX_CLOCK_SKEW`]).
#[async_trait]
pub trait SignInStore {
    /// Returns the settings of a subscription's sign-in page.
    async fn sign_in_page(&self, subscription: &str) -> Result<Option<SignInPageRecord>>;

    /// Replaces the settings of a sign-in page if their revision is still `expected_revision`; 0 stands for no settings.
    /// `page` holds the new revision. A conflict if the subscription does not exist.
    async fn set_sign_in_page(&self, page: SignInPageRecord, expected_revision: u64) -> Result<Update>;

    /// Adds a hosted sign-in.
    async fn insert_sign_in(&self, sign_in: HostedSignInRecord) -> Result<()>;

    /// Returns a subscription's hosted sign-in, open or not.
    async fn sign_in(&self, subscription: &str, id: &str) -> Result<Option<HostedSignInRecord>>;

    /// Returns the hosted sign-in whose link has this digest, open or not.
    async fn sign_in_by_link(&self, link: &[u8; 32]) -> Result<Option<HostedSignInRecord>>;

    /// Binds an open hosted sign-in to the browser with this digest. Returns false if it is not open or is bound already.
    async fn bind_sign_in(&self, id: &str, browser: [u8; 32], now: Timestamp) -> Result<bool>;

    /// Replaces the challenge of a hosted sign-in and goes on to the next step. Returns false if the sign-in is not open or no
    /// longer at `step`.
    async fn step_sign_in(&self, id: &str, step: u32, challenge: Option<String>, now: Timestamp) -> Result<bool>;

    /// Replaces the sealed part of a hosted sign-in as well as its challenge, and goes on to the next step. Returns false if the
    /// sign-in is not open or no longer at `step`.
    async fn rewrite_sign_in(
        &self,
        id: &str,
        step: u32,
        challenge: Option<String>,
        sealed: Vec<u8>,
        now: Timestamp,
    ) -> Result<bool>;

    /// Ends an open hosted sign-in, and replaces its sealed part if there is a new one. Returns false if it is not open, or if the count of
    /// a person's changes is not this any longer ([`super::UserChangeStore`]): a sign-in does not end after a reset that came after its answer.
    async fn end_sign_in(
        &self,
        id: &str,
        end: SignInEnd,
        sealed: Option<Vec<u8>>,
        changes: Option<(BucketKey, u64)>,
    ) -> Result<bool>;

    /// Redeems the handle of a subscription's verified hosted sign-in, once. Returns the sign-in if it ended after `since` and
    /// its handle has this digest and was not redeemed before.
    async fn redeem_sign_in(
        &self,
        subscription: &str,
        id: &str,
        handle: [u8; 32],
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Option<HostedSignInRecord>>;
}
