//! Delivering a message: through the chosen instance, again, or through another one.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::account_challenge::counted_for;
use super::code;
use super::history::{Facts, MessageOutcome};
use super::limits::CountedFor;
use super::quota::{Account, Used};
use super::recipient::Recipient;
use super::start::is_open;
use super::{Challenges, Details, VerifiedBy, text};
use crate::error::Error;
use crate::instance::Policy;
use crate::instance::{Chosen, PauseAfter};
use crate::random;
use crate::store::{ChallengeRecord, HandOver, Limited};
use twofactor_sandbox::{DeliveryFailure, Manifest, Message, Reason, RecipientKind, Sent, StartedVerification};

/// After this time no other instance is tried, because the person is waiting. [`ABANDONED_AFTER`] must be
/// longer than all attempts together.
const FAILING_OVER: SignedDuration = SignedDuration::from_secs(30);

/// The delay before the first retry.
const FIRST_WAIT: Duration = Duration::from_millis(500);

impl Challenges {
    /// Delivers a challenge's message: through the chosen instance, then through `others` in order
    /// as long as it was certainly not sent, and through the last of them again as its policy says.
    /// The challenge moves to the instance that is tried.
    pub(super) async fn send(
        &self,
        mut chosen: Chosen,
        others: Vec<Chosen>,
        record: &mut ChallengeRecord,
        details: &mut Details,
        code: &str,
        now: Timestamp,
    ) -> Result<(), DeliveryFailure> {
        let mut delivered = self.deliver(&chosen, record, details, code, now, false).await;
        let was_tried =
            |delivered: &Result<(), DeliveryFailure>| delivered.as_ref().err().is_none_or(DeliveryFailure::was_tried);
        let mut tried_before = was_tried(&delivered);
        for other in others {
            // Only a message that was certainly not sent may take another way.
            if !matches!(delivered, Err(DeliveryFailure::RetryLater { .. })) || self.clock.now() - now > FAILING_OVER {
                break;
            }
            match self.hand_over(record, details, &other).await {
                Ok(true) => {
                    chosen = other;
                    delivered = self.deliver(&chosen, record, details, code, now, tried_before).await;
                    tried_before |= was_tried(&delivered);
                }
                // The challenge has ended: somebody cancelled it, or it expired.
                Ok(false) => break,
                Err(error) => {
                    tracing::error!(error = error.operator_detail(), "could not move a challenge to another instance");
                    break;
                }
            }
        }
        let mut wait = FIRST_WAIT;
        for _ in 0..chosen.policy.retries {
            let may = matches!(&delivered, Err(DeliveryFailure::RetryLater { after_seconds: None, .. }));
            // The person is waiting, so it takes a few seconds at most.
            if !may || self.clock.now() - now > FAILING_OVER {
                break;
            }
            let mut chance = [0];
            if random::fill(&mut chance).is_err() {
                break;
            }
            // Gives the upstream time, with jitter: clients that failed together must not retry
            // together.
            tokio::time::sleep(wait / 2 + wait * chance[0].into() / 256).await;
            wait *= 2;
            if !self.is_still_open(record).await {
                break;
            }
            delivered = self.deliver(&chosen, record, details, code, now, tried_before).await;
            tried_before |= was_tried(&delivered);
        }
        delivered
    }

    /// Delivers a message in a turn of its subscription, and notes what that says about the upstream, and what it used.
    pub(super) async fn deliver_in_turn(
        &self,
        chosen: &Chosen,
        whose: CountedFor<'_>,
        delivery: impl Future<Output = Result<Sent, DeliveryFailure>>,
    ) -> Result<Sent, DeliveryFailure> {
        let (instance, type_id) = (&chosen.id, &chosen.type_id);
        let outcome = match self.turn_of(type_id, whose).await {
            Ok(_turn) => delivery.await,
            Err(busy) => Err(busy),
        };
        let failure = outcome.as_ref().err();
        let says_something_about_upstream = failure.is_none_or(|failure| !failure.is_of_the_host());
        if says_something_about_upstream
            && chosen.pause().note(failure, self.clock.now(), self.pause_after(&chosen.policy))
        {
            metrics::counter!("twofactor_pauses_total", "type" => type_id.clone()).increment(1);
            tracing::error!(%instance, %type_id, seconds = chosen.policy.pause_seconds, "the upstream accepts no messages: the instance is paused");
        }
        let segments = match &outcome {
            Ok(sent) => sent.receipt.segments.unwrap_or(1).max(1),
            Err(DeliveryFailure::OutcomeUnknown(_)) => 1,
            Err(_) => 0,
        };
        self.note_used(chosen, whose, &Used { segments, bytes: chosen.take_bytes() }).await;
        outcome
    }

