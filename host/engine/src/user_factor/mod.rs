//! The factors that users hold: passkeys, authenticator apps, recovery codes. What is stored of them is sealed and bound to its place.
//!
//! A component verifies answers and stores nothing. This module holds what it is given: the states of a user's factors, and the handle that
//! stands for the user at a relying party. Whether somebody may enrol, rename or remove one is decided in `factor`, above it.

mod assurance;
mod events;
mod pending;
mod sealed;
mod strength;

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use twofactor_sandbox::{FactorFacts, FactorState, Suspicion};

pub use assurance::{Aal, Acr, Assurance};
pub(crate) use assurance::{Proved, of_delivered_code, of_factor, of_remembered_browser, of_temporary_pass};
pub(crate) use events::FactorEvents;
pub use events::{FactorEvent, FactorEventKind};
pub(crate) use pending::Pending;
pub(crate) use sealed::FactorPlace;

pub use crate::instance::RequiredFactor;

use crate::audit::{Actor, AuditLog};
use crate::clock::Clock;
use crate::error::Error;
use crate::keyring::Keyring;
use crate::random;
use crate::store::{BucketKey, FactorRecord, FactorStatus, Store, UniqueIdHash};

/// How many bytes a user's handle has: the most that WebAuthn allows.
const HANDLE_BYTES: usize = 64;

/// A factor of a user, as applications and people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UserFactor {
    /// The opaque id.
    pub id: String,
    /// The type of its instance, such as `totp`.
    #[serde(rename = "type")]
    pub type_id: String,
    /// The instance it was enrolled with.
    pub two_factor: String,
    /// The name that the person gave it.
    pub label: Option<String>,
    /// Whether it can be used.
    pub status: FactorStatus,
    /// Whether it is only a fallback, which ends with the last other factor.
    pub fallback: bool,
    /// When it was enrolled.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// What is known about it. Empty for one that has ended.
    pub facts: FactorFacts,
}

impl UserFactor {
    /// Sorts factors by strength, and equal ones by their last use.
    pub(crate) fn rank(&self, is_webauthn: bool) -> (u8, Option<Timestamp>) {
        strength::rank(is_webauthn, self.fallback, &self.facts, self.last_used_at)
    }
}

/// A factor with what is sealed of it. `Debug` is missing on purpose.
#[derive(Clone)]
pub(crate) struct HeldFactor {
    pub(crate) record: FactorRecord,
    pub(crate) user: String,
    pub(crate) label: Option<String>,
    /// None for one that has ended.
    pub(crate) state: Option<FactorState>,
    pub(crate) facts: FactorFacts,
}

impl HeldFactor {
    pub(crate) fn is_active(&self) -> bool {
        self.record.status == FactorStatus::Active
    }

    /// Sorts factors by strength, and equal ones by their last use.
    pub(crate) fn rank(&self, is_webauthn: bool) -> (u8, Option<Timestamp>) {
        strength::rank(is_webauthn, self.record.fallback, &self.facts, self.record.last_used_at)
    }

    pub(crate) fn view(&self) -> UserFactor {
        let record = &self.record;
        UserFactor {
            id: record.id.clone(),
            type_id: record.type_id.clone(),
            two_factor: record.instance.clone(),
            label: self.label.clone(),
            status: record.status,
            fallback: record.fallback,
            created_at: record.created_at,
            last_used_at: record.last_used_at,
            ended_at: record.ended_at,
            facts: self.facts,
        }
    }
}

/// Returns the person that a user of a subscription is. Wrong codes count against it.
pub(crate) fn user_person(keyring: &Keyring, subscription: &str, user: &str) -> BucketKey {
    person(keyring, subscription, b"user", user)
}

/// Returns the person against whom wrong credentials of a user count. Typing wrong codes never locks a passkey, nor the reverse.
pub(crate) fn credential_person(keyring: &Keyring, subscription: &str, user: &str) -> BucketKey {
    person(keyring, subscription, b"user-credential", user)
}

/// Returns all persons against whom wrong answers of a user count.
pub(crate) fn user_persons(keyring: &Keyring, subscription: &str, user: &str) -> [BucketKey; 2] {
    [user_person(keyring, subscription, user), credential_person(keyring, subscription, user)]
}

/// Returns the persons against whom wrong answers count in logins to an account: wrong codes, and wrong credentials. What applications do
/// with a user of the same name does not count against them.
pub(crate) fn account_persons(keyring: &Keyring, account: &str) -> [BucketKey; 2] {
    [b"account-person".as_slice(), b"account-credential-person"]
        .map(|kind| keyring.bucket("limit", &[kind, account.as_bytes()]))
}

fn person(keyring: &Keyring, subscription: &str, kind: &[u8], user: &str) -> BucketKey {
    keyring.bucket("limit", &[b"person", subscription.as_bytes(), kind, user.as_bytes()])
}

/// The factors that users hold. Cheap to clone.
#[derive(Clone)]
pub(crate) struct UserFactors {
    store: Arc<dyn Store>,
    keyring: Keyring,
    clock: Arc<dyn Clock>,
    audit: Arc<AuditLog>,
    pub(crate) events: FactorEvents,
}

