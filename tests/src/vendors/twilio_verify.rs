//! A strict substitute for Twilio Verify, which makes codes of its own. It checks what Twilio's documentation requires:
//!
//! | rule | where |
//! |---|---|
//! | `POST /v2/Services/{ServiceSid}/Verifications`, a form; the allowed fields; 201 with `sid` and `status` | docs/verify/api/verification |
//! | `POST /v2/Services/{ServiceSid}/VerificationCheck`, a form; `status` is `approved` or `pending` | docs/verify/api/verification-check |
//! | the same code for a number as long as it is pending; after it was approved, or five wrong answers, it is gone: 404, 20404 | docs/verify/api/verification-check |
//! | five messages to a number (60203), five answers (60202): 429 | docs/api/errors/60203, …/60202 |
//! | HTTP Basic with account SID and auth token, or with an API key's SID and secret; else 401, 20003 | docs/usage/requests-to-twilio |
//! | `To` in E.164, `Channel` (60200) | docs/api/errors/60200 |
//!
//! That a field nobody documents is an error (60200) is our own strictness.

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
use super::twilio::{Refusal, authenticate, form, refusal};
use super::{basic, twilio};

pub const HOST: &str = "verify.twilio.com";
pub const SERVICE: &str = "VA0123456789abcdef0123456789abcdef";

/// The maximum number of sent codes, and of checked answers.
const MOST: u32 = 5;

const CHANNELS: [&str; 5] = ["sms", "call", "email", "whatsapp", "sna"];

/// A pending code.
#[derive(Clone)]
pub struct Verification {
    pub sid: String,
    pub to: String,
    pub code: String,
    pub locale: Option<String>,
    pub sent: u32,
    pub checks: u32,
    gone: bool,
}

#[derive(Clone)]
pub struct TwilioVerify {
    address: SocketAddr,
    all: Arc<Mutex<Vec<Verification>>>,
}

impl TwilioVerify {
    pub async fn start(authority: &Authority) -> Self {
        let listener = TlsListener::bind(with_http2(authority.server(&[HOST]))).await;
        let verify = Self { address: listener.address(), all: Arc::default() };
        let router = Router::new()
            .route("/v2/Services/{sid}/Verifications", post(begin))
            .route("/v2/Services/{sid}/VerificationCheck", post(check))
            .fallback(|| async { refusal(404, 20404, "The requested resource was not found") })
            .method_not_allowed_fallback(|| async { refusal(405, 20004, "Method not allowed") })
            .with_state(verify.clone());
        listener.serve(router);
        verify
    }

    /// Puts it behind Twilio's name.
    pub fn on(&self, network: NetworkBuilder) -> NetworkBuilder {
        network.resolve(HOST, self.address)
    }

    /// Returns what was begun, the newest last.
    pub fn all(&self) -> Vec<Verification> {
        self.all.lock().unwrap().clone()
    }

    /// Returns the newest code.
    pub fn code(&self) -> String {
        self.all().pop().unwrap().code
    }

    /// Forgets all pending codes.
    pub fn expire(&self) {
        self.all.lock().unwrap().iter_mut().for_each(|one| one.gone = true);
    }
}

/// Returns the fields of a form, if the caller is authorized and the service exists.
fn fields(
    service: &str,
    headers: &HeaderMap,
    body: &Bytes,
    names: &[&str],
) -> Result<HashMap<String, String>, Refusal> {
    let user = basic(headers).ok_or((401, 20003, "Authenticate"))?;
    let account = if user.0 == twilio::KEY { twilio::ACCOUNT } else { &user.0 };
    authenticate(account, headers).map_err(|_| (401, 20003, "Authenticate"))?;
    if service != SERVICE {
        return Err((404, 20404, "The requested resource was not found"));
    }
    form(headers, body, names).map_err(|(_, _, message)| (400, 60200, message))
}

async fn begin(
    State(verify): State<TwilioVerify>,
    Path(service): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let begun = fields(&service, &headers, &body, &["To", "Channel", "Locale"]).and_then(|fields| {
        let field = |name: &str| fields.get(name).map(String::as_str).filter(|value| !value.is_empty());
        let to = field("To").filter(|to| super::is_e164(to)).ok_or((400, 60200, "Invalid parameter `To`"))?;
        if !field("Channel").is_some_and(|channel| CHANNELS.contains(&channel)) {
            return Err((400, 60200, "Invalid parameter `Channel`"));
        }
        let mut all = verify.all.lock().unwrap();
        let number = all.len();
        if let Some(known) = all.iter_mut().find(|one| one.to == to && !one.gone) {
            if known.sent == MOST {
                return Err((429, 60203, "Max send attempts reached"));
            }
            known.sent += 1;
            return Ok(known.clone());
        }
        let new = Verification {
            sid: format!("VE{number:032x}"),
            to: to.to_owned(),
            code: format!("{:06}", (number * 524_287 + 90_210) % 1_000_000),
            locale: field("Locale").map(str::to_owned),
            sent: 1,
            checks: 0,
            gone: false,
        };
        all.push(new.clone());
        Ok(new)
    });
    answer(begun, StatusCode::CREATED, "pending")
}

async fn check(
    State(verify): State<TwilioVerify>,
    Path(service): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut status = "pending";
    let checked = fields(&service, &headers, &body, &["VerificationSid", "To", "Code"]).and_then(|fields| {
        let field = |name: &str| fields.get(name).map(String::as_str).filter(|value| !value.is_empty());
        let code = field("Code").filter(|code| (4..=10).contains(&code.len()));
        let code = code.ok_or((400, 60200, "Invalid parameter `Code`"))?;
        let mut all = verify.all.lock().unwrap();
        let (sid, to) = (field("VerificationSid"), field("To"));
        let asked = all.iter_mut().find(|one| !one.gone && (sid == Some(&one.sid) || to == Some(&one.to)));
        let one = asked.ok_or((404, 20404, "The requested resource was not found"))?;
        if one.checks == MOST {
            return Err((429, 60202, "Max check attempts reached"));
        }
        one.checks += 1;
        if one.code == code {
            (one.gone, status) = (true, "approved");
        }
        Ok(one.clone())
    });
    answer(checked, StatusCode::OK, status)
}

fn answer(verification: Result<Verification, Refusal>, code: StatusCode, status: &str) -> Response {
    match verification {
        Ok(one) => {
            let body = json!({"sid": one.sid, "service_sid": SERVICE, "account_sid": twilio::ACCOUNT, "to": one.to,
                "channel": "sms", "status": status, "valid": status == "approved"});
            (code, Json(body)).into_response()
        }
        Err((status, code, message)) => refusal(status, code, message),
    }
}
