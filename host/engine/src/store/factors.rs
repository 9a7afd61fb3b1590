//! Factors that users hold, their enrolments, and the handles that stand for users.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{BucketKey, Charge, IdempotencyClaim, IdempotencyRecord, Limited, Result};

/// A keyed hash of an id that no two factors of a relying party share.
pub type UniqueIdHash = [u8; 32];

/// Whether a factor can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FactorStatus {
    /// It can be used.
    Active,
    /// It cannot be used until an administrator allows it again.
    Suspended,
    /// It was removed or replaced. Only the record of it is left.
    Ended,
}

/// A factor that a user holds.
#[derive(Clone, PartialEq, Eq)]
pub struct FactorRecord {
    /// Random.
    pub id: String,
    /// The subscription it belongs to.
    pub subscription: String,
    /// A keyed hash of the subscription and the user.
    pub user: BucketKey,
    /// The instance it was enrolled with.
    pub instance: String,
    /// The type of that instance.
    pub type_id: String,
    /// The hash of its unique id, if it has one; none once it has ended.
    pub unique_id: Option<UniqueIdHash>,
    /// Whether it can be used.
    pub status: FactorStatus,
    /// Whether it is only a fallback, which ends with the last other factor.
    pub fallback: bool,
    /// The user, the label and more, sealed and bound to `id` and `subscription`.
    pub details: Vec<u8>,
    /// The state of the component and the facts, sealed and bound to `id`, `subscription`, `instance` and `user`. Empty once it has
    /// ended.
    pub state: Vec<u8>,
    /// Counts the states and statuses, from 1.
    pub revision: u64,
    /// When it was enrolled.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

impl fmt::Debug for FactorRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("FactorRecord");
        shown.field("id", &self.id).field("instance", &self.instance).field("status", &self.status);
        shown.field("revision", &self.revision).finish_non_exhaustive()
    }
}

/// An enrolment that has begun.
#[derive(Clone, PartialEq, Eq)]
pub struct EnrolmentRecord {
    /// Random.
    pub id: String,
    /// The subscription it belongs to.
    pub subscription: String,
    /// A keyed hash of the subscription and the user.
    pub user: BucketKey,
    /// The instance that the factor is enrolled with.
    pub instance: String,
    /// What the component needs to finish it, and what it is bound to, sealed and bound to `id`, `subscription`, `instance` and `user`.
    pub sealed: Vec<u8>,
    /// Answers counted so far.
    pub attempts: u32,
    /// Answers allowed.
    pub max_attempts: u32,
    /// When it began.
    pub created_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
}

impl fmt::Debug for EnrolmentRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("EnrolmentRecord");
        shown.field("id", &self.id).field("instance", &self.instance).field("attempts", &self.attempts);
        shown.finish_non_exhaustive()
    }
}

/// A request to begin an enrolment. All of it is committed, or nothing.
#[derive(Clone, Debug)]
pub struct BeginEnrolment {
    /// The enrolment.
    pub enrolment: EnrolmentRecord,
    /// The limits it counts against.
    pub charges: Vec<Charge>,
    /// The idempotency key of the request, if any.
    pub idempotency: Option<IdempotencyClaim>,
    /// The id of the pass that the enrolment rests on, if it does: it must be in use ([`super::PassStore::is_pass_in_use`]).
    pub pass: Option<String>,
}

/// The result of [`FactorStore::begin_enrolment`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnrolmentBegun {
    /// It is committed.
    Begun,
    /// A limit is reached.
    Limited(Limited),
    /// The idempotency key was used before.
    Repeated(IdempotencyRecord),
    /// The pass is no longer in use.
    PassEnded,
}

/// A request to add a factor. All of it is committed, or nothing.
#[derive(Clone, Debug)]
pub struct AddFactor {
    /// The factor.
    pub factor: FactorRecord,
    /// The enrolment that ends with it. Its attempts may be used up: this answer may have been the last one allowed. None if the factor was
    /// set up somewhere else.
    pub enrolment: Option<String>,
    /// The count of the user's changes when the enrolment began ([`super::UserChangeStore`]): another one closes it. None if nothing depends on
    /// it.
    pub changes: Option<u64>,
    /// Whether the user's earlier factors of the instance end.
    pub replaces_earlier: bool,
    /// How many factors of the instance a user may have.
    pub max_per_user: u32,
    /// The current time.
    pub now: Timestamp,
}

/// A request to add factors that were set up somewhere else. All of them are added, or none.
#[derive(Clone, Debug)]
pub struct ImportFactors {
    /// The factors.
    pub factors: Vec<FactorRecord>,
    /// How many factors of one instance a user may have.
    pub max_per_user: u32,
    /// Whether they are only checked, and none is added.
    pub dry_run: bool,
    /// The current time.
    pub now: Timestamp,
}

/// The result of [`FactorStore::add_factor`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactorAdded {
    /// It is committed. The ids are those of the factors that it replaced.
    Added(Vec<String>),
    /// The enrolment is not open, or something has changed since it began.
    Closed,
    /// Another factor has this unique id.
    Duplicate,
    /// The user has the maximum number of factors of this instance.
    TooMany,
    /// It is a fallback, and the user has no other active factor.
    NeedsAnother,
}

