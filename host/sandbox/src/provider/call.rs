//! One call of a component: a fresh instance, every bound in force, and its words cleaned on the way out.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use wasmtime::component::Instance;
use wasmtime::{Store, Trap};

use super::bindings::twofactor::provider::types as wit;
use super::engine::Sandbox;
use super::load::{Delivers, Provider};
use super::manifest::RecipientKind;
use super::outcome::{BUSY, DeliveryFailure, LONGEST_WAIT, Message, Problem, Reason, Receipt, Sent};
use super::placeholder::{NoPlaceholder, Placeholder};
use super::schema::OptionsSchema;
use super::speech::Speech;
use super::state::{CallLog, OutOfTime, State};
use super::turns::Share;
use crate::capability::{AwsKey, Connection, Credentials, Grants, HttpAuthentication, Secret, SmtpSecurity};

/// The most parts that a message is billed as: the parts of a long SMS are numbered by one byte (3GPP TS 23.040 section 9.2.3.24.1). A
/// number without bounds could be a code.
const MOST_PARTS: u32 = 255;

/// Why a receipt is not believed.
const NO_CODE: &str = "the provider reports a delivery, but the code is in nothing that it sent: a provider that changes the form of \
                       its texts must say `needs-code`";

/// A call that did not come to an answer of the component's own.
#[derive(Debug)]
pub(crate) struct CallFailure {
    /// What happened, in a sentence for the operator.
    pub(crate) reason: Reason,
    /// The host was too busy: nothing was even begun.
    pub(crate) busy: bool,
    /// A message may have gone out before.
    pub(crate) sent: bool,
    /// It ended since its time was over, and might come to an answer on a machine that has more of it.
    pub(crate) wanted_time: bool,
}

impl Provider {
    /// Whether time and chance are the same in each call that reaches nobody.
    pub(crate) fn is_steady(&self) -> bool {
        self.sandbox.is_steady(true)
    }

    /// Asks the component to judge options, secrets included. It can reach nobody.
    pub(crate) async fn configure(
        &self,
        options: &Value,
    ) -> Result<Result<Vec<Connection>, Vec<Problem>>, CallFailure> {
        let limits = self.sandbox.limits();
        let secrets = OptionsSchema::new(&self.manifest().options_schema).secrets(options);
        let log = self.log(self.speech().without(secrets));
        let speech = log.clone();
        let answer = self
            .call(Arc::new(Grants::none()), log, None, limits.configure_time, async |instance, store| {
                let configuration = self.exports.configuration.load(&mut *store, &instance)?;
                configuration.call_configure(store, &options.to_string()).await
            })
            .await?;
        let clean = |text: &str| speech.speech().clean(text);
        Ok(match answer {
            Ok(connections) => Ok(connections.into_iter().map(connection).collect()),
            Err(problems) => Err(problems
                .into_iter()
                .take(64)
                .map(|problem| Problem::new(clean(&problem.pointer), clean(&problem.message)))
                .collect()),
        })
    }

    /// Has the component deliver a message, with exactly these grants. `options` is JSON.
    pub(crate) async fn deliver(
        &self,
        grants: Arc<Grants>,
        options: &str,
        message: Message,
    ) -> Result<Sent, DeliveryFailure> {
        let Delivers::Messages(delivery) = &self.exports.delivers else {
            return self.begin(grants, options, message).await;
        };
        let limits = self.sandbox.limits();
        let speech = self.speech().without([message.text.clone()]).without_recipient(&message.recipient);
        let log = self.log(speech.without_code(&message.code));
        let speech = log.clone();
        let mut message = wit::Message::from(message);
        let placeholder = if self.manifest().needs_code {
            None
        } else {
            let to = (self.manifest().recipient == RecipientKind::EmailAddress).then(|| message.recipient.clone());
            Placeholder::put(&mut message, options, to).map_err(no_letters)?
        };
        let hidden = placeholder.clone();
        let answer = self
            .call(grants, log, placeholder, limits.deliver_time, async |instance, store| {
                let delivery = delivery.load(&mut *store, &instance)?;
                let answer = delivery.call_deliver(&mut *store, options, &message).await?;
                Ok(answer.map_err(|failure| known(failure, store.data())))
            })
            .await;
        let clean = |text: &str| speech.speech().clean(text);
        match answer {
            Ok(Ok(_)) if hidden.is_some_and(|placeholder| !placeholder.has_left()) => {
                Err(DeliveryFailure::Misconfigured(Reason::new("no-code", NO_CODE)))
            }
            Ok(Ok(taken)) => Ok(Sent { receipt: receipt(&taken, &clean), begun: None }),
            Ok(Err(failure)) => Err(delivery_failure(failure, &clean).with_upstream(speech.upstream())),
            Err(failure) => Err(DeliveryFailure::from(failure).with_upstream(speech.upstream())),
        }
    }

