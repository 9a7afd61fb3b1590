//! Sends one mail to one server, step by step, so that it is known how far the exchange came.

use std::error::Error as _;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use lettre::transport::smtp;
use lettre::transport::smtp::authentication::Mechanism;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail as MailFrom, Rcpt, Starttls};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::transport::smtp::response::{Response, Severity};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::mail::{Encoded, Mail};
use super::stream::{Replies, Wire};
use crate::egress::failure::{UpstreamCause, UpstreamFailure, UpstreamStep};
use crate::egress::policy::{Credentials, Grants, Rules, SmtpGrant, SmtpSecurity, reflected_secrets};
use crate::testing::{KeptMail, Outbox};

/// The maximum duration of an exchange, whatever the options say.
const CEILING: Duration = Duration::from_secs(60);

/// How long to wait for a greeting before testing whether the port expects TLS immediately.
const SILENCE: Duration = Duration::from_secs(2);

/// The stage at which a server refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MailStage {
    Greeting,
    Authentication,
    Sender,
    Recipient,
    Data,
}

/// Why a mail was not accepted. The texts contain no secret and no address.
#[derive(Debug)]
pub(crate) enum MailError {
    Invalid(String),
    Denied(String),
    /// The server does not offer what the options require.
    Unsuitable(UpstreamFailure),
    NotSent(UpstreamFailure),
    Refused {
        stage: MailStage,
        code: u16,
        enhanced: String,
        upstream: UpstreamFailure,
    },
    OutcomeUnknown(UpstreamFailure),
}

impl MailError {
    /// Returns the server's failure, if it caused this.
    pub(crate) fn upstream(&self) -> Option<&UpstreamFailure> {
        match self {
            Self::Invalid(_) | Self::Denied(_) => None,
            Self::Unsuitable(upstream)
            | Self::NotSent(upstream)
            | Self::Refused { upstream, .. }
            | Self::OutcomeUnknown(upstream) => Some(upstream),
        }
    }
}

/// The progress of an exchange with a server, readable also by the code that aborts it.
struct Progress<'a> {
    grant: &'a SmtpGrant,
    step: Mutex<UpstreamStep>,
    handed_over: AtomicBool,
}

impl<'a> Progress<'a> {
    fn new(grant: &'a SmtpGrant) -> Self {
        Self { grant, step: Mutex::new(UpstreamStep::NameResolution), handed_over: AtomicBool::new(false) }
    }

    fn reach(&self, step: UpstreamStep) {
        *self.step.lock().unwrap_or_else(PoisonError::into_inner) = step;
    }

    /// Returns a failure at the current step.
    fn failure(&self, cause: UpstreamCause) -> UpstreamFailure {
        let step = *self.step.lock().unwrap_or_else(PoisonError::into_inner);
        UpstreamFailure::new(step, &self.grant.host, self.grant.port, cause)
    }

    /// Returns a failure without a reply. Whether the message may have been accepted depends on the
    /// progress.
    fn broken(&self, cause: UpstreamCause) -> MailError {
        let failure = self.failure(cause);
        if self.handed_over.load(Ordering::Relaxed) {
            MailError::OutcomeUnknown(failure)
        } else {
            MailError::NotSent(failure)
        }
    }

    /// Returns a negative reply, or a missing one. Only the enhanced status code of its text is
    /// kept: the rest may quote an address.
    fn refused(&self, stage: MailStage, error: &smtp::Error) -> MailError {
        match error.status() {
            Some(code) => {
                let (code, enhanced) = (code.into(), enhanced(&error.to_string()).unwrap_or_default());
                let cause = UpstreamCause::Refused { reply_code: code, enhanced_code: enhanced.clone() };
                MailError::Refused { stage, code, enhanced, upstream: self.failure(cause) }
            }
            None => self.broken(no_reply(error)),
        }
    }

