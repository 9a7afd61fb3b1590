//! Challenges, and the idempotency keys of the requests that open them.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use subtle::ConstantTimeEq as _;

use super::{BucketKey, Charge, FactorUse, Limited, PersonLimits, Result};
use crate::keyring::KeyId;

/// A code as it is stored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CodeMac {
    /// The key of `mac`.
    pub key: KeyId,
    /// A MAC over challenge, subscription, user, purpose and code.
    pub mac: [u8; 32],
}

impl fmt::Debug for CodeMac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodeMac").field("key", &self.key).finish_non_exhaustive()
    }
}

/// A challenge, open or closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChallengeRecord {
    /// Random, at least 128 bits.
    pub id: String,
    /// The subscription it belongs to.
    pub subscription: String,
    /// The instance that delivers it.
    pub instance: String,
    /// A keyed hash of the person: wrong answers add up over all challenges of a person.
    pub person: BucketKey,
    /// Whether the person has passed the first factor, according to the application.
    pub first_factor: bool,
    /// Recipient, user, locale and more, sealed and bound to `id` and `subscription`.
    pub sealed: Vec<u8>,
    /// The accepted codes, the newest last. More than one only if the policy keeps earlier codes.
    pub codes: Vec<CodeMac>,
    /// Answers counted so far.
    pub attempts: u32,
    /// Answers allowed.
    pub max_attempts: u32,
    /// Resends so far.
    pub resends: u32,
    /// Resends allowed.
    pub max_resends: u32,
    /// No resend before this.
    pub resend_after: Timestamp,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
    /// Why it was closed, if it was.
    pub closed: Option<Closing>,
}

/// For how long a verified challenge can prove that somebody holds a factor.
pub const MAX_PROOF_AGE: Duration = Duration::from_secs(600);

/// Why a challenge was closed. Expired challenges and those without attempts left are not marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// The right code was given.
    Used,
    /// The application cancelled it.
    Cancelled,
    /// Its message was not delivered.
    Undelivered,
}

/// A request to open a challenge. All of it is committed, or nothing.
#[derive(Clone, Debug)]
pub struct OpenChallenge {
    /// The challenge.
    pub challenge: ChallengeRecord,
    /// The limits it counts against.
    pub charges: Vec<Charge>,
    /// The limits of the person.
    pub person: PersonLimits,
    /// The idempotency key of the request, if any.
    pub idempotency: Option<IdempotencyClaim>,
    /// How long an accepted answer stays valid, if answers do not depend on the challenge (codes of apps). After a failover that may have
    /// lost such an answer, and after a restore, the store opens no challenge until this time has passed.
    pub repeatable_for: Option<Duration>,
    /// The user, and the count of the user's changes before the verified address was read that the code goes to
    /// ([`super::UserChangeStore`]): another one keeps the challenge from being opened. None if nothing depends on it.
    pub changes: Option<(BucketKey, u64)>,
    /// The current time.
    pub now: Timestamp,
}

/// The idempotency key of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdempotencyClaim {
    /// A keyed hash of the subscription and the key.
    pub key: BucketKey,
    /// A keyed hash of the request.
    pub request: [u8; 32],
    /// When the key is forgotten.
    pub until: Timestamp,
}

/// The first request with an idempotency key, and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// A keyed hash of the first request.
    pub request: [u8; 32],
    /// The first answer, sealed; none while the first request is in progress.
    pub answer: Option<Vec<u8>>,
    /// When the first request came.
    pub created_at: Timestamp,
}

/// The result of [`ChallengeStore::open_challenge`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// It is committed.
    Open,
    /// A limit is reached.
    Limited(Limited),
    /// The idempotency key was used before.
    Repeated(IdempotencyRecord),
    /// Until then an answer that was accepted before could be accepted again: see [`OpenChallenge::repeatable_for`].
    TooEarly(Timestamp),
    /// The user has changed: see [`OpenChallenge::changes`].
    Changed,
}

