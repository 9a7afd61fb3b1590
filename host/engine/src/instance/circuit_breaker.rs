//! A circuit breaker: an instance whose upstream accepts nothing is paused for a while. Each
//! process has its own.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use twofactor_sandbox::DeliveryFailure;

/// The results of the last deliveries.
#[derive(Default)]
pub(crate) struct Pause(Mutex<State>);

#[derive(Default)]
struct State {
    /// Consecutive failures.
    failures: u32,
    until: Option<Timestamp>,
}

/// When an instance pauses, and for how long.
#[derive(Clone, Copy)]
pub(crate) struct PauseAfter {
    /// Consecutive failures; 0 for never.
    pub(crate) failures: u32,
    pub(crate) seconds: u32,
}

impl PauseAfter {
    fn end(self, now: Timestamp) -> Timestamp {
        now.saturating_add(SignedDuration::from_secs(self.seconds.into())).unwrap_or(now)
    }
}

impl State {
    fn left(&self, now: Timestamp, after: PauseAfter) -> Option<u32> {
        let until = self.until?.min(after.end(now));
        let left = (until.as_millisecond() - now.as_millisecond() + 999) / 1000;
        (until > now).then(|| u32::try_from(left).unwrap_or(1))
    }
}

impl Pause {
    /// Returns whether a message may be tried now; `Err` with the seconds to wait. After a pause
    /// one may, and the others wait for its outcome, for one more pause at most.
    pub(crate) fn admit(&self, now: Timestamp, after: PauseAfter) -> Result<(), u32> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The policy may have changed since the pause began.
        if after.failures == 0 {
            *state = State::default();
        }
        if let Some(seconds) = state.left(now, after) {
            return Err(seconds);
        }
        if state.until.is_some() {
            state.until = Some(after.end(now));
        }
        Ok(())
    }

    /// Returns how many seconds a message would have to wait, if any. Asking changes nothing.
    pub(crate) fn left(&self, now: Timestamp, after: PauseAfter) -> Option<u32> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).left(now, after).filter(|_| after.failures > 0)
    }

    /// Records the outcome of a message. Returns true if the instance starts to pause.
    pub(crate) fn note(&self, failure: Option<&DeliveryFailure>, now: Timestamp, after: PauseAfter) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A rejection shows that the upstream works. Refused credentials need the operator, and a
        // pause does not help.
        let silent = matches!(failure, Some(DeliveryFailure::RetryLater { .. } | DeliveryFailure::OutcomeUnknown(_)));
        if !silent {
            *state = State::default();
            return false;
        }
        state.failures = state.failures.saturating_add(1);
        let paused = state.until.is_some();
        if after.failures > 0 && state.failures >= after.failures {
            state.until = Some(after.end(now));
            return !paused;
        }
        false
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use twofactor_sandbox::Reason;

    const AFTER: PauseAfter = PauseAfter { failures: 3, seconds: 10 };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn later() -> DeliveryFailure {
        DeliveryFailure::RetryLater { after_seconds: None, reason: Reason::default() }
    }

    #[test]
    fn a_pause_begins_after_consecutive_failures_and_ends_with_one_accepted_message() {
        let pause = Pause::default();
        let fail = |second| pause.note(Some(&later()), at(second), AFTER);
        assert!(!fail(0) && !fail(0));
        pause.note(None, at(0), AFTER);
        assert!(!fail(1) && !fail(1) && pause.admit(at(1), AFTER).is_ok());
        assert!(fail(1));
        assert_eq!(pause.admit(at(1), AFTER), Err(10));
        assert_eq!(pause.admit(at(10), AFTER), Err(1));
        // One is tried; the others wait for it.
        assert_eq!(pause.admit(at(11), AFTER), Ok(()));
        assert_eq!(pause.admit(at(11), AFTER), Err(10));
        assert!(!fail(12));
        assert_eq!(pause.admit(at(12), AFTER), Err(10));
        assert_eq!(pause.admit(at(22), AFTER), Ok(()));
        pause.note(None, at(22), AFTER);
        assert_eq!(pause.admit(at(22), AFTER), Ok(()));
        assert!(!fail(23) && !fail(23));
    }

    #[test]
    fn a_message_without_a_known_outcome_delays_others_no_longer_than_a_pause() {
        let pause = Pause::default();
        for _ in 0..3 {
            pause.note(Some(&later()), at(0), AFTER);
        }
        assert_eq!(pause.admit(at(10), AFTER), Ok(()));
        assert_eq!(pause.admit(at(19), AFTER), Err(1));
        assert_eq!(pause.admit(at(20), AFTER), Ok(()));
    }

    #[test]
    fn a_rejected_message_shows_that_the_upstream_works() {
        let pause = Pause::default();
        let refused = DeliveryFailure::Rejected { recipient: true, reason: Reason::default() };
        for _ in 0..9 {
            pause.note(Some(&later()), at(0), AFTER);
            pause.note(Some(&DeliveryFailure::OutcomeUnknown(Reason::default())), at(0), AFTER);
            pause.note(Some(&refused), at(0), AFTER);
        }
        assert!(pause.admit(at(0), AFTER).is_ok());
    }

    #[test]
    fn zero_is_never() {
        let (pause, never) = (Pause::default(), PauseAfter { failures: 0, ..AFTER });
        for _ in 0..99 {
            assert!(!pause.note(Some(&later()), at(0), never));
        }
        assert!(pause.admit(at(0), never).is_ok());
    }

    #[test]
    fn a_policy_that_is_changed_in_a_pause_counts_at_once() {
        let pause = Pause::default();
        let hour = PauseAfter { failures: 1, seconds: 3600 };
        assert!(pause.note(Some(&later()), at(0), hour));
        assert_eq!(pause.admit(at(1), hour), Err(3599));
        assert_eq!(pause.admit(at(1), PauseAfter { seconds: 10, ..hour }), Err(10));
        assert!(pause.admit(at(1), PauseAfter { failures: 0, ..hour }).is_ok());
        assert!(pause.admit(at(1), hour).is_ok());
    }
}