    /// Texts as long as a call's may be.
    pub(super) fn speech(&self) -> Speech {
        Speech::new(self.sandbox.limits().text_chars)
    }

    pub(super) fn log(&self, speech: Speech) -> Arc<CallLog> {
        let recording = self.sandbox.network().recording().cloned();
        CallLog::recorded(&self.manifest().type_id, speech, self.sandbox.limits().log_lines, recording)
    }

    pub(super) async fn call<T>(
        &self,
        grants: Arc<Grants>,
        log: Arc<CallLog>,
        placeholder: Option<Arc<Placeholder>>,
        time: Duration,
        body: impl AsyncFnOnce(Instance, &mut Store<State>) -> wasmtime::Result<T>,
    ) -> Result<T, CallFailure> {
        run(&self.sandbox, Some(&self.share), grants, log, placeholder, time, async |store: &mut Store<State>| {
            let instance = self.exports.pre.instantiate_async(&mut *store).await?;
            body(instance, store).await
        })
        .await
    }
}

/// A component that broke after it had sent something may have delivered it.
impl From<CallFailure> for DeliveryFailure {
    fn from(failure: CallFailure) -> Self {
        match failure.reason {
            reason if failure.busy => Self::RetryLater { after_seconds: Some(1), reason },
            reason if failure.sent => Self::OutcomeUnknown(reason),
            reason => Self::Misconfigured(reason),
        }
    }
}

pub(super) fn no_letters(error: NoPlaceholder) -> DeliveryFailure {
    DeliveryFailure::RetryLater { after_seconds: None, reason: Reason::new("placeholder", error.to_string()) }
}

pub(super) fn receipt(taken: &wit::Receipt, clean: &impl Fn(&str) -> String) -> Receipt {
    Receipt {
        reference: clean(&taken.reference),
        segments: taken.segments.map(|segments| segments.min(MOST_PARTS)),
        extra: taken.extra.iter().take(16).map(|e| (clean(&e.name), clean(&e.value))).collect(),
    }
}

/// The host may know better than a component whose client keeps the difference to itself (`fetch` does): what nobody was sent is of no
/// unknown outcome, and what was not allowed is for the operator.
pub(super) fn known(failure: wit::DeliveryFailure, call: &State) -> wit::DeliveryFailure {
    match failure {
        wit::DeliveryFailure::OutcomeUnknown(reason) if !call.has_sent() && call.was_denied() => {
            wit::DeliveryFailure::Misconfigured(reason)
        }
        wit::DeliveryFailure::OutcomeUnknown(reason) if !call.has_sent() => {
            wit::DeliveryFailure::RetryLater(wit::Retry { after_seconds: None, reason })
        }
        other => other,
    }
}