    /// Nobody should get a code that is no longer accepted.
    async fn is_still_open(&self, record: &ChallengeRecord) -> bool {
        let stored = self.store.challenge(&record.subscription, &record.id).await;
        let is_newest = |stored: &ChallengeRecord| stored.resends == record.resends;
        stored.is_ok_and(|stored| stored.is_some_and(|stored| is_newest(&stored) && is_open(&stored, self.clock.now())))
    }

    /// Returns what prevents a message from being tried: the instance is paused, or has used up a
    /// quota. Without `counting`, asking uses nothing up.
    pub(super) async fn not_ready(
        &self,
        chosen: &Chosen,
        whose: CountedFor<'_>,
        counting: bool,
    ) -> Option<DeliveryFailure> {
        let policy = &chosen.policy;
        let now = self.clock.now();
        let later = |after_seconds, code, detail: &str| DeliveryFailure::RetryLater {
            after_seconds: Some(after_seconds),
            reason: Reason::new(code, detail),
        };
        // First, so that what is not tried is not counted.
        let wait = if counting {
            chosen.pause().admit(now, self.pause_after(policy)).err()
        } else {
            chosen.pause().left(now, self.pause_after(policy))
        };
        if let Some(wait) = wait {
            let detail = "the upstream failed several times in a row; the instance is paused";
            return Some(later(wait, Reason::PAUSED, detail));
        }
        let accounts = self.accounts(chosen, whose).await;
        let counted = accounts.iter().flat_map(|account| {
            let named = account.before(&self.keyring, counting).into_iter();
            named.map(|(limit, charge)| ((account.whose, limit), charge))
        });
        let (names, charges): (Vec<_>, Vec<_>) = counted.unzip();
        if charges.is_empty() {
            return None;
        }
        match self.store.charge(charges, now).await {
            Ok(None) => None,
            Ok(Some(limited)) => {
                let (whose, limit) = match limited {
                    Limited::Until(_, n) => names.get(n).copied().unwrap_or_default(),
                    Limited::PersonUntil(_) | Limited::PersonLocked => Default::default(),
                };
                metrics::counter!("twofactor_limits_reached_total", "limit" => limit).increment(1);
                Some(later(3600, Reason::QUOTA_USED, &format!("{whose} reached its quota `{limit}`")))
            }
            Err(error) => Some(later(1, Reason::NOT_COUNTED, &error.to_string())),
        }
    }

    /// Returns who has a quota that a message counts against. The narrow ones come first, as with limits.
    async fn accounts(&self, chosen: &Chosen, whose: CountedFor<'_>) -> Vec<Account> {
        let (keyring, type_id) = (&self.keyring, &chosen.type_id);
        let mut accounts = vec![Account::of_instance(keyring, chosen.policy.quota(), whose, &chosen.id)];
        let Some(of_type) = self.limits.types.get(type_id).copied() else { return accounts };
        if let CountedFor::Subscription(subscription) = whose {
            // If they cannot be counted, each has the smallest part.
            let subscriptions = self.subscriptions().await.unwrap_or_else(|_| self.limits.most_shares());
            let part = self.limits.share_of_quota(of_type, subscriptions);
            accounts.push(Account::of_subscription(keyring, part, subscription, type_id));
        }
        accounts.push(Account::of_type(keyring, of_type, whose, type_id));
        accounts
    }

    /// Counts what a message, or a verification, has used. If that fails, the message is not
    /// undone.
    pub(super) async fn note_used(&self, chosen: &Chosen, whose: CountedFor<'_>, used: &Used) {
        let accounts = self.accounts(chosen, whose).await;
        let charges: Vec<_> = accounts.iter().flat_map(|account| account.after(&self.keyring, used)).collect();
        if charges.is_empty() {
            return;
        }
        let error = match self.store.charge(charges, self.clock.now()).await {
            Ok(None) => return,
            Ok(Some(_)) => "the quota of the day is used up".to_owned(),
            Err(error) => error.to_string(),
        };
        tracing::error!(error, instance = %chosen.id, "could not count the usage of a message");
    }

