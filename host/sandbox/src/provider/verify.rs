//! Upstreams that generate codes of their own and verify the answers.

use std::ops::RangeInclusive;
use std::sync::Arc;

use super::deliver::{delivery_failure, known, no_letters, receipt};
use super::{Delivers, Provider};
use crate::call::{DeliveryFailure, GivenOptions, Message, Placeholder, Reason, Sent, StartedVerification, Verdict};
use crate::contract::v0_2::twofactor::provider::types as wit;
use crate::contract::v0_2::verifying::exports::twofactor::provider::verification;
use crate::egress::Grants;

/// The longest state that is kept, in bytes.
const STATE_BYTES: usize = 4096;

/// The allowed lengths of a code, by the host or by an upstream.
pub const CODE_LENGTHS: RangeInclusive<u32> = 4..=10;

impl Provider {
    /// Has the upstream make a code and send it. The message has neither texts nor a code: they are
    /// the host's.
    pub(crate) async fn begin(
        &self,
        grants: Arc<Grants>,
        options: &GivenOptions,
        message: Message,
    ) -> Result<Sent, DeliveryFailure> {
        let verification = self.verification()?;
        let redactor = self.redactor().without(options.secrets()).without_recipient(&message.recipient);
        let log = self.log(redactor);
        let redactor = log.clone();
        let (options, secrets) = options.for_call().map_err(no_letters)?;
        let options = &*options;
        let none = String::new;
        let message =
            wit::Message::from(Message { subject: none(), text: none(), html: None, code: none(), ..message });
        let time = self.sandbox.limits().deliver_time;
        let answer = self
            .run(self.call(log, time).grants(grants).secrets(secrets), async |instance, store| {
                let verification = verification.load(&mut *store, &instance)?;
                let answer = verification.call_begin(&mut *store, options, &message).await?;
                Ok(answer.map_err(|failure| known(failure, store.data())))
            })
            .await?;
        let clean = |text: &str| redactor.redactor().clean(text);
        let started = answer.map_err(|failure| delivery_failure(failure, &clean).with_upstream(redactor.upstream()))?;
        if started.state.len() > STATE_BYTES || !CODE_LENGTHS.contains(&started.code_length.into()) {
            let why = "the provider's state is over 4096 bytes, or its code does not have 4 to 10 digits";
            return Err(DeliveryFailure::Misconfigured(Reason::new("started-verification", why)));
        }
        let (state, code_length) = (started.state, started.code_length);
        Ok(Sent {
            receipt: receipt(&started.receipt, &clean),
            verification: Some(StartedVerification { state, code_length }),
        })
    }

    /// Asks the upstream about an answer, which the component need not see.
    pub(crate) async fn check(
        &self,
        grants: Arc<Grants>,
        options: &GivenOptions,
        state: &str,
        answer: &str,
    ) -> Result<Verdict, DeliveryFailure> {
        let verification = self.verification()?;
        let log = self.log(self.redactor().without(options.secrets()).without_code(answer));
        let redactor = log.clone();
        let (options, secrets) = options.for_call().map_err(no_letters)?;
        let options = &*options;
        let placeholder = if self.manifest().needs_code {
            None
        } else {
            Some(Placeholder::new(answer, &[options, state]).map_err(no_letters)?)
        };
        let given = placeholder.as_ref().map_or(answer, |placeholder| placeholder.letters());
        let time = self.sandbox.limits().deliver_time;
        let call = self.call(log, time).grants(grants).placeholder(placeholder.clone()).secrets(secrets);
        let verdict = self
            .run(call, async |instance, store| {
                let verification = verification.load(&mut *store, &instance)?;
                let verdict = verification.call_check(&mut *store, options, state, given).await?;
                let sent = store.data().effects().has_sent();
                Ok(verdict.map(|verdict| (verdict, sent)).map_err(|failure| known(failure, store.data())))
            })
            .await?;
        let clean = |text: &str| redactor.redactor().clean(text);
        let (verdict, sent) =
            verdict.map_err(|failure| delivery_failure(failure, &clean).with_upstream(redactor.upstream()))?;
        // A provider that sees the answer may have sent it in a form that is not known here.
        let left = placeholder.as_ref().is_none_or(|placeholder| placeholder.has_left());
        match verdict {
            verification::Verdict::Right if !sent || !left => {
                let why = "the provider accepted an answer without sending it to the upstream";
                Err(DeliveryFailure::Misconfigured(Reason::new("no-answer", why)))
            }
            verification::Verdict::Right => Ok(Verdict::Right),
            verification::Verdict::Wrong => Ok(Verdict::Wrong),
            verification::Verdict::Expired => Ok(Verdict::Expired),
        }
    }

    fn verification(&self) -> Result<&verification::GuestIndices, DeliveryFailure> {
        match &self.sender().map_err(DeliveryFailure::Misconfigured)?.delivers {
            Delivers::Verifications(verification) => Ok(verification),
            Delivers::Messages(_) => {
                let why = "the provider that serves now leaves it to the host to verify answers";
                Err(DeliveryFailure::Misconfigured(Reason::new("no-verification", why)))
            }
        }
    }
}