/// Runs a component under every bound. The store, and with it all the component had, is dropped at the end.
pub(super) async fn run<T>(
    sandbox: &Sandbox,
    share: Option<&Share>,
    grants: Arc<Grants>,
    log: Arc<CallLog>,
    placeholder: Option<Arc<Placeholder>>,
    time: Duration,
    body: impl AsyncFnOnce(&mut Store<State>) -> wasmtime::Result<T>,
) -> Result<T, CallFailure> {
    let limits = sandbox.limits();
    let turn = tokio::time::timeout(limits.queue_time, sandbox.turns().take(share)).await;
    let Ok(Some(_turn)) = turn else {
        let reason = Reason::new(BUSY, "too many deliveries are in flight");
        return Err(CallFailure { reason, busy: true, sent: false, wanted_time: true });
    };
    let own_time = sandbox.clock().call(limits.running_ticks());
    // With the undoing of all that it had.
    let (answer, sent) = own_time
        .run(share.map(|share| &share.habit), async {
            let mut store = State::store(sandbox, grants, log.clone(), placeholder, own_time.clone());
            let answer = within(time, body(&mut store)).await;
            (answer, store.data().has_sent())
        })
        .await;
    answer.map_err(|error| {
        let reason = explain(error.as_ref());
        // The frames of a trap are for the provider's author; they hold names of functions and no data.
        if let Some(error) = &error {
            tracing::debug!(target: "twofactor::provider", error = log.speech().clean(&format!("{error:#}")), "a call failed");
        }
        let wanted_time = error.as_ref().is_none_or(|error| error.is::<OutOfTime>());
        CallFailure { reason, busy: false, sent, wanted_time }
    })
}

/// `Err(None)` when time is up.
async fn within<T>(
    time: Duration,
    call: impl Future<Output = wasmtime::Result<T>>,
) -> Result<T, Option<wasmtime::Error>> {
    match tokio::time::timeout(time, call).await {
        Ok(answer) => answer.map_err(Some),
        Err(_) => Err(None),
    }
}

fn explain(error: Option<&wasmtime::Error>) -> Reason {
    let Some(error) = error else {
        return Reason::new("time-out", "the component did not answer in time");
    };
    if error.is::<OutOfTime>() {
        return Reason::new("running-time", "the component ran longer than it may");
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => Reason::new("stack", "the component used more stack than it may"),
        Some(_) => Reason::new("trap", "the component broke off"),
        None => Reason::new("limit", "the component exceeded a limit or broke off"),
    }
}

fn connection(asked: wit::Connection) -> Connection {
    let credentials =
        |asked: wit::Credentials| Credentials { username: asked.username, password: Secret::new(asked.password) };
    match asked {
        wit::Connection::Http(http) => Connection::Http {
            origin: http.origin,
            authentication: match http.authentication {
                wit::HttpAuthentication::None => HttpAuthentication::None,
                wit::HttpAuthentication::Basic(asked) => HttpAuthentication::Basic(credentials(asked)),
                wit::HttpAuthentication::Bearer(token) => HttpAuthentication::Bearer(Secret::new(token)),
                wit::HttpAuthentication::Header(header) => {
                    HttpAuthentication::Header { name: header.name, value: Secret::new(header.value) }
                }
                wit::HttpAuthentication::Oauth2(asked) => HttpAuthentication::OAuth2 {
                    token_url: asked.token_url,
                    client_id: asked.client_id,
                    client_secret: Secret::new(asked.client_secret),
                    scope: asked.scope,
                },
                wit::HttpAuthentication::AwsSignature(key) => HttpAuthentication::AwsSignature(AwsKey {
                    access_key_id: key.access_key_id,
                    secret_access_key: Secret::new(key.secret_access_key),
                    region: key.region,
                    service: key.service,
                }),
                wit::HttpAuthentication::WebhookSignature(secret) => {
                    HttpAuthentication::WebhookSignature(Secret::new(secret))
                }
            },
        },
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

pub(super) fn delivery_failure(failure: wit::DeliveryFailure, clean: &impl Fn(&str) -> String) -> DeliveryFailure {
    let reason = |said: wit::Reason| {
        let code = clean(&said.code);
        // The host's own word for having no room, which says nothing of the upstream: nobody else says it.
        let code = if code == BUSY { format!("upstream-{BUSY}") } else { code };
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
