//! Stand-ins for gateways on a local network. They are ours; what they check is in the documentation of SMSEagle (smseagle.eu/api.php)
//! and Kannel (user guide 1.5, "Using the HTTP interface to Kannel"):
//!
//! | rule | where |
//! |---|---|
//! | SMSEagle: `GET /http_api/send_sms` with `access_token`, `to`, `message`; everything has 200: `OK; ID=…`, `Invalid access token`, `Wrong parameters` | Send SMS: HTTP GET method |
//! | Kannel: `GET /cgi-bin/sendsms` with `username`, `password`, `to`, `text`; 202 `0: Accepted for delivery`, 403 `Authorization failed for sendsms`, 400, 503 | SMS Push reply codes |
//! | the same form with HTTP Digest: SHA-256, `qop=auth` | RFC 7616 |
//! | a form: `POST /send` with HTTP Basic, and `phone` and `body` in the form; 201 `sent` | no vendor's; RFC 7617, and what many small gateways have in common |
//!
//! That a parameter nobody documents is an error is our own strictness. So is that no other credential is in a header.

use super::recorder::{Recorder, Reply, Seen};
use crate::gateways::code_in;
use ring::digest::SHA256;
use serde_json::Value;

pub const TOKEN: &str = "0005gOjCOlMH8F2B/P8+x y&z=1";
pub const USER: &str = "twofactor";
/// A number on Kannel's black list.
pub const BARRED: &str = "+41791234599";

pub async fn start_smseagle() -> Recorder {
    Recorder::start_plain(smseagle).await
}

pub async fn start_kannel() -> Recorder {
    Recorder::start_plain(kannel).await
}

pub async fn start_form() -> Recorder {
    Recorder::start_plain(form).await
}

pub async fn start_digest() -> Recorder {
    Recorder::start_plain(digest).await
}

/// The code in the text of an accepted message.
pub fn code(seen: &Seen) -> String {
    let is_text = |(name, _): &(String, String)| ["message", "text"].contains(&&**name);
    code_in(&seen.parameters().into_iter().find(is_text).unwrap().1)
}

/// The values of these parameters, if there are no others.
fn values(seen: &Seen, names: &[&str]) -> Option<Vec<String>> {
    let parameters = seen.parameters();
    let of = |name: &&str| parameters.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone());
    (parameters.len() == names.len()).then(|| names.iter().map(of).collect())?
}

fn smseagle(seen: &Seen) -> Reply {
    let reply = |text: &str| Reply::refuses(200, &Value::Null).text(text);
    if (&*seen.method, &*seen.path) != ("GET", "/http_api/send_sms") || !seen.header("authorization").is_empty() {
        return Reply::refuses(404, &Value::Null).text("Not found");
    }
    let Some(values) = values(seen, &["access_token", "to", "message"]) else { return reply("Wrong parameters") };
    match &values[..] {
        [token, ..] if token != TOKEN => reply("Invalid access token"),
        [_, to, message] if super::is_e164(to) && !message.is_empty() => {
            Reply::accepts(200, &Value::Null).text("OK; ID=297")
        }
        _ => reply("Wrong parameters"),
    }
}

fn kannel(seen: &Seen) -> Reply {
    let reply = |status: u16, text: &str| Reply::refuses(status, &Value::Null).text(text);
    if (&*seen.method, &*seen.path) != ("GET", "/cgi-bin/sendsms") || !seen.header("authorization").is_empty() {
        return reply(404, "Unknown request.");
    }
    let Some(values) = values(seen, &["username", "password", "to", "text"]) else {
        return reply(400, "Missing receiver number, rejected");
    };
    match &values[..] {
        [user, password, ..] if user != USER || password != TOKEN => reply(403, "Authorization failed for sendsms"),
        [_, _, to, _] if to == BARRED => reply(400, "Number(s) has/have been denied by white- and/or black-lists."),
        [_, _, to, text] if super::is_e164(to) && !text.is_empty() => {
            Reply::accepts(202, &Value::Null).text("0: Accepted for delivery")
        }
        _ => reply(400, "Garbage 'to' field, rejected."),
    }
}

fn form(seen: &Seen) -> Reply {
    if seen.basic() != Some((USER.to_owned(), TOKEN.to_owned())) {
        return Reply::refuses(401, &Value::Null).text("Unauthorized");
    }
    authenticated(seen)
}

fn digest(seen: &Seen) -> Reply {
    if !answers_digest(seen, "realm of the gateway", "5f1c0d29") {
        let challenge = "Digest realm=\"realm of the gateway\", nonce=\"5f1c0d29\", qop=\"auth\", algorithm=SHA-256";
        return Reply::refuses(401, &Value::Null).text("Unauthorized").header("www-authenticate", challenge);
    }
    authenticated(seen)
}

/// Returns whether a request has the right response to a challenge (RFC 7616 section 3.4.1).
fn answers_digest(seen: &Seen, realm: &str, nonce: &str) -> bool {
    let hash = |text: String| hex::encode(ring::digest::digest(&SHA256, text.as_bytes()));
    let header = seen.header("authorization");
    let field = |name: &str| {
        let (_, rest) = header.split_once(&format!(" {name}="))?;
        rest.split(',').next().map(|value| value.trim_matches('"').to_owned())
    };
    let all = || {
        let secret = hash(format!("{USER}:{realm}:{TOKEN}"));
        let request = hash(format!("{}:{}", seen.method, seen.path));
        let (count, client_nonce) = (field("nc")?, field("cnonce")?);
        let response = hash(format!("{secret}:{nonce}:{count}:{client_nonce}:auth:{request}"));
        let expected =
            [("username", USER), ("realm", realm), ("nonce", nonce), ("uri", &seen.path), ("response", &response)];
        Some(expected.into_iter().all(|(name, value)| field(name).as_deref() == Some(value)))
    };
    header.starts_with("Digest ") && all() == Some(true)
}

fn authenticated(seen: &Seen) -> Reply {
    let reply = |status: u16, text: &str| Reply::refuses(status, &Value::Null).text(text);
    if (&*seen.method, &*seen.path, &*seen.query) != ("POST", "/send", "") {
        return reply(404, "Not found");
    }
    let fields: Vec<_> = url::form_urlencoded::parse(&seen.body).into_owned().collect();
    match &fields[..] {
        [(to, number), (text, message)]
            if seen.header("content-type") == "application/x-www-form-urlencoded"
                && (&**to, &**text) == ("phone", "body")
                && super::is_e164(number)
                && !message.is_empty() =>
        {
            Reply::accepts(201, &Value::Null).text("sent")
        }
        _ => reply(400, "Wrong parameters"),
    }
}
