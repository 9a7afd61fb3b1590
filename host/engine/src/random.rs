//! Randomness comes from the operating system. If it fails, nothing is made.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;

use crate::error::Error;

/// Returns an id that cannot be guessed: 144 random bits, where 128 are asked for, since base64url then needs no padding.
pub(crate) fn id() -> Result<String, Error> {
    let mut bytes = [0; 18];
    fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Returns an id like [`id`], with the time in front of it: what is stored at the same time is stored in the same place, and a write of many
/// rows changes few pages.
pub(crate) fn id_at(now: Timestamp) -> Result<String, Error> {
    Ok(format!("{:012x}{}", now.as_millisecond().max(0), id()?))
}

/// Fills a buffer with random bytes.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), Error> {
    getrandom::fill(bytes).map_err(|_| Error::unavailable("the operating system provides no random numbers"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn ids_of_a_later_time_sort_after_those_of_an_earlier_one() {
        let time = |ms| Timestamp::from_millisecond(ms).unwrap();
        let times = [Timestamp::MIN, time(1), time(1_700_000_000_000), time(1_700_000_000_001), Timestamp::MAX];
        let ids = times.map(|now| id_at(now).unwrap());
        assert!(ids.is_sorted(), "{ids:?}");
        assert!(ids.iter().all(|id| id.len() == 36), "{ids:?}");
    }
}
