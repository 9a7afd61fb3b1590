//! A stand-in for the REST API of Bird (MessageBird). It is ours; what it checks is in MessageBird's documentation:
//!
//! | rule | where |
//! |---|---|
//! | `POST /messages`, JSON; 201 with `id` and `recipients` | developers.messagebird.com/api/sms-messaging |
//! | `Authorization: AccessKey KEY`; else 401 with 2 | developers.messagebird.com/api/#authentication |
//! | `originator` of up to 11 characters or 17 digits, `recipients` in digits, `body` | developers.messagebird.com/api/sms-messaging |
//! | `reportUrl` needs `reference` | developers.messagebird.com/api/sms-messaging |
//! | an error has `code`, `description`, `parameter`: 422 with 9 (missing) or 10 (invalid), no credit with 25 | developers.messagebird.com/api/#api-errors |
//!
//! That a field nobody documents is an error is our own strictness.

use serde_json::{Value, json};

use super::recorder::{Recorder, Reply, Seen, is_https, only};
use super::tls::Authority;

pub const KEY: &str = "live0a1b2c3d4e5f60718293a4b5c";
/// The only sender of the account.
pub const ORIGINATOR: &str = "Shop";
/// A number that is not there.
pub const UNKNOWN: &str = "+41790000001";

pub async fn start(authority: &Authority) -> Recorder {
    Recorder::start(authority, &["rest.messagebird.com"], judge).await
}

fn error(status: u16, code: u32, parameter: Option<&str>) -> Reply {
    Reply::refuses(status, &json!({"errors": [{"code": code, "description": "d", "parameter": parameter}]}))
}

fn judge(seen: &Seen) -> Reply {
    if (&*seen.path, &*seen.query) != ("/messages", "") {
        return error(404, 20, None);
    }
    if seen.method != "POST" {
        return error(405, 98, None);
    }
    if seen.header("authorization") != format!("AccessKey {KEY}") {
        return error(401, 2, Some("access_key"));
    }
    let Some(body) = seen.json().map(Value::Object) else { return error(400, 21, None) };
    let required = ["originator", "recipients", "body"];
    if let Some(missing) = required.into_iter().find(|name| body.get(name).is_none()) {
        return error(422, 9, Some(missing));
    }
    let optional = ["datacoding", "validity", "reference", "reportUrl", "type"];
    let Some(sms) = only(&body, &required, &optional) else { return error(422, 10, None) };
    let Some([Value::String(to)]) = sms["recipients"].as_array().map(Vec::as_slice) else {
        return error(422, 9, Some("recipients"));
    };
    if !super::is_e164(&format!("+{to}")) || UNKNOWN.trim_start_matches('+') == to {
        return error(422, 9, Some("recipients"));
    }
    if sms["originator"] != ORIGINATOR {
        return error(422, 10, Some("originator"));
    }
    let codings = ["plain", "unicode", "auto"].map(Value::from);
    if sms["body"].as_str().is_none_or(str::is_empty)
        || sms.get("datacoding").is_some_and(|coding| !codings.contains(coding))
        || sms.get("validity").is_some_and(|seconds| seconds.as_u64().is_none_or(|seconds| seconds < 5))
        || sms.contains_key("reportUrl") && !sms.contains_key("reference")
        || !sms.get("reference").is_none_or(Value::is_string)
        || !sms.get("reportUrl").is_none_or(is_https)
        || sms.get("type").is_some_and(|kind| kind != "sms")
    {
        return error(422, 10, Some("body"));
    }
    let item = json!({"recipient": to.parse::<u64>().unwrap(), "status": "sent", "messagePartCount": 1});
    let recipients = json!({"totalCount": 1, "totalSentCount": 1, "items": [item]});
    let body = json!({"id": "e8077d803532c0b5937c639b60216938", "direction": "mt", "type": "sms",
        "originator": ORIGINATOR, "recipients": recipients});
    Reply::accepts(201, &body)
}