/// An answer to a challenge, to be counted before it is compared.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The subscription of the challenge.
    pub subscription: String,
    /// The challenge.
    pub id: String,
    /// The limits it counts against.
    pub charges: Vec<Charge>,
    /// The person's limits.
    pub person: PersonLimits,
    /// The current time.
    pub now: Timestamp,
}

/// The result of [`ChallengeStore::charge_attempt`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Charged {
    /// The answer may be compared. `attempts` of the record counts it already.
    Compare(ChallengeRecord),
    /// The challenge is not open.
    Closed,
    /// A limit is reached; nothing was counted.
    Limited(Limited),
}

/// A typed code, to be counted, compared and, if it is right, accepted in one transaction.
#[derive(Clone, Debug)]
pub struct CodeAnswer {
    /// What it counts against.
    pub attempt: Attempt,
    /// The MAC of what was typed, under each key that a code of the challenge may have. The answer is right if the challenge has one of
    /// them.
    pub codes: Vec<CodeMac>,
    /// Counters that a right answer reduces: see [`Consume::release`].
    pub release: Vec<BucketKey>,
}

impl CodeAnswer {
    /// Returns whether a challenge with these codes accepts the answer. Compares in constant time.
    pub fn is_right(&self, codes: &[CodeMac]) -> bool {
        let pairs = codes.iter().flat_map(|code| self.codes.iter().map(move |answer| (code, answer)));
        pairs.fold(false, |found, (code, answer)| {
            found | (code.key == answer.key && bool::from(code.mac.ct_eq(&answer.mac)))
        })
    }
}

/// The result of [`ChallengeStore::answer_challenge`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// It is the code, and the challenge is closed as used.
    Right(ChallengeRecord),
    /// It is not the code. `attempts` of the record counts it already.
    Wrong(ChallengeRecord),
    /// The challenge is not open.
    Closed,
    /// A limit is reached; nothing was counted, and nothing compared.
    Limited(Limited),
}

impl Answered {
    /// Returns whether the answer is accepted.
    pub fn is_right(&self) -> bool {
        matches!(self, Self::Right(_))
    }
}

/// A right answer, which closes its challenge.
#[derive(Clone, Debug)]
pub struct Consume {
    /// The subscription of the challenge.
    pub subscription: String,
    /// The challenge.
    pub id: String,
    /// The code that was given. It must still be an accepted one: a resend may have replaced it since.
    pub code: CodeMac,
    /// The person, whose count of consecutive wrong answers is reset.
    pub person: BucketKey,
    /// Counters of messages whose codes were not verified yet: reduced by one for each time a key is listed.
    pub release: Vec<BucketKey>,
    /// The factor that answered it, if one did.
    pub factor: Option<FactorUse>,
    /// The current time.
    pub now: Timestamp,
}

/// The result of [`ChallengeStore::consume_challenge`].
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consumed {
    /// The challenge is closed as used, and the factor has its new state.
    Done,
    /// The challenge was closed, has expired, or its code was replaced.
    Closed,
    /// The factor was used, suspended or ended since it was read. Nothing was changed.
    FactorChanged,
}

impl Consumed {
    /// Returns whether the answer is accepted.
    pub fn is_done(self) -> bool {
        self == Self::Done
    }
}

/// A change of the instance that serves an open challenge, or of its details.
#[derive(Clone, Debug)]
pub struct HandOver {
    /// The subscription of the challenge.
    pub subscription: String,
    /// The challenge.
    pub id: String,
    /// Its `resends` as they were read. A message that was sent since takes precedence.
    pub resends: u32,
    /// The instance that serves it from now on.
    pub instance: String,
    /// The new value of `ChallengeRecord::sealed`.
    pub sealed: Vec<u8>,
    /// The new value of `ChallengeRecord::codes`, if it changes.
    pub codes: Option<Vec<CodeMac>>,
    /// The current time.
    pub now: Timestamp,
}

