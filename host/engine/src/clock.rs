//! What time it is.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// Now. Must never go backwards.
    fn now(&self) -> Timestamp;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

/// The system's clock. When that is set back, this one goes on at the pace of the monotonic clock, so a challenge
/// never gets more time than it was given; when that is set forward, this one follows.
pub struct SystemClock(Mutex<(Timestamp, Instant)>);

impl SystemClock {
    /// Starts at the system's time.
    pub fn new() -> Self {
        Self(Mutex::new((Timestamp::now(), Instant::now())))
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *last = later(*last, Timestamp::now(), Instant::now());
        last.0
    }
}

fn later(last: (Timestamp, Instant), wall: Timestamp, steady: Instant) -> (Timestamp, Instant) {
    let at_least = last.0.checked_add(steady.saturating_duration_since(last.1)).unwrap_or(last.0);
    (at_least.max(wall), steady)
}

/// A clock ahead of another by as much as it must be to go on where the store's time ended.
pub(crate) struct Resumed {
    clock: Arc<dyn Clock>,
    by: SignedDuration,
}

impl Resumed {
    pub(crate) fn new(clock: Arc<dyn Clock>, now: Timestamp, at_least: Timestamp) -> Self {
        Self { clock, by: at_least.duration_since(now).max(SignedDuration::ZERO) }
    }
}

impl Clock for Resumed {
    fn now(&self) -> Timestamp {
        let now = self.clock.now();
        now.checked_add(self.by).unwrap_or(now)
    }
}

/// A clock that stands still until it is moved, for the tests of programs that embed the engine.
///
/// ```
/// use std::time::Duration;
/// use twofactor::{Clock, ManualClock};
///
/// let clock = ManualClock::new("2026-11-24T08:00:00Z".parse().unwrap());
/// let before = clock.now();
/// clock.advance(Duration::from_secs(301));
/// assert_eq!(clock.now().as_second() - before.as_second(), 301);
/// ```
#[derive(Clone)]
pub struct ManualClock(Arc<Mutex<Timestamp>>);

impl ManualClock {
    /// Stands at `now`.
    pub fn new(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(now)))
    }

    /// Moves on.
    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = now.checked_add(by).unwrap_or(*now);
    }

    /// Jumps to `now`, backwards too: what a wrong system clock does over a restart.
    pub fn set(&self, now: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_clock_set_back_goes_on_at_its_pace_and_one_set_forward_is_followed() {
        let start: Timestamp = "2026-11-24T08:00:00Z".parse().unwrap();
        let steady = Instant::now();
        let ten = Duration::from_secs(10);

        let back = later((start, steady), start - Duration::from_secs(3600), steady + ten);
        assert_eq!(back.0, start + ten);

        let forward = later(back, start + Duration::from_secs(60), steady + ten);
        assert_eq!(forward.0, start + Duration::from_secs(60));
    }

    #[test]
    fn a_resumed_clock_goes_on_where_time_was_at_the_pace_of_its_own() {
        let start: Timestamp = "2026-11-24T08:00:00Z".parse().unwrap();
        let four = Duration::from_secs(4);
        for (at_least, first) in [(start + four, start + four), (start, start), (start - four, start)] {
            let inner = ManualClock::new(start);
            let clock = Resumed::new(Arc::new(inner.clone()), start, at_least);
            assert_eq!(clock.now(), first);
            inner.advance(four);
            assert_eq!(clock.now(), first + four);
        }
    }
}
