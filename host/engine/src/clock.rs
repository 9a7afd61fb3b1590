//! Clocks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use crate::store::{MAX_CLOCK_SKEW, TimeAtStart};

/// A source of the current time.
pub trait Clock: Send + Sync + 'static {
    /// Returns the current time. It must never go backwards.
    fn now(&self) -> Timestamp;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

/// The system's clock. If the system's clock is set back, this one continues at the pace of the monotonic clock, so that no
/// challenge lasts longer than it should. If it is set forward, this one follows. Both are logged.
pub struct SystemClock(Mutex<Reading>);

/// How far the system's clock and the monotonic clock may differ before it is logged.
const JUMP: SignedDuration = SignedDuration::from_secs(60);

#[derive(Clone, Copy)]
struct Reading {
    time: Timestamp,
    steady: Instant,
    /// Whether this clock is ahead of the system's, and the log said so.
    ahead: bool,
}

/// What happened to the system's clock between two readings.
#[derive(Debug, PartialEq, Eq)]
enum Jump {
    Forward(SignedDuration),
    Back(SignedDuration),
    CaughtUp,
}

impl Jump {
    fn tell(&self) {
        match self {
            Self::Forward(by) => tracing::warn!(
                seconds = by.as_secs(),
                "the system's clock went forward at once: what was to last for less than that has expired. If this was a mistake, set it \
                 right and restart"
            ),
            Self::Back(by) => tracing::warn!(
                seconds = by.as_secs(),
                "the system's clock was set back, or had been ahead: this process goes on with the later time, ahead by so much, until \
                 the system's clock catches up or it is restarted"
            ),
            Self::CaughtUp => tracing::info!("the system's clock and that of this process agree again"),
        }
    }
}

impl SystemClock {
    /// Creates a clock that starts at the system's time.
    pub fn new() -> Self {
        Self(Mutex::new(Reading { time: Timestamp::now(), steady: Instant::now(), ahead: false }))
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
        let (reading, jump) = later(*last, Timestamp::now(), Instant::now());
        *last = reading;
        drop(last);
        if let Some(jump) = jump {
            jump.tell();
        }
        reading.time
    }
}

fn later(last: Reading, wall: Timestamp, steady: Instant) -> (Reading, Option<Jump>) {
    let at_least = last.time.checked_add(steady.saturating_duration_since(last.steady)).unwrap_or(last.time);
    let forward = wall.duration_since(at_least);
    let jump = if forward >= JUMP {
        Some(Jump::Forward(forward))
    } else if forward <= -JUMP {
        (!last.ahead).then_some(Jump::Back(-forward))
    } else {
        last.ahead.then_some(Jump::CaughtUp)
    };
    (Reading { time: at_least.max(wall), steady, ahead: forward <= -JUMP }, jump)
}

/// A clock that continues where the store's time ended, at the pace of another clock.
pub(crate) struct Resumed {
    clock: Arc<dyn Clock>,
    /// How far it is ahead of the other clock.
    by: SignedDuration,
    not_before: Timestamp,
}

impl Resumed {
    /// `clock` showed `now` when the store was asked for `start`.
    pub(crate) fn new(clock: Arc<dyn Clock>, now: Timestamp, start: TimeAtStart) -> Self {
        let by = start.now.duration_since(now).max(SignedDuration::ZERO);
        Self { clock, by, not_before: start.not_before }
    }
}

impl Clock for Resumed {
    fn now(&self) -> Timestamp {
        let now = self.clock.now();
        now.checked_add(self.by).unwrap_or(now).max(self.not_before)
    }
}

/// Compares the clock of this process with the time of the store, and logs when they begin and cease to differ.
#[derive(Default)]
pub(crate) struct ClockCheck {
    is_off: AtomicBool,
}

impl ClockCheck {
    /// Returns how far this process's clock is behind the store's time (negative: ahead of it), if that is too far.
    pub(crate) fn compare(&self, now: Timestamp, store: Timestamp) -> Option<SignedDuration> {
        let behind = store.duration_since(now);
        let is_off = behind.unsigned_abs() > MAX_CLOCK_SKEW;
        if is_off && !self.is_off.swap(true, Ordering::Relaxed) {
            tracing::error!(
                seconds = behind.as_secs(),
                "the clock of this process and the time of the store differ by so much (positive: this clock is behind): this process is not \
                 ready. Correct the system clock, and restart the processes whose clock was ahead"
            );
        } else if !is_off && self.is_off.swap(false, Ordering::Relaxed) {
            tracing::info!("the clock of this process and the time of the store agree again");
        }
        is_off.then_some(behind)
    }
}

