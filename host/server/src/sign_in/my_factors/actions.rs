//! The actions of the buttons. Each is answered by a redirect.

use axum::extract::{Path, State};
use axum::response::Response;
use twofactor::Error;
use twofactor::sign_in::EnrolmentOutcome;

use super::super::Visitor;
use super::super::browser::{Client, Form, go, returned_without};
use super::super::failure_reason::Answered;
use super::super::here;
use super::super::site::Site;
use super::super::steps::{failed, own, visitor};
use super::Done;

/// Begins an enrolment.
pub(in super::super) async fn enrol(site: State<Site>, secret: Path<String>, client: Client, form: Form) -> Response {
    let visitor = visitor(&site, &secret, &client, &form.0);
    let visit = match own(&visitor).await {
        Ok(visit) => visit,
        Err(response) => return response,
    };
    let two_factor = form.0.get("two_factor").unwrap_or_default();
    let step = form.0.get("step").and_then(|step| step.parse().ok()).unwrap_or(u32::MAX);
    let locale = visitor.language(&visit);
    let begun = site.sign_ins.enrol(&visit, two_factor, step, client.address, locale).await;
    after(&visitor, begun, None).await
}

/// Ends an enrolment with the person's answer.
pub(in super::super) async fn finish(site: State<Site>, secret: Path<String>, client: Client, form: Form) -> Response {
    let visitor = visitor(&site, &secret, &client, &form.0);
    let visit = match own(&visitor).await {
        Ok(visit) => visit,
        Err(response) => return response,
    };
    let given = |name: &str| form.0.get(name).filter(|text| !text.is_empty()).map(str::to_owned);
    let answer = (given("code"), given("credential"), given("label"));
    match site.sign_ins.finish_enrolment(&visit, answer, client.address).await {
        Ok(EnrolmentOutcome::Added { codes }) => {
            let done = if codes { Done::CodesStored } else { Done::Added };
            go(&here(&secret, visitor.asked, &done.query()))
        }
        Err(error) => failed(&visitor, &error, Answered::Enrolment).await,
    }
}

/// Gives an enrolment up.
pub(in super::super) async fn drop_enrolment(
    site: State<Site>,
    secret: Path<String>,
    client: Client,
    form: Form,
) -> Response {
    let visitor = visitor(&site, &secret, &client, &form.0);
    let visit = match own(&visitor).await {
        Ok(visit) => visit,
        Err(response) => return response,
    };
    let dropped = site.sign_ins.drop_enrolment(&visit).await;
    after(&visitor, dropped, None).await
}

pub(in super::super) async fn rename(site: State<Site>, secret: Path<String>, client: Client, form: Form) -> Response {
    let visitor = visitor(&site, &secret, &client, &form.0);
    let visit = match own(&visitor).await {
        Ok(visit) => visit,
        Err(response) => return response,
    };
    let factor = form.0.get("factor").unwrap_or_default();
    let renamed = site.sign_ins.rename_factor(&visit, factor, form.0.get("label")).await;
    after(&visitor, renamed, Some(Done::Renamed)).await
}

pub(in super::super) async fn remove(site: State<Site>, secret: Path<String>, client: Client, form: Form) -> Response {
    let visitor = visitor(&site, &secret, &client, &form.0);
    let visit = match own(&visitor).await {
        Ok(visit) => visit,
        Err(response) => return response,
    };
    let removed = site.sign_ins.remove_factor(&visit, form.0.get("factor").unwrap_or_default()).await;
    after(&visitor, removed, Some(Done::Removed)).await
}

/// Forgets one remembered browser, or all.
pub(in super::super) async fn forget(site: State<Site>, secret: Path<String>, client: Client, form: Form) -> Response {
    let visitor = visitor(&site, &secret, &client, &form.0);
    let visit = match own(&visitor).await {
        Ok(visit) => visit,
        Err(response) => return response,
    };
    let forgotten = site.sign_ins.forget_browsers(&visit, form.0.get("browser")).await;
    after(&visitor, forgotten, Some(Done::Forgotten)).await
}

/// Closes the page and goes back to the application.
pub(in super::super) async fn leave(site: State<Site>, secret: Path<String>, client: Client, form: Form) -> Response {
    let visitor = visitor(&site, &secret, &client, &form.0);
    let visit = match own(&visitor).await {
        Ok(visit) => visit,
        Err(response) => return response,
    };
    match site.sign_ins.cancel(&visit).await {
        Ok(()) => go(&returned_without(&visit)),
        Err(error) => failed(&visitor, &error, Answered::Nothing).await,
    }
}

async fn after(visitor: &Visitor<'_>, result: Result<(), Error>, done: Option<Done>) -> Response {
    match result {
        Ok(()) => go(&here(visitor.secret, visitor.asked, &done.map(Done::query).unwrap_or_default())),
        Err(error) if error.is_not_found() => go(&here(visitor.secret, visitor.asked, "")),
        Err(error) => failed(visitor, &error, Answered::Nothing).await,
    }
}
