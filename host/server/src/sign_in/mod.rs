//! The sign-in page: a browser comes with a link, gets a code sent, types it, and goes back to its application with a handle, for which
//! that gets the result.
//!
//! With the same links a person comes to a page of their own factors (`my_factors`).
//!
//! Only passkeys need a script. Only a POST does anything, each is answered by a redirect when it did it, and so neither a refresh nor
//! whoever looks at links sends a message.

mod agent;
mod answer_page;
mod assets;
mod browser;
mod choice;
mod failure_reason;
mod icons;
mod my_factors;
mod page;
mod pass;
mod passkey_first;
mod public;
mod remembered;
mod result;
mod site;
mod steps;
mod text;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;
use twofactor::TwoFactor;
use twofactor::challenge::{Challenge, ChallengeStatus};
use twofactor::sandbox::IpNet;
use twofactor::sign_in::{Ended, HostedPage, Visit, VisitOutcome};

pub(crate) use agent::name as browser_name;
pub(crate) use assets::passkey_path as passkey_script;
pub use public::PublicUrl;
pub(crate) use public::is_confidential;
pub(crate) use result::sign;

use crate::request_limits::CREDENTIAL_BYTES;
use browser::{Client, Fields, Query};
use failure_reason::Why;
use my_factors::Done;
use page::{Frame, Say};
use site::{Inner, Site};
use text::Words;

/// The longest form, in bytes.
const FORM_BYTES: usize = 4 << 10;

/// Returns the pages of the sign-ins of an engine, at the URL that browsers know them by.
pub(crate) fn router(engine: &TwoFactor, proxies: Arc<[IpNet]>, public: PublicUrl) -> Router {
    let site = Site(Arc::new(Inner { engine: engine.clone(), sign_ins: engine.hosted_sign_ins(), proxies, public }));
    let credential = DefaultBodyLimit::max(CREDENTIAL_BYTES);
    Router::new()
        .route("/sign-in/{secret}", get(show))
        .route("/sign-in/{secret}/choose", get(choose))
        .route("/sign-in/{secret}/start", post(steps::start).get(back_to_page))
        .route("/sign-in/{secret}/answer", post(steps::answer).get(back_to_page).layer(credential))
        .route("/sign-in/{secret}/resend", post(steps::resend).get(back_to_page))
        .route("/sign-in/{secret}/cancel", post(steps::cancel).get(back_to_page))
        .route("/sign-in/{secret}/proceed", post(steps::proceed).get(back_to_page))
        .route("/sign-in/{secret}/pass", post(pass::give).get(pass::show))
        .route("/sign-in/{secret}/remembered", post(remembered::proceed).get(back_to_page))
        .route("/sign-in/{secret}/without-passkey", post(passkey_first::without).get(back_to_page))
        .route("/sign-in/{secret}/enrol", post(my_factors::enrol).get(back_to_page))
        .route("/sign-in/{secret}/finish", post(my_factors::finish).get(back_to_page).layer(credential))
        .route("/sign-in/{secret}/drop", post(my_factors::drop_enrolment).get(back_to_page))
        .route("/sign-in/{secret}/rename", post(my_factors::rename).get(back_to_page))
        .route("/sign-in/{secret}/remove", post(my_factors::remove).get(back_to_page))
        .route("/sign-in/{secret}/forget", post(my_factors::forget).get(back_to_page))
        .route("/sign-in/{secret}/leave", post(my_factors::leave).get(back_to_page))
        .route("/sign-in/{secret}/theme.css", get(theme))
        .route("/sign-in/{secret}/logo", get(logo))
        .route("/.well-known/jwks.json", get(key_set))
        .route("/.well-known/webauthn", get(related_origins))
        .layer(DefaultBodyLimit::max(FORM_BYTES))
        .with_state(site)
        .merge(assets::routes())
}

