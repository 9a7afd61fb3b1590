//! The effects of a call outside of the sandbox, which decide whether a message may be sent again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// The effects of one call. Clones are one: requests of `wasi:http` run beside the component.
#[derive(Clone, Default)]
pub(crate) struct Effects(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// Requests and mails that may have gone out.
    sent: AtomicU32,
    /// Whether one was not allowed, or no token could be had for it.
    denied: AtomicBool,
}

/// A request or mail that counts as sent, also if the call is ended half-way, unless [`Sending::did_not_leave`] is called.
#[must_use]
pub(crate) struct Sending(Effects);

impl Effects {
    /// Counts a request or mail before it is sent: a call that is ended half-way may have sent it.
    pub(crate) fn begin_sending(&self) -> Sending {
        self.0.sent.fetch_add(1, Ordering::AcqRel);
        Sending(self.clone())
    }

    /// Notes that something was refused that the operator must fix.
    pub(crate) fn note_denied(&self) {
        self.0.denied.store(true, Ordering::Release);
    }

    /// Whether anything may have been sent.
    pub(crate) fn has_sent(&self) -> bool {
        self.0.sent.load(Ordering::Acquire) > 0
    }

    /// Whether something was refused that the operator must fix: a client such as `fetch` does not tell that from a broken
    /// connection.
    pub(crate) fn was_denied(&self) -> bool {
        self.0.denied.load(Ordering::Acquire)
    }
}

impl Sending {
    /// Takes it back: it surely did not go out.
    pub(crate) fn did_not_leave(self) {
        self.0.0.sent.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_taken_back_counts_as_sent() {
        let effects = Effects::default();
        effects.begin_sending().did_not_leave();
        assert!(!effects.has_sent());
        drop(effects.begin_sending());
        effects.begin_sending().did_not_leave();
        assert!(effects.has_sent());
    }
}
