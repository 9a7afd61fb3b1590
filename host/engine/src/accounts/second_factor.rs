//! Whether logins to accounts require a second factor, and which instances deliver it.
//!
//! The requirement is a fact in the store. It is set by the first login that used a delivered code,
//! which proves that delivery works, or by a system administrator. From then on it stays until a system
//! administrator turns it off. This tells "not set up yet" from "broken": the first lets a person
//! in with a password, the second lets nobody in.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Account, Accounts};
use crate::audit::Actor;
use crate::changes::Changes;
use crate::completion::to_the_end;
use crate::error::Error;
use crate::instance::SignIn;
use crate::store::{AssignmentKind, AssignmentRecord, SecondFactorRecord, Store};
use twofactor_sandbox::RecipientKind;

/// The client application that logins to accounts belong to: instances are assigned to it to serve
/// as second factor.
pub(super) const CLIENT_APPLICATION: &str = "twofactor-admin";

/// The settings of the accounts' second factor.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SecondFactor {
    /// The subscription whose instances deliver it.
    pub subscription: Option<String>,
    /// Since when every login requires it; none if it is only used where it is available.
    pub demanded_since: Option<Timestamp>,
    /// The number of changes; 0 if it was never set.
    pub revision: u64,
}

/// Whether a person can be asked for a second factor, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondFactorState {
    /// No subscription is chosen.
    NoSubscription,
    /// No instance that is active and valid is assigned to the client application `twofactor-admin`.
    NoInstance,
    /// There are instances, but none can reach the person: the account has no phone number.
    NotReachable,
    /// The person can add a factor, such as a passkey, and has none yet.
    NotEnrolled,
    /// It is available.
    Ready,
}

/// The settings that protect logins to accounts. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Guard {
    store: Arc<dyn Store>,
    /// The subscription that is used until one is chosen.
    preset: Option<String>,
}

impl Guard {
    pub(crate) fn new(store: Arc<dyn Store>, preset: Option<String>) -> Self {
        Self { store, preset }
    }

    pub(super) async fn settings(&self) -> Result<SecondFactor, Error> {
        let stored = self.store.second_factor().await?;
        let stored = stored.unwrap_or(SecondFactorRecord { subscription: None, demanded_since: None, revision: 0 });
        Ok(SecondFactor {
            subscription: stored.subscription.or_else(|| self.preset.clone()),
            demanded_since: stored.demanded_since,
            revision: stored.revision,
        })
    }

    /// Returns the subscription that serves logins to accounts.
    pub(crate) async fn subscription(&self) -> Result<Option<String>, Error> {
        Ok(self.settings().await?.subscription)
    }

    /// Returns whether a subscription serves logins to accounts.
    pub(crate) async fn serves_logins(&self, subscription: &str) -> Result<bool, Error> {
        Ok(self.subscription().await?.as_deref() == Some(subscription))
    }

