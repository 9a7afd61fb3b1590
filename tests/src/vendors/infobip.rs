//! A stand-in for Infobip's SMS API 3. It is ours; what it checks is in Infobip's documentation:
//!
//! | rule | where |
//! |---|---|
//! | `POST /sms/3/messages` at the base URL of the account, JSON; else 404 or 400 | docs/developer-resources/quickstart |
//! | `Authorization: App KEY`; else 401 | docs/developer-resources/authentication-and-access/api-authentication |
//! | `sender`, `destinations[].to` in digits, `content.text`, `options.validityPeriod`, `webhooks.delivery.url` | docs/api/channels/sms/outbound-sms |
//! | a refused message has 200, a group and a name | docs/essentials/api-essentials/response-status-and-error-codes |
//! | an error has `errorCode`, `description`, `violations` | docs/developer-resources/errors-and-responses |
//!
//! That a field nobody documents is an error, and which numbers are refused, is our own strictness.

use serde_json::{Value, json};

use super::recorder::{Recorder, Reply, Seen, is_https, only};
use super::tls::Authority;

pub const HOST: &str = "xyz01.api.infobip.com";
pub const KEY: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9-0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
/// The only sender of the account.
pub const SENDER: &str = "Shop";
/// A number that does not want messages.
pub const DO_NOT_DISTURB: &str = "+41790000001";
/// A number that costs more than the account has.
pub const EXPENSIVE: &str = "+41790000002";

pub async fn start(authority: &Authority) -> Recorder {
    Recorder::start(authority, &[HOST], judge).await
}

fn error(status: u16, property: &str) -> Reply {
    let violations = if property.is_empty() { json!([]) } else { json!([{"property": property, "violation": "v"}]) };
    let body = json!({"errorCode": format!("E{status}"), "description": "d", "action": "a",
        "violations": violations, "resources": []});
    Reply::refuses(status, &body)
}

fn judge(seen: &Seen) -> Reply {
    if (&*seen.method, &*seen.path, &*seen.query) != ("POST", "/sms/3/messages", "") {
        return error(404, "");
    }
    if seen.header("authorization") != format!("App {KEY}") {
        return error(401, "");
    }
    let Some(body) = seen.json() else { return error(400, "body") };
    match message(&Value::Object(body)) {
        Err(property) => error(400, property),
        Ok((_, sender)) if sender != SENDER => status(5, "REJECTED", 11, "REJECTED_SOURCE"),
        Ok((to, _)) if to == DO_NOT_DISTURB.trim_start_matches('+') => status(5, "REJECTED", 10, "REJECTED_DND"),
        Ok((to, _)) if to == EXPENSIVE.trim_start_matches('+') => {
            status(5, "REJECTED", 12, "REJECTED_NOT_ENOUGH_CREDITS")
        }
        Ok(_) => status(1, "PENDING", 26, "PENDING_ACCEPTED"),
    }
}

fn status(group: u32, group_name: &str, id: u32, name: &str) -> Reply {
    let body = json!({"bulkId": "b1", "messages": [{"messageId": "2250be2d4219-3af1-78856-aabe-1362af1edfd2",
        "destination": "d", "details": {"messageCount": 1}, "status": {"groupId": group, "groupName": group_name,
            "id": id, "name": name, "description": "d"}}]});
    if group == 1 { Reply::accepts(200, &body) } else { Reply::refuses(200, &body) }
}

/// Number and sender; `Err` names the property that is wrong.
fn message(body: &Value) -> Result<(&str, &str), &'static str> {
    let messages = only(body, &["messages"], &[]).and_then(|body| body["messages"].as_array());
    let Some([message]) = messages.map(Vec::as_slice) else { return Err("messages") };
    let fields = ["sender", "destinations", "content"];
    let message = only(message, &fields, &["options", "webhooks"]).ok_or("messages[0]")?;
    let Some([to]) = message["destinations"].as_array().map(Vec::as_slice) else {
        return Err("messages[0].destinations");
    };
    let to = only(to, &["to"], &["messageId"]).and_then(|it| it["to"].as_str());
    let to = to.filter(|to| (8..=15).contains(&to.len()) && to.bytes().all(|b| b.is_ascii_digit()));
    let to = to.ok_or("messages[0].destinations[0].to")?;
    let text =
        only(&message["content"], &["text"], &["transliteration", "language"]).and_then(|it| it["text"].as_str());
    text.filter(|text| !text.is_empty()).ok_or("messages[0].content.text")?;
    if let Some(options) = message.get("options") {
        let period = only(options, &["validityPeriod"], &[]).map(|it| &it["validityPeriod"]);
        let period = period.and_then(|it| only(it, &["amount", "timeUnit"], &[])).ok_or("messages[0].options")?;
        let is_known = matches!(period["timeUnit"].as_str(), Some("SECONDS" | "MINUTES" | "HOURS"));
        period["amount"].as_u64().filter(|_| is_known).ok_or("messages[0].options.validityPeriod")?;
    }
    if let Some(webhooks) = message.get("webhooks") {
        let webhooks = only(webhooks, &["delivery", "contentType"], &["callbackData"]).ok_or("messages[0].webhooks")?;
        let kinds = ["application/json", "application/xml"].map(Value::from);
        if !kinds.contains(&webhooks["contentType"]) {
            return Err("messages[0].webhooks.contentType");
        }
        let delivery = only(&webhooks["delivery"], &["url"], &["intermediateReport", "notify"]);
        delivery.filter(|it| is_https(&it["url"])).ok_or("messages[0].webhooks.delivery.url")?;
    }
    let sender = message["sender"].as_str().filter(|it| (3..=15).contains(&it.len())).ok_or("messages[0].sender")?;
    Ok((to, sender))
}
