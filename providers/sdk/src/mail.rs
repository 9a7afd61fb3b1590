//! One email through the granted SMTP server.

use crate::bindings::twofactor::provider::smtp as wit;
use crate::{Failure, misconfigured, outcome_unknown, rejected_message, rejected_recipient, retry_later};

pub use wit::{Error as MailError, Refusal, Stage};

/// An email to one recipient.
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
    /// Sends the email once and returns the server's reply.
    ///
    /// # Errors
    /// Why the server did not accept it. `?` converts it into the right [`Failure`].
    pub fn send(&self) -> Result<String, MailError> {
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

impl From<MailError> for Failure {
    fn from(failure: MailError) -> Self {
        match failure {
            MailError::Invalid(why) => rejected_message("invalid", &why),
            MailError::Denied(why) => misconfigured("denied", &why),
            MailError::NotSent(why) => retry_later(None, "not-sent", &why),
            MailError::OutcomeUnknown(why) => outcome_unknown("no-answer", &why),
            MailError::Refused(refusal) => refused(&refusal),
        }
    }
}

/// Maps a refusal to a failure. An enhanced status code (RFC 3463) says more than the reply code (RFC 5321 section 4.2.3, RFC 4954
/// section 6), and the reply code more than the stage.
fn refused(refusal: &Refusal) -> Failure {
    let code = match refusal.enhanced.as_str() {
        "" => refusal.code.to_string(),
        enhanced => format!("{} {enhanced}", refusal.code),
    };
    if refusal.code < 500 {
        return retry_later(None, &code, "the mail server cannot accept the email at the moment");
    }
    let subject = refusal.enhanced.strip_prefix("5.").unwrap_or_default();
    let of_recipient = matches!(refusal.stage, Stage::Recipient | Stage::Data);
    match (refusal.code, refusal.stage, subject) {
        // RFC 5321 section 3.1: such a server accepts no mail at all; the refusal is not about this one.
        (_, Stage::Greeting, _) => misconfigured(&code, "the mail server offers no service"),
        (530 | 534 | 535 | 538, _, _) | (_, Stage::Authentication, _) => {
            misconfigured(&code, "the mail server does not accept the login")
        }
        // Google: the sender has reached its daily limit.
        (_, _, "4.5") => retry_later(None, &code, "the sender's quota at the mail server is used up"),
        (_, _, "2.3" | "3.4") => rejected_message(&code, "the email is larger than the mail server accepts"),
        (_, _, "1.7" | "1.8") => misconfigured(&code, "the mail server does not accept the sender"),
        (_, _, subject) if of_recipient && (subject.starts_with("1.") || subject.starts_with("2.")) => {
            rejected_recipient(&code, "the mail server does not accept the recipient")
        }
        // RRVS (RFC 7293): the mailbox has another owner now.
        (_, _, "7.17" | "7.18") => rejected_recipient(&code, "the mail server does not accept the recipient"),
        // After the text the refusal is about the text, before it about who may send to whom.
        (_, Stage::Data, "7.0" | "7.1") => rejected_message(&code, "the mail server does not accept the email"),
        (_, _, subject) if subject.starts_with("7.") => misconfigured(
            &code,
            "the mail server does not let this login send such an email: relaying, the sender, or a policy",
        ),
        (552, Stage::Sender, _) => rejected_message(&code, "the email is larger than the mail server accepts"),
        (_, Stage::Sender, _) => misconfigured(&code, "the mail server does not accept the sender"),
        (550..=553 | 501, Stage::Recipient, _) => {
            rejected_recipient(&code, "the mail server does not accept the recipient")
        }
        _ => rejected_message(&code, "the mail server does not accept the email"),
    }
}
