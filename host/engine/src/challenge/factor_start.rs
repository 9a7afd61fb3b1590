//! Challenges that are answered with a factor that the user holds: nothing is delivered.

use std::cmp::Reverse;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use twofactor_sandbox::{FactorContext, FactorState, FactorUser, Requirements};

use super::account_challenge::StartedFor;
use super::request::{AvailableInstance, Challenge, ChallengeKind, NewChallenge};
use super::{AddressProof, Challenges, Details, VerifiedBy, code};
use crate::error::Error;
use crate::instance::{Available, ChosenFactor, SignIn};
use crate::store::{BucketKey, ChallengeRecord, Limited, MAX_CLOCK_SKEW, NOBODY, OpenChallenge, Opened};
use crate::user_factor::{HeldFactor, Pending, RequiredFactor, account_persons, credential_person};

/// For how long the code of an app could be accepted again if the store forgot that it was: an app that is three periods of 30 seconds ahead
/// or behind, or one of 60, and two processes whose clocks differ. The codes of fallbacks last until they are used: waiting would not help.
const REPEATABLE_FOR: Duration = Duration::from_secs(7 * 30 + 2 * MAX_CLOCK_SKEW.as_secs());

/// What is stored of a challenge that is answered with a factor.
#[derive(Serialize, Deserialize)]
pub(super) struct FactorChallenge {
    pub(super) kind: ChallengeKind,
    pub(super) public: Value,
    pub(super) pending: Pending,
    /// The digest of the component: another one does not understand what this one keeps.
    pub(super) digest: String,
    pub(super) requirements: Requirements,
    pub(super) required: RequiredFactor,
    pub(super) acr: Option<String>,
    pub(super) code_length: Option<u32>,
}

/// An instance, and the factors of it that may answer. None in a passwordless sign-in.
pub(super) struct Picked {
    chosen: ChosenFactor,
    held: Vec<HeldFactor>,
    required: RequiredFactor,
}

impl Challenges {
    /// Returns the instance whose factor answers the challenge, if one does: the one that was asked for; without a recipient the one with
    /// the user's strongest factor, or of several the one that was used last.
    pub(super) async fn pick_factor(
        &self,
        start: &NewChallenge,
        factors: Vec<ChosenFactor>,
        delivers: bool,
    ) -> Result<Option<Picked>, Error> {
        let required = start.required.with_acr(start.acr.as_deref())?;
        // What the user must hold at least. Whatever policies require, a code is delivered if that satisfies the request.
        let least = factors.iter().map(|one| one.required(required)).min().filter(|_| !delivers).unwrap_or(required);
        let unmet = || match least {
            RequiredFactor::Any => Ok(None),
            _ => Err(Error::requirement_unmet(least.name())),
        };
        let is_for_delivery = delivers && !start.recipient.is_empty() && required == RequiredFactor::Any;
        if factors.is_empty() || is_for_delivery {
            return unmet();
        }
        let subscription = &start.sign_in.subscription;
        let Some(user) = &start.sign_in.user else {
            // Only if it is named: a request that lacks its user by mistake must not let in whoever has a passkey.
            let is_named = start.two_factor.is_some();
            let chosen = factors.into_iter().find(|one| is_named && one.is_webauthn());
            return match chosen {
                Some(chosen) => {
                    let required = chosen.required(required);
                    Ok(Some(Picked { chosen, held: Vec::new(), required }))
                }
                None if delivers => unmet(),
                None => Err(Error::invalid_at(
                    "/user",
                    "is required, unless `two_factor` names an instance for passkeys, which identify the user",
                )),
            };
        };
        let all = self.held.of(subscription, user, false).await?;
        let usable = |chosen: ChosenFactor| {
            let required = chosen.required(required);
            let fits = |one: &&HeldFactor| {
                let is_of_it = one.is_active() && one.record.instance == chosen.id;
                is_of_it && required.is_met(chosen.is_webauthn(), &one.facts)
            };
            let held: Vec<HeldFactor> = all.iter().filter(fits).cloned().collect();
            let best = held.iter().map(|one| one.rank(chosen.is_webauthn())).max()?;
            Some((best, Picked { chosen, held, required }))
        };
        let mut usable: Vec<_> = factors.into_iter().filter_map(usable).collect();
        // Stable: of equal ones the most specific instance is first.
        usable.sort_by_key(|(best, _)| Reverse(*best));
        match usable.into_iter().next() {
            Some((_, picked)) => Ok(Some(picked)),
            None => unmet(),
        }
    }

    /// Returns the instances that are available to a sign-in, the most specific first.
    pub(crate) async fn available(&self, sign_in: &SignIn) -> Result<Vec<AvailableInstance>, Error> {
        let available = self.instances.choose_any(sign_in, None).await?;
        let has_factors = available.iter().any(|one| matches!(one, Available::Factor(_)));
        let held = match &sign_in.user {
            Some(user) if has_factors => self.held.of(&sign_in.subscription, user, false).await?,
            _ => Vec::new(),
        };
        let view = |one| match one {
            Available::Delivery(one) => AvailableInstance {
                id: one.id,
                type_id: one.type_id,
                name: one.name,
                channel: one.channel,
                factors: None,
            },
            Available::Factor(one) => {
                let required = one.required(RequiredFactor::Any);
                let usable = |held: &&HeldFactor| {
                    let is_of_it = held.is_active() && held.record.instance == one.id;
                    is_of_it && required.is_met(one.is_webauthn(), &held.facts)
                };
                AvailableInstance {
                    factors: Some(held.iter().filter(usable).count()),
                    channel: one.manifest.challenge.name().to_owned(),
                    id: one.id,
                    type_id: one.type_id,
                    name: one.name,
                }
            }
        };
        Ok(available.into_iter().map(view).collect())
    }

