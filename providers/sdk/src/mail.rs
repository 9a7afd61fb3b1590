//! One mail through the granted SMTP server.

use crate::bindings::twofactor::provider::smtp as wit;

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
    /// The host's.
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
