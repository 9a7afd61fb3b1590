//! Login of administrators at an identity provider (OpenID Connect Core 1.0, authorization code flow with PKCE).
//!
//! `settings` is the configuration, `discovery` the metadata of the provider, `token` the verification of ID tokens. Accounts, sessions
//! and authorization requests are the engine's.

mod discovery;
mod error;
mod fetch;
mod settings;
#[cfg(test)]
mod tests;
mod token;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value};
use twofactor::accounts::{AuthorizationRequest, ExternalIdentity};
use twofactor::sandbox::Secret;
use twofactor::token::Role;
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use discovery::{Discovery, Known, Metadata};
pub(crate) use error::{LoginError, OidcError};
use fetch::Fetch;
pub use settings::{OidcConfig, OidcRole, OidcRoleName};

/// The redirect URI, as a path on this server.
pub(crate) const BACK: &str = "/admin/login/oidc/back";

/// The longest authorization code that is accepted, in bytes.
const CODE_BYTES: usize = 4 << 10;

/// Login at an identity provider.
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
    discovery: Discovery,
}

/// A role for people with a certain claim.
struct Rule {
    claim: String,
    value: String,
    role: Role,
}

impl Rule {
    fn fits(&self, claims: &Map<String, Value>) -> bool {
        // An address that the provider has not verified may be somebody else's. Some providers write the word.
        let is_true = |said: &Value| said.as_bool() == Some(true) || said.as_str() == Some("true");
        if self.claim == "email" && claims.get("email_verified").is_some_and(|said| !is_true(said)) {
            return false;
        }
        match claims.get(&self.claim) {
            Some(Value::String(text)) => *text == self.value,
            Some(Value::Array(list)) => list.iter().any(|one| one.as_str() == Some(&self.value)),
            _ => false,
        }
    }
}

/// The authorization response: the query with which the browser returns (RFC 6749 section 4.1.2, RFC 9207).
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Answer {
    pub(crate) state: String,
    code: String,
    error: String,
    iss: Option<String>,
}

/// The response of a token endpoint, as far as it is used here.
#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

impl Oidc {
    /// Returns the metadata of the provider.
    pub(crate) async fn discover(&self) -> Known {
        self.discovery.metadata().await
    }

    /// Returns the name of the provider for the login button.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the URL to which a browser is sent with an authorization request.
    pub(crate) fn authorization_url(&self, provider: &Metadata, request: &AuthorizationRequest) -> Url {
        let mut url = provider.authorization_endpoint.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client_id)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("scope", &self.scopes)
            .append_pair("state", &request.state)
            .append_pair("nonce", &request.nonce)
            .append_pair("code_challenge", &request.challenge)
            .append_pair("code_challenge_method", "S256");
        url
    }

    /// Returns the identity of the person who returns with an authorization response.
    pub(crate) async fn authenticate(
        &self,
        request: &AuthorizationRequest,
        answer: &Answer,
    ) -> Result<ExternalIdentity, LoginError> {
        let provider = self.discovery.metadata().await?;
        // One provider's code must not reach another's token endpoint.
        let named = answer.iss.as_ref().map(|iss| *iss == self.issuer);
        if named == Some(false) || named.is_none() && provider.authorization_response_iss_parameter_supported {
            return Err(OidcError::new("the authorization response has another issuer or none").into());
        }
        if answer.error == "access_denied" {
            return Err(LoginError::Denied);
        }
        if !answer.error.is_empty() {
            return Err(OidcError::new("the identity provider did not log the person in").into());
        }
        if answer.code.is_empty() || answer.code.len() > CODE_BYTES {
            return Err(OidcError::new("the authorization response contains no code").into());
        }
        let tokens: Tokens = self.redeem(&provider, request, &answer.code).await?;
        let keys = self.fetch.get(&provider.jwks_uri, "the key set").await?;
        let expected = token::Expected { issuer: &self.issuer, client_id: &self.client_id, nonce: &request.nonce };
        let claims = token::verify(&tokens.id_token, &keys, &expected)
            .map_err(|why| OidcError::new(format!("the ID token is not valid: {why}")))?;
        Ok(self.person(&claims)?)
    }

    async fn redeem(
        &self,
        provider: &Metadata,
        request: &AuthorizationRequest,
        code: &str,
    ) -> Result<Tokens, OidcError> {
        let (form, authorization) = self.grant(provider, request, code);
        let answer = self.fetch.post(&provider.token_endpoint, form, authorization).await?;
        serde_json::from_slice(&answer)
            .map_err(|_| OidcError::new("the response of the token endpoint contains no `id_token`"))
    }

    /// Returns the form with which a code is exchanged, and its `Authorization` header.
    fn grant(&self, provider: &Metadata, request: &AuthorizationRequest, code: &str) -> (String, Option<String>) {
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("code_verifier", request.verifier.expose());
        let Some(secret) = &self.client_secret else {
            return (form.append_pair("client_id", &self.client_id).finish(), None);
        };
        if provider.takes_secret_in_form() {
            form.append_pair("client_id", &self.client_id).append_pair("client_secret", secret.expose());
            return (form.finish(), None);
        }
        // Each is encoded by itself: RFC 6749 section 2.3.1.
        let part = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let pair = format!("{}:{}", part(&self.client_id), part(secret.expose()));
        (form.finish(), Some(format!("Basic {}", STANDARD.encode(pair))))
    }

    fn person(&self, claims: &Map<String, Value>) -> Result<ExternalIdentity, OidcError> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
        let subject = text("sub").filter(|subject| !subject.is_empty() && subject.len() <= 255);
        Ok(ExternalIdentity {
            issuer: self.issuer.clone(),
            subject: subject.ok_or_else(|| OidcError::new("the ID token has no valid `sub` claim"))?,
            name: text("name").or_else(|| text("preferred_username")),
            email: text("email"),
            role: self.rules.iter().find(|rule| rule.fits(claims)).map(|rule| rule.role.clone()),
            second_factor: self.second_factor,
        })
    }
}
