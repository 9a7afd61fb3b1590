//! Refused logins in the audit log.
//!
//! Anybody can have a login refused, and the log is never cleared. What is about an account is always recorded; the limits of passwords
//! bound how much strangers add. Of logins without an account each server records so many in an hour, whoever they come from; then one
//! entry says that others are left out, and only the metric counts them. Nobody is locked out, and no login to an account is hidden.

use std::cmp::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::{Accounts, Client};
use crate::error::Error;
use crate::store::Charge;

/// How many logins without an account are recorded in an hour.
pub(super) const RECORDED: u32 = 100;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// How the log names the actor.
const NOBODY: &str = "nobody";

/// How the log names the subject if there is no account. The typed address could be a password.
const UNKNOWN: &str = "unknown";

/// The text of the entry after which others are left out.
pub(super) const LEFT_OUT: &str = "too many in an hour: others are left out until it has passed";

/// How somebody tried to log in. Strangers who type passwords must not keep out of the log what an identity provider reports.
#[derive(Clone, Copy)]
pub(super) enum By {
    Password,
    Provider,
}

/// The logins without an account that were refused in the current hour. Cheap to clone; all clones count together.
#[derive(Clone, Default)]
pub(crate) struct Refusals(Arc<[Mutex<Hour>; 2]>);

#[derive(Default)]
struct Hour {
    since: Timestamp,
    refused: u32,
}

impl Refusals {
    /// Counts a login without an account, and compares the count with what is recorded: less, one more, or greater.
    pub(super) fn count(&self, by: By, now: Timestamp) -> Ordering {
        let mut hour = self.0[by as usize].lock().unwrap_or_else(PoisonError::into_inner);
        let passed = now.duration_since(hour.since);
        // Also if a clock was set back.
        if passed.is_negative() || passed >= HOUR {
            *hour = Hour { since: now, refused: 0 };
        }
        hour.refused = hour.refused.saturating_add(1);
        hour.refused.cmp(&(RECORDED + 1))
    }
}

impl Accounts {
    /// Records a login that is refused: to an account, by its id, or to none.
    pub(super) async fn record_refusal(
        &self,
        by: By,
        account: Option<&str>,
        (action, why): (&str, &str),
        client: &Client,
    ) -> Result<(), Error> {
        let known = if account.is_some() { "known" } else { "unknown" };
        metrics::counter!("twofactor_logins_refused_total", "account" => known).increment(1);
        let (actor, now) = (client.actor(NOBODY.to_owned()), self.clock.now());
        let why = match account {
            Some(_) => why,
            None => match self.refusals.count(by, now) {
                Ordering::Less => why,
                Ordering::Equal => LEFT_OUT,
                Ordering::Greater => return self.leave_out(now).await,
            },
        };
        self.audit.append(&actor, action, account.unwrap_or(UNKNOWN), why).await
    }

    /// Takes as long as an entry does: otherwise the time of a response would tell which accounts exist.
    async fn leave_out(&self, now: Timestamp) -> Result<(), Error> {
        self.store.audit_head().await?;
        self.store.charge(vec![self.left_out()], now).await?;
        Ok(())
    }

    /// Returns the count of what was left out. It has no limit.
    pub(super) fn left_out(&self) -> Charge {
        let key = self.keyring.bucket("logins-left-out", &[]);
        Charge { key, amount: 1, limit: u32::MAX, window_ms: 3_600_000 }
    }
}
