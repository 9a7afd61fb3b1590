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

/// What a server's no means. An enhanced status code (RFC 3463) says more than the reply code (RFC 5321 section 4.2.3, RFC 4954
/// section 6), and the reply code more than the stage.
fn refused(refusal: &Refusal) -> Failure {
    let code = match refusal.enhanced.as_str() {
        "" => refusal.code.to_string(),
        enhanced => format!("{} {enhanced}", refusal.code),
    };
    if refusal.code < 500 {
        return retry_later(None, &code, "the mail server cannot take the mail now");
    }
    let subject = refusal.enhanced.strip_prefix("5.").unwrap_or_default();
    let of_recipient = matches!(refusal.stage, Stage::Recipient | Stage::Data);
    match (refusal.code, refusal.stage, subject) {
        // RFC 5321 section 3.1: such a server takes no mail at all, which says nothing of this one.
        (_, Stage::Greeting, _) => misconfigured(&code, "the mail server offers no service"),
        (530 | 534 | 535 | 538, _, _) | (_, Stage::Authentication, _) => {
            misconfigured(&code, "the mail server does not accept the login")
        }
        // Google's word for a sender that has sent as many mails as it may today.
        (_, _, "4.5") => retry_later(None, &code, "the sender's quota at the mail server is used up"),
        (_, _, "2.3" | "3.4") => rejected_message(&code, "the mail is larger than the mail server takes"),
        (_, _, "1.7" | "1.8") => misconfigured(&code, "the mail server does not accept the sender"),
        (_, _, subject) if of_recipient && (subject.starts_with("1.") || subject.starts_with("2.")) => {
            rejected_recipient(&code, "the mail server does not accept the recipient")
        }
        // RRVS (RFC 7293): the mailbox has another owner now.
        (_, _, "7.17" | "7.18") => rejected_recipient(&code, "the mail server does not accept the recipient"),
        // After the text this is about the text, before it about who may send to whom.
        (_, Stage::Data, "7.0" | "7.1") => rejected_message(&code, "the mail server does not accept the mail"),
        (_, _, subject) if subject.starts_with("7.") => misconfigured(
            &code,
            "the mail server does not let this login send such mail: relaying, the sender, or a policy",
        ),
        (552, Stage::Sender, _) => rejected_message(&code, "the mail is larger than the mail server takes"),
        (_, Stage::Sender, _) => misconfigured(&code, "the mail server does not accept the sender"),
        (550..=553 | 501, Stage::Recipient, _) => {
            rejected_recipient(&code, "the mail server does not accept the recipient")
        }
        _ => rejected_message(&code, "the mail server does not accept the mail"),
    }
}
