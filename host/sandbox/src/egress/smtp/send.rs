//! Sends one email to one server, step by step, so that it is known how far the exchange came.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail as MailFrom, Rcpt};
use lettre::transport::smtp::extension::{Extension, MailParameter};
use rustls::ClientConfig;
use tokio::time::timeout;

use super::mail::{Encoded, Mail};
use super::open::{Opener, hello};
use super::pool::{Bounds, Connection, Pool, Turn};
use super::progress::{MailError, MailStage, Progress};
use crate::egress::failure::{UpstreamCause, UpstreamStep};
use crate::egress::policy::{Grants, Rules};
use crate::testing::{CapturedMail, Outbox};

/// The maximum duration of an exchange, whatever the options say.
const CEILING: Duration = Duration::from_secs(60);

/// Sends the emails of components.
pub(crate) struct SmtpEgress {
    opener: Opener,
    pool: Arc<Pool>,
    outbox: Option<Outbox>,
}

impl SmtpEgress {
    /// Sends mail over at most `connections` open connections to a server with one login.
    pub(crate) fn new(
        (tls, own_tls): (Arc<ClientConfig>, HashMap<String, Arc<ClientConfig>>),
        rules: Arc<Rules>,
        connections: usize,
        outbox: Option<Outbox>,
    ) -> Result<Self, getrandom::Error> {
        Ok(Self { opener: Opener { tls, own_tls, rules }, pool: Pool::new(Bounds::new(connections))?, outbox })
    }

    /// Sends an email to the granted server. Returns the server's reply to the message.
    ///
    /// A connection is used again only if the last exchange on it ended cleanly: see [`super::pool`].
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
            outbox.keep(CapturedMail { sender, recipient, subject, text, html });
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
        progress.reach(UpstreamStep::Connection);
        let turn = self.pool.turn(progress.grant, &hello(mail).to_string()).await;
        let mut turn = turn.ok_or_else(|| progress.broken(UpstreamCause::Unreachable))?;
        let mut connection = match self.announce(progress, limit, mail, &turn).await {
            Err(error) if error.means_too_many() => {
                turn = turn.behind_others().await.ok_or(error)?;
                self.announce(progress, limit, mail, &turn).await?
            }
            announced => announced?,
        };
        let smtp = &mut connection.smtp;
        progress.reach(UpstreamStep::Recipient);
        let to = Rcpt::new(mail.recipient.clone(), Vec::new());
        let reply = smtp.command(to).await.map_err(|error| progress.refused(MailStage::Recipient, &error))?;
        progress.completed(&reply)?;
        progress.reach(UpstreamStep::Message);
        let go = smtp.command(Data).await.map_err(|error| progress.refused(MailStage::Data, &error))?;
        if !go.has_code(354) {
            return Err(progress.broken(UpstreamCause::OutOfStep));
        }
        progress.handed_over.store(true, Ordering::Relaxed);
        // The library adds a line break at the end in any case.
        let message = mail.bytes.strip_suffix(b"\r\n").unwrap_or(&mail.bytes);
        let reply = smtp.message(message).await.map_err(|error| progress.refused(MailStage::Data, &error))?;
        if !reply.has_code(250) {
            return Err(progress.broken(UpstreamCause::OutOfStep));
        }
        // The mail is accepted, whatever happens to the connection: nothing waits for it.
        // A connection on which SMTPUTF8 was used is not kept: Exim applies it to later emails too.
        if mail.is_ascii() {
            turn.keep(connection);
        } else {
            tokio::spawn(connection.close());
        }
        let said = reply.first_line().unwrap_or_default().to_owned();
        Ok(progress.grant.secrets.covered(said))
    }

    /// Returns an open connection on which the server accepted MAIL. If a kept connection fails, a new one is tried, once: the
    /// message was not transmitted yet.
    async fn announce(
        &self,
        progress: &Progress<'_>,
        limit: Duration,
        mail: &Encoded,
        turn: &Turn,
    ) -> Result<Connection, MailError> {
        if let Some(mut kept) = turn.kept().await
            && let Ok(Ok(())) = timeout(limit / 2, mail_from(progress, &mut kept.smtp, mail)).await
        {
            return Ok(kept);
        }
        progress.reach(UpstreamStep::NameResolution);
        let mut new = self.opener.open(progress, limit, mail).await?;
        mail_from(progress, &mut new.smtp, mail).await?;
        Ok(new)
    }
}

async fn mail_from(progress: &Progress<'_>, smtp: &mut AsyncSmtpConnection, mail: &Encoded) -> Result<(), MailError> {
    progress.reach(UpstreamStep::Sender);
    let mut parameters = Vec::new();
    if !mail.is_ascii() {
        if !smtp.server_info().supports_feature(Extension::SmtpUtfEight) {
            return Err(MailError::Invalid(
                "the server does not accept addresses beyond ASCII (no SMTPUTF8)".to_owned(),
            ));
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    let from = MailFrom::new(Some(mail.sender.clone()), parameters);
    let reply = smtp.command(from).await.map_err(|error| progress.refused(MailStage::Sender, &error))?;
    progress.completed(&reply)
}
