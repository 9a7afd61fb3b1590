//! Why a step failed, as a query parameter of the page that shows it. The step itself is answered
//! by a redirect, so that a reload does nothing again. Each reason is a fixed sentence, whoever
//! made the link.

use twofactor::Error;
use twofactor::challenge::ChallengeStatus;
use twofactor::sign_in::Visit;

use super::browser::Fields;
use super::page::Say;
use super::text::Words;

/// The longest wait that is shown, in seconds.
const LONGEST_WAIT: u64 = 24 * 3600;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    Wrong,
    Length,
    Locked,
    Limited(u64),
    Ended,
    VerificationFailed,
    TryAgain,
    NotSent,
    NotThere,
}

impl Why {
    /// Returns why the engine refused a step; `answered` if that was an answer.
    pub(super) fn of(error: &Error, answered: bool) -> Self {
        let wait = error.retry_after().map(|wait| wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
        if error.attempts_left().is_some() {
            Self::Wrong
        } else if answered && error.is_invalid_input() {
            Self::Length
        } else if error.is_locked() {
            Self::Locked
        } else if error.is_rate_limited() {
            Self::Limited(wait.unwrap_or_default())
        } else if error.is_closed() {
            Self::Ended
        } else if error.is_delivery_failed() && answered {
            Self::VerificationFailed
        } else if error.is_delivery_failed() && error.is_retryable() {
            Self::TryAgain
        } else if error.is_delivery_failed() {
            Self::NotSent
        } else {
            Self::NotThere
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Wrong => "wrong",
            Self::Length => "length",
            Self::Locked => "locked",
            Self::Limited(_) => "limited",
            Self::Ended => "ended",
            Self::VerificationFailed => "verification-failed",
            Self::TryAgain => "try-again",
            Self::NotSent => "not-sent",
            Self::NotThere => "not-there",
        }
    }

    /// Returns it as a query.
    pub(super) fn query(self) -> String {
        match self {
            Self::Limited(wait) => format!("why=limited&wait={wait}"),
            other => format!("why={}", other.word()),
        }
    }

    /// Reads it from a query.
    pub(super) fn read(query: &Fields) -> Option<Self> {
        let wait = query.get("wait").and_then(|wait| wait.parse().ok()).unwrap_or(1);
        let all = [
            Self::Wrong,
            Self::Length,
            Self::Locked,
            Self::Limited(wait.clamp(1, LONGEST_WAIT)),
            Self::Ended,
            Self::VerificationFailed,
            Self::TryAgain,
            Self::NotSent,
            Self::NotThere,
        ];
        let word = query.get("why")?;
        all.into_iter().find(|why| why.word() == word)
    }

    /// Returns the sentence, with details of the sign-in's current state.
    pub(super) fn say(self, words: &Words, visit: &Visit) -> Say {
        let open = match &visit.challenge {
            Some((challenge, ChallengeStatus::Open)) => Some(challenge),
            _ => None,
        };
        let plain = |text: &str| Say::Error(text.to_owned());
        match (self, open) {
            (Self::Wrong, None) => plain(words.exhausted),
            (Self::Wrong, Some(challenge)) if challenge.attempts_left == 1 => Say::Field(words.wrong_last.to_owned()),
            (Self::Wrong, Some(challenge)) => {
                Say::Field(words.wrong.replace("{n}", &challenge.attempts_left.to_string()))
            }
            (Self::Length, Some(challenge)) => {
                Say::Field(words.length.replace("{n}", &challenge.code_length.unwrap_or_default().to_string()))
            }
            (Self::Locked, _) => plain(words.locked),
            (Self::Limited(wait), _) => plain(&words.limited.replace("{wait}", &words.wait(wait))),
            (Self::Length, None) | (Self::Ended, _) => plain(words.code_over),
            (Self::VerificationFailed, _) => plain(words.verification_failed),
            (Self::TryAgain, _) => plain(words.try_again),
            (Self::NotSent, _) => plain(words.not_sent),
            (Self::NotThere, _) => plain(words.not_there),
        }
    }
}
