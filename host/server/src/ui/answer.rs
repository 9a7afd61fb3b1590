//! Answers every form with a redirect to a page that shows the result. Handlers return the result
//! with [`Told`], or fail; this keeps what was typed, for all of them.

use std::time::Instant;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::failure::Failure;
use super::form_replies::{Outcome, Reply, Told};
use super::links::to_login;
use super::person::SESSION;
use super::posted::Posted;
use super::state::Ui;
use super::upload::Upload;
use crate::cookies::cookie;
use crate::wording::Language;

/// The maximum size of a form that is kept, in bytes, and of one that is accepted without files.
const FORM_BYTES: usize = 256 << 10;

/// The forms of those who are not logged in. They answer with redirects of their own.
const OUTSIDE: [&str; 3] = ["/admin/login", "/admin/second-factor", "/admin/invitation"];

/// The forms of a person's own account. They have passwords and codes, so nothing of them is kept.
const OWN_ACCOUNT: &str = "/admin/account";

/// Runs the handler of a form, and answers with a redirect.
pub(super) async fn answer(ui: Ui, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if OUTSIDE.iter().any(|outside| is_within(path, outside)) {
        return next.run(request).await;
    }
    let of_own_account = is_within(path, OWN_ACCOUNT);
    let language = Language::of(request.headers());
    let page = page_of(request.uri());
    let secret = cookie(request.headers(), SESSION).unwrap_or_default();
    let session = match ui.app.engine.accounts().session(secret).await {
        Ok(session) => session,
        Err(error) => return Failure::of(language, error).into_response(),
    };
    let Some(session) = session else {
        if path == "/admin/logout" {
            return to_login("/admin");
        }
        let Some(account) = ui.form_replies.account_of(secret) else { return to_login(&page) };
        let reply = if of_own_account {
            let ended = language.say(
                "Your session expired and nothing was saved.",
                "Ihre Sitzung ist abgelaufen und nichts wurde gespeichert.",
            );
            Reply { posted: Posted::NOTHING, outcome: Outcome::Refused(ended.to_owned()) }
        } else {
            Reply { posted: read(request).await.unwrap_or_default(), outcome: Outcome::SessionEnded }
        };
        return to_login(&keep(&ui, &account, &page, reply));
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
    let is_secret = of_own_account || matches!(told.outcome, Outcome::Issued(_));
    let posted = if is_secret { Posted::NOTHING } else { posted };
    let reply = Reply { posted, outcome: told.outcome };
    Redirect::to(&keep(&ui, &session.account.id, told.page.as_deref().unwrap_or(&page), reply)).into_response()
}

/// Returns whether a path is that of a page, or below it.
fn is_within(path: &str, page: &str) -> bool {
    path.strip_prefix(page).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Keeps a reply; returns the address of the page that shows it.
fn keep(ui: &Ui, account: &str, page: &str, reply: Reply) -> String {
    let Some(id) = ui.form_replies.keep(account, reply, Instant::now()) else { return page.to_owned() };
    let (page, place) = page.split_once('#').map_or((page, None), |(page, place)| (page, Some(place)));
    let mark = if page.contains('?') { '&' } else { '?' };
    let place = place.map(|place| format!("#{place}")).unwrap_or_default();
    format!("{page}{mark}kept={id}{place}")
}

/// Returns where a form was sent to, without what was shown there before.
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

/// Returns what was typed into a form, without its files.
async fn read(request: Request) -> Option<Posted> {
    if is_upload(request.headers()) {
        return Some(Upload::read(request, FORM_BYTES).await?.posted());
    }
    let body: Bytes = to_bytes(request.into_body(), FORM_BYTES).await.ok()?;
    Some(Posted::parse(&body))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::sync::Arc;

    use axum::Router;
    use axum::middleware::from_fn;
    use tower::ServiceExt as _;
    use twofactor::TwoFactor;
    use twofactor::accounts::{Client, OpenedSession};

    use super::*;
    use crate::state::AppState;

    /// Sends a form that is refused. Returns what is kept of it.
    async fn kept(ui: &Ui, opened: &OpenedSession, path: &str) -> Arc<Reply> {
        let own = ui.clone();
        let router: Router = Router::new()
            .fallback(|| async { Told::refused("no") })
            .layer(from_fn(move |request: Request, next: Next| answer(own.clone(), request, next)));
        let cookie = format!("{SESSION}={}", opened.secret.expose());
        let form = Body::from("password=typed&name=typed");
        let request = Request::post(path).header(header::COOKIE, cookie).body(form).unwrap();
        let response = router.oneshot(request).await.unwrap();
        let leads_to = response.headers()[header::LOCATION].to_str().unwrap();
        let (_, id) = leads_to.split_at(leads_to.len() - 32);
        ui.form_replies.find(&opened.session.account.id, id, Instant::now()).unwrap()
    }

    #[tokio::test]
    async fn nothing_is_kept_of_a_form_of_the_own_account() {
        let engine = TwoFactor::builder().build().await.unwrap();
        let ui = Ui::new(AppState { engine: engine.clone(), proxies: Vec::new().into(), public: None, oidc: None });
        let accounts = engine.accounts();
        let (account, opened) = twofactor_tests::accounts::active(&accounts, "anna").await;
        ui.form_replies.note_session(opened.secret.expose(), &account.id);
        for ended in [false, true] {
            if ended {
                accounts.log_out(&opened.session, &Client::default()).await.unwrap();
            }
            for (path, fields) in [
                ("/admin/account/password", 0),
                ("/admin/account/factors", 0),
                ("/admin/account/factors/x/remove", 0),
                ("/admin/account/enrolments/x", 0),
                ("/admin/accounts", 2),
                ("/admin/tokens", 2),
            ] {
                assert_eq!(kept(&ui, &opened, path).await.posted.iter().count(), fields, "{path}, ended: {ended}");
            }
        }
    }

    #[test]
    fn a_page_is_shown_without_its_earlier_messages() {
        for (uri, page) in [
            ("/admin/tokens", "/admin/tokens"),
            ("/admin/tokens?kept=1", "/admin/tokens"),
            ("/admin/x?search=a&kept=1&after=b", "/admin/x?search=a&after=b"),
        ] {
            assert_eq!(page_of(&uri.parse().unwrap()), page);
        }
    }
}