    /// Moves a challenge to another instance: stored first, then sent, so that a resend and a
    /// verification know of it even if this process dies. Returns false if the challenge has ended.
    async fn hand_over(&self, record: &mut ChallengeRecord, details: &mut Details, to: &Chosen) -> Result<bool, Error> {
        details.channel.clone_from(&to.channel);
        if !self.keep_details(record, details, &to.id).await? {
            return Ok(false);
        }
        tracing::warn!(from = %record.instance, to = %to.id, "the upstream accepts no messages: failing over");
        record.instance.clone_from(&to.id);
        Ok(true)
    }

    /// Returns false if the challenge has ended, or another message of it was sent since.
    async fn keep_details(
        &self,
        record: &mut ChallengeRecord,
        details: &Details,
        instance: &str,
    ) -> Result<bool, Error> {
        let sealed = self.seal(&record.subscription, &record.id, details)?;
        let request = HandOver {
            subscription: record.subscription.clone(),
            id: record.id.clone(),
            resends: record.resends,
            instance: instance.to_owned(),
            sealed: sealed.clone(),
            codes: None,
            now: self.clock.now(),
        };
        let kept = self.store.hand_over_challenge(request).await?;
        record.sealed = sealed;
        Ok(kept)
    }

    /// Stores who verifies answers to the message that was sent, if that has changed.
    async fn note_verifier(
        &self,
        record: &mut ChallengeRecord,
        details: &mut Details,
        verification: Option<StartedVerification>,
    ) -> Result<(), DeliveryFailure> {
        match verification {
            Some(verification) => {
                details.digits = verification.code_length;
                details.verified_by = VerifiedBy::Upstream(verification.state);
            }
            None if matches!(details.verified_by, VerifiedBy::Host) => return Ok(()),
            None => details.verified_by = VerifiedBy::Host,
        }
        let instance = record.instance.clone();
        // Without it no answer could be verified, although the message is on its way. If it is
        // false, the challenge has ended, or a newer message has replaced this one.
        match self.keep_details(record, details, &instance).await {
            Ok(_) => Ok(()),
            Err(error) => Err(DeliveryFailure::OutcomeUnknown(Reason::new("store", error.to_string()))),
        }
    }

    /// Records the outcome of a message.
    fn note_message(
        &self,
        chosen: &Chosen,
        record: &ChallengeRecord,
        details: &Details,
        outcome: Result<&Sent, &DeliveryFailure>,
    ) {
        let price = outcome.ok().and_then(|sent| sent.receipt.price.clone());
        let (outcome, reason) = match outcome {
            Ok(sent) => (MessageOutcome::Accepted, Reason::new(sent.receipt.reference.clone(), "")),
            Err(failure) => (MessageOutcome::of(failure), failure.reason().clone()),
        };
        let facts = Facts {
            user: details.sign_in.user.clone(),
            hint: details.hint.clone(),
            instance: chosen.id.clone(),
            type_id: chosen.type_id.clone(),
            code: reason.code,
            detail: reason.detail,
            until: None,
            price,
        };
        self.history.message(&details.about(record), outcome, facts);
    }

    async fn deliver(
        &self,
        chosen: &Chosen,
        record: &mut ChallengeRecord,
        details: &mut Details,
        code: &str,
        now: Timestamp,
        tried_before: bool,
    ) -> Result<(), DeliveryFailure> {
        let seconds = u32::try_from((record.expires_at - now).as_secs()).unwrap_or_default();
        let (_, id) = self.keyring.mac("message", &[record.id.as_bytes(), &record.resends.to_be_bytes()]);
        let mut policy = Cow::Borrowed(&chosen.policy);
        if let Some(host) = &details.webotp_host {
            policy.to_mut().webotp_host.clone_from(host);
        }
        let mut message = compose(&policy, chosen.recipient_kind, details.locale.as_deref(), code, seconds);
        message.id = hex::encode(&id[..16]);
        message.recipient = details.address.clone();
        message.purpose = details.purpose.clone();
        message.tried_before = tried_before;
        message = message.with_context(self.clock.now().as_second(), chosen.recipient_kind);
        if chosen.has_reports() {
            message.extra.extend(self.report_url(record).map(|url| ("report-url".to_owned(), url)));
        }
        let (instance, type_id) = (&chosen.id, &chosen.type_id);
        if let Some(failure) = self.not_ready(chosen, counted_for(record), true).await {
            tracing::warn!(%instance, %type_id, reason = %failure.reason(), "not tried");
            self.note_message(chosen, record, details, Err(&failure));
            return Err(failure);
        }
        let begin = Instant::now();
        let outcome = self.deliver_in_turn(chosen, counted_for(record), chosen.deliver(message)).await;
        let event = outcome.as_ref().err().map_or("delivered", DeliveryFailure::name);
        self.statistics.count(&record.subscription, instance, event, "");
        self.statistics.took(&record.subscription, instance, begin.elapsed());
        self.note_message(chosen, record, details, outcome.as_ref());
        match outcome {
            Ok(sent) => {
                tracing::info!(%instance, %type_id, reference = sent.receipt.reference, "delivered");
                self.note_verifier(record, details, sent.verification).await
            }
            Err(failure) => {
                tracing::warn!(%instance, %type_id, outcome = failure.name(), reason = %failure.reason(), "not delivered");
                Err(failure)
            }
        }
    }
}

