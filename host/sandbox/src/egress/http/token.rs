//! A token, and why there is none.

use std::time::{Duration, Instant};

use super::message::Failed;
use crate::egress::policy::Secret;

/// How long before its expiry a token is renewed. Tokens of Microsoft Entra are valid for an hour.
const EARLY: Duration = Duration::from_secs(300);

/// The longest time for which a token is kept.
const LONGEST: Duration = Duration::from_secs(86_400);

#[derive(Clone)]
pub(crate) enum TokenError {
    /// No token endpoint may be called, or the key is not valid.
    Misconfigured(String),
    /// The endpoint does not accept the credentials.
    Refused(Failed),
    /// No token is available at the moment.
    Unavailable(Failed),
}

/// A token, and when it is renewed.
pub(super) struct Token {
    pub(super) secret: Secret,
    pub(super) renew_at: Instant,
}

impl Token {
    /// A token that was requested at `began` and is valid for so many seconds; 0 if nobody says for how long.
    pub(super) fn new(secret: impl Into<String>, began: Instant, seconds: u64) -> Self {
        let life = Duration::from_secs(seconds).min(LONGEST);
        Self { secret: Secret::new(secret), renew_at: began + (life - EARLY.min(life / 5)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_renewed_before_its_end() {
        let began = Instant::now();
        for (seconds, used) in [(3599, 3299), (300, 240), (0, 0), (u64::MAX, 86_400 - 300)] {
            assert_eq!((Token::new("t", began, seconds).renew_at - began).as_secs(), used);
        }
    }
}
