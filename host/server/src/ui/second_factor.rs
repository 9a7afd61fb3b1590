//! Whether log-ins of administrators demand a second factor, and whose instances deliver it.

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};
use twofactor::{Accounts, SecondFactor};

use super::conflict::{self, Edited};
use super::failure::Failure;
use super::form::Posted;
use super::form_replies::Told;
use super::layout::{notice, time};
use super::links::SECOND_FACTOR;
use super::page::{Room, form, page};
use super::person::Person;
use super::second_factor_banner::missing;
use super::state::Ui;
use crate::wording::Language;

#[derive(Deserialize)]
pub(super) struct Done {
    #[serde(default)]
    done: String,
}

/// What is in the form.
struct Values {
    subscription: Option<String>,
    demanded: bool,
}

impl Values {
    fn read(values: &Value) -> Self {
        Self { subscription: values["subscription"].as_str().map(str::to_owned), demanded: values["demanded"] == true }
    }
}

fn stored(set: &SecondFactor) -> Value {
    json!({"subscription": set.subscription, "demanded": set.demanded_since.is_some()})
}

fn typed(posted: &Posted) -> Value {
    json!({"subscription": posted.get("subscription"), "demanded": posted.get("demanded").is_some()})
}

pub(super) async fn show(person: Person, State(ui): State<Ui>, Query(done): Query<Done>) -> Result<Response, Failure> {
    person.of_the_system()?;
    let set = ui.app.engine.accounts().second_factor_settings().await.map_err(|error| person.failure(error))?;
    let message = match &*done.done {
        "saved" => notice("good", person.language.say("Saved.", "Gespeichert.")),
        _ => html! {},
    };
    with_message(&person, &ui.app.engine.accounts(), &set, message).await
}

pub(super) async fn save(person: Person, State(ui): State<Ui>, body: Bytes) -> Result<Response, Failure> {
    person.of_the_system()?;
    let (posted, accounts) = (Posted::parse(&body), ui.app.engine.accounts());
    let set = accounts.second_factor_settings().await.map_err(|error| person.failure(error))?;
    let mut values = typed(&posted);
    conflict::resolve(&posted, &mut values, &stored(&set));
    let values = Values::read(&values);
    let revision = posted.get("revision").and_then(|revision| revision.parse().ok());
    match accounts.set_second_factor(&person.actor, values.subscription, values.demanded, revision).await {
        Ok(_) => Ok(Redirect::to(&format!("{SECOND_FACTOR}?done=saved")).into_response()),
        Err(error) if error.is_revision_conflict() => Err(person.failure(error)),
        Err(error) if error.is_invalid_input() || error.is_conflict() => {
            Ok(Told::refused(refusal(person.language, &error)).into_response())
        }
        Err(error) => Err(person.failure(error)),
    }
}

fn refusal(l: Language, error: &twofactor::Error) -> &'static str {
    if error.is_conflict() {
        l.say(
            "Nothing was saved: no active and valid instance of this subscription is assigned to the client application “twofactor-admin”, so that nobody could log in.",
            "Es wurde nichts gespeichert: Der Client-Applikation «twofactor-admin» ist keine aktive und gültige Instanz dieser Subscription zugewiesen. Niemand könnte sich anmelden.",
        )
    } else {
        l.say("There is no such subscription.", "Diese Subscription gibt es nicht.")
    }
}

async fn with_message(
    person: &Person,
    accounts: &Accounts,
    set: &SecondFactor,
    message: Markup,
) -> Result<Response, Failure> {
    let l = person.language;
    let subscriptions = person.of_the_system()?.subscriptions().await.map_err(|error| person.failure(error))?;
    let account = &person.session.account;
    let state = accounts.second_factor_state(account).await.map_err(|error| person.failure(error))?;
    let title = l.say("Second factor of administrators", "Zweiter Faktor der Administratoren");
    let edited = Edited::of(person, set.revision, stored(set), typed);
    let values = Values::read(&edited.values);
    let fields = html! {
        (edited.fields(l, &[]))
        div.field {
            label for="subscription" { (l.say("Subscription whose instances deliver it", "Subscription, deren Instanzen ihn zustellen")) }
            select #subscription name="subscription" aria-describedby="subscription-help" {
                option value="" selected[values.subscription.is_none()] { (l.say("None", "Keine")) }
                @for one in &subscriptions {
                    option value=(one.id) selected[values.subscription.as_ref() == Some(&one.id)] { (one.name) " (" (one.id) ")" }
                }
            }
            div.help #subscription-help { (l.say("Those of its instances count that are assigned to the client application “twofactor-admin”. Only system administrators can change them.",
                "Es zählen die Instanzen, die der Client-Applikation «twofactor-admin» zugewiesen sind. Nur Systemadministratoren können sie ändern.")) }
        }
        div.field {
            label { input type="checkbox" name="demanded" value="yes" checked[values.demanded] aria-describedby="demanded-help"; " "
                (l.say("Every log-in demands a second factor", "Jede Anmeldung verlangt einen zweiten Faktor")) }
            div.help #demanded-help { (l.say("This is turned on by itself when somebody first logs in with one. If it breaks later, nobody gets in with a password alone; “twofactor account” on the server is the way back.",
                "Das schaltet sich ein, sobald sich jemand zum ersten Mal damit anmeldet. Fällt der zweite Faktor später aus, kommt niemand mit dem Passwort allein hinein; der Weg zurück ist «twofactor account» auf dem Server.")) }
        }
    };
    let save = html! { button.main { (l.say("Save", "Speichern")) } };
    let main = html! {
        h1 { (title) }
        (message)
        @if let Some(since) = set.demanded_since {
            p { (l.say("Demanded since", "Verlangt seit")) " " (time(since)) " UTC" }
        }
        @match missing(l, state, set.subscription.as_deref(), &account.id) {
            Some(missing) => (missing),
            None => p { (l.say("You are asked for it at your next log-in.", "Bei Ihrer nächsten Anmeldung werden Sie danach gefragt.")) },
        }
        (form(person, SECOND_FACTOR, true, fields, save))
        p { a href="/admin/accounts" { (Room::Accounts.name(l)) } }
    };
    Ok(page(person, Room::Accounts, title, main))
}
