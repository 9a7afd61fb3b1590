//! The calls of a factor component. Each runs in a fresh instance that can reach nothing, and every result is checked.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use wasmtime::Store;
use zeroize::{Zeroize as _, Zeroizing};

use super::{Functions, Provider};
use crate::call::{CallFailure, CallLog, CallRedactor, Reason, State};
use crate::contract::factor_v0_1::exports::twofactor::factor::factor::Guest;
use crate::contract::factor_v0_1::twofactor::factor::types as wit;
use crate::factor::bounds::{DETAIL_CHARS, ENTROPY_BYTES, RETURNED_BYTES};
use crate::factor::checked::{self, Checked};
use crate::factor::{
    BegunEnrolment, BegunFactorChallenge, CodeFormat, EnrolmentVerdict, FactorContext, FactorManifest, FactorState,
    FactorUser, FactorVerdict, Signal, Site, StateError,
};
use crate::field_error::FieldError;

/// How many texts of an answer are looked for in what the component writes of it.
const SOUGHT: usize = 64;

/// One call's input, beside what it is about: the options, the context and the random numbers.
pub(crate) struct FactorCall<'a> {
    pub(crate) options: &'a str,
    pub(crate) context: &'a FactorContext<'a>,
    pub(crate) entropy: &'a [u8; ENTROPY_BYTES],
}

impl FactorCall<'_> {
    fn context(&self) -> GivenContext {
        GivenContext(self.context.for_call(self.entropy))
    }
}

/// A context as the component gets it. Its random numbers, of which secrets are made, are overwritten when it is dropped.
struct GivenContext(wit::Context);

impl Drop for GivenContext {
    fn drop(&mut self) {
        self.0.entropy.zeroize();
    }
}

/// States as the component gets them. They are overwritten when they are dropped.
struct GivenStates(Vec<wit::State>);

impl Drop for GivenStates {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(|state| state.data.zeroize());
    }
}

impl Provider {
    /// Returns the part of the manifest that only factor components have.
    pub(crate) fn factor_manifest(&self) -> Result<&FactorManifest, Reason> {
        self.manifest().factor.as_ref().ok_or_else(|| Reason::new("no-factor", "the provider verifies no factors"))
    }

    /// Has the component validate options.
    pub(crate) async fn configure_factor(
        &self,
        options: &Value,
        site: &Site,
    ) -> Result<Result<Option<CodeFormat>, Vec<FieldError>>, CallFailure> {
        let manifest = self.factor_manifest().map_err(CallFailure::before)?;
        let log = self.log(self.redactor());
        let redactor = log.clone();
        let time = self.sandbox.limits().configure_time;
        let (options, site) = (options.to_string(), site.for_call());
        let said = self
            .run_factor(log, time, async |factor, store| factor.call_configure(store, &options, &site).await)
            .await?;
        match said {
            Ok(configured) => {
                let format = checked::code_format(configured.code_format, manifest);
                Ok(Ok(format.map_err(|why| CallFailure::before(broken(why)))?))
            }
            Err(problems) => {
                let clean = |text: &str| redactor.redactor().clean(text);
                let problems = problems.into_iter().take(64);
                Ok(Err(problems.map(|one| FieldError::new(clean(&one.pointer), clean(&one.message))).collect()))
            }
        }
    }

    pub(crate) async fn begin_enrolment(
        &self,
        call: &FactorCall<'_>,
        existing: &[FactorState],
    ) -> Result<BegunEnrolment, Reason> {
        let manifest = self.factor_manifest()?;
        let (context, existing) = (call.context(), self.current(existing).await?);
        let said = self
            .call_factor(self.silent(), async |factor, store| {
                factor.call_begin_enrolment(store, call.options, &context.0, &existing.0).await
            })
            .await?;
        believed(checked::begun_enrolment(said, manifest.enrolment))
    }

