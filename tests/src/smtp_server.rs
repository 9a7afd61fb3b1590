//! A mail server on loopback whose behaviour can be changed at each step. Without a script it is
//! strict: it records as a fault what a client does against RFC 5321, 3207 (STARTTLS) and 4954
//! (AUTH).

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::certificates::Certificate;

/// The security of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    None,
    /// None, and no login.
    Relay,
    StartTls,
    ImplicitTls,
}

/// The step of an exchange at which the server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    Greeting,
    Hello,
    StartTls,
    /// TLS itself.
    Handshake,
    /// EHLO after STARTTLS.
    HelloAgain,
    /// AUTH PLAIN only, instead of `Auth`.
    AuthPlain,
    Auth,
    Sender,
    Recipient,
    Data,
    /// The end of the message.
    Message,
    Reset,
    Quit,
}

/// The server's behaviour at a step.
#[derive(Clone)]
pub enum Act {
    Say(Vec<u8>),
    /// Says the first, and the second a little later.
    SayTwice(Vec<u8>, Vec<u8>),
    /// Says it and ends the connection.
    SayAndCut(Vec<u8>),
    /// Sends this repeatedly, as long as the client listens.
    Endless(Vec<u8>),
    /// The same, one byte at a time with a little while in between.
    Drip(Vec<u8>),
    Silence,
    Cut,
}

impl fmt::Debug for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, bytes) = match self {
            Self::Say(bytes) => ("Say", &**bytes),
            Self::SayTwice(_, bytes) => ("SayTwice", &**bytes),
            Self::SayAndCut(bytes) => ("SayAndCut", &**bytes),
            Self::Endless(bytes) => ("Endless", &**bytes),
            Self::Drip(bytes) => ("Drip", &**bytes),
            Self::Silence => ("Silence", &b""[..]),
            Self::Cut => ("Cut", &b""[..]),
        };
        write!(f, "{name}({:.60})", bytes[..bytes.len().min(60)].escape_ascii().to_string())
    }
}

/// Returns a reply instead of the usual one.
pub fn say(text: &str) -> Act {
    Act::Say(text.as_bytes().to_vec())
}

pub type Script = HashMap<Step, Act>;

/// The data of a connection.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The commands, each with whether it came through TLS.
    pub commands: Vec<(bool, String)>,
    /// The messages as they came, up to the final dot, accepted or not.
    pub messages: Vec<Vec<u8>>,
    /// The client's violations of the rules.
    pub faults: Vec<String>,
}

impl Seen {
    /// Returns the commands that begin so.
    pub fn count(&self, verb: &str) -> usize {
        self.commands.iter().filter(|(_, command)| command.starts_with(verb)).count()
    }
}

#[derive(Clone)]
pub struct SmtpServer {
    pub address: SocketAddr,
    protection: Protection,
    acceptor: TlsAcceptor,
    script: Arc<Mutex<Script>>,
    connections: Arc<Mutex<Vec<Seen>>>,
    keeping: Arc<Mutex<Keeping>>,
    open: Arc<AtomicUsize>,
}

/// Whether connections may go on after an email, and how.
#[derive(Clone, Default)]
struct Keeping {
    keeps: bool,
    /// What it does once an email has come over a connection.
    later: Script,
    /// How many connections it takes at once, if that is limited.
    most: Option<usize>,
}

trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

impl SmtpServer {
    /// Listens; ends with its runtime.
    pub async fn start(protection: Protection, certificate: &Certificate) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            protection,
            acceptor: TlsAcceptor::from(certificate.server_config()),
            script: Arc::default(),
            connections: Arc::default(),
            keeping: Arc::default(),
            open: Arc::default(),
        };
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (exchange, open) = (serving.exchange(), serving.open.clone());
                open.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    let ended = exchange.run(stream).await;
                    open.fetch_sub(1, Ordering::SeqCst);
                    ended
                });
            }
        });
        server
    }

    /// Sets the behaviour on connections from now on.
    pub fn plays(&self, script: impl IntoIterator<Item = (Step, Act)>) {
        *self.script.lock().unwrap() = script.into_iter().collect();
    }

    /// From now on it lets a connection go on after an email. Otherwise it takes one email over each.
    pub fn keeps_connections(&self) {
        self.keeping.lock().unwrap().keeps = true;
    }

    /// What it does, from now on, on connections over which an email has come.
    pub fn plays_later(&self, script: impl IntoIterator<Item = (Step, Act)>) {
        self.keeping.lock().unwrap().later = script.into_iter().collect();
    }

    /// From now on it takes so many connections at once.
    pub fn takes_at_most(&self, most: usize) {
        self.keeping.lock().unwrap().most = Some(most);
    }

    /// Returns how many connections are open.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// Returns what came, connection by connection.
    pub fn seen(&self) -> Vec<Seen> {
        self.connections.lock().unwrap().clone()
    }

    /// Returns what came over the last connection.
    pub fn last(&self) -> Seen {
        self.seen().pop().unwrap()
    }

    fn exchange(&self) -> Exchange {
        let mut connections = self.connections.lock().unwrap();
        connections.push(Seen::default());
        Exchange {
            protection: self.protection,
            acceptor: self.acceptor.clone(),
            script: self.script.lock().unwrap().clone(),
            connections: self.connections.clone(),
            number: connections.len() - 1,
            secure: false,
            keeping: self.keeping.clone(),
            open: self.open.clone(),
            mails: 0,
        }
    }
}

