//! The part of the stand-in for Twilio that takes calls. It checks what Twilio's documentation requires:
//!
//! | rule | where |
//! |---|---|
//! | `POST /2010-04-01/Accounts/{AccountSid}/Calls.json`, a form; the allowed fields | docs/voice/api/call-resource |
//! | `To` in E.164 (21201 missing, 21211 malformed) | docs/api/errors/21201, …/21211 |
//! | `From`, a number of the account's (21213 missing, 21212 malformed, 21210 somebody else's) | docs/api/errors/21210, …/21212, …/21213 |
//! | `Url`, `Twiml` or `ApplicationSid` (21205); `Twiml` of at most 4000 characters | docs/voice/api/call-resource |
//! | `<Say>` with a language there is, `<Pause>` | docs/voice/twiml/say, docs/voice/twiml/pause |
//! | with test credentials, what the magic numbers answer | docs/iam/test-credentials |
//!
//! That a script Twilio would stumble over in the call is refused at once (12100), and that `Url` is not known here, is our own strictness.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::twilio::{FROM, Refusal, TEST_ACCOUNT, Twilio, authenticate, form, refusal};

/// A call that was made.
#[derive(Clone)]
pub struct Call {
    pub to: String,
    pub from: String,
    /// The language, the number of repetitions, and the text.
    pub said: Vec<(String, u32, String)>,
}

const FIELDS: [&str; 6] = ["To", "From", "Twiml", "TimeLimit", "Timeout", "StatusCallback"];
const LANGUAGES: [&str; 6] = ["en-US", "en-GB", "de-DE", "fr-FR", "it-IT", "es-ES"];

pub(super) async fn calls(
    State(twilio): State<Twilio>,
    Path(sid): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match validate(&sid, &headers, &body) {
        Ok(call) => {
            twilio.calls.lock().unwrap().push(call);
            let accepted = json!({"sid": "CA0123456789abcdef0123456789abcdef", "account_sid": sid, "status": "queued",
                "direction": "outbound-api"});
            (StatusCode::CREATED, Json(accepted)).into_response()
        }
        Err((status, code, message)) => refusal(status, code, message),
    }
}

fn validate(sid: &str, headers: &HeaderMap, body: &Bytes) -> Result<Call, Refusal> {
    authenticate(sid, headers)?;
    let fields = form(headers, body, &FIELDS)?;
    let field = |name: &str| fields.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let to = field("To").ok_or((400, 21201, "No 'To' number specified"))?;
    if !super::is_e164(to) {
        return Err((400, 21211, "Invalid 'To' Phone Number"));
    }
    let from = field("From").ok_or((400, 21213, "'From' phone number is required"))?;
    if sid == TEST_ACCOUNT {
        magic(to, from)?;
    } else if !super::is_e164(from) {
        return Err((400, 21212, "Invalid 'From' Phone Number"));
    } else if from != FROM {
        return Err((400, 21210, "'From' phone number not verified"));
    }
    let twiml = field("Twiml").ok_or((400, 21205, "Url parameter is required"))?;
    let said = script(twiml).filter(|said| !said.is_empty() && twiml.chars().count() <= 4000);
    let said = said.ok_or((400, 12100, "Document parse failure"))?;
    if field("TimeLimit").is_some_and(|limit| limit.parse::<u32>().is_err()) {
        return Err((400, 20001, "Unknown parameter"));
    }
    Ok(Call { to: to.to_owned(), from: from.to_owned(), said })
}

/// Returns what the magic numbers answer; with test credentials no other sender can be used.
fn magic(to: &str, from: &str) -> Result<(), Refusal> {
    match from {
        FROM => {}
        "+15005550001" => return Err((400, 21212, "Invalid 'From' Phone Number")),
        _ => return Err((400, 21210, "'From' phone number not verified")),
    }
    // Twilio's own begin with +1 500. Those are personal numbers, which codes are not sent to.
    match to {
        "+12025550001" => Err((400, 21217, "Phone number does not appear to be valid")),
        "+12025550002" => Err((400, 21214, "'To' phone number cannot be reached")),
        "+12025550003" => Err((400, 21215, "Account not authorized to call this number")),
        "+12025550004" => Err((400, 21216, "Call blocked by Twilio")),
        _ => Ok(()),
    }
}

/// Returns what a script says, if it only speaks and pauses.
fn script(twiml: &str) -> Option<Vec<(String, u32, String)>> {
    let twiml = twiml.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>").unwrap_or(twiml);
    let mut rest = twiml.strip_prefix("<Response>")?.strip_suffix("</Response>")?;
    let mut said = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("<Pause length=\"1\"/>") {
            rest = after;
            continue;
        }
        let (attributes, after) = rest.strip_prefix("<Say ")?.split_once('>')?;
        let (text, after) = after.split_once("</Say>")?;
        let attributes: Vec<(&str, &str)> =
            attributes.split(' ').map(|one| one.split_once('=')).collect::<Option<_>>()?;
        let value = |name: &str| {
            let (_, value) = attributes.iter().find(|(known, _)| *known == name)?;
            value.strip_prefix('"')?.strip_suffix('"')
        };
        let language = value("language").filter(|language| LANGUAGES.contains(language))?;
        let times = value("loop").map_or(Some(1), |times| times.parse().ok())?;
        said.push((language.to_owned(), times, unescaped(text)?));
        rest = after;
    }
    Some(said)
}

/// Resolves references. XML 1.0, section 2.4: `&` and `<` occur only in references.
fn unescaped(text: &str) -> Option<String> {
    let mut pieces = text.split('&');
    let mut out = pieces.next()?.to_owned();
    for piece in pieces {
        let (name, after) = piece.split_once(';')?;
        out.push(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            _ => return None,
        });
        out.push_str(after);
    }
    (!text.contains('<') && !text.chars().any(|c| c.is_control() && c != '\n')).then_some(out)
}
