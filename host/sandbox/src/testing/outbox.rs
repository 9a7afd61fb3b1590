//! An outbox that stores emails, for tests.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Stores emails instead of sending them. Providers run unchanged; no connection is opened for mail. Cheap to clone; all clones
/// share the emails.
#[derive(Clone, Default)]
pub struct Outbox(Arc<Mutex<Vec<CapturedMail>>>);

/// A stored mail. `Debug` shows none of its fields.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CapturedMail {
    /// The sender's address.
    pub sender: String,
    /// The recipient's address.
    pub recipient: String,
    /// The subject.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The text as HTML.
    pub html: Option<String>,
}

impl Outbox {
    /// Creates an empty outbox.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns all emails, the oldest first.
    pub fn mails(&self) -> Vec<CapturedMail> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the newest mail to an address.
    pub fn newest(&self, recipient: &str) -> Option<CapturedMail> {
        self.mails().into_iter().rfind(|mail| mail.recipient == recipient)
    }

    pub(crate) fn keep(&self, mail: CapturedMail) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(mail);
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").field("mails", &self.mails().len()).finish()
    }
}

impl fmt::Debug for CapturedMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CapturedMail").finish_non_exhaustive()
    }
}
