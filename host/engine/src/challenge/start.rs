//! Starting, resending and cancelling: what is counted, stored and remembered around a message.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::account_challenge::StartedFor;
use super::bucket::bucket;
use super::canonical::Canonical;
use super::code::{self, Binding};
use super::history::{About, Facts, MessageOutcome};
use super::limits::{Counted, CountedFor};
use super::recipient::Recipient;
use super::request::{Challenge, NewChallenge};
use super::{AddressProof, Challenges, Details, SEALED, VerifiedBy, user_person};
use crate::completion::to_the_end;
use crate::error::Error;
use crate::instance::{Available, Chosen};
use crate::store::{
    ChallengeRecord, Closing, HandOver, IdempotencyClaim, IdempotencyRecord, Limited, OpenChallenge, Opened, Resend,
    Resent,
};
use twofactor_sandbox::{DeliveryFailure, RecipientKind};

/// What is stored under an idempotency key.
#[derive(Serialize, Deserialize)]
enum Remembered {
    Started(Box<Challenge>),
    /// A repeat must not send again what may have been sent.
    OutcomeUnknown,
}

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A request that has no response after this time ended with the process that received it. It is
/// longer than a delivery takes. The outcome of its message is unknown.
const ABANDONED_AFTER: SignedDuration = SignedDuration::from_secs(120);

/// How many challenges and redirects to an identity provider are started between two purges of old data.
const PURGE_EVERY: u64 = 256;

impl Challenges {
    pub(crate) async fn start(self: &Arc<Self>, start: NewChallenge) -> Result<Challenge, Error> {
        Box::pin(self.start_for(start, StartedFor::User, AddressProof::default())).await
    }

    /// Checks that a code can be sent: that there is an instance for it, and that no limit is reached. Counts nothing.
    pub(crate) async fn check_delivery(&self, start: &NewChallenge) -> Result<(), Error> {
        let start = start.clone().checked()?;
        let deliveries = self.instances.choose(&start.sign_in, start.two_factor.as_deref()).await?;
        let (_, _, canonical) = pick(&start, deliveries)?;
        let counted = Counted {
            counted_for: CountedFor::Subscription(&start.sign_in.subscription),
            subscriptions: self.subscriptions().await?,
            tenant: start.sign_in.tenant.as_deref(),
            person: self.person(&start.sign_in, &canonical.bucket, false),
            recipient: &canonical.bucket,
            prefix: &canonical.prefix,
            address: start.client_address,
        };
        let (names, charges): (Vec<_>, _) = self.limits.message(&self.keyring, &counted).into_iter().unzip();
        self.check_charges(&names, charges).await
    }

    /// Starts a challenge whose right answer verifies the address that the code goes to.
    pub(crate) async fn start_to_verify_address(
        self: &Arc<Self>,
        start: NewChallenge,
        proof: AddressProof,
    ) -> Result<Challenge, Error> {
        Box::pin(self.start_for(start, StartedFor::Address, proof)).await
    }

    /// Returns the first response to a request of [`Self::start_to_verify_address`] with this idempotency key.
    pub(crate) async fn repeat_to_verify_address(&self, start: &NewChallenge) -> Result<Option<Challenge>, Error> {
        let (start, now) = (start.clone().checked()?, self.clock.now());
        let purpose = start.purpose.as_deref().unwrap_or(NewChallenge::PURPOSE);
        let Some(claim) = self.claim(&start, purpose, StartedFor::Address, now) else { return Ok(None) };
        match self.store.idempotency(claim.key, now).await? {
            Some(first) => self.repeat(&first, Some(claim), now).map(Some),
            None => Ok(None),
        }
    }

    /// Starts a challenge for a login to an account of this engine. What applications do with a
    /// user of the same name does not count against it.
    pub(crate) async fn start_for_account(self: &Arc<Self>, start: NewChallenge) -> Result<Challenge, Error> {
        Box::pin(self.start_for(start, StartedFor::Account, AddressProof::default())).await
    }

