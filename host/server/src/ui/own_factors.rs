//! The second factors of a person's own account: shown, added and removed by the person.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use twofactor::Error;
use twofactor::accounts::OwnFactors;
use twofactor::factor::{EnrollableFactor, UserFactor};

use super::failure::Failure;
use super::form_replies::Told;
use super::format::time;
use super::layout::table;
use super::links::segment;
use super::login::{Visitor, opened_cookies, words};
use super::own_enrolment;
use super::page::{Room, page};
use super::person::{Oneself, Person};
use super::posted::Posted;
use super::state::Ui;
use super::user_factors::{name, status};
use crate::wording::{self, Language};

const ACCOUNT: &str = "/admin/account";

/// Returns the part of the account's page with its factors; nothing if none is offered.
pub(super) async fn section(person: &Person, ui: &Ui) -> Result<Markup, Failure> {
    let l = person.language;
    let own = ui.app.engine.accounts().own_factors(&person.session).await.map_err(|error| person.failure(error))?;
    let OwnFactors { factors, enrollable, .. } = own;
    if factors.is_empty() && enrollable.is_empty() {
        return Ok(html! {});
    }
    let headings = [
        l.say("Second factor", "Zweiter Faktor"),
        l.say("Status", "Status"),
        l.say("Added", "Hinzugefügt"),
        l.say("Last used", "Zuletzt verwendet"),
        l.say("Action", "Aktion"),
    ];
    let row = |factor: &UserFactor| {
        vec![
            html! { (name(l, factor)) @for fact in wording::factor_facts(l, &factor.facts) { div.help { (fact) } } },
            status(l, factor),
            time(l, factor.created_at),
            html! { @match factor.last_used_at { Some(at) => { (time(l, at)) }, None => "–" } },
            html! { a href=(removal(&factor.id)) { (l.say("Remove", "Entfernen")) } },
        ]
    };
    Ok(html! {
        h2 #factors { (l.say("Your second factors", "Ihre zweiten Faktoren")) }
        @if factors.is_empty() {
            p { (l.say("You have not added any. Whoever knows your password may be able to log in.",
                "Sie haben noch keinen hinzugefügt. Wer Ihr Passwort kennt, kann sich möglicherweise anmelden.")) }
        } @else { (table(&headings, usize::MAX, factors.iter().map(row))) }
        @if !enrollable.is_empty() { (add(person, &enrollable)) }
    })
}

fn removal(factor: &str) -> String {
    format!("{ACCOUNT}/factors/{}/remove", segment(factor))
}

