//! A strict substitute for Amazon SES, API v2. It checks what Amazon's documentation requires:
//!
//! | rule | where |
//! |---|---|
//! | `POST /v2/email/outbound-emails`, JSON; which fields there are; 200 with `MessageId` | ses/latest/APIReference-V2/API_SendEmail |
//! | Signature Version 4 for service `ses` in this region, at most five minutes old; else 403 | IAM/latest/UserGuide/reference_sigv, …/reference_sigv-troubleshooting |
//! | addresses in ASCII, the name beside one as encoded words (RFC 2047) | ses/latest/APIReference-V2/API_Destination |
//! | at most 50 recipients | ses/latest/dg/quotas |
//! | a verified sender, else 400 `MessageRejected` | ses/latest/dg/troubleshoot-error-messages |
//! | a configuration set that is there, else 404 `NotFoundException` | ses/latest/APIReference-V2/API_SendEmail |
//! | an error's name in `x-amzn-errortype` | smithy.io, AWS restJson1 protocol |
//!
//! That a field nobody documents is an error is our own strictness. So is that charsets are UTF-8, and that a name is quoted.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use twofactor::sandbox::NetworkBuilder;

use super::sigv4::{self, Key, Signed};
use super::tls::{Authority, TlsListener, with_http2};

/// The key of its only account.
pub const KEY: Key<'_> = Key {
    id: "AKIDEXAMPLE0000A",
    secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    region: "eu-central-1",
    service: "ses",
};
/// The one address that is verified.
pub const SENDER: &str = "codes@example.com";
/// The one configuration set.
pub const SET: &str = "codes";
pub const HOST: &str = "email.eu-central-1.amazonaws.com";

/// An accepted mail.
#[derive(Clone)]
pub struct Mail {
    /// The name next to the sender's address, decoded.
    pub name: Option<String>,
    pub to: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    pub set: Option<String>,
    /// The whole request: headers, then the body.
    pub request: String,
}

#[derive(Clone)]
pub struct Ses {
    address: SocketAddr,
    taken: Arc<Mutex<Vec<Mail>>>,
}

impl Ses {
    pub async fn start(authority: &Authority) -> Self {
        let listener = TlsListener::bind(with_http2(authority.server(&[HOST]))).await;
        let ses = Self { address: listener.address(), taken: Arc::default() };
        let router = Router::new()
            .route("/v2/email/outbound-emails", post(send))
            .fallback(|| async { refusal(404, "UnknownOperationException") })
            .with_state(ses.clone());
        listener.serve(router);
        ses
    }

    /// Puts it behind Amazon's name.
    pub fn on(&self, network: NetworkBuilder) -> NetworkBuilder {
        network.resolve(HOST, self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn taken(&self) -> Vec<Mail> {
        self.taken.lock().unwrap().clone()
    }

    /// Returns the text of the newest mail.
    pub fn text(&self) -> String {
        self.taken().last().unwrap().text.clone()
    }
}

pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

async fn send(State(ses): State<Ses>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default();
    let authority = head.uri.authority().map(|authority| authority.to_string());
    let host = authority.or_else(|| Some(head.headers.get("host")?.to_str().ok()?.to_owned())).unwrap_or_default();
    let signed =
        Signed { method: head.method.as_str(), uri: &head.uri, host: &host, headers: &head.headers, body: &body };
    if let Err(name) = sigv4::verify(&signed, KEY, now()) {
        return refusal(403, name);
    }
    if !super::is_of_type(&head.headers, "application/json") {
        return refusal(400, "BadRequestException");
    }
    let request = format!("{} {:?}\n{}", head.uri, head.headers, String::from_utf8_lossy(&body));
    match validate(&body) {
        Ok(mail) => {
            ses.taken.lock().unwrap().push(Mail { request, ..mail });
            Json(json!({"MessageId": "010701838f5b2b7e-0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9-000000"})).into_response()
        }
        Err((status, name)) => refusal(status, name),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SendEmail {
    from_email_address: String,
    destination: Destination,
    content: Content,
    configuration_set_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Destination {
    to_addresses: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Content {
    simple: Simple,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Simple {
    subject: Text,
    body: Parts,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Parts {
    text: Option<Text>,
    html: Option<Text>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Text {
    data: String,
    charset: String,
}

fn validate(body: &[u8]) -> Result<Mail, (u16, &'static str)> {
    const BAD: (u16, &str) = (400, "BadRequestException");
    let asked: SendEmail = serde_json::from_slice(body).map_err(|_| BAD)?;
    let Simple { subject, body } = asked.content.simple;
    let parts = [Some(&subject), body.text.as_ref(), body.html.as_ref()];
    let in_utf_8 = parts.into_iter().flatten().all(|part| part.charset == "UTF-8");
    if !in_utf_8 || body.text.is_none() && body.html.is_none() || subject.data.contains(['\r', '\n']) {
        return Err(BAD);
    }
    let [to] = &asked.destination.to_addresses[..] else { return Err(BAD) };
    if asked.destination.to_addresses.len() > 50 || !to.is_ascii() || !to.contains('@') {
        return Err(BAD);
    }
    let (name, sender) = mailbox(&asked.from_email_address).ok_or(BAD)?;
    if sender != SENDER {
        return Err((400, "MessageRejected"));
    }
    if asked.configuration_set_name.as_ref().is_some_and(|set| set != SET) {
        return Err((404, "NotFoundException"));
    }
    let data = |part: Option<Text>| part.map(|part| part.data).unwrap_or_default();
    Ok(Mail {
        name,
        to: to.clone(),
        subject: subject.data,
        text: data(body.text),
        html: data(body.html),
        set: asked.configuration_set_name,
        request: String::new(),
    })
}

/// Returns the name and the address of a mailbox, as a reader of mail sees them.
fn mailbox(text: &str) -> Option<(Option<String>, String)> {
    let words = text.split(' ').filter(|word| word.starts_with("=?"));
    let plain = text.bytes().all(|b| (32..=126).contains(&b));
    if !plain || words.into_iter().any(|word| word.len() > 75) {
        return None;
    }
    let mail = format!("From: {text}\r\n\r\n");
    let parsed = mail_parser::MessageParser::default().parse(mail.as_bytes())?;
    let addresses = parsed.from()?.as_list()?;
    let [one] = addresses else { return None };
    Some((one.name().map(str::to_owned), one.address()?.to_owned()))
}

fn refusal(status: u16, name: &str) -> Response {
    let body = json!({"message": "It is refused."});
    let named = [("x-amzn-errortype", format!("{name}:http://internal.amazon.com/coral/com.amazonaws.ses/"))];
    (StatusCode::from_u16(status).unwrap(), named, Json(body)).into_response()
}
