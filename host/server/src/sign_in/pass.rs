//! Temporary passes: a field of their own, because they look like no other code.

use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};
use twofactor::sign_in::{HostedPage, Visit};

use super::browser::{Client, Form, Query, go};
use super::failure_reason::{Answered, Why};
use super::page::{Frame, Say, Shape, said};
use super::site::Site;
use super::steps::{failed, own, proceed_to, visitor};
use super::{View, here_at, look};

/// Returns the link to the field, where passes are accepted.
pub(super) fn link(frame: &Frame<'_>, visit: &Visit) -> Markup {
    html! {
        @if visit.accepts_pass { a href=(frame.href("/pass")) { (frame.words.passes.have) } }
    }
}

/// Returns the page with the field.
pub(super) fn page(frame: &Frame<'_>, visit: &Visit, say: Option<&Say>) -> Markup {
    let words = &frame.words.passes;
    let wrong = matches!(say, Some(Say::Field(_)));
    let body = html! {
        p #lead { (words.lead) }
        (said(say))
        form.answer method="post" action={ (frame.path) "/pass" } {
            (frame.hidden(None))
            label for="code" { (words.label) }
            input #code.long name="pass" type="text" autocomplete="off" autocapitalize="characters" spellcheck="false"
                enterkeyhint="go" maxlength="64" required autofocus
                aria-describedby=(if wrong { "error lead" } else { "lead" }) aria-invalid=[wrong.then_some("true")];
            button.main type="submit" { (frame.words.proceed) }
        }
        @if visit.hosted_page() == HostedPage::SignIn { (frame.facts(visit)) }
        div.more {
            @if visit.ways() > 0 || visit.may_change { a href=(frame.href("")) { (frame.words.other_way) } }
            (frame.cancel())
        }
    };
    frame.document(words.title, say, Shape::default(), body)
}

pub(super) async fn show(site: State<Site>, secret: Path<String>, query: Query, client: Client) -> Response {
    look(&site, &secret, &query.0, &client, View::Pass).await
}

/// Uses the pass that was typed.
pub(super) async fn give(site: State<Site>, secret: Path<String>, client: Client, form: Form) -> Response {
    let visitor = visitor(&site, &secret, &client, &form.0);
    let visit = match own(&visitor).await {
        Ok(visit) => visit,
        Err(response) => return response,
    };
    match site.sign_ins.use_pass(&visit, form.0.get("pass").unwrap_or_default(), client.address).await {
        Ok(proceeded) => proceed_to(&visitor, &visit, proceeded),
        Err(error) => match Why::of_pass(&error) {
            Some(why) => go(&here_at(&secret, "/pass", visitor.asked, &why.query())),
            None => failed(&visitor, &error, Answered::Nothing).await,
        },
    }
}