/// Returns the form that begins an enrolment.
fn add(person: &Person, enrollable: &[EnrollableFactor]) -> Markup {
    let l = person.language;
    html! {
        form.card method="post" action="/admin/account/factors" {
            h3 { (l.say("Add a second factor", "Zweiten Faktor hinzufügen")) }
            div.field { label for="two_factor" { (l.say("Kind", "Art")) }
                select #two_factor name="two_factor" { @for one in enrollable { option value=(one.two_factor) { (offered(l, one)) } } } }
            (password(person))
            div.actions { button.main { (l.say("Continue", "Weiter")) } }
        }
    }
}

/// Returns what an instance is for; with its own name if that says more.
fn offered(l: Language, one: &EnrollableFactor) -> String {
    let type_name = wording::factor_type(l, &one.type_id);
    if type_name == one.type_id { one.name.clone() } else { type_name.to_owned() }
}

/// Returns the field for the current password, if the account has one.
fn password(person: &Person) -> Markup {
    let l = person.language;
    let account = &person.session.account;
    html! {
        @if !account.is_external() {
            input type="hidden" name="username" autocomplete="username" value=(account.email);
            div.field { label for="password" { (l.say("Current password", "Aktuelles Passwort")) }
                input #password name="password" type="password" required autocomplete="current-password"; }
        }
    }
}

/// Begins an enrolment.
pub(super) async fn begin(
    Oneself(person): Oneself,
    State(ui): State<Ui>,
    visitor: Visitor,
    body: Bytes,
) -> Result<Response, Failure> {
    let posted = Posted::parse(&body);
    let (accounts, two_factor) = (ui.app.engine.accounts(), posted.get("two_factor").unwrap_or_default());
    let password = posted.as_typed("password");
    match accounts.enrol_own_factor(&person.session, two_factor, password, visitor.client()).await {
        Ok(enrolment) => Ok(Redirect::to(&own_enrolment::path(&enrolment.id)).into_response()),
        Err(error) => refused(&person, error, ACCOUNT),
    }
}

/// Asks whether to remove a factor.
pub(super) async fn ask_remove(
    Oneself(person): Oneself,
    State(ui): State<Ui>,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let l = person.language;
    let own = ui.app.engine.accounts().own_factors(&person.session).await.map_err(|error| person.failure(error))?;
    let Some(factor) = own.factors.into_iter().find(|factor| factor.id == id) else {
        return Err(Failure::not_found(l));
    };
    let title = l.say("Remove this second factor?", "Diesen zweiten Faktor entfernen?");
    let main = html! {
        p.trail { a href=(ACCOUNT) { (Room::Account.name(l)) } }
        h1 { (title) }
        form.card method="post" {
            p { strong { (name(l, &factor)) } }
            p { (l.say("You will no longer be able to log in with it. If it is your last other factor, your recovery codes are removed, too.",
                "Sie können sich damit nicht mehr anmelden. Ist es Ihr letzter anderer Faktor, werden auch Ihre Wiederherstellungscodes entfernt.")) }
            (password(&person))
            div.actions { button.bad { (l.say("Remove", "Entfernen")) } a.button href=(ACCOUNT) { (l.say("Cancel", "Abbrechen")) } }
        }
    };
    Ok(page(&person, Room::Account, title, main))
}

/// Removes a factor.
pub(super) async fn remove(
    Oneself(person): Oneself,
    State(ui): State<Ui>,
    visitor: Visitor,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Failure> {
    let posted = Posted::parse(&body);
    let (accounts, password) = (ui.app.engine.accounts(), posted.as_typed("password"));
    match accounts.remove_own_factor(&person.session, &id, password, visitor.client()).await {
        Ok(_) => Ok(Redirect::to("/admin/account?done=factor-removed").into_response()),
        Err(error) if error.is_not_found() => Err(person.failure(error)),
        Err(error) => refused(&person, error, &removal(&id)),
    }
}

/// Finishes an enrolment, and goes on to the recovery codes after the first factor.
pub(super) async fn finish(
    Oneself(person): Oneself,
    State(ui): State<Ui>,
    visitor: Visitor,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Failure> {
    let posted = Posted::parse(&body);
    let answer = own_enrolment::answer(&id, &posted);
    match ui.app.engine.accounts().finish_own_enrolment(&person.session, answer, visitor.client()).await {
        Ok(added) => {
            let next = match &added.recovery_codes {
                Some(codes) => own_enrolment::path(&codes.id),
                None => "/admin/account?done=factor-added".to_owned(),
            };
            Ok((added.session.as_ref().map(opened_cookies), Redirect::to(&next)).into_response())
        }
        Err(error) if error.is_enrolment_closed() => Ok(own_enrolment::closed(&person)),
        Err(error) => refused(&person, error, &own_enrolment::path(&id)),
    }
}

/// Leads back to the form. Neither a password nor a code is kept.
fn refused(person: &Person, error: Error, form: &str) -> Result<Response, Failure> {
    let l = person.language;
    let why = if error.is_invalid_credentials() {
        l.say("The password is incorrect.", "Das Passwort ist falsch.").to_owned()
    } else if error.is_no_instance_available() {
        l.say("This kind of second factor is not available.", "Diese Art von zweitem Faktor ist nicht verfügbar.")
            .to_owned()
    } else if error.is_proof_required() || error.is_conflict() || error.is_invalid_input() {
        person.sentence(&error)
    } else if error.is_rate_limited() || error.attempts_left().is_some() || error.is_closed() {
        words(l, &error)
    } else {
        return Err(person.failure(error));
    };
    Ok(Told::refused(why).showing(Posted::NOTHING).on(form).into_response())
}
