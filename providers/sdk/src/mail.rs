//! One mail through the granted SMTP server.

use crate::bindings::twofactor::provider::smtp as wit;
use crate::{Failure, misconfigured, rejected_message, rejected_recipient, retry_later, unknown};

pub use wit::{Error as MailFailure, Refusal, Stage};

/// A mail to one recipient.
#[derive(Debug, Clone)]
pub struct Mail<'a> {
    /// The stable id of the message.
    pub id: &'a str,
    /// The sender's display name; may be empty.
    pub sender_name: &'a str,
    /// The sender's address.
    pub sender: &'a str,
    /// The recipient's address.
    pub recipient: &'a str,
    /// The subject.
    pub subject: &'a str,
    /// The plain text.
    pub text: &'a str,
    /// The same as HTML.
    pub html: Option<&'a str>,
}

impl Mail<'_> {
    /// Sends it; answers with what the server said.
    ///
    /// # Errors
    /// The host's; as a [`Failure`] each has its meaning.
    pub fn send(&self) -> Result<String, MailFailure> {
        let mail = wit::Mail {
            sender: wit::Mailbox { name: self.sender_name.to_owned(), address: self.sender.to_owned() },
            recipient: self.recipient.to_owned(),
            subject: self.subject.to_owned(),
            text: self.text.to_owned(),
            html: self.html.map(str::to_owned),
            id: self.id.to_owned(),
        };
        #[cfg(target_arch = "wasm32")]
        let accepted = wit::send(&mail);
        #[cfg(not(target_arch = "wasm32"))]
        let accepted = crate::testing::send_mail(mail);
        accepted.map(|accepted| accepted.reply)
    }
}

impl From<MailFailure> for Failure {
    fn from(failure: MailFailure) -> Self {
        match failure {
            MailFailure::Invalid(why) => rejected_message("invalid", &why),
            MailFailure::Denied(why) => misconfigured("denied", &why),
            MailFailure::NotSent(why) => retry_later(None, "not-sent", &why),
            MailFailure::OutcomeUnknown(why) => unknown("no-answer", &why),
            MailFailure::Refused(refusal) => refused(&refusal),
        }
    }
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