    async fn start_for(
        self: &Arc<Self>,
        start: NewChallenge,
        whose: StartedFor,
        address_proof: AddressProof,
    ) -> Result<Challenge, Error> {
        let of_account = whose == StartedFor::Account;
        let mut start = start.checked()?;
        self.purge_now_and_then();
        let now = self.clock.now();
        let (mut deliveries, mut factors) = (Vec::new(), Vec::new());
        for one in self.instances.choose_any(&start.sign_in, start.two_factor.as_deref()).await? {
            match one {
                Available::Delivery(chosen) => deliveries.push(chosen),
                Available::Factor(chosen) => factors.push(chosen),
            }
        }
        if whose == StartedFor::Address {
            factors.clear();
        }
        if let Some(picked) = self.pick_factor(&start, factors, !deliveries.is_empty()).await? {
            let this = self.clone();
            // Runs to completion even if the caller disconnects: a repeat of the request must find the response.
            return to_the_end(async move { this.start_factor(start, picked, whose).await }).await;
        }
        let purpose = start.purpose.clone().unwrap_or_else(|| NewChallenge::PURPOSE.to_owned());
        // Of the request as it came: a repeat does not depend on addresses that are verified in between.
        let idempotency = self.claim(&start, &purpose, whose, now);
        let mut changes = None;
        if start.recipient.is_empty()
            && !of_account
            && let Some(user) = &start.sign_in.user
        {
            // Read before the addresses: a reset that comes after them must not leave a challenge whose code went to one of them.
            let person = user_person(&self.keyring, &start.sign_in.subscription, user);
            changes = Some((person, self.store.user_changes(person).await?));
            start.recipient = self.verified_recipient(&start.sign_in.subscription, user).await?;
        }
        let (chosen, others, canonical) =
            pick(&start, deliveries).inspect_err(|error| self.note_refused(&start, of_account, error))?;
        let policy = &chosen.policy;
        let details = Details {
            sign_in: start.sign_in,
            purpose,
            locale: start.locale,
            address: canonical.address,
            bucket: canonical.bucket,
            prefix: canonical.prefix,
            country: canonical.country,
            hint: canonical.hint,
            channel: chosen.channel.clone(),
            digits: policy.code_length,
            webotp_host: start.webotp_host,
            verified_by: VerifiedBy::Host,
            verifies_address: whose == StartedFor::Address,
            address_proof,
        };
        let id = whose.new_id(now)?;
        let subscription = details.sign_in.subscription.clone();
        let code = code::draw(policy.code_length)?;
        let record = ChallengeRecord {
            sealed: self.seal(&subscription, &id, &details)?,
            codes: vec![code::seal(&self.keyring, &details.binding(&id), &code)],
            id,
            subscription,
            instance: chosen.id.clone(),
            person: self.person(&details.sign_in, &details.bucket, of_account),
            first_factor: start.first_factor,
            attempts: 0,
            max_attempts: policy.attempts,
            resends: 0,
            max_resends: policy.resends,
            resend_after: now + Duration::from_secs(policy.resend_interval_seconds.into()),
            created_at: now,
            expires_at: now + Duration::from_secs(policy.lifetime_seconds.into()),
            closed: None,
        };
        let counted = details.counted((whose, self.subscriptions().await?), record.person, start.client_address);
        let (names, charges): (Vec<_>, _) = self.limits.message(&self.keyring, &counted).into_iter().unzip();
        let opening = OpenChallenge {
            challenge: record,
            charges,
            person: self.limits.person(),
            idempotency,
            repeatable_for: None,
            changes,
            now,
        };
        let this = self.clone();
        to_the_end(async move { this.open(chosen, others, details, &code, opening, &names).await }).await
    }

