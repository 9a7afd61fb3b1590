//! A strict substitute for Twilio Programmable Messaging. It checks what Twilio's documentation requires:
//!
//! | rule | where |
//! |---|---|
//! | `POST /2010-04-01/Accounts/{AccountSid}/Messages.json`, a form; the allowed fields | docs/messaging/api/message-resource |
//! | HTTP Basic with account SID and auth token, or with an API key's SID and secret; else 401, 20003 | docs/usage/requests-to-twilio |
//! | `To` in E.164 (21604 missing, 21211 malformed) | docs/api/errors/21604, …/21211 |
//! | `From` or `MessagingServiceSid`, one of them (21603); a sender that is one (21212) | docs/api/errors/21603, …/21212 |
//! | `Body` of 1 to 1600 characters (21602, 21617) | docs/api/errors/21602, …/21617 |
//! | `ValidityPeriod` of 1 to 36 000 seconds (90007) | docs/api/errors/90007 |
//! | with test credentials, what the magic numbers answer | docs/iam/test-credentials |
//! | an error's `code`, `message`, `more_info`, `status` | docs/usage/twilios-response |
//!
//! That a field nobody documents is an error (20001) is our own strictness.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::json;
use twofactor::sandbox::NetworkBuilder;

use super::tls::{Authority, TlsListener, with_http2};
use super::twilio_calls::{self, Call};

pub const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
pub const TOKEN: &str = "0123456789abcdef0123456789abcdef";
pub const KEY: &str = "SK0123456789abcdef0123456789abcdef";
pub const KEY_SECRET: &str = "abcdefghijklmnopqrstuvwxyz012345";
pub const SERVICE: &str = "MG0123456789abcdef0123456789abcdef";
/// The number that calls: the account's own, and with test credentials the one that may.
pub const FROM: &str = "+15005550006";
/// The test credentials, with which only the magic numbers send.
pub const TEST_ACCOUNT: &str = "ACfedcba9876543210fedcba9876543210";
pub const TEST_TOKEN: &str = "fedcba9876543210fedcba9876543210";

/// The names it is reached by: `api`, and that within regions and edges.
const HOSTS: [&str; 4] =
    ["api.twilio.com", "api.ie1.twilio.com", "api.dublin.ie1.twilio.com", "api.dublin.us1.twilio.com"];

const FIELDS: [&str; 10] = [
    "To",
    "From",
    "MessagingServiceSid",
    "Body",
    "ValidityPeriod",
    "ContentRetention",
    "AddressRetention",
    "StatusCallback",
    "RiskCheck",
    "Attempt",
];

/// An accepted message.
#[derive(Clone)]
pub struct Message {
    pub host: String,
    pub fields: HashMap<String, String>,
}

#[derive(Clone)]
pub struct Twilio {
    address: SocketAddr,
    taken: Arc<Mutex<Vec<Message>>>,
    pub(super) calls: Arc<Mutex<Vec<Call>>>,
}

impl Twilio {
    pub async fn start(authority: &Authority) -> Self {
        let listener = TlsListener::bind(with_http2(authority.server(&HOSTS))).await;
        let twilio = Self { address: listener.address(), taken: Arc::default(), calls: Arc::default() };
        let router = Router::new()
            .route("/2010-04-01/Accounts/{sid}/Messages.json", post(messages))
            .route("/2010-04-01/Accounts/{sid}/Calls.json", post(twilio_calls::calls))
            .fallback(|| async { refusal(404, 20404, "The requested resource was not found") })
            .method_not_allowed_fallback(|| async { refusal(405, 20004, "Method not allowed") })
            .with_state(twilio.clone());
        listener.serve(router);
        twilio
    }

