//! `ETag` and `If-Match` (RFC 9110 section 13.1.1): a change applies only if nobody else made one since.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::problem::Problem;

/// Returns a response with the revision of its content as `ETag`.
pub(super) fn tagged(status: StatusCode, revision: u64, body: impl Serialize) -> Response {
    let mut response = (status, Json(body)).into_response();
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{revision}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// The revision in `If-Match`, if the header is present.
pub(super) struct Expected(pub(super) Option<u64>);

/// A revision that nothing has.
const NONE: u64 = u64::MAX;

impl<S: Send + Sync> FromRequestParts<S> for Expected {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut tags = parts.headers.get_all(header::IF_MATCH).iter();
        let expected = match (tags.next(), tags.next()) {
            (None, _) => None,
            (Some(tag), None) => match tag.to_str().unwrap_or_default().trim() {
                "*" => None,
                tag => Some(tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).map_or(NONE, number)),
            },
            // A resource has one tag.
            (Some(_), Some(_)) => Some(NONE),
        };
        Ok(Self(expected))
    }
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or(NONE)
}
