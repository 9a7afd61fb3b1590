//! Validates options: first by the provider's schema, then by the provider itself, then by the operator's rules for connections.

mod component_check;
mod substitutes;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::call::{
    DeliveryFailure, DeliveryStatus, Message, Problem, Reason, Receipt, Sent, StartedVerification, Verdict,
};
use crate::egress::{Arrived, Destination, GrantedConnection, Grants, NotSigned, ReportSignature};
use crate::provider::Provider;
use crate::schema::OptionsSchema;
use component_check::{ask, ask_for_reports};
use substitutes::StandIns;

/// Options in their two layers.
#[derive(Clone, Copy)]
pub struct Layers<'a> {
    /// The base service settings. Of the secrets that are inherited from them the component sees stand-ins only.
    pub base: &'a Value,
    /// The instance's own, which win.
    pub own: &'a Value,
}

impl Layers<'_> {
    /// An instance's own option wins over the base service setting of the same name.
    fn merged(self) -> Value {
        let mut merged = self.base.as_object().cloned().unwrap_or_default();
        for (name, value) in self.own.as_object().into_iter().flatten() {
            merged.insert(name.clone(), value.clone());
        }
        Value::Object(merged)
    }
}

/// The result of validating options.
pub struct Validation {
    /// What can be delivered with, or what is wrong.
    pub result: Result<Configured, Vec<Problem>>,
    /// Set if the component had not the time to answer: after how long the options should be validated again.
    pub again_after: Option<Duration>,
}

/// One that does not say how reports are signed, after so long: its instance serves without.
const SIGNED_BY_AGAIN: Duration = Duration::from_secs(300);

impl Validation {
    /// How long to wait before a component is asked again that had not the time to answer.
    pub const AGAIN_AFTER: Duration = Duration::from_secs(30);

    fn invalid(problems: Vec<Problem>) -> Self {
        Self { result: Err(problems), again_after: None }
    }
}

/// A provider with options that it accepts, ready to deliver.
pub struct Configured {
    provider: Arc<Provider>,
    grants: Arc<Grants>,
    /// The merged options as `deliver` gets them, in JSON.
    options: String,
    /// How the upstream signs what it reports of messages, if it does.
    reports: Option<ReportSignature>,
}

impl Configured {
    /// Validates options.
    ///
    /// # Errors
    /// If the component could not be asked now.
    pub async fn validate(provider: &Arc<Provider>, options: &Value) -> Result<Validation, Reason> {
        Self::validate_with(provider, options, |_| false).await
    }

    /// Validates an instance's own options over the base service settings, whose secrets the component is not shown.
    ///
    /// # Errors
    /// If the component could not be asked now.
    pub async fn validate_layers(provider: &Arc<Provider>, layers: Layers<'_>) -> Result<Validation, Reason> {
        Self::validate_with(provider, &layers.merged(), |name| layers.own.get(name).is_none()).await
    }

    async fn validate_with(
        provider: &Arc<Provider>,
        options: &Value,
        is_inherited: impl Fn(&str) -> bool,
    ) -> Result<Validation, Reason> {
        let schema = &provider.manifest().options_schema;
        let problems = provider.broken_rules(options).await?;
        if !problems.is_empty() {
            return Ok(Validation::invalid(problems));
        }
        let stand_ins = StandIns::new(schema, options, is_inherited);
        let asked = match ask(provider, options, &stand_ins).await {
            Ok(Ok(asked)) => asked,
            Ok(Err(problems)) => return Ok(Validation::invalid(problems)),
            Err(failure) if failure.busy => return Err(failure.reason),
            Err(failure) => {
                let problem =
                    Problem::new("", format!("the provider could not validate the options: {}", failure.reason));
                // Where neither time nor chance is in it, what broke off breaks off again.
                let again_after = failure.wanted_time.then_some(Validation::AGAIN_AFTER);
                return Ok(Validation { result: Err(vec![problem]), again_after });
            }
        };
        let reports = ask_for_reports(provider, options, &stand_ins, &asked).await;
        let grants = match Grants::new(asked.connections, provider.network().rules()) {
            Ok(grants) => Arc::new(grants),
            Err(error) => return Ok(Validation::invalid(vec![Problem::new("", error.to_string())])),
        };
        let mut again_after = None;
        let reports = match reports {
            Ok(reports) => reports,
            Err(failure) if failure.busy => return Err(failure.reason),
            Err(failure) => {
                let type_id = &provider.manifest().type_id;
                tracing::warn!(%type_id, reason = %failure.reason, "reports cannot be checked");
                again_after = Some(SIGNED_BY_AGAIN);
                None
            }
        };
        let options = OptionsSchema::new(schema).without_secrets(options).to_string();
        Ok(Validation { result: Ok(Self { provider: provider.clone(), grants, options, reports }), again_after })
    }

