//! Problems (RFC 9457): how calls fail.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use twofactor::ErrorKind;
use utoipa::ToSchema;

/// The types of problems. Their names are stable: programs compare them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProblemType {
    InvalidInput,
    Unauthorized,
    Forbidden,
    InvalidCredentials,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    Conflict,
    NotAvailable,
    ChallengeClosed,
    SignInClosed,
    EnrolmentClosed,
    /// A change of a user's factors needs a better proof.
    ProofRequired,
    RequirementUnmet,
    PreconditionFailed,
    TooLarge,
    CodeRejected,
    RecipientRejected,
    IdempotencyKeyReused,
    RateLimited,
    UserLocked,
    /// The upstream failed, or did not say whether it accepted the message.
    DeliveryFailed,
    /// The upstream asks to wait.
    DeliveryDelayed,
    /// The clock of this process and the time of the store differ too much.
    ClockSkew,
    /// The store applied the change, or it did not.
    OutcomeUnknown,
    Unavailable,
}

impl ProblemType {
    /// Returns what the `type` ends with, the status, and the title.
    const fn parts(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::InvalidInput => ("invalid-input", StatusCode::BAD_REQUEST, "Invalid input"),
            Self::Unauthorized => ("unauthorized", StatusCode::UNAUTHORIZED, "Authentication required"),
            Self::Forbidden => ("forbidden", StatusCode::FORBIDDEN, "Access denied"),
            Self::InvalidCredentials => ("invalid-credentials", StatusCode::FORBIDDEN, "Incorrect credentials"),
            Self::NotFound => ("not-found", StatusCode::NOT_FOUND, "Not found"),
            Self::MethodNotAllowed => ("method-not-allowed", StatusCode::METHOD_NOT_ALLOWED, "Method not allowed"),
            Self::RequestTimeout => ("request-timeout", StatusCode::REQUEST_TIMEOUT, "Request timeout"),
            Self::Conflict => ("conflict", StatusCode::CONFLICT, "Conflict"),
            Self::NotAvailable => ("not-available", StatusCode::CONFLICT, "No instance available"),
            Self::ChallengeClosed => ("challenge-closed", StatusCode::GONE, "Challenge closed"),
            Self::SignInClosed => ("sign-in-closed", StatusCode::GONE, "Sign-in closed"),
            Self::EnrolmentClosed => ("enrolment-closed", StatusCode::GONE, "Enrolment closed"),
            Self::ProofRequired => ("proof-required", StatusCode::FORBIDDEN, "Proof required"),
            Self::RequirementUnmet => {
                ("requirement-unmet", StatusCode::UNPROCESSABLE_ENTITY, "Requirement not satisfied")
            }
            Self::PreconditionFailed => {
                ("precondition-failed", StatusCode::PRECONDITION_FAILED, "Modified by someone else")
            }
            Self::TooLarge => ("too-large", StatusCode::PAYLOAD_TOO_LARGE, "Request too large"),
            Self::CodeRejected => ("code-rejected", StatusCode::UNPROCESSABLE_ENTITY, "Incorrect code"),
            Self::RecipientRejected => ("recipient-rejected", StatusCode::UNPROCESSABLE_ENTITY, "Recipient rejected"),
            Self::IdempotencyKeyReused => {
                ("idempotency-key-reused", StatusCode::UNPROCESSABLE_ENTITY, "Idempotency key reused")
            }
            Self::RateLimited => ("rate-limited", StatusCode::TOO_MANY_REQUESTS, "Too many requests"),
            Self::UserLocked => ("user-locked", StatusCode::TOO_MANY_REQUESTS, "User locked"),
            Self::DeliveryFailed => ("delivery-failed", StatusCode::BAD_GATEWAY, "Delivery failed"),
            Self::DeliveryDelayed => ("delivery-failed", StatusCode::SERVICE_UNAVAILABLE, "Delivery failed"),
            Self::ClockSkew => ("clock-skew", StatusCode::SERVICE_UNAVAILABLE, "Clock skew"),
            Self::OutcomeUnknown => ("outcome-unknown", StatusCode::SERVICE_UNAVAILABLE, "Outcome unknown"),
            Self::Unavailable => ("unavailable", StatusCode::SERVICE_UNAVAILABLE, "Service unavailable"),
        }
    }
}

/// The response of a call that fails.
pub(crate) struct Problem(Box<Inner>);

struct Inner {
    body: ProblemBody,
    name: &'static str,
    retry_after: Option<u64>,
}

/// A problem (RFC 9457).
#[derive(Serialize, ToSchema)]
pub(crate) struct ProblemBody {
    /// The problem type. Compare what follows the last colon; it is stable.
    #[schema(example = "urn:problem-type:twofactor:code-rejected")]
    r#type: String,
    /// The problem type as text.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What happened, and what to do about it.
    detail: String,
    /// With `code-rejected`: the remaining attempts of the challenge or enrolment.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    attempts_left: Option<u32>,
    /// With `delivery-failed`: whether it is safe to try again. At a start, `true` means that no message was sent; at a verification,
    /// that the same code can be submitted again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    retryable: Option<bool>,
    /// With `recipient-rejected`: the country of the phone number (ISO 3166-1 alpha-2), if messages to it are not enabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "US")]
    country: Option<String>,
    /// With `country`: the setting that enables it, as a JSON Pointer into a TwoFactor instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "/policy/countries")]
    setting: Option<&'static str>,
    /// With `requirement-unmet`: what is not satisfied.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "phishing-resistant")]
    requirement: Option<&'static str>,
    /// With `invalid-input`: the invalid fields, where they are known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FieldError>,
}

