//! The factors of users: suspended, removed and reset by administrators, and temporary passes.
//!
//! Each of these needs a reason, which the audit log records, and the user is notified of each.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use super::Administration;
use crate::accounts::actor_name;
use crate::completion::to_the_end;
use crate::display_name;
use crate::error::Error;
use crate::factor::{
    Happened, IssuedPass, RememberedBrowser, RemovedFactors, UserEvent, UserEventKind, UserFactor, VerifiedAddress,
    checked_user, pass_lifetime,
};
use crate::instance::SignIn;
use crate::store::{FactorReset, FactorResetOutcome, FactorSelection, FactorStatus};
use crate::user_factor::{FactorEventKind, HeldFactor, account_persons, user_persons};

/// What a reset has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResetUser {
    /// The factors.
    pub factors: Vec<UserFactor>,
    /// Whether there was a temporary pass.
    pub pass: bool,
    /// How many browsers were remembered.
    pub remembered_browsers: u64,
    /// How many enrolments were open.
    pub enrolments: u64,
    /// How many challenges were open.
    pub challenges: u64,
    /// How many addresses were verified. They are known as before, and must be verified again.
    pub addresses: u64,
}

/// A user whom an administrator may change.
struct ChangedUser {
    subscription: String,
    /// The user's id in its canonical form.
    user: String,
    /// The reason, for the audit log.
    why: String,
}

impl ChangedUser {
    /// Returns the subject of entries of the audit log.
    fn subject(&self) -> String {
        format!("{}/{}", self.subscription, self.user)
    }
}

impl Administration {
    /// Returns the factors of a user, including those that have ended.
    ///
    /// # Errors
    /// [`Error::is_not_found`] if there is no such subscription; invalid input if the user's id has no canonical form.
    pub async fn user_factors(&self, subscription: &str, user: &str) -> Result<Vec<UserFactor>, Error> {
        self.known(subscription).await?;
        self.factors.list(subscription, user, true).await
    }

    /// Suspends a factor of a user until [`Administration::resume_factor`].
    ///
    /// # Errors
    /// [`Error::is_not_found`] if there is no such active factor. Invalid input without a reason. Forbidden for an administrator's account,
    /// unless the actor administers the installation.
    pub async fn suspend_factor(&self, subscription: &str, user: &str, id: &str, reason: &str) -> Result<(), Error> {
        let (from, to) = (FactorStatus::Active, FactorStatus::Suspended);
        self.set_status((subscription, user, id), (from, to), reason).await
    }

    /// Lets a suspended factor be used again.
    ///
    /// # Errors
    /// [`Error::is_not_found`] if there is no such suspended factor; otherwise as [`Administration::suspend_factor`].
    pub async fn resume_factor(&self, subscription: &str, user: &str, id: &str, reason: &str) -> Result<(), Error> {
        let (from, to) = (FactorStatus::Suspended, FactorStatus::Active);
        self.set_status((subscription, user, id), (from, to), reason).await
    }

    /// Removes a factor of a user. Fallbacks end with the last other factor.
    ///
    /// # Errors
    /// [`Error::is_not_found`]; otherwise as [`Administration::suspend_factor`].
    pub async fn remove_user_factor(
        &self,
        subscription: &str,
        user: &str,
        id: &str,
        reason: &str,
    ) -> Result<RemovedFactors, Error> {
        let id = id.to_owned();
        let remove = move |this: Self, whom: ChangedUser| async move { this.end_factor(&whom, &id).await };
        self.change_user((subscription, user, reason), remove).await
    }

    async fn end_factor(&self, whom: &ChangedUser, id: &str) -> Result<RemovedFactors, Error> {
        let ChangedUser { subscription, user, why } = whom;
        let held = self.factors.held.of(subscription, user, false).await?;
        if !held.iter().any(|held| held.record.id == id) {
            return Err(Error::not_found("factor"));
        }
        self.factors.end(self.actor(), (subscription, user), (held, None), FactorSelection::One(id), why).await
    }

    /// Resets a user who has lost every factor, or whose factors someone else may have: ends all factors, the temporary pass,
    /// remembered browsers, open enrolments and open challenges. A notice goes to the user's addresses, which no longer count as
    /// verified: one of them may be someone else's, and would let them back in. The sessions of an administrator's account end, too.
    ///
    /// # Errors
    /// As [`Administration::suspend_factor`].
    pub async fn reset_factors(&self, subscription: &str, user: &str, reason: &str) -> Result<ResetUser, Error> {
        self.change_user((subscription, user, reason), |this, whom| async move { this.reset(&whom).await }).await
    }

