//! A stand-in for Telnyx' Messaging API v2. It is ours; what it checks is in Telnyx' documentation:
//!
//! | rule | where |
//! |---|---|
//! | `POST /v2/messages`, JSON; else 404 with 10005, or 415 with 10014 | api-reference/messages/send-a-message |
//! | a bearer token; else 401 with 10009 | development/api-fundamentals/authentication |
//! | `from`, `to` and `text`, else 10004 with the pointer; a webhook with TLS, else 10003 | development/api-fundamentals/api-errors |
//! | `to` in E.164, else 10016 with `/to`; `from` is a number of the account, else 40305 | docs/messaging/messages/error-codes |
//! | a name as sender needs `messaging_profile_id`, else 40313 | docs/messaging/messages/alphanumeric-sender-id |
//! | an unsubscribed number: 40300 | docs/messaging/messages/error-codes |
//! | an error has `code`, `title`, `detail`, `source.pointer` | development/api-fundamentals/api-errors |
//!
//! That a field nobody documents is an error is our own strictness.

use serde_json::{Value, json};

use super::recorder::{Recorder, Reply, Seen, is_https, only};
use super::tls::Authority;

pub const HOST: &str = "api.telnyx.com";
pub const KEY: &str = "KEY0180A1B2C3D4E5F60718293A4B5C6D7_abcDEFghiJKLmnoPQRstuV";
/// The only number of the account.
pub const FROM: &str = "+15005550006";
/// A number that unsubscribed.
pub const STOPPED: &str = "+41790000001";

pub async fn start(authority: &Authority) -> Recorder {
    Recorder::start(authority, &[HOST], judge).await
}

fn error(status: u16, code: &str, pointer: &str) -> Reply {
    let mut error = json!({"code": code, "title": "t", "detail": "d"});
    if !pointer.is_empty() {
        error["source"] = json!({"pointer": pointer});
    }
    Reply::refuses(status, &json!({"errors": [error]}))
}

fn judge(seen: &Seen) -> Reply {
    if (&*seen.method, &*seen.path, &*seen.query) != ("POST", "/v2/messages", "") {
        return error(404, "10005", "");
    }
    if seen.header("authorization") != format!("Bearer {KEY}") {
        return error(401, "10009", "");
    }
    let Some(body) = seen.json().map(Value::Object) else { return error(415, "10014", "") };
    for (name, pointer) in [("from", "/from"), ("to", "/to"), ("text", "/text")] {
        if body.get(name).is_none() {
            return error(400, "10004", pointer);
        }
    }
    let optional = ["messaging_profile_id", "webhook_url", "webhook_failover_url", "use_profile_webhooks", "type"];
    let Some(message) = only(&body, &["from", "to", "text"], &optional) else { return error(400, "10015", "") };
    let (from, to) = (message["from"].as_str().unwrap_or_default(), message["to"].as_str().unwrap_or_default());
    if !super::is_e164(to) {
        return error(400, "10016", "/to");
    }
    if !from.bytes().all(|b| b.is_ascii_digit() || b == b'+') && !message.contains_key("messaging_profile_id") {
        return error(400, "40313", "/messaging_profile_id");
    }
    if from != FROM {
        return error(400, "40305", "/from");
    }
    if to == STOPPED {
        return error(400, "40300", "");
    }
    for (name, pointer) in [("webhook_url", "/webhook_url"), ("webhook_failover_url", "/webhook_failover_url")] {
        if !message.get(name).is_none_or(is_https) {
            return error(422, "10003", pointer);
        }
    }
    let text = message["text"].as_str().unwrap_or_default();
    if text.is_empty()
        || message.get("type").is_some_and(|kind| kind != "SMS")
        || !message.get("messaging_profile_id").is_none_or(Value::is_string)
        || !message.get("use_profile_webhooks").is_none_or(Value::is_boolean)
    {
        return error(422, "10015", "");
    }
    let data = json!({"record_type": "message", "direction": "outbound", "id": "b0c7e8cb-6227-4c74-9f32-c7f80c30934b",
        "type": "SMS", "from": {"phone_number": from}, "to": [{"phone_number": to, "status": "queued"}],
        "parts": 1, "cost": {"amount": "0.0051", "currency": "USD"}, "errors": []});
    Reply::accepts(200, &json!({"data": data}))
}