/// One connection.
struct Exchange {
    protection: Protection,
    acceptor: TlsAcceptor,
    script: Script,
    connections: Arc<Mutex<Vec<Seen>>>,
    number: usize,
    secure: bool,
    keeping: Arc<Mutex<Keeping>>,
    open: Arc<AtomicUsize>,
    mails: usize,
}

impl Exchange {
    fn note(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.connections.lock().unwrap()[self.number]);
    }

    fn fault(&self, what: &str) {
        self.note(|seen| seen.faults.push(what.to_owned()));
    }

    /// It ends with an error when the client disconnects, or when the script says so.
    async fn run(mut self, tcp: TcpStream) -> io::Result<()> {
        if self.protection == Protection::ImplicitTls {
            let wire = self.shake_hands(tcp).await?;
            return self.converse(wire).await.map(drop);
        }
        let Some(tcp) = self.converse(tcp).await? else { return Ok(()) };
        let wire = self.shake_hands(tcp).await?;
        self.converse(wire).await.map(drop)
    }

    async fn shake_hands(&mut self, mut tcp: TcpStream) -> io::Result<impl Wire + use<>> {
        if let Some(act) = self.script.get(&Step::Handshake) {
            // TLS begins with the client.
            let _ = tcp.read(&mut [0; 1024]).await?;
            perform(act, &mut tcp).await?;
        }
        let tls = self.acceptor.accept(tcp).await?;
        self.secure = true;
        Ok(tls)
    }

    /// Replies at its turn. Returns the reply.
    async fn turn(&self, step: Step, usual: &str, wire: &mut impl Wire) -> io::Result<Vec<u8>> {
        let later = self.keeping.lock().unwrap().later.get(&step).cloned().filter(|_| self.mails > 0);
        match later.as_ref().or(self.script.get(&step)) {
            Some(act) => perform(act, wire).await,
            None => perform(&say(usual), wire).await,
        }
    }

    /// Runs from the greeting, or from STARTTLS, to the end. `Some` if STARTTLS follows.
    async fn converse<W: Wire>(&mut self, wire: W) -> io::Result<Option<W>> {
        let mut wire = BufReader::new(wire);
        let again = self.secure && self.protection == Protection::StartTls;
        let most = self.keeping.lock().unwrap().most;
        if most.is_some_and(|most| self.open.load(Ordering::SeqCst) > most) {
            perform(&Act::SayAndCut(b"421 4.7.0 too many connections\r\n".to_vec()), &mut wire).await?;
        }
        if !again {
            self.turn(Step::Greeting, "220 ours.example.com\r\n", &mut wire).await?;
        }
        let (mut logged_in, mut sender, mut recipient) = (false, false, false);
        while let Some(line) = self.line(&mut wire).await? {
            self.note(|seen| seen.commands.push((self.secure, line.clone())));
            let verb = line.split([' ', ':']).next().unwrap_or_default();
            match verb {
                "HELO" => wire.write_all(b"250 ours.example.com\r\n").await?,
                "EHLO" => {
                    let step = if again { Step::HelloAgain } else { Step::Hello };
                    self.turn(step, &self.hello(), &mut wire).await?;
                }
                "STARTTLS" => {
                    let said = self.turn(Step::StartTls, "220 go on\r\n", &mut wire).await?;
                    if !wire.buffer().is_empty() {
                        self.fault("something came between STARTTLS and TLS");
                    }
                    if said.starts_with(b"220") {
                        return Ok(Some(wire.into_inner()));
                    }
                }
                "AUTH" => {
                    if !self.secure && self.protection != Protection::None || self.protection == Protection::Relay {
                        self.fault("a login without protection");
                    }
                    logged_in = self.login(&line, &mut wire).await?;
                }
                "MAIL" => {
                    sender = self.turn(Step::Sender, "250 2.1.0 ok\r\n", &mut wire).await?.starts_with(b"2");
                    if !line.starts_with("MAIL FROM:<") || !logged_in && self.protection != Protection::Relay {
                        self.fault("MAIL malformed or out of turn");
                    }
                }
                "RCPT" => {
                    recipient = self.turn(Step::Recipient, "250 2.1.5 ok\r\n", &mut wire).await?.starts_with(b"2");
                    if !line.starts_with("RCPT TO:<") || !sender {
                        self.fault("RCPT malformed or out of turn");
                    }
                }
                "DATA" => {
                    if !recipient {
                        self.fault("DATA out of turn");
                    }
                    if self.turn(Step::Data, "354 go on\r\n", &mut wire).await?.starts_with(b"354") {
                        self.message(&mut wire).await?;
                        let queued = self.turn(Step::Message, "250 2.0.0 queued as 1\r\n", &mut wire).await?;
                        self.mails += usize::from(queued.starts_with(b"250"));
                    }
                    (sender, recipient) = (false, false);
                }
                "RSET" => {
                    (sender, recipient) = (false, false);
                    if !self.keeping.lock().unwrap().keeps {
                        wire.write_all(b"421 4.7.0 one mail over each connection\r\n").await?;
                        return Ok(None);
                    }
                    self.turn(Step::Reset, "250 2.0.0 ok\r\n", &mut wire).await?;
                }
                "QUIT" => {
                    self.turn(Step::Quit, "221 bye\r\n", &mut wire).await?;
                    return Ok(None);
                }
                _ => {
                    self.fault("an unknown command");
                    wire.write_all(b"500 5.5.1 unknown\r\n").await?;
                }
            }
        }
        Ok(None)
    }

    fn hello(&self) -> String {
        let mut lines = vec!["ours.example.com", "SMTPUTF8"];
        match (self.protection, self.secure) {
            (Protection::StartTls, false) => lines.push("STARTTLS"),
            (Protection::Relay, _) => {}
            _ => lines.push("AUTH PLAIN LOGIN"),
        }
        let last = lines.pop().unwrap();
        let more: String = lines.iter().map(|line| format!("250-{line}\r\n")).collect();
        format!("{more}250 {last}\r\n")
    }

    /// AUTH PLAIN in one line, or AUTH LOGIN with its two questions.
    async fn login(&self, line: &str, wire: &mut BufReader<impl Wire>) -> io::Result<bool> {
        if line == "AUTH LOGIN" {
            for question in ["334 VXNlcm5hbWU6\r\n", "334 UGFzc3dvcmQ6\r\n"] {
                wire.write_all(question.as_bytes()).await?;
                let Some(answer) = self.line(wire).await? else { return Ok(false) };
                self.note(|seen| seen.commands.push((self.secure, answer)));
            }
        } else if !line.starts_with("AUTH PLAIN ") {
            self.fault("AUTH malformed");
        } else if let Some(act) = self.script.get(&Step::AuthPlain) {
            perform(act, wire).await?;
            return Ok(false);
        }
        Ok(self.turn(Step::Auth, "235 2.7.0 ok\r\n", wire).await?.starts_with(b"235"))
    }

    /// Returns a command (RFC 5321 section 4.5.3.1.4: 512 octets; a mechanism's answer may be longer).
    async fn line(&self, wire: &mut BufReader<impl Wire>) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        if wire.read_until(b'\n', &mut line).await? == 0 {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&line).into_owned();
        match text.strip_suffix("\r\n") {
            Some(text) if line.len() <= 1024 && !text.contains('\r') => Ok(Some(text.to_owned())),
            _ => {
                self.fault("a command is malformed");
                Ok(Some(text))
            }
        }
    }

    /// Everything up to a line that is a dot (RFC 5321 section 4.5.2), with the doubled dots undone.
    async fn message(&self, wire: &mut BufReader<impl Wire>) -> io::Result<()> {
        let mut message = Vec::new();
        loop {
            let mut line = Vec::new();
            if wire.read_until(b'\n', &mut line).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if line == b".\r\n" {
                break;
            }
            if !line.ends_with(b"\r\n") || line[..line.len() - 2].contains(&b'\r') || line.len() > 1000 {
                self.fault("a line of the message is malformed");
            }
            message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
        self.note(|seen| seen.messages.push(message));
        Ok(())
    }
}

async fn perform(act: &Act, wire: &mut impl Wire) -> io::Result<Vec<u8>> {
    let over = || io::Error::from(io::ErrorKind::ConnectionAborted);
    match act {
        Act::Say(bytes) => {
            wire.write_all(bytes).await?;
            wire.flush().await?;
            Ok(bytes.clone())
        }
        Act::SayTwice(first, second) => {
            wire.write_all(first).await?;
            wire.flush().await?;
            tokio::time::sleep(Duration::from_millis(20)).await;
            wire.write_all(second).await?;
            wire.flush().await?;
            Ok(first.clone())
        }
        Act::SayAndCut(bytes) => {
            wire.write_all(bytes).await?;
            wire.shutdown().await?;
            Err(over())
        }
        Act::Endless(bytes) => loop {
            wire.write_all(bytes).await?;
        },
        Act::Drip(bytes) => loop {
            for byte in bytes {
                wire.write_all(&[*byte]).await?;
                wire.flush().await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        },
        // Until the client goes away.
        Act::Silence => loop {
            if wire.read(&mut [0; 1024]).await? == 0 {
                return Err(over());
            }
        },
        Act::Cut => Err(over()),
    }
}
