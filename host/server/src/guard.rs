//! What no request may lack, and what every response carries.

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};

use crate::problem::Problem;

/// Browsers use TLS for a year once they were here with it (RFC 6797).
const TRANSPORT_SECURITY: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Refuses requests without a host, keeps the words of libraries from callers, and has nothing stored that does not ask for it.
pub(crate) async fn guard(request: Request, next: Next) -> Response {
    let programs = !request.uri().path().starts_with("/admin") && !request.uri().path().starts_with("/sign-in");
    let mut response = if has_host(&request) {
        next.run(request).await
    } else {
        let detail = "a request of HTTP/1.1 must have exactly one `Host` header (RFC 9112 section 3.2)";
        Problem::new(StatusCode::BAD_REQUEST, "invalid-input", detail).into_response()
    };
    if is_of_a_library(&response) {
        response = in_own_words(response.status(), programs);
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

/// Whether a response is axum's own: what its extractors refuse, they say as plain text.
fn is_of_a_library(response: &Response) -> bool {
    let refuses = matches!(response.status().as_u16(), 400 | 411 | 413 | 415 | 422 | 500);
    let kind = response.headers().get(header::CONTENT_TYPE);
    refuses && kind.is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"))
}

fn in_own_words(status: StatusCode, programs: bool) -> Response {
    let (name, detail) = match status {
        StatusCode::PAYLOAD_TOO_LARGE => ("too-large", "the body is longer than this call accepts"),
        StatusCode::INTERNAL_SERVER_ERROR => ("unavailable", "the request failed in the server: its log says why"),
        _ => (
            "invalid-input",
            "the request cannot be read: its path, parameters, headers or body are not what is expected here",
        ),
    };
    if programs { Problem::new(status, name, detail).into_response() } else { (status, detail).into_response() }
}

/// Tells browsers to come with TLS from now on. For servers that are reached with it.
pub(crate) fn over_tls(router: Router) -> Router {
    router.layer(from_fn(async |request: Request, next: Next| {
        let mut response = next.run(request).await;
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, TRANSPORT_SECURITY);
        response
    }))
}
