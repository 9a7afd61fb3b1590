//! An HTTP upstream of ours on loopback, which answers as it is told.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use crate::provider::credentials::is_token_request;

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
}

/// What the real one says.
pub(super) struct Says {
    /// To what is asked before it is given a message, in order.
    pub(super) before: Vec<Script>,
    /// When it takes a message.
    pub(super) accepted: Script,
    /// To what is asked before it is given an answer, in order.
    pub(super) before_answer: Vec<Script>,
    /// When it finds an answer right.
    pub(super) approved: Option<Script>,
    /// What it reports of a message that arrived.
    pub(super) reports: Option<Vec<u8>>,
}

impl Script {
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
    /// What was asked since the script began, requests for access tokens aside: head and body.
    seen: Vec<(String, Vec<u8>)>,
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
    pub(super) fn seen(&self) -> Vec<(String, Vec<u8>)> {
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
    let script = {
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        let script = shared.before.get(shared.seen.len()).unwrap_or(&shared.script).clone();
        shared.seen.push((head, body));
        script
    };
    match script {
        Script::Answer { status, headers, body } => say(&mut stream, status, &headers, &body).await,
        Script::Silence => std::future::pending().await,
        Script::Cut => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"id\":\"").await;
        }
    }
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