    /// Refuses a reply that asks for more input where none is expected: it belongs to something
    /// else.
    fn completed(&self, reply: &Response) -> Result<(), MailError> {
        match reply.code().severity {
            Severity::PositiveCompletion => Ok(()),
            _ => Err(self.broken(UpstreamCause::OutOfStep)),
        }
    }
}

/// Sends the mails of components.
pub(crate) struct SmtpEgress {
    tls: Arc<ClientConfig>,
    rules: Arc<Rules>,
    outbox: Option<Outbox>,
}

impl SmtpEgress {
    pub(crate) fn new(tls: Arc<ClientConfig>, rules: Arc<Rules>, outbox: Option<Outbox>) -> Self {
        Self { tls, rules, outbox }
    }

    /// Sends a mail to the granted server. Returns the server's reply to the message.
    ///
    /// Each mail has its own connection: nothing that one exchange leaves behind can be read as a
    /// reply in the next.
    pub(crate) async fn send(&self, grants: &Grants, mail: Mail) -> Result<String, MailError> {
        let Some(grant) = &grants.smtp else {
            return Err(MailError::Denied(
                "no SMTP server was granted to this instance: the provider must ask for it in what `configure` returns"
                    .to_owned(),
            ));
        };
        let encoded = mail.encode().map_err(MailError::Invalid)?;
        if let Some(outbox) = &self.outbox {
            let Mail { sender, recipient, subject, text, html, .. } = mail;
            outbox.keep(KeptMail { sender, recipient, subject, text, html });
            return Ok("kept in the outbox".to_owned());
        }
        let began = Instant::now();
        let progress = Progress::new(grant);
        let bytes = grants.meter.leaving(encoded.bytes.len());
        let limit = grant.timeout.clamp(Duration::from_millis(1), CEILING);
        let exchange = self.exchange_mail(&progress, limit, &encoded);
        let outcome = timeout(limit, exchange).await.unwrap_or_else(|_| Err(progress.broken(UpstreamCause::TimedOut)));
        if !progress.handed_over.load(Ordering::Relaxed) {
            bytes.did_not_leave();
        }
        let (host, port, accepted, took) = (&grant.host, grant.port, outcome.is_ok(), began.elapsed());
        tracing::debug!(target: "twofactor::capability", %host, port, accepted, ?took, "smtp exchange");
        outcome
    }

