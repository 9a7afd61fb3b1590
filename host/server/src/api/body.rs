//! Reading what a request carries, with a problem for what does not fit.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// A body of JSON.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = Raw::from_request(request, state).await?.0;
        // The parser's text may repeat a value of the body: only what it says of field names is kept.
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            let text = error.to_string();
            let what = ["unknown field", "missing field", "duplicate field"]
                .into_iter()
                .find(|what| text.starts_with(what))
                .map(|what| match (what, text.split('`').nth(1)) {
                    // An unknown name came from outside; one that is missing is ours.
                    ("missing field", Some(name)) => format!("the field `{name}` is missing"),
                    ("duplicate field", _) => "a field stands twice".to_owned(),
                    _ => "there is a field this call does not know".to_owned(),
                })
                .unwrap_or_else(|| "it is not the JSON asked for".to_owned());
            let detail = format!("the body cannot be read: {what} (line {}, column {})", error.line(), error.column());
            Problem::new(StatusCode::BAD_REQUEST, "invalid-input", detail)
        })
    }
}

/// A body as it is.
pub(super) struct Raw(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for Raw {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        Bytes::from_request(request, state).await.map(Self).map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "the body is longer than this call takes")
            } else {
                Problem::new(StatusCode::BAD_REQUEST, "invalid-input", "the body was cut off")
            }
        })
    }
}

/// The parameters after `?`.
pub(super) struct Parameters<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Query::try_from_uri(&parts.uri).map(|Query(value)| Self(value)).map_err(|_| {
            let detail = "the parameters cannot be read: one is unknown, stands twice or has a value that does not fit";
            Problem::new(StatusCode::BAD_REQUEST, "invalid-input", detail)
        })
    }
}
