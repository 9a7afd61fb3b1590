//! A filter between an SMTP server and the library that talks to it. Replies pass line by line,
//! checked and limited.
//!
//! The library reads ahead, so bytes sent in plaintext before TLS would be read as if they came
//! after it (STARTTLS injection), and a reply without text made it panic (RUSTSEC-2026-0562).
//! Neither passes this filter.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use lettre::transport::smtp::extension::ClientId;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The maximum length of a reply line (RFC 5321 section 4.5.3.1.5 says 512 octets; servers exceed
/// it).
const LINE_BYTES: usize = 2048;
/// The maximum number of lines of a reply. The library parses a reply from its beginning for each
/// line that is added.
const REPLY_LINES: usize = 100;
/// The maximum number of bytes that a server may send in one exchange.
const REPLY_BYTES: usize = 64 << 10;

/// A connection to a server, in plaintext or through TLS.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Wire for T {}

/// The state of a connection between two emails.
pub(super) trait Line: Send + Sync {
    /// Ready when the server sends something, or closes the connection, although it was not asked for anything. The bytes are lost.
    fn poll_unexpected(&self, context: &mut Context<'_>) -> Poll<()>;

    /// Prepares for another exchange. Returns whether the last one ended cleanly.
    fn begin_exchange(&self) -> bool;
}

/// The lines of a server's replies. Clones are handles to one connection, so that it can be taken
/// back for STARTTLS.
pub(crate) struct Replies<W>(Arc<Mutex<Option<State<W>>>>);

struct State<W> {
    wire: W,
    /// Bytes of an incomplete line.
    raw: Vec<u8>,
    /// A checked reply that the library is reading.
    line: Vec<u8>,
    /// The checked lines of an incomplete reply, and their number.
    reply: Vec<u8>,
    lines: usize,
    /// Whether the server refused a command.
    refused: bool,
    /// Whether the last command was EHLO.
    hello: bool,
    /// The command to send if the server does not know EHLO.
    helo: Option<Vec<u8>>,
    /// Bytes that this filter sends by itself and has not written yet.
    unwritten: Vec<u8>,
    budget: usize,
}

impl<W> Clone for Replies<W> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<W: Wire> Replies<W> {
    /// Creates a connection on which the server speaks first.
    pub(crate) fn new(wire: W) -> Self {
        Self::with_line(wire, Vec::new())
    }

    /// Returns a connection after STARTTLS: the server has greeted already, but the library expects a
    /// greeting.
    pub(crate) fn greeted(wire: W) -> Self {
        Self::with_line(wire, b"220 ready\r\n".to_vec())
    }

    fn with_line(wire: W, line: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(Some(State {
            wire,
            raw: Vec::new(),
            line,
            reply: Vec::new(),
            lines: 0,
            refused: false,
            hello: false,
            helo: None,
            unwritten: Vec::new(),
            budget: REPLY_BYTES,
        }))))
    }

    /// Sends HELO to a server that does not know EHLO (RFC 5321 section 3.2). Such a server offers
    /// no extension, so neither TLS nor a login.
    pub(crate) fn or_helo(self, hello: &ClientId) -> Self {
        if let Some(state) = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            state.helo = Some(format!("HELO {hello}\r\n").into_bytes());
        }
        self
    }

    /// Takes the connection back. `None` if the server sent more than it was asked for: nothing
    /// that it sent before TLS may count after it.
    pub(crate) fn take(&self) -> Option<W> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        (state.raw.is_empty() && state.line.is_empty()).then_some(state.wire)
    }

    fn with<T>(&self, act: impl FnOnce(&mut State<W>) -> Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(state) => act(state),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

impl<W: Wire> Line for Replies<W> {
    fn poll_unexpected(&self, context: &mut Context<'_>) -> Poll<()> {
        let unexpected = self.with(|state| {
            if !state.is_at_rest() {
                return Poll::Ready(Ok(()));
            }
            let mut byte = [0];
            Pin::new(&mut state.wire).poll_read(context, &mut ReadBuf::new(&mut byte))
        });
        unexpected.map(drop)
    }

    fn begin_exchange(&self) -> bool {
        let renewed = self.with(|state| {
            state.budget = REPLY_BYTES;
            Poll::Ready(Ok(state.is_at_rest()))
        });
        matches!(renewed, Poll::Ready(Ok(true)))
    }
}

impl<W: Wire> State<W> {
    /// Returns whether every reply was complete, asked for and read.
    fn is_at_rest(&self) -> bool {
        let heard = self.raw.is_empty() && self.line.is_empty() && self.reply.is_empty();
        heard && self.unwritten.is_empty() && !self.refused
    }

    fn poll_line(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.line.is_empty() {
            while !self.unwritten.is_empty() {
                let written = ready!(Pin::new(&mut self.wire).poll_write(context, &self.unwritten))?;
                self.unwritten.drain(..written);
                ready!(Pin::new(&mut self.wire).poll_flush(context))?;
            }
            if let Some(end) = self.raw.iter().position(|&b| b == b'\n') {
                let rest = self.raw.split_off(end + 1);
                let line = std::mem::replace(&mut self.raw, rest);
                self.take_line(checked(&line)?)?;
                continue;
            }
            if self.raw.len() > LINE_BYTES {
                return Poll::Ready(Err(invalid("a reply line is too long")));
            }
            let mut bytes = [0; 1024];
            let mut buffer = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut self.wire).poll_read(context, &mut buffer))?;
            let read = buffer.filled();
            if read.is_empty() {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            self.budget = self.budget.checked_sub(read.len()).ok_or_else(|| invalid("the replies are too long"))?;
            self.raw.extend_from_slice(read);
        }
        Poll::Ready(Ok(()))
    }

    /// Adds a checked line to the reply. With the last line the reply becomes readable.
    fn take_line(&mut self, mut line: Vec<u8>) -> io::Result<()> {
        let goes_on = line[3] == b'-';
        self.lines = if goes_on { self.lines + 1 } else { 0 };
        if self.lines >= REPLY_LINES {
            return Err(invalid("a reply has too many lines"));
        }
        if self.hello && line.starts_with(b"250") {
            plain_keyword(&mut line);
        }
        let is_no = !goes_on && matches!(line[0], b'4' | b'5');
        // If a server's reply code changes within a reply, the last one counts.
        if is_no && self.reply.get(..3).is_some_and(|code| code != &line[..3]) {
            self.reply.clear();
        }
        self.reply.append(&mut line);
        if goes_on {
            return Ok(());
        }
        let reply = std::mem::take(&mut self.reply);
        if self.hello
            && matches!(&reply[..3], b"500" | b"501" | b"502" | b"504")
            && let Some(helo) = self.helo.take()
        {
            // Anything after it would be read as the reply to the next command.
            if !self.raw.is_empty() {
                return Err(invalid("the server spoke out of turn"));
            }
            self.unwritten = helo;
            return Ok(());
        }
        self.refused = is_no;
        self.line = reply;
        Ok(())
    }
}

