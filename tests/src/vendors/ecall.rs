//! A strict substitute for eCall's REST interface 2.0. It checks what eCall's documentation requires:
//!
//! | rule | answer |
//! |---|---|
//! | `POST /api/message`, JSON | 404 else |
//! | HTTP Basic with the account's or an API sub-user's name and password | 401 |
//! | `channel` is `Sms` and `content.type` is `Text`, spelt so | `InvalidContent`, `Channel` or `Content.Type` |
//! | `to` is `0041…` or `+41…` | `InvalidContent`, `To` |
//! | `from` has up to 16 digits, or up to 11 characters of ASCII 32 to 126 | `InvalidContent`, `From` |
//! | a text of at most `content.options.pageLimit` pages (1 to 10): 160 characters or 70, joined 153 or 67 | `InvalidContent`, `Content.Text` |
//!
//! That a field nobody documents is an error is our own strictness; the statuses of errors are not documented and ours.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Map, Value, json};
use twofactor::sandbox::NetworkBuilder;

use super::tls::{Authority, TlsListener, with_http2};

pub const ACCOUNT: &str = "api-user";
pub const PASSWORD: &str = "p4ss:w0rd äß";

const HOST: &str = "rest.ecall.ch";

#[derive(Clone)]
pub struct Ecall {
    address: SocketAddr,
    taken: Arc<Mutex<Vec<Value>>>,
}

impl Ecall {
    pub async fn start(authority: &Authority) -> Self {
        let listener = TlsListener::bind(with_http2(authority.server(&[HOST]))).await;
        let ecall = Self { address: listener.address(), taken: Arc::default() };
        let router = Router::new().route("/api/message", post(message)).with_state(ecall.clone());
        listener.serve(router);
        ecall
    }

    /// Puts it behind eCall's name.
    pub fn on(&self, network: NetworkBuilder) -> NetworkBuilder {
        network.resolve(HOST, self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn taken(&self) -> Vec<Value> {
        self.taken.lock().unwrap().clone()
    }

    /// Returns the text of the newest message.
    pub fn text(&self) -> String {
        self.taken().last().unwrap()["content"]["text"].as_str().unwrap().to_owned()
    }
}

async fn message(State(ecall): State<Ecall>, headers: HeaderMap, body: Bytes) -> Response {
    if super::basic(&headers) != Some((ACCOUNT.to_owned(), PASSWORD.to_owned())) {
        let refused = json!({"errorCode": "Unauthorized", "errorMessage": "Unauthorized"});
        return (StatusCode::UNAUTHORIZED, Json(refused)).into_response();
    }
    let body: Option<Value> = serde_json::from_slice(&body).ok();
    let validated = match (body, super::is_of_type(&headers, "application/json")) {
        (Some(body), true) => validate(&body).map(|()| body),
        _ => Err("Content"),
    };
    match validated {
        Ok(body) => {
            ecall.taken.lock().unwrap().push(body);
            let accepted = json!({"messageId": "0b5f6a58-6f1b-4d1c-9c7b-0a1b2c3d4e5f"});
            (StatusCode::CREATED, Json(accepted)).into_response()
        }
        Err(parameter) => {
            let errors = json!([{"parameter": parameter, "messages": ["The value is not valid."]}]);
            let refused = json!({"errorCode": "InvalidContent", "errorMessage": "The content is not valid.",
                "errorDetails": {"errors": errors}});
            (StatusCode::BAD_REQUEST, Json(refused)).into_response()
        }
    }
}

/// `Err` names the parameter that is wrong.
fn validate(body: &Value) -> Result<(), &'static str> {
    let message = only(body, &["channel", "from", "to", "content"]).ok_or("Content")?;
    let content = only(&body["content"], &["type", "text", "options"]).ok_or("Content")?;
    let options = match content.get("options") {
        Some(options) => only(options, &["pageLimit"]).ok_or("Content.Options")?,
        None => &Map::new(),
    };
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    if text(message.get("channel")) != "Sms" {
        return Err("Channel");
    }
    if text(content.get("type")) != "Text" {
        return Err("Content.Type");
    }
    let to = text(message.get("to"));
    let to = to.strip_prefix("00").map_or(to.clone(), |rest| format!("+{rest}"));
    if !super::is_e164(&to) {
        return Err("To");
    }
    let from = text(message.get("from"));
    let digits = from.strip_prefix('+').unwrap_or(&from);
    let number = (1..=16).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let name = (1..=11).contains(&from.len()) && from.bytes().all(|b| (32..=126).contains(&b));
    if !number && !name {
        return Err("From");
    }
    let limit = options.get("pageLimit").map_or(Some(10), Value::as_u64).filter(|limit| (1..=10).contains(limit));
    let limit = limit.ok_or("Content.Options.PageLimit")?;
    let pages = pages(&text(content.get("text")));
    if pages == 0 || pages as u64 > limit { Err("Content.Text") } else { Ok(()) }
}

/// Returns an object with no fields but these.
fn only<'a>(value: &'a Value, names: &[&str]) -> Option<&'a Map<String, Value>> {
    value.as_object().filter(|fields| fields.keys().all(|name| names.contains(&name.as_str())))
}

/// Returns the number of segments of a text: seven bits a character if its alphabet (3GPP TS
/// 23.038) has them all, otherwise sixteen.
fn pages(text: &str) -> usize {
    let of_the_alphabet = |c: char| c.is_ascii() && c != '`' || "£¥èéùìòÇØøÅåΔΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà€".contains(c);
    let (single, joined, length) = if text.chars().all(of_the_alphabet) {
        (160, 153, text.chars().map(|c| if "[]{}^~|\\€".contains(c) { 2 } else { 1 }).sum())
    } else {
        (70, 67, text.encode_utf16().count())
    };
    if length <= single { length.min(1) } else { length.div_ceil(joined) }
}
