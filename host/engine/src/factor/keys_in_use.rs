//! Idempotency keys of the requests that this process works on.
//!
//! A request uses its proof before the store knows its idempotency key. A repeat in between would find the proof used and no key.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Error;

/// What is requested, the subscription, and the key.
type Key = (&'static str, String, String);

/// The keys in use. Cheap to clone; all clones share them.
#[derive(Clone, Default)]
pub(crate) struct KeysInUse(Arc<Mutex<HashSet<Key>>>);

/// A key in use, until it is dropped.
pub(super) struct KeyInUse {
    all: KeysInUse,
    own: Key,
}

impl KeysInUse {
    /// Takes the key of a request, if it has one.
    ///
    /// # Errors
    /// A conflict while another request has it.
    pub(super) fn take(
        &self,
        what: &'static str,
        subscription: &str,
        key: Option<&str>,
    ) -> Result<Option<KeyInUse>, Error> {
        let Some(key) = key else { return Ok(None) };
        let own = (what, subscription.to_owned(), key.to_owned());
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(own.clone()) {
            true => Ok(Some(KeyInUse { all: self.clone(), own })),
            false => Err(in_progress()),
        }
    }
}

impl Drop for KeyInUse {
    fn drop(&mut self) {
        self.all.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.own);
    }
}

/// Returns the error of a repeat that comes too early.
pub(super) fn in_progress() -> Error {
    Error::conflict("the first request with this `Idempotency-Key` is still in progress")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_in_use_until_its_request_ends_and_only_for_the_same_request_in_its_subscription() {
        let keys = KeysInUse::default();
        let first = keys.take("enrolment", "a", Some("key")).unwrap();
        assert!(keys.clone().take("enrolment", "a", Some("key")).is_err());
        let others = [("address", "a", "key"), ("enrolment", "b", "key"), ("enrolment", "a", "another")];
        for (what, subscription, key) in others {
            assert!(keys.take(what, subscription, Some(key)).unwrap().is_some());
        }
        assert!(keys.take("enrolment", "a", None).unwrap().is_none());
        drop(first);
        assert!(keys.take("enrolment", "a", Some("key")).unwrap().is_some());
        assert!(keys.0.lock().unwrap().is_empty());
    }
}
