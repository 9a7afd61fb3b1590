//! The admin UI: pages made on the server, which work without scripts. What a person may do is decided where it is decided for the
//! API, in `access.rs`.

mod accounts;
mod answer;
mod assignments;
mod audit;
mod base_settings;
mod conflict;
mod dashboard;
mod directory;
mod failure;
mod first_steps;
mod flash;
mod form;
mod form_replies;
mod format;
mod health;
mod instance_form;
mod instance_list;
mod instances;
mod layout;
mod links;
mod login;
mod login_factor;
mod messages;
mod new_instance;
mod nodes;
mod oidc;
mod own_account;
mod own_enrolment;
mod own_factors;
mod page;
mod passkey;
mod pending_components;
mod person;
mod policy;
mod posted;
mod provider_approval;
mod provider_parts;
mod provider_roll_back;
mod providers;
mod safety;
mod schema;
mod second_factor;
mod second_factor_banner;
mod state;
mod subscriptions;
mod test_send;
mod tokens;
mod upload;
mod upstream_failure;
mod user_factors;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use crate::cookies::set_cookie;
use crate::request_limits::{CREDENTIAL_BYTES, LOGIN_BYTES};
use crate::state::AppState;
use crate::wording::{LANGUAGE_COOKIE, Language};
use state::Ui;

/// Returns all pages.
pub(crate) fn router(app: &AppState) -> Router {
    let ui = Ui::new(app.clone());
    // Of people who are not logged in: many bodies at a time must not take much memory.
    let (short, credential) = (DefaultBodyLimit::max(LOGIN_BYTES), DefaultBodyLimit::max(CREDENTIAL_BYTES));
    let pages = Router::new()
        .route("/admin", get(dashboard::show))
        .route("/admin/two-factors", get(instance_list::list))
        .route("/admin/two-factors/new", get(new_instance::show).post(new_instance::create))
        .route("/admin/two-factors/{subscription}/{id}", get(instances::edit).post(instances::save))
        .route("/admin/two-factors/{subscription}/{id}/test", get(instances::to_edit).post(test_send::send))
        .route("/admin/two-factors/{subscription}/{id}/remove", get(instances::ask_remove).post(instances::remove))
        .route("/admin/two-factors/{subscription}/{id}/assignments", get(instances::to_edit).post(assignments::change))
        .route("/admin/two-factors/{subscription}/{id}/directory", get(directory::list).post(directory::name))
        .route("/admin/subscriptions", get(subscriptions::list).post(subscriptions::create))
        .route("/admin/subscriptions/{subscription}", get(subscriptions::edit).post(subscriptions::save))
        .route("/admin/subscriptions/{subscription}/logo", get(subscriptions::logo))
        .route("/admin/subscriptions/{subscription}/users", get(user_factors::show))
        .route(
            "/admin/subscriptions/{subscription}/users/factor",
            get(user_factors::show_factor).post(user_factors::change),
        )
        .route(
            "/admin/subscriptions/{subscription}/users/reset",
            get(user_factors::ask_reset).post(user_factors::reset),
        )
        .route(
            "/admin/subscriptions/{subscription}/users/pass",
            get(user_factors::to_user).post(user_factors::issue_pass),
        )
        .route(
            "/admin/subscriptions/{subscription}/users/pass/revoke",
            get(user_factors::ask_end_pass).post(user_factors::end_pass),
        )
        .route(
            "/admin/subscriptions/{subscription}/users/browsers",
            get(user_factors::to_user).post(user_factors::forget),
        )
        .route("/admin/base-settings", get(base_settings::list))
        .route("/admin/base-settings/{type}", get(base_settings::edit).post(base_settings::save))
        .route("/admin/providers", get(providers::list).post(provider_approval::examine))
        .route("/admin/providers/bundled", get(providers::to_list).post(provider_approval::examine_bundled))
        .route("/admin/providers/approval", get(provider_approval::show_examined).post(provider_approval::approve))
        .route(
            "/admin/providers/{type}/roll-back",
            get(provider_roll_back::ask_roll_back).post(provider_roll_back::roll_back),
        )
        .route("/admin/tokens", get(tokens::list).post(tokens::issue))
        .route("/admin/tokens/{id}/revoke", get(tokens::ask_revoke).post(tokens::revoke))
        .route("/admin/messages", get(messages::show).post(messages::search))
        .route("/admin/messages/unlock", post(messages::unlock))
        .route("/admin/audit", get(audit::list))
        .route("/admin/accounts", get(accounts::list).post(accounts::create))
        .route(links::SECOND_FACTOR, get(second_factor::show).post(second_factor::save))
        .route("/admin/accounts/{id}", get(accounts::edit).post(accounts::save))
        .route("/admin/accounts/{id}/invitation", get(accounts::to_edit).post(accounts::invite))
        .route("/admin/accounts/{id}/remove", get(accounts::ask_remove).post(accounts::remove))
        .route("/admin/account", get(own_account::show))
        .route("/admin/account/password", get(own_account::to_show).post(own_account::change_password))
        .route("/admin/account/sessions", get(own_account::to_show).post(own_account::end_session))
        .route("/admin/account/factors", get(own_account::to_show).post(own_factors::begin))
        .route("/admin/account/factors/{id}/remove", get(own_factors::ask_remove).post(own_factors::remove))
        .route("/admin/account/enrolments/{id}", get(own_enrolment::show).post(own_factors::finish))
        .route("/admin/login", get(login::form).post(login::submit).layer(short))
        .route("/admin/login/oidc", get(oidc::leave))
        // The same as `crate::oidc::BACK`, which the identity provider gets.
        .route("/admin/login/oidc/back", get(oidc::back))
        .route("/admin/second-factor", get(login_factor::show).post(login_factor::answer).layer(credential))
        .route("/admin/second-factor/other", get(login_factor::to_show).post(login_factor::other).layer(short))
        .route("/admin/second-factor/resend", get(login_factor::to_show).post(login_factor::resend).layer(short))
        .route("/admin/invitation/{secret}", get(login::invitation).post(login::accept).layer(short))
        .route("/admin/logout", post(login::log_out).layer(short))
        .route("/admin/language/{tag}", get(choose_language))
        .layer(axum::middleware::from_fn_with_state(ui.clone(), safety::guard));
    let assets = Router::new()
        .route("/admin/style.css", get(|| async { asset("text/css; charset=utf-8", include_str!("style.css")) }))
        .route(
            "/admin/script.js",
            get(|| async { asset("text/javascript; charset=utf-8", include_str!("script.js")) }),
        );
    pages.merge(assets).with_state(ui)
}