    async fn reset(&self, whom: &ChangedUser) -> Result<ResetUser, Error> {
        let ChangedUser { subscription, user, why } = whom;
        let keyring = &self.instances.keyring;
        let held = self.factors.held.of(subscription, user, false).await?;
        let verified = self.factors.verified_addresses(&SignIn::new(subscription).user(user)).await?;
        let mut views: HashMap<String, UserFactor> =
            held.iter().map(|held| (held.record.id.clone(), held.view())).collect();
        // Of an administrator whose factors someone else may have.
        let account = self.guard.serves_logins(subscription).await?.then(|| user.clone());
        self.audit("factor.reset", &whom.subject(), why).await?;
        let now = self.clock.now();
        let reset = FactorReset {
            user: self.factors.held.key(subscription, user),
            // Of a user, and in case it is an administrator of that account.
            persons: [user_persons(keyring, subscription, user), account_persons(keyring, user)].concat(),
            account,
            now,
        };
        let ended = self.store().reset_factors(reset).await?;
        let ended_view = |record: &crate::store::FactorRecord| {
            let mut view = views.remove(&record.id)?;
            (view.status, view.ended_at) = (FactorStatus::Ended, Some(now));
            Some(view)
        };
        let factors: Vec<UserFactor> = ended.factors.iter().filter_map(ended_view).collect();
        for factor in &factors {
            // The user is notified once, of the reset.
            let removed = Happened {
                subscription: subscription.clone(),
                user: user.clone(),
                kind: UserEventKind::Removed,
                subject: Some(factor.type_id.clone()),
                at: now,
                also: Vec::new(),
            };
            self.factors.notices.record(&removed).await?;
        }
        let reset = Happened {
            subscription: subscription.clone(),
            user: user.clone(),
            kind: UserEventKind::Reset,
            subject: None,
            at: now,
            also: verified,
        };
        self.factors.notices.record_then_notify(reset).await?;
        let FactorResetOutcome { pass, browsers, enrolments, challenges, addresses, .. } = ended;
        Ok(ResetUser { factors, pass, remembered_browsers: browsers, enrolments, challenges, addresses })
    }

    /// Issues a temporary pass to a user, which replaces an earlier one: for 10 minutes to 8 hours, by default for one hour. It is shown
    /// once. It works once: to enrol a factor, or where the policy says so to sign in.
    ///
    /// # Errors
    /// Forbidden for the actor's own account; otherwise as [`Administration::suspend_factor`].
    pub async fn issue_pass(
        &self,
        subscription: &str,
        user: &str,
        minutes: Option<u32>,
        reason: &str,
    ) -> Result<IssuedPass, Error> {
        let lifetime = pass_lifetime(minutes)?;
        let issue = move |this: Self, whom: ChangedUser| async move { this.issue_pass_to(&whom, lifetime).await };
        self.change_user((subscription, user, reason), issue).await
    }

    async fn issue_pass_to(&self, whom: &ChangedUser, lifetime: Duration) -> Result<IssuedPass, Error> {
        let ChangedUser { subscription, user, why } = whom;
        if self.actor().name == actor_name(user) {
            return Err(Error::forbidden("administrators cannot issue a temporary pass for their own account"));
        }
        let detail = format!("for {} minutes; {why}", lifetime.as_secs() / 60);
        self.audit("pass.issue", &whom.subject(), &detail).await?;
        let issued = self.factors.passes.issue(subscription, user, lifetime).await?;
        let event = Happened {
            subscription: subscription.clone(),
            user: user.clone(),
            kind: UserEventKind::PassIssued,
            subject: None,
            at: self.factors.clock.now(),
            also: Vec::new(),
        };
        self.factors.notices.record_then_notify(event).await?;
        Ok(issued)
    }

    /// Ends a user's temporary pass. Returns whether there was one.
    ///
    /// # Errors
    /// As [`Administration::suspend_factor`].
    pub async fn end_pass(&self, subscription: &str, user: &str, reason: &str) -> Result<bool, Error> {
        let user = &self.may_change(subscription, user, reason).await?;
        self.audit("pass.end", &format!("{subscription}/{user}"), &because(reason)).await?;
        Ok(self.store().end_pass(self.factors.held.key(subscription, user)).await?)
    }

    /// Returns when the temporary pass of a user expires, if there is a valid one.
    ///
    /// # Errors
    /// [`Error::is_not_found`] if there is no such subscription; invalid input if the user's id has no canonical form.
    pub async fn pass_until(&self, subscription: &str, user: &str) -> Result<Option<Timestamp>, Error> {
        self.known(subscription).await?;
        let key = self.factors.held.key(subscription, &checked_user(user)?);
        Ok(self.store().pass_until(key, self.clock.now()).await?)
    }