/// A request to send the message of a challenge again.
#[derive(Clone, Debug)]
pub struct Resend {
    /// The subscription of the challenge.
    pub subscription: String,
    /// The challenge.
    pub id: String,
    /// Its `resends` as they were read.
    pub resends: u32,
    /// The codes that are accepted from now on.
    pub codes: Vec<CodeMac>,
    /// No further resend before this.
    pub resend_after: Timestamp,
    /// The limits it counts against.
    pub charges: Vec<Charge>,
    /// The limits of the person.
    pub person: PersonLimits,
    /// The current time.
    pub now: Timestamp,
}

/// The result of [`ChallengeStore::resend_challenge`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resent {
    /// It is committed.
    Granted,
    /// Another resend came first, the challenge is not open, or no resend is allowed yet.
    Refused,
    /// A limit is reached.
    Limited(Limited),
}

/// Stores challenges.
///
/// A challenge is *open* at a time if it was not closed, has attempts left, has not expired, and was not created later than
/// that time by more than the clocks of two processes may differ ([`super::MAX_CLOCK_SKEW`]).
#[async_trait]
pub trait ChallengeStore {
    /// Checks the idempotency key, the person and all limits, counts, and adds the challenge.
    async fn open_challenge(&self, request: OpenChallenge) -> Result<Opened>;

    /// Returns one challenge, open or not.
    async fn challenge(&self, subscription: &str, id: &str) -> Result<Option<ChallengeRecord>>;

    /// Counts an answer with a code, compares it with the codes of an open challenge, and closes the challenge as used if the answer is
    /// right: all in one transaction, or nothing. A right answer does not count as a wrong one of its person.
    ///
    /// The caller learns whether the answer is right only after the commit. So no answer is compared that is not counted, and of answers
    /// that exceed a limit at the same moment none is compared.
    async fn answer_challenge(&self, answer: CodeAnswer) -> Result<Answered>;

    /// Counts an answer for an open challenge and for its person, before an upstream or a factor verifies the answer.
    async fn charge_attempt(&self, attempt: Attempt) -> Result<Charged>;

    /// Closes a challenge as used, and replaces the state of the factor that answered it: both or neither. A challenge whose last attempt
    /// was counted can be consumed: this answer may have been that attempt.
    async fn consume_challenge(&self, consume: Consume) -> Result<Consumed>;

    /// Takes the count of an answer back, from the challenge and from its person: the answer was not of the expected form.
    async fn release_attempt(&self, subscription: &str, id: &str, person: BucketKey) -> Result<()>;

    /// Replaces the codes of an open challenge if its interval and its number of resends allow it.
    async fn resend_challenge(&self, request: Resend) -> Result<Resent>;

    /// Changes the instance and the details of an open challenge. Returns false if it is not open or its message was sent
    /// again.
    async fn hand_over_challenge(&self, request: HandOver) -> Result<bool>;

    /// Closes an open challenge. Returns false if it is not open.
    async fn close_challenge(&self, subscription: &str, id: &str, why: Closing, now: Timestamp) -> Result<bool>;

    /// Uses a challenge that was verified after `since` as a proof, once. Returns false if it was not, or was used as one before.
    /// `since` is at most [`MAX_PROOF_AGE`] before `now`. With a `holder`, the user of the factors, the challenge must be the last use
    /// of an active factor of that user: a factor that was removed or suspended since proves nothing.
    async fn use_challenge_as_proof(
        &self,
        subscription: &str,
        id: &str,
        holder: Option<BucketKey>,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<bool>;

    /// Returns the first request with an idempotency key, unless it is forgotten.
    async fn idempotency(&self, key: BucketKey, now: Timestamp) -> Result<Option<IdempotencyRecord>>;

    /// Stores the answer to the first request with an idempotency key, or forgets the key. `holder` is the challenge or enrolment that the
    /// request began: if the store has given the key to another one since, nothing changes.
    async fn complete_idempotency(&self, key: BucketKey, holder: &str, answer: Option<Vec<u8>>) -> Result<()>;
}
