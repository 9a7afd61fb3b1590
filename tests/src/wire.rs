//! A server that misbehaves on the wire: in TLS it is flawless, in HTTP it is not.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{self, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::vendors::tls::{Authority, TlsListener, with_http2};

/// A misbehaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trick {
    /// One byte of a response at a time, endlessly.
    Drip,
    EndlessBody,
    EndlessHeaders,
    /// One endless header.
    EndlessHeader,
    /// 100 Continue, endlessly.
    Continue,
    /// 103 Early Hints, endlessly.
    EarlyHints,
    /// A body that claims to be compressed in this coding, and is not.
    Compressed(&'static str),
    /// A body in gzip, without being asked for it.
    Gzip,
    /// Three mebibytes of blanks in gzip.
    Bomb,
    /// Less than announced.
    Short,
    /// Two lengths that differ.
    TwoLengths,
    /// A chunk longer than any memory.
    HugeChunk,
    /// The response, followed by an unsolicited one.
    Twice,
    /// The connection ends before the request is read,
    CutAtOnce,
    /// after it,
    CutAfterRequest,
    /// within the head of the answer.
    CutInHead,
    /// HTTP/2: it goes away and has processed nothing.
    GoAway,
    /// HTTP/2: it refuses the stream.
    Refuse,
    /// HTTP/2: endless settings.
    Settings,
}

use Trick::{
    Bomb, Compressed, Continue, CutAfterRequest, CutAtOnce, CutInHead, Drip, EarlyHints, EndlessBody, EndlessHeader,
    EndlessHeaders, GoAway, Gzip, HugeChunk, Refuse, Settings, Short, Twice, TwoLengths,
};

/// The server.
pub struct Wire {
    pub address: SocketAddr,
    /// The requests that were read.
    requests: Arc<AtomicUsize>,
}