    /// Starts a challenge for the factors that were picked.
    pub(super) async fn start_factor(
        &self,
        start: NewChallenge,
        picked: Picked,
        whose: StartedFor,
    ) -> Result<Challenge, Error> {
        let Picked { chosen, held, required } = picked;
        let now = self.clock.now();
        let id = whose.new_id(now)?;
        let purpose = start.purpose.clone().unwrap_or_else(|| NewChallenge::PURPOSE.to_owned());
        let idempotency = self.claim(&start, &purpose, StartedFor::User, now);
        let requirements = required.requirements(start.sign_in.user.is_none());
        let user = self.factor_user(&chosen, &start.sign_in.subscription, start.sign_in.user.as_deref()).await?;
        let states: Vec<FactorState> = held.into_iter().filter_map(|one| one.state).collect();
        let context = FactorContext { now, site: &chosen.site, user: &user, requirements, trusted: &[] };
        let begun = chosen.configured()?.begin_challenge(&context, &states).await.map_err(|why| chosen.failed(&why))?;
        let is_webauthn = chosen.is_webauthn();
        let kept = FactorChallenge {
            kind: if is_webauthn { ChallengeKind::WebauthnGet } else { ChallengeKind::TypedCode },
            public: begun.public,
            pending: Pending(begun.pending),
            digest: chosen.digest().to_owned(),
            requirements,
            required,
            acr: start.acr.clone(),
            code_length: chosen.code_length(),
        };
        let details = Details {
            purpose,
            locale: start.locale,
            address: String::new(),
            bucket: String::new(),
            prefix: String::new(),
            country: String::new(),
            hint: String::new(),
            channel: kept.kind.name().to_owned(),
            digits: 0,
            webotp_host: None,
            verified_by: VerifiedBy::Factor(Box::new(kept)),
            sign_in: start.sign_in,
            verifies_address: false,
            address_proof: AddressProof::default(),
        };
        let subscription = details.sign_in.subscription.clone();
        let lifetime = Duration::from_secs(chosen.policy.lifetime_seconds.into());
        // The code that is consumed with the challenge. Nobody knows it.
        let code = code::draw(10)?;
        let record = ChallengeRecord {
            sealed: self.seal(&subscription, &id, &details)?,
            codes: vec![code::seal(&self.keyring, &details.binding(&id), &code)],
            id,
            subscription,
            instance: chosen.id.clone(),
            person: self.person_of_factor(&details, is_webauthn, whose == StartedFor::Account),
            first_factor: start.first_factor,
            attempts: 0,
            max_attempts: chosen.policy.attempts,
            resends: 0,
            max_resends: 0,
            resend_after: now + lifetime,
            created_at: now,
            expires_at: now + lifetime,
            closed: None,
        };
        let counted = details.counted((whose, self.subscriptions().await?), record.person, start.client_address);
        let (names, charges): (Vec<_>, Vec<_>) =
            self.limits.factor_challenge(&self.keyring, &counted).into_iter().unzip();
        let challenge = record.clone();
        let repeatable_for = (!is_webauthn && !chosen.manifest.never_sole).then_some(REPEATABLE_FOR);
        let opening = OpenChallenge {
            challenge,
            charges,
            person: self.limits.person(),
            idempotency,
            repeatable_for,
            changes: None,
            now,
        };
        match self.store.open_challenge(opening).await? {
            Opened::Open => {}
            Opened::Limited(limited) => {
                let error = Self::limited(&limited, &names, now);
                return Err(if limited == Limited::PersonLocked { Error::locked() } else { error });
            }
            Opened::Repeated(first) => return self.repeat(&first, idempotency, now),
            Opened::TooEarly(until) => return Err(Error::too_early(until.duration_since(now))),
            Opened::Changed => return Err(Error::user_changed()),
        }
        self.statistics.count(&record.subscription, &record.instance, "started", "");
        let challenge = self.view(&record, &details);
        if let Some(claim) = idempotency
            && let Err(error) = self.remember(&claim, &challenge, &Ok(())).await
        {
            tracing::error!(error = error.operator_detail(), "could not store the outcome of a request");
        }
        Ok(challenge)
    }

    /// Returns a user as the component sees it.
    pub(super) async fn factor_user(
        &self,
        chosen: &ChosenFactor,
        subscription: &str,
        user: Option<&str>,
    ) -> Result<FactorUser, Error> {
        let Some(user) = user else { return Ok(FactorUser::default()) };
        let handle = match chosen.is_webauthn() {
            true => self.held.handle(subscription, user, &chosen.site.rp_id).await?,
            false => Vec::new(),
        };
        Ok(FactorUser { handle, name: user.to_owned(), display_name: user.to_owned() })
    }

    /// Returns the person against whom wrong answers count. Wrong credentials and wrong codes are counted separately, so that nobody
    /// locks a passkey by typing codes.
    fn person_of_factor(&self, details: &Details, is_webauthn: bool, of_account: bool) -> BucketKey {
        let sign_in = &details.sign_in;
        match (&sign_in.user, is_webauthn) {
            (None, _) => NOBODY,
            (Some(_), false) => self.person(sign_in, "", of_account),
            (Some(user), true) if of_account => account_persons(&self.keyring, user)[1],
            (Some(user), true) => credential_person(&self.keyring, &sign_in.subscription, user),
        }
    }
}
