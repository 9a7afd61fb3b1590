//! A stand-in for SendGrid's Web API v3. It is ours; what it checks is in SendGrid's documentation:
//!
//! | rule | where |
//! |---|---|
//! | `POST /v3/mail/send`, JSON; 202 without a body, with `X-Message-Id` | sendgrid/api-reference/mail-send/mail-send |
//! | a bearer token, else 401; `Accept`, else 406; another method: 405; no JSON: 415 | sendgrid/api-reference/how-to-use-the-sendgrid-v3-api |
//! | `personalizations[].to[].email`, `from`, `subject`, `content` with `text/plain` first | sendgrid/api-reference/mail-send/errors |
//! | a sender that is not verified: 403 with the field `from` | sendgrid/for-developers/sending-email/sender-identity |
//! | an error has `message`, `field`, `help` | sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/errors |
//!
//! That a field nobody documents is an error, and that tracking must be off, is our own strictness.

use serde_json::{Value, json};

use super::recorder::{Recorder, Reply, Seen, only};
use super::tls::Authority;

pub const KEY: &str = "SG.0a1b2c3d4e5f60718293a4.b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90";
/// The only verified sender.
pub const SENDER: &str = "codes@example.com";

pub async fn start(authority: &Authority) -> Recorder {
    Recorder::start(authority, &["api.sendgrid.com", "api.eu.sendgrid.com"], judge).await
}

fn error(status: u16, field: Option<&str>) -> Reply {
    Reply::refuses(status, &json!({"errors": [{"message": "m", "field": field, "help": null}]}))
}

fn judge(seen: &Seen) -> Reply {
    if (&*seen.path, &*seen.query) != ("/v3/mail/send", "") {
        return error(404, None);
    }
    if seen.method != "POST" {
        return error(405, None);
    }
    if seen.header("authorization") != format!("Bearer {KEY}") {
        return error(401, None);
    }
    if seen.header("accept").is_empty() {
        return error(406, None);
    }
    if !super::is_of_type(&seen.headers, "application/json") {
        return error(415, None);
    }
    let Some(body) = seen.json().map(Value::Object) else { return error(400, None) };
    match mail(&body) {
        Err(field) => error(400, Some(field)),
        Ok(from) if from != SENDER => error(403, Some("from")),
        Ok(_) => Reply::accepts(202, &Value::Null).header("x-message-id", "14c5d75ce93dfd64ad3d7b87f8b9ef1a"),
    }
}

/// The sender's address; `Err` names the field that is wrong.
fn mail(body: &Value) -> Result<&str, &'static str> {
    let fields = ["personalizations", "from", "subject", "content"];
    if let Some(missing) = fields.into_iter().find(|name| body.get(name).is_none()) {
        return Err(missing);
    }
    let mail = only(body, &fields, &["tracking_settings"]).ok_or("")?;
    let Some([personalization]) = mail["personalizations"].as_array().map(Vec::as_slice) else {
        return Err("personalizations");
    };
    let to = only(personalization, &["to"], &[]).and_then(|it| it["to"].as_array()).map(Vec::as_slice);
    let Some([to]) = to else { return Err("personalizations.0.to") };
    let to = only(to, &["email"], &["name"]).and_then(|it| it["email"].as_str()).unwrap_or_default();
    // SendGrid takes no address with letters beyond ASCII before the sign.
    if !to.is_ascii() || to.split_once('@').is_none_or(|(user, domain)| user.is_empty() || !domain.contains('.')) {
        return Err("personalizations.0.to.0.email");
    }
    let from = only(&mail["from"], &["email"], &["name"]).and_then(|from| from["email"].as_str());
    if mail["subject"].as_str().is_none_or(str::is_empty) {
        return Err("subject");
    }
    let content = mail["content"].as_array().map(Vec::as_slice).unwrap_or_default();
    let kinds: Vec<&str> = content.iter().filter_map(|part| part["type"].as_str()).collect();
    let value = |part| only(part, &["type", "value"], &[]).and_then(|it| it["value"].as_str());
    let are_full = content.iter().all(|part| value(part).is_some_and(|value| !value.is_empty()));
    if !matches!(&kinds[..], ["text/plain"] | ["text/plain", "text/html"]) || !are_full {
        return Err("content");
    }
    let tracking = mail.get("tracking_settings").unwrap_or(&Value::Null);
    if tracking["click_tracking"]["enable"] != false || tracking["open_tracking"]["enable"] != false {
        return Err("tracking_settings");
    }
    from.ok_or("from.email")
}
