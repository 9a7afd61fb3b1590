//! OAuth 2.0 client credentials (RFC 6749 section 4.4). Access tokens are fetched, cached, renewed
//! early, and never visible to a guest.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use ::http::{HeaderValue, Method, header};
use reqwest::Request;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use super::exchange::HttpClient;
use super::message::{Failed, HttpError, HttpResponse};
use crate::egress::failure::{UpstreamCause, UpstreamFailure, UpstreamStep};
use crate::egress::policy::{ByteMeter, Origin, Secret};

/// How long before its expiry a token is renewed. Tokens of Microsoft Entra are valid for an hour.
const EARLY: Duration = Duration::from_secs(300);

/// Values of `error` (RFC 6749 section 5.2) that mean that the credentials are wrong, not that the
/// endpoint is busy.
const REFUSALS: &[&str] = &[
    "invalid_client",
    "unauthorized_client",
    "invalid_scope",
    "invalid_grant",
    "invalid_request",
    "unsupported_grant_type",
];

#[derive(Clone)]
pub(crate) enum TokenError {
    /// No token endpoint may be called.
    Misconfigured(String),
    /// The endpoint does not accept the credentials.
    Refused(Failed),
    /// No token is available at the moment.
    Unavailable(Failed),
}

/// Access tokens by the request that obtains them. Each slot is locked while its token is fetched:
/// one request at a time.
#[derive(Default)]
pub(crate) struct TokenCache(std::sync::Mutex<HashMap<[u8; 32], Slot>>);

type Slot = Arc<Mutex<Held>>;

#[derive(Default)]
struct Held {
    token: Option<Token>,
    /// When the endpoint last failed, and why.
    failed: Option<(Instant, TokenError)>,
}

/// A token in use, and its slot.
pub(crate) struct AccessToken {
    pub(crate) secret: Secret,
    slot: Slot,
}

impl AccessToken {
    /// Removes the token from the cache: it was not accepted.
    pub(crate) async fn forget(&self) {
        let mut held = self.slot.lock().await;
        if held.token.as_ref().is_some_and(|kept| kept.secret == self.secret) {
            held.token = None;
        }
    }
}

struct Token {
    secret: Secret,
    renew_at: Instant,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    token_type: String,
    /// A number (RFC 6749 section 5.1), which some endpoints send as a string.
    #[serde(default)]
    expires_in: Value,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Refused {
    error: String,
    /// Microsoft Entra's error numbers, as numbers or strings.
    error_codes: Value,
}

/// Returns a number that is written as a number or as a string.
fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| number.as_f64().filter(|n| *n >= 0.0).map(|n| n as u64)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

impl TokenCache {
    fn slot(&self, key: [u8; 32]) -> Slot {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(&key) {
            return slot.clone();
        }
        // Those that are no longer used: an instance was removed, or a secret replaced.
        let now = Instant::now();
        slots.retain(|_, slot| {
            Arc::strong_count(slot) > 1
                || slot.try_lock().is_ok_and(|held| held.token.as_ref().is_some_and(|token| token.renew_at > now))
        });
        slots.entry(key).or_default().clone()
    }
}

/// The credentials for a token.
#[derive(Clone, Copy)]
pub(crate) struct ClientCredentials<'a> {
    pub(crate) token_url: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) client_secret: &'a Secret,
    pub(crate) scope: &'a str,
}

