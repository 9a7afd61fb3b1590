//! The engine's error type.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use jiff::SignedDuration;
use twofactor_sandbox::{DeliveryFailure, FieldError};

/// Why a call of the engine failed.
///
/// Its text may be shown to the caller: it holds no code, secret or recipient, and nothing that an upstream returned. Details for
/// operators are in [`Error::operator_detail`].
pub struct Error(Box<Inner>);

struct Inner {
    reason: Reason,
    message: String,
    detail: Option<String>,
    field_errors: Vec<FieldError>,
    country_not_enabled: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The kind of an [`Error`]: what the caller can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input is malformed; see [`Error::field_errors`].
    InvalidInput,
    /// The object does not exist, or belongs to another subscription.
    NotFound,
    /// The call contradicts the current state: a name is taken, a first request with the same idempotency key is in progress, the user has
    /// changed while a challenge was started, a user has as many factors or addresses as allowed, a subscription as many instances, or the
    /// authenticator is already enrolled; see [`Error::factor_conflict`].
    Conflict,
    /// The object was modified since the revision that the call expects. Reload and retry.
    RevisionConflict,
    /// The idempotency key was used for another request.
    IdempotencyKeyReused,
    /// No instance is active, valid and assigned to this sign-in.
    NoInstanceAvailable,
    /// A limit is reached; see [`Error::retry_after`].
    RateLimited,
    /// The person is locked after too many wrong answers in a row: see
    /// [`Administration::unlock_user`](crate::admin::Administration::unlock_user).
    Locked,
    /// The credentials are not valid. An unknown account, a wrong password and a disabled account are not distinguished.
    InvalidCredentials,
    /// The caller may administer the subscription, but not this object: an instance, factor, RP ID or origin on which logins of
    /// administrators depend, or a pass for the caller's own account.
    Forbidden,
    /// The answer was wrong; see [`Error::attempts_left`].
    CodeRejected,
    /// The challenge does not accept answers. Used, expired, locked, cancelled and unknown challenges are not distinguished. Also a login
    /// or an invitation that has expired, and the handle of a hosted sign-in that is not valid.
    Closed,
    /// The enrolment does not accept an answer. Finished, expired, replaced and unknown enrolments are not distinguished.
    EnrolmentClosed,
    /// A change of a user's factors needs a proof that it comes from the user: a fresh challenge that was verified with a factor the user
    /// holds, a temporary pass, or an administrator.
    ProofRequired,
    /// No factor of the user satisfies what the sign-in requires, or a new one does not; see [`Error::requirement`].
    RequirementUnmet,
    /// The recipient is malformed, not allowed, or was refused by the upstream.
    RecipientRejected,
    /// The provider could not deliver, or it is not known whether it did; or its upstream could not verify an answer.
    DeliveryFailed,
    /// The store is temporarily unavailable, or it is not known whether it applied a change; see [`Error::is_outcome_unknown`].
    Unavailable,
    /// The clock of this process and the time of the store differ too much; see [`Error::clock_behind`].
    ClockSkew,
}

/// The kind, with its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    Plain(ErrorKind),
    RateLimited { retry_after: Duration },
    CodeRejected { attempts_left: u32 },
    RequirementUnmet { requirement: &'static str },
    Unavailable { retry_after: Duration },
    OutcomeUnknown,
    DeliveryFailed { retryable: bool, retry_after: Option<Duration> },
    ClockSkew { behind: SignedDuration },
    FactorConflict(FactorConflict),
}

/// Why a user cannot get another factor: a kind of [`ErrorKind::Conflict`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FactorConflict {
    /// The authenticator is already enrolled, for this user or another.
    AlreadyEnrolled,
    /// The user has the maximum number.
    TooMany,
    /// The factor is only a fallback, and the user holds no other.
    NeedsAnother,
}

/// How long to wait before a call is tried again that failed for a reason that may be gone soon.
const SOON: Duration = Duration::from_secs(1);

