//! The questions before a change that cannot be undone.

use axum::extract::{Path, Query};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::html;

use super::super::failure::Failure;
use super::super::page::{Room, page};
use super::super::person::Person;
use super::{Shown, path, reason, subscription_name, user_link};

/// A question, and the button that answers it.
struct Question {
    title: &'static str,
    text: &'static str,
    action: &'static str,
    button: &'static str,
}

pub(in super::super) async fn ask_reset(
    person: Person,
    Path(subscription): Path<String>,
    Query(shown): Query<Shown>,
) -> Result<Response, Failure> {
    let l = person.language;
    let question = Question {
        title: l.say("Reset all factors?", "Alle Faktoren zurücksetzen?"),
        text: l.say(
            "All factors of this user end, and so do the temporary pass, remembered browsers, and sign-ins and enrolments in progress. Verified addresses stay. The user is notified. This cannot be undone.",
            "Alle Faktoren dieses Benutzers enden, ebenso der temporäre Zugangscode, gemerkte Browser und laufende Anmeldungen und Registrierungen. Bestätigte Adressen bleiben. Der Benutzer wird benachrichtigt. Dies kann nicht rückgängig gemacht werden.",
        ),
        action: "reset",
        button: l.say("Reset all factors", "Alle Faktoren zurücksetzen"),
    };
    ask(&person, &subscription, &shown, &question).await
}

pub(in super::super) async fn ask_end_pass(
    person: Person,
    Path(subscription): Path<String>,
    Query(shown): Query<Shown>,
) -> Result<Response, Failure> {
    let l = person.language;
    let question = Question {
        title: l.say("Revoke the temporary pass?", "Temporären Zugangscode widerrufen?"),
        text: l.say(
            "It no longer works. What the user did with it stays.",
            "Er gilt nicht mehr. Was der Benutzer damit getan hat, bleibt.",
        ),
        action: "pass/revoke",
        button: l.say("Revoke", "Widerrufen"),
    };
    ask(&person, &subscription, &shown, &question).await
}

async fn ask(person: &Person, subscription: &str, shown: &Shown, question: &Question) -> Result<Response, Failure> {
    let (l, user) = (person.language, shown.user(person));
    person.changes()?;
    subscription_name(person, subscription).await?;
    if user.is_empty() {
        return Ok(Redirect::to(&path(subscription)).into_response());
    }
    let main = html! {
        p.trail { a href=(user_link(subscription, user)) { (user) } }
        h1 { (question.title) }
        form.card method="post" action={ (path(subscription)) "/" (question.action) } {
            input type="hidden" name="user" value=(user);
            p { (question.text) }
            (reason(l, person.posted()))
            div.actions { button.bad { (question.button) } a.button href=(user_link(subscription, user)) { (l.say("Cancel", "Abbrechen")) } }
        }
    };
    Ok(page(person, Room::Subscriptions, question.title, main))
}
