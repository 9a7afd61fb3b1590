//! The calls of a component that validate options and deliver messages: each runs in a fresh
//! instance with all limits in force, and its texts are redacted.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::authentication::{credentials, http_authentication};
use super::{Delivers, Provider};
use crate::call::{
    CallFailure, DeliveryFailure, GivenOptions, LONGEST_WAIT, Message, NoPlaceholder, Placeholder, Price, Reason,
    Receipt, Sent, State,
};
use crate::component::RecipientKind;
use crate::contract::v0_2::twofactor::provider::types as wit;
use crate::egress::{Connection, Grants, HttpSetting, SmtpSecurity};
use crate::field_error::FieldError;
use crate::schema::OptionsSchema;

/// The most parts that a message is billed as: the parts of a long SMS are numbered by one byte (3GPP TS 23.040 section 9.2.3.24.1). A
/// number without bounds could be a code.
const MAX_SEGMENTS: u32 = 255;

/// Why a receipt is not believed.
const NO_CODE: &str = "the provider reports a delivery, but nothing that it sent contained the code: a provider that changes the \
                       text must set `needs-code`";

impl Provider {
    /// Has the component validate options, secrets included. It can reach nothing.
    pub(crate) async fn configure(
        &self,
        options: &Value,
    ) -> Result<Result<Vec<Connection>, Vec<FieldError>>, CallFailure> {
        let functions = self.sender().map_err(CallFailure::before)?;
        let limits = self.sandbox.limits();
        let secrets = OptionsSchema::new(&self.manifest().options_schema).secrets(options);
        let log = self.log(self.redactor().without(secrets));
        let redactor = log.clone();
        let answer = self
            .run(self.call(log, limits.configure_time), async |instance, store| {
                let configuration = functions.configuration.load(&mut *store, &instance)?;
                configuration.call_configure(store, &options.to_string()).await
            })
            .await?;
        let clean = |text: &str| redactor.redactor().clean(text);
        Ok(match answer {
            Ok(asked) => {
                let connections: Vec<Connection> = asked.into_iter().map(connection).collect();
                let checked = Grants::check_sizes(&connections);
                checked.map(|()| connections).map_err(|error| vec![FieldError::new("", error.to_string())])
            }
            Err(problems) => Err(problems
                .into_iter()
                .take(64)
                .map(|problem| FieldError::new(clean(&problem.pointer), clean(&problem.message)))
                .collect()),
        })
    }

    /// Has the component deliver a message, with exactly these grants.
    pub(crate) async fn deliver(
        &self,
        grants: Arc<Grants>,
        options: &GivenOptions,
        message: Message,
    ) -> Result<Sent, DeliveryFailure> {
        let functions = self.sender().map_err(DeliveryFailure::Misconfigured)?;
        let Delivers::Messages(delivery) = &functions.delivers else {
            return self.begin(grants, options, message).await;
        };
        let limits = self.sandbox.limits();
        let redactor = self.redactor().without([message.text.clone()]).without(options.secrets());
        let redactor = redactor.without_recipient(&message.recipient);
        let log = self.log(redactor.without_code(&message.code));
        let redactor = log.clone();
        let tried_before = message.tried_before;
        let mut message = wit::Message::from(message);
        let (options, secrets) = options.for_call().map_err(no_letters)?;
        let options = &*options;
        let placeholder = if self.manifest().needs_code {
            None
        } else {
            let to_mailbox = self.manifest().recipient == Some(RecipientKind::EmailAddress);
            Placeholder::put(&mut message, options, to_mailbox).map_err(no_letters)?
        };
        if tried_before && let Some(placeholder) = &placeholder {
            placeholder.note_tried_before();
        }
        let call = self.call(log, limits.deliver_time).grants(grants).placeholder(placeholder.clone()).secrets(secrets);
        let hidden = placeholder;
        let answer = self
            .run(call, async |instance, store| {
                let delivery = delivery.load(&mut *store, &instance)?;
                let answer = delivery.call_deliver(&mut *store, options, &message).await?;
                Ok(answer.map_err(|failure| known(failure, store.data())))
            })
            .await;
        let clean = |text: &str| redactor.redactor().clean(text);
        match answer {
            Ok(Ok(_)) if hidden.is_some_and(|placeholder| !placeholder.has_left()) => {
                Err(DeliveryFailure::Misconfigured(Reason::new("no-code", NO_CODE)))
            }
            Ok(Ok(taken)) => Ok(Sent { receipt: receipt(&taken, &clean), verification: None }),
            Ok(Err(failure)) => Err(delivery_failure(failure, &clean).with_upstream(redactor.upstream())),
            Err(failure) => Err(DeliveryFailure::from(failure).with_upstream(redactor.upstream())),
        }
    }
}

pub(crate) fn no_letters(error: NoPlaceholder) -> DeliveryFailure {
    DeliveryFailure::RetryLater { after_seconds: None, reason: Reason::new("placeholder", error.to_string()) }
}

