//! Addresses of users: verified ones, and those that applications gave.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{BucketKey, Result};

/// The kind of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AddressKind {
    /// An email address.
    Email,
    /// A phone number.
    Phone,
}

/// An address of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressRecord {
    /// Random. Not a secret.
    pub id: String,
    /// A keyed hash of the user.
    pub person: BucketKey,
    /// Its kind.
    pub kind: AddressKind,
    /// A keyed hash of the address: the key, together with `person` and `kind`.
    pub hash: BucketKey,
    /// The address, and how messages for it are sent, sealed and bound to `person`, `kind` and `hash`.
    pub sealed: Vec<u8>,
    /// When a code that was sent to it was entered; none for an address that an application gave.
    pub verified_at: Option<Timestamp>,
    /// When it was last verified or given.
    pub seen_at: Timestamp,
    /// Whether it was verified on no better proof than the first factor. True for one that is not verified.
    pub first_factor_only: bool,
}

/// The result of [`AddressStore::verify_address`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressVerified {
    /// It is verified.
    Verified,
    /// The user has as many verified addresses as allowed, and this is not one of them.
    TooMany,
    /// Something has changed since: see [`super::UserChangeStore`].
    Changed,
}

/// The result of [`AddressStore::remove_address`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressRemoved {
    /// It is removed.
    Removed,
    /// The user has no such address.
    NotFound,
    /// Something has changed since: see [`super::UserChangeStore`].
    Changed,
}

/// Stores addresses of users.
#[async_trait]
pub trait AddressStore {
    /// Adds unverified addresses of one user, or replaces `sealed` and `seen_at` of those that are there. One that is verified stays
    /// verified, with its id. If the user has more than `most` unverified ones then, those that were seen least recently are removed.
    async fn put_addresses(&self, addresses: Vec<AddressRecord>, most: u32) -> Result<()>;

    /// Adds a verified address, or verifies one that is there, which keeps its id, and ends the user's enrolments and remembered browsers.
    /// One that is verified keeps the better of its two proofs. Nothing changes if the user would have more than `most` verified addresses
    /// then, or the count of the user's changes is not `changes`.
    async fn verify_address(&self, address: AddressRecord, most: u32, changes: u64) -> Result<AddressVerified>;

    /// Returns a user's addresses, verified ones first, then those that were seen most recently.
    async fn addresses(&self, person: BucketKey) -> Result<Vec<AddressRecord>>;

    /// Removes an address of a user, and ends the user's enrolments and remembered browsers. Nothing changes if the count of the user's
    /// changes is not `changes`.
    async fn remove_address(&self, person: BucketKey, id: &str, changes: u64) -> Result<AddressRemoved>;
}