    async fn exchange_mail(
        &self,
        progress: &Progress<'_>,
        limit: Duration,
        mail: &Encoded,
    ) -> Result<String, MailError> {
        let grant = progress.grant;
        let mut connection = self.open(progress, limit, mail).await?;
        if let Some(credentials) = &grant.credentials {
            progress.reach(UpstreamStep::Login);
            log_in(progress, &mut connection, credentials).await?;
        }
        progress.reach(UpstreamStep::Sender);
        let mut parameters = Vec::new();
        if !mail.sender.to_string().is_ascii() || !mail.recipient.to_string().is_ascii() {
            if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
                return Err(MailError::Invalid("the server takes no addresses beyond ASCII (SMTPUTF8)".to_owned()));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        let from = MailFrom::new(Some(mail.sender.clone()), parameters);
        let reply = connection.command(from).await.map_err(|error| progress.refused(MailStage::Sender, &error))?;
        progress.completed(&reply)?;
        progress.reach(UpstreamStep::Recipient);
        let to = Rcpt::new(mail.recipient.clone(), Vec::new());
        let reply = connection.command(to).await.map_err(|error| progress.refused(MailStage::Recipient, &error))?;
        progress.completed(&reply)?;
        progress.reach(UpstreamStep::Message);
        let go = connection.command(Data).await.map_err(|error| progress.refused(MailStage::Data, &error))?;
        if !go.has_code(354) {
            return Err(progress.broken(UpstreamCause::OutOfStep));
        }
        progress.handed_over.store(true, Ordering::Relaxed);
        // The library adds a line break at the end in any case.
        let message = mail.bytes.strip_suffix(b"\r\n").unwrap_or(&mail.bytes);
        let reply = connection.message(message).await.map_err(|error| progress.refused(MailStage::Data, &error))?;
        if !reply.has_code(250) {
            return Err(progress.broken(UpstreamCause::OutOfStep));
        }
        // The mail is accepted, whatever happens to QUIT: nothing waits for it.
        tokio::spawn(async move { timeout(Duration::from_secs(1), connection.quit()).await.map(drop) });
        let said = reply.first_line().unwrap_or_default().to_owned();
        Ok(reflected_secrets::of_mail(grant.credentials.as_ref()).covered(said))
    }

    /// Connects, with the granted security, up to and including EHLO.
    async fn open(
        &self,
        progress: &Progress<'_>,
        limit: Duration,
        mail: &Encoded,
    ) -> Result<AsyncSmtpConnection, MailError> {
        let (grant, hello) = (progress.grant, hello(mail));
        let (address, tcp) = self.dial(progress).await?;
        let security = match self.rules.smtp_override(&grant.host, grant.port) {
            Some(_) => SmtpSecurity::Plaintext,
            None => grant.security,
        };
        if security == SmtpSecurity::ImplicitTls {
            let tls = self.protect(progress, tcp).await?;
            return greet(progress, Replies::new(tls), &hello).await;
        }
        // A server that expects TLS immediately waits for the client, while the client waits for
        // its greeting.
        let silence = SILENCE.min(limit / 4);
        if !speaks_within(silence, &tcp).await && self.begins_tls(address, limit - silence, &tcp).await {
            progress.reach(UpstreamStep::Tls);
            return Err(progress.broken(UpstreamCause::TlsAtOnce));
        }
        let mut replies = Replies::new(tcp);
        if security == SmtpSecurity::Plaintext {
            if grant.credentials.is_none() {
                replies = replies.or_helo(&hello);
            }
            return greet(progress, replies, &hello).await;
        }
        let mut plain = greet(progress, replies.clone(), &hello).await?;
        progress.reach(UpstreamStep::Tls);
        if !plain.can_starttls() {
            return Err(MailError::Unsuitable(progress.failure(UpstreamCause::NotOffered)));
        }
        let ready = plain.command(Starttls).await.map_err(|error| progress.refused(MailStage::Greeting, &error))?;
        // The server sent more than was asked for, or something else. Nothing is sent to such a
        // server.
        let tcp = replies.take().filter(|_| ready.has_code(220));
        let tcp = tcp.ok_or_else(|| progress.broken(UpstreamCause::OutOfStep))?;
        drop(plain);
        let tls = self.protect(progress, tcp).await?;
        greet(progress, Replies::greeted(tls), &hello).await
    }

    async fn dial(&self, progress: &Progress<'_>) -> Result<(SocketAddr, TcpStream), MailError> {
        let grant = progress.grant;
        let addresses = match self.rules.smtp_override(&grant.host, grant.port) {
            Some(address) => vec![address],
            None => {
                let found = self.rules.names.addresses(&grant.host, grant.port).await;
                found.map_err(|why| progress.broken(why.into()))?
            }
        };
        progress.reach(UpstreamStep::Connection);
        let tcp = TcpStream::connect(&*addresses).await;
        let tcp = tcp.map_err(|error| progress.broken(UpstreamCause::of_io(&error)))?;
        let address = tcp.peer_addr().map_err(|error| progress.broken(UpstreamCause::of_io(&error)))?;
        progress.reach(UpstreamStep::Greeting);
        Ok((address, tcp))
    }

    async fn protect(&self, progress: &Progress<'_>, tcp: TcpStream) -> Result<TlsStream<TcpStream>, MailError> {
        progress.reach(UpstreamStep::Tls);
        let name = ServerName::try_from(progress.grant.host.clone())
            .map_err(|_| MailError::Denied("the server's name fits no certificate".to_owned()))?;
        let tls = TlsConnector::from(Arc::clone(&self.tls)).connect(name, tcp).await;
        let tls = tls.map_err(|error| progress.broken(UpstreamCause::of_io(&error)))?;
        progress.reach(UpstreamStep::Greeting);
        Ok(tls)
    }

    /// Returns whether a server answers a TLS handshake on a separate connection before it greets
    /// on this one.
    async fn begins_tls(&self, address: SocketAddr, limit: Duration, greeting: &TcpStream) -> bool {
        let handshake = async {
            let Ok(tcp) = TcpStream::connect(address).await else { return false };
            // The certificate does not matter: nothing is sent over this connection.
            let name = ServerName::from(address.ip());
            match TlsConnector::from(Arc::clone(&self.tls)).connect(name, tcp).await {
                Ok(_) => true,
                Err(error) => {
                    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
                    tls.is_some_and(|error| !matches!(error, rustls::Error::InvalidMessage(_)))
                }
            }
        };
        tokio::select! {
            begins = timeout(limit, handshake) => begins.unwrap_or(false),
            _ = greeting.readable() => false,
        }
    }
}

/// Returns whether the server sends something, or closes the connection, in that time.
async fn speaks_within(silence: Duration, tcp: &TcpStream) -> bool {
    timeout(silence, tcp.readable()).await.is_ok()
}

async fn greet<W: Wire + 'static>(
    progress: &Progress<'_>,
    replies: Replies<W>,
    hello: &ClientId,
) -> Result<AsyncSmtpConnection, MailError> {
    let greeted = AsyncSmtpConnection::connect_with_transport(Box::new(replies), hello).await;
    greeted.map_err(|error| progress.refused(MailStage::Greeting, &error))
}

