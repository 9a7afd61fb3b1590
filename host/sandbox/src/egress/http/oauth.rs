//! OAuth 2.0 access tokens for a client: client credentials (RFC 6749 section 4.4) or an assertion (RFC 7523).

use std::time::{Instant, SystemTime};

use ::http::{HeaderValue, Method, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Request;
use serde::Deserialize;
use serde_json::Value;
use url::form_urlencoded::{Serializer, byte_serialize};
use zeroize::Zeroizing;

use super::exchange::HttpClient;
use super::message::{Failed, HttpError, HttpResponse};
use super::token::{Token, TokenError};
use crate::egress::failure::{UpstreamCause, UpstreamFailure, UpstreamStep};
use crate::egress::policy::{ByteMeter, ClientAuthentication, OAuth2Client, OAuth2Grant, Origin, SignedJwt, jwt};

/// The longest token, in bytes.
pub(super) const LONGEST: usize = 16 << 10;

/// For how many seconds an assertion that authenticates a client is valid.
const ASSERTION_SECONDS: u32 = 300;

/// `client_assertion_type` (RFC 7523 section 2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// `grant_type` (RFC 7523 section 2.1).
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

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
pub(super) fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| number.as_f64().filter(|n| *n >= 0.0).map(|n| n as u64)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

pub(super) async fn fetch(client: &HttpClient, meter: &ByteMeter, oauth2: &OAuth2Client) -> Result<Token, TokenError> {
    let (origin, url) = Origin::of_url(&oauth2.token_url).map_err(TokenError::Misconfigured)?;
    if !origin.is_https() {
        return Err(TokenError::Misconfigured("the token endpoint is not protected: it must be https".to_owned()));
    }
    let mut request = Request::new(Method::POST, url);
    let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(header::CONTENT_TYPE, form_type);
    request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    if let ClientAuthentication::SecretInHeader(secret) = &oauth2.authentication {
        request.headers_mut().insert(header::AUTHORIZATION, basic(&oauth2.client_id, secret.expose())?);
    }
    let form = form(oauth2, SystemTime::now()).map_err(TokenError::Misconfigured)?;
    *request.body_mut() = Some(form.into());
    client.route(&origin, &mut request);
    let began = Instant::now();
    let answer = exchange(client, meter, &origin, request).await?;
    match answer.status {
        200 => granted(&answer.body, began).ok_or_else(|| unusable(&origin)),
        400..=403 => Err(refusal(&origin, &answer)),
        status => {
            let text = format!("{origin} responded with status {status} instead of a token");
            Err(TokenError::Unavailable(Failed { text, upstream: answered(&origin, &answer) }))
        }
    }
}

/// Sends a request for a token and waits for the response.
pub(super) async fn exchange(
    client: &HttpClient,
    meter: &ByteMeter,
    origin: &Origin,
    request: Request,
) -> Result<HttpResponse, TokenError> {
    client.exchange(meter, origin, request).await.map_err(|error| match error {
        HttpError::Denied(why) | HttpError::Unauthenticated(why) => TokenError::Misconfigured(why),
        HttpError::LoginRefused(why) | HttpError::NotSent(why) | HttpError::OutcomeUnknown(why) => {
            TokenError::Unavailable(Failed { text: format!("no token from {origin}: {}", why.text), ..why })
        }
    })
}

/// Returns the failure of a response that contains no token.
pub(super) fn unusable(origin: &Origin) -> TokenError {
    let upstream = failure(origin, UpstreamCause::Malformed, None);
    TokenError::Unavailable(Failed { text: format!("{origin} returned no usable token"), upstream })
}

/// Returns `Authorization: Basic` for a client: id and secret are form-encoded first (RFC 6749 section 2.3.1).
fn basic(id: &str, secret: &str) -> Result<HeaderValue, TokenError> {
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let pair = Zeroizing::new(format!("{}:{}", encoded(id), encoded(secret)));
    let value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(&*pair)));
    let mut value = value.map_err(|_| TokenError::Misconfigured("the client secret is malformed".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn form(oauth2: &OAuth2Client, now: SystemTime) -> Result<String, String> {
    let mut form = Serializer::new(String::new());
    match &oauth2.grant {
        OAuth2Grant::ClientCredentials => {
            form.append_pair("grant_type", "client_credentials");
        }
        OAuth2Grant::JwtBearer(token) => {
            let assertion = jwt::sign(token, &[("aud", &oauth2.token_url)], now)?;
            form.append_pair("grant_type", JWT_BEARER).append_pair("assertion", assertion.expose());
        }
    }
    // With HTTP Basic it is in the header already.
    if !oauth2.client_id.is_empty() && !matches!(oauth2.authentication, ClientAuthentication::SecretInHeader(_)) {
        form.append_pair("client_id", &oauth2.client_id);
    }
    match &oauth2.authentication {
        ClientAuthentication::None | ClientAuthentication::SecretInHeader(_) => {}
        ClientAuthentication::SecretInBody(secret) => {
            form.append_pair("client_secret", secret.expose());
        }
        ClientAuthentication::PrivateKeyJwt(key) => {
            // RFC 7523 section 3.
            let claims = [("iss", &*oauth2.client_id), ("sub", &oauth2.client_id), ("aud", &oauth2.token_url)];
            let token = SignedJwt { key: key.clone(), claims: Vec::new(), valid_seconds: ASSERTION_SECONDS };
            let assertion = jwt::sign(&token, &claims, now)?;
            form.append_pair("client_assertion_type", ASSERTION_TYPE);
            form.append_pair("client_assertion", assertion.expose());
        }
    }
    if !oauth2.scope.is_empty() {
        form.append_pair("scope", &oauth2.scope);
    }
    form.extend_pairs(oauth2.parameters.iter());
    Ok(form.finish())
}

fn granted(body: &[u8], began: Instant) -> Option<Token> {
    let granted: Granted = serde_json::from_slice(body).ok()?;
    let fits = (1..=LONGEST).contains(&granted.access_token.len());
    if !granted.token_type.eq_ignore_ascii_case("bearer") || !fits {
        return None;
    }
    // RFC 6749 section 5.1 only recommends `expires_in`. Without it, a token is used for the one
    // request that it was fetched for.
    Some(Token::new(granted.access_token, began, number(&granted.expires_in).unwrap_or(0)))
}

fn failure(origin: &Origin, cause: UpstreamCause, retry_after_seconds: Option<u32>) -> UpstreamFailure {
    let failure = UpstreamFailure::new(UpstreamStep::Login, origin.host(), origin.port(), cause);
    UpstreamFailure { retry_after_seconds, ..failure }
}

/// Returns the failure that the endpoint's status means, with the wait that it asks for.
pub(super) fn answered(origin: &Origin, answer: &HttpResponse) -> UpstreamFailure {
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
        TokenError::Unavailable(Failed {
            text: format!("{origin} returned no token ({status}: {error}{codes})"),
            upstream,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

    use super::*;
    use crate::egress::policy::Secret;

    /// Returns for how many seconds a token with this `expires_in` is used.
    fn used_for(expires_in: Value) -> u64 {
        let body = serde_json::json!({"token_type": "Bearer", "access_token": "t", "expires_in": expires_in});
        let began = Instant::now();
        (granted(body.to_string().as_bytes(), began).unwrap().renew_at - began).as_secs()
    }

    #[test]
    fn a_token_says_in_a_number_or_in_text_how_long_it_lives() {
        assert_eq!(used_for(3599.into()), 3299);
        assert_eq!(used_for(Value::Null), 0);
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
            let answer = HttpResponse { status: 400, body, ..Default::default() };
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
    fn a_token_of_another_type_than_bearer_is_not_used() {
        for body in
            ["", "{}", r#"{"token_type":"mac","access_token":"t"}"#, r#"{"token_type":"Bearer","access_token":""}"#]
        {
            assert!(granted(body.as_bytes(), Instant::now()).is_none(), "{body}");
        }
        for (length, used) in [(LONGEST, true), (LONGEST + 1, false)] {
            let body = serde_json::json!({"token_type": "Bearer", "access_token": "t".repeat(length)}).to_string();
            assert_eq!(granted(body.as_bytes(), Instant::now()).is_some(), used, "{length}");
        }
    }

    #[test]
    fn a_client_s_id_and_secret_are_form_encoded_in_http_basic() {
        let value = basic("a client:é", "s+c&r t").unwrap_or_else(|_| panic!("it is a header"));
        let encoded = value.to_str().unwrap().strip_prefix("Basic ").unwrap();
        assert_eq!(STANDARD.decode(encoded).unwrap(), b"a+client%3A%C3%A9:s%2Bc%26r+t");
    }

    #[test]
    fn a_request_has_what_its_grant_and_its_authentication_need() {
        let client = |authentication| OAuth2Client {
            token_url: "https://login.example.com/t".to_owned(),
            client_id: "id".to_owned(),
            authentication,
            grant: OAuth2Grant::ClientCredentials,
            scope: "a b".to_owned(),
            parameters: vec![("audience".to_owned(), "https://api.example.com".to_owned())],
        };
        let form = |authentication| form(&client(authentication), SystemTime::now()).unwrap();
        let rest = "&scope=a+b&audience=https%3A%2F%2Fapi.example.com";
        let secret = || Secret::new("s&");
        assert_eq!(
            form(ClientAuthentication::SecretInBody(secret())),
            format!("grant_type=client_credentials&client_id=id&client_secret=s%26{rest}")
        );
        assert_eq!(
            form(ClientAuthentication::SecretInHeader(secret())),
            format!("grant_type=client_credentials{rest}")
        );
        assert_eq!(form(ClientAuthentication::None), format!("grant_type=client_credentials&client_id=id{rest}"));
    }
}
