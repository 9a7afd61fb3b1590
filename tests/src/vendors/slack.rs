//! A strict substitute for two methods of Slack's Web API. It checks what Slack's documentation requires:
//!
//! | rule | where |
//! |---|---|
//! | a bearer token: `not_authed` without, `invalid_auth` for an unknown one, `missing_scope` for one that may not | reference/methods, "Errors" of both |
//! | an answer is 200 with `ok`, and with `error` if that is false | apis/web-api, "Evaluating responses" |
//! | `users.lookupByEmail`, a form: `email`; `users_not_found`; the user has `id` and `deleted` | reference/methods/users.lookupByEmail |
//! | `chat.postMessage`, JSON; which arguments there are; `channel` is a member's id here, else `channel_not_found` | reference/methods/chat.postMessage |
//! | `no_text` without text; at most 50 blocks, else `invalid_blocks` | reference/methods/chat.postMessage, reference/block-kit/blocks |
//! | a `rich_text` block has sections of text elements | reference/block-kit/blocks/rich-text-block |
//! | in `text` the characters `&`, `<` and `>` are written `&amp;`, `&lt;` and `&gt;` | messaging/formatting-message-text |
//!
//! That an argument nobody documents, a second answer to a deactivated member and a text that is not escaped are errors is our own
//! strictness.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use twofactor::sandbox::NetworkBuilder;

use super::tls::{Authority, TlsListener, with_http2};

pub const TOKEN: &str = "xoxb-000000000001-abcdefABCDEF";
/// A token that may look up members but not write.
pub const READER: &str = "xoxb-000000000002-abcdefABCDEF";
pub const HOST: &str = "slack.com";
/// The members: their addresses and ids. The last is deactivated.
pub const MEMBERS: [(&str, &str); 2] = [("alice@example.org", "W012A3CDE"), ("gone@example.org", "W012A3CDF")];

/// A message that was posted.
#[derive(Clone)]
pub struct Message {
    pub channel: String,
    /// The text as a member reads it.
    pub shown: String,
    /// The text of a notification, as a member reads it.
    pub notified: String,
}

#[derive(Clone)]
pub struct Slack {
    address: SocketAddr,
    taken: Arc<Mutex<Vec<Message>>>,
    questions: Arc<Mutex<usize>>,
}

impl Slack {
    pub async fn start(authority: &Authority) -> Self {
        let listener = TlsListener::bind(with_http2(authority.server(&[HOST]))).await;
        let slack = Self { address: listener.address(), taken: Arc::default(), questions: Arc::default() };
        let router = Router::new()
            .route("/api/users.lookupByEmail", post(lookup))
            .route("/api/chat.postMessage", post(post_message))
            .fallback(|| async { no("unknown_method") })
            .with_state(slack.clone());
        listener.serve(router);
        slack
    }

    /// Puts it behind Slack's name.
    pub fn on(&self, network: NetworkBuilder) -> NetworkBuilder {
        network.resolve(HOST, self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn taken(&self) -> Vec<Message> {
        self.taken.lock().unwrap().clone()
    }

    /// Returns how often a member was looked up.
    pub fn questions(&self) -> usize {
        *self.questions.lock().unwrap()
    }

    /// Returns what the newest message shows.
    pub fn text(&self) -> String {
        self.taken().last().unwrap().shown.clone()
    }
}

fn no(error: &str) -> Json<Value> {
    Json(json!({"ok": false, "error": error}))
}

fn authorized(headers: &HeaderMap, tokens: &[&str]) -> Result<(), Json<Value>> {
    let value = headers.get("authorization").and_then(|value| value.to_str().ok());
    match value.and_then(|value| value.strip_prefix("Bearer ")) {
        None => Err(no("not_authed")),
        Some(token) if tokens.contains(&token) => Ok(()),
        Some(READER) => {
            Err(Json(json!({"ok": false, "error": "missing_scope", "needed": "chat:write", "provided": "users:read"})))
        }
        Some(_) => Err(no("invalid_auth")),
    }
}

async fn lookup(State(slack): State<Slack>, headers: HeaderMap, body: Bytes) -> Json<Value> {
    *slack.questions.lock().unwrap() += 1;
    if let Err(refused) = authorized(&headers, &[TOKEN, READER]) {
        return refused;
    }
    if !super::is_of_type(&headers, "application/x-www-form-urlencoded") {
        return no("invalid_post_type");
    }
    let fields: Vec<(String, String)> = url::form_urlencoded::parse(&body).into_owned().collect();
    let [(name, email)] = &fields[..] else { return no("invalid_arguments") };
    if name != "email" {
        return no("invalid_arguments");
    }
    let member = MEMBERS.iter().find(|(address, _)| address.eq_ignore_ascii_case(email));
    let Some((address, id)) = member else { return no("users_not_found") };
    let user = json!({"id": id, "team_id": "T012AB3C4", "name": "m", "deleted": *id == MEMBERS[1].1,
        "profile": {"email": address}, "is_bot": false});
    Json(json!({"ok": true, "user": user}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PostMessage {
    channel: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    blocks: Vec<Value>,
    #[allow(dead_code, reason = "it may be there and is true or false")]
    mrkdwn: Option<bool>,
    #[allow(dead_code, reason = "it may be there and is true or false")]
    unfurl_links: Option<bool>,
    #[allow(dead_code, reason = "it may be there and is true or false")]
    unfurl_media: Option<bool>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Block {
    RichText { elements: Vec<Section> },
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Section {
    RichTextSection { elements: Vec<Element> },
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Element {
    Text { text: String },
}

async fn post_message(State(slack): State<Slack>, headers: HeaderMap, body: Bytes) -> Json<Value> {
    if let Err(refused) = authorized(&headers, &[TOKEN]) {
        return refused;
    }
    if !super::is_of_type(&headers, "application/json") {
        return no("invalid_post_type");
    }
    let Ok(asked) = serde_json::from_slice::<PostMessage>(&body) else { return no("invalid_arguments") };
    if !MEMBERS[..1].iter().any(|(_, id)| *id == asked.channel) {
        return no("channel_not_found");
    }
    let Some(notified) = unescaped(&asked.text) else { return no("invalid_arguments") };
    if notified.is_empty() {
        return no("no_text");
    }
    let blocks: Result<Vec<Block>, _> = asked.blocks.into_iter().map(serde_json::from_value).collect();
    let Ok(blocks) = blocks else { return no("invalid_blocks") };
    if blocks.len() > 50 {
        return no("invalid_blocks");
    }
    let sections = blocks.into_iter().flat_map(|Block::RichText { elements }| elements);
    let elements = sections.flat_map(|Section::RichTextSection { elements }| elements);
    let shown: String = elements.map(|Element::Text { text }| text).collect();
    let shown = if shown.is_empty() { notified.clone() } else { shown };
    slack.taken.lock().unwrap().push(Message { channel: asked.channel, shown, notified });
    Json(json!({"ok": true, "channel": "D024BE91L", "ts": "1503435956.000247", "message": {"type": "message"}}))
}

/// `None` where a character that must be escaped is not.
fn unescaped(text: &str) -> Option<String> {
    let plain = text.replace("&lt;", "").replace("&gt;", "").replace("&amp;", "");
    if plain.contains(['&', '<', '>']) {
        return None;
    }
    Some(text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
}
