//! A sign-in that names no user: the page asks for a passkey, which names its user.
//!
//! Browsers offer passkeys in the field for the user name (conditional mediation). Whoever has none goes back to the application, which
//! asks for a password.

use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};
use twofactor::challenge::ChallengeStatus;
use twofactor::sign_in::{HostedPage, Visit, VisitOutcome};

use super::Visitor;
use super::answer_page::passkey_parts;
use super::browser::{Client, Form, go, without_passkey};
use super::failure_reason::Answered;
use super::icons::{PERSON_KEY, icon};
use super::page::{Frame, Say, Shape, said};
use super::site::Site;
use super::steps::{failed, own, visitor};

/// The longest user name, in bytes.
const NAME_BYTES: usize = 256;

/// Returns whether a passkey is to say who signs in.
pub(super) fn is_it(visit: &Visit) -> bool {
    visit.hosted_page() == HostedPage::SignIn && visit.sign_in().user.is_none()
}

/// Returns the page.
pub(super) fn page(frame: &Frame<'_>, visit: &Visit, say: Option<&Say>) -> Markup {
    let (words, factors) = (&frame.words.passkey_first, &frame.words.factors);
    let open = visit.challenge.as_ref().filter(|(_, status)| *status == ChallengeStatus::Open);
    let options = open.and_then(|(challenge, _)| challenge.public.as_ref()).map(ToString::to_string);
    let body = html! {
        (said(say))
        @if let Some(options) = options {
            form method="post" action={ (frame.path) "/answer" } data-passkey="get" data-options=(options) data-autofill="yes" {
                (frame.hidden(None))
                (passkey_parts(factors.passkey_no_script, factors.passkey_unsupported, factors.passkey_failed, factors.passkey_failed))
                button.main type="button" hidden { (icon(PERSON_KEY)) (words.sign_in) }
            }
        }
        form.answer method="post" action={ (frame.path) "/without-passkey" } {
            (frame.hidden(None))
            p #lead { (words.or) }
            label for="name" { (words.name) }
            input #name name="name" type="text" autocomplete="username webauthn" autocapitalize="none" spellcheck="false"
                maxlength=(NAME_BYTES) enterkeyhint="go" autofocus;
            button.second type="submit" { (frame.words.proceed) }
        }
        (frame.facts(visit))
        div.more { (frame.cancel()) }
    };
    frame.document(words.title, say, Shape { passkey: true, ..Shape::default() }, body)
}

impl Visitor<'_> {
    /// Starts a challenge for the page, if it has none that is open. A browser offers passkeys when the page is there, and so the page
    /// needs one at once. It sends nothing and counts against nobody.
    pub(super) async fn with_challenge(
        &self,
        visit: Box<Visit>,
        browser: Option<&str>,
    ) -> Result<Box<Visit>, Response> {
        let is_open = matches!(visit.challenge, Some((_, ChallengeStatus::Open)));
        let Some(option) = visit.factor_options.first().filter(|_| !is_open && visit.more) else { return Ok(visit) };
        let (site, two_factor) = (self.site, option.two_factor.clone());
        let (step, locale) = (visit.step(), self.language(&visit));
        let started = site.sign_ins.start(&visit, &two_factor, step, self.client.address, None, locale).await;
        if let Err(error) = started {
            // The page still leads back to the application.
            tracing::warn!(detail = error.operator_detail(), "a sign-in page has no passkeys");
            return Ok(visit);
        }
        match site.sign_ins.visit(self.secret, browser).await {
            Ok(VisitOutcome::Open(visit)) => Ok(visit),
            Ok(other) => Err(self.closed(&other)),
            Err(error) => Err(self.unavailable(&error)),
        }
    }
}

/// Goes back to the application without a passkey, with the name that was typed.
pub(super) async fn without(site: State<Site>, secret: Path<String>, client: Client, form: Form) -> Response {
    let visitor = visitor(&site, &secret, &client, &form.0);
    let visit = match own(&visitor).await {
        Ok(visit) => visit,
        Err(response) => return response,
    };
    let fits = |name: &&str| (1..=NAME_BYTES).contains(&name.len()) && !name.chars().any(char::is_control);
    let name = form.0.get("name").map(str::trim).filter(fits);
    match site.sign_ins.cancel(&visit).await {
        Ok(()) => go(&without_passkey(&visit, name)),
        Err(error) => failed(&visitor, &error, Answered::Nothing).await,
    }
}
