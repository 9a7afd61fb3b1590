//! An instance with which a user enrols and uses factors.

use std::sync::Arc;

use serde_json::{Map, Value};
use twofactor_sandbox::{AnswerKind, CodeFormat, ConfiguredFactor, FactorManifest, Reason, Site};
use zeroize::Zeroizing;

use super::{Policy, Prepared, RequiredFactor};
use crate::error::Error;

/// The maximum size of a credential in JSON, in bytes.
const CREDENTIAL_BYTES: usize = 64 << 10;

/// Checks the form of a credential: what has another one is not counted.
pub(crate) fn credential_form(credential: &str) -> Result<Zeroizing<String>, Error> {
    let is_object = || serde_json::from_str::<Map<String, Value>>(credential).is_ok();
    if credential.len() > CREDENTIAL_BYTES || !is_object() {
        return Err(Error::invalid_at("/credential", "must be a JSON object of at most 64 KiB"));
    }
    Ok(Zeroizing::new(credential.to_owned()))
}

/// An instance with which a user enrols and uses factors.
#[derive(Clone)]
pub(crate) struct ChosenFactor {
    pub(crate) id: String,
    pub(crate) type_id: String,
    pub(crate) name: String,
    pub(crate) policy: Policy,
    pub(crate) manifest: FactorManifest,
    pub(crate) site: Site,
    pub(super) prepared: Arc<Prepared>,
}

impl ChosenFactor {
    /// Returns the component with the instance's options.
    pub(crate) fn configured(&self) -> Result<&ConfiguredFactor, Error> {
        self.prepared.factor().ok_or_else(Error::no_instance_available)
    }

    /// Returns the digest of the component.
    pub(crate) fn digest(&self) -> &str {
        self.prepared.provider.as_ref().map_or("", |provider| &provider.info().digest)
    }

    /// Returns whether answers are credentials of WebAuthn, which are worthless on any other site.
    pub(crate) fn is_webauthn(&self) -> bool {
        self.manifest.challenge == AnswerKind::WebauthnGet
    }

    /// Returns what its factors must be: the stronger of what is asked for and what the policy requires.
    pub(crate) fn required(&self, asked: RequiredFactor) -> RequiredFactor {
        asked.max(self.policy.required_factor)
    }

    /// Returns the form of its codes, if codes are typed.
    pub(crate) fn code_format(&self) -> Option<CodeFormat> {
        self.prepared.factor()?.code_format().copied()
    }

    /// Returns how many characters a typed code has, if codes are typed.
    pub(crate) fn code_length(&self) -> Option<u32> {
        Some(self.code_format()?.length)
    }

    /// Returns a typed code in its canonical form.
    ///
    /// # Errors
    /// Invalid input for what is not a code of this instance. It is not counted.
    pub(crate) fn typed(&self, code: &str) -> Result<Zeroizing<String>, Error> {
        let format = self.prepared.factor().and_then(ConfiguredFactor::code_format);
        let canonical = format.and_then(|format| format.canonical(code)).map(Zeroizing::new);
        canonical.ok_or_else(|| match format {
            Some(format) => Error::invalid_at("/code", format!("must be a code of {} characters", format.length)),
            None => Error::invalid_at("/code", "is not how this factor answers: send `credential`"),
        })
    }

    /// Returns a credential as the component gets it.
    ///
    /// # Errors
    /// Invalid input for what is not a JSON object of bounded size. It is not counted.
    pub(crate) fn credential(&self, credential: &str) -> Result<Zeroizing<String>, Error> {
        if !self.is_webauthn() {
            return Err(Error::invalid_at("/credential", "is not how this factor answers: send `code`"));
        }
        credential_form(credential)
    }

    /// Returns the error for a component that failed. Its reason is for the operator.
    pub(crate) fn failed(&self, why: &Reason) -> Error {
        let (instance, type_id) = (&self.id, &self.type_id);
        tracing::error!(%instance, %type_id, reason = %why, "a factor component failed");
        metrics::counter!("twofactor_factor_failures_total", "type" => type_id.clone()).increment(1);
        Error::unavailable(why)
    }
}