/// The use of a factor, which is stored together with the challenge that it answers.
#[derive(Clone)]
pub struct FactorUse {
    /// The factor.
    pub factor: String,
    /// Its revision as it was read. The use is refused if the factor has changed since.
    pub revision: u64,
    /// Its new sealed state.
    pub state: Vec<u8>,
}

impl fmt::Debug for FactorUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FactorUse")
            .field("factor", &self.factor)
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

/// An answer to an enrolment, to be counted before it is verified.
#[derive(Clone, Debug)]
pub struct EnrolmentAttempt {
    /// The subscription of the enrolment.
    pub subscription: String,
    /// The enrolment.
    pub id: String,
    /// The limits it counts against.
    pub charges: Vec<Charge>,
    /// The current time.
    pub now: Timestamp,
}

/// The result of counting an answer to an enrolment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnrolmentCharged {
    /// The answer may be verified. `attempts` of the record counts it already.
    Verify(EnrolmentRecord),
    /// The enrolment is not open.
    Closed,
    /// A limit is reached; nothing was counted.
    Limited(Limited),
}

/// Selects factors of a user to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactorSelection<'a> {
    /// The one with this id.
    One(&'a str),
    /// All of them.
    All,
}

/// Stores the factors that users hold.
///
/// An enrolment is *open* at a time if it was not finished, has attempts left, has not expired, and was not begun later than that time by
/// more than the clocks of two processes may differ ([`super::MAX_CLOCK_SKEW`]).
///
/// A *fallback* ends in the same transaction as the last other factor of its user.
#[async_trait]
pub trait FactorStore {
    /// Checks the idempotency key and the limits, counts, and adds an enrolment. Of a user's enrolments with one instance only the newest is open: earlier ones are
    /// removed.
    async fn begin_enrolment(&self, request: BeginEnrolment) -> Result<EnrolmentBegun>;

    /// Returns an enrolment, open or not.
    async fn enrolment(&self, subscription: &str, id: &str) -> Result<Option<EnrolmentRecord>>;

    /// Counts an answer to an open enrolment, before it is verified.
    async fn charge_enrolment(&self, attempt: EnrolmentAttempt) -> Result<EnrolmentCharged>;

    /// Counts an answer to an open enrolment that accepts no other one. It is still there, so that what cancels it in the meantime is noticed
    /// when its factor is added.
    async fn take_enrolment(&self, attempt: EnrolmentAttempt) -> Result<EnrolmentCharged>;

    /// Takes the count of an answer back that was not of the expected form.
    async fn release_enrolment(&self, subscription: &str, id: &str) -> Result<()>;

    /// Adds a factor, and ends the user's enrolments and the factors that it replaces. It counts as one change.
    async fn add_factor(&self, request: AddFactor) -> Result<FactorAdded>;

    /// Adds factors that were set up somewhere else, as [`Self::add_factor`] adds one. Returns the indexes of those that cannot be added,
    /// and why: [`FactorAdded::Duplicate`] if the id is in use, also by a factor that has ended. If there are any, none is added.
    async fn import_factors(&self, request: ImportFactors) -> Result<Vec<(usize, FactorAdded)>>;

    /// Returns the factors of a user, the oldest first. Of those that have ended only the newest 100, and only if `ended`.
    async fn factors(&self, user: BucketKey, ended: bool) -> Result<Vec<FactorRecord>>;

    /// Returns one factor, whatever its status.
    async fn factor(&self, subscription: &str, id: &str) -> Result<Option<FactorRecord>>;

    /// Returns the factor with a unique id, if it has not ended.
    async fn factor_by_unique_id(&self, unique_id: UniqueIdHash) -> Result<Option<FactorRecord>>;

    /// Returns whether a subscription has factors with unique ids that have not ended.
    async fn has_unique_ids(&self, subscription: &str) -> Result<bool>;

    /// Replaces the sealed details of a factor that has not ended. Returns false if there is none.
    async fn set_factor_details(&self, subscription: &str, id: &str, details: Vec<u8>) -> Result<bool>;

    /// Changes a factor from active to suspended, or back. Returns false if it does not have the status `from`.
    async fn set_factor_status(
        &self,
        subscription: &str,
        id: &str,
        from: FactorStatus,
        to: FactorStatus,
    ) -> Result<bool>;

    /// Ends factors of a user, and fallbacks that would be left as the only ones. Returns what ended, each with its former data except for
    /// the status; `None` if `changes` is set and is not the count of the user's changes ([`super::UserChangeStore`]).
    async fn end_factors(
        &self,
        user: BucketKey,
        selection: FactorSelection<'_>,
        changes: Option<u64>,
        now: Timestamp,
    ) -> Result<Option<Vec<FactorRecord>>>;

    /// Removes all enrolments of a user.
    async fn cancel_enrolments(&self, user: BucketKey) -> Result<()>;

    /// Returns the sealed handle of a user at a relying party, of whom `key` is a keyed hash, if there is one.
    async fn user_handle(&self, key: BucketKey) -> Result<Option<Vec<u8>>>;

    /// Stores the sealed handle of a user at a relying party, unless there is one. Returns the stored one. It is never removed.
    async fn add_user_handle(&self, key: BucketKey, sealed: Vec<u8>) -> Result<Vec<u8>>;
}
