//! Counts the bytes that an instance exchanges with its upstreams, for its quota.

use std::sync::atomic::{AtomicU64, Ordering};

/// The bytes that were exchanged and not taken yet: bodies of requests and responses, and mails.
#[derive(Debug, Default)]
pub(crate) struct ByteMeter(AtomicU64);

/// Bytes of which it is not known yet whether they leave. They are counted when this is dropped, also if the exchange is aborted.
#[must_use]
pub(crate) struct Leaving<'a> {
    meter: &'a ByteMeter,
    bytes: usize,
}

impl ByteMeter {
    /// Counts bytes that leave, unless [`Leaving::did_not_leave`] is called.
    pub(crate) fn leaving(&self, bytes: usize) -> Leaving<'_> {
        Leaving { meter: self, bytes }
    }

    pub(crate) fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Returns how many bytes were counted since the last call.
    pub(crate) fn take(&self) -> u64 {
        self.0.swap(0, Ordering::Relaxed)
    }
}

impl Leaving<'_> {
    /// Counts nothing: the bytes surely did not leave.
    pub(crate) fn did_not_leave(mut self) {
        self.bytes = 0;
    }
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.meter.add(self.bytes);
    }
}
