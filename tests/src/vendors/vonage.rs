//! A stand-in for Vonage's Messages API v1. It is ours; what it checks is in Vonage's documentation:
//!
//! | rule | where |
//! |---|---|
//! | `POST /v1/messages`, JSON; 202 with `message_uuid` | api/messages |
//! | a bearer JWT, RS256, with `application_id`, `iat`, `exp`, `jti`, of this application's key; or Basic; else 401 | getting-started/concepts/authentication |
//! | `to` without a plus sign; else 422 with `invalid_parameters` | api/messages |
//! | a sender that may not be used: 422 with 1120; a barred number: 422 with 1050; no credit: 402 | api-errors/messages |
//! | an error has `type`, `title`, `detail`, `instance` (RFC 9457) | api-errors |
//!
//! That a field nobody documents is an error is our own strictness.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::recorder::{Recorder, Reply, Seen, is_https, only};
use super::tls::Authority;

pub const API_KEY: &str = "a1b2c3d4";
pub const API_SECRET: &str = "Abc123!secret:of@vonage";
pub const APPLICATION: &str = "78d335fa-323d-4114-9c3d-d6f0d48968cf";
/// The application's private key, made for this test.
pub const PRIVATE_KEY: &str = include_str!("vonage_private_key.pem");
const PUBLIC_KEY: &str = include_str!("vonage_public_key.pem");
/// The only sender of the account.
pub const FROM: &str = "Shop";
/// A number that is barred.
pub const BARRED: &str = "+41790000001";

pub async fn start(authority: &Authority) -> Recorder {
    Recorder::start(authority, &["api.nexmo.com"], judge).await
}

fn error(status: u16, code: &str, invalid: &str) -> Reply {
    let mut body = json!({"type": format!("https://developer.vonage.com/api-errors/messages#{code}"), "title": "t",
        "detail": "d", "instance": "bf0ca0bf927b3b52e3cb03217e1a1ddf"});
    if !invalid.is_empty() {
        body["invalid_parameters"] = json!([{"name": invalid, "reason": "r"}]);
    }
    Reply::refuses(status, &body).header("x-trace", "1")
}

/// Whether a token is one that this application's key signed, and is still good.
fn is_token(token: &str) -> Option<()> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let part = |text: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(text).ok()?).ok();
    let (header, claims) = (part(header)?, part(claims)?);
    let base64: String = PUBLIC_KEY.lines().filter(|line| !line.starts_with('-')).collect();
    let key = ring::signature::UnparsedPublicKey::new(
        &ring::signature::RSA_PKCS1_2048_8192_SHA256,
        STANDARD.decode(base64).ok()?,
    );
    key.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
    let (issued, expires) = (claims["iat"].as_u64()?, claims["exp"].as_u64()?);
    let is_now = issued <= now + 5 && now < expires && expires - issued <= 24 * 3600;
    let is_ours = header["alg"] == "RS256" && claims["application_id"] == APPLICATION && claims["jti"].is_string();
    (is_now && is_ours).then_some(())
}

fn judge(seen: &Seen) -> Reply {
    if (&*seen.method, &*seen.path, &*seen.query) != ("POST", "/v1/messages", "") {
        return error(404, "not-found", "");
    }
    let token = seen.header("authorization").strip_prefix("Bearer ").and_then(is_token);
    if token.is_none() && seen.basic() != Some((API_KEY.to_owned(), API_SECRET.to_owned())) {
        return error(401, "unauthorized", "");
    }
    let Some(body) = seen.json().map(Value::Object) else { return error(422, "1010", "") };
    let fields = ["channel", "message_type", "to", "from", "text"];
    let optional = ["webhook_url", "webhook_version", "client_ref", "ttl", "sms"];
    let Some(message) = only(&body, &fields, &optional) else { return error(422, "1010", "") };
    let text = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default();
    let to = text("to");
    if !super::is_e164(&format!("+{to}")) {
        return error(422, "1150", "to");
    }
    if (text("channel"), text("message_type")) != ("sms", "text") || text("text").is_empty() {
        return error(422, "1150", "message_type");
    }
    if message.contains_key("webhook_url") && text("webhook_version") != "v1" {
        return error(422, "1150", "webhook_version");
    }
    let is_ttl = |ttl: &Value| ttl.as_u64().is_some_and(|seconds| (20..=604_800).contains(&seconds));
    for (name, is_right) in [
        ("webhook_url", message.get("webhook_url").is_none_or(is_https)),
        ("client_ref", message.get("client_ref").is_none_or(Value::is_string)),
        ("ttl", message.get("ttl").is_none_or(is_ttl)),
        ("sms", message.get("sms").is_none_or(Value::is_object)),
    ] {
        if !is_right {
            return error(422, "1150", name);
        }
    }
    if text("from") != FROM {
        return error(422, "1120", "");
    }
    if to == BARRED.trim_start_matches('+') {
        return error(422, "1050", "");
    }
    Reply::accepts(202, &json!({"message_uuid": "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"}))
}
