//! Validates options: by the provider's schema, by its `configure`, and by the operator's rules for connections.

mod component_check;
mod factor;
mod substitutes;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::call::{
    CallFailure, DeliveryFailure, DeliveryReport, GivenOptions, Message, Reason, Receipt, Sent, StartedVerification,
    Verdict,
};
use crate::egress::reflected_secrets::SHORTEST;
use crate::egress::{
    Destination, GrantedConnection, Grants, Placeable, ReportProofError, ReportRequest, ReportVerifier, Secret,
};
use crate::factor::Site;
use crate::field_error::FieldError;
use crate::provider::Provider;
use crate::schema::OptionsSchema;
pub use factor::ConfiguredFactor;

use component_check::{ask, ask_for_reports};
use substitutes::Substitutes;

/// The two layers of an instance's options, and the site for which they are valid.
#[derive(Clone, Copy)]
pub struct Layers<'a> {
    /// The base service settings. The component receives substitutes for secrets that are inherited from them.
    pub base: &'a Value,
    /// The instance's own options, which take precedence.
    pub own: &'a Value,
    /// The site on which factors are used. Only factor components learn of it. `None` is a site without a name and origins.
    pub site: Option<&'a Site>,
}

impl Layers<'_> {
    /// Returns both, where an own option takes precedence over the base service setting of the same name.
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
    /// The provider with these options, or the problems.
    pub result: Result<Configured, Vec<FieldError>>,
    /// Set if the component ran out of time: when to validate the options again.
    pub again_after: Option<Duration>,
}

/// How long to wait before a component is called again that did not say how reports are proved. Until then there are no reports.
const PROOF_AGAIN: Duration = Duration::from_secs(300);

/// The most texts among options that are secret or unknown. All that a component says is searched for each of them.
const MOST_SECRETS: usize = 64;

/// Why an inherited secret is refused. `deliver` would receive it and can return it in its reasons, in an encoding that nobody
/// recognizes, to those who administer only the instance.
const INHERITED: &str = "the provider receives this secret when it delivers, so an instance cannot inherit it from the base service \
                         settings: give this instance its own secret";

/// Returns why a placed secret is refused.
fn short_secret() -> String {
    format!(
        "the secret has fewer than {SHORTEST} characters: it could not be found in a response that repeats it, so the provider would \
         see it"
    )
}

impl Validation {
    /// How long to wait before the options are validated again, if the component ran out of time.
    pub const AGAIN_AFTER: Duration = Duration::from_secs(30);

    fn invalid(problems: Vec<FieldError>) -> Self {
        Self { result: Err(problems), again_after: None }
    }

    fn failed(failure: &CallFailure) -> Self {
        let problem = FieldError::new("", format!("the provider could not validate the options: {}", failure.reason));
        // Since neither time nor randomness is involved, what failed will fail again.
        Self { result: Err(vec![problem]), again_after: failure.wanted_time.then_some(Self::AGAIN_AFTER) }
    }
}

/// A provider with valid options, ready to send.
pub struct Configured {
    provider: Arc<Provider>,
    grants: Arc<Grants>,
    /// The merged options as the component receives them when it delivers.
    options: GivenOptions,
    /// Verifies delivery reports, if the upstream sends any.
    reports: Option<ReportVerifier>,
    /// Set for a factor component, which has no grants.
    factor: Option<ConfiguredFactor>,
}

impl Configured {
    /// Validates options.
    ///
    /// # Errors
    /// If the component could not be called now.
    pub async fn validate(provider: &Arc<Provider>, options: &Value) -> Result<Validation, Reason> {
        Self::validate_with(provider, options, None, |_| false).await
    }

    /// Validates an instance's own options over the base service settings, whose secrets the component does not receive.
    ///
    /// # Errors
    /// If the component could not be called now.
    pub async fn validate_layers(provider: &Arc<Provider>, layers: Layers<'_>) -> Result<Validation, Reason> {
        Self::validate_with(provider, &layers.merged(), layers.site, |name| layers.own.get(name).is_none()).await
    }

