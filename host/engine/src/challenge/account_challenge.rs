//! The challenges of logins to accounts. Applications can neither answer, resend nor cancel them, and those who administer only
//! subscriptions are not shown their ids.
//!
//! Their ids tell them apart, so that this is known before anything is read or counted. No other id contains a dot.

use jiff::Timestamp;

use super::limits::CountedFor;
use crate::error::Error;
use crate::random;
use crate::store::ChallengeRecord;

const PREFIX: &str = "login.";

/// No challenge has this id.
const UNKNOWN: &str = "";

/// Whom or what a challenge is started for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum StartedFor {
    /// A user of an application.
    User,
    /// An account of this engine.
    Account,
    /// An address that is to be verified.
    Address,
}

impl StartedFor {
    pub(super) fn counted_for(self, subscription: &str) -> CountedFor<'_> {
        match self {
            Self::User | Self::Address => CountedFor::Subscription(subscription),
            Self::Account => CountedFor::Accounts,
        }
    }

    /// Returns the id of a new challenge.
    pub(super) fn new_id(self, now: Timestamp) -> Result<String, Error> {
        let id = random::id_at(now)?;
        Ok(if self == Self::Account { format!("{PREFIX}{id}") } else { id })
    }

    /// Returns `id` if a challenge of this kind can have it; otherwise an id that no challenge has.
    pub(super) fn own(self, id: &str) -> &str {
        if is_of_account(id) == (self == Self::Account) { id } else { UNKNOWN }
    }
}

/// Returns whether a challenge belongs to a login to an account.
pub(crate) fn is_of_account(id: &str) -> bool {
    id.starts_with(PREFIX)
}

/// Returns whose limits and quotas the messages of a challenge count against.
pub(super) fn counted_for(record: &ChallengeRecord) -> CountedFor<'_> {
    if is_of_account(&record.id) { CountedFor::Accounts } else { CountedFor::Subscription(&record.subscription) }
}