impl UserFactors {
    pub(crate) fn new(store: Arc<dyn Store>, keyring: Keyring, clock: Arc<dyn Clock>, audit: Arc<AuditLog>) -> Self {
        Self { store, keyring, clock, audit, events: FactorEvents::default() }
    }

    /// Returns the keyed hash under which the factors of a user are stored.
    pub(crate) fn key(&self, subscription: &str, user: &str) -> BucketKey {
        user_person(&self.keyring, subscription, user)
    }

    /// Returns the factors of a user that have not ended, the oldest first; with `ended` those that have, too.
    pub(crate) async fn of(&self, subscription: &str, user: &str, ended: bool) -> Result<Vec<HeldFactor>, Error> {
        let records = self.store.factors(self.key(subscription, user), ended).await?;
        records.into_iter().map(|record| self.open(record)).collect()
    }

    /// Returns one factor of a user, unless it has ended.
    pub(crate) async fn one(&self, subscription: &str, user: &str, id: &str) -> Result<HeldFactor, Error> {
        let not_found = || Error::not_found("factor");
        let record = self.store.factor(subscription, id).await?.ok_or_else(not_found)?;
        if record.user != self.key(subscription, user) || record.status == FactorStatus::Ended {
            return Err(not_found());
        }
        self.open(record)
    }

    /// Returns the hash by which a factor is found by the id that no two factors of a relying party share.
    pub(crate) fn unique_id(&self, subscription: &str, rp_id: &str, id: &[u8]) -> UniqueIdHash {
        self.keyring.fingerprint("factor-unique-id", &[subscription.as_bytes(), rp_id.as_bytes(), id])
    }

    /// Returns the factor with a unique id, unless it has ended.
    pub(crate) async fn by_unique_id(&self, unique_id: UniqueIdHash) -> Result<Option<HeldFactor>, Error> {
        self.store.factor_by_unique_id(unique_id).await?.map(|record| self.open(record)).transpose()
    }

    /// Returns the random bytes that stand for a user at a relying party. Of a user who has none they are new, and stored only by
    /// [`Self::keep_handle`]: a handle stays for ever, and whoever asks for one may not be allowed to enrol.
    pub(crate) async fn handle(&self, subscription: &str, user: &str, rp_id: &str) -> Result<Vec<u8>, Error> {
        let place = [subscription, user, rp_id].map(str::as_bytes);
        if let Some(stored) = self.store.user_handle(self.handle_key(&place)).await? {
            return self.open_handle(&place, &stored);
        }
        let mut handle = vec![0; HANDLE_BYTES];
        random::fill(&mut handle)?;
        Ok(handle)
    }

    /// Stores the handle of a user, unless there is one. Returns the stored one, which is the same from then on.
    pub(crate) async fn keep_handle(
        &self,
        subscription: &str,
        user: &str,
        rp_id: &str,
        handle: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let place = [subscription, user, rp_id].map(str::as_bytes);
        let sealed = self.keyring.seal(sealed::HANDLE, &place, handle).map_err(Error::unavailable)?;
        let stored = self.store.add_user_handle(self.handle_key(&place), sealed).await?;
        self.open_handle(&place, &stored)
    }

    fn handle_key(&self, place: &[&[u8]]) -> BucketKey {
        self.keyring.bucket("user-handle", place)
    }

    fn open_handle(&self, place: &[&[u8]], sealed: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(self.keyring.open(sealed::HANDLE, place, sealed).map_err(Error::unavailable)?.to_vec())
    }

    pub(crate) async fn append_audit(
        &self,
        actor: &Actor,
        action: &str,
        subject: &str,
        detail: &str,
    ) -> Result<(), Error> {
        self.audit.append(actor, action, subject, detail).await
    }

    /// Suspends a factor of which an answer raised suspicion. The caller of the answer does not learn it.
    pub(crate) async fn suspect(&self, factor: &HeldFactor, suspicion: Suspicion) -> Result<(), Error> {
        let HeldFactor { record, user, .. } = factor;
        let (subscription, id, type_id) = (&record.subscription, &record.id, &record.type_id);
        let (why, metric) = match suspicion {
            Suspicion::CounterWentBack => ("its signature counter went back", "counter-went-back"),
            Suspicion::PropertyChanged => ("a property that cannot change did change", "property-changed"),
        };
        tracing::error!(%subscription, factor = %id, %type_id, why, "a factor may have been copied: it is suspended");
        metrics::counter!("twofactor_factors_suspended_total", "type" => type_id.clone(), "reason" => metric)
            .increment(1);
        let detail = format!("factor {id} of type {type_id}: {why}");
        self.audit.append(&Actor::new("engine"), "factor.suspend", &format!("{subscription}/{user}"), &detail).await?;
        let (from, to) = (FactorStatus::Active, FactorStatus::Suspended);
        if self.store.set_factor_status(subscription, id, from, to).await? {
            let mut view = factor.view();
            view.status = to;
            self.events.happened(FactorEvent {
                subscription: subscription.clone(),
                user: user.clone(),
                factor: view,
                kind: FactorEventKind::Suspended,
                at: self.clock.now(),
            });
        }
        Ok(())
    }
}
