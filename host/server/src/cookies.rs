//! The cookies of browsers: reading those of a request, and setting them with a response.

use axum::http::{HeaderMap, HeaderName, header};
use axum::response::AppendHeaders;

/// Sets one cookie: a part of a response.
pub(crate) type SetCookie = AppendHeaders<[(HeaderName, String); 1]>;

/// Returns names and values of all cookies.
pub(crate) fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='))
}

/// Returns the value of a cookie.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    cookies(headers).find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// Returns the header that sets a cookie for all pages. Without `seconds` the browser forgets the cookie when it is closed, and with
/// zero at once.
pub(crate) fn set_cookie(name: &str, value: &str, seconds: Option<u32>, attributes: &str) -> (HeaderName, String) {
    let age = seconds.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
    (header::SET_COOKIE, format!("{name}={value}; Path=/{age}; {attributes}"))
}

/// Sets a cookie that only this server gets, over TLS or on this machine, and no script. `Lax`, so that it also comes with links of
/// other sites: an identity provider leads here.
pub(crate) fn set_private(name: &str, value: &str, seconds: Option<u32>) -> SetCookie {
    AppendHeaders([set_cookie(name, value, seconds, "Secure; HttpOnly; SameSite=Lax")])
}

/// Removes a cookie of [`set_private`].
pub(crate) fn remove_private(name: &str) -> SetCookie {
    set_private(name, "", Some(0))
}
