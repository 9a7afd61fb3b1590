//! A stand-in for Meta's WhatsApp Cloud API. It is ours; what it checks is in Meta's documentation:
//!
//! | rule | where |
//! |---|---|
//! | `POST /VERSION/PHONE_NUMBER_ID/messages`, JSON; another id: 400 with 100 and subcode 33 | whatsapp/cloud-api/reference/messages |
//! | a bearer token; else 401 with 190 | whatsapp/support/error-codes |
//! | an authentication template has the code in its body and in its URL button, both the same, at most 15 characters | whatsapp/templates/authentication-templates |
//! | a missing parameter: 400 with 131008; an unknown or wrong one: 400 with 100 | whatsapp/support/error-codes |
//! | a template or a language that is not there: 404 with 132001 | whatsapp/support/error-codes |
//! | a number that is not on WhatsApp: 400 with 131026 | whatsapp/support/error-codes |
//! | an error has `message`, `type`, `code`, `fbtrace_id` | docs/graph-api/guides/error-handling |
//!
//! That a field nobody documents is an error is our own strictness. Meta reports most numbers that are not on WhatsApp later,
//! by a webhook of the app.

use serde_json::{Value, json};

use super::recorder::{Recorder, Reply, Seen, only};
use super::tls::Authority;

pub const NUMBER_ID: &str = "106540352242922";
pub const TOKEN: &str = "EAAJB0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8";
pub const TEMPLATE: &str = "sign_in_code";
/// The languages in which the template is approved.
pub const LANGUAGES: [&str; 2] = ["en_US", "de"];
/// A number that is not on WhatsApp.
pub const ABSENT: &str = "+41790000001";

pub async fn start(authority: &Authority) -> Recorder {
    Recorder::start(authority, &["graph.facebook.com"], judge).await
}

fn error(status: u16, code: u32) -> Reply {
    let error = json!({"message": format!("(#{code}) m"), "type": "OAuthException", "code": code,
        "error_data": {"messaging_product": "whatsapp", "details": "d"}, "fbtrace_id": "Az8or2yhqkZfEZ-_4Qn_Bam"});
    Reply::refuses(status, &json!({"error": error}))
}

/// The code of an accepted message.
pub fn code(seen: &Seen) -> String {
    let body: Value = serde_json::from_slice(&seen.body).unwrap();
    body["template"]["components"][0]["parameters"][0]["text"].as_str().unwrap().to_owned()
}

fn judge(seen: &Seen) -> Reply {
    let parts: Vec<&str> = seen.path.split('/').collect();
    let ["", version, id, "messages"] = parts[..] else { return error(404, 2500) };
    if seen.method != "POST" || !seen.query.is_empty() || !version.starts_with('v') {
        return error(404, 2500);
    }
    if seen.header("authorization") != format!("Bearer {TOKEN}") {
        return error(401, 190);
    }
    if id != NUMBER_ID {
        let message = "Unsupported post request. Object with this ID does not exist.";
        let error = json!({"message": message, "type": "GraphMethodException", "code": 100, "error_subcode": 33,
            "fbtrace_id": "Az8or2yhqkZfEZ-_4Qn_Bam"});
        return Reply::refuses(400, &json!({"error": error}));
    }
    let Some(body) = seen.json().map(Value::Object) else { return error(400, 100) };
    if ["messaging_product", "to", "type", "template"].into_iter().any(|name| body.get(name).is_none()) {
        return error(400, 131_008);
    }
    match template(&body) {
        None => error(400, 100),
        Some((name, language, _)) if name != TEMPLATE || !LANGUAGES.contains(&language) => error(404, 132_001),
        Some((.., ABSENT)) => error(400, 131_026),
        Some((.., to)) => {
            let contact = json!({"input": to, "wa_id": to.trim_start_matches('+')});
            let message = json!({"id": "wamid.HBgLMTY0NjcwNDM1OTUVAgARGBI1RjQyNUE3NEYxMzAzMzQ5MkEA",
                "message_status": "accepted"});
            let body = json!({"messaging_product": "whatsapp", "contacts": [contact], "messages": [message]});
            Reply::accepts(200, &body)
        }
    }
}

/// Name, language and recipient of a template message.
fn template(body: &Value) -> Option<(&str, &str, &str)> {
    let message = only(body, &["messaging_product", "to", "type", "template"], &["recipient_type"])?;
    if (&message["messaging_product"], &message["type"]) != (&json!("whatsapp"), &json!("template"))
        || message.get("recipient_type").is_some_and(|kind| kind != "individual")
    {
        return None;
    }
    let template = only(&message["template"], &["name", "language", "components"], &[])?;
    let language = only(&template["language"], &["code"], &["policy"])?["code"].as_str()?;
    let [body, button] = template["components"].as_array()?.as_slice() else { return None };
    let code = parameter(only(body, &["type", "parameters"], &[]).filter(|it| it["type"] == "body")?)?;
    let button = only(button, &["type", "sub_type", "index", "parameters"], &[])?;
    let is_button = button["type"] == "button" && button["sub_type"] == "url" && button["index"] == "0";
    let fits = (1..=15).contains(&code.len()) && parameter(button)? == code && is_button;
    let to = message["to"].as_str().filter(|to| super::is_e164(to) && fits)?;
    Some((template["name"].as_str()?, language, to))
}

fn parameter(component: &serde_json::Map<String, Value>) -> Option<&str> {
    let [one] = component["parameters"].as_array()?.as_slice() else { return None };
    only(one, &["type", "text"], &[]).filter(|it| it["type"] == "text")?["text"].as_str()
}
