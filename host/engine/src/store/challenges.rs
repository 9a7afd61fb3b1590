//! Challenges and what is counted for them, as plain values.

use jiff::Timestamp;

use crate::keyring::KeyId;

/// A code at rest.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CodeMac {
    /// Which key.
    pub key: KeyId,
    /// The MAC over challenge, subscription, user, purpose and code.
    pub mac: [u8; 32],
}

impl std::fmt::Debug for CodeMac {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CodeMac").field("key", &self.key).finish_non_exhaustive()
    }
}

/// A challenge under way, or over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChallengeRecord {
    /// Random, at least 128 bits.
    pub id: String,
    /// Whose.
    pub subscription: String,
    /// The instance that delivers it.
    pub instance: String,
    /// Keyed hash of the person: wrong answers add up over a person's challenges.
    pub person: BucketKey,
    /// Whether the person had passed the first factor, as the application said.
    pub first_factor: bool,
    /// Recipient, user, locale and the like, sealed and bound to `id` and `subscription`.
    pub sealed: Vec<u8>,
    /// The codes that are accepted, the newest last. More than one only if the policy keeps earlier ones.
    pub codes: Vec<CodeMac>,
    /// Answers charged so far.
    pub attempts: u32,
    /// Answers allowed.
    pub max_attempts: u32,
    /// Resends so far.
    pub resends: u32,
    /// Resends allowed.
    pub max_resends: u32,
    /// No resend before this.
    pub resend_after: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Why it is over, if it was ended.
    pub closed: Option<Closing>,
}

/// Why a challenge was ended. Expiry and used-up attempts need no mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// The right code was given.
    Used,
    /// The host application gave it up.
    Cancelled,
    /// Its message was not delivered.
    Undelivered,
}

/// A keyed hash of what is counted: an address, a person, an idempotency key.
pub type BucketKey = [u8; 16];

/// One thing to count against its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// What is counted.
    pub key: BucketKey,
    /// By how much: usually one; with nothing it is only looked whether the limit holds.
    pub amount: u32,
    /// How many a window allows.
    pub limit: u32,
    /// How long a window lasts.
    pub window_ms: i64,
}

/// How many wrong answers a person has before none is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PersonLimits {
    /// In a row: the person is locked until somebody unlocks it, or until `day_ms` have passed since the last of them.
    pub consecutive: u32,
    /// Within `day_ms`, whatever successes lie between.
    pub daily: u32,
    /// How many of `consecutive` are kept for challenges of persons who had passed the first factor.
    pub consecutive_kept: u32,
    /// How many of `daily` are.
    pub daily_kept: u32,
    /// How long a "day" lasts.
    pub day_ms: i64,
}

/// A wish to open a challenge: all of it is committed, or nothing.
#[derive(Clone, Debug)]
pub struct OpenChallenge {
    /// The challenge.
    pub challenge: ChallengeRecord,
    /// The limits it counts against.
    pub charges: Vec<Charge>,
    /// A person over these gets no challenge.
    pub person: PersonLimits,
    /// Under which idempotency key, if any.
    pub idempotency: Option<IdempotencyClaim>,
    /// The time.
    pub now: Timestamp,
}

/// An idempotency key that a request comes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdempotencyClaim {
    /// Keyed hash of subscription and key.
    pub key: BucketKey,
    /// Keyed hash of the request.
    pub request: [u8; 32],
    /// Until when it is remembered.
    pub until: Timestamp,
}

/// What is remembered under an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// Keyed hash of the first request.
    pub request: [u8; 32],
    /// The first answer, sealed; none while it is under way.
    pub answer: Option<Vec<u8>>,
    /// When the first request came.
    pub created_at: Timestamp,
}

/// What became of an `OpenChallenge`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// It is committed.
    Open,
    /// A limit is reached.
    Limited(Limited),
    /// The same idempotency key came before.
    Repeated(IdempotencyRecord),
}

/// A limit that is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limited {
    /// It ends by itself at this time; the index says which of the charges it was.
    Until(Timestamp, usize),
    /// Too many wrong answers of this person today.
    PersonUntil(Timestamp),
    /// Too many wrong answers of this person in a row: locked.
    PersonLocked,
}

/// An answer to a challenge, to be charged before it is looked at.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Whose challenge.
    pub subscription: String,
    /// Which.
    pub id: String,
    /// The limits it counts against.
    pub charges: Vec<Charge>,
    /// The person's limits.
    pub person: PersonLimits,
    /// The time.
    pub now: Timestamp,
}

/// What became of an `Attempt`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Charged {
    /// It may be compared; `attempts` of the record counts it already.
    Compare(ChallengeRecord),
    /// No such challenge is open.
    Closed,
    /// A limit is reached; nothing was charged.
    Limited(Limited),
}

/// The right code was given: end the challenge, if nobody did so in between.
#[derive(Clone, Debug)]
pub struct Consume {
    /// Whose challenge.
    pub subscription: String,
    /// Which.
    pub id: String,
    /// The code that was given. It must still be one of those accepted: a resend may have replaced it in between.
    pub code: CodeMac,
    /// The person, whose wrong answers in a row end here.
    pub person: BucketKey,
    /// What is counted until it proves honest: given back now, once for each time it stands here.
    pub release: Vec<BucketKey>,
    /// The time.
    pub now: Timestamp,
}

/// Another instance is to serve an open challenge, or something else is to be remembered of it.
#[derive(Clone, Debug)]
pub struct HandOver {
    /// Whose challenge.
    pub subscription: String,
    /// Which.
    pub id: String,
    /// Its `resends` as they were read: another message since then knows better.
    pub resends: u32,
    /// The instance that serves it.
    pub instance: String,
    /// What stands in `ChallengeRecord::sealed` from now on.
    pub sealed: Vec<u8>,
    /// What stands in `ChallengeRecord::codes` from now on, if that changes.
    pub codes: Option<Vec<CodeMac>>,
    /// The time.
    pub now: Timestamp,
}

/// A wish to send once more.
#[derive(Clone, Debug)]
pub struct Resend {
    /// Whose challenge.
    pub subscription: String,
    /// Which.
    pub id: String,
    /// Its `resends` as it was read.
    pub resends: u32,
    /// The codes to accept from now on.
    pub codes: Vec<CodeMac>,
    /// No further resend before this.
    pub resend_after: Timestamp,
    /// The limits it counts against.
    pub charges: Vec<Charge>,
    /// A person over these gets no message.
    pub person: PersonLimits,
    /// The time.
    pub now: Timestamp,
}

/// What became of a `Resend`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resent {
    /// It is committed.
    Granted,
    /// Another resend came first, or the challenge ended in between.
    Refused,
    /// A limit is reached.
    Limited(Limited),
}
