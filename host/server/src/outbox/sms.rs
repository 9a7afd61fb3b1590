//! Twilio and eCall, as far as the demo needs them.

use std::collections::HashMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Messages;

/// Returns the user name of HTTP Basic.
fn user(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let pair = String::from_utf8(STANDARD.decode(value).ok()?).ok()?;
    pair.split_once(':').map(|(user, _)| user.to_owned())
}

pub(super) async fn twilio(
    State(messages): State<Messages>,
    Path(sid): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Json<Value>) {
    if user(&headers) != Some(sid) {
        return (StatusCode::UNAUTHORIZED, Json(json!({"code": 20003, "message": "Authenticate", "status": 401})));
    }
    let fields: HashMap<String, String> = url::form_urlencoded::parse(&body).into_owned().collect();
    let field = |name: &str| fields.get(name).filter(|value| !value.is_empty()).cloned();
    let sender = field("From").or_else(|| field("MessagingServiceSid"));
    let (Some(to), Some(text), Some(_)) = (field("To"), field("Body"), sender) else {
        return (StatusCode::BAD_REQUEST, Json(json!({"code": 21211, "message": "Invalid 'To'", "status": 400})));
    };
    messages.add("twilio", "sms", to, String::new(), text);
    let accepted = json!({"sid": "SM00000000000000000000000000000000", "status": "queued", "error_code": null, "num_segments": "1"});
    (StatusCode::CREATED, Json(accepted))
}

pub(super) async fn ecall(
    State(messages): State<Messages>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Json<Value>) {
    if user(&headers).is_none() {
        return (StatusCode::UNAUTHORIZED, Json(json!({"errorCode": "Unauthorized"})));
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = body.pointer("/content/text").and_then(Value::as_str);
    let (Some("Sms"), Some(to), Some(text)) = (body["channel"].as_str(), body["to"].as_str(), text) else {
        return (StatusCode::BAD_REQUEST, Json(json!({"errorCode": "InvalidContent"})));
    };
    messages.add("ecall", "sms", to.to_owned(), String::new(), text.to_owned());
    (StatusCode::CREATED, Json(json!({"messageId": "00000000-0000-0000-0000-000000000000"})))
}