    /// Counts, stores, sends, and records the outcome.
    async fn open(
        &self,
        chosen: Chosen,
        others: Vec<Chosen>,
        mut details: Details,
        code: &str,
        opening: OpenChallenge,
        names: &[&'static str],
    ) -> Result<Challenge, Error> {
        let (mut record, idempotency, now) = (opening.challenge.clone(), opening.idempotency, opening.now);
        match self.store.open_challenge(opening).await? {
            Opened::Open => {}
            Opened::Limited(limited) => {
                self.note_limited(&record, &details, &limited, names);
                let error = Self::limited(&limited, names, now);
                return Err(if limited == Limited::PersonLocked { Error::locked() } else { error });
            }
            Opened::Repeated(first) => return self.repeat(&first, idempotency, now),
            Opened::TooEarly(until) => return Err(Error::too_early(until.duration_since(now))),
            Opened::Changed => return Err(Error::user_changed()),
        }
        self.statistics.count(&record.subscription, &record.instance, "started", details.country.as_str());
        let delivered = self.send(chosen, others, &mut record, &mut details, code, now).await;
        let challenge = self.view(&record, &details);
        // Whatever fails from here on, the caller learns the outcome of the message: a retry could
        // send it twice.
        if delivered.is_err() {
            // Also if the outcome is unknown: the application learns that this challenge failed,
            // and a code that arrives later must not be accepted.
            let (subscription, now) = (&record.subscription, self.clock.now());
            let closed = self.store.close_challenge(subscription, &record.id, Closing::Undelivered, now).await;
            if let Err(error) = closed {
                tracing::error!(%error, "could not close a challenge that was not delivered");
            }
        }
        if let Some(claim) = idempotency
            && let Err(error) = self.remember(&claim, &challenge, &delivered).await
        {
            tracing::error!(error = error.operator_detail(), "could not store the outcome of a request");
        }
        delivered.map_err(|failure| Error::delivery(&failure))?;
        Ok(challenge)
    }

    /// Sends the message of an application's challenge again; in another language than before if `locale` says so.
    pub(crate) async fn resend(
        self: &Arc<Self>,
        subscription: &str,
        id: &str,
        locale: Option<&str>,
    ) -> Result<Challenge, Error> {
        self.resend_for(StartedFor::User, subscription, id, locale).await
    }

    /// Sends the message of a login to an account again.
    pub(crate) async fn resend_for_account(self: &Arc<Self>, subscription: &str, id: &str) -> Result<Challenge, Error> {
        self.resend_for(StartedFor::Account, subscription, id, None).await
    }

    async fn resend_for(
        self: &Arc<Self>,
        whose: StartedFor,
        subscription: &str,
        id: &str,
        locale: Option<&str>,
    ) -> Result<Challenge, Error> {
        let (now, id) = (self.clock.now(), whose.own(id));
        let record = self.store.challenge(subscription, id).await?.filter(|record| is_open(record, now));
        let mut record = record.ok_or_else(Error::closed)?;
        let mut details = self.details(&record)?;
        if let Some(locale) = locale {
            details.locale = Some(locale.to_owned());
        }
        let chosen = self.still_available(&record, &details).await?;
        let wait = move |until: Timestamp| Error::rate_limited((until - now).try_into().unwrap_or_default());
        if record.resends >= record.max_resends {
            return Err(wait(record.expires_at));
        }
        if record.resend_after > now {
            return Err(wait(record.resend_after));
        }
        // Before the code that the person has is replaced by one that will not arrive.
        if let Some(failure) = self.not_ready(&chosen, whose.counted_for(subscription), false).await {
            return Err(Error::delivery(&failure));
        }
        let policy = &chosen.policy;
        let upstream_verifies = matches!(details.verified_by, VerifiedBy::Upstream(_));
        if upstream_verifies && !chosen.verifies() {
            // Another component is in use: from now on the host generates the code.
            details.digits = policy.code_length;
        }
        let code = code::draw(details.digits)?;
        // The code that represents the upstream's was sent to nobody. It stays, for an answer that
        // the upstream may be verifying right now, and it must not be accepted once the host
        // verifies.
        let keep = if upstream_verifies { chosen.verifies() } else { policy.keep_earlier_codes };
        let mut codes = if keep { record.codes.clone() } else { Vec::new() };
        codes.push(code::seal(&self.keyring, &details.binding(id), &code));
        let resend_after = now + Duration::from_secs(policy.resend_interval_seconds.into());
        let counted = details.counted((whose, self.subscriptions().await?), record.person, None);
        let (names, charges): (Vec<_>, _) = self.limits.message(&self.keyring, &counted).into_iter().unzip();
        let opening = Resend {
            subscription: subscription.to_owned(),
            id: id.to_owned(),
            resends: record.resends,
            codes,
            resend_after,
            charges,
            person: self.limits.person(),
            now,
        };
        let this = self.clone();
        to_the_end(async move {
            match this.store.resend_challenge(opening).await? {
                Resent::Granted => {}
                Resent::Refused => return Err(wait(resend_after)),
                Resent::Limited(limited) => {
                    this.note_limited(&record, &details, &limited, &names);
                    return Err(Self::limited(&limited, &names, now));
                }
            }
            record.resends += 1;
            record.resend_after = resend_after;
            let before = HandOver {
                subscription: record.subscription.clone(),
                id: record.id.clone(),
                resends: record.resends,
                instance: record.instance.clone(),
                sealed: record.sealed.clone(),
                codes: Some(record.codes.clone()),
                now,
            };
            let delivered = this.send(chosen, Vec::new(), &mut record, &mut details, &code, now).await;
            if !matches!(delivered, Ok(()) | Err(DeliveryFailure::OutcomeUnknown(_))) {
                // It was certainly not sent: the code that the person has stays valid.
                let before = HandOver { now: this.clock.now(), ..before };
                if let Err(error) = this.store.hand_over_challenge(before).await {
                    tracing::error!(%error, "could not keep the code that the person has");
                }
            }
            delivered.map_err(|failure| Error::delivery(&failure))?;
            Ok(this.view(&record, &details))
        })
        .await
    }

    /// Ends an application's challenge.
    pub(crate) async fn cancel(&self, subscription: &str, id: &str) -> Result<(), Error> {
        let id = StartedFor::User.own(id);
        let closed = self.store.close_challenge(subscription, id, Closing::Cancelled, self.clock.now()).await?;
        if closed { Ok(()) } else { Err(Error::closed()) }
    }

    /// Records that a request led to no message.
    fn note_refused(&self, start: &NewChallenge, of_account: bool, error: &Error) {
        let known = start.recipient.known();
        let outcome = if error.is_no_instance_available() {
            MessageOutcome::NoInstance
        } else if known.as_ref().is_some_and(|known| !known.country.is_empty()) && error.is_recipient_rejected() {
            MessageOutcome::CountryNotEnabled
        } else if error.is_recipient_rejected() || error.is_invalid_input() {
            MessageOutcome::RecipientMalformed
        } else {
            return;
        };
        let (bucket, hint, country) = known.map(|known| (known.bucket, known.hint, known.country)).unwrap_or_default();
        if start.sign_in.user.is_none() && bucket.is_empty() {
            // Nobody could be found by it.
            return;
        }
        let code = if outcome == MessageOutcome::CountryNotEnabled { country } else { String::new() };
        let facts = Facts { user: start.sign_in.user.clone(), hint, code, ..Facts::default() };
        let person = self.person(&start.sign_in, &bucket, of_account);
        let subscription = &*start.sign_in.subscription;
        self.history.refusal(&About { subscription, person, recipient: &bucket, challenge: None }, outcome, facts);
    }

    /// Records that a limit prevented a message.
    fn note_limited(&self, record: &ChallengeRecord, details: &Details, limited: &Limited, names: &[&'static str]) {
        let (outcome, code, until) = match limited {
            Limited::Until(until, n) => (MessageOutcome::Limited, names.get(*n).copied(), Some(*until)),
            Limited::PersonUntil(until) => (MessageOutcome::Limited, Some("wrong-answers-per-day"), Some(*until)),
            Limited::PersonLocked => (MessageOutcome::UserLocked, Some("lockout"), None),
        };
        let facts = Facts {
            user: details.sign_in.user.clone(),
            hint: details.hint.clone(),
            code: code.unwrap_or_default().to_owned(),
            until,
            ..Facts::default()
        };
        // Nobody knows a challenge that was not opened.
        let about = details.about(record);
        let challenge = about.challenge.filter(|_| record.resends > 0 || record.attempts > 0);
        self.history.refusal(&About { challenge, ..about }, outcome, facts);
    }

    pub(super) fn claim(
        &self,
        start: &NewChallenge,
        purpose: &str,
        whose: StartedFor,
        now: Timestamp,
    ) -> Option<IdempotencyClaim> {
        let key = start.idempotency_key.as_deref()?;
        let sign_in = &start.sign_in;
        let Recipient { email, phone, handle } = &start.recipient;
        let mut request = serde_json::json!([
            sign_in,
            start.two_factor,
            email,
            phone,
            handle,
            start.locale,
            purpose,
            start.first_factor,
            start.required,
            start.acr
        ]);
        if let Some(members) = request.as_array_mut().filter(|_| whose == StartedFor::Address) {
            members.push("address".into());
        }
        Some(IdempotencyClaim {
            key: bucket(&self.keyring, "idempotency", &[sign_in.subscription.as_bytes(), key.as_bytes()]),
            request: self.keyring.fingerprint("idempotent-request", &[request.to_string().as_bytes()]),
            until: now + DAY,
        })
    }

    pub(super) async fn remember(
        &self,
        claim: &IdempotencyClaim,
        challenge: &Challenge,
        delivered: &Result<(), DeliveryFailure>,
    ) -> Result<(), Error> {
        let remembered = match delivered {
            Ok(()) => Some(Remembered::Started(Box::new(challenge.clone()))),
            Err(DeliveryFailure::OutcomeUnknown(_)) => Some(Remembered::OutcomeUnknown),
            Err(_) => None,
        };
        let answer = match remembered {
            Some(remembered) => {
                let plain = serde_json::to_vec(&remembered).map_err(Error::unavailable)?;
                Some(self.keyring.seal(SEALED, &[&claim.key], &plain).map_err(Error::unavailable)?)
            }
            None => None,
        };
        Ok(self.store.complete_idempotency(claim.key, &challenge.id, answer).await?)
    }

    pub(super) fn repeat(
        &self,
        first: &IdempotencyRecord,
        claim: Option<IdempotencyClaim>,
        now: Timestamp,
    ) -> Result<Challenge, Error> {
        let unknown = || Err(Error::delivery(&DeliveryFailure::OutcomeUnknown(Default::default())));
        let Some(claim) = claim.filter(|claim| claim.request == first.request) else {
            return Err(Error::key_reused());
        };
        let Some(answer) = &first.answer else {
            if now.duration_since(first.created_at).abs() >= ABANDONED_AFTER {
                return unknown();
            }
            return Err(Error::conflict(
                "the first request with this `Idempotency-Key` is still in progress: repeat it later",
            ));
        };
        let plain = self.keyring.open(SEALED, &[&claim.key], answer).map_err(Error::unavailable)?;
        match serde_json::from_slice(&plain).map_err(Error::unavailable)? {
            Remembered::Started(challenge) => Ok(*challenge),
            Remembered::OutcomeUnknown => unknown(),
        }
    }

    /// Purges old data in the background, once in many calls: for what anybody can cause.
    pub(crate) fn purge_now_and_then(&self) {
        if self.started.fetch_add(1, Ordering::Relaxed).is_multiple_of(PURGE_EVERY) {
            self.purge();
        }
    }

    /// Purges old data in the background.
    pub(crate) fn purge(&self) {
        let (store, now) = (self.store.clone(), self.clock.now());
        tokio::spawn(async move {
            // Each call is a commit of its own, so that other writes come in between.
            loop {
                match store.purge(now).await {
                    Ok(0) => return,
                    Ok(_) => {}
                    Err(error) => {
                        tracing::warn!(%error, "could not purge expired data");
                        return;
                    }
                }
            }
        });
    }
}

impl Details {
    pub(super) fn binding<'a>(&'a self, id: &'a str) -> Binding<'a> {
        Binding {
            challenge: id,
            subscription: &self.sign_in.subscription,
            user: self.sign_in.user.as_deref().unwrap_or_default(),
            purpose: &self.purpose,
        }
    }

    /// Returns the person whom an event of this challenge is about.
    pub(super) fn about<'a>(&'a self, record: &'a ChallengeRecord) -> About<'a> {
        About {
            subscription: &record.subscription,
            person: record.person,
            recipient: &self.bucket,
            challenge: Some(&record.id),
        }
    }

    pub(super) fn counted(
        &self,
        (whose, subscriptions): (StartedFor, u32),
        person: [u8; 16],
        address: Option<std::net::IpAddr>,
    ) -> Counted<'_> {
        Counted {
            counted_for: whose.counted_for(&self.sign_in.subscription),
            subscriptions,
            tenant: self.sign_in.tenant.as_deref(),
            person,
            recipient: &self.bucket,
            prefix: &self.prefix,
            address,
        }
    }
}

/// Returns the most specific instance that fits the recipient, and in order those that may
/// replace it: to the same address, with codes of the same length.
fn pick(start: &NewChallenge, mut available: Vec<Chosen>) -> Result<(Chosen, Vec<Chosen>, Canonical), Error> {
    if available.is_empty() {
        return Err(Error::no_instance_available());
    }
    let fits = |one: &Chosen| start.recipient.fits(one.recipient_kind);
    let chosen = available.remove(available.iter().position(fits).unwrap_or(0));
    let canonical = start.recipient.canonical(chosen.recipient_kind, &chosen.policy)?;
    let country = (!canonical.country.is_empty()).then_some(&*canonical.country);
    let is_phone = chosen.recipient_kind == RecipientKind::PhoneNumber;
    let like = |other: &Chosen| {
        // A handle is meaningful to one type of provider only.
        let same_word = chosen.recipient_kind != RecipientKind::Handle || other.type_id == chosen.type_id;
        let may = !is_phone || other.policy.allows_country(country);
        let same_code = other.verifies() || other.policy.code_length == chosen.policy.code_length;
        other.recipient_kind == chosen.recipient_kind && same_word && may && same_code
    };
    available.retain(like);
    Ok((chosen, available, canonical))
}

pub(super) fn is_open(record: &ChallengeRecord, now: Timestamp) -> bool {
    record.closed.is_none() && record.expires_at > now && record.attempts < record.max_attempts
}