    async fn validate_with(
        provider: &Arc<Provider>,
        options: &Value,
        site: Option<&Site>,
        is_inherited: impl Fn(&str) -> bool,
    ) -> Result<Validation, Reason> {
        let schema = &provider.manifest().options_schema;
        let reader = OptionsSchema::new(schema);
        if reader.secrets(options).len() > MOST_SECRETS {
            let why = format!(
                "the options have more than {MOST_SECRETS} secrets, those included that the schema does not name"
            );
            return Ok(Validation::invalid(vec![FieldError::new("", why)]));
        }
        let problems = provider.broken_rules(options).await?;
        if !problems.is_empty() {
            return Ok(Validation::invalid(problems));
        }
        if provider.is_factor() {
            return Self::validate_factor(provider, options, site.unwrap_or(&Site::default())).await;
        }
        let substitutes = Substitutes::new(schema, options, is_inherited);
        let revealed = reader.revealed_in(options).into_iter().filter(|pointer| substitutes.is_inherited(pointer));
        let problems: Vec<FieldError> = revealed.map(|pointer| FieldError::new(pointer, INHERITED)).collect();
        if !problems.is_empty() {
            return Ok(Validation::invalid(problems));
        }
        let requested = match ask(provider, options, &substitutes).await {
            Ok(Ok(requested)) => requested,
            Ok(Err(problems)) => return Ok(Validation::invalid(problems)),
            Err(failure) if failure.busy => return Err(failure.reason),
            Err(failure) => return Ok(Validation::failed(&failure)),
        };
        let reports = ask_for_reports(provider, options, &substitutes, &requested).await;
        let (seen, placed) = reader.with_places(options);
        let placed: Vec<_> = placed.into_iter().map(|(pointer, secret)| (pointer, Secret::new(secret))).collect();
        let placeable = Placeable { placements: &provider.manifest().placements, secrets: &placed };
        let grants = match Grants::new(requested.connections, placeable, provider.network().rules()) {
            Ok(grants) => Arc::new(grants),
            Err(error) => return Ok(Validation::invalid(vec![FieldError::new("", error.to_string())])),
        };
        if let Some(option) = grants.too_short_to_place(&placed) {
            return Ok(Validation::invalid(vec![FieldError::new(option, short_secret())]));
        }
        let mut again_after = None;
        let reports = match reports {
            Ok(proof) => proof.and_then(|proof| {
                let verifier = ReportVerifier::new(&proof);
                let type_id = &provider.manifest().type_id;
                verifier
                    .inspect_err(|why| tracing::warn!(%type_id, why, "reports are not accepted: they cannot be proved"))
                    .ok()
            }),
            Err(failure) if failure.busy => return Err(failure.reason),
            Err(failure) => {
                let type_id = &provider.manifest().type_id;
                tracing::warn!(%type_id, reason = %failure.reason, "reports cannot be checked");
                again_after = Some(PROOF_AGAIN);
                None
            }
        };
        let secrets = reader.secrets(options).into_iter().map(Secret::new).collect();
        let options = GivenOptions::new(reader.without_secrets(options), seen, placed, secrets);
        let configured = Self { provider: provider.clone(), grants, options, reports, factor: None };
        Ok(Validation { result: Ok(configured), again_after })
    }

    async fn validate_factor(provider: &Arc<Provider>, options: &Value, site: &Site) -> Result<Validation, Reason> {
        let code_format = match provider.configure_factor(options, site).await {
            Ok(Ok(format)) => format,
            Ok(Err(problems)) => return Ok(Validation::invalid(problems)),
            Err(failure) if failure.busy => return Err(failure.reason),
            Err(failure) => return Ok(Validation::failed(&failure)),
        };
        // None of them is secret, and one that the schema does not have may be a misspelt secret.
        let options = OptionsSchema::new(&provider.manifest().options_schema).without_secrets(options);
        let factor = Some(ConfiguredFactor::new(provider, &options, code_format)?);
        let options = GivenOptions::new(options.clone(), options, Vec::new(), Vec::new());
        let configured =
            Self { provider: provider.clone(), grants: Arc::new(Grants::none()), options, reports: None, factor };
        Ok(Validation { result: Ok(configured), again_after: None })
    }

