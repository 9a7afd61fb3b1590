//! A client of HTTP/2 (RFC 9113) that can also do what no ordinary client does.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
/// Of no known kind: it is ignored (section 4.1).
const UNKNOWN: u8 = 0xfa;
const ACKNOWLEDGES: u8 = 1;
const END_HEADERS: u8 = 4;
const END_HEADERS_AND_STREAM: u8 = 5;
/// `:method` GET and POST (RFC 7541 appendix A).
const GET: u8 = 0x82;
const POST: u8 = 0x83;
const INITIAL_WINDOW_SIZE: u16 = 4;

pub(crate) struct Http2 {
    stream: TcpStream,
    /// Streams that were reset before they were answered.
    pub(crate) refused: u32,
}

impl Http2 {
    /// Opens a connection that lets the server send so many bytes on each stream.
    pub(crate) async fn open(stream: TcpStream, window: u32) -> Self {
        let mut http2 = Self { stream, refused: 0 };
        http2.stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        let mut settings = INITIAL_WINDOW_SIZE.to_be_bytes().to_vec();
        settings.extend_from_slice(&window.to_be_bytes());
        http2.send(SETTINGS, 0, 0, &settings).await;
        http2
    }

    async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
        frame.extend_from_slice(&[kind, flags]);
        frame.extend_from_slice(&stream.to_be_bytes());
        frame.extend_from_slice(payload);
        // A server that ends the connection is looked at where its frames are read.
        let _ = self.stream.write_all(&frame).await;
    }

    /// Sends a request without a body.
    pub(crate) async fn get(&mut self, stream: u32, path: &str) {
        self.request(GET, END_HEADERS_AND_STREAM, stream, path).await;
    }

    /// Sends a request whose body follows.
    pub(crate) async fn post(&mut self, stream: u32, path: &str) {
        self.request(POST, END_HEADERS, stream, path).await;
    }

    /// Sends the headers of a request. Names and values are not compressed (RFC 7541).
    async fn request(&mut self, method: u8, flags: u8, stream: u32, path: &str) {
        let mut headers = vec![method, 0x86, 0x04, u8::try_from(path.len()).unwrap()];
        headers.extend_from_slice(path.as_bytes());
        headers.extend_from_slice(&[0x01, 1, b'a']);
        self.send(HEADERS, flags, stream, &headers).await;
    }

    /// Sends a part of a body that goes on. The caller keeps within the server's window.
    pub(crate) async fn part(&mut self, stream: u32, bytes: &[u8]) {
        self.send(DATA, 0, stream, bytes).await;
    }

    /// Sends a frame that a server ignores.
    pub(crate) async fn unknown(&mut self, payload: &[u8]) {
        self.send(UNKNOWN, 0, 0, payload).await;
    }

    /// Returns the next frame's kind and flags, with its payload; `None` at the end of the connection.
    async fn frame(&mut self) -> Option<(u8, u8, Vec<u8>)> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        self.stream.read_exact(&mut payload).await.ok()?;
        if head[3] == SETTINGS && head[4] != ACKNOWLEDGES {
            self.send(SETTINGS, ACKNOWLEDGES, 0, &[]).await;
        }
        if head[3] == PING && head[4] != ACKNOWLEDGES {
            self.send(PING, ACKNOWLEDGES, 0, &payload).await;
        }
        Some((head[3], head[4], payload))
    }

    /// Reads until so many streams were answered or reset, or the connection ends; how many were answered.
    pub(crate) async fn responses(&mut self, streams: u32) -> u32 {
        let mut responses = 0;
        while responses + self.refused < streams {
            match self.frame().await {
                Some((HEADERS, ..)) => responses += 1,
                Some((RST_STREAM, ..)) => self.refused += 1,
                Some(_) => {}
                None => break,
            }
        }
        responses
    }

    /// Reads until the server ends the connection.
    pub(crate) async fn end(&mut self) {
        while self.frame().await.is_some() {}
    }
}
