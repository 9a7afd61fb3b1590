//! Middleware for all requests: a `Host` header is required, errors of libraries become problems, and responses get safe headers.

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};

use crate::problem::{Problem, ProblemType};

/// Browsers use TLS only, for a year (RFC 6797).
const TRANSPORT_SECURITY: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Refuses requests without a host, rewrites error responses of libraries, and forbids caching where a response does not allow it.
pub(crate) async fn harden(request: Request, next: Next) -> Response {
    let programs = !request.uri().path().starts_with("/admin") && !request.uri().path().starts_with("/sign-in");
    let mut response = if has_host(&request) {
        next.run(request).await
    } else {
        let detail = "an HTTP/1.1 request must have exactly one `Host` header (RFC 9112 section 3.2)";
        Problem::new(ProblemType::InvalidInput, detail).into_response()
    };
    if is_of_a_library(&response) {
        response = problem_for(response.status(), programs);
    }
    add_missing(response.headers_mut(), header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    add_missing(response.headers_mut(), header::CACHE_CONTROL, "no-store");
    response
}

fn add_missing(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.entry(name).or_insert(HeaderValue::from_static(value));
}

fn has_host(request: &Request) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    request.version() != Version::HTTP_11 || hosts.next().is_some() && hosts.next().is_none()
}

/// Returns whether a response is an error of axum itself: its extractors answer with plain text.
fn is_of_a_library(response: &Response) -> bool {
    let refuses = matches!(response.status().as_u16(), 400 | 411 | 413 | 415 | 422 | 500);
    let kind = response.headers().get(header::CONTENT_TYPE);
    refuses && kind.is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"))
}

fn problem_for(status: StatusCode, programs: bool) -> Response {
    let (kind, detail) = match status {
        StatusCode::PAYLOAD_TOO_LARGE => (ProblemType::TooLarge, "the body is too long"),
        StatusCode::INTERNAL_SERVER_ERROR => (ProblemType::Unavailable, "internal error; see the log of the server"),
        _ => (ProblemType::InvalidInput, "invalid path, parameters, headers or body"),
    };
    if programs {
        Problem::new(kind, detail).with_status(status).into_response()
    } else {
        (status, detail).into_response()
    }
}

/// Tells browsers to use TLS only (HSTS). For servers that are reached over TLS.
pub(crate) fn over_tls(router: Router) -> Router {
    router.layer(from_fn(async |request: Request, next: Next| {
        let mut response = next.run(request).await;
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, TRANSPORT_SECURITY);
        response
    }))
}
