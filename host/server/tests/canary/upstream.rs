//! An HTTP upstream that repeats what it received in every part of its response. No vendor does so
//! on purpose, and any might by mistake.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::memory::Watch;

/// The access token that it grants.
pub(crate) const ACCESS_TOKEN: &str = "canary-access-token.1a2b3c4d";

/// How it answers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scene {
    Taken,
    /// A status and a code of the vendor's.
    Refused(u16, u32),
    Moved,
    /// A body that is not what the vendor documents.
    NoJson(u16),
    /// An invalid status line.
    NoHttp,
    /// An invalid header.
    NoHeader,
    /// Less of a body than announced.
    Short,
    /// No answer at all.
    Cut,
    /// The token is refused.
    NoToken(u16),
    /// The token is of no known kind.
    OddToken,
}

/// The data that it repeats.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Quote {
    Authorization,
    Secret,
    Recipient,
    Digits,
    Code,
    Everything,
}

#[derive(Clone)]
pub(crate) struct Upstream(Arc<Mutex<State>>, Watch);

struct State {
    scene: Scene,
    quote: Quote,
    codes: Vec<String>,
}

impl Upstream {
    pub(crate) async fn start(watch: &Watch) -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = State { scene: Scene::Taken, quote: Quote::Everything, codes: Vec::new() };
        let upstream = Self(Arc::new(Mutex::new(state)), watch.clone());
        let served = upstream.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let served = served.clone();
                tokio::spawn(async move { served.serve(stream).await });
            }
        });
        (upstream, address)
    }

    pub(crate) fn plays(&self, scene: Scene, quote: Quote) {
        let mut state = self.0.lock().unwrap();
        (state.scene, state.quote) = (scene, quote);
    }

    /// Returns the codes that came, the oldest first.
    pub(crate) fn codes(&self) -> Vec<String> {
        self.0.lock().unwrap().codes.clone()
    }

    async fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut text = String::new();
        let mut bytes = [0; 4096];
        loop {
            let n = stream.read(&mut bytes).await?;
            if n == 0 {
                return Ok(());
            }
            text.push_str(&String::from_utf8_lossy(&bytes[..n]));
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = header(head, "content-length").map_or(0, |n| n.parse().unwrap());
            if body.len() < length {
                continue;
            }
            let answer = self.answer(head, body);
            stream.write_all(answer.as_bytes()).await?;
            return stream.shutdown().await;
        }
    }

    fn answer(&self, head: &str, body: &str) -> String {
        let token = head.contains("/oauth2/v2.0/token");
        let heard = Heard::new(head, body);
        let mut state = self.0.lock().unwrap();
        if let Some(code) = heard.code.as_deref().filter(|_| !token) {
            self.1.look(code, &heard.recipient);
            state.codes.push(code.to_owned());
        }
        let quote = heard.quote(state.quote);
        match (state.scene, token) {
            (Scene::NoToken(status), true) => {
                let refusal = json!({"error": "invalid_client", "error_description": quote, "error_uri": quote,
                    "error_codes": [7_000_215], "trace_id": quote});
                written(status, &[], &refusal.to_string())
            }
            (Scene::OddToken, true) => {
                let token = json!({"token_type": quote, "access_token": ACCESS_TOKEN, "expires_in": quote});
                written(200, &[], &token.to_string())
            }
            // Without `expires_in` a new one is fetched for every mail.
            (_, true) => {
                let token = json!({"token_type": "Bearer", "access_token": ACCESS_TOKEN});
                written(200, &[], &token.to_string())
            }
            (scene, false) => play(scene, head, &quote, heard.code.as_deref().unwrap_or_default()),
        }
    }
}

