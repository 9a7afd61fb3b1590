//! Whether log-ins to accounts demand a second factor, and what guards them.
//!
//! That they demand one is a fact in the store. It becomes true with the first log-in that had a second factor, which proves that it
//! works, or when a system administrator turns it on; from then on it stays until a system administrator turns it off. So "none was
//! set up yet" and "it is broken" are told apart: the first lets a person in with a password, the second lets nobody in.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Account, Accounts};
use crate::administration::{Actor, Changes};
use crate::challenge::SignIn;
use crate::error::Error;
use crate::provider::RecipientKind;
use crate::store::{AssignmentKind, AssignmentRecord, SecondFactorRecord, Store};

/// The client application that log-ins to accounts are sign-ins to: what instances are assigned to for them.
pub(super) const CLIENT_APPLICATION: &str = "twofactor-admin";

/// How the second factor of accounts is set.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SecondFactor {
    /// The subscription whose instances deliver it.
    pub subscription: Option<String>,
    /// Since when every log-in demands it; none if it is asked for only where it is available.
    pub demanded_since: Option<Timestamp>,
    /// Counts changes; 0 if it was never set.
    pub revision: u64,
}

/// Whether a person can be asked for a second factor, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondFactorState {
    /// No subscription is chosen.
    NoSubscription,
    /// No instance that is active and valid is assigned to the client application `twofactor-admin`.
    NoInstance,
    /// There are instances, but none reaches the person: the account lacks a telephone number.
    NotReachable,
    /// It can.
    Ready,
}

/// What guards the log-ins to accounts. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Guard {
    store: Arc<dyn Store>,
    /// The subscription that counts until one is chosen.
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

    /// Whether an instance of a subscription guards log-ins to accounts if it is assigned to one of these.
    pub(crate) async fn is_guarding(&self, subscription: &str, targets: &[AssignmentRecord]) -> Result<bool, Error> {
        if self.settings().await?.subscription.as_deref() != Some(subscription) {
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
    /// How the second factor of accounts is set.
    ///
    /// # Errors
    /// When the store is not available.
    pub async fn second_factor_settings(&self) -> Result<SecondFactor, Error> {
        self.guard.settings().await
    }

    /// Chooses the subscription whose instances deliver the second factor, and whether every log-in demands one; with
    /// `expected_revision` only if nobody else changed it since that was read. For system administrators alone.
    ///
    /// # Errors
    /// Invalid input for a subscription that does not exist; a conflict if it is to be demanded and no instance could deliver it, which
    /// would lock everybody out; passed over if somebody else changed it.
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
            return Err(Error::invalid_at("/subscription", "names a subscription that does not exist"));
        }
        let is_new = before.demanded_since.is_none() || before.subscription != subscription;
        if demanded && is_new && !self.is_deliverable(subscription.as_deref()).await? {
            return Err(Error::conflict(
                "no active and valid instance of this subscription is assigned to the client application `twofactor-admin`: \
                 to demand a second factor now would lock everybody out",
            ));
        }
        let since = demanded.then(|| before.demanded_since.unwrap_or_else(|| self.clock.now()));
        self.store_second_factor(actor, &before, subscription, since, expected_revision).await
    }

    /// Every log-in demands a second factor from now on: somebody had one, so it works.
    pub(super) async fn second_factor_worked(&self, actor: &Actor, subscription: &str) -> Result<(), Error> {
        let before = self.guard.settings().await?;
        if before.demanded_since.is_some() || before.subscription.as_deref() != Some(subscription) {
            return Ok(());
        }
        let (chosen, now) = (before.subscription.clone(), self.clock.now());
        match self.store_second_factor(actor, &before, chosen, Some(now), None).await {
            // Another log-in was faster, or a system administrator decides just now.
            Err(error) if error.is_passed_over() => Ok(()),
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
            return Err(Error::passed_over());
        }
        let detail = Changes::default()
            .field("/subscription", before.subscription.as_ref(), subscription.as_ref())
            .field("/demanded", Some(before.demanded_since.is_some()), Some(demanded_since.is_some()))
            .text();
        self.audit.append(actor, "second-factor.set", "accounts", &detail).await?;
        let record = SecondFactorRecord { subscription, demanded_since, revision: revision + 1 };
        if !self.store.set_second_factor(record, revision).await? {
            let detail = "this did not happen: somebody else changed it first";
            self.audit.append(actor, "second-factor.set", "accounts", detail).await?;
            return Err(Error::passed_over());
        }
        self.guard.settings().await
    }

    async fn is_deliverable(&self, subscription: Option<&str>) -> Result<bool, Error> {
        let Some(subscription) = subscription else { return Ok(false) };
        let sign_in = SignIn::new(subscription).client_application(CLIENT_APPLICATION);
        let chosen = self.instances.choose(&sign_in, None).await?;
        Ok(chosen.iter().any(|one| one.recipient_kind != RecipientKind::Handle))
    }

    /// Whether the person of an account can be asked for a second factor.
    ///
    /// # Errors
    /// When the store is not available.
    pub async fn second_factor_state(&self, account: &Account) -> Result<SecondFactorState, Error> {
        let Some(subscription) = self.guard.settings().await?.subscription else {
            return Ok(SecondFactorState::NoSubscription);
        };
        let sign_in = SignIn::new(subscription).client_application(CLIENT_APPLICATION).user(&account.id);
        let chosen = self.instances.choose(&sign_in, None).await?;
        Ok(if chosen.is_empty() {
            SecondFactorState::NoInstance
        } else if chosen.iter().any(|one| reaches(one.recipient_kind, account.phone.as_deref())) {
            SecondFactorState::Ready
        } else {
            SecondFactorState::NotReachable
        })
    }
}

/// Whether an instance can reach a person, whose email address is always known.
pub(super) fn reaches(kind: RecipientKind, phone: Option<&str>) -> bool {
    match kind {
        RecipientKind::EmailAddress => true,
        RecipientKind::PhoneNumber => phone.is_some(),
        RecipientKind::Handle => false,
    }
}