/// The number of consecutive failures after which an instance pauses at the latest, whatever its own policy says. Hanging calls of one
/// instance take turns of the others of its type.
const PAUSES_AT_THE_LATEST: u32 = 50;

impl Challenges {
    /// Returns when an instance with this policy pauses.
    pub(super) fn pause_after(&self, policy: &Policy) -> PauseAfter {
        pause_of(policy, self.instances.default_policy())
    }
}

/// Returns when an instance pauses. Only the policy of the installation, which is the default, can switch that off.
fn pause_of(own: &Policy, default: &Policy) -> PauseAfter {
    let most = default.pause_after.max(PAUSES_AT_THE_LATEST);
    if default.pause_after == 0 || (1..=most).contains(&own.pause_after) {
        return PauseAfter { failures: own.pause_after, seconds: own.pause_seconds };
    }
    PauseAfter { failures: most, seconds: own.pause_seconds.max(default.pause_seconds) }
}

fn compose(policy: &Policy, kind: RecipientKind, locale: Option<&str>, code: &str, seconds: u32) -> Message {
    let texts = match kind {
        RecipientKind::EmailAddress => text::mail(policy, locale, code, seconds),
        RecipientKind::PhoneNumber | RecipientKind::Handle => text::short(policy, locale, code, seconds),
    };
    Message {
        id: String::new(),
        recipient: String::new(),
        subject: texts.subject,
        text: texts.text,
        html: texts.html,
        code: code.to_owned(),
        valid_seconds: seconds,
        locale: texts.locale.to_owned(),
        purpose: String::new(),
        application: policy.application_name.clone(),
        extra: Vec::new(),
        tried_before: false,
    }
}

/// Returns a message with a code that is not accepted anywhere, for testing an instance. It says
/// that it is a test.
pub(crate) fn sample_message(
    policy: &Policy,
    manifest: &Manifest,
    recipient: &Recipient,
    locale: Option<&str>,
    now: Timestamp,
) -> Result<Message, Error> {
    let kind = manifest
        .recipient
        .ok_or_else(|| Error::invalid("this instance verifies factors that users hold: there is no message to test"))?;
    let canonical = recipient.canonical(kind, policy)?;
    let code = code::draw(policy.code_length)?;
    let mut message = compose(policy, kind, locale, &code, policy.lifetime_seconds);
    let texts = match kind {
        RecipientKind::EmailAddress => text::test_mail(policy, locale, &code),
        RecipientKind::PhoneNumber | RecipientKind::Handle => text::test_short(policy, locale, &code),
    };
    (message.subject, message.text, message.html) = (texts.subject, texts.text, texts.html);
    message.id = random::id()?;
    message.recipient = canonical.address;
    message.purpose = "test".to_owned();
    Ok(message.with_context(now.as_second(), kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_policy_of_the_installation_switches_pauses_off() {
        let policy = |pause_after, pause_seconds| Policy { pause_after, pause_seconds, ..Policy::default() };
        for (own, default, failures, seconds) in [
            (policy(3, 20), policy(8, 60), 3, 20),
            (policy(50, 20), policy(8, 60), 50, 20),
            (policy(0, 0), policy(8, 60), 50, 60),
            (policy(1000, 90), policy(8, 60), 50, 90),
            (policy(1000, 0), policy(200, 60), 200, 60),
            (policy(0, 0), policy(0, 60), 0, 0),
        ] {
            let pause = pause_of(&own, &default);
            assert_eq!(
                (pause.failures, pause.seconds),
                (failures, seconds),
                "{} {}",
                own.pause_after,
                default.pause_after
            );
        }
    }
}
