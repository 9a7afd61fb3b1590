//! Beginning an enrolment.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use twofactor_sandbox::{AnswerKind, BegunEnrolment, FactorContext, FactorState};

use super::Basis;
use super::Factors;
use super::keys_in_use::in_progress;
use super::pending::{EnrolmentDetails, SealedReveal};
use super::proof::{Change, ProofFor};
use super::request::{Enrolment, NewEnrolment};
use crate::challenge::{Challenges, CountedFor};
use crate::completion::to_the_end;
use crate::error::{Error, FactorConflict};
use crate::instance::ChosenFactor;
use crate::random;
use crate::store::{BeginEnrolment, EnrolmentBegun, EnrolmentRecord, IdempotencyClaim, IdempotencyRecord};
use crate::user_factor::{HeldFactor, Pending, RequiredFactor};

/// How long a person has to scan a code and type another.
const TYPED: Duration = Duration::from_secs(600);

/// How long a person has otherwise: the default of WebAuthn (Level 3 section 15.1).
const OTHERWISE: Duration = Duration::from_secs(300);

/// How many wrong codes an enrolment accepts.
const TYPED_ATTEMPTS: u32 = 10;

impl Factors {
    /// Begins an enrolment.
    pub(crate) async fn enrol(&self, new: NewEnrolment) -> Result<Enrolment, Error> {
        let this = self.clone();
        // Runs to completion even if the caller disconnects: a proof that was used must lead to an enrolment.
        to_the_end(async move { this.begin(new).await }).await
    }

    async fn begin(&self, new: NewEnrolment) -> Result<Enrolment, Error> {
        let (new, user) = new.checked()?;
        let subscription = new.sign_in.subscription.clone();
        let _key_in_use = self.keys_in_use.take("enrolment", &subscription, new.idempotency_key.as_deref())?;
        let chosen = self.instance(&new.sign_in, &new.two_factor).await?;
        let changes = match new.changes {
            Some(changes) => changes,
            None => self.changes(&new.sign_in).await?,
        };
        let held = self.held.of(&subscription, &user, false).await?;
        let now = self.clock.now();
        let id = random::id_at(now)?;
        let idempotency = self.claim(&new, now + lifetime(&chosen));
        // The proof of a repeat was used by the first request.
        if let Some(first) = self.repeated(&new, idempotency.as_ref()).await? {
            return Ok(first);
        }
        check_number(&chosen, &held)?;
        let required = chosen.required(new.required);
        if required != RequiredFactor::Any && !chosen.is_webauthn() {
            return Err(Error::new_factor_unmet(required.name()));
        }
        let user_name = new.user_name.clone().unwrap_or_else(|| user.clone());
        let mut details = EnrolmentDetails {
            digest: chosen.digest().to_owned(),
            display_name: new.display_name.clone().unwrap_or_else(|| user_name.clone()),
            user_name,
            requirements: required.requirements(new.passwordless),
            required,
            holder: self.holder(new.holder.as_deref()),
            proof: String::new(),
            changes,
            pending: Pending(Default::default()),
            public: json!({}),
            reveal: None,
            sign_in: new.sign_in.clone(),
        };
        let existing: Vec<FactorState> = held
            .iter()
            .filter(|held| held.record.instance == chosen.id)
            .filter_map(|held| held.state.clone())
            .collect();
        let handle = self.handle_for(&chosen, &subscription, &user).await?;
        let mut begun = self.begin_with(&chosen, &details, &existing, handle.clone(), now).await?;
        let what = ProofFor {
            sign_in: &new.sign_in,
            change: Change::Enrol(&chosen.policy),
            held: &held,
            client_address: new.client_address,
            holder: new.holder.as_deref(),
        };
        let user_key = self.held.key(&subscription, &user);
        let counted_for = match new.basis {
            Basis::Account => CountedFor::Accounts,
            _ => CountedFor::Subscription(&subscription),
        };
        let shared = (counted_for, self.challenges.subscriptions().await?);
        let limits = self.challenges.limits().enrolment(&self.keyring, shared, &user_key, new.client_address);
        let (names, charges): (Vec<_>, Vec<_>) = limits.into_iter().unzip();
        // They are counted below, with the enrolment. What fails before the proof does not use it up.
        self.challenges.check_charges(&names, charges.clone()).await?;
        // As late as possible: what fails before it does not use it up.
        let proof = match self.accept_proof(&new.basis, what).await {
            Ok(proof) => proof,
            // Another server may have handled the same request since, and used the proof.
            Err(error) => return self.repeated(&new, idempotency.as_ref()).await?.ok_or(error),
        };
        details.proof = proof.name.to_owned();
        if chosen.is_webauthn() {
            // Only now: a request that is refused leaves nothing that stays.
            let stored = self.held.keep_handle(&subscription, &user, &chosen.site.rp_id, &handle).await?;
            if stored != handle {
                // Another enrolment of this user was the first.
                begun = self.begin_with(&chosen, &details, &existing, stored, now).await?;
            }
        }
        details.pending = Pending(begun.pending);
        details.public = begun.public;
        details.reveal = begun.reveal.as_ref().map(SealedReveal::from);
        let mut record = EnrolmentRecord {
            id,
            user: user_key,
            subscription,
            instance: chosen.id.clone(),
            sealed: Vec::new(),
            attempts: 0,
            max_attempts: if chosen.manifest.enrolment == AnswerKind::TypedCode { TYPED_ATTEMPTS } else { 1 },
            created_at: now,
            expires_at: now + lifetime(&chosen),
        };
        record.sealed = self.seal_details(&record, &details)?;
        let request = BeginEnrolment { enrolment: record.clone(), charges, idempotency, pass: proof.pass };
        match self.store.begin_enrolment(request).await? {
            EnrolmentBegun::Begun => {}
            EnrolmentBegun::PassEnded => return Err(Error::proof_required("the pass is not valid")),
            EnrolmentBegun::Limited(limited) => return Err(Challenges::limited(&limited, &names, now)),
            EnrolmentBegun::Repeated(_) => return Err(in_progress()),
        }
        if let Some(claim) = &idempotency {
            let answer =
                self.keyring.seal(REMEMBERED, &[&claim.key], record.id.as_bytes()).map_err(Error::unavailable)?;
            self.store.complete_idempotency(claim.key, &record.id, Some(answer)).await?;
        }
        metrics::counter!("twofactor_enrolments_begun_total", "type" => chosen.type_id.clone()).increment(1);
        Ok(details.view(&record, &chosen))
    }

