//! A webhook on loopback, like one of an operator. It responds as its path says: `/200`, `/429` and
//! so on; at `/dropped` it reads the request and closes the connection.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{self, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The message's id in its response.
pub const REFERENCE: &str = "m-4711";

/// One request as it came.
#[derive(Clone)]
pub struct Posted {
    /// The first line and the headers.
    pub head: String,
    pub body: Value,
}

impl Posted {
    /// Returns all values of a header.
    pub fn header(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }
}

pub struct Webhook {
    pub address: SocketAddr,
    posted: Arc<Mutex<Vec<Posted>>>,
}

impl Webhook {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let webhook = Self { address: listener.local_addr().unwrap(), posted: Arc::default() };
        let posted = webhook.posted.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let posted = posted.clone();
                // It ends when the client closes the connection.
                tokio::spawn(async move { serve(stream, &posted).await });
            }
        });
        webhook
    }

    /// Returns an address on which nothing listens.
    pub async fn nobody() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
    }

    pub fn posted(&self) -> Vec<Posted> {
        self.posted.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, posted: &Mutex<Vec<Posted>>) -> io::Result<()> {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut request = Posted { head, body: Value::Null };
        let length = request.header("content-length").first().and_then(|length| length.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut body).await?;
        request.body = serde_json::from_slice(&body).unwrap_or_default();
        let path = request.head.split(' ').nth(1).unwrap_or_default().to_owned();
        posted.lock().unwrap().push(request);
        let Ok(status) = path.trim_start_matches('/').parse::<u16>() else {
            return Ok(());
        };
        let wait = if status == 429 { "retry-after: 7\r\n" } else { "" };
        let body = format!("{{\"id\":\"{REFERENCE}\"}}");
        let answer = format!("HTTP/1.1 {status} x\r\n{wait}content-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await?;
    }
}
