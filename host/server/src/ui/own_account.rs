//! A person's own account: password, second factors and sessions.

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::Uri;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::failure::Failure;
use super::form_replies::Told;
use super::format::time;
use super::layout::{badge, notice, table};
use super::links::on_to;
use super::login::{Visitor, opened_cookies, words};
use super::own_factors;
use super::page::{Room, page};
use super::person::{Oneself, Person};
use super::posted::Posted;
use super::state::Ui;

#[derive(Deserialize)]
pub(super) struct Done {
    #[serde(default)]
    done: String,
}

pub(super) async fn show(person: Person, State(ui): State<Ui>, Query(done): Query<Done>) -> Result<Response, Failure> {
    let l = person.language;
    let message = match &*done.done {
        "password" => notice(
            "good",
            l.say(
                "Password changed. All your other sessions have ended.",
                "Passwort geändert. Alle Ihre anderen Sitzungen wurden beendet.",
            ),
        ),
        "session" => notice("good", l.say("Session ended.", "Sitzung beendet.")),
        "factor-added" => notice(
            "good",
            l.say(
                "Second factor added. You will be asked for it at your next login.",
                "Zweiter Faktor hinzugefügt. Sie werden bei Ihrer nächsten Anmeldung danach gefragt.",
            ),
        ),
        "factor-removed" => notice("good", l.say("Second factor removed.", "Zweiter Faktor entfernt.")),
        "enrolment-closed" => notice(
            "warn",
            l.say(
                "This enrolment has expired or was already completed. Start again.",
                "Diese Einrichtung ist abgelaufen oder bereits abgeschlossen. Beginnen Sie neu.",
            ),
        ),
        _ => html! {},
    };
    with_message(&person, &ui, message).await
}

/// Redirects from the target of a form of this page to the page.
pub(super) async fn to_show(uri: Uri) -> Redirect {
    on_to("/admin/account", &uri)
}

async fn with_message(person: &Person, ui: &Ui, message: Markup) -> Result<Response, Failure> {
    let l = person.language;
    let sessions = ui.app.engine.accounts().sessions(&person.session).await.map_err(|error| person.failure(error))?;
    let factors = own_factors::section(person, ui).await?;
    let account = &person.session.account;
    let title = l.say("Your account", "Ihr Konto");
    let headings = [
        l.say("Started", "Beginn"),
        l.say("Last used", "Zuletzt verwendet"),
        l.say("IP address", "IP-Adresse"),
        l.say("Second factor", "Zweiter Faktor"),
        l.say("Action", "Aktion"),
    ];
    let main = html! {
        h1 { (title) }
        p.sub { (account.name) " · " (account.email) @if let Some(phone) = &account.phone { " · " (phone) } }
        (message)
        @if account.is_external() {
            p { (l.say("You log in through your identity provider. This account has no password.",
                "Sie melden sich über Ihren Identity Provider an. Dieses Konto hat kein Passwort.")) }
        } @else { form.card method="post" action="/admin/account/password" {
            h2 { (l.say("Change password", "Passwort ändern")) }
            input type="hidden" name="username" autocomplete="username" value=(account.email);
            div.field { label for="current" { (l.say("Current password", "Aktuelles Passwort")) } input #current name="current" type="password" required autocomplete="current-password"; }
            div.field { label for="new" { (l.say("New password", "Neues Passwort")) } input #new name="new" type="password" required autocomplete="new-password"; }
            div.actions { button.main { (l.say("Change password", "Passwort ändern")) } }
        } }
        (factors)
        h2 { (l.say("Your sessions", "Ihre Sitzungen")) }
        (table(&headings, usize::MAX, sessions.iter().map(|session| vec![
            time(l, session.created_at), time(l, session.last_used_at), html! { (session.from.as_deref().unwrap_or("–")) },
            html! { @if session.second_factor { (badge("good", l.say("Yes", "Ja"))) } @else { (badge("warn", l.say("No", "Nein"))) } },
            html! { @if session.current { (badge("off", l.say("Current", "Aktuell"))) } @else {
                form method="post" action="/admin/account/sessions" { input type="hidden" name="id" value=(session.id); button.plain { (l.say("End session", "Sitzung beenden")) } }
            } },
        ])))
    };
    Ok(page(person, Room::Account, title, main))
}

pub(super) async fn change_password(
    Oneself(person): Oneself,
    State(ui): State<Ui>,
    visitor: Visitor,
    body: Bytes,
) -> Result<Response, Failure> {
    let posted = Posted::parse(&body);
    let (current, new) = (posted.as_typed("current"), posted.as_typed("new"));
    match ui.app.engine.accounts().change_password(&person.session, current, new, visitor.client()).await {
        Ok(opened) => Ok((opened_cookies(&opened), Redirect::to("/admin/account?done=password")).into_response()),
        Err(error) => {
            // The typed values are passwords, and one of them is wrong.
            let told = Told::refused(words(person.language, &error)).showing(Posted::NOTHING);
            Ok(told.on("/admin/account").into_response())
        }
    }
}

pub(super) async fn end_session(
    Oneself(person): Oneself,
    State(ui): State<Ui>,
    visitor: Visitor,
    body: Bytes,
) -> Result<Redirect, Failure> {
    let posted = Posted::parse(&body);
    let id = posted.get("id").unwrap_or_default();
    let ended = ui.app.engine.accounts().end_session(&person.session, id, visitor.client()).await;
    ended.map_err(|error| person.failure(error))?;
    Ok(Redirect::to("/admin/account?done=session"))
}
