//! Verifying an answer that comes from a factor that the user holds.
//!
//! The answer was counted and committed before. The component verifies it; then the challenge is consumed and the factor gets its new state,
//! both in one transaction and only if nobody used the factor in the meantime. So one state is followed by one other: a code or an
//! assertion is accepted once, by however many processes it is verified.

use jiff::Timestamp;
use twofactor_sandbox::{AcceptedAnswer, FactorContext, FactorFacts, FactorState, FactorVerdict, Observation};
use zeroize::Zeroizing;

use super::factor_start::FactorChallenge;
use super::request::{ChallengeKind, Given, Verified};
use super::start::is_open;
use super::{Challenges, Details};
use crate::audit::Actor;
use crate::error::Error;
use crate::instance::{Available, ChosenFactor};
use crate::store::{ChallengeRecord, Consume, Consumed, FactorUse};
use crate::user_factor::{FactorPlace, HeldFactor, of_factor};

/// What was given does not fit the challenge.
pub(super) fn other_kind(given: Given<'_>) -> Error {
    match given {
        Given::Code(_) => Error::invalid_at("/code", "is not accepted for this challenge; send `credential` instead"),
        Given::Credential(_) => {
            Error::invalid_at("/credential", "is not accepted for this challenge; send `code` instead")
        }
    }
}

impl Challenges {
    /// Returns a typed code that does not have the form of the host's codes, in its canonical form: some factors have codes with letters.
    /// Nothing is counted.
    ///
    /// A challenge that is not open accepts whatever is typed, as an unknown one does: it is refused as closed when it is counted.
    ///
    /// # Errors
    /// `malformed` if the challenge is open and not answered with such a code.
    pub(super) async fn typed_for_factor(
        &self,
        subscription: &str,
        id: &str,
        (code, malformed): (&str, Error),
        now: Timestamp,
    ) -> Result<Zeroizing<String>, Error> {
        let stored = self.store.challenge(subscription, id).await?;
        let Some(record) = stored.filter(|record| is_open(record, now)) else { return Ok(Zeroizing::default()) };
        let details = self.details(&record)?;
        let Some(FactorChallenge { kind: ChallengeKind::TypedCode, .. }) = details.held() else {
            return Err(malformed);
        };
        self.chosen_factor(&record, &details).await?.typed(code)
    }

    /// Uncounts an answer that is malformed or of the wrong kind, and returns its error.
    pub(super) async fn not_counted(&self, record: &ChallengeRecord, why: Error) -> Error {
        match self.store.release_attempt(&record.subscription, &record.id, record.person).await {
            Ok(()) => why,
            Err(error) => error.into(),
        }
    }

    pub(super) async fn verify_factor(
        &self,
        record: ChallengeRecord,
        details: Details,
        given: Given<'_>,
        input: Zeroizing<String>,
    ) -> Result<Verified, Error> {
        let chosen = self.chosen_factor(&record, &details).await?;
        let input = match (chosen.is_webauthn(), given) {
            (false, Given::Code(_)) => match chosen.typed(&input) {
                Ok(input) => input,
                Err(malformed) => return Err(self.not_counted(&record, malformed).await),
            },
            (true, Given::Credential(_)) => input,
            _ => return Err(self.not_counted(&record, other_kind(given)).await),
        };
        self.verify_with_component(&chosen, record, details, &input).await
    }

    /// Returns the instance of a challenge, if it is still available and its component is the one that began the challenge.
    async fn chosen_factor(&self, record: &ChallengeRecord, details: &Details) -> Result<ChosenFactor, Error> {
        let available = self.instances.choose_any(&details.sign_in, Some(&record.instance)).await?;
        match (available.into_iter().next(), details.held()) {
            (Some(Available::Factor(chosen)), Some(held)) if chosen.digest() == held.digest => Ok(chosen),
            _ => Err(Error::closed()),
        }
    }

    async fn verify_with_component(
        &self,
        chosen: &ChosenFactor,
        record: ChallengeRecord,
        details: Details,
        input: &str,
    ) -> Result<Verified, Error> {
        let kept = details.held().ok_or_else(Error::closed)?;
        let subscription = &record.subscription;
        let identified = match &details.sign_in.user {
            Some(user) => Some(user.clone()),
            None => self.identify(chosen, subscription, input).await?,
        };
        let Some(user) = identified else { return Err(self.rejected(&record)) };
        let mut held = self.held.of(subscription, &user, false).await?;
        // The component names a factor by its place in the list of states, so each has one.
        held.retain(|one| one.is_active() && one.record.instance == chosen.id && one.state.is_some());
        let states: Vec<FactorState> = held.iter().filter_map(|one| one.state.clone()).collect();
        let factor_user = self.factor_user(chosen, subscription, Some(&user)).await?;
        let context = FactorContext {
            now: self.clock.now(),
            site: &chosen.site,
            user: &factor_user,
            requirements: kept.requirements,
            // Only enrolments look at attestations.
            trusted: &[],
        };
        let verdict = chosen.configured()?.verify(&context, &states, &kept.pending.0, input).await;
        let outcome = match &verdict {
            Ok(FactorVerdict::Right(_)) => "right",
            Ok(FactorVerdict::Wrong) => "wrong",
            Ok(FactorVerdict::Malformed) => "malformed",
            Ok(FactorVerdict::Suspicious { .. }) => "suspicious",
            Ok(FactorVerdict::Expired) => "expired",
            Err(_) => "failed",
        };
        metrics::counter!("twofactor_factor_checks_total", "type" => chosen.type_id.clone(), "outcome" => outcome)
            .increment(1);
        match verdict.map_err(|why| chosen.failed(&why))? {
            FactorVerdict::Right(accepted) => match held.get(accepted.index) {
                Some(used) => self.accept(chosen, record, details, used, &accepted).await,
                None => Err(self.rejected(&record)),
            },
            FactorVerdict::Malformed => {
                let why = match kept.kind {
                    ChallengeKind::TypedCode => Error::invalid_at("/code", "is not a code of this factor"),
                    ChallengeKind::WebauthnGet => {
                        Error::invalid_at("/credential", "is not a credential as returned by `toJSON()`")
                    }
                };
                Err(self.not_counted(&record, why).await)
            }
            FactorVerdict::Suspicious { index, suspicion } => {
                if let Some(used) = held.get(index) {
                    self.held.suspect(used, suspicion).await?;
                }
                Err(self.rejected(&record))
            }
            FactorVerdict::Wrong | FactorVerdict::Expired => Err(self.rejected(&record)),
        }
    }

