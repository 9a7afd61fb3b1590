//! Components that a person has previewed and not approved yet.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;

use crate::request_limits::COMPONENT_BYTES;

/// How long one is kept.
const WHILE: Duration = Duration::from_secs(10 * 60);

/// The maximum number that is kept.
const COUNT: usize = 8;

/// The bytes that were looked at are those that are installed: they wait here, in the memory of this server alone, for the person
/// who saw what they may do. Each person has one; the oldest go where there is no room.
#[derive(Clone, Default)]
pub(crate) struct PendingComponents(Arc<Mutex<Vec<One>>>);

struct One {
    account: String,
    digest: String,
    component: Bytes,
    signature: String,
    since: Instant,
}

impl PendingComponents {
    pub(super) fn keep(&self, account: &str, digest: &str, component: Bytes, signature: String, now: Instant) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|one| one.account != account && now.duration_since(one.since) < WHILE);
        let room =
            |all: &[One]| all.iter().map(|one| one.component.len()).sum::<usize>() + component.len() <= COMPONENT_BYTES;
        while !all.is_empty() && (all.len() >= COUNT || !room(&all)) {
            all.remove(0);
        }
        all.push(One { account: account.to_owned(), digest: digest.to_owned(), component, signature, since: now });
    }

    /// Returns what this person was shown, if it has this digest and is still here.
    pub(super) fn find(&self, account: &str, digest: &str, now: Instant) -> Option<(Bytes, String)> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|one| now.duration_since(one.since) < WHILE);
        let one = all.iter().find(|one| one.account == account && one.digest == digest)?;
        Some((one.component.clone(), one.signature.clone()))
    }

    pub(super) fn forget(&self, account: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|one| one.account != account);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_preview_is_kept_for_its_user_for_ten_minutes() {
        let (held, now) = (PendingComponents::default(), Instant::now());
        held.keep("anna", "d1", Bytes::from_static(b"1"), String::new(), now);
        assert_eq!(held.find("anna", "d1", now).unwrap().0, "1");
        assert_eq!((held.find("ben", "d1", now), held.find("anna", "d2", now)), (None, None));
        let later = now + WHILE - Duration::from_millis(1);
        assert!(held.find("anna", "d1", later).is_some());
        held.keep("anna", "d2", Bytes::from_static(b"2"), String::new(), later);
        assert_eq!(held.find("anna", "d1", later), None);
        assert_eq!(held.find("anna", "d2", later + WHILE), None);
        held.keep("anna", "d3", Bytes::new(), String::new(), now);
        held.forget("anna");
        assert_eq!(held.find("anna", "d3", now), None);
    }

    #[test]
    fn connections_and_their_bytes_never_exceed_the_limits() {
        let (held, now) = (PendingComponents::default(), Instant::now());
        for n in 0..COUNT + 3 {
            held.keep(&n.to_string(), "d", Bytes::from_static(b"x"), String::new(), now);
        }
        let there = |n: usize| held.find(&n.to_string(), "d", now).is_some();
        assert_eq!((0..COUNT + 3).map(there).collect::<Vec<_>>(), [[false; 3].as_slice(), &[true; COUNT]].concat());
        held.keep("long", "d", Bytes::from(vec![0; COMPONENT_BYTES]), String::new(), now);
        assert!(held.find("long", "d", now).is_some());
        assert!(!(0..COUNT + 3).any(there));
    }
}
