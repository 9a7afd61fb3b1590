//! A factor component with valid options.

use std::sync::Arc;

use serde_json::Value;
use zeroize::Zeroizing;

use crate::call::Reason;
use crate::factor::bounds::{ANSWER_BYTES, ENTROPY_BYTES};
use crate::factor::{
    AnswerKind, BegunEnrolment, BegunFactorChallenge, CodeFormat, EnrolmentVerdict, FactorContext, FactorManifest,
    FactorState, FactorVerdict, Signal, StateError,
};
use crate::provider::{FactorCall, Provider};

/// A factor component with valid options, ready to verify. Every call runs in a fresh instance with its own random numbers, and can
/// reach nothing.
///
/// States of a lower format are upgraded before a call; those of a higher one are refused.
pub struct ConfiguredFactor {
    provider: Arc<Provider>,
    manifest: FactorManifest,
    /// In JSON.
    options: String,
    code_format: Option<CodeFormat>,
    entropy: Entropy,
}

/// Where the random numbers of a call come from.
enum Entropy {
    /// From the system, different in each call.
    System,
    /// Always the same: only to check a component.
    Fixed(Box<[u8; ENTROPY_BYTES]>),
}

impl Entropy {
    fn draw(&self) -> Result<Zeroizing<[u8; ENTROPY_BYTES]>, Reason> {
        match self {
            Self::Fixed(bytes) => Ok(Zeroizing::new(**bytes)),
            Self::System => {
                let mut bytes = Zeroizing::new([0; ENTROPY_BYTES]);
                getrandom::fill(bytes.as_mut_slice())
                    .map_err(|_| Reason::new("entropy", "there are no random numbers"))?;
                Ok(bytes)
            }
        }
    }
}

impl ConfiguredFactor {
    pub(super) fn new(
        provider: &Arc<Provider>,
        options: &Value,
        code_format: Option<CodeFormat>,
    ) -> Result<Self, Reason> {
        Ok(Self {
            manifest: provider.factor_manifest()?.clone(),
            provider: provider.clone(),
            options: options.to_string(),
            code_format,
            entropy: Entropy::System,
        })
    }

    /// Returns it with the same random numbers in every call. Only to check that a component is a function of its input.
    #[must_use]
    pub fn with_fixed_entropy(&self, entropy: [u8; 256]) -> Self {
        Self {
            provider: self.provider.clone(),
            manifest: self.manifest.clone(),
            options: self.options.clone(),
            code_format: self.code_format,
            entropy: Entropy::Fixed(Box::new(entropy)),
        }
    }

    /// Returns what kind of factor it is.
    pub fn manifest(&self) -> &FactorManifest {
        &self.manifest
    }

    /// Returns the form of the codes that people type. `None` if they type none.
    pub fn code_format(&self) -> Option<&CodeFormat> {
        self.code_format.as_ref()
    }

    /// Begins an enrolment. `existing` are the user's factors of this instance.
    ///
    /// # Errors
    /// If the component fails or breaks its contract.
    pub async fn begin_enrolment(
        &self,
        context: &FactorContext<'_>,
        existing: &[FactorState],
    ) -> Result<BegunEnrolment, Reason> {
        self.provider.begin_enrolment(&self.call(context, &*self.entropy.draw()?), existing).await
    }

    /// Ends an enrolment with the person's answer: a code as it was typed, a credential in JSON, or nothing for
    /// [`AnswerKind::ShowOnce`]. Codes of another form and what is not a JSON object are [`EnrolmentVerdict::Malformed`]; the
    /// component does not get them.
    ///
    /// # Errors
    /// If the component fails or breaks its contract.
    pub async fn finish_enrolment(
        &self,
        context: &FactorContext<'_>,
        pending: &[u8],
        answer: &str,
    ) -> Result<EnrolmentVerdict, Reason> {
        let Some(answer) = self.canonical(self.manifest.enrolment, answer) else {
            return Ok(EnrolmentVerdict::Malformed);
        };
        self.provider.finish_enrolment(&self.call(context, &*self.entropy.draw()?), pending, &answer).await
    }

    /// Begins a challenge for a user who has these factors; none if a passwordless sign-in has not identified the user.
    ///
    /// # Errors
    /// If the component fails or breaks its contract.
    pub async fn begin_challenge(
        &self,
        context: &FactorContext<'_>,
        factors: &[FactorState],
    ) -> Result<BegunFactorChallenge, Reason> {
        self.provider.begin_factor_challenge(&self.call(context, &*self.entropy.draw()?), factors).await
    }

    /// Returns the unique id of the factor that an answer claims to come from. Nothing of it is proved. `None` if the answer has none.
    ///
    /// # Errors
    /// If the component fails or breaks its contract.
    pub async fn identify(&self, answer: &str) -> Result<Option<Vec<u8>>, Reason> {
        match self.canonical(self.manifest.challenge, answer) {
            Some(answer) => self.provider.identify_factor(&answer).await,
            None => Ok(None),
        }
    }

    /// Verifies an answer to a challenge: a code as it was typed, or a credential in JSON. An answer that does not meet the
    /// requirements of the context is never right, whatever the component says. Codes of another form and what is not a JSON object are
    /// [`FactorVerdict::Malformed`]; the component does not get them.
    ///
    /// # Errors
    /// If the component fails or breaks its contract.
    pub async fn verify(
        &self,
        context: &FactorContext<'_>,
        factors: &[FactorState],
        pending: &[u8],
        answer: &str,
    ) -> Result<FactorVerdict, Reason> {
        let Some(answer) = self.canonical(self.manifest.challenge, answer) else {
            return Ok(FactorVerdict::Malformed);
        };
        self.provider.verify_factor(&self.call(context, &*self.entropy.draw()?), factors, pending, &answer).await
    }

    /// Returns what a page tells the browser now that `remaining` are the user's factors and `removed`, if given, is no longer one.
    ///
    /// # Errors
    /// If the component fails or breaks its contract.
    pub async fn signals(
        &self,
        context: &FactorContext<'_>,
        remaining: &[FactorState],
        removed: Option<&FactorState>,
    ) -> Result<Vec<Signal>, Reason> {
        self.provider.factor_signals(&self.call(context, &*self.entropy.draw()?), remaining, removed).await
    }

    /// Has the component convert a state to its current format, as each call does with states of lower ones.
    ///
    /// # Errors
    /// If the component fails or breaks its contract. The inner error is its own: the state cannot be used.
    pub async fn upgrade(&self, state: &FactorState) -> Result<Result<FactorState, StateError>, Reason> {
        self.provider.upgrade_state(state).await
    }

    fn call<'a>(&'a self, context: &'a FactorContext<'a>, entropy: &'a [u8; ENTROPY_BYTES]) -> FactorCall<'a> {
        FactorCall { options: &self.options, context, entropy }
    }

    /// Returns an answer as the component gets it. `None` if it is not of the form of its kind.
    fn canonical(&self, kind: AnswerKind, answer: &str) -> Option<String> {
        match kind {
            AnswerKind::TypedCode => self.code_format.and_then(|format| format.canonical(answer)),
            AnswerKind::WebauthnCreate | AnswerKind::WebauthnGet => {
                let is_object = || serde_json::from_str::<Value>(answer).is_ok_and(|value| value.is_object());
                (answer.len() <= ANSWER_BYTES && is_object()).then(|| answer.trim_start().to_owned())
            }
            AnswerKind::ShowOnce => answer.is_empty().then(String::new),
        }
    }
}
