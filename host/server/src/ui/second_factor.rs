//! Whether logins of administrators require a second factor, and whose instances deliver it.

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};
use twofactor::accounts::{Accounts, SecondFactor};

use super::conflict::{self, Edited};
use super::failure::Failure;
use super::form_replies::Told;
use super::format::time;
use super::layout::notice;
use super::links::SECOND_FACTOR;
use super::page::{Room, form, page};
use super::person::Person;
use super::posted::Posted;
use super::second_factor_banner::missing;
use super::state::Ui;
use crate::wording::Language;

#[derive(Deserialize)]
pub(super) struct Done {
    #[serde(default)]
    done: String,
}

/// The values of the form.
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
            "Not saved. No active and valid instance of this subscription is assigned to the client application “twofactor-admin”, so no one could log in.",
            "Nicht gespeichert. Der Client-Anwendung „twofactor-admin“ ist keine aktive und gültige Instanz dieser Subscription zugewiesen, sodass sich niemand anmelden könnte.",
        )
    } else {
        l.say("Subscription not found.", "Subscription nicht gefunden.")
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
    let title = l.say("Second factor for administrators", "Zweiter Faktor für Administratoren");
    let edited = Edited::of(person, set.revision, stored(set), typed);
    let values = Values::read(&edited.values);
    let fields = html! {
        (edited.fields(l, &[]))
        div.field {
            label for="subscription" { (l.say("Subscription for second factors", "Subscription für zweite Faktoren")) }
            select #subscription name="subscription" aria-describedby="subscription-help" {
                option value="" selected[values.subscription.is_none()] { (l.say("None", "Keine")) }
                @for one in &subscriptions {
                    option value=(one.id) selected[values.subscription.as_ref() == Some(&one.id)] { (one.name) " (" (one.id) ")" }
                }
            }
            div.help #subscription-help { (l.say("Instances assigned to the client application “twofactor-admin” are used. Only system administrators can change these instances.",
                "Verwendet werden die Instanzen, die der Client-Anwendung „twofactor-admin“ zugewiesen sind. Nur Systemadministratoren können diese Instanzen ändern.")) }
        }
        div.field {
            label { input type="checkbox" name="demanded" value="yes" checked[values.demanded] aria-describedby="demanded-help"; " "
                (l.say("Require a second factor at every login", "Zweiten Faktor bei jeder Anmeldung verlangen")) }
            div.help #demanded-help { (l.say("Turned on automatically after the first login with a code sent by email, SMS or phone call. Logins with a passkey, app or recovery code do not turn it on. If delivery fails later, a password alone is not enough to log in; use “twofactor account” on the server to regain access.",
                "Wird nach der ersten Anmeldung mit einem zugesendeten Code automatisch eingeschaltet. Anmeldungen mit Passkey, App oder Wiederherstellungscode schalten es nicht ein. Fällt die Zustellung später aus, genügt das Passwort allein nicht; „twofactor account“ auf dem Server stellt den Zugang wieder her.")) }
        }
    };
    let save = html! { button.main { (l.say("Save", "Speichern")) } };
    let main = html! {
        h1 { (title) }
        (message)
        @if let Some(since) = set.demanded_since {
            p { (l.say("Required since", "Erforderlich seit")) " " (time(l, since)) }
        }
        @match missing(l, state, set.subscription.as_deref(), &account.id) {
            Some(missing) => (missing),
            None => p { (l.say("You will be asked for a second factor at your next login.", "Bei Ihrer nächsten Anmeldung werden Sie nach einem zweiten Faktor gefragt.")) },
        }
        (form(person, SECOND_FACTOR, true, fields, save))
        p { a href="/admin/accounts" { (Room::Accounts.name(l)) } }
    };
    Ok(page(person, Room::Accounts, title, main))
}
