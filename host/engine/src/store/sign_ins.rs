//! What the store keeps of hosted sign-ins, as plain values.

use jiff::Timestamp;

/// How a subscription's sign-in page is set.
#[derive(Clone, Debug, PartialEq)]
pub struct SignInPageRecord {
    /// Whose.
    pub subscription: String,
    /// The settings.
    pub settings: serde_json::Value,
    /// Counts changes, from 1; guards against lost updates.
    pub revision: u64,
}

/// A sign-in for which a browser comes to the sign-in page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostedSignInRecord {
    /// Random. The application knows it; the browser does not.
    pub id: String,
    /// Whose.
    pub subscription: String,
    /// SHA-256 of the secret in its link.
    pub link: [u8; 32],
    /// SHA-256 of what the browser it is bound to carries in a cookie.
    pub browser: Option<[u8; 32]>,
    /// Who signs in, where it can be reached and where the browser goes at the end: sealed and bound to `id` and `subscription`.
    pub sealed: Vec<u8>,
    /// The challenge under way, if one was started.
    pub challenge: Option<String>,
    /// Counts the challenges, from 0.
    pub step: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// How it was ended. Expiry needs no mark.
    pub ended: Option<SignInEnd>,
}

/// How a hosted sign-in was ended, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignInEnd {
    /// The person gave the right code.
    Verified {
        /// When.
        at: Timestamp,
        /// The instance that delivered it.
        two_factor: String,
        /// Authentication method references.
        amr: Vec<String>,
        /// SHA-256 of the handle that the browser takes to the application; none once it was redeemed.
        handle: Option<[u8; 32]>,
    },
    /// The person gave it up.
    Cancelled {
        /// When.
        at: Timestamp,
    },
}
