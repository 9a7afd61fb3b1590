//! Handing one mail to one server, step by step, so that it is known how far it came.

use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lettre::transport::smtp;
use lettre::transport::smtp::authentication::Mechanism;
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream};
use lettre::transport::smtp::commands::{Data, Mail as MailFrom, Rcpt, Starttls};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::transport::smtp::response::{Response, Severity};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::connection::SmtpSecurity;
use super::echo::Echo;
use super::grants::{Grants, SmtpGrant};
use super::mail::{Encoded, Mail};
use super::network::Network;
use super::smtp_stream::Replies;

/// What a whole exchange may take at most, whatever the instance says.
const CEILING: Duration = Duration::from_secs(60);

/// How far an exchange had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MailStage {
    Greeting,
    Authentication,
    Sender,
    Recipient,
    Data,
}

/// Why a mail was not accepted. The texts hold no secret and no address.
#[derive(Debug)]
pub(crate) enum MailError {
    Invalid(String),
    Denied(String),
    NotSent(String),
    Refused { stage: MailStage, code: u16, enhanced: String },
    OutcomeUnknown(String),
}

impl Network {
    /// Hands a mail to the granted server; answers with what the server said to the whole message.
    ///
    /// Each mail has a connection of its own: what one exchange leaves in a connection cannot answer for the next.
    pub(crate) async fn send_mail(&self, grants: &Grants, mail: Mail) -> Result<String, MailError> {
        let Some(grant) = &grants.smtp else {
            return Err(MailError::Denied(
                "no SMTP server was granted to this instance: the provider must ask for it in what `configure` returns"
                    .to_owned(),
            ));
        };
        let encoded = mail.encode().map_err(MailError::Invalid)?;
        if let Some(outbox) = &self.0.outbox {
            outbox.keep(mail);
            return Ok("kept in the outbox".to_owned());
        }
        let began = Instant::now();
        let handed_over = AtomicBool::new(false);
        let bytes = grants.on_their_way(encoded.bytes.len());
        let limit = grant.timeout.clamp(Duration::from_millis(1), CEILING);
        let outcome = match timeout(limit, self.exchange_mail(grant, &encoded, &handed_over)).await {
            Ok(outcome) => outcome,
            Err(_) if handed_over.load(Ordering::Relaxed) => {
                Err(MailError::OutcomeUnknown("the server did not confirm the message in time".to_owned()))
            }
            Err(_) => Err(MailError::NotSent("the server did not answer in time".to_owned())),
        };
        if !handed_over.load(Ordering::Relaxed) {
            bytes.did_not_leave();
        }
        let (host, port, accepted, took) = (&grant.host, grant.port, outcome.is_ok(), began.elapsed());
        tracing::debug!(target: "twofactor::capability", %host, port, accepted, ?took, "smtp exchange");
        outcome
    }

