//! A place for mails in place of a server, for the tests of programs that embed the engine.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Keeps mails instead of sending them. Providers run unchanged; no connection is opened for mail. Cheap to clone; all clones
/// are one.
#[derive(Clone, Default)]
pub struct Outbox(Arc<Mutex<Vec<KeptMail>>>);

/// A mail that was kept. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeptMail {
    /// Who sent it.
    pub sender: String,
    /// To whom.
    pub recipient: String,
    /// Its subject.
    pub subject: String,
    /// Its plain text.
    pub text: String,
    /// The same as HTML.
    pub html: Option<String>,
}

impl Outbox {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// All mails, the oldest first.
    pub fn mails(&self) -> Vec<KeptMail> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The newest mail to an address.
    pub fn newest(&self, recipient: &str) -> Option<KeptMail> {
        self.mails().into_iter().rfind(|mail| mail.recipient == recipient)
    }

    pub(crate) fn keep(&self, mail: KeptMail) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(mail);
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").field("mails", &self.mails().len()).finish()
    }
}

impl fmt::Debug for KeptMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptMail").finish_non_exhaustive()
    }
}