fn play(scene: Scene, head: &str, quote: &str, code: &str) -> String {
    let line = quote.replace(['\r', '\n'], " ");
    // For a guest that looks for the code: what is missing to nine at each digit.
    let missing: String = code.bytes().map(|digit| char::from(b'0' + b'9' - digit)).collect();
    let headers = [
        ("request-id", &*line),
        ("x-error", &line),
        ("www-authenticate", &line),
        ("set-cookie", &line),
        ("x-missing-to-nine", &missing),
    ];
    match scene {
        Scene::Taken => {
            let status = if head.contains("sendMail") { 202 } else { 201 };
            let body =
                json!({"sid": quote, "messageId": quote, "status": quote, "error_code": null, "num_segments": quote});
            written(status, &headers, &body.to_string())
        }
        Scene::Refused(status, code) => {
            let twilio =
                json!({"code": code, "message": quote, "details": quote, "more_info": quote, "status": status});
            let ecall = json!({"errorCode": quote, "errorMessage": quote,
                "errorDetails": {"errors": [{"parameter": quote, "messages": [quote]}]}});
            let graph = json!({"error": {"code": quote, "message": quote, "innerError": {"code": quote}}});
            let mut body = twilio;
            for more in [ecall, graph] {
                body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            }
            written(status, &[&headers[..], &[("retry-after", &line)]].concat(), &body.to_string())
        }
        Scene::Moved => {
            let to = url::form_urlencoded::byte_serialize(quote.as_bytes()).collect::<String>();
            written(302, &[("location", &format!("https://elsewhere.example/?{to}"))], quote)
        }
        Scene::NoJson(status) => written(status, &headers, quote),
        Scene::NoHttp => format!("{line} HTTP {line}\r\n\r\n"),
        Scene::NoHeader => format!("HTTP/1.1 201 Created\r\n{line}\r\n\r\n"),
        Scene::Short => format!("HTTP/1.1 201 Created\r\ncontent-length: 100000\r\n\r\n{quote}"),
        Scene::Cut | Scene::NoToken(_) | Scene::OddToken => String::new(),
    }
}

fn written(status: u16, headers: &[(&str, &str)], body: &str) -> String {
    let mut text = format!("HTTP/1.1 {status} {status}\r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    format!("{text}\r\n{body}")
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// Returns the code in a text: the only separate run of ten digits.
pub(crate) fn code_in(text: &str) -> Option<String> {
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '+');
    words.find(|word| word.len() == 10 && word.bytes().all(|b| b.is_ascii_digit())).map(str::to_owned)
}

/// What there is to repeat of a request.
struct Heard {
    authorization: String,
    secret: String,
    recipient: String,
    code: Option<String>,
    body: String,
}

impl Heard {
    fn new(head: &str, body: &str) -> Self {
        let authorization = header(head, "authorization").unwrap_or_default().to_owned();
        let basic = authorization.strip_prefix("Basic ").and_then(|pair| STANDARD.decode(pair).ok());
        let basic = basic.and_then(|pair| String::from_utf8(pair).unwrap().split_once(':').map(|(_, p)| p.to_owned()));
        let form = |name: &str| {
            let mut fields = url::form_urlencoded::parse(body.as_bytes());
            fields.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
        };
        let json: Value = serde_json::from_str(body).unwrap_or_default();
        let at = |pointer: &str| json.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let bearer = authorization.strip_prefix("Bearer ").map(str::to_owned);
        let text = form("Body").or_else(|| at("/content/text")).or_else(|| at("/message/body/content"));
        let to = form("To").or_else(|| at("/to")).or_else(|| at("/message/toRecipients/0/emailAddress/address"));
        Self {
            secret: basic.or_else(|| form("client_secret")).or(bearer).unwrap_or_default(),
            authorization,
            recipient: to.unwrap_or_default(),
            code: text.or_else(|| at("/text")).and_then(|text| code_in(&text)),
            body: body.to_owned(),
        }
    }

    fn quote(&self, what: Quote) -> String {
        let code = self.code.clone().unwrap_or_default();
        match what {
            Quote::Authorization => self.authorization.clone(),
            Quote::Secret => self.secret.clone(),
            Quote::Recipient => self.recipient.clone(),
            Quote::Digits => self.recipient.trim_start_matches('+').to_owned(),
            Quote::Code => code,
            Quote::Everything => {
                let Self { authorization, secret, recipient, body, .. } = self;
                let short = authorization.rsplit(' ').next().unwrap_or_default();
                let upper = recipient.to_uppercase();
                format!("{code} {recipient} {secret} {short} {upper} {authorization} {body}")
            }
        }
    }
}
