//! An evaluated instance: valid or not, and if valid ready to deliver.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use serde_json::Value;

use super::destinations::Layers;
use super::judgement::{ask, ask_for_reports};
use super::options::merge;
use super::pause::{Pause, PauseAfter};
use super::stand_ins::StandIns;
use crate::capability::{Arrived, Destination, GrantedConnection, Grants, Network, NotSigned, ReportSignature};
use crate::provider::{DeliveryFailure, Fate, Message, OptionsSchema, Problem, Provider, Reason, Sent, Verdict};
use crate::store::InstanceRecord;

/// The evaluation of merged options: what is wrong with them, or the allowed connections.
pub(crate) struct Prepared {
    pub(crate) provider: Option<Arc<Provider>>,
    pub(crate) problems: Vec<Problem>,
    grants: Arc<Grants>,
    /// The merged options as `deliver` receives them, in JSON.
    options: String,
    /// What this was evaluated from: the sealed options and base settings.
    source: (Value, Option<Value>),
    pub(super) pause: Arc<Pause>,
    /// How the upstream signs delivery reports, if it sends any.
    reports: Option<ReportSignature>,
    /// When the component is called again, if it returned no result.
    ask_again: Option<Duration>,
    judged_at: Timestamp,
}

/// When a component is called again that ran out of time.
const JUDGE_AGAIN: Duration = Duration::from_secs(30);

/// When a component is called again that does not say how reports are signed; its instance works
/// without reports.
const SIGNED_BY_AGAIN: Duration = Duration::from_secs(300);

impl Prepared {
    /// Evaluates options: first by the schema, then by the component itself, then by the operator's
    /// rules for connections. `Err` if the component could not be called now.
    pub(crate) async fn judge(
        provider: Option<Arc<Provider>>,
        options: &Value,
        network: &Network,
    ) -> Result<Self, Reason> {
        Self::judge_with(provider, options, |_| false, network).await
    }

    /// The same for an instance's own options over the base service settings, whose secrets the
    /// component does not receive.
    pub(crate) async fn judge_layers(
        provider: Option<Arc<Provider>>,
        Layers { base, own }: Layers<'_>,
        network: &Network,
    ) -> Result<Self, Reason> {
        Self::judge_with(provider, &merge(base, own), |name| own.get(name).is_none(), network).await
    }

    async fn judge_with(
        provider: Option<Arc<Provider>>,
        options: &Value,
        is_inherited: impl Fn(&str) -> bool,
        network: &Network,
    ) -> Result<Self, Reason> {
        let Some(provider) = provider else {
            return Ok(Self::invalid(None, vec![Problem::new("", "the provider of this type is not installed")]));
        };
        let schema = &provider.manifest().options_schema;
        let problems = provider.broken_rules(options).await?;
        if !problems.is_empty() {
            return Ok(Self::invalid(Some(provider), problems));
        }
        let stand_ins = StandIns::new(schema, options, is_inherited);
        let asked = match ask(&provider, options, &stand_ins).await {
            Ok(Ok(asked)) => asked,
            Ok(Err(problems)) => return Ok(Self::invalid(Some(provider), problems)),
            Err(failure) if failure.busy => return Err(failure.reason),
            Err(failure) => {
                let problem = Problem::new("", format!("the provider could not judge the options: {}", failure.reason));
                let judged = Self::invalid(Some(provider), vec![problem]);
                // Since neither time nor randomness is involved, what failed will fail again.
                return Ok(Self { ask_again: failure.wanted_time.then_some(JUDGE_AGAIN), ..judged });
            }
        };
        let reports = ask_for_reports(&provider, options, &stand_ins, &asked).await;
        match Grants::new(asked.connections, network) {
            Ok(grants) => {
                let options = OptionsSchema::new(schema).without_secrets(options).to_string();
                let (grants, problems) = (Arc::new(grants), Vec::new());
                let mut ask_again = None;
                let reports = match reports {
                    Ok(reports) => reports,
                    Err(failure) if failure.busy => return Err(failure.reason),
                    Err(failure) => {
                        let type_id = &provider.manifest().type_id;
                        tracing::warn!(%type_id, reason = %failure.reason, "reports cannot be checked");
                        ask_again = Some(SIGNED_BY_AGAIN);
                        None
                    }
                };
                let (provider, valid) = (Some(provider), Self::invalid(None, problems));
                Ok(Self { provider, grants, options, reports, ask_again, ..valid })
            }
            Err(error) => Ok(Self::invalid(Some(provider), vec![Problem::new("", error.to_string())])),
        }
    }

    pub(super) fn invalid(provider: Option<Arc<Provider>>, problems: Vec<Problem>) -> Self {
        let grants = Arc::new(Grants::none());
        let (options, source, pause) = (String::new(), (Value::Null, None), Arc::default());
        let (reports, ask_again, judged_at) = (None, None, Timestamp::UNIX_EPOCH);
        Self { provider, problems, grants, options, source, pause, reports, ask_again, judged_at }
    }

    /// `before` is the previous evaluation of the same instance.
    pub(super) fn of(
        mut self,
        record: &InstanceRecord,
        base: Option<Value>,
        before: Option<&Self>,
        now: Timestamp,
    ) -> Self {
        if let Some(before) = before.filter(|before| before.is_of(record, base.as_ref(), self.provider.as_ref())) {
            self.pause = before.pause.clone();
        }
        self.source = (record.options.clone(), base);
        self.judged_at = now;
        self
    }