/// Which page of a link is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum View {
    /// The one that its state leads to.
    Current,
    /// The choice of a way.
    Choice,
    /// The field for a temporary pass.
    Pass,
}

/// The data of a browser, and its language before more is known.
struct Visitor<'a> {
    site: &'a Site,
    secret: &'a str,
    client: &'a Client,
    asked: Option<&'a str>,
}

impl Visitor<'_> {
    fn frame<'a>(&self, path: &'a str, visit: Option<&'a Visit>) -> Frame<'a> {
        let language = self.client.languages.as_deref();
        let words = Words::of(self.asked, visit.and_then(Visit::locale), language);
        let asked = self.asked.is_some_and(|tag| tag.eq_ignore_ascii_case(words.tag));
        Frame {
            words,
            path,
            language: asked.then_some(words.tag),
            visit,
            address: self.client.address,
            nonce: browser::nonce(),
        }
    }

    /// Returns the language of its pages, which is that of its messages: the code is typed where they are read.
    fn language(&self, visit: &Visit) -> &'static str {
        self.frame("", Some(visit)).words.tag
    }

    /// Returns the page for the current state of a sign-in.
    fn open(&self, visit: &Visit, say: Option<&dyn Fn(&Words) -> Say>, view: View) -> Response {
        let path = path(self.secret);
        let frame = self.frame(&path, Some(visit));
        let mut say = say.map(|say| say(frame.words));
        let is_current = view == View::Current;
        let is_sign_in = visit.hosted_page() == HostedPage::SignIn;
        // A factor that has been suspended or removed since cannot answer.
        let answers =
            |challenge: &Challenge| visit.option_of(challenge).is_some() || challenge.recipient_hint.is_some();
        let only_pass = is_sign_in && is_current && visit.ways() == 0;
        let markup = match &visit.challenge {
            _ if passkey_first::is_it(visit) => passkey_first::page(&frame, visit, say.as_ref()),
            _ if visit.accepts_pass && (view == View::Pass || only_pass) => pass::page(&frame, visit, say.as_ref()),
            Some((challenge, ChallengeStatus::Open)) if is_current && answers(challenge) => {
                answer_page::answer(&frame, visit, challenge, say.as_ref())
            }
            Some((challenge, ChallengeStatus::Open)) => choice::choice(&frame, visit, say.as_ref(), answers(challenge)),
            Some(_) => {
                // A person who loads the page after its code has expired must learn why there is no field for it.
                let held = visit.challenge.as_ref().is_some_and(|(challenge, _)| visit.option_of(challenge).is_some());
                let over = if held { frame.words.factors.over } else { frame.words.code_over };
                let over = || Say::Error(over.to_owned());
                say.get_or_insert_with(over);
                choice::choice(&frame, visit, say.as_ref(), false)
            }
            None if visit.this_browser.is_some() && is_sign_in && is_current => {
                remembered::page(&frame, visit, say.as_ref())
            }
            None => choice::choice(&frame, visit, say.as_ref(), false),
        };
        browser::page(StatusCode::OK, markup, Some(visit), &frame.nonce)
    }

    /// Returns a page with a message only.
    fn notice(&self, status: StatusCode, which: impl Fn(&Words) -> &text::Notice) -> Response {
        let frame = self.frame("", None);
        browser::page(status, page::notice(&frame, which(frame.words), None), None, &frame.nonce)
    }

    fn over(&self, visit: &Visit, ended: Ended) -> Response {
        let path = path(self.secret);
        let frame = self.frame(&path, Some(visit));
        let factors = visit.hosted_page() == HostedPage::Factors;
        let (notice, back) = match ended {
            Ended::Verified | Ended::Cancelled if factors => (&frame.words.factors.closed, None),
            Ended::Expired if factors => (&frame.words.factors.expired, Some(browser::returned_without(visit))),
            Ended::Verified => (&frame.words.done, None),
            Ended::Cancelled => (&frame.words.cancelled, None),
            Ended::Expired => (&frame.words.expired, Some(browser::denied(visit))),
        };
        browser::page(StatusCode::GONE, page::notice(&frame, notice, back.as_deref()), Some(visit), &frame.nonce)
    }

    fn unavailable(&self, error: &twofactor::Error) -> Response {
        tracing::warn!(detail = error.operator_detail(), "a sign-in page could not be rendered");
        let mut response = self.notice(StatusCode::SERVICE_UNAVAILABLE, |words| &words.unavailable);
        response.headers_mut().insert(header::RETRY_AFTER, 5.into());
        response
    }

    fn closed(&self, visited: &VisitOutcome) -> Response {
        match visited {
            VisitOutcome::Over(visit, ended) => self.over(visit, *ended),
            VisitOutcome::Elsewhere | VisitOutcome::Open(_) => {
                self.notice(StatusCode::FORBIDDEN, |words| &words.elsewhere)
            }
            VisitOutcome::Unknown => self.notice(StatusCode::NOT_FOUND, |words| &words.unknown),
        }
    }
}

