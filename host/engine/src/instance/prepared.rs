//! An evaluated instance: valid or not, and if valid ready to deliver.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::circuit_breaker::{Pause, PauseAfter};
use super::policy::Policy;
use super::required_factor::RequiredFactor;
use crate::store::InstanceRecord;
use twofactor_sandbox::{
    AnswerKind, Configured, ConfiguredFactor, DeliveryFailure, DeliveryReport, Destination, FieldError,
    GrantedConnection, Layers, Message, Provider, Reason, ReportProofError, ReportRequest, Sent, Site, Verdict,
};

/// The evaluation of merged options: what is wrong with them, or the allowed connections.
pub(crate) struct Prepared {
    pub(crate) provider: Option<Arc<Provider>>,
    pub(crate) problems: Vec<FieldError>,
    /// Set if the options are valid.
    configured: Option<Configured>,
    /// What this was evaluated from.
    source: Source,
    /// The site it was evaluated for, if the component depends on it.
    pub(super) site: Option<Site>,
    /// What the policy that it was evaluated for requires of factors.
    pub(super) required: RequiredFactor,
    pub(super) pause: Arc<Pause>,
    /// When the component is called again, if it returned no result.
    ask_again: Option<Duration>,
    evaluated_at: Timestamp,
}

/// What an instance is evaluated from: digests of its sealed options and of the base settings. Both may be long, and each process keeps
/// what it evaluated.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Source {
    own: [u8; 32],
    base: Option<[u8; 32]>,
}

impl Source {
    fn new(record: &InstanceRecord, base: Option<&Value>) -> Self {
        Self { own: digest(&record.options), base: base.map(digest) }
    }
}

/// Returns a digest of sealed options. What is not a text cannot be opened.
fn digest(sealed: &Value) -> [u8; 32] {
    Sha256::digest(sealed.as_str().unwrap_or_default()).into()
}

impl Prepared {
    /// Evaluates an instance's own options over the base service settings, whose secrets the component
    /// does not receive. `Err` if the component could not be called now.
    pub(crate) async fn evaluate_layers(provider: Option<Arc<Provider>>, layers: Layers<'_>) -> Result<Self, Reason> {
        let Some(provider) = provider else {
            return Ok(Self::invalid(None, vec![FieldError::new("", "the provider of this type is not installed")]));
        };
        let validation = Configured::validate_layers(&provider, layers).await?;
        let (configured, problems) = match validation.result {
            Ok(configured) => (Some(configured), Vec::new()),
            Err(problems) => (None, problems),
        };
        Ok(Self { configured, ask_again: validation.again_after, ..Self::invalid(Some(provider), problems) })
    }

    pub(super) fn invalid(provider: Option<Arc<Provider>>, problems: Vec<FieldError>) -> Self {
        let (source, pause, evaluated_at) = (Source::default(), Arc::default(), Timestamp::UNIX_EPOCH);
        let (required, ask_again) = (RequiredFactor::Any, None);
        Self { provider, problems, configured: None, source, site: None, required, pause, ask_again, evaluated_at }
    }

    /// Returns the same for an instance with this policy. It is not valid if none of its factors can satisfy it.
    pub(crate) fn under(self, policy: &Policy) -> Self {
        let required = policy.required_factor;
        let can_satisfy = required == RequiredFactor::Any || self.has_passkeys();
        let evaluated = if can_satisfy || !self.is_valid() {
            self
        } else {
            let problem = format!(
                "`required_factor` of the policy is `{}`, which only passkeys and security keys satisfy; \
                 set it to `any` in the policy of this instance",
                required.name()
            );
            Self::invalid(self.provider, vec![FieldError::new("", problem)])
        };
        Self { required, ..evaluated }
    }

    fn has_passkeys(&self) -> bool {
        let factor = self.provider.as_ref().and_then(|provider| provider.manifest().factor.as_ref());
        factor.is_some_and(|factor| factor.challenge == AnswerKind::WebauthnGet)
    }

    /// `before` is the previous evaluation of the same instance.
    pub(super) fn of(
        mut self,
        record: &InstanceRecord,
        (base, site): (Option<&Value>, Option<Site>),
        before: Option<&Self>,
        now: Timestamp,
    ) -> Self {
        if let Some(before) = before.filter(|before| before.is_of(record, base, self.provider.as_ref())) {
            self.pause = before.pause.clone();
        }
        self.source = Source::new(record, base);
        self.site = site;
        self.evaluated_at = now;
        self
    }

    /// Returns whether the component ran out of time: its connections are not known.
    pub(super) fn is_unanswered(&self) -> bool {
        !self.is_valid() && self.ask_again.is_some()
    }

    /// Returns whether it is time to call the component again.
    pub(super) fn is_to_be_asked_again(&self, now: Timestamp) -> bool {
        self.ask_again.is_some_and(|after| now.duration_since(self.evaluated_at).unsigned_abs() >= after)
    }

    /// Returns whether nothing that this was evaluated from has changed.
    pub(super) fn is_of(
        &self,
        record: &InstanceRecord,
        base: Option<&Value>,
        provider: Option<&Arc<Provider>>,
    ) -> bool {
        let same_provider = match (&self.provider, provider) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        same_provider && self.source == Source::new(record, base)
    }