    /// Returns whether an instance of a subscription protects logins to accounts if it is assigned
    /// to one of these.
    pub(crate) async fn is_guarding(&self, subscription: &str, targets: &[AssignmentRecord]) -> Result<bool, Error> {
        if !self.serves_logins(subscription).await? {
            return Ok(false);
        }
        for target in targets {
            let guards = match target.kind {
                AssignmentKind::ClientApplication => target.target == CLIENT_APPLICATION,
                AssignmentKind::User => self.store.account(&target.target).await?.is_some(),
                AssignmentKind::Tenant | AssignmentKind::Idp => false,
            };
            if guards {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Accounts {
    /// Returns the settings of the accounts' second factor.
    ///
    /// # Errors
    /// If the store is not available.
    pub async fn second_factor_settings(&self) -> Result<SecondFactor, Error> {
        self.guard.settings().await
    }

    /// Chooses the subscription whose instances deliver the second factor, and whether every login
    /// requires one. With `expected_revision`, only if nobody changed it since that revision was
    /// read. For system administrators only.
    ///
    /// # Errors
    /// Invalid input for a subscription that does not exist. A conflict if it is to be required and
    /// no instance could deliver it, which would lock everyone out. A revision conflict if
    /// someone else changed it.
    pub async fn set_second_factor(
        &self,
        actor: &Actor,
        subscription: Option<String>,
        demanded: bool,
        expected_revision: Option<u64>,
    ) -> Result<SecondFactor, Error> {
        let before = self.guard.settings().await?;
        if let Some(id) = &subscription
            && self.store.subscription(id).await?.is_none()
        {
            return Err(Error::invalid_at("/subscription", "is not an existing subscription"));
        }
        let is_new = before.demanded_since.is_none() || before.subscription != subscription;
        if demanded && is_new && !self.is_deliverable(subscription.as_deref()).await? {
            return Err(Error::conflict(
                "no active and valid instance of this subscription is assigned to the client application `twofactor-admin`: \
                 requiring a second factor now would lock everybody out",
            ));
        }
        let since = demanded.then(|| before.demanded_since.unwrap_or_else(|| self.clock.now()));
        self.store_second_factor(actor, &before, subscription, since, expected_revision).await
    }

    /// Requires a second factor for every login from now on: somebody used one, so it works.
    pub(super) async fn second_factor_worked(&self, actor: &Actor, subscription: &str) -> Result<(), Error> {
        let before = self.guard.settings().await?;
        if before.demanded_since.is_some() || before.subscription.as_deref() != Some(subscription) {
            return Ok(());
        }
        let (chosen, now) = (before.subscription.clone(), self.clock.now());
        match self.store_second_factor(actor, &before, chosen, Some(now), None).await {
            // Another login was first, or a system administrator is changing it right now.
            Err(error) if error.is_revision_conflict() => Ok(()),
            done => done.map(drop),
        }
    }

    async fn store_second_factor(
        &self,
        actor: &Actor,
        before: &SecondFactor,
        subscription: Option<String>,
        demanded_since: Option<Timestamp>,
        expected_revision: Option<u64>,
    ) -> Result<SecondFactor, Error> {
        let revision = before.revision;
        if expected_revision.is_some_and(|expected| expected != revision) {
            return Err(Error::revision_conflict());
        }
        let detail = Changes::default()
            .field("/subscription", before.subscription.as_ref(), subscription.as_ref())
            .field("/demanded", Some(before.demanded_since.is_some()), Some(demanded_since.is_some()))
            .text();
        let record = SecondFactorRecord { subscription, demanded_since, revision: revision + 1 };
        let (this, actor) = (self.clone(), actor.clone());
        // Runs to completion even if the caller disconnects: the audit log says which change was refused.
        to_the_end(async move {
            this.audit.append(&actor, "second-factor.set", "accounts", &detail).await?;
            if !this.store.set_second_factor(record, revision).await?.is_applied() {
                let detail = "not applied: modified by someone else first";
                this.audit.append(&actor, "second-factor.set", "accounts", detail).await?;
                return Err(Error::revision_conflict());
            }
            this.guard.settings().await
        })
        .await
    }

    async fn is_deliverable(&self, subscription: Option<&str>) -> Result<bool, Error> {
        let Some(subscription) = subscription else { return Ok(false) };
        let sign_in = SignIn::new(subscription).client_application(CLIENT_APPLICATION);
        let chosen = self.instances.choose(&sign_in, None).await?;
        Ok(chosen.iter().any(|one| one.recipient_kind != RecipientKind::Handle))
    }

    /// Returns whether the person of an account can be asked for a second factor.
    ///
    /// # Errors
    /// If the store is not available.
    pub async fn second_factor_state(&self, account: &Account) -> Result<SecondFactorState, Error> {
        let Some(sign_in) = self.login_sign_in(&account.id).await? else {
            return Ok(SecondFactorState::NoSubscription);
        };
        let chosen = self.instances.choose(&sign_in, None).await?;
        let own = self.factors_of(&account.id).await?;
        let is_reachable = chosen.iter().any(|one| reaches(one.recipient_kind, account.phone.as_deref()));
        Ok(if is_reachable || !own.factors.is_empty() {
            SecondFactorState::Ready
        } else if !own.enrollable.is_empty() {
            SecondFactorState::NotEnrolled
        } else if chosen.is_empty() {
            SecondFactorState::NoInstance
        } else {
            SecondFactorState::NotReachable
        })
    }
}

/// Returns whether an instance can reach a person. The email address is always known.
pub(super) fn reaches(kind: RecipientKind, phone: Option<&str>) -> bool {
    match kind {
        RecipientKind::EmailAddress => true,
        RecipientKind::PhoneNumber => phone.is_some(),
        RecipientKind::Handle => false,
    }
}