    pub(crate) async fn finish_enrolment(
        &self,
        call: &FactorCall<'_>,
        pending: &[u8],
        answer: &str,
    ) -> Result<EnrolmentVerdict, Reason> {
        let manifest = self.factor_manifest()?;
        let (context, log) = (call.context(), self.log_of_answer(answer, call.context.user));
        let (pending, redacted) = (Zeroizing::new(pending.to_vec()), log.clone());
        let said = self
            .call_factor(log, async |factor, store| {
                factor.call_finish_enrolment(store, call.options, &context.0, &pending, answer).await
            })
            .await?;
        Ok(match said {
            wit::EnrolmentVerdict::Enrolled(said) => {
                let enrolled = believed(checked::enrolled(said, manifest))?;
                // A component that overlooks a requirement does not lower it.
                match enrolled.facts.unmet(call.context.requirements) {
                    Some(unmet) => EnrolmentVerdict::Unmet(unmet),
                    None => EnrolmentVerdict::Enrolled(enrolled),
                }
            }
            wit::EnrolmentVerdict::Wrong(why) => {
                redacted.line(tracing::Level::INFO, &format!("wrong: {why}"));
                EnrolmentVerdict::Wrong
            }
            wit::EnrolmentVerdict::Malformed(why) => {
                redacted.line(tracing::Level::INFO, &format!("malformed: {why}"));
                EnrolmentVerdict::Malformed
            }
            wit::EnrolmentVerdict::Unmet(said) => EnrolmentVerdict::Unmet(checked::unmet(said)),
        })
    }

    pub(crate) async fn begin_factor_challenge(
        &self,
        call: &FactorCall<'_>,
        factors: &[FactorState],
    ) -> Result<BegunFactorChallenge, Reason> {
        let (context, factors) = (call.context(), self.current(factors).await?);
        let said = self
            .call_factor(self.silent(), async |factor, store| {
                factor.call_begin_challenge(store, call.options, &context.0, &factors.0).await
            })
            .await?;
        believed(checked::begun_challenge(said))
    }

    pub(crate) async fn identify_factor(&self, answer: &str) -> Result<Option<Vec<u8>>, Reason> {
        let said =
            self.call_factor(self.silent(), async |factor, store| factor.call_identify(store, answer).await).await?;
        said.map(|id| believed(checked::unique_id(id))).transpose()
    }

    pub(crate) async fn verify_factor(
        &self,
        call: &FactorCall<'_>,
        factors: &[FactorState],
        pending: &[u8],
        answer: &str,
    ) -> Result<FactorVerdict, Reason> {
        let manifest = self.factor_manifest()?;
        let (context, log) = (call.context(), self.log_of_answer(answer, call.context.user));
        let factors = self.current(factors).await?;
        let (pending, redacted) = (Zeroizing::new(pending.to_vec()), log.clone());
        let said = self
            .call_factor(log, async |factor, store| {
                factor.call_verify(store, call.options, &context.0, &factors.0, &pending, answer).await
            })
            .await?;
        Ok(match said {
            wit::Verdict::Right(said) => {
                let accepted = believed(checked::accepted(said, manifest, &factors.0))?;
                match accepted.facts.unmet(call.context.requirements) {
                    Some(unmet) => {
                        let why = format!("wrong: the component accepted it, and it does not meet {unmet:?}");
                        redacted.line(tracing::Level::WARN, &why);
                        FactorVerdict::Wrong
                    }
                    None => FactorVerdict::Right(accepted),
                }
            }
            wit::Verdict::Wrong(why) => {
                redacted.line(tracing::Level::INFO, &format!("wrong: {why}"));
                FactorVerdict::Wrong
            }
            wit::Verdict::Malformed(why) => {
                redacted.line(tracing::Level::INFO, &format!("malformed: {why}"));
                FactorVerdict::Malformed
            }
            wit::Verdict::Suspicious((index, why)) => FactorVerdict::Suspicious {
                index: believed(checked::index(index, factors.0.len()))?,
                suspicion: checked::suspicion(why),
            },
            wit::Verdict::Expired => FactorVerdict::Expired,
        })
    }

    pub(crate) async fn factor_signals(
        &self,
        call: &FactorCall<'_>,
        remaining: &[FactorState],
        removed: Option<&FactorState>,
    ) -> Result<Vec<Signal>, Reason> {
        let (context, remaining) = (call.context(), self.current(remaining).await?);
        let removed = match removed {
            Some(state) => self.current(std::slice::from_ref(state)).await?,
            None => GivenStates(Vec::new()),
        };
        let said = self
            .call_factor(self.silent(), async |factor, store| {
                factor.call_signals(store, &context.0, &remaining.0, removed.0.first()).await
            })
            .await?;
        believed(checked::signals(said))
    }

