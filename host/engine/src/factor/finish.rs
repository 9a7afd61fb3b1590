//! Finishing an enrolment.

use jiff::Timestamp;
use twofactor_sandbox::{AnswerKind, EnrolledFactor, EnrolmentVerdict, FactorContext, UnmetRequirement};
use zeroize::Zeroizing;

use super::Factors;
use super::enrol::{needs_another, too_many};
use super::pending::EnrolmentDetails;
use super::request::{EnrolmentAnswer, label};
use crate::challenge::Challenges;
use crate::completion::to_the_end;
use crate::error::{Error, FactorConflict};
use crate::instance::ChosenFactor;
use crate::random;
use crate::store::{
    AddFactor, EnrolmentAttempt, EnrolmentCharged, EnrolmentRecord, FactorAdded, FactorRecord, FactorStatus,
};
use crate::user_factor::{FactorEventKind, FactorPlace, HeldFactor, UserFactor};

impl Factors {
    pub(crate) async fn finish_enrolment(
        &self,
        subscription: &str,
        answer: EnrolmentAnswer,
    ) -> Result<UserFactor, Error> {
        if answer.code.as_ref().is_some_and(|code| code.len() > 256) {
            return Err(Error::invalid_at("/code", "must be at most 256 characters"));
        }
        let (now, label) = (self.clock.now(), label(answer.label.as_deref())?);
        let (_, details, chosen) =
            self.open_enrolment(subscription, &answer.enrolment, answer.holder.as_deref(), now).await?;
        let given = checked(&chosen, &answer)?;
        let counted_for = details.counted_for(subscription);
        let limits = self.challenges.limits().answer(&self.keyring, counted_for, answer.client_address);
        let (names, charges): (Vec<_>, _) = limits.into_iter().unzip();
        let attempt =
            EnrolmentAttempt { subscription: subscription.to_owned(), id: answer.enrolment.clone(), charges, now };
        let counted = match chosen.manifest.enrolment {
            AnswerKind::TypedCode => self.store.charge_enrolment(attempt).await?,
            AnswerKind::WebauthnCreate | AnswerKind::WebauthnGet | AnswerKind::ShowOnce => {
                self.store.take_enrolment(attempt).await?
            }
        };
        let record = match counted {
            EnrolmentCharged::Verify(record) => record,
            EnrolmentCharged::Closed => return Err(Error::enrolment_closed()),
            EnrolmentCharged::Limited(limited) => return Err(Challenges::limited(&limited, &names, now)),
        };
        let this = self.clone();
        // Runs to completion even if the caller disconnects: the enrolment may be used up by now.
        to_the_end(async move { this.verify_answer(&chosen, &record, &given, label, now).await }).await
    }

    async fn verify_answer(
        &self,
        chosen: &ChosenFactor,
        record: &EnrolmentRecord,
        given: &str,
        label: Option<String>,
        now: Timestamp,
    ) -> Result<UserFactor, Error> {
        let details = self.details(record)?;
        let factor_user = details.factor_user(self.handle_for(chosen, &record.subscription, details.user()).await?);
        let trusted = self.instances.trusted_authenticators(details.requirements);
        let context = FactorContext {
            now,
            site: &chosen.site,
            user: &factor_user,
            requirements: details.requirements,
            trusted: &trusted,
        };
        let verdict = chosen.configured()?.finish_enrolment(&context, &details.pending.0, given).await;
        let outcome = match &verdict {
            Ok(EnrolmentVerdict::Enrolled(_)) => "enrolled",
            Ok(EnrolmentVerdict::Wrong) => "wrong",
            Ok(EnrolmentVerdict::Malformed) => "malformed",
            Ok(EnrolmentVerdict::Unmet(_)) => "unmet",
            Err(_) => "failed",
        };
        metrics::counter!("twofactor_enrolments_total", "type" => chosen.type_id.clone(), "outcome" => outcome)
            .increment(1);
        match verdict.map_err(|why| chosen.failed(&why))? {
            EnrolmentVerdict::Enrolled(enrolled) => self.add(chosen, record, &details, enrolled, label, now).await,
            EnrolmentVerdict::Wrong => {
                Err(Error::code_rejected(record.max_attempts.saturating_sub(record.attempts.max(1))))
            }
            EnrolmentVerdict::Malformed => {
                if chosen.manifest.enrolment == AnswerKind::TypedCode {
                    self.store.release_enrolment(&record.subscription, &record.id).await?;
                }
                Err(malformed(chosen))
            }
            EnrolmentVerdict::Unmet(requirement) => Err(Error::new_factor_unmet(unmet(requirement))),
        }
    }