async fn show(site: State<Site>, secret: Path<String>, query: Query, client: Client) -> Response {
    look(&site, &secret, &query.0, &client, View::Current).await
}

async fn choose(site: State<Site>, secret: Path<String>, query: Query, client: Client) -> Response {
    look(&site, &secret, &query.0, &client, View::Choice).await
}

async fn look(site: &Site, secret: &str, query: &Fields, client: &Client, view: View) -> Response {
    let visitor = Visitor { site, secret, client, asked: query.get("lang") };
    let mut visit = match visitor.site.sign_ins.visit(secret, client.cookie(&site.public, secret)).await {
        Ok(VisitOutcome::Open(visit)) => visit,
        Ok(other) => return visitor.closed(&other),
        Err(error) => return visitor.unavailable(&error),
    };
    // A browser that only looks (HEAD, prefetch) does not use up the link.
    let shown = !client.framed || !visit.page.top_origins.is_empty();
    let mut bound = None;
    if !site.sign_ins.is_bound(&visit) && client.opens && shown {
        bound = match site.sign_ins.bind(&visit).await {
            Ok(Some(browser)) => Some(browser),
            Ok(None) => return visitor.closed(&VisitOutcome::Elsewhere),
            Err(error) => return visitor.unavailable(&error),
        };
    }
    if passkey_first::is_it(&visit) && client.opens && (bound.is_some() || site.sign_ins.is_bound(&visit)) {
        let browser = bound.as_deref().or(client.cookie(&site.public, secret));
        visit = match visitor.with_challenge(visit, browser).await {
            Ok(visit) => visit,
            Err(response) => return response,
        };
    }
    let remembered = client.remembered(&site.public, &visit.person);
    if let Err(error) = site.sign_ins.look_at_browser(&mut visit, remembered).await {
        return visitor.unavailable(&error);
    }
    let visit = visit;
    let why = Why::read(query);
    let resent = |words: &Words| Say::Done(words.resent.to_owned());
    let failed = |words: &Words| why.map_or_else(|| Say::Error(String::new()), |why| why.say(words, &visit));
    let changes = visit.hosted_page() == HostedPage::Factors || visit.is_proved();
    let done = Done::read(query).filter(|_| changes);
    let changed = |words: &Words| Say::Done(done.map_or_else(String::new, |done| done.text(words).to_owned()));
    let say = match why {
        Some(_) => Some(&failed as &dyn Fn(&Words) -> Say),
        None if query.get("sent") == Some("again") => Some(&resent as &dyn Fn(&Words) -> Say),
        None => done.map(|_| &changed as &dyn Fn(&Words) -> Say),
    };
    let response = match visit.hosted_page() {
        HostedPage::Factors if visit.may_change && !(view == View::Pass && visit.accepts_pass) => {
            my_factors::show(&visitor, &visit, query, say)
        }
        HostedPage::SignIn if visit.is_proved() => my_factors::offer(&visitor, &visit, say),
        _ => visitor.open(&visit, say, view),
    };
    let cookies = bound.map(|browser| browser::give(client, &site.public, secret, &browser));
    (cookies, response).into_response()
}

