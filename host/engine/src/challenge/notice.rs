//! Sending notices: messages without a code, through the instances that would deliver a code to the same address.

use std::time::Duration;

use super::Challenges;
use super::limits::CountedFor;
use super::notice_text::{self, Notice};
use super::recipient::Recipient;
use crate::error::Error;
use crate::instance::{Chosen, SignIn};
use crate::random;
use crate::store::{AddressKind, BucketKey, Limited};
use twofactor_sandbox::{DeliveryFailure, Message, Reason, RecipientKind};

/// How long an upstream may take to accept a notice. Other notices wait for it.
const DELIVERED_WITHIN: Duration = Duration::from_secs(20);

/// Where a notice goes. `Debug` is missing on purpose.
pub(crate) struct NoticeTo<'a> {
    /// Selects the instances.
    pub(crate) sign_in: &'a SignIn,
    pub(crate) kind: AddressKind,
    pub(crate) address: &'a str,
    pub(crate) locale: Option<&'a str>,
}

/// What became of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoticeOutcome {
    Sent,
    /// It was certainly not sent, and may be tried again.
    TryAgain,
    /// No instance can deliver it.
    NoInstance,
    /// Too many went to this recipient.
    Limited,
    /// It was not accepted, or it may have been sent.
    Failed,
}

/// When a notice goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoticeTurn {
    /// At once.
    Now,
    /// After this time: one of its kind went out before.
    Later(Duration),
    /// Not at all: another one of its kind is about to go out.
    WithAnother,
}

impl Challenges {
    /// Returns when a notice of one kind goes to a user, so that a series of changes does not flood the user. The first goes out
    /// immediately, and those that follow soon go out together: nobody can hide a change behind another one.
    pub(crate) async fn notice_turn(&self, person: &BucketKey, kind: &[&str]) -> Result<NoticeTurn, Error> {
        let now = self.clock.now();
        let turn = |window| self.limits.notice_turn(&self.keyring, person, kind, window);
        let Some(first) = turn(None) else { return Ok(NoticeTurn::Now) };
        let Some(Limited::Until(until, _)) = self.store.charge(vec![first], now).await? else {
            return Ok(NoticeTurn::Now);
        };
        match self.store.charge(turn(Some(until)).into_iter().collect(), now).await? {
            None => Ok(NoticeTurn::Later(until.duration_since(now).try_into().unwrap_or_default())),
            Some(_) => Ok(NoticeTurn::WithAnother),
        }
    }

    /// Sends a notice through the first instance that accepts it. Only one that was certainly not sent takes another way.
    pub(crate) async fn notify(&self, to: &NoticeTo<'_>, notice: &Notice) -> Result<NoticeOutcome, Error> {
        let kind = recipient_kind(to.kind);
        let recipient = match to.kind {
            AddressKind::Email => Recipient { email: Some(to.address.to_owned()), ..Recipient::default() },
            AddressKind::Phone => Recipient { phone: Some(to.address.to_owned()), ..Recipient::default() },
        };
        let (mut outcome, mut charged) = (NoticeOutcome::NoInstance, None);
        for chosen in self.instances.choose(to.sign_in, None).await? {
            if chosen.recipient_kind != kind || !chosen.delivers_texts() {
                continue;
            }
            // A country that messages must not go to, for example.
            let Ok(canonical) = recipient.canonical(kind, &chosen.policy) else { continue };
            if charged.is_none() {
                let is_phone = to.kind == AddressKind::Phone;
                let limits = self.limits.notice(&self.keyring, &to.sign_in.subscription, &canonical.bucket, is_phone);
                let (names, charges): (Vec<_>, Vec<_>) = limits.into_iter().unzip();
                let keys = charges.iter().map(|charge| charge.key).collect::<Vec<_>>();
                if let Some(limited) = self.store.charge(charges, self.clock.now()).await? {
                    // Logs and counts it.
                    let _ = Self::limited(&limited, &names, self.clock.now());
                    return Ok(NoticeOutcome::Limited);
                }
                charged = Some(keys);
            }
            match self.deliver_notice(&chosen, to, canonical.address, notice).await? {
                Ok(()) => return Ok(NoticeOutcome::Sent),
                Err(DeliveryFailure::RetryLater { .. }) => outcome = NoticeOutcome::TryAgain,
                Err(_) => return Ok(NoticeOutcome::Failed),
            }
        }
        if let Some(keys) = charged {
            // It was certainly not sent.
            self.store.release(keys).await?;
        }
        Ok(outcome)
    }

    async fn deliver_notice(
        &self,
        chosen: &Chosen,
        to: &NoticeTo<'_>,
        address: String,
        notice: &Notice,
    ) -> Result<Result<(), DeliveryFailure>, Error> {
        let policy = &chosen.policy;
        let mut notice = notice.clone();
        if !policy.application_name.is_empty() {
            notice.application.clone_from(&policy.application_name);
        }
        let texts = match to.kind {
            AddressKind::Email => notice_text::mail(&notice, to.locale),
            AddressKind::Phone => notice_text::short(&notice, to.locale),
        };
        let message = Message {
            id: random::id()?,
            recipient: address,
            subject: texts.subject,
            text: texts.text,
            html: texts.html,
            code: String::new(),
            valid_seconds: 0,
            locale: texts.locale.to_owned(),
            purpose: "notice".to_owned(),
            application: notice.application,
            extra: Vec::new(),
            tried_before: false,
        };
        let message = message.with_context(self.clock.now().as_second(), chosen.recipient_kind);
        let (subscription, instance, type_id) = (&to.sign_in.subscription, &chosen.id, &chosen.type_id);
        let whose = CountedFor::Subscription(subscription);
        if let Some(failure) = self.not_ready(chosen, whose, true).await {
            tracing::warn!(%instance, %type_id, reason = %failure.reason(), "a notice was not tried");
            return Ok(Err(failure));
        }
        let unknown = |_| {
            let reason = Reason::new("timeout", "the notice took too long to deliver");
            Err(DeliveryFailure::OutcomeUnknown(reason))
        };
        let delivery =
            async { tokio::time::timeout(DELIVERED_WITHIN, chosen.deliver(message)).await.unwrap_or_else(unknown) };
        let outcome = self.deliver_in_turn(chosen, whose, delivery).await;
        let event = outcome.as_ref().err().map_or("delivered", DeliveryFailure::name);
        metrics::counter!("twofactor_notices_total", "type" => type_id.clone(), "outcome" => event).increment(1);
        match outcome {
            Ok(sent) => {
                tracing::info!(%instance, %type_id, reference = sent.receipt.reference, "a notice was delivered");
                Ok(Ok(()))
            }
            Err(failure) => {
                tracing::warn!(%instance, %type_id, outcome = failure.name(), reason = %failure.reason(), "a notice was not delivered");
                Ok(Err(failure))
            }
        }
    }
}

fn recipient_kind(kind: AddressKind) -> RecipientKind {
    match kind {
        AddressKind::Email => RecipientKind::EmailAddress,
        AddressKind::Phone => RecipientKind::PhoneNumber,
    }
}