fn asset(content_type: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "public, max-age=300"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, text).into_response()
}

/// Returns the page for an unknown path: for people a page with a link home, for programs a problem document.
pub(crate) fn nowhere(method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<Response> {
    let accepted = headers.get(header::ACCEPT).and_then(|types| types.to_str().ok()).unwrap_or_default();
    if !matches!(*method, Method::GET | Method::HEAD)
        || !accepted.contains("text/html")
        || uri.path().starts_with("/v1/")
    {
        return None;
    }
    if uri.path() == "/" {
        return Some(Redirect::to("/admin").into_response());
    }
    let mut page = failure::Failure::not_found(Language::of(headers)).into_response();
    safety::protect(&mut page);
    Some(page)
}

/// For how long a browser keeps the choice of a language, in seconds: a year.
const LANGUAGE_FOR: u32 = 31_536_000;

/// Keeps the choice and goes back to the page it was made on.
async fn choose_language(Path(tag): Path<String>, headers: HeaderMap) -> Response {
    let Some(language) = Language::of_tag(&tag) else { return StatusCode::NOT_FOUND.into_response() };
    let cookie = set_cookie(LANGUAGE_COOKIE, language.tag(), Some(LANGUAGE_FOR), "SameSite=Lax");
    let referer = headers.get(header::REFERER).and_then(|text| text.to_str().ok());
    // Without the host: the link leads to a page of this server in any case.
    let back =
        referer.and_then(|text| url::Url::parse(text).ok()).map(|url| url[url::Position::BeforePath..].to_owned());
    let back = back.filter(|path| path.starts_with("/admin")).unwrap_or_else(|| "/admin".to_owned());
    ([cookie], Redirect::to(&back)).into_response()
}
