//! An HTTP upstream on loopback that responds as a script says.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use crate::body_texts::{self, NamedText};
use crate::credentials::is_token_request;

/// The longest request that is read, in bytes.
const LONGEST: usize = 8 << 20;

/// How the upstream responds to a request.
#[derive(Clone)]
pub(super) enum Script {
    /// It responds.
    Respond { status: u16, headers: Vec<(String, String)>, body: Vec<u8> },
    /// It reads the request and does not respond.
    Silence,
    /// It closes the connection in the middle of its response.
    Cut,
    /// It repeats the request, wherever an upstream may respond with text.
    Echo {
        status: u16,
        /// The response that the text is added to; a response in plain text without one.
        answer: Option<Value>,
        /// What else it repeats.
        words: String,
    },
}

/// How the real upstream responds, as far as it is known.
#[derive(Default)]
pub(super) struct Responses {
    /// To requests before the one that carries the message, in order.
    pub(super) before: Vec<Script>,
    /// When it accepts a message.
    pub(super) accepted: Option<Script>,
    /// To requests before the one that carries an answer, in order.
    pub(super) before_answer: Vec<Script>,
    /// When an answer is correct.
    pub(super) approved: Option<Script>,
    /// What it reports about a message that was delivered.
    pub(super) report: Option<Vec<u8>>,
}

impl Responses {
    /// Returns the response to a message that is accepted: an empty object if it is not known.
    pub(super) fn accepted(&self) -> Script {
        self.accepted.clone().unwrap_or_else(|| Script::json(b"{}".to_vec()))
    }

    /// Returns the responses to the first requests of a successful delivery.
    pub(super) fn first(&self, requests: usize) -> Vec<Script> {
        let rest = std::iter::repeat_with(|| self.accepted());
        self.before.iter().cloned().chain(rest).take(requests).collect()
    }

    /// Returns the responses to the first requests of a verification.
    pub(super) fn first_of_answer(&self, requests: usize) -> Vec<Script> {
        let rest = std::iter::repeat_with(|| self.approved.clone().unwrap_or_else(|| self.accepted()));
        self.before_answer.iter().cloned().chain(rest).take(requests).collect()
    }
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// Returns whether the request contains a text as it is.
    pub(super) fn contains(&self, text: &str) -> bool {
        self.head.contains(text) || memchr::memmem::find(&self.body, text.as_bytes()).is_some()
    }

    /// Returns the path and the query.
    pub(super) fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    /// Returns the headers, with names in lower case.
    pub(super) fn headers(&self) -> Vec<(String, String)> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned())).collect()
    }

    pub(super) fn header(&self, name: &str) -> String {
        self.headers().into_iter().find(|(found, _)| found == name).map(|(_, value)| value).unwrap_or_default()
    }

    /// Returns the texts of the body.
    pub(super) fn texts(&self) -> Vec<NamedText> {
        body_texts::texts(&self.header("content-type"), &self.body)
    }
}

impl Script {
    /// Returns a 200 response with a JSON body.
    pub(super) fn json(body: Vec<u8>) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Self::Respond { status: 200, headers, body }
    }

    /// Returns a response without headers.
    pub(super) fn respond(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::Respond { status, headers: Vec::new(), body: body.into() }
    }
}

pub(super) struct Upstream {
    pub(super) address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    listening: AbortHandle,
}

struct Shared {
    /// The responses to the first requests.
    before: Vec<Script>,
    script: Script,
    /// The requests since the script began, except those for access tokens.
    requests: Vec<Request>,
}