impl Wire {
    pub async fn start(authority: &Authority, host: &str, trick: Trick) -> Self {
        let config = authority.server(&[host]);
        let config = if matches!(trick, GoAway | Refuse | Settings) { with_http2(config) } else { config };
        let mut listener = TlsListener::bind(config).await;
        let wire = Self { address: listener.address(), requests: Arc::default() };
        let requests = wire.requests.clone();
        tokio::spawn(async move {
            loop {
                let (stream, requests) = (listener.next().await, requests.clone());
                // It ends when the client disconnects.
                tokio::spawn(async move { play(trick, stream, &requests).await });
            }
        });
        wire
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

async fn play(trick: Trick, mut stream: TlsStream<TcpStream>, requests: &AtomicUsize) -> io::Result<()> {
    if trick == CutAtOnce {
        return Ok(());
    }
    if matches!(trick, GoAway | Refuse | Settings) {
        return play_http2(trick, stream, requests).await;
    }
    loop {
        read_request(&mut stream).await?;
        let number = requests.fetch_add(1, Ordering::SeqCst) + 1;
        let stream = &mut stream;
        let begun = "HTTP/1.1 201 Created\r\n";
        match trick {
            Drip => {
                say(stream, begun).await?;
                for_ever(stream, "x", Some(Duration::from_millis(20))).await?;
            }
            EndlessBody => {
                say(stream, &format!("{begun}transfer-encoding: chunked\r\n\r\n")).await?;
                for_ever(stream, &format!("1000\r\n{}\r\n", "x".repeat(0x1000)), None).await?;
            }
            EndlessHeaders => {
                say(stream, begun).await?;
                for_ever(stream, "x-more: x\r\n", None).await?;
            }
            EndlessHeader => {
                say(stream, &format!("{begun}x-more: ")).await?;
                for_ever(stream, &"x".repeat(1000), None).await?;
            }
            Continue => for_ever(stream, "HTTP/1.1 100 Continue\r\n\r\n", None).await?,
            EarlyHints => for_ever(stream, "HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n", None).await?,
            Compressed(coding) => {
                say(stream, &format!("{begun}content-encoding: {coding}\r\ncontent-length: 7\r\n\r\n{{\"a\":1}}"))
                    .await?;
            }
            Gzip => say_in_gzip(stream, begun, GZIP).await?,
            Bomb => say_in_gzip(stream, begun, &bomb()).await?,
            Short => return say(stream, &format!("{begun}content-length: 100\r\n\r\n{{}}")).await,
            TwoLengths => {
                say(stream, &format!("{begun}content-length: 2\r\ncontent-length: 3\r\n\r\n{{}}x")).await?;
            }
            HugeChunk => {
                say(stream, &format!("{begun}transfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n")).await?;
                for_ever(stream, &"x".repeat(0x1000), None).await?;
            }
            Twice => {
                let answer = |status: usize| format!("HTTP/1.1 {status} x\r\ncontent-length: 2\r\n\r\n{{}}");
                say(stream, &format!("{}{}", answer(200 + number), answer(299))).await?;
            }
            CutInHead => return say(stream, "HTTP/1.1 201 Crea").await,
            CutAtOnce | CutAfterRequest | GoAway | Refuse | Settings => return Ok(()),
        }
    }
}

/// Writes, and does not leave it lying about.
/// `{"a":1}` in gzip.
const GZIP: &[u8] =
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\x4a\x54\xb2\x32\xac\x05\x00\xaf\xac\x1b\x56\x07\x00\x00\x00";

/// Three mebibytes of blanks in gzip, which are mostly zeros.
fn bomb() -> Vec<u8> {
    let (begin, end) = (
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xed\xc1\x01\x0d\x00\x00\x00\xc2\xa0\x2a\xef\x9f\xd2\x1c\x6e\x40\x01",
        b"\x7c\x1b\x1b\xef\x86\x43\x00\x00\x30\x00",
    );
    [&begin[..], &[0; 3047], end].concat()
}

async fn say_in_gzip(stream: &mut TlsStream<TcpStream>, begun: &str, body: &[u8]) -> io::Result<()> {
    say(stream, &format!("{begun}content-encoding: gzip\r\ncontent-length: {}\r\n\r\n", body.len())).await?;
    stream.write_all(body).await?;
    stream.flush().await
}

async fn say(stream: &mut TlsStream<TcpStream>, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes()).await?;
    stream.flush().await
}

async fn for_ever(stream: &mut TlsStream<TcpStream>, text: &str, pause: Option<Duration>) -> io::Result<()> {
    loop {
        say(stream, text).await?;
        if let Some(pause) = pause {
            tokio::time::sleep(pause).await;
        }
    }
}

/// Up to the end of the body.
async fn read_request(stream: &mut TlsStream<TcpStream>) -> io::Result<()> {
    let mut text = Vec::new();
    loop {
        text.push(stream.read_u8().await?);
        if text.ends_with(b"\r\n\r\n") {
            break;
        }
    }
    let head = String::from_utf8_lossy(&text).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await?;
    Ok(())
}

/// Frames of HTTP/2 (RFC 9113 section 4.1): length, type, flags, stream.
async fn play_http2(trick: Trick, mut stream: TlsStream<TcpStream>, requests: &AtomicUsize) -> io::Result<()> {
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    const HEADERS: u8 = 1;
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await?;
    stream.write_all(&SETTINGS).await?;
    stream.flush().await?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await?;
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        stream.read_exact(&mut payload).await?;
        if head[3] == HEADERS {
            break;
        }
    }
    requests.fetch_add(1, Ordering::SeqCst);
    match trick {
        // Last stream 0, no error.
        GoAway => stream.write_all(&[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).await?,
        // Stream 1, REFUSED_STREAM.
        Refuse => stream.write_all(&[0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 7]).await?,
        _ => loop {
            stream.write_all(&SETTINGS).await?;
        },
    }
    stream.flush().await?;
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.map(drop)
}
