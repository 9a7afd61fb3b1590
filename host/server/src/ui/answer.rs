//! Every form is answered by a redirect to a page that shows what came of it. Handlers say what came of a form with [`Told`], or fail;
//! what was typed is kept here, for all of them.

use std::time::Instant;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use super::form::Posted;
use super::kept::{Outcome, Reply};
use super::language::Language;
use super::layout::Failure;
use super::log_in::to_log_in;
use super::person::SESSION;
use super::upload::Upload;
use crate::api::Api;

/// The longest form that is kept, in bytes; the longest that is taken, but for files.
const FORM_BYTES: usize = 256 << 10;

/// What came of a form, as its handler answers it.
#[derive(Debug, Clone)]
pub(super) struct Told {
    outcome: Outcome,
    /// The page that shows it; if not said, what the form was sent to is that page, or leads there.
    page: Option<String>,
    /// What is shown again, if it is not the whole form.
    posted: Option<Posted>,
}

impl Told {
    pub(super) fn new(outcome: Outcome) -> Self {
        Self { outcome, page: None, posted: None }
    }

    pub(super) fn refused(why: impl Into<String>) -> Self {
        Self::new(Outcome::Refused(why.into()))
    }

    pub(super) fn on(self, page: impl Into<String>) -> Self {
        Self { page: Some(page.into()), ..self }
    }

    pub(super) fn showing(self, posted: Posted) -> Self {
        Self { posted: Some(posted), ..self }
    }
}

impl IntoResponse for Told {
    fn into_response(self) -> Response {
        let mut response = Response::default();
        response.extensions_mut().insert(self);
        response
    }
}

/// The forms of those who are not logged in. They answer with redirects of their own.
const OUTSIDE: [&str; 3] = ["/admin/log-in", "/admin/second-factor", "/admin/invitation"];

/// Has a form answered.
pub(super) async fn answer(api: Api, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if OUTSIDE
        .iter()
        .any(|outside| path.strip_prefix(outside).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    {
        return next.run(request).await;
    }
    let language = Language::of(request.headers());
    let page = page_of(request.uri());
    let secret = super::cookie(request.headers(), SESSION).unwrap_or_default();
    let session = match api.engine.accounts().session(&secret).await {
        Ok(session) => session,
        Err(error) => return Failure::of(language, error).into_response(),
    };
    let Some(session) = session else {
        if path == "/admin/log-out" {
            return to_log_in("/admin");
        }
        let Some(account) = api.kept.account_of(&secret) else { return to_log_in(&page) };
        let posted = read(request).await.unwrap_or_default();
        let reply = Reply { posted, outcome: Outcome::SessionEnded };
        return to_log_in(&keep(&api, &account, &page, reply));
    };
    let (request, posted) = match is_upload(request.headers()) {
        // A file is not kept.
        true => (request, None),
        false => {
            let (head, body) = request.into_parts();
            let Ok(body) = to_bytes(body, FORM_BYTES).await else {
                return Failure::too_long(language).into_response();
            };
            (Request::from_parts(head, Body::from(body.clone())), Some(body))
        }
    };
    let response = next.run(request).await;
    let Some(told) = response.extensions().get::<Told>().cloned() else { return response };
    let posted = told.posted.or_else(|| posted.as_ref().map(Posted::parse)).unwrap_or_default();
    let posted = if matches!(told.outcome, Outcome::Issued(_)) { Posted::default() } else { posted };
    let reply = Reply { posted, outcome: told.outcome };
    Redirect::to(&keep(&api, &session.account.id, told.page.as_deref().unwrap_or(&page), reply)).into_response()
}

/// Keeps a reply; returns the address of the page that shows it.
fn keep(api: &Api, account: &str, page: &str, reply: Reply) -> String {
    let Some(id) = api.kept.keep(account, reply, Instant::now()) else { return page.to_owned() };
    let (page, place) = page.split_once('#').map_or((page, None), |(page, place)| (page, Some(place)));
    let mark = if page.contains('?') { '&' } else { '?' };
    let place = place.map(|place| format!("#{place}")).unwrap_or_default();
    format!("{page}{mark}kept={id}{place}")
}

/// Where a form was sent to, without what was shown there before.
fn page_of(uri: &Uri) -> String {
    let parts = uri.query().unwrap_or_default().split('&');
    let rest: Vec<&str> = parts.filter(|part| !part.is_empty() && !part.starts_with("kept=")).collect();
    let mark = if rest.is_empty() { "" } else { "?" };
    format!("{}{mark}{}", uri.path(), rest.join("&"))
}

fn is_upload(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.to_ascii_lowercase().starts_with("multipart/")
}

/// What was typed into a form, without its files.
async fn read(request: Request) -> Option<Posted> {
    if is_upload(request.headers()) {
        return Some(Upload::read(request, FORM_BYTES).await?.posted());
    }
    let body: Bytes = to_bytes(request.into_body(), FORM_BYTES).await.ok()?;
    Some(Posted::parse(&body))
}

/// Leads from where a form was sent to on to the page that shows what came of it.
pub(super) fn on_to(page: &str, uri: &Uri) -> Redirect {
    match uri.query() {
        Some(query) => Redirect::to(&format!("{page}?{query}")),
        None => Redirect::to(page),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_shown_without_what_was_shown_there_before() {
        for (uri, page) in [
            ("/admin/tokens", "/admin/tokens"),
            ("/admin/tokens?kept=1", "/admin/tokens"),
            ("/admin/x?search=a&kept=1&after=b", "/admin/x?search=a&after=b"),
        ] {
            assert_eq!(page_of(&uri.parse().unwrap()), page);
        }
    }
}
