//! Problems (RFC 9457) with a stable `type`.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// What a call answers when it fails.
pub(crate) struct Problem {
    status: StatusCode,
    name: &'static str,
    detail: String,
    extra: serde_json::Value,
    retry_after: Option<u64>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, name: &'static str, detail: impl Into<String>) -> Self {
        Self { status, name, detail: detail.into(), extra: json!({}), retry_after: None }
    }
}

impl From<twofactor::Error> for Problem {
    fn from(error: twofactor::Error) -> Self {
        if let Some(detail) = error.operator_detail() {
            tracing::warn!(detail, "a call failed");
        }
        let seconds = error.retry_after().map(|wait| wait.as_secs().max(1));
        let (status, name) = if error.is_invalid_input() {
            (StatusCode::BAD_REQUEST, "invalid-input")
        } else if error.is_not_found() {
            (StatusCode::NOT_FOUND, "not-found")
        } else if error.is_conflict() {
            (StatusCode::CONFLICT, "conflict")
        } else if error.is_not_available() {
            (StatusCode::CONFLICT, "not-available")
        } else if error.is_limited() {
            (StatusCode::TOO_MANY_REQUESTS, "limited")
        } else if error.is_code_rejected() {
            (StatusCode::UNPROCESSABLE_ENTITY, "code-rejected")
        } else if error.is_closed() {
            (StatusCode::GONE, "challenge-closed")
        } else if error.is_recipient_rejected() {
            (StatusCode::UNPROCESSABLE_ENTITY, "recipient-rejected")
        } else if error.is_delivery_failed() && seconds.is_some() {
            (StatusCode::SERVICE_UNAVAILABLE, "delivery-failed")
        } else if error.is_delivery_failed() {
            (StatusCode::BAD_GATEWAY, "delivery-failed")
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
        };
        let mut problem = Self::new(status, name, error.to_string());
        problem.retry_after = seconds;
        if let Some(left) = error.attempts_left() {
            problem.extra["attempts_left"] = left.into();
        }
        if error.is_delivery_failed() {
            problem.extra["retryable"] = error.is_retryable().into();
        }
        problem
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": format!("https://twofactor.example/problems/{}", self.name),
            "title": self.name.replace('-', " "),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if let (Some(body), Some(extra)) = (body.as_object_mut(), self.extra.as_object()) {
            body.extend(extra.clone());
        }
        let mut response = (self.status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
