//! Mail over SMTP: the host speaks the protocol, this module chooses the settings and reads the outcome.

use twofactor_provider::bindings::twofactor::provider::types::SmtpSecurity;
use twofactor_provider::{Connection, Delivery, Mail, Message, SmtpServer, accepted};

use crate::options::{Options, SmtpServer as Server};

/// The port of SMTP with TLS from the first byte (RFC 8314 section 7.3).
const IMPLICIT_TLS_PORT: u16 = 465;

pub fn connection(server: &Server) -> Connection {
    Connection::smtp(SmtpServer {
        host: server.host.clone(),
        port: server.port,
        security: match (server.enable_ssl, server.port) {
            (true, IMPLICIT_TLS_PORT) => SmtpSecurity::ImplicitTls,
            (true, _) => SmtpSecurity::Starttls,
            (false, _) => SmtpSecurity::Plaintext,
        },
        credentials: server.user_name().cloned().zip(server.password.clone()),
        timeout_ms: server.timeout,
    })
}

pub fn deliver(options: &Options, message: &Message) -> Delivery {
    let mail = Mail {
        id: &message.id,
        sender_name: options.sender_name.as_deref().unwrap_or(&message.application),
        sender: &options.sender_address,
        recipient: &message.recipient,
        subject: &message.subject,
        text: &message.text,
        html: message.html.as_deref(),
    };
    let reply = mail.send()?;
    Ok(accepted(without_addresses(&reply)))
}

/// Removes addresses: some servers repeat the recipient beside their queue id, and a receipt must contain none.
fn without_addresses(reply: &str) -> String {
    let words = reply.split_whitespace().filter(|word| !word.contains('@'));
    words.collect::<Vec<_>>().join(" ").chars().take(200).collect()
}
