//! The upstream of a provider that somebody is writing: it takes whatever it is sent.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::Messages;

pub(super) async fn take(State(messages): State<Messages>, method: Method, body: Bytes) -> (StatusCode, Json<Value>) {
    if method != Method::POST && method != Method::PUT {
        return (StatusCode::NOT_FOUND, Json(json!({})));
    }
    // RFC 6749 section 4.4.2: there is a token for everybody.
    let mut fields = url::form_urlencoded::parse(&body);
    if fields.any(|(name, value)| name == "grant_type" && value == "client_credentials") {
        let token = json!({"access_token": "outbox", "token_type": "Bearer", "expires_in": 3600});
        return (StatusCode::OK, Json(token));
    }
    let said: Value = serde_json::from_slice(&body).unwrap_or_default();
    let field = |name: &str| said[name].as_str().map(str::to_owned);
    let text = field("text").unwrap_or_else(|| String::from_utf8_lossy(&body).into_owned());
    messages.add("other", "other", field("to").unwrap_or_default(), String::new(), text);
    (StatusCode::OK, Json(json!({"id": "outbox"})))
}
