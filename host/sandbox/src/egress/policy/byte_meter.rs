//! Counts the bytes that an instance exchanges with its upstreams, for its quota.

use std::sync::atomic::{AtomicU64, Ordering};

/// The bytes exchanged since they were last taken: bodies of requests and responses, and emails.
#[derive(Debug, Default)]
pub(crate) struct ByteMeter(AtomicU64);

/// Bytes that may be about to be sent. They are counted when this is dropped, even if the exchange
/// is aborted.
#[must_use]
pub(crate) struct Leaving<'a> {
    meter: &'a ByteMeter,
    bytes: usize,
}

impl ByteMeter {
    /// Counts bytes as sent, unless [`Leaving::did_not_leave`] is called.
    pub(crate) fn leaving(&self, bytes: usize) -> Leaving<'_> {
        Leaving { meter: self, bytes }
    }

    pub(crate) fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Returns the number of bytes since the last call.
    pub(crate) fn take(&self) -> u64 {
        self.0.swap(0, Ordering::Relaxed)
    }
}

impl Leaving<'_> {
    /// Takes the bytes back: they were certainly not sent.
    pub(crate) fn did_not_leave(mut self) {
        self.bytes = 0;
    }
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.meter.add(self.bytes);
    }
}