    /// Returns the component, if it verifies factors that users hold.
    pub(super) fn factor(&self) -> Option<&ConfiguredFactor> {
        self.configured.as_ref().and_then(Configured::factor)
    }

    pub(crate) fn is_valid(&self) -> bool {
        self.configured.is_some()
    }

    /// Returns the allowed connections.
    pub(crate) fn connections(&self) -> Vec<GrantedConnection> {
        self.configured.as_ref().map(Configured::connections).unwrap_or_default()
    }

    /// Returns for how many seconds it is not used, after consecutive failures.
    pub(crate) fn pause_left(&self, now: Timestamp, after: PauseAfter) -> Option<u32> {
        self.pause.left(now, after)
    }

    pub(crate) fn take_bytes(&self) -> u64 {
        self.configured.as_ref().map(Configured::take_bytes).unwrap_or_default()
    }

    /// Returns where secrets may go: compared when a change keeps a stored one.
    pub(crate) fn destinations(&self) -> Vec<Destination> {
        self.configured.as_ref().map(Configured::destinations).unwrap_or_default()
    }

    /// Returns whether its upstream sends delivery reports that can be verified.
    pub(crate) fn has_reports(&self) -> bool {
        self.configured.as_ref().is_some_and(Configured::has_reports)
    }

    /// Returns what a report says of a message to this recipient; `None` if it says nothing, or the
    /// instance has no reports.
    ///
    /// # Errors
    /// Why it does not come from the upstream.
    pub(crate) async fn report(
        &self,
        url: &str,
        report: &ReportRequest<'_>,
        recipient: &str,
        now: SystemTime,
    ) -> Result<Option<DeliveryReport>, ReportProofError> {
        match &self.configured {
            Some(configured) => configured.report(url, report, recipient, now).await,
            None => Ok(None),
        }
    }

    fn configured(&self) -> Result<(&Configured, String), DeliveryFailure> {
        match (&self.configured, &self.provider) {
            (Some(configured), Some(provider)) => Ok((configured, provider.manifest().type_id.clone())),
            _ => Err(DeliveryFailure::Misconfigured(Reason::new("invalid", "the instance is not valid"))),
        }
    }

    /// Asks the upstream to verify an answer to a code of its own.
    pub(crate) async fn check(&self, state: &str, answer: &str) -> Result<Verdict, DeliveryFailure> {
        let (configured, type_id) = self.configured()?;
        let verdict = configured.check(state, answer).await;
        let outcome = match &verdict {
            Ok(Verdict::Right) => "right",
            Ok(Verdict::Wrong) => "wrong",
            Ok(Verdict::Expired) => "expired",
            Err(failure) => failure.name(),
        };
        metrics::counter!("twofactor_checks_total", "type" => type_id, "outcome" => outcome).increment(1);
        verdict
    }

    pub(crate) async fn deliver(&self, message: Message) -> Result<Sent, DeliveryFailure> {
        let (configured, type_id) = self.configured()?;
        let begin = Instant::now();
        let answer = configured.send(message).await;
        let outcome = answer.as_ref().err().map_or("delivered", DeliveryFailure::name);
        metrics::histogram!("twofactor_delivery_seconds", "type" => type_id.clone()).record(begin.elapsed());
        metrics::counter!("twofactor_deliveries_total", "type" => type_id, "outcome" => outcome).increment(1);
        answer
    }
}

#[cfg(test)]
mod tests {
    use twofactor_sandbox::Validation;

    use super::*;

    #[test]
    fn an_evaluation_is_that_of_the_same_options_and_base_settings_only() {
        let now = Timestamp::UNIX_EPOCH;
        let record = |options: &str| InstanceRecord {
            id: "i".to_owned(),
            subscription: "s".to_owned(),
            type_id: "t".to_owned(),
            name: "I".to_owned(),
            active: true,
            options: options.into(),
            policy: None,
            revision: 1,
            created_at: now,
            updated_at: now,
        };
        let base = Value::from("base");
        let evaluated = Prepared::invalid(None, Vec::new()).of(&record("own"), (Some(&base), None), None, now);
        assert!(evaluated.is_of(&record("own"), Some(&base), None));
        for (own, base) in [("other", Some(&base)), ("own", Some(&"other".into())), ("own", None)] {
            assert!(!evaluated.is_of(&record(own), base, None), "{own} {base:?}");
        }
    }

    #[test]
    fn a_component_that_had_no_time_to_validate_is_asked_again_after_half_a_minute() {
        let after = |seconds| Timestamp::UNIX_EPOCH + Duration::from_secs(seconds);
        let mut evaluated = Prepared::invalid(None, vec![FieldError::new("", "the component did not respond in time")]);
        assert!(!evaluated.is_to_be_asked_again(after(3600)));
        evaluated.ask_again = Some(Validation::AGAIN_AFTER);
        assert!(!evaluated.is_to_be_asked_again(after(29)) && evaluated.is_to_be_asked_again(after(30)));
    }
}
