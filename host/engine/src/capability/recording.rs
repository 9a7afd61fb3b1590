//! What components asked and were answered, kept for whoever tries one.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::http::HttpResponse;

/// One HTTP exchange as its component saw it: without what the host attached to the request, and with a `*` for each character of a
/// secret, and letters for a code, that the upstream repeated. The request's headers and body, where the message is, are not kept.
#[derive(Clone)]
#[non_exhaustive]
pub struct Exchange {
    /// The request's method.
    pub method: String,
    /// The request's URL.
    pub url: String,
    /// The answer's status.
    pub status: u16,
    /// The answer's headers.
    pub headers: Vec<(String, String)>,
    /// The answer's body.
    pub body: Vec<u8>,
}

/// Keeps HTTP exchanges. Cheap to clone; all clones are one. For trying providers.
#[derive(Clone, Default)]
pub struct Recording(Arc<Mutex<Vec<Exchange>>>);

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recording(…)")
    }
}

impl Recording {
    /// A recording with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// The exchanges so far. Those without a whole answer are not among them.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn keep(&self, (method, url): (String, String), answer: &HttpResponse) {
        let HttpResponse { status, headers, body } = answer;
        let exchange = Exchange { method, url, status: *status, headers: headers.clone(), body: body.clone() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(exchange);
    }
}
