//! Problems (RFC 9457) with a stable `type`.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use twofactor::ErrorKind;
use utoipa::ToSchema;

/// What a call answers when it fails.
pub(crate) struct Problem(Box<(ProblemBody, &'static str, Option<u64>)>);

/// A problem as it is written (RFC 9457).
#[derive(Serialize, ToSchema)]
pub(crate) struct ProblemBody {
    /// Names the kind of problem; programs compare what stands after the last colon.
    #[schema(example = "urn:problem-type:twofactor:code-rejected")]
    r#type: String,
    /// The kind in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What happened, and what to do.
    detail: String,
    /// With `code-rejected`: how many more answers the challenge takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    attempts_left: Option<u32>,
    /// With `delivery-failed`: whether the message surely did not go out, so that starting anew is safe; of an answer, whether it may be
    /// given again.
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
    /// With `invalid-input`: what is wrong, each with its place, where that is known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<ErrorAt>,
}

/// What is wrong at one place of the request.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErrorAt {
    /// JSON Pointer (RFC 6901) into the body; empty for the whole.
    #[schema(example = "/options/MailServerConfig/Port")]
    pointer: String,
    /// What to do about it. No value is repeated.
    detail: String,
}

/// The problem's name, for metrics.
#[derive(Clone, Copy)]
pub(crate) struct ProblemName(pub(crate) &'static str);

impl Problem {
    pub(crate) fn new(status: StatusCode, name: &'static str, detail: impl Into<String>) -> Self {
        let body = ProblemBody {
            r#type: format!("urn:problem-type:twofactor:{name}"),
            title: name.replace('-', " "),
            status: status.as_u16(),
            detail: detail.into(),
            attempts_left: None,
            retryable: None,
            country: None,
            setting: None,
            errors: Vec::new(),
        };
        Self(Box::new((body, name, None)))
    }

    /// What is wrong at one place of the body.
    pub(crate) fn at(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let (pointer, detail) = (pointer.into(), detail.into());
        let text = match pointer.trim_start_matches('/') {
            "" => format!("the body {detail}"),
            name => format!("`{name}` {detail}"),
        };
        let mut problem = Self::new(StatusCode::BAD_REQUEST, "invalid-input", text);
        problem.0.0.errors = vec![ErrorAt { pointer, detail }];
        problem
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// What happened, and what to do.
    pub(crate) fn detail(&self) -> &str {
        &self.0.0.detail
    }
}

impl From<twofactor::Error> for Problem {
    fn from(error: twofactor::Error) -> Self {
        if let Some(detail) = error.operator_detail() {
            tracing::warn!(detail, "a call failed");
        }
        let seconds = error.retry_after().map(|wait| wait.as_secs().max(1));
        let (status, name) = match error.kind() {
            ErrorKind::InvalidInput => (StatusCode::BAD_REQUEST, "invalid-input"),
            ErrorKind::NotFound => (StatusCode::NOT_FOUND, "not-found"),
            ErrorKind::RevisionConflict => (StatusCode::PRECONDITION_FAILED, "precondition-failed"),
            ErrorKind::IdempotencyKeyReused => (StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused"),
            ErrorKind::Conflict => (StatusCode::CONFLICT, "conflict"),
            ErrorKind::NoInstanceAvailable => (StatusCode::CONFLICT, "not-available"),
            ErrorKind::Locked => (StatusCode::TOO_MANY_REQUESTS, "user-locked"),
            ErrorKind::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "limited"),
            ErrorKind::Forbidden => (StatusCode::FORBIDDEN, "forbidden"),
            ErrorKind::InvalidCredentials => (StatusCode::FORBIDDEN, "log-in-refused"),
            ErrorKind::CodeRejected => (StatusCode::UNPROCESSABLE_ENTITY, "code-rejected"),
            ErrorKind::Closed => (StatusCode::GONE, "challenge-closed"),
            ErrorKind::RecipientRejected => (StatusCode::UNPROCESSABLE_ENTITY, "recipient-rejected"),
            ErrorKind::DeliveryFailed if seconds.is_some() => (StatusCode::SERVICE_UNAVAILABLE, "delivery-failed"),
            ErrorKind::DeliveryFailed => (StatusCode::BAD_GATEWAY, "delivery-failed"),
            ErrorKind::ClockSkew => (StatusCode::SERVICE_UNAVAILABLE, "clock-skew"),
            _ => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        };
        let mut problem = Self::new(status, name, error.to_string());
        let (body, _, retry_after) = &mut *problem.0;
        *retry_after = seconds;
        body.attempts_left = error.attempts_left();
        body.country = error.closed_country().map(str::to_owned);
        body.setting = body.country.as_ref().map(|_| "/policy/countries");
        let places = error.field_errors().iter();
        body.errors = places.map(|it| ErrorAt { pointer: it.pointer.clone(), detail: it.detail.clone() }).collect();
        body.retryable = error.is_delivery_failed().then(|| error.is_retryable());
        problem
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let (body, name, retry_after) = *self.0;
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
