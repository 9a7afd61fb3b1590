//! The metadata of the identity provider (OpenID Connect Discovery 1.0).

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use tokio::sync::Mutex;
use url::Url;

use super::error::OidcError;
use super::fetch::Fetch;
use crate::sign_in::is_confidential;

/// How long metadata is cached.
const VALID: Duration = Duration::from_secs(600);

/// How long a failure is cached: anybody can press the login button.
const RETRY_AFTER: Duration = Duration::from_secs(5);

pub(crate) type Known = Result<Arc<Metadata>, OidcError>;

#[derive(Deserialize)]
pub(crate) struct Metadata {
    issuer: String,
    #[serde(deserialize_with = "url")]
    pub(super) authorization_endpoint: Url,
    #[serde(deserialize_with = "url")]
    pub(super) token_endpoint: Url,
    #[serde(deserialize_with = "url")]
    pub(super) jwks_uri: Url,
    #[serde(default, deserialize_with = "or_default")]
    token_endpoint_auth_methods_supported: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

/// Accepts `null` for an absent field: some providers write it.
fn or_default<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

fn url<'de, D: Deserializer<'de>>(from: D) -> Result<Url, D::Error> {
    Url::parse(&String::deserialize(from)?).map_err(D::Error::custom)
}

impl Metadata {
    /// Returns whether the client secret must be sent in the form. All providers support `client_secret_basic` unless they say otherwise.
    pub(super) fn takes_secret_in_form(&self) -> bool {
        let has = |method: &str| self.token_endpoint_auth_methods_supported.iter().any(|one| one == method);
        has("client_secret_post") && !has("client_secret_basic")
    }

    /// Checks that the metadata is the issuer's, and that its endpoints are safe for codes, secrets and keys.
    pub(super) fn check(&self, issuer: &str) -> Result<(), OidcError> {
        if self.issuer != issuer {
            return Err(OidcError::new(
                "the issuer in the discovery document differs from `accounts.oidc.issuer`; they must be identical",
            ));
        }
        let plain = |endpoint: &Url| endpoint.scheme() == "http" && issuer.starts_with("https:");
        let endpoints = [&self.authorization_endpoint, &self.token_endpoint, &self.jwks_uri];
        if endpoints.into_iter().any(|endpoint| plain(endpoint) || !is_confidential(endpoint)) {
            return Err(OidcError::new("the discovery document contains an endpoint that does not use https:"));
        }
        Ok(())
    }
}

/// Asks the provider for its metadata, and remembers the answer.
pub(super) struct Discovery {
    issuer: String,
    fetch: Fetch,
    cached: Mutex<Option<(Instant, Known)>>,
}

impl Discovery {
    pub(super) fn new(issuer: String, fetch: Fetch) -> Self {
        Self { issuer, fetch, cached: Mutex::default() }
    }

    /// Returns the metadata. Concurrent callers share one request.
    pub(super) async fn metadata(&self) -> Known {
        let mut cached = self.cached.lock().await;
        if let Some((at, found)) = &*cached {
            let fresh = if found.is_ok() { VALID } else { RETRY_AFTER };
            if at.elapsed() < fresh {
                return found.clone();
            }
        }
        let found = self.request().await;
        *cached = Some((Instant::now(), found.clone()));
        found
    }

    async fn request(&self) -> Known {
        let url = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let url = Url::parse(&url).map_err(|_| OidcError::new("`accounts.oidc.issuer` is not a valid URL"))?;
        let answer = self.fetch.get(&url, "the discovery document").await?;
        let metadata: Metadata = serde_json::from_slice(&answer)
            .map_err(|_| OidcError::new("the discovery document of the identity provider is not valid"))?;
        metadata.check(&self.issuer)?;
        Ok(Arc::new(metadata))
    }
}
