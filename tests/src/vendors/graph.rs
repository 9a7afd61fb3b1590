//! A strict substitute for Microsoft Entra's token endpoint and Microsoft Graph's `sendMail`. It checks what
//! Microsoft's documentation requires:
//!
//! | rule | where |
//! |---|---|
//! | `POST /{tenant}/oauth2/v2.0/token`, a form of exactly `client_id`, `client_secret`, `scope`, `grant_type` | entra/identity-platform/v2-oauth2-client-creds-grant-flow |
//! | 90002 no such tenant, 700016 no such client, 7000215 wrong secret, 70011 wrong scope, 70003 wrong grant type | entra/identity-platform/reference-error-codes |
//! | `POST /v1.0/users/{id}/sendMail`, JSON; 202 and nothing | graph/api/user-sendmail |
//! | a bearer token that was issued, for this resource, and is not over; else 401 `InvalidAuthenticationToken` | graph/auth |
//! | `internetMessageHeaders` begin with `x-` | graph/api/resources/internetmessageheader |
//! | 30 messages a minute of one mailbox; then 429 with `Retry-After` | graph/throttling-limits |
//! | an error's `error.code`, `.message`, `.innerError` | graph/errors |
//!
//! That a field nobody documents is an error is our own strictness. So is that `saveToSentItems` must be false: the code would
//! stay readable.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use twofactor::sandbox::NetworkBuilder;

use super::tls::{Authority, TlsListener, with_http2};

pub const TENANT: &str = "11111111-2222-3333-4444-555555555555";
pub const CLIENT: &str = "66666666-7777-8888-9999-000000000000";
pub const SECRET: &str = "abc8Q~secret/of+a=client";
pub const MAILBOX: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
/// The one address this mailbox may send from.
pub const SENDER: &str = "codes@example.com";

const LOGIN: &str = "login.microsoftonline.com";
const GRAPH: &str = "graph.microsoft.com";
const A_MINUTE: usize = 30;

/// An accepted mail.
#[derive(Clone)]
pub struct Mail {
    pub to: String,
    pub subject: String,
    pub content: String,
    /// Which token was used, counted from 1.
    pub token: usize,
}

#[derive(Clone)]
pub struct Graph {
    address: SocketAddr,
    state: Arc<Mutex<Office>>,
}

#[derive(Default)]
struct Office {
    token_requests: usize,
    mail_requests: usize,
    issued: Vec<String>,
    withdrawn: usize,
    expires_in: Option<u64>,
    accepts_none: bool,
    sent: Vec<Instant>,
    taken: Vec<Mail>,
}

impl Graph {
    pub async fn start(authority: &Authority) -> Self {
        let listener = TlsListener::bind(with_http2(authority.server(&[LOGIN, GRAPH]))).await;
        let office = Office { expires_in: Some(3599), ..Office::default() };
        let graph = Self { address: listener.address(), state: Arc::new(Mutex::new(office)) };
        let router = Router::new()
            .route("/{tenant}/oauth2/v2.0/token", post(token))
            .route("/v1.0/users/{user}/sendMail", post(send_mail))
            .fallback(|| async { refusal(404, "ResourceNotFound") })
            .with_state(graph.clone());
        listener.serve(router);
        graph
    }

    /// Puts it behind Microsoft's names.
    pub fn on(&self, network: NetworkBuilder) -> NetworkBuilder {
        network.resolve(LOGIN, self.address).resolve(GRAPH, self.address)
    }

    /// Sets the lifetime of tokens that are issued from now on, in seconds.
    pub fn expires_in(&self, seconds: Option<u64>) {
        self.state.lock().unwrap().expires_in = seconds;
    }

    /// Accepts no token issued so far.
    pub fn withdraw(&self) {
        let mut office = self.state.lock().unwrap();
        office.withdrawn = office.issued.len();
    }

    /// Accepts no token at all.
    pub fn accept_none(&self) {
        self.state.lock().unwrap().accepts_none = true;
    }