    /// Returns the factor, if the component verifies factors.
    pub fn factor(&self) -> Option<&ConfiguredFactor> {
        self.factor.as_ref()
    }

    /// Returns the granted connections.
    pub fn connections(&self) -> Vec<GrantedConnection> {
        self.grants.connections()
    }

    /// Returns the endpoints it may reach, including those that issue access tokens, as the operator's network settings name them:
    /// `https://api.example.com`, `smtp://mail.example.com:465`.
    pub fn endpoints(&self) -> Vec<String> {
        self.grants.endpoints()
    }

    /// Returns where secrets may go, which is compared when a change keeps a stored secret.
    pub fn destinations(&self) -> Vec<Destination> {
        self.grants.destinations()
    }

    /// Returns the number of granted HTTP origins.
    pub fn origins(&self) -> usize {
        self.grants.origins()
    }

    /// Returns how many bytes were exchanged with its upstreams since the last call.
    pub fn take_bytes(&self) -> u64 {
        self.grants.take_bytes()
    }

    /// Sends a message, with the host's code or with one that the upstream generates (see [`Sent::verification`]).
    ///
    /// # Errors
    /// Why it was not sent, or that it is not known whether it was.
    pub async fn send(&self, message: Message) -> Result<Sent, DeliveryFailure> {
        self.provider.deliver(self.grants.clone(), &self.options, message).await
    }

    /// Delivers a message.
    ///
    /// # Errors
    /// As for [`Self::send`].
    pub async fn deliver(&self, message: Message) -> Result<Receipt, DeliveryFailure> {
        Ok(self.send(message).await?.receipt)
    }

    /// Starts a verification: the upstream generates a code and sends it. See [`Provider::verifies`].
    ///
    /// # Errors
    /// As for [`Self::send`]; misconfigured if the provider delivers the host's codes.
    pub async fn begin(&self, message: Message) -> Result<(Receipt, StartedVerification), DeliveryFailure> {
        let sent = self.send(message).await?;
        let none =
            || DeliveryFailure::Misconfigured(Reason::new("no-verification", "the provider delivers the host's codes"));
        Ok((sent.receipt, sent.verification.ok_or_else(none)?))
    }

    /// Asks the upstream to verify an answer.
    ///
    /// # Errors
    /// Why the answer could not be verified. A wrong answer is not an error.
    pub async fn check(&self, state: &str, answer: &str) -> Result<Verdict, DeliveryFailure> {
        self.provider.check(self.grants.clone(), &self.options, state, answer).await
    }

    /// Returns whether its upstream sends delivery reports that can be verified.
    pub fn has_reports(&self) -> bool {
        self.reports.is_some()
    }

    /// Verifies and reads a delivery report for a message to this recipient. `url` is what the upstream was given, to the letter. `None` if it says nothing, or there are no reports.
    ///
    /// # Errors
    /// Why it does not come from the upstream.
    pub async fn report(
        &self,
        url: &str,
        report: &ReportRequest<'_>,
        recipient: &str,
        now: SystemTime,
    ) -> Result<Option<DeliveryReport>, ReportProofError> {
        let Some(verifier) = &self.reports else { return Ok(None) };
        verifier.verify(url, report, now)?;
        Ok(match self.read_report(&verifier.proved(report), recipient).await {
            Ok(fate) => fate,
            Err(reason) => {
                let type_id = &self.provider.manifest().type_id;
                tracing::warn!(type_id, %reason, "a delivery report could not be parsed");
                None
            }
        })
    }

    /// Reads a delivery report for a message to this recipient, whoever sent it. `None` if it is not a report.
    ///
    /// # Errors
    /// If the component fails.
    pub async fn read_report(
        &self,
        report: &ReportRequest<'_>,
        recipient: &str,
    ) -> Result<Option<DeliveryReport>, Reason> {
        let read = self.provider.read_report(self.options.without_secrets(), report, recipient).await;
        read.map_err(|failure| failure.reason)
    }
}