    /// Returns whether the component ran out of time: its connections are not known.
    pub(super) fn is_unanswered(&self) -> bool {
        !self.is_valid() && self.ask_again.is_some()
    }

    /// Returns whether it is time to call the component again.
    pub(super) fn is_to_be_asked_again(&self, now: Timestamp) -> bool {
        self.ask_again.is_some_and(|after| now.duration_since(self.judged_at).unsigned_abs() >= after)
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
        same_provider && self.source.0 == record.options && self.source.1.as_ref() == base
    }

    pub(crate) fn is_valid(&self) -> bool {
        self.problems.is_empty()
    }

    /// Returns the allowed connections.
    pub(crate) fn connections(&self) -> Vec<GrantedConnection> {
        self.grants.connections()
    }

    /// Returns for how many seconds it is not used, after consecutive failures.
    pub(crate) fn pause_left(&self, now: Timestamp, after: PauseAfter) -> Option<u32> {
        self.pause.left(now, after)
    }

    pub(crate) fn take_bytes(&self) -> u64 {
        self.grants.take_bytes()
    }

    pub(crate) fn origins(&self) -> usize {
        self.grants.origins()
    }

    /// Returns the endpoints it may reach, as the operator's network settings name them.
    pub(crate) fn endpoints(&self) -> Vec<String> {
        self.grants.endpoints()
    }

    /// Returns where secrets may go: compared when a change keeps a stored one.
    pub(crate) fn destinations(&self) -> Vec<Destination> {
        self.grants.destinations()
    }

    /// Returns whether its upstream sends delivery reports that can be verified.
    pub(crate) fn has_reports(&self) -> bool {
        self.reports.is_some()
    }

    /// Returns what a report says of a message to this recipient; `None` if it says nothing, or the
    /// instance has no reports.
    ///
    /// # Errors
    /// Why it does not come from the upstream.
    pub(crate) async fn report(
        &self,
        arrived: &Arrived<'_>,
        recipient: &str,
        now: SystemTime,
    ) -> Result<Option<Fate>, NotSigned> {
        let Some(signature) = &self.reports else { return Ok(None) };
        signature.verify(arrived, now)?;
        let content_type =
            arrived.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
        Ok(match self.read_report(content_type, arrived.body, recipient).await {
            Ok(fate) => fate,
            Err(reason) => {
                let type_id = self.provider.as_ref().map(|provider| &provider.manifest().type_id);
                tracing::warn!(type_id, %reason, "a report could not be read");
                None
            }
        })
    }

    /// Returns what the provider reads in a report, whoever sent it.
    pub(crate) async fn read_report(
        &self,
        content_type: &str,
        body: &[u8],
        recipient: &str,
    ) -> Result<Option<Fate>, Reason> {
        let Some(provider) = &self.provider else { return Ok(None) };
        let read = provider.read_report(&self.options, content_type, body, recipient).await;
        read.map_err(|failure| failure.reason)
    }

    /// Asks the upstream to verify an answer to a code of its own.
    pub(crate) async fn check(&self, state: &str, answer: &str) -> Result<Verdict, DeliveryFailure> {
        match &self.provider {
            Some(provider) if self.is_valid() => {
                let verdict = provider.check(self.grants.clone(), &self.options, state, answer).await;
                let outcome = match &verdict {
                    Ok(Verdict::Right) => "right",
                    Ok(Verdict::Wrong) => "wrong",
                    Ok(Verdict::Over) => "over",
                    Err(failure) => failure.name(),
                };
                let type_id = provider.manifest().type_id.clone();
                metrics::counter!("twofactor_checks_total", "type" => type_id, "outcome" => outcome).increment(1);
                verdict
            }
            _ => Err(DeliveryFailure::Misconfigured(Reason::new("invalid", "the instance is not valid"))),
        }
    }

    pub(crate) async fn deliver(&self, message: Message) -> Result<Sent, DeliveryFailure> {
        match &self.provider {
            Some(provider) if self.is_valid() => {
                let begin = Instant::now();
                let answer = provider.deliver(self.grants.clone(), &self.options, message).await;
                let type_id = provider.manifest().type_id.clone();
                let outcome = answer.as_ref().err().map_or("delivered", DeliveryFailure::name);
                metrics::histogram!("twofactor_delivery_seconds", "type" => type_id.clone()).record(begin.elapsed());
                metrics::counter!("twofactor_deliveries_total", "type" => type_id, "outcome" => outcome).increment(1);
                answer
            }
            _ => Err(DeliveryFailure::Misconfigured(Reason::new("invalid", "the instance is not valid"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_that_had_not_the_time_to_judge_is_asked_again_after_half_a_minute() {
        let after = |seconds| Timestamp::UNIX_EPOCH + Duration::from_secs(seconds);
        let mut judged = Prepared::invalid(None, vec![Problem::new("", "the component did not answer in time")]);
        assert!(!judged.is_to_be_asked_again(after(3600)));
        judged.ask_again = Some(JUDGE_AGAIN);
        assert!(!judged.is_to_be_asked_again(after(29)) && judged.is_to_be_asked_again(after(30)));
    }
}