    async fn add(
        &self,
        chosen: &ChosenFactor,
        enrolment: &EnrolmentRecord,
        details: &EnrolmentDetails,
        enrolled: EnrolledFactor,
        label: Option<String>,
        now: Timestamp,
    ) -> Result<UserFactor, Error> {
        let EnrolledFactor { state, unique_id, facts } = enrolled;
        if !details.required.is_met(chosen.is_webauthn(), &facts) {
            return Err(Error::new_factor_unmet(details.required.name()));
        }
        let (id, subscription, user) = (random::id()?, &enrolment.subscription, details.user());
        let place = FactorPlace { subscription, instance: &chosen.id, user: &enrolment.user, id: &id };
        let unique_id =
            (!unique_id.is_empty()).then(|| self.held.unique_id(subscription, &chosen.site.rp_id, &unique_id));
        let factor = FactorRecord {
            subscription: subscription.clone(),
            user: enrolment.user,
            instance: chosen.id.clone(),
            type_id: chosen.type_id.clone(),
            unique_id,
            status: FactorStatus::Active,
            fallback: chosen.manifest.never_sole,
            details: self.held.seal_details(place, user, label.as_deref())?,
            state: self.held.seal_state(place, &state, facts)?,
            revision: 1,
            created_at: now,
            last_used_at: None,
            ended_at: None,
            id: id.clone(),
        };
        let (before, subject) = (self.held.of(subscription, user, false).await?, format!("{subscription}/{user}"));
        let detail = format!("factor {id} of type {}; proof: {}", chosen.type_id, details.proof);
        let actor = Self::person(user);
        self.audit.append(&actor, "factor.enrol", &subject, &detail).await?;
        let request = AddFactor {
            factor: factor.clone(),
            enrolment: Some(enrolment.id.clone()),
            changes: Some(details.changes),
            replaces_earlier: chosen.manifest.replaces_earlier,
            max_per_user: chosen.manifest.max_per_user,
            now,
        };
        let (why, error) = match self.store.add_factor(request).await? {
            FactorAdded::Added(replaced) => {
                let held = HeldFactor { record: factor, user: user.to_owned(), label, state: Some(state), facts };
                for mut old in before.into_iter().filter(|old| replaced.contains(&old.record.id)) {
                    (old.record.status, old.record.ended_at) = (FactorStatus::Ended, Some(now));
                    self.announce(subscription, user, old.view(), FactorEventKind::Replaced);
                }
                self.announce(subscription, user, held.view(), FactorEventKind::Enrolled);
                return Ok(held.view());
            }
            FactorAdded::Closed => {
                ("the enrolment has ended, or a sign-in method has changed since it began", Error::enrolment_closed())
            }
            // The same answer whether it is the user's own or another user's: nobody learns who holds an authenticator.
            FactorAdded::Duplicate => {
                let text = "this authenticator is already enrolled; use another one";
                ("its id is in use", Error::factor_refused(FactorConflict::AlreadyEnrolled, text))
            }
            FactorAdded::TooMany => ("the user has as many as allowed", too_many()),
            FactorAdded::NeedsAnother => ("the user holds no other factor", needs_another()),
        };
        self.audit.append(&actor, "factor.enrol", &subject, &format!("not applied: factor {id}: {why}")).await?;
        Err(error)
    }
}

/// Returns what the component gets. An answer that does not have the form of its kind is refused, and not counted.
fn checked(chosen: &ChosenFactor, answer: &EnrolmentAnswer) -> Result<Zeroizing<String>, Error> {
    let only = |name: &str| Error::invalid(format!("this enrolment is finished with `{name}` and nothing else"));
    match (chosen.manifest.enrolment, &answer.code, &answer.credential) {
        (AnswerKind::TypedCode, Some(code), None) => chosen.typed(code),
        (AnswerKind::TypedCode, ..) => Err(only("code")),
        (AnswerKind::WebauthnCreate | AnswerKind::WebauthnGet, None, Some(credential)) => chosen.credential(credential),
        (AnswerKind::WebauthnCreate | AnswerKind::WebauthnGet, ..) => Err(only("credential")),
        (AnswerKind::ShowOnce, None, None) => Ok(Zeroizing::default()),
        (AnswerKind::ShowOnce, ..) => Err(Error::invalid("this enrolment is finished without `code` and `credential`")),
    }
}

fn malformed(chosen: &ChosenFactor) -> Error {
    match chosen.manifest.enrolment {
        AnswerKind::TypedCode => Error::invalid_at("/code", "is not a code of this factor"),
        _ => Error::invalid_at("/credential", "is not a credential as returned by `toJSON()`"),
    }
}

fn unmet(requirement: UnmetRequirement) -> &'static str {
    match requirement {
        UnmetRequirement::UserVerification => "user-verification",
        UnmetRequirement::DeviceBound => "device-bound",
        UnmetRequirement::Attested => "attested",
        UnmetRequirement::TrustedAuthenticator => "trusted-authenticator",
        UnmetRequirement::Algorithm => "algorithm",
    }
}