    /// What it may reach.
    pub fn connections(&self) -> Vec<GrantedConnection> {
        self.grants.connections()
    }

    /// The endpoints it may reach, those that issue its access tokens among them, as the operator's network settings name them:
    /// `https://api.example.com`, `smtp://mail.example.com:465`.
    pub fn endpoints(&self) -> Vec<String> {
        self.grants.endpoints()
    }

    /// Where secrets may go: compared when a change keeps a stored one.
    pub fn destinations(&self) -> Vec<Destination> {
        self.grants.destinations()
    }

    /// How many HTTP origins it may reach.
    pub fn origins(&self) -> usize {
        self.grants.origins()
    }

    /// How many bytes went to and from its upstreams since this was asked last.
    pub fn take_bytes(&self) -> u64 {
        self.grants.take_bytes()
    }

    /// Has a message sent, with the host's code or with one that the upstream makes: see [`Sent::begun`].
    ///
    /// # Errors
    /// How it failed.
    pub async fn send(&self, message: Message) -> Result<Sent, DeliveryFailure> {
        self.provider.deliver(self.grants.clone(), &self.options, message).await
    }

    /// Has a message delivered.
    ///
    /// # Errors
    /// How it failed.
    pub async fn deliver(&self, message: Message) -> Result<Receipt, DeliveryFailure> {
        Ok(self.send(message).await?.receipt)
    }

    /// Has the upstream make a code of its own and send it; see [`Provider::verifies`].
    ///
    /// # Errors
    /// How it failed; misconfigured if the provider delivers the host's codes.
    pub async fn begin(&self, message: Message) -> Result<(Receipt, StartedVerification), DeliveryFailure> {
        let sent = self.send(message).await?;
        let none =
            || DeliveryFailure::Misconfigured(Reason::new("no-verification", "the provider delivers the host's codes"));
        Ok((sent.receipt, sent.begun.ok_or_else(none)?))
    }

    /// Asks the upstream about an answer to what was begun.
    ///
    /// # Errors
    /// How it failed.
    pub async fn check(&self, state: &str, answer: &str) -> Result<Verdict, DeliveryFailure> {
        self.provider.check(self.grants.clone(), &self.options, state, answer).await
    }

    /// Whether its upstream reports what becomes of messages, in a way that can be checked.
    pub fn has_reports(&self) -> bool {
        self.reports.is_some()
    }

    /// What a report of a message to this recipient says; `None` if it says nothing, or there are no reports.
    ///
    /// # Errors
    /// Why it is not the upstream's own.
    pub async fn report(
        &self,
        arrived: &Arrived<'_>,
        recipient: &str,
        now: SystemTime,
    ) -> Result<Option<DeliveryStatus>, NotSigned> {
        let Some(signature) = &self.reports else { return Ok(None) };
        signature.verify(arrived, now)?;
        let content_type =
            arrived.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
        Ok(match self.read_report(content_type, arrived.body, recipient).await {
            Ok(fate) => fate,
            Err(reason) => {
                let type_id = &self.provider.manifest().type_id;
                tracing::warn!(type_id, %reason, "a report could not be read");
                None
            }
        })
    }

    /// What the provider reads in a report of a message to this recipient, whoever sent it; `None` if it is no report.
    ///
    /// # Errors
    /// If the component fails to answer.
    pub async fn read_report(
        &self,
        content_type: &str,
        body: &[u8],
        recipient: &str,
    ) -> Result<Option<DeliveryStatus>, Reason> {
        let read = self.provider.read_report(&self.options, content_type, body, recipient).await;
        read.map_err(|failure| failure.reason)
    }
}
