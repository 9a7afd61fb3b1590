//! Resetting a user: whatever the user could use to sign in, or to add a factor, ends immediately.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{BucketKey, FactorRecord, Result};

/// A request to reset a user.
#[derive(Clone, Debug)]
pub struct FactorReset {
    /// A keyed hash of the user.
    pub user: BucketKey,
    /// All rows that the user's wrong answers count against: the challenges of these persons end.
    pub persons: Vec<BucketKey>,
    /// The administrator's account whose sessions and pending logins end as well, if the user has one.
    pub account: Option<String>,
    /// The current time.
    pub now: Timestamp,
}

/// What a reset ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FactorResetOutcome {
    /// The factors, with their former data except for the status.
    pub factors: Vec<FactorRecord>,
    /// Whether there was a temporary pass.
    pub pass: bool,
    /// How many remembered browsers there were.
    pub browsers: u64,
    /// How many enrolments were open.
    pub enrolments: u64,
    /// How many challenges were open.
    pub challenges: u64,
    /// How many addresses were verified.
    pub addresses: u64,
}

/// Resets users.
#[async_trait]
pub trait FactorResetStore {
    /// Ends a user's factors, temporary pass, remembered browsers, enrolments and open challenges, and the sessions and pending logins of
    /// the account. Challenges that were verified no longer serve as a proof. Addresses stay, and are no longer verified.
    async fn reset_factors(&self, reset: FactorReset) -> Result<FactorResetOutcome>;
}
