//! Opens connections to mail servers: to a checked address, with the granted security and login.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use lettre::transport::smtp;
use lettre::transport::smtp::authentication::Mechanism;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::Starttls;
use lettre::transport::smtp::extension::ClientId;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::mail::Encoded;
use super::pool::Connection;
use super::progress::{MailError, MailStage, Progress};
use super::stream::{Replies, Wire};
use crate::egress::failure::{UpstreamCause, UpstreamStep};
use crate::egress::policy::{Credentials, Rules, SmtpSecurity, endpoint};

/// How long to wait for a greeting before testing whether the port expects TLS immediately.
const SILENCE: Duration = Duration::from_secs(2);

/// Opens connections.
pub(super) struct Opener {
    pub(super) tls: Arc<ClientConfig>,
    /// The settings of servers that get a client certificate, by `host:port`.
    pub(super) own_tls: HashMap<String, Arc<ClientConfig>>,
    pub(super) rules: Arc<Rules>,
}

impl Opener {
    /// Connects, protected as granted, and logs in.
    pub(super) async fn open(
        &self,
        progress: &Progress<'_>,
        limit: Duration,
        mail: &Encoded,
    ) -> Result<Connection, MailError> {
        let mut connection = self.connect(progress, limit, &hello(mail)).await?;
        if let Some(credentials) = &progress.grant.credentials {
            progress.reach(UpstreamStep::Login);
            log_in(progress, &mut connection.smtp, credentials).await?;
        }
        Ok(connection)
    }

    /// Connects, with the granted security, up to and including EHLO.
    async fn connect(
        &self,
        progress: &Progress<'_>,
        limit: Duration,
        hello: &ClientId,
    ) -> Result<Connection, MailError> {
        let grant = progress.grant;
        let (address, tcp) = self.dial(progress).await?;
        let security = match self.rules.smtp_override(&grant.host, grant.port) {
            Some(_) => SmtpSecurity::Plaintext,
            None => grant.security,
        };
        if security == SmtpSecurity::ImplicitTls {
            let tls = self.protect(progress, tcp).await?;
            return greet(progress, Replies::new(tls), hello).await;
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
                replies = replies.or_helo(hello);
            }
            return greet(progress, replies, hello).await;
        }
        let mut plain = greet(progress, replies.clone(), hello).await?.smtp;
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
        greet(progress, Replies::greeted(tls), hello).await
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
        // An email is written in several parts. None should wait until the one before is acknowledged.
        let _ = tcp.set_nodelay(true);
        let address = tcp.peer_addr().map_err(|error| progress.broken(UpstreamCause::of_io(&error)))?;
        progress.reach(UpstreamStep::Greeting);
        Ok((address, tcp))
    }

    async fn protect(&self, progress: &Progress<'_>, tcp: TcpStream) -> Result<TlsStream<TcpStream>, MailError> {
        progress.reach(UpstreamStep::Tls);
        let name = ServerName::try_from(progress.grant.host.clone())
            .map_err(|_| MailError::Denied("the server's name fits no certificate".to_owned()))?;
        let (host, port) = (&progress.grant.host, progress.grant.port);
        let tls = self.own_tls.get(&endpoint(host, port)).unwrap_or(&self.tls);
        let tls = TlsConnector::from(Arc::clone(tls)).connect(name, tcp).await;
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
) -> Result<Connection, MailError> {
    let line = Arc::new(replies.clone());
    let greeted = AsyncSmtpConnection::connect_with_transport(Box::new(replies), hello).await;
    let greeted = greeted.map_err(|error| progress.refused(MailStage::Greeting, &error))?;
    Ok(Connection::new(greeted, line))
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
pub(super) fn hello(mail: &Encoded) -> ClientId {
    ClientId::Domain(mail.sender.domain().to_owned())
}
