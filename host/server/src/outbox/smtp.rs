//! A mail server, as far as the demo needs one (RFC 5321).

use std::sync::Arc;
use std::time::Duration;

use mail_parser::MessageParser;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::Messages;

/// The maximum length of an email, in bytes.
const MAIL_BYTES: usize = 1 << 20;

/// The maximum length of a line, in bytes.
const LINE_BYTES: u64 = 4 << 10;

/// The maximum number of concurrent clients; others wait.
const CLIENTS: usize = 256;

/// How long a client may take for a line.
const TIME: Duration = Duration::from_secs(60);

pub(super) async fn serve(listener: TcpListener, messages: Messages) {
    let places = Arc::new(Semaphore::new(CLIENTS));
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            // Most likely out of open files: some will be closed soon.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let messages = messages.clone();
        tokio::spawn(async move {
            let _place = place;
            if let Err(error) = converse(stream, &messages).await {
                tracing::debug!(%error, "an email client disconnected, or took too long");
            }
        });
    }
}

/// Reads a line with its end. Returns 0 at the end of the connection.
async fn read_line(stream: &mut BufReader<TcpStream>, line: &mut String) -> std::io::Result<usize> {
    line.clear();
    let length = timeout(TIME, stream.take(LINE_BYTES).read_line(line)).await??;
    if length > 0 && !line.ends_with('\n') {
        return Err(std::io::Error::other("a line is too long, or was cut off"));
    }
    Ok(length)
}

async fn converse(stream: TcpStream, messages: &Messages) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut to = String::new();
    stream.write_all(b"220 outbox\r\n").await?;
    let mut line = String::new();
    loop {
        if read_line(&mut stream, &mut line).await? == 0 {
            return Ok(());
        }
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        let reply: &[u8] = match verb.as_str() {
            "EHLO" => b"250-outbox\r\n250-AUTH PLAIN LOGIN\r\n250 SMTPUTF8\r\n",
            "AUTH" => b"235 2.7.0 accepted\r\n",
            "RCPT" => {
                to = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                b"250 2.1.5 ok\r\n"
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await?;
                let Some(mail) = message(&mut stream).await? else { return Ok(()) };
                deliver(messages, &to, mail.as_bytes());
                b"250 2.0.0 queued\r\n"
            }
            "QUIT" => {
                stream.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => b"250 ok\r\n",
        };
        stream.write_all(reply).await?;
    }
}

/// Returns the lines before the dot, with doubled dots undone. `None` if they are too long.
async fn message(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<String>> {
    let mut mail = String::new();
    let mut line = String::new();
    loop {
        if read_line(stream, &mut line).await? == 0 || mail.len() > MAIL_BYTES {
            return Ok(None);
        }
        if line == ".\r\n" {
            return Ok(Some(mail));
        }
        mail.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}

fn deliver(messages: &Messages, to: &str, mail: &[u8]) {
    let Some(mail) = MessageParser::default().parse(mail) else { return };
    let subject = mail.subject().unwrap_or_default().to_owned();
    let text = mail.body_text(0).unwrap_or_default().into_owned();
    messages.add("email", "email", to.to_owned(), subject, text);
}