/// Converts an extension's keyword to the spelling that the library knows. Keywords are
/// case-insensitive (RFC 5321 section 2.4), and old servers write `AUTH=LOGIN`.
fn plain_keyword(line: &mut [u8]) {
    line.make_ascii_uppercase();
    if line.get(4..9) == Some(b"AUTH=") {
        line[8] = b' ';
    }
}

/// Checks a reply line (RFC 5321 section 4.2): three digits, a space or a hyphen, text. Adds a text
/// if there is none.
fn checked(line: &[u8]) -> io::Result<Vec<u8>> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let (code, rest) = line.split_at_checked(3).ok_or_else(|| invalid("a reply line is malformed"))?;
    if !code.iter().all(u8::is_ascii_digit) || !(b'2'..=b'5').contains(&code[0]) {
        return Err(invalid("a reply line is malformed"));
    }
    let (mark, text) = match rest.split_first() {
        None => (b' ', &b""[..]),
        Some((mark @ (b' ' | b'-'), text)) => (*mark, text),
        Some(_) => return Err(invalid("a reply line is malformed")),
    };
    let mut out = code.to_vec();
    out.push(mark);
    let printable = text.iter().map(|&b| if b.is_ascii_graphic() || b == b' ' { b } else { b'?' });
    out.extend(printable);
    if text.iter().all(u8::is_ascii_whitespace) {
        out.push(b'-');
    }
    out.extend_from_slice(b"\r\n");
    Ok(out)
}

fn invalid(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

impl<W: Wire> AsyncRead for Replies<W> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.with(|state| {
            // A negative reply ends the exchange. Otherwise the library would wait for a reply to
            // QUIT, and lose the negative one on a timeout.
            if state.refused && state.line.is_empty() {
                return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
            }
            ready!(state.poll_line(context))?;
            let give = out.remaining().min(state.line.len());
            out.put_slice(&state.line[..give]);
            state.line.drain(..give);
            Poll::Ready(Ok(()))
        })
    }
}

impl<W: Wire> AsyncWrite for Replies<W> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.with(|state| {
            // Anything sent before it was asked for would be read as the reply to the next command.
            if !state.raw.is_empty() || !state.line.is_empty() {
                return Poll::Ready(Err(invalid("the server spoke out of turn")));
            }
            let written = ready!(Pin::new(&mut state.wire).poll_write(context, bytes))?;
            state.hello = bytes.starts_with(b"EHLO ");
            // After QUIT the library waits for a reply that does not matter.
            state.refused &= bytes.starts_with(b"QUIT");
            Poll::Ready(Ok(written))
        })
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|state| Pin::new(&mut state.wire).poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|state| Pin::new(&mut state.wire).poll_shutdown(context))
    }
}

impl<W> fmt::Debug for Replies<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Replies")
    }
}