    /// Begins the enrolment of a user with this handle in the component.
    async fn begin_with(
        &self,
        chosen: &ChosenFactor,
        details: &EnrolmentDetails,
        existing: &[FactorState],
        handle: Vec<u8>,
        now: Timestamp,
    ) -> Result<BegunEnrolment, Error> {
        let factor_user = details.factor_user(handle);
        let trusted = self.instances.trusted_authenticators(details.requirements);
        let context = FactorContext {
            now,
            site: &chosen.site,
            user: &factor_user,
            requirements: details.requirements,
            trusted: &trusted,
        };
        chosen.configured()?.begin_enrolment(&context, existing).await.map_err(|why| chosen.failed(&why))
    }

    /// Returns the first response to a request with this idempotency key; none if this is the first request.
    async fn repeated(&self, new: &NewEnrolment, claim: Option<&IdempotencyClaim>) -> Result<Option<Enrolment>, Error> {
        let Some(claim) = claim else { return Ok(None) };
        match self.store.idempotency(claim.key, self.clock.now()).await? {
            Some(known) => self.repeat(new, claim, &known).await.map(Some),
            None => Ok(None),
        }
    }

    /// Returns the first response to a request with this idempotency key, as long as its enrolment is open.
    async fn repeat(
        &self,
        new: &NewEnrolment,
        claim: &IdempotencyClaim,
        known: &IdempotencyRecord,
    ) -> Result<Enrolment, Error> {
        if known.request != claim.request {
            return Err(Error::key_reused());
        }
        let answer = known.answer.as_ref().ok_or_else(in_progress)?;
        let id = self.keyring.open(REMEMBERED, &[&claim.key], answer).map_err(Error::unavailable)?;
        let id = String::from_utf8_lossy(&id).into_owned();
        self.enrolment(&new.sign_in.subscription, &id, new.holder.as_deref()).await
    }

    /// Returns an open enrolment as it was begun, for a page that is loaded again.
    pub(crate) async fn enrolment(
        &self,
        subscription: &str,
        id: &str,
        holder: Option<&str>,
    ) -> Result<Enrolment, Error> {
        let (record, details, chosen) = self.open_enrolment(subscription, id, holder, self.clock.now()).await?;
        Ok(details.view(&record, &chosen))
    }

    /// Returns the handle that stands for a user at the site, if factors of this kind need one.
    pub(super) async fn handle_for(
        &self,
        chosen: &ChosenFactor,
        subscription: &str,
        user: &str,
    ) -> Result<Vec<u8>, Error> {
        match chosen.is_webauthn() {
            true => self.held.handle(subscription, user, &chosen.site.rp_id).await,
            false => Ok(Vec::new()),
        }
    }

    fn claim(&self, new: &NewEnrolment, until: Timestamp) -> Option<IdempotencyClaim> {
        let key = new.idempotency_key.as_deref()?;
        let NewEnrolment { sign_in, two_factor, user_name, display_name, required, passwordless, holder, .. } = new;
        let request = json!([sign_in, two_factor, user_name, display_name, required, passwordless, holder]);
        Some(IdempotencyClaim {
            key: self.keyring.bucket("enrolment-idempotency", &[sign_in.subscription.as_bytes(), key.as_bytes()]),
            request: self.keyring.fingerprint("idempotent-enrolment", &[request.to_string().as_bytes()]),
            until,
        })
    }
}

const REMEMBERED: &str = "enrolment-remembered";

fn lifetime(chosen: &ChosenFactor) -> Duration {
    if chosen.manifest.enrolment == AnswerKind::TypedCode { TYPED } else { OTHERWISE }
}

/// Refuses early what the store would refuse at the end.
fn check_number(chosen: &ChosenFactor, held: &[HeldFactor]) -> Result<(), Error> {
    let manifest = &chosen.manifest;
    if manifest.never_sole && !held.iter().any(|held| held.is_active() && !held.record.fallback) {
        return Err(needs_another());
    }
    let same = held.iter().filter(|held| held.record.instance == chosen.id).count();
    if !manifest.replaces_earlier && same >= usize::try_from(manifest.max_per_user).unwrap_or(usize::MAX) {
        return Err(too_many());
    }
    Ok(())
}

pub(super) fn needs_another() -> Error {
    Error::factor_refused(
        FactorConflict::NeedsAnother,
        "factors of this kind are only a fallback: enrol another factor first",
    )
}

pub(super) fn too_many() -> Error {
    Error::factor_refused(
        FactorConflict::TooMany,
        "the user has the maximum number of factors of this instance; remove one first",
    )
}
