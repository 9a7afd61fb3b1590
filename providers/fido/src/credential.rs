//! The answers of a browser: `RegistrationResponseJSON` and `AuthenticationResponseJSON` (WebAuthn Level 3, section 5.1).

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use twofactor_factor::Bytes;

use crate::Refusal;

/// How many transports are stored, and how long one may be.
const TRANSPORTS: usize = 8;
const TRANSPORT: usize = 32;

/// A credential as `toJSON()` returns it. Members that are not named here do not matter.
#[derive(Deserialize)]
pub struct Credential<R> {
    id: Bytes,
    #[serde(rename = "rawId")]
    raw_id: Bytes,
    #[serde(rename = "type")]
    kind: String,
    /// The authenticator's response.
    pub response: R,
    #[serde(rename = "clientExtensionResults", default)]
    extensions: ExtensionResults,
}

/// The results of the extensions that were asked for.
#[derive(Default, Deserialize)]
struct ExtensionResults {
    #[serde(rename = "credProps", default)]
    properties: Option<CredentialProperties>,
}

#[derive(Deserialize)]
struct CredentialProperties {
    #[serde(default)]
    rk: Option<bool>,
}

/// The response to `navigator.credentials.create`.
#[derive(Deserialize)]
pub struct Attestation {
    /// The client data, as the browser hashed them.
    #[serde(rename = "clientDataJSON")]
    pub client_data: Bytes,
    /// The attestation object.
    #[serde(rename = "attestationObject")]
    pub object: Bytes,
    /// How the authenticator can be reached.
    #[serde(default, deserialize_with = "transports")]
    pub transports: Vec<String>,
}

/// The response to `navigator.credentials.get`.
#[derive(Deserialize)]
pub struct Assertion {
    /// The client data, as the browser hashed them.
    #[serde(rename = "clientDataJSON")]
    pub client_data: Bytes,
    /// The authenticator data.
    #[serde(rename = "authenticatorData")]
    pub authenticator_data: Bytes,
    /// The signature.
    pub signature: Bytes,
    /// The user handle, if the authenticator stored it.
    #[serde(rename = "userHandle", default)]
    pub user_handle: Option<Bytes>,
}

impl<R: DeserializeOwned> Credential<R> {
    /// Parses an answer.
    ///
    /// # Errors
    /// If it is not a credential, or names two ids.
    pub fn parse(answer: &str) -> Result<Self, Refusal> {
        let credential: Self =
            serde_json::from_str(answer).map_err(|_| Refusal::Malformed("this is not a credential in JSON"))?;
        if credential.kind != "public-key" {
            return Err(Refusal::Malformed("the credential is of another type"));
        }
        if credential.id != credential.raw_id || credential.id.is_empty() {
            return Err(Refusal::Malformed("the credential's two ids differ"));
        }
        Ok(credential)
    }

    /// Returns the credential's id.
    pub fn id(&self) -> &Bytes {
        &self.id
    }

    /// Returns whether the authenticator can find the credential without its id, if the browser says so.
    pub fn is_discoverable(&self) -> Option<bool> {
        self.extensions.properties.as_ref().and_then(|properties| properties.rk)
    }
}

/// Returns the id of an answer, if it has one.
pub fn id(answer: &str) -> Option<Vec<u8>> {
    let credential = Credential::<serde::de::IgnoredAny>::parse(answer).ok()?;
    Some(credential.id.0)
}

/// Reads transports. What does not look like one is left out: browsers may report what they do not know.
fn transports<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let reported = Option::<Vec<String>>::deserialize(deserializer)?.unwrap_or_default();
    let is_name = |name: &String| {
        (1..=TRANSPORT).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    };
    let mut known: Vec<String> = reported.into_iter().filter(is_name).take(TRANSPORTS).collect();
    known.sort();
    known.dedup();
    Ok(known)
}
