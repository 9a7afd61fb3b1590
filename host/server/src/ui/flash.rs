//! The result of a form of a person who is not logged in, until the next page shows it. The browser
//! carries it in a cookie, so that strangers cannot make this server store anything.

use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::layout::notice;
use super::posted::Posted;
use crate::cookies::{cookie, remove_private, set_private};

const COOKIE: &str = "__Host-twofactor-said";

/// The maximum length of the cookie's value, in bytes. Browsers accept 4096 with name and
/// attributes (RFC 6265 section 6.1).
const BYTES: usize = 3500;

/// A sentence, and what was typed, without secrets.
#[derive(Default)]
pub(super) struct Flash(Posted);

impl Flash {
    pub(super) fn bad(text: String) -> Self {
        Self(Posted::of(&[("kind", "bad"), ("text", &text)]))
    }

    pub(super) fn good(text: &str) -> Self {
        Self(Posted::of(&[("kind", "good"), ("text", text)]))
    }

    pub(super) fn with(self, name: &str, value: &str) -> Self {
        let mut pairs: Vec<(&str, &str)> = self.0.iter().collect();
        pairs.push((name, value));
        Self(Posted::of(&pairs))
    }

    /// Creates what a browser carries.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        Self(cookie(headers, COOKIE).map(|text| Posted::parse(&text.to_owned().into())).unwrap_or_default())
    }

    /// Returns a field; empty if it is not there.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.get(name).unwrap_or_default()
    }

    /// Returns the sentence, if there is one.
    pub(super) fn show(&self) -> Markup {
        let kind = if self.get("kind") == "good" { "good" } else { "bad" };
        html! { @if let Some(text) = self.0.get("text") { (notice(kind, text)) } }
    }

    /// Leads to the page that shows it.
    pub(super) fn on(&self, page: &str) -> Response {
        let encode =
            |posted: &Posted| url::form_urlencoded::Serializer::new(String::new()).extend_pairs(posted.iter()).finish();
        let mut value = encode(&self.0);
        if value.len() > BYTES {
            value = encode(&self.0.only(&["kind", "text"]));
        }
        (set_private(COOKIE, &value, Some(60)), Redirect::to(page)).into_response()
    }

    /// Returns the page that shows it, and removes it.
    pub(super) fn shown(&self, page: Response) -> Response {
        let is_there = self.0.iter().next().is_some();
        (is_there.then(|| remove_private(COOKIE)), page).into_response()
    }
}
