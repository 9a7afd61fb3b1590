//! OAuth 2.0 client credentials (RFC 6749 section 4.4): tokens are fetched, kept, renewed early, and never seen by a guest.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::http::{HeaderValue, Method, header};
use reqwest::Request;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use super::grants::Grants;
use super::http::HttpError;
use super::network::Network;
use super::origin::Origin;
use super::secret::Secret;

/// How long before its end a token is renewed; tokens of Microsoft Entra live for an hour.
const EARLY: Duration = Duration::from_secs(300);

/// `error` values (RFC 6749 section 5.2) that say the credentials, not the moment, are wrong.
const REFUSALS: &[&str] = &[
    "invalid_client",
    "unauthorized_client",
    "invalid_scope",
    "invalid_grant",
    "invalid_request",
    "unsupported_grant_type",
];

pub(super) enum TokenError {
    /// The endpoint does not accept the credentials.
    Refused(String),
    /// No token for now.
    Unavailable(String),
}

/// Access tokens by what they were asked for with. Each slot is locked while it is filled: one request at a time.
#[derive(Default)]
pub(super) struct TokenCache(Mutex<HashMap<[u8; 32], Slot>>);

type Slot = Arc<Mutex<Option<Token>>>;

struct Token {
    secret: Secret,
    renew_at: Instant,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    token_type: String,
    expires_in: Option<u64>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Refused {
    error: String,
    error_codes: Vec<u64>,
}

impl TokenCache {
    async fn slot(&self, key: [u8; 32]) -> Slot {
        self.0.lock().await.entry(key).or_default().clone()
    }

    /// Drops a token that was not accepted.
    pub(super) async fn forget(&self, token: &Secret) {
        let slots: Vec<Slot> = self.0.lock().await.values().cloned().collect();
        for slot in slots {
            let mut slot = slot.lock().await;
            if slot.as_ref().is_some_and(|kept| kept.secret == *token) {
                *slot = None;
            }
        }
    }
}

impl Network {
    pub(super) async fn token(
        &self,
        grants: &Grants,
        token_url: &str,
        client_id: &str,
        client_secret: &Secret,
        scope: &str,
    ) -> Result<Secret, TokenError> {
        let mut hash = Sha256::new();
        for part in [token_url, client_id, scope, client_secret.expose()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let slot = self.0.tokens.slot(hash.finalize().into()).await;
        let mut slot = slot.lock().await;
        if let Some(token) = slot.as_ref()
            && token.renew_at > Instant::now()
        {
            return Ok(token.secret.clone());
        }
        let token = self.fetch(grants, token_url, client_id, client_secret, scope).await?;
        let secret = token.secret.clone();
        *slot = Some(token);
        Ok(secret)
    }

    async fn fetch(
        &self,
        grants: &Grants,
        url: &str,
        id: &str,
        secret: &Secret,
        scope: &str,
    ) -> Result<Token, TokenError> {
        let (origin, url) = Origin::of_url(url).map_err(TokenError::Refused)?;
        if !origin.is_https() {
            return Err(TokenError::Refused("the token endpoint is not protected: it must be https".to_owned()));
        }
        let mut request = Request::new(Method::POST, url.clone());
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(header::CONTENT_TYPE, form_type);
        *request.body_mut() = Some(form(id, secret, scope).into());
        self.route(&origin, url, &mut request);
        let began = Instant::now();
        let answer = self.exchange(grants, request).await.map_err(|error| match error {
            HttpError::Denied(why)
            | HttpError::Unauthenticated(why)
            | HttpError::NotSent(why)
            | HttpError::OutcomeUnknown(why) => TokenError::Unavailable(format!("no token from {origin}: {why}")),
        })?;
        match answer.status {
            200 => granted(&answer.body, began)
                .ok_or_else(|| TokenError::Unavailable(format!("{origin} gave no usable token"))),
            400..=403 => Err(refusal(&origin, answer.status, &answer.body)),
            status => Err(TokenError::Unavailable(format!("{origin} answered {status} instead of a token"))),
        }
    }
}

fn form(id: &str, secret: &Secret, scope: &str) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    form.append_pair("client_id", id).append_pair("client_secret", secret.expose());
    if !scope.is_empty() {
        form.append_pair("scope", scope);
    }
    form.finish()
}

fn granted(body: &[u8], began: Instant) -> Option<Token> {
    let granted: Granted = serde_json::from_slice(body).ok()?;
    if !granted.token_type.eq_ignore_ascii_case("bearer") || granted.access_token.is_empty() {
        return None;
    }
    // RFC 6749 section 5.1 only recommends `expires_in`: without it a token serves the one request it was fetched for.
    let life = Duration::from_secs(granted.expires_in.unwrap_or(0).min(86_400));
    let early = EARLY.min(life / 5);
    Some(Token { secret: Secret::new(granted.access_token), renew_at: began + (life - early) })
}

/// The description is the upstream's prose and may quote what was sent: only the codes are repeated.
fn refusal(origin: &Origin, status: u16, body: &[u8]) -> TokenError {
    let said: Refused = serde_json::from_slice(body).unwrap_or_default();
    let known = REFUSALS.contains(&said.error.as_str());
    let error = if known { said.error.as_str() } else { "no known error code" };
    let codes: String = said.error_codes.iter().take(4).map(|code| format!(", {code}")).collect();
    if known || matches!(status, 401 | 403) {
        TokenError::Refused(format!("{origin} does not accept the client credentials ({status}: {error}{codes})"))
    } else {
        TokenError::Unavailable(format!("{origin} gave no token ({status}: {error}{codes})"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    /// For how many seconds a token is used that says it lives so long.
    fn used_for(expires_in: serde_json::Value) -> u64 {
        let body = serde_json::json!({"token_type": "Bearer", "access_token": "t", "expires_in": expires_in});
        let began = Instant::now();
        (granted(body.to_string().as_bytes(), began).unwrap().renew_at - began).as_secs()
    }

    #[test]
    fn a_token_is_renewed_before_its_end() {
        assert_eq!(used_for(3599.into()), 3299);
        assert_eq!(used_for(300.into()), 240);
        assert_eq!(used_for(0.into()), 0);
        assert_eq!(used_for(serde_json::Value::Null), 0);
        assert_eq!(used_for(u64::MAX.into()), 86_400 - 300);
    }

    #[test]
    fn what_is_no_bearer_token_is_not_used() {
        for body in
            ["", "{}", r#"{"token_type":"mac","access_token":"t"}"#, r#"{"token_type":"Bearer","access_token":""}"#]
        {
            assert!(granted(body.as_bytes(), Instant::now()).is_none(), "{body}");
        }
    }
}
