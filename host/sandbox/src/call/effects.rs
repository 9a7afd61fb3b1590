//! The effects of a call outside the sandbox. They decide whether a message may be sent again, and whether the call may go on.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use tokio::sync::Notify;

/// The effects of one call. Clones share them: requests of `wasi:http` run concurrently with the
/// component.
#[derive(Clone, Default)]
pub(crate) struct Effects(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// The number of requests and emails that may have been sent.
    sent: AtomicU32,
    /// Whether a request was denied, or no access token could be obtained for it.
    denied: AtomicBool,
    /// Whether the component tried to send the code itself.
    typed: AtomicBool,
    ended: Notify,
}

/// The error that ends a call in which the component tried to send the code itself. The component is not told: each refusal would tell
/// it whether the code is among those that it tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the message contains the code where the host did not put it: send the text of `message` as it is")]
pub(crate) struct TypedCode;

/// A request or mail in progress. It counts as sent, even if the call is aborted, until
/// [`Sending::did_not_leave`] takes it back.
#[must_use]
pub(crate) struct Sending(Effects);

impl Effects {
    /// Counts a request or mail before it is sent: a call that is aborted may have sent it.
    pub(crate) fn begin_sending(&self) -> Sending {
        self.0.sent.fetch_add(1, Ordering::AcqRel);
        Sending(self.clone())
    }

    /// Records that something was denied that the operator must fix.
    pub(crate) fn note_denied(&self) {
        self.0.denied.store(true, Ordering::Release);
    }

    /// Ends the call, since the component tried to send the code itself. Never returns: the call is dropped.
    pub(crate) async fn end(&self, TypedCode: TypedCode) -> Infallible {
        self.0.typed.store(true, Ordering::Release);
        self.0.ended.notify_one();
        std::future::pending().await
    }

    /// Waits until the call was ended.
    pub(super) async fn ended(&self) -> TypedCode {
        self.0.ended.notified().await;
        TypedCode
    }

    /// Returns whether the call was ended.
    pub(super) fn was_ended(&self) -> Option<TypedCode> {
        self.0.typed.load(Ordering::Acquire).then_some(TypedCode)
    }

    /// Returns whether anything may have been sent.
    pub(crate) fn has_sent(&self) -> bool {
        self.0.sent.load(Ordering::Acquire) > 0
    }

    /// Returns whether something was denied that the operator must fix. A client such as `fetch`
    /// cannot tell that from a broken connection.
    pub(crate) fn was_denied(&self) -> bool {
        self.0.denied.load(Ordering::Acquire)
    }
}

impl Sending {
    /// Takes the request back: it was certainly not sent.
    pub(crate) fn did_not_leave(self) {
        self.0.0.sent.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_counts_as_sent_until_it_is_taken_back() {
        let effects = Effects::default();
        effects.begin_sending().did_not_leave();
        assert!(!effects.has_sent());
        drop(effects.begin_sending());
        effects.begin_sending().did_not_leave();
        assert!(effects.has_sent());
    }

    #[tokio::test]
    async fn whoever_ends_a_call_never_goes_on_and_the_call_learns_of_it() {
        let effects = Effects::default();
        assert_eq!(effects.was_ended(), None);
        tokio::select! {
            biased;
            never = effects.end(TypedCode) => match never {},
            ended = effects.ended() => assert_eq!(ended, TypedCode),
        }
        assert_eq!(effects.was_ended(), Some(TypedCode));
    }
}
