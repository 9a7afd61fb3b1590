//! A provider that misbehaves as its options say. It is granted `https://upstream.example.com`,
//! unless it names another, with a secret, and a mail server if it has an email to send.

mod carry;
mod leaks;
mod place;

use std::hint::black_box;

use twofactor_provider::bindings::twofactor::provider::types::SmtpSecurity;
use twofactor_provider::{
    Connection, Delivery, Http, HttpError, InBody, InHeader, InPath, InQuery, Level, Mail, MailError, Message,
    Metadata, OAuth2Client, PlacedSecret, Problem, Provider, Recipient, Response, Secret, SmtpServer, accepted, log,
    misconfigured, outcome_unknown, problem, rejected_message, retry_later,
};

/// Its options.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Options {
    /// What to do.
    behaviour: String,
    /// The URL to send to.
    #[serde(default)]
    url: String,
    /// The origin to be granted.
    #[serde(default = "upstream")]
    origin: String,
    /// A header to send along, as `name: value`.
    #[serde(default)]
    header: String,
    /// The text to search for in the memory, written backwards so that the search does not find the
    /// option itself.
    #[serde(default)]
    needle: String,
    /// Another origin to be granted, without a secret.
    #[serde(default)]
    second: String,
    /// Where to fetch an access token for the origin, in place of a password.
    #[serde(default)]
    token_url: String,
    /// An email to send, unchanged.
    #[serde(default)]
    mail: Option<Letter>,
    /// The secret of its authentication, which it must not see.
    secret: Secret,
    /// A secret that the host puts into any part of a request.
    #[serde(default)]
    key: Option<PlacedSecret<(InBody, InQuery, InPath, InHeader)>>,
    /// A secret that the host puts into bodies alone.
    #[serde(default)]
    narrow: Option<PlacedSecret<InBody>>,
}

fn upstream() -> String {
    "https://upstream.example.com".to_owned()
}

#[derive(serde::Serialize)]
struct Sent<'a> {
    to: &'a str,
    text: &'a str,
}

/// An email. Missing fields get correct values.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct Letter {
    sender_name: String,
    sender: String,
    recipient: String,
    subject: Option<String>,
    text: String,
    html: Option<String>,
    id: String,
}

impl Default for Letter {
    fn default() -> Self {
        Self {
            sender_name: "Shop".to_owned(),
            sender: "codes@example.com".to_owned(),
            recipient: "alice@example.net".to_owned(),
            subject: None,
            text: "123456".to_owned(),
            html: None,
            id: "1".to_owned(),
        }
    }
}

struct Hostile;

const MIB: usize = 1 << 20;

fn forever() -> ! {
    let mut n = 0u64;
    loop {
        n = black_box(n.wrapping_add(1));
    }
}

fn grow() {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    loop {
        kept.push(black_box(vec![1; MIB]));
    }
}

#[allow(unconditional_recursion, reason = "that is what it is for")]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    recurse(depth + 1) + frame[0]
}

/// Returns how often bytes occur in this component's own memory. They are given one by one, since
/// otherwise they would occur in it for that reason.
#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code, reason = "every byte of the memory is looked at, whatever it belongs to")]
fn found(length: usize, expected: impl Fn(usize) -> u8) -> usize {
    let end = core::arch::wasm32::memory_size(0) * 65536;
    let byte = |at: usize| unsafe { core::ptr::read_volatile(at as *const u8) };
    let stands_at = |at: usize| (0..length).all(|i| byte(at + i) == expected(i));
    (1024..end.saturating_sub(length)).filter(|at| stands_at(*at)).count()
}

#[cfg(not(target_arch = "wasm32"))]
fn found(_: usize, _: impl Fn(usize) -> u8) -> usize {
    0
}

/// Sends a text.
fn send(options: &Options, text: &str) -> Delivery {
    let mut request = Http::post(&options.url).json(&text);
    if let Some((name, value)) = options.header.split_once(": ") {
        request = request.header(name, value);
    }
    result(request.send())
}

fn result(response: Result<Response, HttpError>) -> Delivery {
    match response {
        Ok(response) => Ok(accepted(response.status.to_string())),
        Err(HttpError::Denied(why)) => Err(misconfigured("denied", &why)),
        Err(HttpError::Unauthenticated(why)) => Err(misconfigured("unauthenticated", &why)),
        Err(HttpError::NotSent(why)) => Err(retry_later(None, "not-sent", &why)),
        Err(HttpError::OutcomeUnknown(why)) => Err(outcome_unknown("outcome-unknown", &why)),
    }
}

/// Without a subject of its own, the mail gets the first line of the message.
fn mail(options: &Options, letter: &Letter, message: &Message) -> Delivery {
    let first_line = message.text.lines().next().unwrap_or_default();
    let mail = Mail {
        id: &letter.id,
        sender_name: &letter.sender_name,
        sender: &letter.sender,
        recipient: &letter.recipient,
        subject: letter.subject.as_deref().unwrap_or(first_line),
        text: &letter.text,
        html: letter.html.as_deref(),
    };
    match mail.send() {
        // So that the host does not recognize what it would remove.
        Ok(reply) if options.behaviour == "tell the reply, enciphered" => {
            Ok(accepted(reply.bytes().map(|byte| char::from(byte + 1)).collect::<String>()))
        }
        Ok(reply) => Ok(accepted(reply)),
        Err(MailError::Invalid(why)) => Err(rejected_message("invalid", &why)),
        Err(MailError::Denied(why)) => Err(misconfigured("denied", &why)),
        Err(MailError::NotSent(why)) => Err(retry_later(None, "not-sent", &why)),
        Err(MailError::OutcomeUnknown(why)) => Err(outcome_unknown("outcome-unknown", &why)),
        Err(MailError::Refused(refusal)) => Err(rejected_message(&refusal.code.to_string(), "refused")),
    }
}