pub(crate) fn receipt(taken: &wit::Receipt, clean: &impl Fn(&str) -> String) -> Receipt {
    Receipt {
        reference: clean(&taken.reference),
        segments: taken.segments.map(|segments| segments.min(MAX_SEGMENTS)),
        // An amount of which digits were redacted is no longer a price.
        price: taken.price.as_ref().and_then(|price| Price::new(&clean(&price.amount), &clean(&price.currency))),
        extra: taken.extra.iter().take(16).map(|e| (clean(&e.name), clean(&e.value))).collect(),
    }
}

/// Corrects a failure by what the host knows. A component whose client hides the difference (as
/// `fetch` does) cannot tell that nothing was sent, so that the outcome is known, or that a request
/// was denied, which the operator must fix.
pub(crate) fn known(failure: wit::DeliveryFailure, call: &State) -> wit::DeliveryFailure {
    match failure {
        wit::DeliveryFailure::OutcomeUnknown(reason) if !call.effects().has_sent() && call.effects().was_denied() => {
            wit::DeliveryFailure::Misconfigured(reason)
        }
        wit::DeliveryFailure::OutcomeUnknown(reason) if !call.effects().has_sent() => {
            wit::DeliveryFailure::RetryLater(wit::Retry { after_seconds: None, reason })
        }
        other => other,
    }
}

fn setting(asked: wit::HttpSetting) -> HttpSetting {
    match asked {
        wit::HttpSetting::PlaceSecret(option) => HttpSetting::PlaceSecret(option),
        wit::HttpSetting::CodeInQuery => HttpSetting::CodeInQuery,
        wit::HttpSetting::Other(entry) => HttpSetting::Unknown(entry.name),
    }
}

fn connection(asked: wit::Connection) -> Connection {
    match asked {
        wit::Connection::Http(http) => Connection::Http {
            origin: http.origin,
            authentication: http_authentication(http.authentication),
            settings: http.settings.into_iter().map(setting).collect(),
        },
        wit::Connection::Smtp(wit::SmtpConnection { settings, .. }) if !settings.is_empty() => {
            Connection::UnknownSmtp(settings.into_iter().next().map(|setting| setting.name).unwrap_or_default())
        }
        wit::Connection::Smtp(smtp) => Connection::Smtp {
            host: smtp.host,
            port: smtp.port,
            security: match smtp.security {
                wit::SmtpSecurity::ImplicitTls => SmtpSecurity::ImplicitTls,
                wit::SmtpSecurity::Starttls => SmtpSecurity::StartTls,
                wit::SmtpSecurity::Plaintext => SmtpSecurity::Plaintext,
            },
            credentials: smtp.credentials.map(credentials),
            timeout: Duration::from_millis(smtp.timeout_ms.into()),
        },
    }
}

pub(crate) fn delivery_failure(failure: wit::DeliveryFailure, clean: &impl Fn(&str) -> String) -> DeliveryFailure {
    let reason = |said: wit::Reason| {
        let code = clean(&said.code);
        let code = if Reason::OF_THE_HOST.contains(&&*code) { format!("upstream-{code}") } else { code };
        Reason::new(code, clean(&said.detail))
    };
    match failure {
        wit::DeliveryFailure::RetryLater(retry) => {
            let after_seconds = retry.after_seconds.map(|seconds| seconds.min(LONGEST_WAIT));
            DeliveryFailure::RetryLater { after_seconds, reason: reason(retry.reason) }
        }
        wit::DeliveryFailure::OutcomeUnknown(said) => DeliveryFailure::OutcomeUnknown(reason(said)),
        wit::DeliveryFailure::Rejected(rejection) => DeliveryFailure::Rejected {
            recipient: rejection.part == wit::RejectedPart::Recipient,
            reason: reason(rejection.reason),
        },
        wit::DeliveryFailure::Misconfigured(said) => DeliveryFailure::Misconfigured(reason(said)),
        wit::DeliveryFailure::Blocked(said) => DeliveryFailure::Blocked(reason(said)),
    }
}

impl From<Message> for wit::Message {
    fn from(message: Message) -> Self {
        Self {
            id: message.id,
            recipient: message.recipient,
            subject: message.subject,
            text: message.text,
            html: message.html,
            code: message.code,
            valid_seconds: message.valid_seconds,
            locale: message.locale,
            purpose: message.purpose,
            application: message.application,
            extra: message.extra.into_iter().map(|(name, value)| wit::Entry { name, value }).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_cannot_use_a_code_of_the_host() {
        let failure = |code: &str| {
            let reason = wit::Reason { code: code.to_owned(), detail: String::new() };
            let retry = wit::Retry { after_seconds: None, reason };
            delivery_failure(wit::DeliveryFailure::RetryLater(retry), &str::to_owned)
        };
        for code in Reason::OF_THE_HOST {
            let failure = failure(code);
            assert_eq!(failure.reason().code, format!("upstream-{code}"));
            assert!(!failure.is_of_the_host() && failure.was_tried());
            let own = DeliveryFailure::RetryLater { after_seconds: None, reason: Reason::new(code, "") };
            assert!(!own.was_tried());
        }
        assert_eq!(failure("503").reason().code, "503");
    }
}