impl TokenCache {
    pub(crate) async fn token(
        &self,
        client: &HttpClient,
        meter: &ByteMeter,
        credentials: ClientCredentials<'_>,
    ) -> Result<AccessToken, TokenError> {
        let ClientCredentials { token_url, client_id, client_secret, scope } = credentials;
        let mut hash = Sha256::new();
        for part in [token_url, client_id, scope, client_secret.expose()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let slot = self.slot(hash.finalize().into());
        let asked = Instant::now();
        let mut held = slot.lock().await;
        if let Some(token) = held.token.as_ref().filter(|token| token.renew_at > Instant::now()) {
            let secret = token.secret.clone();
            drop(held);
            return Ok(AccessToken { secret, slot });
        }
        // Requests that waited for the token share its result and do not fetch another.
        if let Some((_, why)) = held.failed.as_ref().filter(|(at, _)| *at >= asked) {
            return Err(why.clone());
        }
        match fetch(client, meter, credentials).await {
            Ok(token) => {
                let secret = token.secret.clone();
                held.token = Some(token);
                drop(held);
                Ok(AccessToken { secret, slot })
            }
            Err(why) => {
                held.failed = Some((Instant::now(), why.clone()));
                Err(why)
            }
        }
    }
}

async fn fetch(
    client: &HttpClient,
    meter: &ByteMeter,
    credentials: ClientCredentials<'_>,
) -> Result<Token, TokenError> {
    let ClientCredentials { token_url, client_id, client_secret, scope } = credentials;
    let (origin, url) = Origin::of_url(token_url).map_err(TokenError::Misconfigured)?;
    if !origin.is_https() {
        return Err(TokenError::Misconfigured("the token endpoint is not protected: it must be https".to_owned()));
    }
    let mut request = Request::new(Method::POST, url.clone());
    let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(header::CONTENT_TYPE, form_type);
    *request.body_mut() = Some(form(client_id, client_secret, scope).into());
    client.route(&origin, url, &mut request);
    let began = Instant::now();
    let answer = client.exchange(meter, &origin, request).await.map_err(|error| match error {
        HttpError::Denied(why) | HttpError::Unauthenticated(why) => TokenError::Misconfigured(why),
        HttpError::LoginRefused(why) | HttpError::NotSent(why) | HttpError::OutcomeUnknown(why) => {
            TokenError::Unavailable(Failed { text: format!("no token from {origin}: {}", why.text), ..why })
        }
    })?;
    match answer.status {
        200 => granted(&answer.body, began).ok_or_else(|| {
            let upstream = failure(&origin, UpstreamCause::Malformed, None);
            TokenError::Unavailable(Failed { text: format!("{origin} gave no usable token"), upstream })
        }),
        400..=403 => Err(refusal(&origin, &answer)),
        status => {
            let text = format!("{origin} answered {status} instead of a token");
            Err(TokenError::Unavailable(Failed { text, upstream: answered(&origin, &answer) }))
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
    // RFC 6749 section 5.1 only recommends `expires_in`. Without it, a token is used for the one
    // request that it was fetched for.
    let life = Duration::from_secs(number(&granted.expires_in).unwrap_or(0).min(86_400));
    let early = EARLY.min(life / 5);
    Some(Token { secret: Secret::new(granted.access_token), renew_at: began + (life - early) })
}

fn failure(origin: &Origin, cause: UpstreamCause, retry_after_seconds: Option<u32>) -> UpstreamFailure {
    let failure = UpstreamFailure::new(UpstreamStep::Login, origin.host(), origin.port(), cause);
    UpstreamFailure { retry_after_seconds, ..failure }
}

/// Returns the failure that the endpoint's status means, with the wait that it asks for.
fn answered(origin: &Origin, answer: &HttpResponse) -> UpstreamFailure {
    let cause = UpstreamCause::Refused { reply_code: answer.status, enhanced_code: String::new() };
    let wait = answer.headers.iter().find(|(name, _)| name == "retry-after").and_then(|(_, value)| value.parse().ok());
    failure(origin, cause, wait)
}

/// Returns the endpoint's refusal. Its description is free text and may quote what was sent, so
/// only the codes are repeated.
fn refusal(origin: &Origin, answer: &HttpResponse) -> TokenError {
    let (status, upstream) = (answer.status, answered(origin, answer));
    let said: Refused = serde_json::from_slice(&answer.body).unwrap_or_default();
    let known = REFUSALS.contains(&said.error.as_str());
    let error = if known { said.error.as_str() } else { "no known error code" };
    let codes = said.error_codes.as_array().into_iter().flatten().filter_map(number).take(4);
    let codes: String = codes.map(|code| format!(", {code}")).collect();
    if known || matches!(status, 401 | 403) {
        let text = format!("{origin} does not accept the client credentials ({status}: {error}{codes})");
        TokenError::Refused(Failed { text, upstream })
    } else {
        TokenError::Unavailable(Failed { text: format!("{origin} gave no token ({status}: {error}{codes})"), upstream })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::egress::Network;

    /// Returns for how many seconds a token with this `expires_in` is used.
    fn used_for(expires_in: Value) -> u64 {
        let body = serde_json::json!({"token_type": "Bearer", "access_token": "t", "expires_in": expires_in});
        let began = Instant::now();
        (granted(body.to_string().as_bytes(), began).unwrap().renew_at - began).as_secs()
    }

    #[test]
    fn a_token_is_renewed_before_its_end() {
        assert_eq!(used_for(3599.into()), 3299);
        assert_eq!(used_for(300.into()), 240);
        assert_eq!(used_for(0.into()), 0);
        assert_eq!(used_for(Value::Null), 0);
        assert_eq!(used_for(u64::MAX.into()), 86_400 - 300);
    }

    #[test]
    fn a_token_that_says_in_text_how_long_it_lives_is_used_as_long() {
        assert_eq!(used_for("3599".into()), 3299);
        assert_eq!(used_for(3599.0.into()), 3299);
        assert_eq!(used_for("soon".into()), 0);
        assert_eq!(used_for(serde_json::json!([])), 0);
    }

    #[test]
    fn codes_of_any_type_do_not_hide_the_error() {
        let (origin, _) = Origin::of_url("https://login.example.com/t").unwrap();
        for codes in ["[7000215]", "[\"7000215\"]", "\"7000215\"", "{}", "[{}]", "null", "7000215"] {
            let body = format!(r#"{{"error":"invalid_client","error_codes":{codes}}}"#).into_bytes();
            let answer = HttpResponse { status: 400, headers: Vec::new(), body };
            let TokenError::Refused(why) = refusal(&origin, &answer) else { panic!("{codes}") };
            assert!(why.text.contains("invalid_client"), "{codes} {}", why.text);
            assert_eq!(
                why.text.contains("7000215"),
                codes.contains("[7") || codes.contains("[\"7"),
                "{codes} {}",
                why.text
            );
        }
    }

    #[test]
    fn what_is_no_bearer_token_is_not_used() {
        for body in
            ["", "{}", r#"{"token_type":"mac","access_token":"t"}"#, r#"{"token_type":"Bearer","access_token":""}"#]
        {
            assert!(granted(body.as_bytes(), Instant::now()).is_none(), "{body}");
        }
    }

    /// Starts an endpoint that responds with 503 when released, and counts its requests.
    async fn endpoint(release: Arc<tokio::sync::Notify>) -> (Network, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let network = Network::builder().override_endpoint("https://token.example.com", listener.local_addr().unwrap());
        let (network, asked) = (network.build().unwrap(), Arc::new(AtomicUsize::new(0)));
        let counted = asked.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                release.notified().await;
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let answer = b"HTTP/1.1 503 x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                let _ = stream.write_all(answer).await;
            }
        });
        (network, asked)
    }

    async fn token(network: &Network, client: &str) -> Result<AccessToken, TokenError> {
        let secret = Secret::new("s".to_owned());
        let token_url = "https://token.example.com/t";
        let credentials = ClientCredentials { token_url, client_id: client, client_secret: &secret, scope: "" };
        let http = network.http();
        http.tokens.token(&http.client, &ByteMeter::default(), credentials).await
    }

    #[tokio::test]
    async fn all_who_wait_for_a_token_learn_that_there_is_none_from_one_request() {
        let release = Arc::new(tokio::sync::Notify::new());
        let (network, asked) = endpoint(release.clone()).await;
        let mut waiting: Vec<_> = (0..5).map(|_| Box::pin(token(&network, "a"))).collect();
        for one in &mut waiting {
            assert!(futures::poll!(one).is_pending());
        }
        release.notify_one();
        for one in waiting {
            assert!(matches!(one.await, Err(TokenError::Unavailable(_))));
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        // A later call requests a new token.
        release.notify_one();
        assert!(token(&network, "a").await.is_err());
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn who_drops_a_token_waits_for_nobody_elses_endpoint() {
        let (network, _) = endpoint(Arc::default()).await;
        let mut hanging = Box::pin(token(&network, "a"));
        assert!(futures::poll!(&mut hanging).is_pending());
        let held = Token { secret: Secret::new("t".to_owned()), renew_at: Instant::now() + Duration::from_secs(60) };
        let slot = network.http().tokens.slot([7; 32]);
        slot.lock().await.token = Some(held);
        let token = AccessToken { secret: Secret::new("t".to_owned()), slot: slot.clone() };
        assert!(futures::poll!(std::pin::pin!(token.forget())).is_ready());
        assert!(slot.lock().await.token.is_none());
    }

    #[tokio::test]
    async fn what_nobody_asks_for_any_more_is_not_kept() {
        let cache = TokenCache::default();
        let kept = |n: u8| {
            let renew_at = Instant::now() + Duration::from_secs(60);
            Token { secret: Secret::new(n.to_string()), renew_at }
        };
        let in_use = cache.slot([1; 32]);
        cache.slot([2; 32]).lock().await.token = Some(kept(2));
        drop(cache.slot([3; 32]));
        let _ = cache.slot([4; 32]);
        let mut left: Vec<u8> = cache.0.lock().unwrap().keys().map(|key| key[0]).collect();
        left.sort_unstable();
        assert_eq!(left, [1, 2, 4]);
        drop(in_use);
    }
}
