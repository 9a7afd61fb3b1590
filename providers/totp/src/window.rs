//! Which codes are accepted: a few time steps, each once, and where the app's clock is.
//!
//! RFC 6238 section 5.2 accepts a code once, and tolerates one step; section 6 learns the drift of the app's clock.

use serde::{Deserialize, Serialize};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

use crate::Parameters;

/// How many steps before and after the expected one are accepted.
const TOLERANCE: i64 = 1;

/// The largest drift that is learnt, in steps.
const MAX_DRIFT: i64 = 2;

/// Which codes are accepted next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Window {
    /// The last step whose code was accepted. Only later ones are accepted.
    last_step: Option<u64>,
    /// How many steps the app's clock is ahead of ours.
    drift: i64,
    /// How many steps the last accepted code was ahead.
    last_offset: i64,
}

impl Window {
    /// Returns the window of an app whose codes up to a time may have been used somewhere else.
    pub fn after(time: u64, parameters: &Parameters) -> Self {
        Self { last_step: time.checked_div(parameters.period), ..Self::default() }
    }

    /// Returns the window after this code, if the code is accepted.
    pub fn accept(&self, secret: &[u8], parameters: &Parameters, now: u64, code: &str) -> Option<Self> {
        let current = now.checked_div(parameters.period)?;
        // All steps are computed and compared, whatever the first ones give. Of two with the same code the later one counts, so that
        // the code is not accepted once more.
        let mut found = Choice::from(0);
        let mut offset = 0;
        for candidate in self.drift - TOLERANCE..=self.drift + TOLERANCE {
            let Some(step) = current.checked_add_signed(candidate) else { continue };
            let is_new = self.last_step.is_none_or(|last| step > last);
            let matches =
                parameters.code(secret, step).as_bytes().ct_eq(code.as_bytes()) & Choice::from(u8::from(is_new));
            offset.conditional_assign(&candidate, matches);
            found |= matches;
        }
        bool::from(found).then(|| self.moved(current, offset))
    }

    fn moved(&self, current: u64, offset: i64) -> Self {
        let seen = offset.clamp(-MAX_DRIFT, MAX_DRIFT);
        // A larger drift would exclude the current step, which is what comes after slow typing or after the clock was set right. So it
        // is learnt only from two codes in a row.
        let drift = if seen.abs() <= TOLERANCE || seen == self.last_offset { seen } else { seen.signum() };
        Self { last_step: current.checked_add_signed(offset), drift, last_offset: seen }
    }

    /// Returns whether the app's clock is off by more than what slow typing explains.
    pub fn clock_is_off(&self) -> bool {
        !(-TOLERANCE..=0).contains(&self.last_offset)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::Algorithm;

    const SECRET: &[u8] = b"12345678901234567890";
    const PARAMETERS: Parameters = Parameters { algorithm: Algorithm::SHA1, digits: 6, period: 30 };
    /// The begin of a step.
    const NOW: u64 = 1_800_000_000;

    /// Offers the code that an app shows whose clock is ahead by `offset` steps.
    fn offer(window: &Window, now: u64, offset: i64) -> Option<Window> {
        let step = (now / 30).checked_add_signed(offset).unwrap();
        window.accept(SECRET, &PARAMETERS, now, &PARAMETERS.code(SECRET, step))
    }

    #[test]
    fn one_step_each_way_is_accepted() {
        for offset in -4..=4 {
            let accepted = offer(&Window::default(), NOW, offset).is_some();
            assert_eq!(accepted, (-1..=1).contains(&offset), "offset {offset}");
        }
    }

    #[test]
    fn a_step_is_accepted_once() {
        let window = offer(&Window::default(), NOW, 0).unwrap();
        assert_eq!(offer(&window, NOW, 0), None);
        assert_eq!(offer(&window, NOW + 29, 0), None);
        assert_eq!(offer(&window, NOW + 30, -1), None);
        assert!(offer(&window, NOW + 30, 0).is_some());
    }

    #[test]
    fn a_step_before_the_last_one_is_refused() {
        let window = offer(&Window::default(), NOW, 1).unwrap();
        assert_eq!(offer(&window, NOW, 0), None);
        assert_eq!(offer(&window, NOW, 1), None);
        assert!(offer(&window, NOW, 2).is_some());
    }

    #[test]
    fn a_clock_that_is_set_back_revives_no_code() {
        let window = offer(&Window::default(), NOW, 0).unwrap();
        for earlier in 1..20 {
            assert_eq!(offer(&window, NOW - 30 * earlier, 0), None);
        }
    }

    #[test]
    fn drift_is_learnt_and_moves_the_window() {
        let window = offer(&Window::default(), NOW, 1).unwrap();
        assert_eq!(window.drift, 1);
        // Moved, not widened.
        assert_eq!(offer(&window, NOW + 300, -1), None);
        assert!(offer(&window, NOW + 300, 0).is_some());
        assert!(offer(&window, NOW + 300, 2).is_some());
        assert_eq!(offer(&window, NOW + 300, 3), None);
    }

    #[test]
    fn drift_never_exceeds_two_steps() {
        for sign in [-1, 1] {
            let mut window = Window::default();
            let mut now = NOW;
            for offset in [1, 2, 2, 3, 3] {
                now += 300;
                window = offer(&window, now, sign * offset).unwrap();
            }
            assert_eq!(window.drift, 2 * sign);
            assert_eq!(offer(&window, now + 300, 4 * sign), None);
        }
    }

    #[test]
    fn one_code_that_was_typed_late_does_not_exclude_the_current_one() {
        let window = offer(&Window::default(), NOW, -1).unwrap();
        let window = offer(&window, NOW + 300, -2).unwrap();
        assert_eq!(window.drift, -1);
        assert!(offer(&window, NOW + 600, 0).is_some());
    }

    #[test]
    fn a_clock_that_is_off_is_reported() {
        let off = [-1, 0, 1].map(|offset| offer(&Window::default(), NOW, offset).unwrap().clock_is_off());
        assert_eq!(off, [false, false, true]);
    }

    #[test]
    fn times_near_the_ends_of_the_clock_are_no_panic() {
        for now in [0, 29, u64::MAX] {
            assert_eq!(Window::default().accept(SECRET, &PARAMETERS, now, "no code"), None);
        }
        let no_period = Parameters { period: 0, ..PARAMETERS };
        assert_eq!(Window::default().accept(SECRET, &no_period, NOW, "000000"), None);
    }

    /// If two steps have the same code, it is not accepted for each of them.
    #[test]
    fn a_code_that_two_steps_share_is_accepted_once() {
        let shared = (0..).find(|step| PARAMETERS.code(SECRET, *step) == PARAMETERS.code(SECRET, step + 1)).unwrap();
        let code = PARAMETERS.code(SECRET, shared);
        let window = Window::default().accept(SECRET, &PARAMETERS, shared * 30, &code).unwrap();
        assert_eq!(window.accept(SECRET, &PARAMETERS, shared * 30, &code), None);
        assert_eq!(window.accept(SECRET, &PARAMETERS, (shared + 1) * 30, &code), None);
    }
}