    /// Returns recent events of a user's factors, the newest first, at most 20.
    ///
    /// # Errors
    /// As [`Administration::pass_until`].
    pub async fn user_events(&self, subscription: &str, user: &str) -> Result<Vec<UserEvent>, Error> {
        self.known(subscription).await?;
        self.factors.events(subscription, user).await
    }

    /// Returns the verified addresses of a user, masked.
    ///
    /// # Errors
    /// As [`Administration::pass_until`].
    pub async fn user_addresses(&self, subscription: &str, user: &str) -> Result<Vec<VerifiedAddress>, Error> {
        self.known(subscription).await?;
        self.factors.addresses(subscription, user).await
    }

    /// Returns the browsers that are remembered for a user.
    ///
    /// # Errors
    /// [`Error::is_not_found`] if there is no such subscription.
    pub async fn remembered_browsers(&self, subscription: &str, user: &str) -> Result<Vec<RememberedBrowser>, Error> {
        self.known(subscription).await?;
        self.factors.remembered().list(subscription, &checked_user(user)?).await
    }

    /// Forgets a browser of a user, or without `id` all.
    ///
    /// # Errors
    /// [`Error::is_not_found`] if there is no such browser. Forbidden for an administrator's account, unless the actor administers the
    /// installation.
    pub async fn forget_devices(&self, subscription: &str, user: &str, id: Option<&str>) -> Result<(), Error> {
        self.known(subscription).await?;
        let user = &checked_user(user)?;
        self.check_account(user).await?;
        self.factors.remembered().forget_as(self.actor(), (subscription, user), id).await.map(drop)
    }

    async fn set_status(
        &self,
        (subscription, user, id): (&str, &str, &str),
        change: (FactorStatus, FactorStatus),
        reason: &str,
    ) -> Result<(), Error> {
        let id = id.to_owned();
        let set = move |this: Self, whom: ChangedUser| async move { this.set_status_of(&whom, &id, change).await };
        self.change_user((subscription, user, reason), set).await
    }

    async fn set_status_of(
        &self,
        whom: &ChangedUser,
        id: &str,
        (from, to): (FactorStatus, FactorStatus),
    ) -> Result<(), Error> {
        let ChangedUser { subscription, user, why } = whom;
        let held: HeldFactor = self.factors.held.one(subscription, user, id).await?;
        if held.record.status != from {
            return Err(Error::not_found("factor"));
        }
        let (action, kind) = match to {
            FactorStatus::Suspended => ("factor.suspend", FactorEventKind::Suspended),
            _ => ("factor.resume", FactorEventKind::Resumed),
        };
        let detail = format!("factor {id} of type {}; {why}", held.record.type_id);
        self.audit(action, &whom.subject(), &detail).await?;
        if !self.store().set_factor_status(subscription, id, from, to).await? {
            return Err(Error::not_found("factor"));
        }
        let mut view = held.view();
        view.status = to;
        self.factors.announce(subscription, user, view, kind);
        Ok(())
    }

    /// Changes what a user signs in with, if the actor may do so for this reason.
    async fn change_user<T, F>(
        &self,
        (subscription, user, reason): (&str, &str, &str),
        change: impl FnOnce(Self, ChangedUser) -> F + Send + 'static,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let (this, subscription) = (self.clone(), subscription.to_owned());
        let (user, reason) = (user.to_owned(), reason.to_owned());
        // Runs to completion even if the caller disconnects: the user is notified of what was changed.
        to_the_end(async move {
            let user = this.may_change(&subscription, &user, &reason).await?;
            change(this, ChangedUser { subscription, user, why: because(&reason) }).await
        })
        .await
    }

    /// Checks that the actor may change what a user signs in with, for this reason. Returns the user's id in its canonical form.
    async fn may_change(&self, subscription: &str, user: &str, reason: &str) -> Result<String, Error> {
        let user = checked_user(user)?;
        display_name::check_reason(reason)?;
        self.known(subscription).await?;
        self.check_account(&user).await?;
        Ok(user)
    }

    /// Refuses changes of an administrator's account by actors who administer only subscriptions: whoever administers one that serves
    /// logins of administrators must not get into their accounts.
    async fn check_account(&self, user: &str) -> Result<(), Error> {
        if !self.changes_guards && self.store().account(user).await?.is_some() {
            return Err(Error::forbidden(
                "this user is an administrator's account; only a system administrator can change its factors",
            ));
        }
        Ok(())
    }
}

fn because(reason: &str) -> String {
    format!("reason: {reason}")
}