    /// Has the component convert a state to its current format.
    pub(crate) async fn upgrade_state(&self, state: &FactorState) -> Result<Result<FactorState, StateError>, Reason> {
        let manifest = self.factor_manifest()?;
        let given = GivenStates(vec![state.for_call()]);
        let said = self
            .call_factor(self.silent(), async |factor, store| factor.call_upgrade(store, &given.0[0]).await)
            .await?;
        match said {
            Ok(state) => believed(checked::state(state, manifest)).map(Ok),
            Err(error) => Ok(Err(checked::state_error(error))),
        }
    }

    /// Returns states as the component gets them: all of its current format.
    async fn current(&self, states: &[FactorState]) -> Result<GivenStates, Reason> {
        let format = self.factor_manifest()?.state_format;
        let mut all = GivenStates(Vec::with_capacity(states.len()));
        for state in states {
            all.0.push(match state.format {
                of if of == format => state.for_call(),
                of if of > format => return Err(unusable(StateError::LaterFormat)),
                _ => self.upgrade_state(state).await?.map_err(unusable)?.for_call(),
            });
        }
        Ok(all)
    }

    /// Makes a call of a factor component. It has tighter bounds than calls of providers: it can wait for nobody.
    async fn call_factor<T>(
        &self,
        log: Arc<CallLog>,
        body: impl AsyncFnOnce(Guest, &mut Store<State>) -> wasmtime::Result<T>,
    ) -> Result<T, Reason> {
        self.run_factor(log, self.sandbox.limits().factor_time, body).await.map_err(|failure| failure.reason)
    }

    async fn run_factor<T>(
        &self,
        log: Arc<CallLog>,
        time: Duration,
        body: impl AsyncFnOnce(Guest, &mut Store<State>) -> wasmtime::Result<T>,
    ) -> Result<T, CallFailure> {
        let Functions::Factor(functions) = &self.exports.functions else {
            return Err(CallFailure::before(Reason::new("no-factor", "the provider verifies no factors")));
        };
        let running_time = self.sandbox.limits().factor_running_time;
        let call = self.call(log, time).within(running_time, RETURNED_BYTES);
        self.run(call, async |instance, store| {
            let factor = functions.load(&mut *store, &instance)?;
            body(factor, store).await
        })
        .await
    }

    /// Returns the log of a call in which the component says nothing that is logged.
    fn silent(&self) -> Arc<CallLog> {
        self.log(CallRedactor::new(0))
    }

    /// Returns a log without the answer and the user.
    fn log_of_answer(&self, answer: &str, user: &FactorUser) -> Arc<CallLog> {
        let mut texts = vec![
            user.display_name.clone(),
            String::from_utf8_lossy(&user.handle).into_owned(),
            URL_SAFE_NO_PAD.encode(&user.handle),
            hex::encode(&user.handle),
        ];
        if let Ok(credential @ Value::Object(_)) = serde_json::from_str(answer) {
            texts_of(&credential, &mut texts);
        }
        let chars = self.sandbox.limits().text_chars.min(DETAIL_CHARS);
        let redactor = CallRedactor::new(chars).without(texts).without_recipient(&user.name);
        self.log(if answer.starts_with('{') { redactor } else { redactor.without_code(answer) })
    }
}

fn texts_of(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) if texts.len() < SOUGHT => texts.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts_of(item, texts)),
        Value::Object(members) => members.values().for_each(|member| texts_of(member, texts)),
        _ => {}
    }
}

fn believed<T>(said: Checked<T>) -> Result<T, Reason> {
    said.map_err(broken)
}

fn broken(why: &'static str) -> Reason {
    Reason::new("contract", format!("the component broke its contract: {why}"))
}

fn unusable(error: StateError) -> Reason {
    let code = match error {
        StateError::LaterFormat => "later-format",
        StateError::Damaged => "damaged-state",
    };
    Reason::new(code, error.to_string())
}