impl Upstream {
    pub(super) async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Mutex::new(Shared { before: Vec::new(), script: Script::Silence, requests: Vec::new() }));
        let kept = shared.clone();
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, kept.clone()));
            }
        });
        Ok(Self { address, shared, listening: listening.abort_handle() })
    }

    /// Responds to the first requests like those in `before`, and to all others like `script`; forgets earlier requests.
    pub(super) fn respond(&self, before: &[Script], script: Script) {
        let shared = Shared { before: before.to_vec(), script, requests: Vec::new() };
        *self.shared.lock().unwrap_or_else(PoisonError::into_inner) = shared;
    }

    /// Returns the requests since the script began.
    pub(super) fn requests(&self) -> Vec<Request> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).requests.clone()
    }

    /// Stops listening.
    pub(super) async fn stop(&self) {
        self.listening.abort();
        // The port is closed when the task has ended.
        while !self.listening.is_finished() {
            tokio::task::yield_now().await;
        }
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Mutex<Shared>>) {
    let Some((head, body)) = read(&mut stream).await else { return };
    // RFC 6749 section 4.4.2. Tokens are not what is checked: there always is one.
    if is_token_request(&body) {
        let token = br#"{"access_token":"stand-in","token_type":"Bearer","expires_in":3600}"#;
        send(&mut stream, 200, &[("content-type".to_owned(), "application/json".to_owned())], token).await;
        return;
    }
    let request = Request { head, body };
    let script = {
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        let script = shared.before.get(shared.requests.len()).unwrap_or(&shared.script).clone();
        shared.requests.push(request.clone());
        script
    };
    match script {
        Script::Respond { status, headers, body } => send(&mut stream, status, &headers, &body).await,
        Script::Echo { status, answer, words } => {
            let said =
                format!("{words} {} {}", request.header("authorization"), String::from_utf8_lossy(&request.body));
            let (kind, body) = match answer {
                Some(answer) => ("application/json", echoing(answer, &said).to_string()),
                None => ("text/plain; charset=utf-8", said),
            };
            send(&mut stream, status, &[("content-type".to_owned(), kind.to_owned())], body.as_bytes()).await;
        }
        Script::Silence => std::future::pending().await,
        Script::Cut => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"id\":\"").await;
        }
    }
}

/// Adds a text to a response under the names that upstreams use for texts. Members that it has already stay.
fn echoing(mut answer: Value, said: &str) -> Value {
    if let Some(members) = answer.as_object_mut() {
        for name in
            ["message", "description", "detail", "details", "title", "text", "body", "to", "recipient", "reason"]
        {
            members.entry(name).or_insert_with(|| said.into());
        }
        members.entry("error").or_insert_with(|| json!({"message": said, "description": said}));
        members.entry("errors").or_insert_with(|| json!([{"message": said, "detail": said}]));
    }
    answer
}

/// Each response closes its connection, so that nothing of one script is left for the next.
async fn send(stream: &mut TcpStream, status: u16, headers: &[(String, String)], body: &[u8]) {
    let mut head = format!("HTTP/1.1 {status} Scripted\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    if stream.write_all(head.as_bytes()).await.is_ok() && stream.write_all(body).await.is_ok() {
        let _ = stream.shutdown().await;
    }
}

async fn read(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut got = Vec::new();
    let end = loop {
        if let Some(end) = memchr::memmem::find(&got, b"\r\n\r\n") {
            break end + 4;
        }
        more(stream, &mut got).await?;
    };
    let head = String::from_utf8_lossy(&got[..end]).into_owned();
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_lowercase())
    };
    let mut body = got.split_off(end);
    if header("transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
        while !body.ends_with(b"0\r\n\r\n") {
            more(stream, &mut body).await?;
        }
        body = unchunked(&body);
    } else {
        let length = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        while body.len() < length {
            more(stream, &mut body).await?;
        }
    }
    Some((head, body))
}

async fn more(stream: &mut TcpStream, got: &mut Vec<u8>) -> Option<()> {
    let read = stream.read_buf(got).await.ok()?;
    (read > 0 && got.len() < LONGEST).then_some(())
}

/// RFC 9112 section 7.1.
fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(line) = memchr::memmem::find(rest, b"\r\n") {
        let size = std::str::from_utf8(&rest[..line]).ok().and_then(|text| usize::from_str_radix(text.trim(), 16).ok());
        let Some(size) = size.filter(|size| *size > 0 && line + 4 + size <= rest.len()) else { break };
        body.extend_from_slice(&rest[line + 2..line + 2 + size]);
        rest = &rest[line + 4 + size..];
    }
    body
}
