//! The engine's one error type.

use std::fmt;
use std::time::Duration;

use jiff::SignedDuration;
use twofactor_sandbox::DeliveryFailure;

/// Why a call of the engine failed.
///
/// Its text may be shown to whoever made the call: it holds no code, secret or recipient, and nothing an upstream said.
/// What the operator needs beyond that is [`Error::operator_detail`].
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    message: String,
    detail: Option<String>,
    problems: Vec<InputProblem>,
    closed_country: Option<String>,
}

/// One thing that is wrong with what a call was given. It repeats no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputProblem {
    /// Where, as a JSON Pointer (RFC 6901) into the call's input: `/name`, `/options/MailServerConfig/Port`, `/policy/digits`.
    /// Where a call takes options or a list alone, into these. Empty for the whole.
    pub pointer: String,
    /// What to do about it.
    pub detail: String,
}

impl InputProblem {
    pub(crate) fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    InvalidInput,
    NotFound,
    Conflict,
    KeyReused,
    PassedOver,
    NotAvailable,
    Limited { retry_after: Duration },
    Locked,
    LogInRefused,
    Forbidden,
    CodeRejected { attempts_left: u32 },
    Closed,
    RecipientRejected,
    DeliveryFailed { retryable: bool, retry_after: Option<Duration> },
    Unavailable,
    ClockOff { behind: SignedDuration },
}

