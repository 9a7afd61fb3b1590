//! Paths of pages, and redirects to them.

use axum::http::Uri;
use axum::response::{IntoResponse as _, Redirect, Response};

/// The page of the settings for accounts' second factor.
pub(super) const SECOND_FACTOR: &str = "/admin/settings/second-factor";

/// Returns the escaped part of a link that names something.
pub(super) fn segment(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// Returns the path of an instance's edit view.
pub(super) fn instance_path(subscription: &str, id: &str) -> String {
    format!("/admin/two-factors/{}/{}", segment(subscription), segment(id))
}

/// Redirects to the login, which leads back.
pub(super) fn to_login(path: &str) -> Response {
    Redirect::to(&format!("/admin/login?to={}", segment(path))).into_response()
}

/// Redirects from the target of a form to the page that shows the result.
pub(super) fn on_to(page: &str, uri: &Uri) -> Redirect {
    match uri.query() {
        Some(query) => Redirect::to(&format!("{page}?{query}")),
        None => Redirect::to(page),
    }
}
