//! Log-in of administrators at an identity provider (OpenID Connect Core 1.0, authorization code flow with PKCE).
//!
//! `settings` is what the operator says, `discovery` what the provider says of itself, `token` what it says of a person. What
//! follows from that is the engine's: accounts, sessions, and the errand of a browser that goes there and back.

mod discovery;
mod fetch;
mod settings;
#[cfg(test)]
mod tests;
mod token;

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::Mutex;
use twofactor::{Errand, Role, Secret, Vouched};
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use discovery::{Known, Metadata};
use fetch::Fetch;
pub use settings::{OidcConfig, OidcRole, OidcRoleName};

/// Where the provider sends browsers back to.
pub(crate) const BACK: &str = "/admin/log-in/oidc/back";

/// The longest code that is passed on.
const CODE_BYTES: usize = 4 << 10;

/// Why a log-in at the provider came to nothing, for the log. It repeats nothing the provider or the browser sent.
#[derive(Clone, Debug)]
pub(crate) struct Trouble(String);

impl Trouble {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why nobody comes back from the provider logged in.
pub(crate) enum NotVouched {
    /// The person cancelled, or the provider refused them (RFC 6749 section 4.1.2.1, `access_denied`).
    Denied,
    /// Something went wrong.
    Failed(Trouble),
}

impl From<Trouble> for NotVouched {
    fn from(trouble: Trouble) -> Self {
        Self::Failed(trouble)
    }
}

/// Log-in at one identity provider.
pub struct Oidc {
    issuer: String,
    client_id: String,
    client_secret: Option<Secret>,
    scopes: String,
    name: String,
    rules: Vec<Rule>,
    second_factor: bool,
    redirect_uri: String,
    fetch: Fetch,
    known: Mutex<Option<(Instant, Known)>>,
}

/// What a claim must hold for a role.
struct Rule {
    claim: String,
    value: String,
    role: Role,
}

impl Rule {
    fn fits(&self, claims: &Map<String, Value>) -> bool {
        match claims.get(&self.claim) {
            Some(Value::String(text)) => *text == self.value,
            Some(Value::Array(list)) => list.iter().any(|one| one.as_str() == Some(&self.value)),
            _ => false,
        }
    }
}

/// What a browser brings back, in a query (RFC 6749 section 4.1.2, RFC 9207).
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Answer {
    pub(crate) state: String,
    code: String,
    error: String,
    iss: Option<String>,
}

/// What a token endpoint answers; no more of it is of use here.
#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

impl Oidc {
    /// What the button says.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Where a browser goes for its errand.
    pub(crate) fn way(&self, provider: &Metadata, errand: &Errand) -> Url {
        let mut url = provider.authorization_endpoint.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client_id)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("scope", &self.scopes)
            .append_pair("state", &errand.state)
            .append_pair("nonce", &errand.nonce)
            .append_pair("code_challenge", &errand.challenge)
            .append_pair("code_challenge_method", "S256");
        url
    }

    /// Whom the provider vouches for, now that a browser is back from its errand.
    pub(crate) async fn vouch(&self, errand: &Errand, answer: &Answer) -> Result<Vouched, NotVouched> {
        let provider = self.discover().await?;
        // One provider's code must not reach another's token endpoint.
        let named = answer.iss.as_ref().map(|iss| *iss == self.issuer);
        if named == Some(false) || named.is_none() && provider.authorization_response_iss_parameter_supported {
            return Err(Trouble::new("the browser brought another issuer's answer, or one that names none").into());
        }
        if answer.error == "access_denied" {
            return Err(NotVouched::Denied);
        }
        if !answer.error.is_empty() {
            return Err(Trouble::new("the identity provider did not log the person in").into());
        }
        if answer.code.is_empty() || answer.code.len() > CODE_BYTES {
            return Err(Trouble::new("the browser brought no code").into());
        }
        let tokens: Tokens = self.redeem(&provider, errand, &answer.code).await?;
        let keys = self.fetch.get(&provider.jwks_uri, "the key set").await?;
        let expected = token::Expected { issuer: &self.issuer, client_id: &self.client_id, nonce: &errand.nonce };
        let claims = token::verify(&tokens.id_token, &keys, &expected)
            .map_err(|why| Trouble::new(format!("the identity provider's token does not count: {why}")))?;
        Ok(self.person(&claims)?)
    }

    async fn redeem(&self, provider: &Metadata, errand: &Errand, code: &str) -> Result<Tokens, Trouble> {
        let (form, authorization) = self.grant(provider, errand, code);
        let answer = self.fetch.post(&provider.token_endpoint, form, authorization).await?;
        serde_json::from_slice(&answer).map_err(|_| Trouble::new("the token endpoint's answer holds no `id_token`"))
    }

    /// The form that a code is exchanged with, and the `Authorization` beside it.
    fn grant(&self, provider: &Metadata, errand: &Errand, code: &str) -> (String, Option<String>) {
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("code_verifier", errand.verifier.expose());
        let Some(secret) = &self.client_secret else {
            return (form.append_pair("client_id", &self.client_id).finish(), None);
        };
        if provider.takes_secret_in_form() {
            form.append_pair("client_id", &self.client_id).append_pair("client_secret", secret.expose());
            return (form.finish(), None);
        }
        // Encoded each by itself: RFC 6749 section 2.3.1.
        let part = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let pair = format!("{}:{}", part(&self.client_id), part(secret.expose()));
        (form.finish(), Some(format!("Basic {}", STANDARD.encode(pair))))
    }

    fn person(&self, claims: &Map<String, Value>) -> Result<Vouched, Trouble> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
        let subject = text("sub").filter(|subject| !subject.is_empty() && subject.len() <= 255);
        Ok(Vouched {
            issuer: self.issuer.clone(),
            subject: subject.ok_or_else(|| Trouble::new("the identity provider's token names nobody"))?,
            name: text("name").or_else(|| text("preferred_username")),
            email: text("email"),
            role: self.rules.iter().find(|rule| rule.fits(claims)).map(|rule| rule.role.clone()),
            second_factor: self.second_factor,
        })
    }
}