/// An invalid field of the request.
#[derive(Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// A JSON Pointer (RFC 6901) into the body; empty for the body as a whole.
    #[schema(example = "/options/MailServerConfig/Port")]
    pointer: String,
    /// What is wrong. It never repeats a value.
    detail: String,
}

/// The name of a problem, for metrics.
#[derive(Clone, Copy)]
pub(crate) struct ProblemName(pub(crate) &'static str);

impl Problem {
    pub(crate) fn new(kind: ProblemType, detail: impl Into<String>) -> Self {
        let (name, status, title) = kind.parts();
        let body = ProblemBody {
            r#type: format!("urn:problem-type:twofactor:{name}"),
            title,
            status: status.as_u16(),
            detail: detail.into(),
            attempts_left: None,
            retryable: None,
            country: None,
            setting: None,
            requirement: None,
            errors: Vec::new(),
        };
        Self(Box::new(Inner { body, name, retry_after: None }))
    }

    /// The same problem with another status than its type usually has.
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.0.body.status = status.as_u16();
        self
    }

    /// Returns an invalid field of the body.
    pub(crate) fn at(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let (pointer, detail) = (pointer.into(), detail.into());
        let text = match pointer.trim_start_matches('/') {
            "" => format!("the body {detail}"),
            name => format!("`{name}` {detail}"),
        };
        let mut problem = Self::new(ProblemType::InvalidInput, text);
        problem.0.body.errors = vec![FieldError { pointer, detail }];
        problem
    }

    /// Returns the HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.body.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Returns what happened, and what to do about it.
    pub(crate) fn detail(&self) -> &str {
        &self.0.body.detail
    }
}

/// Returns the type of problem that an error of the engine becomes.
fn type_of(error: &twofactor::Error) -> ProblemType {
    match error.kind() {
        ErrorKind::InvalidInput => ProblemType::InvalidInput,
        ErrorKind::NotFound => ProblemType::NotFound,
        ErrorKind::RevisionConflict => ProblemType::PreconditionFailed,
        ErrorKind::IdempotencyKeyReused => ProblemType::IdempotencyKeyReused,
        ErrorKind::Conflict => ProblemType::Conflict,
        ErrorKind::NoInstanceAvailable => ProblemType::NotAvailable,
        ErrorKind::Locked => ProblemType::UserLocked,
        ErrorKind::RateLimited => ProblemType::RateLimited,
        ErrorKind::Forbidden => ProblemType::Forbidden,
        ErrorKind::InvalidCredentials => ProblemType::InvalidCredentials,
        ErrorKind::CodeRejected => ProblemType::CodeRejected,
        ErrorKind::Closed => ProblemType::ChallengeClosed,
        ErrorKind::EnrolmentClosed => ProblemType::EnrolmentClosed,
        ErrorKind::ProofRequired => ProblemType::ProofRequired,
        ErrorKind::RequirementUnmet => ProblemType::RequirementUnmet,
        ErrorKind::RecipientRejected => ProblemType::RecipientRejected,
        ErrorKind::DeliveryFailed if error.retry_after().is_some() => ProblemType::DeliveryDelayed,
        ErrorKind::DeliveryFailed => ProblemType::DeliveryFailed,
        ErrorKind::ClockSkew => ProblemType::ClockSkew,
        ErrorKind::Unavailable if error.is_outcome_unknown() => ProblemType::OutcomeUnknown,
        _ => ProblemType::Unavailable,
    }
}

impl From<twofactor::Error> for Problem {
    fn from(error: twofactor::Error) -> Self {
        if let Some(detail) = error.operator_detail() {
            tracing::warn!(detail, "a request failed");
        }
        let mut problem = Self::new(type_of(&error), error.to_string());
        let Inner { body, retry_after, .. } = &mut *problem.0;
        *retry_after = error.retry_after().map(|wait| wait.as_secs().max(1));
        body.attempts_left = error.attempts_left();
        body.requirement = error.requirement();
        body.country = error.country_not_enabled().map(str::to_owned);
        body.setting = body.country.as_ref().map(|_| "/policy/countries");
        let fields = error.field_errors().iter();
        body.errors = fields.map(|it| FieldError { pointer: it.pointer.clone(), detail: it.detail.clone() }).collect();
        body.retryable = error.is_delivery_failed().then(|| error.is_retryable());
        problem
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let Inner { body, name, retry_after } = *self.0;
        let mut response = (status, axum::Json(body)).into_response();
        response.extensions_mut().insert(ProblemName(name));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use twofactor::store::StoreError;

    use super::*;

    #[test]
    fn an_unknown_outcome_has_a_type_of_its_own_and_says_when_to_send_the_request_again() {
        for (error, name) in [
            (StoreError::outcome_unknown("for the operator"), "outcome-unknown"),
            (StoreError::unavailable("for the operator"), "unavailable"),
        ] {
            let problem = Problem::from(twofactor::Error::from(error));
            assert!(!problem.detail().contains("for the operator"));
            let response = problem.into_response();
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(response.headers().get(header::RETRY_AFTER), Some(&HeaderValue::from_static("1")));
            assert_eq!(response.extensions().get::<ProblemName>().map(|name| name.0), Some(name));
        }
    }
}