/// Leads a browser that loads the address of a form again to the page of that form.
async fn back_to_page(Path(secret): Path<String>, query: Query) -> Response {
    browser::go(&here(&secret, query.0.get("lang"), ""))
}

/// Returns the path of a link's page. Anything that is not a valid secret is escaped.
fn path(secret: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    format!("/sign-in/{}", secret.chars().filter(|c| fits(*c)).take(64).collect::<String>())
}

fn here(secret: &str, language: Option<&str>, more: &str) -> String {
    here_at(secret, "", language, more)
}

fn here_at(secret: &str, rest: &str, language: Option<&str>, more: &str) -> String {
    let language = language.filter(|tag| tag.len() == 2 && tag.bytes().all(|b| b.is_ascii_alphabetic()));
    let language = language.map(|tag| format!("lang={tag}"));
    let query: Vec<&str> = language.as_deref().into_iter().chain((!more.is_empty()).then_some(more)).collect();
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{}{rest}{mark}{}", path(secret), query.join("&"))
}

/// Returns the subscription's colors.
async fn theme(site: State<Site>, secret: Path<String>, client: Client) -> Response {
    let Ok(Some(visit)) = seen(&site, &secret, &client).await else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let theme = visit.page.theme();
    let mut css = String::new();
    let background = theme.background.map(|color| format!("--page:{color};")).unwrap_or_default();
    let (light, dark) = theme.accent.unwrap_or_default();
    let accent = |color: &str| if color.is_empty() { String::new() } else { format!("--accent:{color};") };
    css.push_str(&format!("@media (prefers-color-scheme:light){{:root{{{background}{}}}}}", accent(&light)));
    css.push_str(&format!("@media (prefers-color-scheme:dark){{:root{{{}}}}}", accent(&dark)));
    browser::asset("text/css; charset=utf-8", css.into_bytes())
}

async fn logo(site: State<Site>, secret: Path<String>, client: Client) -> Response {
    let visit = seen(&site, &secret, &client).await.ok().flatten();
    match visit.and_then(|visit| visit.page.logo().ok().flatten()) {
        Some(logo) => browser::asset(logo.media_type, logo.bytes),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn seen(site: &Site, secret: &str, client: &Client) -> Result<Option<Box<Visit>>, twofactor::Error> {
    Ok(match site.sign_ins.visit(secret, client.cookie(&site.public, secret)).await? {
        VisitOutcome::Open(visit) | VisitOutcome::Over(visit, _) => Some(visit),
        VisitOutcome::Unknown | VisitOutcome::Elsewhere => None,
    })
}

async fn key_set(State(site): State<Site>) -> impl IntoResponse {
    let headers = [(header::CONTENT_TYPE, "application/jwk-set+json"), (header::CACHE_CONTROL, "public, max-age=300")];
    (headers, serde_json::to_string(&result::key_set(&site.sign_ins)).unwrap_or_default())
}

/// Returns the origins in other domains that may use passkeys of this host (WebAuthn Level 3 section 5.11).
async fn related_origins(State(site): State<Site>) -> Response {
    let origins = match site.public.host() {
        Some(host) => site.engine.related_origins(host).await,
        None => Ok(Vec::new()),
    };
    match origins {
        Ok(origins) if origins.is_empty() => StatusCode::NOT_FOUND.into_response(),
        Ok(origins) => {
            ([(header::CACHE_CONTROL, "public, max-age=60")], Json(json!({"origins": origins}))).into_response()
        }
        Err(error) => {
            tracing::warn!(detail = error.operator_detail(), "the related origins could not be read");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}
