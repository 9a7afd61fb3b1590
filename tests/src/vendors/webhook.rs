//! A receiver of webhooks, as an operator has one. It checks what is in Standard Webhooks 1.0.0 and in the documentation of
//! `providers/webhook`:
//!
//! | rule | answer |
//! |---|---|
//! | `webhook-id`, `webhook-timestamp` and `webhook-signature`, each once | 400 |
//! | the time is within five minutes of now | 401 |
//! | one of the signatures is `v1,` and the HMAC-SHA256 of `{id}.{timestamp}.{body}` in base64, over the bytes as they came | 401 |
//! | an id that came before is not handed on again | 204 |
//! | JSON of exactly `id`, `to`, `text`, `valid_seconds`, `locale` and `purpose`; `id` is that of the header | 422 |

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde::Deserialize;
use twofactor::sandbox::NetworkBuilder;

use super::tls::{Authority, TlsListener, with_http2};

pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub const URL: &str = "https://gateway.example.com/codes?from=twofactor";
pub const HOST: &str = "gateway.example.com";

/// An accepted message.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    pub id: String,
    pub to: String,
    pub text: String,
    pub valid_seconds: u32,
    pub locale: String,
    pub purpose: String,
    /// The whole request: headers, then the body.
    #[serde(skip)]
    pub request: String,
}

#[derive(Clone)]
pub struct Receiver {
    address: SocketAddr,
    taken: Arc<Mutex<Vec<Message>>>,
}

impl Receiver {
    pub async fn start(authority: &Authority) -> Self {
        let listener = TlsListener::bind(with_http2(authority.server(&[HOST]))).await;
        let receiver = Self { address: listener.address(), taken: Arc::default() };
        listener.serve(Router::new().route("/codes", post(receive)).with_state(receiver.clone()));
        receiver
    }

    /// Puts it behind its name.
    pub fn on(&self, network: NetworkBuilder) -> NetworkBuilder {
        network.resolve(HOST, self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn taken(&self) -> Vec<Message> {
        self.taken.lock().unwrap().clone()
    }

    /// Returns the text of the newest message.
    pub fn text(&self) -> String {
        self.taken().last().unwrap().text.clone()
    }
}

/// Returns the signature of a message in one version of the scheme.
pub fn signature(secret: &str, id: &str, timestamp: i64, body: &[u8]) -> String {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let signed = [id.as_bytes(), b".", timestamp.to_string().as_bytes(), b".", body].concat();
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), &signed);
    format!("v1,{}", STANDARD.encode(tag))
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let once = |name: &str| {
        let mut values = headers.get_all(name).iter();
        let (value, None) = (values.next()?, values.next()) else { return None };
        value.to_str().ok()
    };
    let timestamp = once("webhook-timestamp").and_then(|time| time.parse::<i64>().ok());
    let (Some(id), Some(timestamp), Some(signatures)) = (once("webhook-id"), timestamp, once("webhook-signature"))
    else {
        return StatusCode::BAD_REQUEST;
    };
    let expected = signature(SECRET, id, timestamp, &body);
    if (super::ses::now() - timestamp).abs() > 300 || !signatures.split(' ').any(|one| one == expected) {
        return StatusCode::UNAUTHORIZED;
    }
    let message = serde_json::from_slice::<Message>(&body).ok();
    let message = message.filter(|message| message.id == id && super::is_e164(&message.to) && !message.text.is_empty());
    let Some(message) = message.filter(|_| super::is_of_type(&headers, "application/json")) else {
        return StatusCode::UNPROCESSABLE_ENTITY;
    };
    let mut taken = receiver.taken.lock().unwrap();
    if !taken.iter().any(|before| before.id == message.id) {
        let request = format!("{headers:?}\n{}", String::from_utf8_lossy(&body));
        taken.push(Message { request, ..message });
    }
    StatusCode::NO_CONTENT
}
