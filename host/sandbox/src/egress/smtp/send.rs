//! Handing one mail to one server, step by step, so that it is known how far it came.

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

/// After how long without a greeting the port is asked whether TLS begins there at once.
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
    /// The server does not offer what the options ask for.
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
    /// The server's part in it.
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

/// How far an exchange with a granted server has come, also for whoever ends it from outside.
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

    /// A failure at the step that was reached.
    fn failure(&self, cause: UpstreamCause) -> UpstreamFailure {
        let step = *self.step.lock().unwrap_or_else(PoisonError::into_inner);
        UpstreamFailure::new(step, &self.grant.host, self.grant.port, cause)
    }

    /// A failure without an answer: whether the message may have been taken depends on how far it came.
    fn broken(&self, cause: UpstreamCause) -> MailError {
        let failure = self.failure(cause);
        if self.handed_over.load(Ordering::Relaxed) {
            MailError::OutcomeUnknown(failure)
        } else {
            MailError::NotSent(failure)
        }
    }

    /// A server's no, or no answer. Of its text only the enhanced status code is kept: the rest may quote an address.
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

    /// An answer that asks for more where none is asked for belongs to something else.
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

    /// Hands a mail to the granted server; answers with what the server said to the whole message.
    ///
    /// Each mail has a connection of its own: what one exchange leaves in a connection cannot answer for the next.
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
        // The library ends the last line, whether or not it is ended.
        let message = mail.bytes.strip_suffix(b"\r\n").unwrap_or(&mail.bytes);
        let reply = connection.message(message).await.map_err(|error| progress.refused(MailStage::Data, &error))?;
        if !reply.has_code(250) {
            return Err(progress.broken(UpstreamCause::OutOfStep));
        }
        // The mail is accepted whatever becomes of the farewell: nobody waits for it.
        tokio::spawn(async move { timeout(Duration::from_secs(1), connection.quit()).await.map(drop) });
        let said = reply.first_line().unwrap_or_default().to_owned();
        Ok(reflected_secrets::of_mail(grant.credentials.as_ref()).covered(said))
    }

    /// Connects, protected as granted, up to and including EHLO.
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
        // A server that begins TLS at once waits for the client, and the client for its greeting.
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
        // More than was asked for, or something else: nothing is sent to such a server.
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

    /// Whether a server answers a TLS handshake on a connection of its own before it greets on this one.
    async fn begins_tls(&self, address: SocketAddr, limit: Duration, greeting: &TcpStream) -> bool {
        let handshake = async {
            let Ok(tcp) = TcpStream::connect(address).await else { return false };
            // Whose certificate it is does not matter: nothing is said there.
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

/// Whether the server says something, or hangs up, in that time.
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

/// Logs in by the first mechanism that the server offers and knows: one that it offers and answers with 504 is none (RFC 4954
/// section 4).
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

/// RFC 5321 section 4.1.1.1 wants a name the server can make sense of; the sender's domain is one it will see anyway.
fn hello(mail: &Encoded) -> ClientId {
    ClientId::Domain(mail.sender.domain().to_owned())
}

/// Why there is no reply: the library could make nothing of it, was not shown it, or the connection is gone.
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

/// The enhanced status code (RFC 3463) in a reply: class, subject, detail.
fn enhanced(text: &str) -> Option<String> {
    text.split(|c: char| c.is_whitespace()).find_map(|word| {
        let parts: Vec<&str> = word.split('.').collect();
        let digits = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        let fits = parts.len() == 3 && matches!(parts[0], "2" | "4" | "5") && parts.iter().all(|part| digits(part));
        fits.then(|| word.to_owned())
    })
}
