//! What the buttons do.

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use twofactor::{Error, Standing, Visit, Visited};

use super::browser::{Client, Fields, Form, denied, go, returned};
use super::page::Say;
use super::text::Words;
use super::{Site, Visitor, here};

/// A browser that sent a form of this page for a link that is its own and open; else what it is answered.
async fn own(visitor: &Visitor<'_>) -> Result<Box<Visit>, Response> {
    let site = visitor.site;
    if !visitor.client.is_from_here(&site.public) {
        return Err(visitor.notice(StatusCode::FORBIDDEN, |words| &words.refused));
    }
    match site.sign_ins.visit(visitor.secret, visitor.client.cookie(&site.public, visitor.secret)).await {
        Ok(Visited::Open(visit)) if site.sign_ins.is_bound(&visit) => Ok(visit),
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
    let started = site.sign_ins.start(&visit, way, step, client.address, site.public.webotp_host()).await;
    match started {
        Ok(()) => go(&here(&secret, visitor.asked, "")),
        Err(error) => failed(&visitor, &error, false).await,
    }
}

pub(super) async fn resend(site: State<Site>, secret: Path<String>, client: Client, form: Form) -> Response {
    let visitor = visitor(&site, &secret, &client, &form.0);
    let visit = match own(&visitor).await {
        Ok(visit) => visit,
        Err(response) => return response,
    };
    match site.sign_ins.resend(&visit).await {
        Ok(()) => go(&here(&secret, visitor.asked, "sent=again")),
        Err(error) => failed(&visitor, &error, false).await,
    }
}

pub(super) async fn answer(site: State<Site>, secret: Path<String>, client: Client, form: Form) -> Response {
    let visitor = visitor(&site, &secret, &client, &form.0);
    let visit = match own(&visitor).await {
        Ok(visit) => visit,
        Err(response) => return response,
    };
    let code = form.0.get("code").unwrap_or_default();
    match site.sign_ins.answer(&visit, code, client.address).await {
        Ok(handle) => go(&returned(&visit, "handle", &handle)),
        Err(error) => failed(&visitor, &error, true).await,
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
        Err(error) => failed(&visitor, &error, false).await,
    }
}

fn visitor<'a>(site: &'a Site, secret: &'a str, client: &'a Client, form: &'a Fields) -> Visitor<'a> {
    Visitor { site, secret, client, asked: form.get("lang") }
}

/// The page as it stands after something failed, with the reason in words.
async fn failed(visitor: &Visitor<'_>, error: &Error, answered: bool) -> Response {
    if error.is_unavailable() {
        return visitor.unavailable(error);
    }
    if let Some(detail) = error.operator_detail() {
        tracing::warn!(detail, "a step of a sign-in failed");
    }
    let site = visitor.site;
    let visit = match site.sign_ins.visit(visitor.secret, visitor.client.cookie(&site.public, visitor.secret)).await {
        Ok(Visited::Open(visit)) => visit,
        // Another window of this browser was faster, or time is up.
        Ok(other) => return visitor.closed(&other),
        Err(error) => return visitor.unavailable(&error),
    };
    let wait = error.retry_after().map(|wait| wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
    let say = |words: &Words| reason(error, &visit, words, wait, answered);
    let mut response = visitor.open(&visit, status(error), Some(&say), false);
    if let Some(seconds) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.max(1).into());
    }
    response
}

fn status(error: &Error) -> StatusCode {
    if error.is_invalid_input() {
        StatusCode::BAD_REQUEST
    } else if error.is_code_rejected() || error.is_recipient_rejected() {
        StatusCode::UNPROCESSABLE_ENTITY
    } else if error.is_closed() {
        StatusCode::GONE
    } else if error.is_limited() {
        StatusCode::TOO_MANY_REQUESTS
    } else if error.is_delivery_failed() && error.retry_after().is_some() {
        StatusCode::SERVICE_UNAVAILABLE
    } else if error.is_delivery_failed() {
        StatusCode::BAD_GATEWAY
    } else {
        StatusCode::CONFLICT
    }
}

fn reason(error: &Error, visit: &Visit, words: &Words, wait: Option<u64>, answered: bool) -> Say {
    let open = match &visit.challenge {
        Some((challenge, Standing::Open)) => Some(challenge),
        _ => None,
    };
    let plain = |text: &str| Say::Error(text.to_owned());
    if let Some(left) = error.attempts_left() {
        return match (open, left) {
            (None, _) => plain(words.exhausted),
            (Some(_), 1) => Say::Field(words.wrong_last.to_owned()),
            (Some(_), left) => Say::Field(words.wrong.replace("{n}", &left.to_string())),
        };
    }
    if let (true, true, Some(challenge)) = (answered, error.is_invalid_input(), open) {
        return Say::Field(words.length.replace("{n}", &challenge.code_length.to_string()));
    }
    if error.is_locked() {
        plain(words.locked)
    } else if error.is_limited() {
        plain(&words.limited.replace("{wait}", &words.wait(wait.unwrap_or_default())))
    } else if error.is_closed() {
        plain(words.code_over)
    } else if error.is_delivery_failed() && answered {
        plain(words.not_judged)
    } else if error.is_delivery_failed() {
        plain(if error.is_retryable() { words.try_again } else { words.not_sent })
    } else {
        plain(words.not_there)
    }
}
