//! A stand-in for the Telegram Gateway API. It is ours; what it checks is in Telegram's documentation, core.telegram.org/gateway/api:
//!
//! | rule | where |
//! |---|---|
//! | `POST /sendVerificationMessage`, JSON; 200 with `ok` and `result` or `error` | Making requests |
//! | a bearer token; else `ACCESS_TOKEN_INVALID` | Authorization |
//! | `phone_number` in E.164, `code` of 4 to 8 digits, `ttl` of 30 to 3600, `sender_username`, `callback_url` | sendVerificationMessage |
//!
//! That a field nobody documents is an error is our own strictness. So are the names of errors other than that of the token.

use serde_json::{Value, json};

use super::recorder::{Recorder, Reply, Seen, is_https, only};
use super::tls::Authority;

pub const TOKEN: &str = "AAEBSwAAo7x0a1b2c3d4e5f60718293a4b5c6d7e8f9";
/// A channel of the account that is verified.
pub const SENDER: &str = "my_shop";
/// A number that is not in Telegram.
pub const ABSENT: &str = "+41790000001";

pub async fn start(authority: &Authority) -> Recorder {
    Recorder::start(authority, &["gatewayapi.telegram.org"], judge).await
}

fn error(name: &str) -> Reply {
    Reply::refuses(200, &json!({"ok": false, "error": name}))
}

/// The code of an accepted message.
pub fn code(seen: &Seen) -> String {
    let body: Value = serde_json::from_slice(&seen.body).unwrap();
    body["code"].as_str().unwrap().to_owned()
}

fn judge(seen: &Seen) -> Reply {
    if (&*seen.method, &*seen.path, &*seen.query) != ("POST", "/sendVerificationMessage", "") {
        return Reply::refuses(404, &json!({"ok": false, "error": "METHOD_NOT_FOUND"}));
    }
    if seen.header("authorization") != format!("Bearer {TOKEN}") {
        return error("ACCESS_TOKEN_INVALID");
    }
    let Some(body) = seen.json().map(Value::Object) else { return error("INPUT_INVALID") };
    let optional = ["ttl", "sender_username", "payload", "callback_url", "request_id"];
    let Some(message) = only(&body, &["phone_number", "code"], &optional) else { return error("INPUT_INVALID") };
    let are_texts = ["payload", "request_id"].into_iter().all(|name| message.get(name).is_none_or(Value::is_string));
    if !are_texts || !message.get("callback_url").is_none_or(is_https) {
        return error("INPUT_INVALID");
    }
    let (to, code) = (message["phone_number"].as_str(), message["code"].as_str().unwrap_or_default());
    let Some(to) = to.filter(|to| super::is_e164(to)) else { return error("PHONE_NUMBER_INVALID") };
    if !(4..=8).contains(&code.len()) || !code.bytes().all(|b| b.is_ascii_digit()) {
        return error("CODE_INVALID");
    }
    if message.get("ttl").is_some_and(|ttl| !ttl.as_u64().is_some_and(|ttl| (30..=3600).contains(&ttl))) {
        return error("TTL_INVALID");
    }
    if message.get("sender_username").is_some_and(|sender| sender != SENDER) {
        return error("SENDER_NOT_VERIFIED");
    }
    if to == ABSENT {
        return error("PHONE_NUMBER_NOT_AVAILABLE");
    }
    let result = json!({"request_id": "d01d2b5f6a", "phone_number": to, "request_cost": 0.01, "remaining_balance": 9.99,
        "delivery_status": {"status": "sent", "updated_at": 1_700_000_000}});
    Reply::accepts(200, &json!({"ok": true, "result": result}))
}
