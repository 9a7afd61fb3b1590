//! Recorded HTTP exchanges of components, for authors who try one.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// One HTTP exchange as its component saw it: without what the host added to the request, with the placeholder in place of the code,
/// and with secrets and codes redacted that the upstream repeated. It can contain what the component itself knows: the recipient, a
/// secret or a code that it may see, and credentials that it received in a response.
#[derive(Clone)]
#[non_exhaustive]
pub struct Exchange {
    /// The request's method.
    pub method: String,
    /// The request's URL.
    pub url: String,
    /// The request's headers, as the component gave them.
    pub request_headers: Vec<(String, String)>,
    /// The request's body, as the component gave it.
    pub request_body: Vec<u8>,
    /// The response's status.
    pub status: u16,
    /// The response's headers.
    pub headers: Vec<(String, String)>,
    /// The response's body.
    pub body: Vec<u8>,
}

/// Records HTTP exchanges, for trying providers. Cheap to clone; all clones share the exchanges.
#[derive(Clone, Default)]
pub struct Recording(Arc<Inner>);

#[derive(Default)]
struct Inner {
    exchanges: Mutex<Vec<Exchange>>,
    attempts: AtomicUsize,
    lines: Mutex<Vec<String>>,
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recording(…)")
    }
}

impl Recording {
    /// Creates an empty recording.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the exchanges so far that got a complete response.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.0.exchanges.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns how many requests components have made so far, with or without a response.
    pub fn attempts(&self) -> usize {
        self.0.attempts.load(Ordering::Acquire)
    }

    /// Returns the lines that components have logged so far.
    pub fn lines(&self) -> Vec<String> {
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn keep_line(&self, line: &str) {
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner).push(line.to_owned());
    }

    pub(crate) fn count_attempt(&self) {
        self.0.attempts.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn keep(&self, exchange: Exchange) {
        self.0.exchanges.lock().unwrap_or_else(PoisonError::into_inner).push(exchange);
    }
}
