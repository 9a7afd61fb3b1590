//! A stand-in for Sinch's SMS REST API. It is ours; what it checks is in Sinch's documentation:
//!
//! | rule | where |
//! |---|---|
//! | `POST /xms/v1/SERVICE_PLAN_ID/batches` in the plan's region, JSON; 201 with `id` | docs/sms/api-reference/sms/batches |
//! | a bearer token; else 401 without a body | docs/sms/api-reference/authentication |
//! | `to`, `from`, `body`, `type`, `expire_at`, `delivery_report`, `callback_url` | docs/sms/api-reference/sms/batches |
//! | an error has `code` and `text`: 400 `syntax_constraint_violation`, 403 `forbidden` | docs/sms/api-reference/status-codes |
//!
//! That a field nobody documents is an error, and the words of a text, are our own.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::recorder::{Recorder, Reply, Seen, is_https, only};
use super::tls::Authority;

pub const PLAN: &str = "4f3e2d1c0b9a48576665544433221100";
pub const TOKEN: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";
/// The only sender of the plan.
pub const FROM: &str = "Shop";
/// A number that Sinch does not accept.
pub const INVALID: &str = "+41790000001";

pub async fn start(authority: &Authority) -> Recorder {
    Recorder::start(authority, &["eu.sms.api.sinch.com"], judge).await
}

fn error(status: u16, code: &str, text: &str) -> Reply {
    Reply::refuses(status, &json!({"code": code, "text": text}))
}

fn judge(seen: &Seen) -> Reply {
    if seen.header("authorization") != format!("Bearer {TOKEN}") {
        return Reply::refuses(401, &Value::Null);
    }
    if (&*seen.method, &*seen.path, &*seen.query) != ("POST", &format!("/xms/v1/{PLAN}/batches"), "") {
        return error(404, "not_found", "The resource was not found.");
    }
    let Some(body) = seen.json().map(Value::Object) else {
        return error(400, "syntax_invalid_json", "The JSON is not valid.");
    };
    let optional = ["from", "type", "expire_at", "delivery_report", "callback_url", "client_reference"];
    let Some(batch) = only(&body, &["to", "body"], &optional) else {
        return error(400, "syntax_invalid_parameter_format", "Unexpected field.");
    };
    let Some([Value::String(to)]) = batch["to"].as_array().map(Vec::as_slice) else {
        return error(400, "syntax_constraint_violation", "The field to must have between 1 and 1000 elements.");
    };
    if !super::is_e164(to) || to == INVALID {
        return error(400, "syntax_constraint_violation", "The field to has an invalid number.");
    }
    if batch.get("type").is_some_and(|kind| kind != "mt_text") || batch["body"].as_str().is_none_or(str::is_empty) {
        return error(400, "syntax_constraint_violation", "The field body is invalid.");
    }
    let time = |time: &Value| time.as_str()?.parse::<Timestamp>().ok();
    let is_later = |expiry: &Value| time(expiry).is_some_and(|expiry| expiry > Timestamp::now());
    if !batch.get("expire_at").is_none_or(is_later) {
        return error(400, "syntax_invalid_parameter_format", "The field expire_at is invalid.");
    }
    let kinds = ["none", "summary", "full", "per_recipient", "per_recipient_final"].map(Value::from);
    if batch.get("delivery_report").is_some_and(|kind| !kinds.contains(kind)) {
        return error(400, "syntax_invalid_parameter_format", "The field delivery_report is invalid.");
    }
    if !batch.get("callback_url").is_none_or(is_https) {
        return error(400, "syntax_invalid_parameter_format", "The field callback_url is invalid.");
    }
    if !batch.get("client_reference").is_none_or(Value::is_string) {
        return error(400, "syntax_invalid_parameter_format", "The field client_reference is invalid.");
    }
    if batch.get("from").is_none_or(|from| from != FROM) {
        return error(403, "forbidden", "The sender is not allowed.");
    }
    let body =
        json!({"id": "01FC66621XXXXX119Z8PMV1QPQ", "to": [to], "from": FROM, "canceled": false, "type": "mt_text"});
    Reply::accepts(201, &body)
}