    /// Puts it behind Twilio's names.
    pub fn on(&self, network: NetworkBuilder) -> NetworkBuilder {
        HOSTS.iter().fold(network, |network, host| network.resolve(host, self.address))
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn taken(&self) -> Vec<Message> {
        self.taken.lock().unwrap().clone()
    }

    /// Returns the calls it made.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// Returns the text of the newest message.
    pub fn text(&self) -> String {
        self.taken().last().unwrap().fields["Body"].clone()
    }
}

async fn messages(
    State(twilio): State<Twilio>,
    Path(sid): Path<String>,
    request: axum::http::Request<axum::body::Body>,
) -> Response {
    let (head, body) = request.into_parts();
    let host = head.uri.host().map(str::to_owned);
    let host = host.or_else(|| Some(head.headers.get("host")?.to_str().ok()?.to_owned())).unwrap_or_default();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default();
    match validate(&sid, &head.headers, &body) {
        Ok(fields) => {
            twilio.taken.lock().unwrap().push(Message { host, fields });
            let accepted = json!({"sid": "SM0123456789abcdef0123456789abcdef", "account_sid": sid, "status": "queued",
                "error_code": null, "error_message": null, "num_segments": "1", "direction": "outbound-api"});
            (StatusCode::CREATED, Json(accepted)).into_response()
        }
        Err((status, code, message)) => refusal(status, code, message),
    }
}

pub(super) type Refusal = (u16, u32, &'static str);

pub(super) fn refusal(status: u16, code: u32, message: &str) -> Response {
    let more_info = format!("https://www.twilio.com/docs/errors/{code}");
    let body = json!({"code": code, "message": message, "more_info": more_info, "status": status});
    (StatusCode::from_u16(status).unwrap(), Json(body)).into_response()
}

/// Returns whether a request comes from an account there is.
pub(super) fn authenticate(sid: &str, headers: &HeaderMap) -> Result<(), Refusal> {
    if !is_sid("AC", sid) {
        return Err((404, 20404, "The requested resource was not found"));
    }
    let user = super::basic(headers).ok_or((401, 20003, "Authenticate"))?;
    let user = (user.0.as_str(), user.1.as_str());
    let known = match sid {
        ACCOUNT => [(ACCOUNT, TOKEN), (KEY, KEY_SECRET)].contains(&user),
        TEST_ACCOUNT => user == (TEST_ACCOUNT, TEST_TOKEN),
        _ => false,
    };
    if known { Ok(()) } else { Err((401, 20003, "Authenticate")) }
}

/// Returns a form of these fields, each once.
pub(super) fn form(headers: &HeaderMap, body: &Bytes, names: &[&str]) -> Result<HashMap<String, String>, Refusal> {
    if !super::is_of_type(headers, "application/x-www-form-urlencoded") {
        return Err((415, 20015, "Unsupported media type"));
    }
    let mut fields = HashMap::new();
    for (name, value) in url::form_urlencoded::parse(body) {
        let twice = fields.insert(name.clone().into_owned(), value.into_owned()).is_some();
        if twice || !names.contains(&&*name) {
            return Err((400, 20001, "Unknown parameter"));
        }
    }
    Ok(fields)
}

fn validate(sid: &str, headers: &HeaderMap, body: &Bytes) -> Result<HashMap<String, String>, Refusal> {
    authenticate(sid, headers)?;
    let fields = form(headers, body, &FIELDS)?;
    let field = |name: &str| fields.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let to = field("To").ok_or((400, 21604, "A 'To' phone number is required"))?;
    if !super::is_e164(to) {
        return Err((400, 21211, "Invalid 'To' Phone Number"));
    }
    match (field("From"), field("MessagingServiceSid")) {
        (Some(from), None) if super::is_e164(from) || is_alphanumeric_sender(from) => {}
        (Some(_), None) => return Err((400, 21212, "Invalid From Number (caller ID)")),
        (None, Some(service)) if is_sid("MG", service) => {}
        (None, Some(_)) => return Err((404, 20404, "The requested resource was not found")),
        _ => return Err((400, 21603, "A 'From' phone number is required")),
    }
    match field("Body").map(|body| body.chars().count()) {
        None => return Err((400, 21602, "Message body is required")),
        Some(1601..) => return Err((400, 21617, "The concatenated message body exceeds the 1600 character limit")),
        Some(_) => {}
    }
    let seconds = field("ValidityPeriod").map(|seconds| seconds.parse::<u32>().unwrap_or(0));
    if seconds.is_some_and(|seconds| !(1..=36_000).contains(&seconds)) {
        return Err((400, 90007, "Invalid validity period value"));
    }
    let one_of = |name: &str, values: [&str; 2]| field(name).is_none_or(|value| values.contains(&value));
    if !one_of("ContentRetention", ["retain", "discard"]) || !one_of("AddressRetention", ["retain", "obfuscate"]) {
        return Err((400, 20001, "Unknown parameter"));
    }
    if sid == TEST_ACCOUNT {
        magic(to, field("From").unwrap_or_default())?;
    }
    Ok(fields)
}

/// Returns what the magic numbers answer; with test credentials no other sender can be used.
fn magic(to: &str, from: &str) -> Result<(), Refusal> {
    match from {
        "+15005550006" => {}
        "+15005550001" => return Err((400, 21212, "Invalid From Number (caller ID)")),
        "+15005550008" => return Err((429, 21611, "This 'From' number has exceeded its queue limit")),
        _ => return Err((400, 21606, "The 'From' number is not a valid, SMS-capable number")),
    }
    // Twilio's own begin with +1 500. Those are personal numbers, which codes are not sent to.
    match to {
        "+12025550001" => Err((400, 21211, "Invalid 'To' Phone Number")),
        "+12025550002" => Err((400, 21612, "Unable to route to this number")),
        "+12025550003" => Err((400, 21408, "Permission to send to this region is not enabled")),
        "+12025550004" => Err((400, 21610, "Attempt to send to unsubscribed recipient")),
        "+12025550009" => Err((400, 21614, "'To' number is not a valid mobile number")),
        _ => Ok(()),
    }
}

fn is_sid(prefix: &str, text: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Up to eleven letters, digits and spaces, and not only digits
/// (docs/glossary/what-alphanumeric-sender-id).
fn is_alphanumeric_sender(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"+-_& ".contains(&b);
    (1..=11).contains(&text.len()) && text.bytes().all(fits) && text.bytes().any(|b| b.is_ascii_alphabetic())
}