    /// Returns how often a token was requested, and how often an email was sent.
    pub fn requests(&self) -> (usize, usize) {
        let office = self.state.lock().unwrap();
        (office.token_requests, office.mail_requests)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn taken(&self) -> Vec<Mail> {
        self.state.lock().unwrap().taken.clone()
    }

    /// Returns the content of the newest mail, without its markup and style.
    pub fn text(&self) -> String {
        let content = self.taken().last().unwrap().content.clone();
        content.split('<').filter_map(|part| part.split_once('>')).map(|(_, text)| text).collect::<Vec<_>>().join(" ")
    }
}

async fn token(State(graph): State<Graph>, Path(tenant): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let mut office = graph.state.lock().unwrap();
    office.token_requests += 1;
    match validate_client(&tenant, &headers, &body) {
        Ok(()) => {
            let token = format!("eyJ0eXAiOiJKV1Qi.{}.sig", office.issued.len() + 1);
            office.issued.push(token.clone());
            let mut granted = json!({"token_type": "Bearer", "access_token": token});
            if let Some(seconds) = office.expires_in {
                granted["expires_in"] = seconds.into();
                granted["ext_expires_in"] = seconds.into();
            }
            Json(granted).into_response()
        }
        Err((status, error, code)) => {
            let description = format!("AADSTS{code}: it is refused.\r\nTrace ID: 0\r\nCorrelation ID: 0");
            let refused = json!({"error": error, "error_description": description, "error_codes": [code],
                "timestamp": "2026-11-24 12:00:00Z", "trace_id": "0", "correlation_id": "0",
                "error_uri": format!("https://{LOGIN}/error?code={code}")});
            (StatusCode::from_u16(status).unwrap(), Json(refused)).into_response()
        }
    }
}

fn validate_client(tenant: &str, headers: &HeaderMap, body: &Bytes) -> Result<(), (u16, &'static str, u64)> {
    if tenant != TENANT {
        return Err((400, "invalid_request", 90_002));
    }
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(body).into_owned().collect();
    let form: HashMap<&str, &str> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let names = ["client_id", "client_secret", "scope", "grant_type"];
    let exact = pairs.len() == names.len() && names.iter().all(|name| form.contains_key(name));
    if !super::is_of_type(headers, "application/x-www-form-urlencoded") || !exact {
        return Err((400, "invalid_request", 900_144));
    }
    if form["grant_type"] != "client_credentials" {
        return Err((400, "unsupported_grant_type", 70_003));
    }
    if form["client_id"] != CLIENT {
        return Err((400, "unauthorized_client", 700_016));
    }
    if form["client_secret"] != SECRET {
        return Err((401, "invalid_client", 7_000_215));
    }
    if form["scope"] != format!("https://{GRAPH}/.default") {
        return Err((400, "invalid_scope", 70_011));
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SendMail {
    message: Message,
    save_to_sent_items: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Message {
    subject: String,
    body: Body,
    to_recipients: Vec<Address>,
    from: Option<Address>,
    #[serde(default)]
    internet_message_headers: Vec<Header>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Body {
    content_type: ContentType,
    content: String,
}

#[derive(Deserialize)]
enum ContentType {
    Text,
    #[serde(rename = "HTML")]
    Html,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Address {
    email_address: EmailAddress,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EmailAddress {
    address: String,
    #[allow(dead_code, reason = "it may be there and is of any form")]
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    name: String,
    #[allow(dead_code, reason = "it must be there and is of any form")]
    value: String,
}

async fn send_mail(State(graph): State<Graph>, Path(user): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let mut office = graph.state.lock().unwrap();
    office.mail_requests += 1;
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let token = office.issued.iter().position(|token| Some(token.as_str()) == bearer);
    let (Some(token), false) = (token.filter(|token| *token >= office.withdrawn), office.accepts_none) else {
        return refusal(401, "InvalidAuthenticationToken");
    };
    if user != MAILBOX {
        return refusal(404, "ErrorInvalidUser");
    }
    office.sent.retain(|at| at.elapsed() < Duration::from_secs(60));
    if office.sent.len() >= A_MINUTE {
        let mut refused = refusal(429, "ApplicationThrottled");
        refused.headers_mut().insert(header::RETRY_AFTER, 17.into());
        return refused;
    }
    if !super::is_of_type(&headers, "application/json") {
        return refusal(415, "UnsupportedMediaType");
    }
    let Ok(SendMail { message, save_to_sent_items: false }) = serde_json::from_slice(&body) else {
        return refusal(400, "ErrorInvalidRequest");
    };
    if message.internet_message_headers.iter().any(|header| !header.name.to_ascii_lowercase().starts_with("x-")) {
        return refusal(400, "InvalidInternetMessageHeader");
    }
    let address = |one: &Address| one.email_address.address.clone();
    if message.from.as_ref().is_some_and(|from| address(from) != SENDER) {
        return refusal(403, "ErrorSendAsDenied");
    }
    let [to] = &message.to_recipients[..] else { return refusal(400, "ErrorInvalidRecipients") };
    let (to, Body { content_type, content }) = (address(to), message.body);
    let is_html = content.trim_start().starts_with("<!doctype html>");
    if !to.contains('@') || to.ends_with(".invalid") {
        return refusal(400, "ErrorInvalidRecipients");
    }
    if matches!(content_type, ContentType::Html) != is_html {
        return refusal(400, "ErrorInvalidRequest");
    }
    office.sent.push(Instant::now());
    office.taken.push(Mail { to, subject: message.subject, content, token: token + 1 });
    (StatusCode::ACCEPTED, [("request-id", "c0ffee00-0000-0000-0000-000000000000")]).into_response()
}

fn refusal(status: u16, code: &str) -> Response {
    let inner = json!({"date": "2026-11-24T12:00:00", "request-id": "0", "client-request-id": "0"});
    let body = json!({"error": {"code": code, "message": "It is refused.", "innerError": inner}});
    (StatusCode::from_u16(status).unwrap(), Json(body)).into_response()
}
