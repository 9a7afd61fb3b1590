//! Counters of rate limits, and the wrong answers of each person.

use async_trait::async_trait;
use jiff::Timestamp;

use super::Result;

/// A keyed hash of what is counted: an address, a person, an idempotency key.
pub type BucketKey = [u8; 16];

/// The person of a challenge whose user is not known: wrong answers count against the challenge alone.
pub const NOBODY: BucketKey = [0; 16];

/// An amount to count against a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// What is counted.
    pub key: BucketKey,
    /// The amount, usually 1. With 0 nothing is counted, and the charge fails if the limit is exceeded.
    pub amount: u32,
    /// The highest count that a window allows.
    pub limit: u32,
    /// How long a window lasts, in milliseconds.
    pub window_ms: i64,
}

/// How many wrong answers of a person are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PersonLimits {
    /// In a row. Beyond it the person is locked until an administrator unlocks them, or until `day_ms` have passed since the last
    /// wrong answer.
    pub consecutive: u32,
    /// Within `day_ms`, whatever right answers come between them.
    pub daily: u32,
    /// The part of `consecutive` that is reserved for challenges of persons who have passed the first factor.
    pub consecutive_kept: u32,
    /// The part of `daily` that is reserved in the same way.
    pub daily_kept: u32,
    /// How long a "day" lasts, in milliseconds.
    pub day_ms: i64,
}

impl PersonLimits {
    /// Returns whether no number of wrong answers reaches a limit. Answers are not counted then.
    pub fn is_unlimited(&self) -> bool {
        self.consecutive == u32::MAX && self.daily == u32::MAX
    }
}

/// A limit that is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limited {
    /// A charge's limit, which ends at this time. The index identifies the charge.
    Until(Timestamp, usize),
    /// Too many wrong answers of this person today.
    PersonUntil(Timestamp),
    /// Too many wrong answers of this person in a row: locked.
    PersonLocked,
}

/// The limits that a person has reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReachedLimits {
    /// Whether something is stored of this person's answers. A store may forget a person without wrong answers.
    pub is_known: bool,
    /// Too many wrong answers in a row: locked until this time, or until somebody unlocks the person.
    pub locked_until: Option<Timestamp>,
    /// Too many wrong answers in a day: until this time.
    pub day_until: Option<Timestamp>,
    /// The indexes of the charges that would exceed their limits, and when each limit ends.
    pub charges: Vec<(usize, Timestamp)>,
}

/// Stores counters of rate limits. Those of a challenge are counted by [`super::ChallengeStore`], together with the challenge.
#[async_trait]
pub trait LimitStore {
    /// Counts each charge. If a limit is reached, counts none of them and returns that limit.
    async fn charge(&self, charges: Vec<Charge>, now: Timestamp) -> Result<Option<Limited>>;

    /// Takes back one from the count under each key.
    async fn release(&self, keys: Vec<BucketKey>) -> Result<()>;

    /// Returns the limits that a person has reached, and those of `charges` that would exceed theirs. Counts nothing.
    async fn reached_limits(
        &self,
        person: BucketKey,
        limits: PersonLimits,
        charges: Vec<Charge>,
        now: Timestamp,
    ) -> Result<ReachedLimits>;

    /// Forgets a person's wrong answers.
    async fn unlock_person(&self, person: BucketKey) -> Result<()>;
}
