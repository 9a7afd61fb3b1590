//! Browsers that are remembered: the question whether to, and what the page shows in one.

use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};
use twofactor::sign_in::Visit;

use super::browser::{Client, Form};
use super::failure_reason::Answered;
use super::page::{Frame, Say, Shape, said};
use super::site::Site;
use super::steps::{failed, own, proceed_to, visitor};

/// Returns the question whether to remember this browser, where policy allows it.
pub(super) fn question(frame: &Frame<'_>, visit: &Visit) -> Markup {
    let words = &frame.words.remembered;
    html! {
        @if let Some(days) = visit.remembered_days {
            label.remember {
                input type="checkbox" name="remember" value="yes";
                span { (words.choice(days)) span.hint { (words.caution) } }
            }
        }
    }
}

/// Returns the page in a browser that is remembered. It signs in nobody by itself: a person sees what is being confirmed, and where it was
/// started.
pub(super) fn page(frame: &Frame<'_>, visit: &Visit, say: Option<&Say>) -> Markup {
    let words = frame.words;
    let body = html! {
        p #lead { (words.remembered.lead) }
        (said(say))
        (frame.facts(visit))
        form method="post" action={ (frame.path) "/remembered" } {
            (frame.hidden(None))
            button.main type="submit" { (words.proceed) }
        }
        div.more {
            a href=(frame.href("/choose")) { (words.other_way) }
            (frame.cancel())
        }
    };
    frame.document(words.choose_title, say, Shape::default(), body)
}

/// Ends a sign-in in a browser that is remembered.
pub(super) async fn proceed(site: State<Site>, secret: Path<String>, client: Client, form: Form) -> Response {
    let visitor = visitor(&site, &secret, &client, &form.0);
    let visit = match own(&visitor).await {
        Ok(visit) => visit,
        Err(response) => return response,
    };
    let remembered = client.remembered(&site.public, &visit.person).unwrap_or_default();
    match site.sign_ins.proceed_remembered(&visit, remembered).await {
        Ok(proceeded) => proceed_to(&visitor, &visit, proceeded),
        Err(error) => failed(&visitor, &error, Answered::Nothing).await,
    }
}
