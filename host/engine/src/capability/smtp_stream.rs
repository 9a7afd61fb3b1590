//! What stands between an SMTP server and the library that speaks to it: replies pass line by line, checked and bounded.
//!
//! The library reads ahead, so bytes sent in plaintext before TLS would be read as if they came after it (STARTTLS
//! injection), and a reply without text made it panic (RUSTSEC-2026-0562). Neither gets past here.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The longest reply line (RFC 5321 section 4.5.3.1.5 says 512 octets; servers exceed it).
const LINE_BYTES: usize = 2048;
/// All that a server may say in one exchange.
const REPLY_BYTES: usize = 64 << 10;

/// A connection to a server, in plaintext or through TLS.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Wire for T {}

/// The lines of a server's replies. Clones are handles to one connection, so that it can be taken back for STARTTLS.
pub(super) struct Replies<W>(Arc<Mutex<Option<State<W>>>>);

struct State<W> {
    wire: W,
    /// Read, and not yet a whole line.
    raw: Vec<u8>,
    /// A checked line that is being handed out.
    line: Vec<u8>,
    budget: usize,
}

impl<W> Clone for Replies<W> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<W: Wire> Replies<W> {
    /// A connection whose server speaks first.
    pub(super) fn new(wire: W) -> Self {
        Self::with_line(wire, Vec::new())
    }

    /// A connection that goes on after STARTTLS: the server has greeted already, and the library wants to be greeted.
    pub(super) fn greeted(wire: W) -> Self {
        Self::with_line(wire, b"220 ready\r\n".to_vec())
    }

    fn with_line(wire: W, line: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(Some(State { wire, raw: Vec::new(), line, budget: REPLY_BYTES }))))
    }

    /// Takes the connection back. `None` if the server sent more than it was asked for: what it said before TLS must not count
    /// after it.
    pub(super) fn take(&self) -> Option<W> {
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

impl<W: Wire> State<W> {
    fn poll_line(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.line.is_empty() {
            if let Some(end) = self.raw.iter().position(|&b| b == b'\n') {
                let rest = self.raw.split_off(end + 1);
                let line = std::mem::replace(&mut self.raw, rest);
                self.line = checked(&line)?;
                break;
            }
            if self.raw.len() > LINE_BYTES {
                return Poll::Ready(Err(invalid("a reply line is too long")));
            }
            let mut bytes = [0; 1024];
            let mut buffer = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut self.wire).poll_read(context, &mut buffer))?;
            let read = buffer.filled();
            if read.is_empty() {
                return Poll::Ready(Ok(()));
            }
            self.budget = self.budget.checked_sub(read.len()).ok_or_else(|| invalid("the replies are too long"))?;
            self.raw.extend_from_slice(read);
        }
        Poll::Ready(Ok(()))
    }
}

/// A reply line (RFC 5321 section 4.2): three digits, a space or a hyphen, text. Where there is no text one is put in.
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
        self.with(|state| Pin::new(&mut state.wire).poll_write(context, bytes))
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
    /// The library asks for this in its log only.
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