    /// Returns the user of a passwordless sign-in: the one who holds the factor that the answer claims to come from. Nothing of it is proved
    /// yet.
    async fn identify(&self, chosen: &ChosenFactor, subscription: &str, input: &str) -> Result<Option<String>, Error> {
        let id = chosen.configured()?.identify(input).await.map_err(|why| chosen.failed(&why))?;
        let Some(id) = id else { return Ok(None) };
        let unique_id = self.held.unique_id(subscription, &chosen.site.rp_id, &id);
        let found = self.held.by_unique_id(unique_id).await?;
        let fits = |one: &HeldFactor| one.record.subscription == subscription && one.record.instance == chosen.id;
        Ok(found.filter(fits).map(|one| one.user))
    }

    /// Consumes the challenge and stores the factor's new state, both or neither.
    async fn accept(
        &self,
        chosen: &ChosenFactor,
        record: ChallengeRecord,
        details: Details,
        used: &HeldFactor,
        accepted: &AcceptedAnswer,
    ) -> Result<Verified, Error> {
        let (now, is_webauthn) = (self.clock.now(), chosen.is_webauthn());
        let proved = of_factor(is_webauthn, &accepted.facts, record.first_factor);
        let kept = details.held().ok_or_else(Error::closed)?;
        if !kept.required.is_met(is_webauthn, &accepted.facts) {
            return Err(self.rejected(&record));
        }
        let facts = updated(used.facts, accepted.facts);
        let Some(code) = record.codes.last().copied() else { return Err(Error::closed()) };
        let consume = Consume {
            subscription: record.subscription.clone(),
            id: record.id.clone(),
            code,
            person: record.person,
            release: Vec::new(),
            factor: Some(FactorUse {
                factor: used.record.id.clone(),
                revision: used.record.revision,
                state: self.held.seal_state(FactorPlace::of(&used.record), &accepted.state, facts)?,
            }),
            now,
        };
        match self.store.consume_challenge(consume).await? {
            Consumed::Done => {}
            Consumed::Closed => return Err(Error::closed()),
            // Somebody else used it at the same time, with the same answer perhaps.
            Consumed::FactorChanged => return Err(self.rejected(&record)),
        }
        self.statistics.count(&record.subscription, &record.instance, "verified", "");
        self.note(used, &accepted.observations).await;
        let acr = kept.acr.clone().or_else(|| proved.acr.map(|acr| acr.name().to_owned()));
        Ok(Verified {
            user: Some(used.user.clone()),
            two_factor: record.instance,
            purpose: details.purpose,
            amr: proved.amr,
            acr,
            assurance: proved.assurance,
            factor: Some(used.record.id.clone()),
            uses_left: accepted.facts.uses_left,
            verified_at: now,
        })
    }

    /// Records what a component noted about an accepted answer. If that fails, the answer stays accepted.
    async fn note(&self, used: &HeldFactor, observations: &[Observation]) {
        for observation in observations {
            let (name, why) = match observation {
                Observation::CounterNotIncreased => {
                    ("counter-not-increased", Some("its signature counter did not increase: there may be a copy"))
                }
                Observation::BecameCopyable => ("became-copyable", Some("it was device-bound and can be copied now")),
                Observation::ClockDrift => ("clock-drift", None),
            };
            let type_id = &used.record.type_id;
            metrics::counter!("twofactor_factor_observations_total", "type" => type_id.clone(), "observation" => name)
                .increment(1);
            let Some(why) = why else { continue };
            let subject = format!("{}/{}", used.record.subscription, used.user);
            let detail = format!("factor {} of type {type_id}: {why}", used.record.id);
            tracing::warn!(factor = %used.record.id, %type_id, why, "a factor was used");
            if let Err(error) = self.held.append_audit(&Actor::new("engine"), "factor.note", &subject, &detail).await {
                tracing::error!(error = error.operator_detail(), "an observation was not audited");
            }
        }
    }

    fn rejected(&self, record: &ChallengeRecord) -> Error {
        self.statistics.count(&record.subscription, &record.instance, "wrong-answer", "");
        Error::code_rejected(record.max_attempts.saturating_sub(record.attempts))
    }
}

/// Returns what is known about a factor after it was used.
fn updated(before: FactorFacts, now: FactorFacts) -> FactorFacts {
    FactorFacts {
        user_present: now.user_present.or(before.user_present),
        user_verified: now.user_verified.or(before.user_verified),
        device_bound: now.device_bound.or(before.device_bound),
        backed_up: now.backed_up.or(before.backed_up),
        attested: now.attested,
        aaguid: now.aaguid.or(before.aaguid),
        uses_left: now.uses_left.or(before.uses_left),
    }
}
