//! A mail server on loopback (RFC 5321) that deviates from a successful exchange at one step.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// The step at which the server replies differently, and its reply; without one it closes the connection.
#[derive(Clone, Copy, Default)]
pub(super) struct Deviation {
    pub(super) at: &'static str,
    pub(super) reply: Option<&'static str>,
}

pub(super) struct MailServer {
    pub(super) address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    deviation: Deviation,
    mails: Vec<String>,
    connections: usize,
}

impl MailServer {
    pub(super) async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared: Arc<Mutex<Shared>> = Arc::default();
        let kept = shared.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let kept = kept.clone();
                tokio::spawn(async move { serve(stream, &kept).await });
            }
        });
        Ok(Self { address, shared })
    }

    /// Replies like this from now on, and forgets its emails.
    pub(super) fn respond(&self, deviation: Deviation) {
        *self.shared.lock().unwrap_or_else(PoisonError::into_inner) = Shared { deviation, ..Shared::default() };
    }

    /// Returns the emails that were received whole since then.
    pub(super) fn mails(&self) -> Vec<String> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).mails.clone()
    }

    /// Returns the number of connections since then.
    pub(super) fn connections(&self) -> usize {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).connections
    }
}

async fn serve(stream: TcpStream, shared: &Mutex<Shared>) -> Option<()> {
    let deviation = {
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.connections += 1;
        shared.deviation
    };
    let mut stream = BufReader::new(stream);
    reply(&mut stream, deviation, "greeting", "220 stand-in ESMTP").await?;
    loop {
        let line = line(&mut stream).await?;
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" => {
                reply(
                    &mut stream,
                    deviation,
                    "EHLO",
                    "250-stand-in\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 AUTH PLAIN LOGIN",
                )
                .await?
            }
            "AUTH" => reply(&mut stream, deviation, "AUTH", "235 2.7.0 in").await?,
            "MAIL" => reply(&mut stream, deviation, "MAIL", "250 2.1.0 ok").await?,
            "RCPT" => reply(&mut stream, deviation, "RCPT", "250 2.1.5 ok").await?,
            "DATA" => {
                reply(&mut stream, deviation, "DATA", "354 go on").await?;
                let mut text = String::new();
                loop {
                    let line = self::line(&mut stream).await?;
                    if line == "." {
                        break;
                    }
                    // RFC 5321 section 4.5.2.
                    text.push_str(line.strip_prefix('.').unwrap_or(&line));
                    text.push('\n');
                }
                shared.lock().unwrap_or_else(PoisonError::into_inner).mails.push(text);
                reply(&mut stream, deviation, "message", "250 2.0.0 queued as STANDIN").await?;
            }
            "QUIT" => {
                reply(&mut stream, Deviation::default(), "QUIT", "221 bye").await?;
                return None;
            }
            _ => reply(&mut stream, Deviation::default(), "", "502 5.5.1 no").await?,
        }
    }
}

async fn reply(stream: &mut BufReader<TcpStream>, deviation: Deviation, at: &str, usual: &str) -> Option<()> {
    let text = if deviation.at == at && !at.is_empty() { deviation.reply? } else { usual };
    stream.get_mut().write_all(format!("{text}\r\n").as_bytes()).await.ok()
}

async fn line(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = Vec::new();
    let read = stream.take(64 << 10).read_until(b'\n', &mut line).await.ok()?;
    (read > 0).then(|| String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned())
}
