//! What the identity provider says of itself (OpenID Connect Discovery 1.0).

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use url::Url;

use super::{Oidc, Trouble};
use crate::sign_in::is_confidential;

/// How long it is believed.
const GOOD: Duration = Duration::from_secs(600);

/// How long a provider that could not be asked is left alone: everybody can press the button.
const LEFT_ALONE: Duration = Duration::from_secs(5);

pub(crate) type Known = Result<Arc<Metadata>, Trouble>;

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

/// `null` is what some write for a field that they leave out.
fn or_default<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

fn url<'de, D: Deserializer<'de>>(from: D) -> Result<Url, D::Error> {
    Url::parse(&String::deserialize(from)?).map_err(D::Error::custom)
}

impl Metadata {
    /// `client_secret_basic` is what all know, unless they say otherwise.
    pub(super) fn takes_secret_in_form(&self) -> bool {
        let has = |method: &str| self.token_endpoint_auth_methods_supported.iter().any(|one| one == method);
        has("client_secret_post") && !has("client_secret_basic")
    }

    /// Whether this is the issuer's, and fit to pass codes, secrets and keys to and from.
    pub(super) fn check(&self, issuer: &str) -> Result<(), Trouble> {
        if self.issuer != issuer {
            return Err(Trouble::new(
                "the identity provider names itself otherwise than `accounts.oidc.issuer` does: they must be the same to the letter",
            ));
        }
        let plain = |endpoint: &Url| endpoint.scheme() == "http" && issuer.starts_with("https:");
        let endpoints = [&self.authorization_endpoint, &self.token_endpoint, &self.jwks_uri];
        if endpoints.into_iter().any(|endpoint| plain(endpoint) || !is_confidential(endpoint)) {
            return Err(Trouble::new("the identity provider names an endpoint that does not begin with https:"));
        }
        Ok(())
    }
}

impl Oidc {
    /// Those who wait for the same answer share it.
    pub(crate) async fn discover(&self) -> Known {
        let mut known = self.known.lock().await;
        if let Some((at, found)) = &*known {
            let fresh = if found.is_ok() { GOOD } else { LEFT_ALONE };
            if at.elapsed() < fresh {
                return found.clone();
            }
        }
        let found = self.ask().await;
        *known = Some((Instant::now(), found.clone()));
        found
    }

    async fn ask(&self) -> Known {
        let url = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let url = Url::parse(&url).map_err(|_| Trouble::new("`accounts.oidc.issuer` is no URL"))?;
        let answer = self.fetch.get(&url, "the discovery document").await?;
        let metadata: Metadata = serde_json::from_slice(&answer)
            .map_err(|_| Trouble::new("the identity provider's discovery document is none"))?;
        metadata.check(&self.issuer)?;
        Ok(Arc::new(metadata))
    }
}
