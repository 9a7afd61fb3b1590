//! Why a step failed, as a query parameter of the page that shows it. The step itself is answered
//! by a redirect, so that a reload does nothing again. Each reason is a fixed sentence, whoever
//! made the link.

use twofactor::challenge::{ChallengeKind, ChallengeStatus};
use twofactor::sign_in::{AnswerForm, Visit};
use twofactor::{Error, FactorConflict};

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
    WrongConfirmation,
    NotAdded,
    AlreadyAdded,
    AddedTooLate,
    Unmet,
    TooMany,
    NotAllowed,
    PassRejected,
    PassLength,
}

/// What an error is the reply to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answered {
    /// The answer to a challenge.
    Challenge,
    /// The answer that finishes an enrolment.
    Enrolment,
    /// Anything else.
    Nothing,
}

impl Why {
    /// Returns why the engine refused a step.
    pub(super) fn of(error: &Error, answered: Answered) -> Self {
        if error.is_proof_required() {
            return Self::NotAllowed;
        } else if error.is_requirement_unmet() {
            return Self::Unmet;
        } else if error.is_enrolment_closed() {
            return Self::AddedTooLate;
        } else if error.is_conflict() {
            return match error.factor_conflict() {
                Some(FactorConflict::AlreadyEnrolled) => Self::AlreadyAdded,
                Some(FactorConflict::TooMany) => Self::TooMany,
                _ => Self::NotAdded,
            };
        } else if answered == Answered::Enrolment && !error.is_rate_limited() && !error.is_locked() {
            return if error.attempts_left().is_some() || error.is_invalid_input() {
                Self::WrongConfirmation
            } else {
                Self::NotAdded
            };
        }
        let answered = answered == Answered::Challenge;
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

    /// Returns why the engine refused a temporary pass, if that is why.
    pub(super) fn of_pass(error: &Error) -> Option<Self> {
        if error.is_invalid_input() {
            Some(Self::PassLength)
        } else if error.is_rate_limited() {
            Some(Self::of(error, Answered::Nothing))
        } else {
            error.is_closed().then_some(Self::PassRejected)
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
            Self::WrongConfirmation => "wrong-confirmation",
            Self::NotAdded => "not-added",
            Self::AlreadyAdded => "already-added",
            Self::AddedTooLate => "added-too-late",
            Self::Unmet => "unmet",
            Self::TooMany => "too-many",
            Self::NotAllowed => "not-allowed",
            Self::PassRejected => "pass-rejected",
            Self::PassLength => "pass-length",
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
            Self::WrongConfirmation,
            Self::NotAdded,
            Self::AlreadyAdded,
            Self::AddedTooLate,
            Self::Unmet,
            Self::TooMany,
            Self::NotAllowed,
            Self::PassRejected,
            Self::PassLength,
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
        let factors = &words.factors;
        // A factor that the person holds is tried again, a delivered code is requested again.
        let held = visit.challenge.as_ref().and_then(|(challenge, _)| visit.option_of(challenge));
        match (self, open) {
            (Self::Wrong, None) => plain(if held.is_some() { factors.exhausted } else { words.exhausted }),
            (Self::Wrong | Self::Length, Some(challenge)) if challenge.kind == ChallengeKind::WebauthnGet => {
                plain(factors.passkey_rejected)
            }
            (Self::Wrong, Some(challenge)) if challenge.attempts_left == 1 => Say::Field(words.wrong_last.to_owned()),
            (Self::Wrong, Some(challenge)) => {
                Say::Field(words.wrong.replace("{n}", &challenge.attempts_left.to_string()))
            }
            (Self::Length, Some(challenge)) => {
                let letters = held.is_some_and(|it| matches!(it.answer, AnswerForm::Code { letters: true, .. }));
                let text = if letters { factors.length } else { words.length };
                Say::Field(text.replace("{n}", &challenge.code_length.unwrap_or_default().to_string()))
            }
            (Self::Locked, _) => plain(words.locked),
            (Self::Limited(wait), _) => plain(&words.limited.replace("{wait}", &words.wait(wait))),
            (Self::Length, None) | (Self::Ended, _) if held.is_some() => plain(factors.over),
            (Self::Length, None) | (Self::Ended, _) => plain(words.code_over),
            (Self::VerificationFailed, _) => plain(words.verification_failed),
            (Self::TryAgain, _) => plain(words.try_again),
            (Self::NotSent, _) => plain(words.not_sent),
            (Self::NotThere, _) => plain(words.not_there),
            (Self::WrongConfirmation, _) => Say::Field(factors.app_wrong.to_owned()),
            (Self::NotAdded, _) => plain(factors.not_added),
            (Self::AlreadyAdded, _) => plain(factors.passkey_known),
            (Self::AddedTooLate, _) => plain(factors.too_late),
            (Self::Unmet, _) => plain(factors.unmet),
            (Self::TooMany, _) => plain(factors.too_many),
            (Self::NotAllowed, _) => plain(factors.not_allowed),
            (Self::PassRejected, _) => Say::Field(words.passes.rejected.to_owned()),
            (Self::PassLength, _) => Say::Field(words.passes.length.to_owned()),
        }
    }
}
