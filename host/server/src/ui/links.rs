//! Paths of pages, and redirects to them.

use axum::http::Uri;
use axum::response::{IntoResponse as _, Redirect, Response};

/// The page of the settings for accounts' second factor.
pub(super) const SECOND_FACTOR: &str = "/admin/settings/second-factor";

/// Returns the part of a link that names something, so that no id breaks out of it.
pub(super) fn segment(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// Returns the path of an instance's edit view.
pub(super) fn instance_path(subscription: &str, id: &str) -> String {
    format!("/admin/two-factors/{}/{}", segment(subscription), segment(id))
}

/// To the login, and back from there.
pub(super) fn to_login(path: &str) -> Response {
    Redirect::to(&format!("/admin/login?to={}", segment(path))).into_response()
}

/// Leads from where a form was sent to on to the page that shows what came of it.
pub(super) fn on_to(page: &str, uri: &Uri) -> Redirect {
    match uri.query() {
        Some(query) => Redirect::to(&format!("{page}?{query}")),
        None => Redirect::to(page),
    }
}