impl<W: Wire> AsyncTokioStream for Replies<W> {
    /// The library needs this only for its log.
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use lettre::transport::smtp::client::AsyncSmtpConnection;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;

    /// Returns the connection to a server that has sent this and nothing more.
    async fn said(bytes: &[u8]) -> (Replies<DuplexStream>, DuplexStream) {
        let (mut server, client) = duplex(bytes.len().max(1));
        server.write_all(bytes).await.unwrap();
        (Replies::new(client), server)
    }

    /// Returns all the lines that pass, and whether the rest was refused.
    async fn passed(bytes: &[u8]) -> (String, bool) {
        let (mut replies, server) = said(bytes).await;
        drop(server);
        let mut out = Vec::new();
        let end = replies.read_to_end(&mut out).await.unwrap_err();
        (String::from_utf8(out).unwrap(), end.kind() == io::ErrorKind::InvalidData)
    }

    #[tokio::test]
    async fn a_line_without_text_gets_one_and_a_malformed_one_does_not_pass() {
        for (came, passes) in [
            ("250\r\n", "250 -\r\n"),
            ("250 \r\n", "250 -\r\n"),
            ("250-\n250 ok\n", "250--\r\n250 ok\r\n"),
            ("250 a\0\u{1b}b\r\n", "250 a??b\r\n"),
            ("220 a\rb\r\n", "220 a?b\r\n"),
        ] {
            assert_eq!(passed(came.as_bytes()).await, (passes.to_owned(), false), "{came:?}");
        }
        for came in ["\r\n", "25\r\n", "2x0 a\r\n", "150 a\r\n", "650 a\r\n", "250_a\r\n", "250", " 250 a\r\n"] {
            let came = format!("220 a\r\n{came}");
            let (passes, refused) = passed(came.as_bytes()).await;
            assert_eq!(passes, "220 a\r\n", "{came:?}");
            // An incomplete line at the end of the connection is discarded.
            assert!(refused || came.ends_with("250"), "{came:?}");
        }
    }

    #[tokio::test]
    async fn lines_replies_and_exchanges_are_bounded() {
        for (came, bound) in [
            (vec![b'2'; 1 << 20], 0),
            ([b"250 ".to_vec(), vec![b'x'; 10_000], b"\r\n".to_vec()].concat(), 0),
            (b"250-x\r\n".repeat(1 << 16), 7 * REPLY_LINES),
            (b"250 x\r\n".repeat(1 << 16), REPLY_BYTES),
        ] {
            let (passes, refused) = passed(&came).await;
            assert!(refused && passes.len() <= bound, "{}", passes.len());
        }
    }

    #[tokio::test]
    async fn a_connection_is_taken_back_only_if_the_server_sent_nothing_extra() {
        for (came, expected) in [("220 go\r\n", true), ("220 go\r\n2", false), ("220 go\r\n250 ok\r\n", false)] {
            let (mut replies, _server) = said(came.as_bytes()).await;
            let mut line = [0; 8];
            replies.read_exact(&mut line).await.unwrap();
            assert_eq!(&line, b"220 go\r\n");
            assert_eq!(replies.clone().write_all(b"x").await.is_ok(), expected, "{came:?}");
            assert_eq!(Replies::take(&replies).is_some(), expected, "{came:?}");
            assert!(replies.write_all(b"x").await.is_err());
        }
    }

    #[tokio::test]
    async fn nothing_waits_after_a_negative_reply() {
        let (mut replies, _server) = said(b"550-a\r\n550 b\r\n").await;
        let mut out = Vec::new();
        assert!(replies.read_to_end(&mut out).await.is_err());
        assert_eq!(out, b"550-a\r\n550 b\r\n");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn only_valid_replies_pass_and_the_library_always_ends(parts in vec(prop_oneof![
            8 => select(&["220", "250", "334", "421", "550", "-", " ", "\r\n", "\n", "\r", "AUTH", "STARTTLS", "SIZE", "\0"][..])
                .prop_map(|part| part.as_bytes().to_vec()),
            2 => vec(any::<u8>(), 0..40),
            1 => vec(any::<u8>(), 0..3000),
        ], 0..40)) {
            let bytes = parts.concat();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let (passes, _) = passed(&bytes).await;
                for line in passes.split_inclusive('\n') {
                    let text = line.strip_suffix("\r\n").unwrap();
                    let (code, rest) = text.split_at(3);
                    assert!(matches!(code.parse(), Ok(200..=599)) && rest.starts_with([' ', '-']), "{line:?}");
                    assert!(rest.len() > 1 && rest.bytes().all(|b| b.is_ascii_graphic() || b == b' '), "{line:?}");
                    assert!(line.len() <= LINE_BYTES + 1024);
                }
                let (replies, server) = said(&[b"220 ours\r\n".to_vec(), bytes].concat()).await;
                drop(server);
                let hello = ClientId::Domain("example.com".to_owned());
                let _ = AsyncSmtpConnection::connect_with_transport(Box::new(replies), &hello).await;
            });
        }
    }
}
