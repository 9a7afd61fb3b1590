//! Mail over SMTP: the host speaks it, this decides how and reads the outcome.

use twofactor_provider::bindings::twofactor::provider::types::SmtpSecurity;
use twofactor_provider::{
    Connection, Delivery, Failure, Mail, MailFailure, Message, Refusal, SmtpServer, Stage, accepted, misconfigured,
    rejected_message, rejected_recipient, retry_later, unknown,
};

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
        credentials: server.user_name.clone().zip(server.password.clone()),
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
    match mail.send() {
        Ok(reply) => Ok(accepted(without_addresses(&reply))),
        Err(MailFailure::Invalid(why)) => Err(rejected_message("invalid", &why)),
        Err(MailFailure::Denied(why)) => Err(misconfigured("denied", &why)),
        Err(MailFailure::NotSent(why)) => Err(retry_later(None, "not-sent", &why)),
        Err(MailFailure::OutcomeUnknown(why)) => Err(unknown("no-answer", &why)),
        Err(MailFailure::Refused(refusal)) => Err(refused(&refusal)),
    }
}

/// Some servers repeat the recipient beside their queue id, and a receipt holds no address.
fn without_addresses(reply: &str) -> String {
    let words = reply.split_whitespace().filter(|word| !word.contains('@'));
    words.collect::<Vec<_>>().join(" ").chars().take(200).collect()
}

/// Reply codes (RFC 5321 section 4.2.3, RFC 4954 section 6).
fn refused(refusal: &Refusal) -> Failure {
    let code = match refusal.enhanced.as_str() {
        "" => refusal.code.to_string(),
        enhanced => format!("{} {enhanced}", refusal.code),
    };
    match (refusal.code, refusal.stage) {
        (530 | 534 | 535 | 538, _) => misconfigured(&code, "the mail server does not accept the login"),
        (400..500, _) => retry_later(None, &code, "the mail server cannot take the mail now"),
        // RFC 5321 section 3.1: such a server takes no mail at all, which says nothing of this one.
        (_, Stage::Greeting) => misconfigured(&code, "the mail server offers no service"),
        (_, Stage::Authentication) => misconfigured(&code, "the mail server does not accept the login"),
        (550 | 551 | 553, Stage::Recipient) => {
            rejected_recipient(&code, "the mail server does not accept the recipient")
        }
        (_, Stage::Sender) => misconfigured(&code, "the mail server does not accept the sender"),
        _ => rejected_message(&code, "the mail server does not accept the mail"),
    }
}
