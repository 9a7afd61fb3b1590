//! An HTTP upstream of ours on loopback, which answers as it is told.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use crate::body_texts::{self, NamedText};
use crate::credentials::is_token_request;

/// The longest request that is read.
const LONGEST: usize = 8 << 20;

/// How it answers.
#[derive(Clone)]
pub(super) enum Script {
    Answer {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    },
    /// It reads, and says nothing.
    Silence,
    /// It hangs up in the middle of its answer.
    Cut,
    /// It repeats the request that it was sent, wherever an upstream may say something in words.
    Echo {
        status: u16,
        /// The answer that the words are added to, or none for an answer in plain text.
        answer: Option<Value>,
        /// What else it repeats.
        words: String,
    },
}

/// What the real one says.
#[derive(Default)]
pub(super) struct Says {
    /// To what is asked before it is given a message, in order.
    pub(super) before: Vec<Script>,
    /// When it takes a message, if anybody said.
    pub(super) accepted: Option<Script>,
    /// To what is asked before it is given an answer, in order.
    pub(super) before_answer: Vec<Script>,
    /// When it finds an answer right.
    pub(super) approved: Option<Script>,
    /// What it reports of a message that arrived.
    pub(super) reports: Option<Vec<u8>>,
}

impl Says {
    /// When it takes a message: an empty object where nobody said.
    pub(super) fn accepted(&self) -> Script {
        self.accepted.clone().unwrap_or_else(|| Script::json(b"{}".to_vec()))
    }

    /// What it answers to the first requests of a delivery that goes well.
    pub(super) fn first(&self, requests: usize) -> Vec<Script> {
        let rest = std::iter::repeat_with(|| self.accepted());
        self.before.iter().cloned().chain(rest).take(requests).collect()
    }

    /// The same before an answer is judged.
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
    /// The path and the query.
    pub(super) fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    /// The headers, names in lower case.
    pub(super) fn headers(&self) -> Vec<(String, String)> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned())).collect()
    }

    pub(super) fn header(&self, name: &str) -> String {
        self.headers().into_iter().find(|(found, _)| found == name).map(|(_, value)| value).unwrap_or_default()
    }

    /// The texts of the body.
    pub(super) fn texts(&self) -> Vec<NamedText> {
        body_texts::texts(&self.header("content-type"), &self.body)
    }
}

impl Script {
    /// Such a body, with 200.
    pub(super) fn json(body: Vec<u8>) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Self::Answer { status: 200, headers, body }
    }

    pub(super) fn answer(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::Answer { status, headers: Vec::new(), body: body.into() }
    }
}

pub(super) struct Upstream {
    pub(super) address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    listening: AbortHandle,
}

struct Shared {
    /// The answers to the first requests.
    before: Vec<Script>,
    script: Script,
    /// What was asked since the script began, requests for access tokens aside.
    seen: Vec<Request>,
}

impl Upstream {
    pub(super) async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Mutex::new(Shared { before: Vec::new(), script: Script::Silence, seen: Vec::new() }));
        let kept = shared.clone();
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, kept.clone()));
            }
        });
        Ok(Self { address, shared, listening: listening.abort_handle() })
    }

    /// Answers the first requests like those before, and all further ones like this; forgets what was asked.
    pub(super) fn play(&self, before: &[Script], script: Script) {
        let shared = Shared { before: before.to_vec(), script, seen: Vec::new() };
        *self.shared.lock().unwrap_or_else(PoisonError::into_inner) = shared;
    }

    /// Requests since the script began.
    pub(super) fn seen(&self) -> Vec<Request> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).seen.clone()
    }

    /// Nobody listens from now on.
    pub(super) async fn stop(&self) {
        self.listening.abort();
        // The port is closed when the task's end has come.
        while !self.listening.is_finished() {
            tokio::task::yield_now().await;
        }
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Mutex<Shared>>) {
    let Some((head, body)) = read(&mut stream).await else { return };
    // RFC 6749 section 4.4.2. A check of what a provider does is not about tokens: there always is one.
    if is_token_request(&body) {
        let token = br#"{"access_token":"stand-in","token_type":"Bearer","expires_in":3600}"#;
        say(&mut stream, 200, &[("content-type".to_owned(), "application/json".to_owned())], token).await;
        return;
    }
    let request = Request { head, body };
    let script = {
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        let script = shared.before.get(shared.seen.len()).unwrap_or(&shared.script).clone();
        shared.seen.push(request.clone());
        script
    };
    match script {
        Script::Answer { status, headers, body } => say(&mut stream, status, &headers, &body).await,
        Script::Echo { status, answer, words } => {
            let said =
                format!("{words} {} {}", request.header("authorization"), String::from_utf8_lossy(&request.body));
            let (kind, body) = match answer {
                Some(answer) => ("application/json", echoing(answer, &said).to_string()),
                None => ("text/plain; charset=utf-8", said),
            };
            say(&mut stream, status, &[("content-type".to_owned(), kind.to_owned())], body.as_bytes()).await;
        }
        Script::Silence => std::future::pending().await,
        Script::Cut => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"id\":\"").await;
        }
    }
}

/// An answer with the words under the names that upstreams use for words. What it said before it says still.
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

/// Each answer ends its connection, so that nothing of one script is left for the next.
async fn say(stream: &mut TcpStream, status: u16, headers: &[(String, String)], body: &[u8]) {
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