impl Error {
    fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            reason,
            message: message.into(),
            detail: None,
            field_errors: Vec::new(),
            country_not_enabled: None,
            source: None,
        }))
    }

    fn plain(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::new(Reason::Plain(kind), message)
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::plain(ErrorKind::InvalidInput, message)
    }

    /// Returns an error in one field; the text begins with the field's name.
    pub(crate) fn invalid_at(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::invalid_because(vec![FieldError::new(pointer, detail)])
    }

    pub(crate) fn invalid_because(field_errors: Vec<FieldError>) -> Self {
        let text = |one: &FieldError| match one.pointer.trim_start_matches('/') {
            "" => one.detail.clone(),
            name => format!("`{name}` {}", one.detail),
        };
        let message = match field_errors.split_first() {
            Some((first, [])) => text(first),
            Some((first, more)) => format!("{}; {} more like this", text(first), more.len()),
            None => "invalid input".to_owned(),
        };
        let mut error = Self::invalid(message);
        error.0.field_errors = field_errors;
        error
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::plain(ErrorKind::NotFound, format!("{what} not found"))
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::plain(ErrorKind::Conflict, message)
    }

    pub(crate) fn user_changed() -> Self {
        Self::conflict("a sign-in method of the user has changed in the meantime; repeat the request")
    }

    pub(crate) fn factor_refused(why: FactorConflict, message: impl Into<String>) -> Self {
        Self::new(Reason::FactorConflict(why), message)
    }

    pub(crate) fn key_reused() -> Self {
        let text = "this `Idempotency-Key` was used for another request; use a new one";
        Self::plain(ErrorKind::IdempotencyKeyReused, text)
    }

    pub(crate) fn revision_conflict() -> Self {
        Self::plain(ErrorKind::RevisionConflict, "modified by someone else; reload and retry")
    }

    pub(crate) fn no_instance_available() -> Self {
        Self::plain(ErrorKind::NoInstanceAvailable, "no TwoFactor instance is available for this sign-in")
    }

    pub(crate) fn rate_limited(retry_after: Duration) -> Self {
        Self::new(Reason::RateLimited { retry_after }, "too many requests; try again later")
    }

    pub(crate) fn locked() -> Self {
        let text = "too many wrong answers by this user; wait a day, or have an administrator unlock the user";
        Self::plain(ErrorKind::Locked, text)
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::plain(ErrorKind::Forbidden, message)
    }

    /// One text for an unknown account, a wrong password and an account that nobody may log in to.
    pub(crate) fn invalid_credentials() -> Self {
        Self::plain(ErrorKind::InvalidCredentials, "incorrect email address or password")
    }

    pub(crate) fn invitation_closed() -> Self {
        Self::plain(ErrorKind::Closed, "this link was used, replaced or has expired; request a new one")
    }

    pub(crate) fn login_closed() -> Self {
        Self::plain(ErrorKind::Closed, "this login has expired; log in again")
    }

    /// One text for a handle that is unknown, was used, has expired or belongs to another sign-in.
    pub(crate) fn handle_rejected() -> Self {
        Self::plain(ErrorKind::Closed, "this handle is unknown, was used, has expired or belongs to another sign-in")
    }

    pub(crate) fn code_rejected(attempts_left: u32) -> Self {
        Self::new(Reason::CodeRejected { attempts_left }, "incorrect code")
    }

    pub(crate) fn closed() -> Self {
        Self::plain(ErrorKind::Closed, "this challenge is closed")
    }

    /// One text for an enrolment that is unknown, was finished or replaced, or has expired.
    pub(crate) fn enrolment_closed() -> Self {
        Self::plain(ErrorKind::EnrolmentClosed, "this enrolment is closed; start a new enrolment")
    }

    pub(crate) fn proof_required(message: impl Into<String>) -> Self {
        Self::plain(ErrorKind::ProofRequired, message)
    }

    /// `requirement` is a stable name: of a [`RequiredFactor`](crate::factor::RequiredFactor), of an unmet requirement of an enrolment, or
    /// `acr`.
    pub(crate) fn requirement_unmet(requirement: &'static str) -> Self {
        let text = "no factor of this user satisfies the requirement";
        Self::new(Reason::RequirementUnmet { requirement }, format!("{text} `{requirement}`"))
    }

    /// The new factor works but does not satisfy a requirement.
    pub(crate) fn new_factor_unmet(requirement: &'static str) -> Self {
        let text = format!("the new factor does not satisfy the requirement `{requirement}`");
        Self::new(Reason::RequirementUnmet { requirement }, text)
    }

    pub(crate) fn recipient_rejected(message: impl Into<String>) -> Self {
        Self::plain(ErrorKind::RecipientRejected, message)
    }

    /// Messages to a country (ISO 3166-1 alpha-2) that the policy does not list.
    pub(crate) fn country_refused(country: &str) -> Self {
        let mut error = Self::recipient_rejected(format!(
            "messages to this country are not enabled; add {country} to `countries` in the policy of the TwoFactor instance or of the installation"
        ));
        error.0.country_not_enabled = Some(country.to_owned());
        error
    }

    pub(crate) fn unavailable(detail: impl fmt::Display) -> Self {
        let reason = Reason::Unavailable { retry_after: SOON };
        Self::new(reason, "the service is temporarily unavailable").with_detail(detail)
    }

    /// The store applied the change of a request, or it did not.
    pub(crate) fn outcome_unknown(detail: impl fmt::Display) -> Self {
        let text = "it is not known whether the request took effect; send the same request again";
        Self::new(Reason::OutcomeUnknown, text).with_detail(detail)
    }

    /// Returns the same error for whoever answered a challenge: if its outcome is unknown, the challenge may be closed now.
    pub(crate) fn of_answer(mut self) -> Self {
        if self.is_outcome_unknown() {
            let text = "it is not known whether the answer was accepted; send the same request again, and start a new challenge if this \
                        one is closed";
            self.0.message = text.to_owned();
        }
        self
    }

    /// The database may have forgotten a moment ago which codes of apps were used.
    pub(crate) fn too_early(retry_after: SignedDuration) -> Self {
        let retry_after = retry_after.try_into().unwrap_or_default();
        Self::new(
            Reason::Unavailable { retry_after },
            "codes of authenticator apps are not accepted in the first minutes after a failover or a restore of the database; try again \
             later, or use another factor",
        )
    }

    /// The clock of this process is behind the time of the store, or ahead of it (negative).
    pub(crate) fn clock_skew(behind: SignedDuration) -> Self {
        let text = "the clock of this process and the time of the store differ by more than 5 seconds";
        Self::new(Reason::ClockSkew { behind }, text)
    }

    pub(crate) fn with_detail(mut self, detail: impl fmt::Display) -> Self {
        self.0.detail = Some(detail.to_string());
        self
    }

    pub(crate) fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(Box::new(source));
        self
    }

    /// Returns a failed delivery, as its caller reads it.
    pub(crate) fn delivery(failure: &DeliveryFailure) -> Self {
        let failed = |retryable, retry_after, message: &str| {
            Self::new(Reason::DeliveryFailed { retryable, retry_after }, message)
        };
        let error = match failure {
            DeliveryFailure::RetryLater { after_seconds, .. } => {
                let wait = after_seconds.map(|seconds| Duration::from_secs(seconds.into()));
                failed(true, wait, "the message was not sent; try again later")
            }
            DeliveryFailure::OutcomeUnknown(_) => failed(false, None, "it is unknown whether the message was sent"),
            DeliveryFailure::Rejected { recipient: true, .. } => {
                Self::recipient_rejected("messages to this recipient are not accepted")
            }
            DeliveryFailure::Rejected { .. } => failed(false, None, "the message was not accepted"),
            DeliveryFailure::Misconfigured(_) => {
                failed(false, None, "the TwoFactor instance cannot send; contact the operator")
            }
            DeliveryFailure::Blocked(_) => failed(false, None, "the message was blocked"),
        };
        error.with_detail(format_args!("{}: {}", failure.name(), failure.reason()))
    }

    /// An answer that the upstream could not verify, as its caller reads it. Asking again sends no message twice, as long as the
    /// challenge accepts answers.
    pub(crate) fn verification(failure: &DeliveryFailure, attempts_left: u32) -> Self {
        let (retryable, wait) = match failure {
            DeliveryFailure::RetryLater { after_seconds, .. } => (true, *after_seconds),
            DeliveryFailure::OutcomeUnknown(_) => (true, None),
            _ => (false, None),
        };
        let text = match (retryable, attempts_left) {
            (true, 0) => {
                "the answer could not be verified, and the challenge accepts no more answers; start a new challenge"
            }
            (true, _) => "the answer could not be verified; try again later",
            (false, _) => "the TwoFactor instance cannot verify answers; contact the operator",
        };
        let (retryable, wait) = if attempts_left == 0 { (false, None) } else { (retryable, wait) };
        let retry_after = wait.map(|seconds| Duration::from_secs(seconds.into()));
        Self::new(Reason::DeliveryFailed { retryable, retry_after }, text).with_detail(format_args!(
            "{}: {}",
            failure.name(),
            failure.reason()
        ))
    }

    /// Returns the kind.
    pub fn kind(&self) -> ErrorKind {
        match self.0.reason {
            Reason::Plain(kind) => kind,
            Reason::RateLimited { .. } => ErrorKind::RateLimited,
            Reason::Unavailable { .. } | Reason::OutcomeUnknown => ErrorKind::Unavailable,
            Reason::CodeRejected { .. } => ErrorKind::CodeRejected,
            Reason::RequirementUnmet { .. } => ErrorKind::RequirementUnmet,
            Reason::DeliveryFailed { .. } => ErrorKind::DeliveryFailed,
            Reason::ClockSkew { .. } => ErrorKind::ClockSkew,
            Reason::FactorConflict(_) => ErrorKind::Conflict,
        }
    }

    /// Returns whether the kind is [`ErrorKind::InvalidInput`].
    pub fn is_invalid_input(&self) -> bool {
        self.kind() == ErrorKind::InvalidInput
    }

    /// Returns whether the kind is [`ErrorKind::NotFound`].
    pub fn is_not_found(&self) -> bool {
        self.kind() == ErrorKind::NotFound
    }

    /// Returns whether the kind is [`ErrorKind::Conflict`] or [`ErrorKind::RevisionConflict`].
    pub fn is_conflict(&self) -> bool {
        matches!(self.kind(), ErrorKind::Conflict | ErrorKind::RevisionConflict)
    }

    /// Returns whether the kind is [`ErrorKind::IdempotencyKeyReused`].
    pub fn is_idempotency_key_reused(&self) -> bool {
        self.kind() == ErrorKind::IdempotencyKeyReused
    }

    /// Returns whether the kind is [`ErrorKind::RevisionConflict`].
    pub fn is_revision_conflict(&self) -> bool {
        self.kind() == ErrorKind::RevisionConflict
    }

    /// Returns whether the kind is [`ErrorKind::NoInstanceAvailable`].
    pub fn is_no_instance_available(&self) -> bool {
        self.kind() == ErrorKind::NoInstanceAvailable
    }

    /// Returns whether the kind is [`ErrorKind::RateLimited`] or [`ErrorKind::Locked`].
    pub fn is_rate_limited(&self) -> bool {
        matches!(self.kind(), ErrorKind::RateLimited | ErrorKind::Locked)
    }

    /// Returns whether the kind is [`ErrorKind::Locked`].
    pub fn is_locked(&self) -> bool {
        self.kind() == ErrorKind::Locked
    }

    /// Returns whether the kind is [`ErrorKind::Forbidden`].
    pub fn is_forbidden(&self) -> bool {
        self.kind() == ErrorKind::Forbidden
    }

    /// Returns whether the kind is [`ErrorKind::InvalidCredentials`].
    pub fn is_invalid_credentials(&self) -> bool {
        self.kind() == ErrorKind::InvalidCredentials
    }

    /// Returns whether the kind is [`ErrorKind::CodeRejected`].
    pub fn is_code_rejected(&self) -> bool {
        self.kind() == ErrorKind::CodeRejected
    }

    /// Returns whether the kind is [`ErrorKind::Closed`].
    pub fn is_closed(&self) -> bool {
        self.kind() == ErrorKind::Closed
    }

    /// Returns whether the kind is [`ErrorKind::EnrolmentClosed`].
    pub fn is_enrolment_closed(&self) -> bool {
        self.kind() == ErrorKind::EnrolmentClosed
    }

    /// Returns whether the kind is [`ErrorKind::ProofRequired`].
    pub fn is_proof_required(&self) -> bool {
        self.kind() == ErrorKind::ProofRequired
    }

    /// Returns whether the kind is [`ErrorKind::RequirementUnmet`].
    pub fn is_requirement_unmet(&self) -> bool {
        self.kind() == ErrorKind::RequirementUnmet
    }

    /// Returns whether the kind is [`ErrorKind::RecipientRejected`].
    pub fn is_recipient_rejected(&self) -> bool {
        self.kind() == ErrorKind::RecipientRejected
    }

    /// Returns whether the kind is [`ErrorKind::DeliveryFailed`].
    pub fn is_delivery_failed(&self) -> bool {
        self.kind() == ErrorKind::DeliveryFailed
    }

    /// Returns whether the kind is [`ErrorKind::Unavailable`].
    pub fn is_unavailable(&self) -> bool {
        self.kind() == ErrorKind::Unavailable
    }

    /// Returns whether it is not known whether the call took effect. The kind is [`ErrorKind::Unavailable`].
    pub fn is_outcome_unknown(&self) -> bool {
        self.0.reason == Reason::OutcomeUnknown
    }

    /// Returns whether the kind is [`ErrorKind::ClockSkew`].
    pub fn is_clock_skew(&self) -> bool {
        self.kind() == ErrorKind::ClockSkew
    }

    /// Returns whether the same call may succeed later. If it starts a challenge or sends its message again, certainly no message was
    /// sent; if it verifies, the answer was not verified, unless [`Self::is_outcome_unknown`], and may be given again. When a challenge has
    /// no resends left, the wait of [`retry_after`](Self::retry_after) ends with the challenge.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.0.reason,
            Reason::DeliveryFailed { retryable: true, .. }
                | Reason::RateLimited { .. }
                | Reason::Unavailable { .. }
                | Reason::OutcomeUnknown
        )
    }

    /// Returns the fields that are wrong, if the input is invalid and they are known.
    pub fn field_errors(&self) -> &[FieldError] {
        &self.0.field_errors
    }

    /// Returns the country (ISO 3166-1 alpha-2) of a recipient that was rejected because the policy's `countries` do not list it.
    pub fn country_not_enabled(&self) -> Option<&str> {
        self.0.country_not_enabled.as_deref()
    }

    /// Returns how long to wait before the same call is tried again.
    pub fn retry_after(&self) -> Option<Duration> {
        match self.0.reason {
            Reason::RateLimited { retry_after } | Reason::Unavailable { retry_after } => Some(retry_after),
            Reason::OutcomeUnknown => Some(SOON),
            Reason::DeliveryFailed { retry_after, .. } => retry_after,
            _ => None,
        }
    }

    /// Returns the stable name of the requirement that is not met, such as `phishing-resistant`, `user-verification` or `acr`.
    pub fn requirement(&self) -> Option<&'static str> {
        match self.0.reason {
            Reason::RequirementUnmet { requirement } => Some(requirement),
            _ => None,
        }
    }

    /// Returns why the user cannot get another factor, if that is the conflict.
    pub fn factor_conflict(&self) -> Option<FactorConflict> {
        match self.0.reason {
            Reason::FactorConflict(why) => Some(why),
            _ => None,
        }
    }

    /// Returns how many more answers the challenge or enrolment accepts.
    pub fn attempts_left(&self) -> Option<u32> {
        match self.0.reason {
            Reason::CodeRejected { attempts_left } => Some(attempts_left),
            _ => None,
        }
    }

    /// Returns how far the clock of this process is behind the time of the store; negative if it is ahead.
    pub fn clock_behind(&self) -> Option<SignedDuration> {
        match self.0.reason {
            Reason::ClockSkew { behind } => Some(behind),
            _ => None,
        }
    }

    /// Returns details for the log, such as the upstream's own code. They hold no code, secret or recipient either, but are not meant
    /// for the caller.
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
        let Inner { reason, message, detail, .. } = &*self.0;
        f.debug_struct("Error").field("kind", reason).field("message", message).field("detail", detail).finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|source| &**source as &(dyn StdError + 'static))
    }
}