/// Logs in with the first mechanism that the server offers and supports: one that it offers and
/// answers with 504 is skipped (RFC 4954 section 4).
async fn log_in(
    progress: &Progress<'_>,
    connection: &mut AsyncSmtpConnection,
    credentials: &Credentials,
) -> Result<(), MailError> {
    let (username, password) = (credentials.username.clone(), credentials.password.expose().to_owned());
    let login = smtp::authentication::Credentials::new(username, password);
    let mut unknown = None;
    for mechanism in [Mechanism::Plain, Mechanism::Login] {
        if connection.server_info().get_auth_mechanism(&[mechanism]).is_none() {
            continue;
        }
        match connection.auth(&[mechanism], &login).await {
            Ok(reply) => return progress.completed(&reply),
            Err(error) if error.status().is_some_and(|code| u16::from(code) == 504) => unknown = Some(error),
            Err(error) => return Err(progress.refused(MailStage::Authentication, &error)),
        }
    }
    Err(match unknown {
        Some(error) => progress.refused(MailStage::Authentication, &error),
        None => MailError::Unsuitable(progress.failure(UpstreamCause::NotOffered)),
    })
}

/// Returns the name for EHLO. RFC 5321 section 4.1.1.1 asks for a meaningful one; the server sees
/// the sender's domain in any case.
fn hello(mail: &Encoded) -> ClientId {
    ClientId::Domain(mail.sender.domain().to_owned())
}

/// Returns why there is no reply: it was malformed, it was refused before the library saw it, or
/// the connection is closed.
fn no_reply(error: &smtp::Error) -> UpstreamCause {
    if error.is_timeout() {
        return UpstreamCause::TimedOut;
    }
    if error.is_response() {
        return UpstreamCause::Malformed;
    }
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    source.map_or(UpstreamCause::Closed, UpstreamCause::of_io)
}

/// Returns the enhanced status code (RFC 3463) in a reply: class, subject, detail.
fn enhanced(text: &str) -> Option<String> {
    text.split(|c: char| c.is_whitespace()).find_map(|word| {
        let parts: Vec<&str> = word.split('.').collect();
        let digits = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        let fits = parts.len() == 3 && matches!(parts[0], "2" | "4" | "5") && parts.iter().all(|part| digits(part));
        fits.then(|| word.to_owned())
    })
}
