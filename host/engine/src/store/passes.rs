//! Temporary passes: at most one for each user.
//!
//! A pass that was used stays for [`MAX_PROOF_AGE`](super::MAX_PROOF_AGE), without its code: changes may rest on it until a newer pass or a
//! reset ends it.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{BucketKey, Charge, CodeMac, Limited, PersonLimits, Result};

/// A temporary pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassRecord {
    /// A keyed hash of the user: the key.
    pub person: BucketKey,
    /// Random; part of what `code` is bound to.
    pub id: String,
    /// A MAC over id, subscription, user and pass.
    pub code: CodeMac,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// An answer that claims to be a user's pass, to be counted before it is compared.
#[derive(Clone, Debug)]
pub struct PassAttempt {
    /// A keyed hash of the user.
    pub person: BucketKey,
    /// Whom wrong passes count against: not the person, so that wrong passes and wrong codes do not lock each other.
    pub counted: BucketKey,
    /// The limits it counts against.
    pub charges: Vec<Charge>,
    /// The limits of `counted`.
    pub limits: PersonLimits,
    /// The current time.
    pub now: Timestamp,
}

/// The result of [`PassStore::charge_pass`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChargedPass {
    /// The answer may be compared with this pass.
    Compare(PassRecord),
    /// The user has no valid pass. Only `charges` were counted.
    NoPass,
    /// A limit is reached; nothing was counted.
    Limited(Limited),
}

/// Stores temporary passes.
///
/// A pass is *valid* at a time if it was not used, has not expired, and was not issued later than that time by more than the
/// clocks of two processes may differ ([`super::MAX_CLOCK_SKEW`]).
#[async_trait]
pub trait PassStore {
    /// Replaces the user's pass, ends the user's open enrolments, and forgets the wrong passes that `counted` gave. It counts as a change of
    /// the user ([`super::UserChangeStore`]), and so ends what rests on the earlier pass; browsers stay remembered.
    async fn put_pass(&self, pass: PassRecord, counted: BucketKey) -> Result<()>;

    /// Counts an answer, and returns the user's valid pass to compare it with.
    async fn charge_pass(&self, attempt: PassAttempt) -> Result<ChargedPass>;

    /// Uses up the user's pass if it is valid and still has this MAC, and forgets the wrong ones in a row. Returns false if it is
    /// not, for example because another call was first. Changes may rest on it from now on: see [`Self::is_pass_in_use`].
    async fn use_pass(&self, person: BucketKey, code: CodeMac, counted: BucketKey, now: Timestamp) -> Result<bool>;

    /// Returns when the user's valid pass expires, if there is one.
    async fn pass_until(&self, person: BucketKey, now: Timestamp) -> Result<Option<Timestamp>>;

    /// Returns whether the pass with this id was used at most [`MAX_PROOF_AGE`](super::MAX_PROOF_AGE) ago, and neither a newer pass nor a
    /// reset has ended it since.
    async fn is_pass_in_use(&self, person: BucketKey, id: &str, now: Timestamp) -> Result<bool>;

    /// Ends the user's pass and open enrolments. It counts as a change as [`Self::put_pass`] does. Returns whether there was a pass that was not
    /// used.
    async fn end_pass(&self, person: BucketKey) -> Result<bool>;
}
