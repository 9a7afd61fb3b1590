//! Confirmation pages for changes that cannot be undone.

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
            "This ends all factors of this user, the temporary pass, remembered browsers, and all sign-ins and enrolments in progress. Addresses must be verified again. The user is notified. This cannot be undone.",
            "Damit enden alle Faktoren dieses Benutzers, der temporäre Zugangscode, gespeicherte Browser sowie alle laufenden Anmeldungen und Einrichtungen. Adressen müssen neu bestätigt werden. Der Benutzer wird benachrichtigt. Dies kann nicht rückgängig gemacht werden.",
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
            "The pass stops working. Changes that the user made with it remain.",
            "Der Zugangscode gilt dann nicht mehr. Änderungen, die der Benutzer damit vorgenommen hat, bleiben bestehen.",
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