impl Provider for Hostile {
    type Options = Options;
    const METADATA: Metadata = Metadata {
        type_id: "hostile",
        name: "Hostile",
        version: "1.0.0",
        channel: "sms",
        recipient: Recipient::PhoneNumber,
        needs_code: false,
    };

    fn configure(options: &Options) -> Result<Vec<Connection>, Vec<Problem>> {
        match options.behaviour.as_str() {
            "configure: loop" => forever(),
            "configure: grow" => grow(),
            "configure: trap" => std::process::abort(),
            "configure: recurse" => _ = recurse(0),
            "configure: send" => {
                let why = send(options, "").is_ok().to_string();
                return Err(vec![problem("/Url", format!("sent: {why}"))]);
            }
            "configure: flood" => {
                return Err((0..100_000).map(|n| problem("/Url", format!("{n}: {}", "x".repeat(100)))).collect());
            }
            "configure: tell" => {
                let secret = options.secret.reveal();
                log(Level::Error, secret);
                return Err(vec![problem("/Url", format!("the secret is {secret}"))]);
            }
            _ => {}
        }
        if let Some(asked) = leaks::leak(options) {
            return asked;
        }
        let mut connections = vec![match &*options.token_url {
            "" => Connection::basic(&options.origin, "user", &options.secret),
            url => {
                let client = OAuth2Client::new(url, "client").secret_in_body(&options.secret);
                Connection::oauth2(&options.origin, client)
            }
        }];
        if !options.second.is_empty() {
            connections.push(Connection::unauthenticated(&options.second));
        }
        if options.mail.is_some() {
            connections.push(Connection::smtp(SmtpServer {
                host: "smtp.example.com".to_owned(),
                port: 465,
                security: SmtpSecurity::ImplicitTls,
                credentials: Some(("user".to_owned(), options.secret.clone())),
                timeout_ms: 1500,
            }));
        }
        Ok(place::connections(options, connections))
    }

    fn deliver(options: &Options, message: &Message) -> Delivery {
        match options.behaviour.as_str() {
            "carry the code on" => return carry::on(options, message),
            "ask for the code" => return carry::ask(options, message, false),
            "send, then ask for the code" => return carry::ask(options, message, true),
            "send in one attempt, ask in the next" => return carry::ask_in_the_next_attempt(options, message),
            "send, then guess the code in halves" => return carry::guess(options, message),
            _ => {}
        }
        if let Some(place) = options.behaviour.strip_prefix("place: ") {
            return place::deliver(options, message, place);
        }
        if let Some(place) = options.behaviour.strip_prefix("code in the query") {
            return place::deliver_by_query(options, message, place);
        }
        if let Some(letter) = &options.mail {
            return mail(options, letter, message);
        }
        match options.behaviour.as_str() {
            "loop" => forever(),
            "grow" => grow(),
            "trap" => std::process::abort(),
            "exit" => std::process::exit(0),
            "recurse" => _ = recurse(0),
            "long answer" => return Err(rejected_message("long", &"x".repeat(40 * MIB))),
            "long request" => {
                let body = "x".repeat(40 * MIB);
                return Http::post(&options.url).json(&body).send().map(|_| accepted("")).map_err(Into::into);
            }
            "log flood" => {
                for n in 0..1_000_000u32 {
                    log(Level::Error, &format!("{n} {}", "x".repeat(1000)));
                }
            }
            "call flood" => {
                for _ in 0..100_000 {
                    let _ = send(options, "");
                }
            }
            "search" => {
                let backwards = options.needle.as_bytes();
                let found = found(backwards.len(), |i| backwards[backwards.len() - 1 - i]);
                return Err(rejected_message(&format!("found {found}"), ""));
            }
            // The upstream's response has nine minus each digit of the code.
            "search for the code" => {
                let response =
                    Http::post(&options.url).json(&Sent { to: &message.recipient, text: &message.text }).send()?;
                let missing = response.headers.iter().find(|(name, _)| name == "x-missing-to-nine");
                let missing = missing.map(|(_, value)| value.as_bytes()).unwrap_or_default();
                let digit = |i: usize| b'0' + b'9' - missing[i];
                let before = found(missing.len(), digit);
                let code = black_box((0..missing.len()).map(digit).collect::<Vec<_>>());
                let after = found(missing.len(), digit);
                drop(black_box(code));
                return Err(rejected_message(&format!("{before} then {after}"), ""));
            }
            "tell of a delivery" => return Ok(accepted("never")),
            "tell" => {
                let told = format!("\u{1b}[31m\n{} {} {}", message.recipient, message.text, options.secret.reveal());
                log(Level::Error, &told);
                return Err(rejected_message(&told, &told));
            }
            "send, be denied, trap" => {
                let _ = send(options, &message.text);
                let _ = Http::post("https://elsewhere.example.com/").send();
                std::process::abort();
            }
            "be denied, trap" => {
                let _ = Http::post("https://elsewhere.example.com/").send();
                std::process::abort();
            }
            // The upstream's response, passed on.
            "echo" => {
                let request = Http::post(&options.url).json(&Sent { to: &message.recipient, text: &message.text });
                let response = request.send()?;
                let headers = response.headers.iter().map(|(name, value)| format!("{name}: {value}"));
                let (headers, body) = (headers.collect::<Vec<_>>(), String::from_utf8_lossy(&response.body));
                for line in headers.iter().map(String::as_str).chain(body.split(['"', ' '])) {
                    log(Level::Error, line);
                }
                return Err(rejected_message(&body, &headers.join(" ")));
            }
            _ => return send(options, &message.text),
        }
        Ok(accepted(""))
    }
}

twofactor_provider::export!(Hostile);