    async fn exchange_mail(
        &self,
        grant: &SmtpGrant,
        mail: &Encoded,
        handed_over: &AtomicBool,
    ) -> Result<String, MailError> {
        let mut connection = self.open(grant, mail).await?;
        if let Some(credentials) = &grant.credentials {
            let login = smtp::authentication::Credentials::new(
                credentials.username.clone(),
                credentials.password.expose().to_owned(),
            );
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            let reply = connection.auth(&mechanisms, &login).await.map_err(|error| match error.status() {
                None if error.is_client() => {
                    MailError::NotSent("the server offers no way to log in (AUTH PLAIN or LOGIN)".to_owned())
                }
                _ => refused(MailStage::Authentication, &error),
            })?;
            completed(&reply, "AUTH")?;
        }
        let mut parameters = Vec::new();
        if !mail.sender.to_string().is_ascii() || !mail.recipient.to_string().is_ascii() {
            if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
                return Err(MailError::Invalid("the server takes no addresses beyond ASCII (SMTPUTF8)".to_owned()));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        let from = MailFrom::new(Some(mail.sender.clone()), parameters);
        let reply = connection.command(from).await.map_err(|error| refused(MailStage::Sender, &error))?;
        completed(&reply, "MAIL")?;
        let to = Rcpt::new(mail.recipient.clone(), Vec::new());
        let reply = connection.command(to).await.map_err(|error| refused(MailStage::Recipient, &error))?;
        completed(&reply, "RCPT")?;
        let go = connection.command(Data).await.map_err(|error| refused(MailStage::Data, &error))?;
        if !go.has_code(354) {
            return Err(MailError::NotSent("the server's answer to DATA is out of step".to_owned()));
        }
        handed_over.store(true, Ordering::Relaxed);
        // The library ends the last line, whether or not it is ended.
        let message = mail.bytes.strip_suffix(b"\r\n").unwrap_or(&mail.bytes);
        let reply = connection.message(message).await.map_err(|error| match refused(MailStage::Data, &error) {
            MailError::NotSent(why) => MailError::OutcomeUnknown(why),
            other => other,
        })?;
        if !reply.has_code(250) {
            return Err(MailError::OutcomeUnknown("the server's answer to the message is out of step".to_owned()));
        }
        // The mail is accepted whatever becomes of the farewell: nobody waits for it.
        tokio::spawn(async move { timeout(Duration::from_secs(1), connection.quit()).await.map(drop) });
        let said = reply.first_line().unwrap_or_default().to_owned();
        Ok(Echo::of_mail(grant.credentials.as_ref()).blotted(said))
    }

    /// Connects, protected as granted, up to and including EHLO.
    async fn open(&self, grant: &SmtpGrant, mail: &Encoded) -> Result<AsyncSmtpConnection, MailError> {
        let hello = hello(mail);
        let tcp = self.dial(grant).await?;
        if self.smtp_stand_in(&grant.host, grant.port).is_some() {
            return greet(Box::new(Replies::new(tcp)), &hello).await;
        }
        match grant.security {
            SmtpSecurity::Plaintext => greet(Box::new(Replies::new(tcp)), &hello).await,
            SmtpSecurity::ImplicitTls => {
                let tls = self.protect(grant, tcp).await?;
                greet(Box::new(Replies::new(tls)), &hello).await
            }
            SmtpSecurity::StartTls => {
                let replies = Replies::new(tcp);
                let mut plain = greet(Box::new(replies.clone()), &hello).await?;
                if !plain.can_starttls() {
                    return Err(MailError::NotSent(
                        "the server does not offer STARTTLS, so nothing was sent".to_owned(),
                    ));
                }
                let ready = plain.command(Starttls).await.map_err(|error| refused(MailStage::Greeting, &error))?;
                let tcp = replies.take().filter(|_| ready.has_code(220)).ok_or_else(|| {
                    MailError::NotSent("the server said more than STARTTLS allows, so nothing was sent".to_owned())
                })?;
                drop(plain);
                let tls = self.protect(grant, tcp).await?;
                greet(Box::new(Replies::greeted(tls)), &hello).await
            }
        }
    }

    async fn dial(&self, grant: &SmtpGrant) -> Result<TcpStream, MailError> {
        let addresses = match self.smtp_stand_in(&grant.host, grant.port) {
            Some(address) => vec![address],
            None => self.addresses(&grant.host, grant.port).await.map_err(MailError::NotSent)?,
        };
        let tcp = TcpStream::connect(&*addresses).await;
        tcp.map_err(|error| {
            MailError::NotSent(format!("no connection to {}:{}: {}", grant.host, grant.port, error.kind()))
        })
    }

    async fn protect(&self, grant: &SmtpGrant, tcp: TcpStream) -> Result<TlsStream<TcpStream>, MailError> {
        let name = ServerName::try_from(grant.host.clone())
            .map_err(|_| MailError::Denied("the server's name fits no certificate".to_owned()))?;
        let tls = TlsConnector::from(Arc::clone(&self.0.tls)).connect(name, tcp).await;
        tls.map_err(|error| MailError::NotSent(format!("no TLS with {}:{}: {error}", grant.host, grant.port)))
    }
}

async fn greet(stream: Box<dyn AsyncTokioStream>, hello: &ClientId) -> Result<AsyncSmtpConnection, MailError> {
    AsyncSmtpConnection::connect_with_transport(stream, hello)
        .await
        .map_err(|error| refused(MailStage::Greeting, &error))
}

/// RFC 5321 section 4.1.1.1 wants a name the server can make sense of; the sender's domain is one it will see anyway.
fn hello(mail: &Encoded) -> ClientId {
    ClientId::Domain(mail.sender.domain().to_owned())
}

/// An answer that asks for more where none is asked for belongs to something else.
fn completed(reply: &Response, command: &str) -> Result<(), MailError> {
    match reply.code().severity {
        Severity::PositiveCompletion => Ok(()),
        _ => Err(MailError::NotSent(format!("the server's answer to {command} is out of step"))),
    }
}

/// A server's no, or no server. Of its text only the enhanced status code is kept: the rest may quote an address.
fn refused(stage: MailStage, error: &smtp::Error) -> MailError {
    match error.status() {
        Some(code) => {
            MailError::Refused { stage, code: code.into(), enhanced: enhanced(&error.to_string()).unwrap_or_default() }
        }
        None if error.is_timeout() => MailError::NotSent("the server did not answer in time".to_owned()),
        None if is_malformed(error) => MailError::NotSent("the server's reply is malformed".to_owned()),
        None => MailError::NotSent("the connection to the server broke off".to_owned()),
    }
}

/// Whether the library could make nothing of a reply, or was not shown it.
fn is_malformed(error: &smtp::Error) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    error.is_response() || source.is_some_and(|error| error.kind() == io::ErrorKind::InvalidData)
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
