//! The actions of the buttons.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use twofactor::Error;
use twofactor::sign_in::{NextStep, SubmittedAnswer, Visit, VisitOutcome};

use super::browser::{Client, Fields, Form, denied, go, remember, returned};
use super::failure_reason::{Answered, Why};
use super::site::Site;
use super::{Visitor, here};

/// Returns the sign-in if the browser sent a form of this page for its own open link. Otherwise
/// returns the response.
pub(super) async fn own(visitor: &Visitor<'_>) -> Result<Box<Visit>, Response> {
    let site = visitor.site;
    if !visitor.client.is_from_here(&site.public) {
        return Err(visitor.notice(StatusCode::FORBIDDEN, |words| &words.refused));
    }
    match site.sign_ins.visit(visitor.secret, visitor.client.cookie(&site.public, visitor.secret)).await {
        Ok(VisitOutcome::Open(visit)) if site.sign_ins.is_bound(&visit) => Ok(visit),
        Ok(other) => Err(visitor.closed(&other)),
        Err(error) => Err(visitor.unavailable(&error)),
    }
}

pub(super) async fn start(site: State<Site>, secret: Path<String>, client: Client, form: Form) -> Response {
    let visitor = visitor(&site, &secret, &client, &form.0);
    let visit = match own(&visitor).await {
        Ok(visit) => visit,
        Err(response) => return response,
    };
    let step = form.0.get("step").and_then(|step| step.parse().ok()).unwrap_or(u32::MAX);
    let way = form.0.get("two_factor").unwrap_or_default();
    let locale = visitor.language(&visit);
    let started = site.sign_ins.start(&visit, way, step, client.address, site.public.webotp_host(), locale).await;
    match started {
        Ok(()) => go(&here(&secret, visitor.asked, "")),
        Err(error) => failed(&visitor, &error, Answered::Nothing).await,
    }
}

pub(super) async fn resend(site: State<Site>, secret: Path<String>, client: Client, form: Form) -> Response {
    let visitor = visitor(&site, &secret, &client, &form.0);
    let visit = match own(&visitor).await {
        Ok(visit) => visit,
        Err(response) => return response,
    };
    match site.sign_ins.resend(&visit, visitor.language(&visit)).await {
        Ok(()) => go(&here(&secret, visitor.asked, "sent=again")),
        Err(error) => failed(&visitor, &error, Answered::Nothing).await,
    }
}

pub(super) async fn answer(site: State<Site>, secret: Path<String>, client: Client, form: Form) -> Response {
    let visitor = visitor(&site, &secret, &client, &form.0);
    let visit = match own(&visitor).await {
        Ok(visit) => visit,
        Err(response) => return response,
    };
    let credential = form.0.get("credential").filter(|text| !text.is_empty());
    let given =
        credential.map_or(SubmittedAnswer::Code(form.0.get("code").unwrap_or_default()), SubmittedAnswer::Credential);
    let remember = form.0.get("remember").map(|_| client.user_agent());
    match site.sign_ins.answer(&visit, given, remember, client.address).await {
        Ok(proceeded) => proceed_to(&visitor, &visit, proceeded),
        Err(error) => failed(&visitor, &error, Answered::Challenge).await,
    }
}

/// Goes on without what was offered: new recovery codes, or a first factor.
pub(super) async fn proceed(site: State<Site>, secret: Path<String>, client: Client, form: Form) -> Response {
    let visitor = visitor(&site, &secret, &client, &form.0);
    let visit = match own(&visitor).await {
        Ok(visit) => visit,
        Err(response) => return response,
    };
    match site.sign_ins.proceed(&visit).await {
        Ok(proceeded) => proceed_to(&visitor, &visit, proceeded),
        Err(error) => failed(&visitor, &error, Answered::Nothing).await,
    }
}

pub(super) fn proceed_to(visitor: &Visitor<'_>, visit: &Visit, proceeded: NextStep) -> Response {
    match proceeded {
        NextStep::Return { handle, remembered } => {
            let cookies = remembered.map(|it| remember(visitor.client, &visitor.site.public, &visit.person, &it));
            (cookies, go(&returned(visit, "handle", &handle))).into_response()
        }
        NextStep::Stay => go(&here(visitor.secret, visitor.asked, "")),
    }
}

pub(super) async fn cancel(site: State<Site>, secret: Path<String>, client: Client, form: Form) -> Response {
    let visitor = visitor(&site, &secret, &client, &form.0);
    let visit = match own(&visitor).await {
        Ok(visit) => visit,
        Err(response) => return response,
    };
    match site.sign_ins.cancel(&visit).await {
        Ok(()) => go(&denied(&visit)),
        Err(error) => failed(&visitor, &error, Answered::Nothing).await,
    }
}

pub(super) fn visitor<'a>(site: &'a Site, secret: &'a str, client: &'a Client, form: &'a Fields) -> Visitor<'a> {
    Visitor { site, secret, client, asked: form.get("lang") }
}

/// Redirects to the page in its current state, with the reason of a failure.
pub(super) async fn failed(visitor: &Visitor<'_>, error: &Error, answered: Answered) -> Response {
    if error.is_unavailable() {
        return visitor.unavailable(error);
    }
    if let Some(detail) = error.operator_detail() {
        tracing::warn!(detail, "a step of a sign-in failed");
    }
    let site = visitor.site;
    match site.sign_ins.visit(visitor.secret, visitor.client.cookie(&site.public, visitor.secret)).await {
        Ok(VisitOutcome::Open(_)) => go(&here(visitor.secret, visitor.asked, &Why::of(error, answered).query())),
        // Another window of this browser was faster, or time is up.
        Ok(other) => visitor.closed(&other),
        Err(error) => visitor.unavailable(&error),
    }
}