impl Error {
    fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            detail: None,
            problems: Vec::new(),
            closed_country: None,
        }))
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::InvalidInput, message)
    }

    /// What is wrong at one place of the input; the name it has there comes first in the text.
    pub(crate) fn invalid_at(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::invalid_because(vec![InputProblem::new(pointer, detail)])
    }

    pub(crate) fn invalid_because(problems: Vec<InputProblem>) -> Self {
        let text = |one: &InputProblem| match one.pointer.trim_start_matches('/') {
            "" => one.detail.clone(),
            name => format!("`{name}` {}", one.detail),
        };
        let message = match problems.split_first() {
            Some((first, [])) => text(first),
            Some((first, more)) => format!("{}; {} more like this", text(first), more.len()),
            None => "the input is wrong".to_owned(),
        };
        let mut error = Self::invalid(message);
        error.0.problems = problems;
        error
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(Kind::NotFound, format!("there is no such {what}"))
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(Kind::Conflict, message)
    }

    pub(crate) fn key_reused() -> Self {
        Self::new(Kind::KeyReused, "this `Idempotency-Key` was used for another request: use a new one")
    }

    pub(crate) fn passed_over() -> Self {
        Self::new(Kind::PassedOver, "somebody else changed it meanwhile: read it again")
    }

    pub(crate) fn not_available() -> Self {
        Self::new(Kind::NotAvailable, "no TwoFactor instance is available to this sign-in")
    }

    pub(crate) fn limited(retry_after: Duration) -> Self {
        Self::new(Kind::Limited { retry_after }, "too many requests: try again later")
    }

    pub(crate) fn locked() -> Self {
        Self::new(Kind::Locked, "too many wrong answers of this user: somebody must unlock it, or a day must pass")
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(Kind::Forbidden, message)
    }

    /// One text for an unknown account, a wrong password and an account that may not log in.
    pub(crate) fn log_in_refused() -> Self {
        Self::new(Kind::LogInRefused, "this email address and password do not fit")
    }

    pub(crate) fn link_over() -> Self {
        Self::new(Kind::Closed, "this link was used, replaced or is over: ask for another")
    }

    pub(crate) fn log_in_over() -> Self {
        Self::new(Kind::Closed, "this log-in is over: begin again")
    }

    /// One text for a handle that is unknown, was used, has expired or belongs to another sign-in.
    pub(crate) fn handle_rejected() -> Self {
        Self::new(Kind::Closed, "this handle is unknown, used or expired, or belongs to another sign-in")
    }

    pub(crate) fn code_rejected(attempts_left: u32) -> Self {
        Self::new(Kind::CodeRejected { attempts_left }, "this is not the code")
    }

    pub(crate) fn closed() -> Self {
        Self::new(Kind::Closed, "this challenge is closed")
    }

    pub(crate) fn recipient_rejected(message: impl Into<String>) -> Self {
        Self::new(Kind::RecipientRejected, message)
    }

    /// Messages to a country (ISO 3166-1 alpha-2) that the policy does not open.
    pub(crate) fn country_closed(country: &str) -> Self {
        let mut error = Self::recipient_rejected(format!(
            "messages to this country are not enabled: add {country} to `countries` of the policy, of the TwoFactor instance or of the installation"
        ));
        error.0.closed_country = Some(country.to_owned());
        error
    }

    pub(crate) fn unavailable(detail: impl fmt::Display) -> Self {
        Self::new(Kind::Unavailable, "the service is not available for the moment").with_detail(detail)
    }

    /// The clock of this process is behind the time of the store, or ahead of it (negative).
    pub(crate) fn clock_off(behind: SignedDuration) -> Self {
        Self::new(
            Kind::ClockOff { behind },
            "the clock of this process and the time of the store differ by more than 5 seconds",
        )
    }

    pub(crate) fn with_detail(mut self, detail: impl fmt::Display) -> Self {
        self.0.detail = Some(detail.to_string());
        self
    }

    /// A delivery that failed, in the words of the one who asked for it.
    pub(crate) fn delivery(failure: &DeliveryFailure) -> Self {
        let failed =
            |retryable, retry_after, message: &str| Self::new(Kind::DeliveryFailed { retryable, retry_after }, message);
        let error = match failure {
            DeliveryFailure::RetryLater { after_seconds, .. } => {
                let wait = after_seconds.map(|seconds| Duration::from_secs(seconds.into()));
                failed(true, wait, "the message was not sent: try again later")
            }
            DeliveryFailure::OutcomeUnknown(_) => failed(false, None, "it is not known whether the message was sent"),
            DeliveryFailure::Rejected { recipient: true, .. } => {
                Self::recipient_rejected("messages to this recipient are not accepted")
            }
            DeliveryFailure::Rejected { .. } => failed(false, None, "the message was not accepted"),
            DeliveryFailure::Misconfigured(_) => {
                failed(false, None, "the TwoFactor instance cannot send: call the operator")
            }
            DeliveryFailure::Blocked(_) => failed(false, None, "the message was blocked"),
        };
        error.with_detail(format_args!("{}: {}", failure.name(), failure.reason()))
    }

    /// An answer that the upstream did not judge, in the words of the one who gave it. To ask again sends nothing twice, while the
    /// challenge takes answers.
    pub(crate) fn judging(failure: &DeliveryFailure, attempts_left: u32) -> Self {
        let (retryable, wait) = match failure {
            DeliveryFailure::RetryLater { after_seconds, .. } => (true, *after_seconds),
            DeliveryFailure::OutcomeUnknown(_) => (true, None),
            _ => (false, None),
        };
        let text = match (retryable, attempts_left) {
            (true, 0) => "the answer could not be judged, and the challenge takes no more: start anew",
            (true, _) => "the answer could not be judged: try again later",
            (false, _) => "the TwoFactor instance cannot have answers judged: call the operator",
        };
        let (retryable, wait) = if attempts_left == 0 { (false, None) } else { (retryable, wait) };
        let retry_after = wait.map(|seconds| Duration::from_secs(seconds.into()));
        Self::new(Kind::DeliveryFailed { retryable, retry_after }, text).with_detail(format_args!(
            "{}: {}",
            failure.name(),
            failure.reason()
        ))
    }

    /// The input is malformed; the text says how.
    pub fn is_invalid_input(&self) -> bool {
        self.0.kind == Kind::InvalidInput
    }

    /// What was named does not exist, or not in that subscription.
    pub fn is_not_found(&self) -> bool {
        self.0.kind == Kind::NotFound
    }

    /// The call contradicts what is there: a name taken, a revision passed over, a first request with the same idempotency key in
    /// progress.
    pub fn is_conflict(&self) -> bool {
        matches!(self.0.kind, Kind::Conflict | Kind::PassedOver)
    }

    /// The idempotency key was used for another request.
    pub fn is_key_reused(&self) -> bool {
        self.0.kind == Kind::KeyReused
    }

    /// Somebody else changed what was to be changed since the revision that the call named was read.
    pub fn is_passed_over(&self) -> bool {
        self.0.kind == Kind::PassedOver
    }

    /// Where the input is wrong, if it is and the place is known.
    pub fn problems(&self) -> &[InputProblem] {
        &self.0.problems
    }

    /// No instance is active, valid and assigned to this sign-in.
    pub fn is_not_available(&self) -> bool {
        self.0.kind == Kind::NotAvailable
    }

    /// A limit was reached; see [`Error::retry_after`].
    pub fn is_limited(&self) -> bool {
        matches!(self.0.kind, Kind::Limited { .. } | Kind::Locked)
    }

    /// The limit is that of wrong answers in a row: [`Administration::unlock_user`](crate::Administration::unlock_user).
    pub fn is_locked(&self) -> bool {
        self.0.kind == Kind::Locked
    }

    /// The caller may not do this, though it may administer the subscription: it would change what guards log-ins to accounts.
    pub fn is_forbidden(&self) -> bool {
        self.0.kind == Kind::Forbidden
    }

    /// Nobody can log in with this: an unknown account, a wrong password and a disabled account look alike.
    pub fn is_log_in_refused(&self) -> bool {
        self.0.kind == Kind::LogInRefused
    }

    /// The answer was wrong; see [`Error::attempts_left`].
    pub fn is_code_rejected(&self) -> bool {
        matches!(self.0.kind, Kind::CodeRejected { .. })
    }

    /// The challenge takes no answer: used, expired, locked, cancelled and unknown look alike. So do a log-in and the link of an
    /// invitation that are over, and the handle of a hosted sign-in that is not good.
    pub fn is_closed(&self) -> bool {
        self.0.kind == Kind::Closed
    }

    /// The recipient is malformed, not allowed, or refused by the upstream.
    pub fn is_recipient_rejected(&self) -> bool {
        self.0.kind == Kind::RecipientRejected
    }

    /// The provider could not deliver, or it is not known whether it did; or its upstream could not be asked about an answer.
    pub fn is_delivery_failed(&self) -> bool {
        matches!(self.0.kind, Kind::DeliveryFailed { .. })
    }

    /// Surely no message was sent, and the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self.0.kind, Kind::DeliveryFailed { retryable: true, .. } | Kind::Limited { .. } | Kind::Unavailable)
    }

    /// The store is not there, or too busy.
    pub fn is_unavailable(&self) -> bool {
        self.0.kind == Kind::Unavailable
    }

    /// The clock of this process and the time of the store differ too much; see [`Error::clock_behind`].
    pub fn is_clock_off(&self) -> bool {
        matches!(self.0.kind, Kind::ClockOff { .. })
    }

    /// How far the clock of this process is behind the time of the store; negative if it is ahead.
    pub fn clock_behind(&self) -> Option<SignedDuration> {
        match self.0.kind {
            Kind::ClockOff { behind } => Some(behind),
            _ => None,
        }
    }

    /// The country (ISO 3166-1 alpha-2) of a recipient that was rejected because the policy's `countries` do not have it.
    pub fn closed_country(&self) -> Option<&str> {
        self.0.closed_country.as_deref()
    }

    /// How long to wait before the same call is tried again.
    pub fn retry_after(&self) -> Option<Duration> {
        match self.0.kind {
            Kind::Limited { retry_after } => Some(retry_after),
            Kind::DeliveryFailed { retry_after, .. } => retry_after,
            _ => None,
        }
    }

    /// How many more answers the challenge takes.
    pub fn attempts_left(&self) -> Option<u32> {
        match self.0.kind {
            Kind::CodeRejected { attempts_left } => Some(attempts_left),
            _ => None,
        }
    }

    /// More for the log, such as the upstream's own code. Holds no code, secret or recipient either, but is not meant for
    /// the caller.
    pub fn operator_detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, message, detail, problems: _, closed_country: _ } = &*self.0;
        f.debug_struct("Error").field("kind", kind).field("message", message).field("detail", detail).finish()
    }
}

impl std::error::Error for Error {}