/// A clock that stands still until it is moved, for the tests of programs that embed the engine.
///
/// ```
/// use std::time::Duration;
/// use twofactor::clock::{Clock, ManualClock};
///
/// let clock = ManualClock::new("2026-11-24T08:00:00Z".parse().unwrap());
/// let before = clock.now();
/// clock.advance(Duration::from_secs(301));
/// assert_eq!(clock.now().as_second() - before.as_second(), 301);
/// ```
#[derive(Clone)]
pub struct ManualClock(Arc<Mutex<Timestamp>>);

impl ManualClock {
    /// Creates a clock that shows `now`.
    pub fn new(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(now)))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = now.checked_add(by).unwrap_or(*now);
    }

    /// Sets the clock to `now`, also backwards, as a wrong system clock may be after a restart.
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

        let begin = Reading { time: start, steady, ahead: false };
        let (back, _) = later(begin, start - Duration::from_secs(3600), steady + ten);
        assert_eq!(back.time, start + ten);

        let (forward, _) = later(back, start + Duration::from_secs(60), steady + ten);
        assert_eq!(forward.time, start + Duration::from_secs(60));
    }

    #[test]
    fn a_clock_that_was_ahead_for_a_moment_is_logged_once_each_way() {
        let start: Timestamp = "2026-11-24T08:00:00Z".parse().unwrap();
        let steady = Instant::now();
        let month = SignedDuration::from_hours(30 * 24);
        let mut reading = Reading { time: start, steady, ahead: false };
        let mut told = Vec::new();
        for wall in [start, start + month, start, start, start + month] {
            let (next, jump) = later(reading, wall, steady);
            told.extend(jump);
            reading = next;
        }
        assert_eq!(told, [Jump::Forward(month), Jump::Back(month), Jump::CaughtUp]);
        assert_eq!(later(reading, start + month - SignedDuration::from_secs(5), steady).1, None);
    }

    #[test]
    fn a_resumed_clock_goes_on_where_time_was_at_the_pace_of_its_own() {
        let start: Timestamp = "2026-11-24T08:00:00Z".parse().unwrap();
        let four = Duration::from_secs(4);
        for (at_least, first) in [(start + four, start + four), (start, start), (start - four, start)] {
            let inner = ManualClock::new(start);
            let at_start = TimeAtStart { now: at_least, not_before: at_least };
            let clock = Resumed::new(Arc::new(inner.clone()), start, at_start);
            assert_eq!(clock.now(), first);
            inner.advance(four);
            assert_eq!(clock.now(), first + four);
        }
    }

    #[test]
    fn a_resumed_clock_stands_still_until_every_time_that_was_used_has_passed() {
        let start: Timestamp = "2026-11-24T08:00:00.300Z".parse().unwrap();
        let not_before: Timestamp = "2026-11-24T08:00:01Z".parse().unwrap();
        let inner = ManualClock::new(start);
        let clock = Resumed::new(Arc::new(inner.clone()), start, TimeAtStart { now: start, not_before });
        assert_eq!(clock.now(), not_before);
        inner.advance(Duration::from_millis(600));
        assert_eq!(clock.now(), not_before);
        inner.advance(Duration::from_millis(600));
        assert_eq!(clock.now(), start + Duration::from_millis(1200));
    }

    #[test]
    fn clocks_that_differ_by_more_than_five_seconds_are_found_either_way() {
        let now: Timestamp = "2026-11-24T08:00:00Z".parse().unwrap();
        let check = ClockCheck::default();
        for (seconds, is_off) in [(0, false), (5, false), (-5, false), (6, true), (-6, true), (1, false)] {
            let behind = SignedDuration::from_secs(seconds);
            assert_eq!(check.compare(now, now + behind), is_off.then_some(behind), "{seconds}");
        }
    }
}
