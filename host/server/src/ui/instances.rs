//! A TwoFactor instance: the extended edit view.

use axum::body::Bytes;
use axum::extract::{Path, Query};
use axum::http::Uri;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;
use twofactor::admin::{Administration, Assigned, Instance, InstanceChange};
use twofactor::instance::PolicyWarning;
use twofactor::sandbox::{ProviderInfo, RecipientKind};

use super::conflict::{self, Edited};
use super::failure::Failure;
use super::form::Form;
use super::form_replies::{Outcome, Told};
use super::health::health_of;
use super::instance_form::{inherited, own_policy, provider_of, state, stored, typed};
use super::layout::notice;
use super::links::{instance_path, on_to};
use super::page::{self, Room, page};
use super::person::Person;
use super::posted::Posted;
use super::schema::fields;
use super::{assignments, health, policy, test_send};
use crate::wording;
use crate::wording::Language;

/// The message above the edit view.
#[derive(Deserialize)]
pub(super) struct Done {
    #[serde(default)]
    done: String,
}

pub(super) async fn edit(
    person: Person,
    Path((subscription, id)): Path<(String, String)>,
    Query(done): Query<Done>,
) -> Result<Response, Failure> {
    let l = person.language;
    let admin = person.of(&subscription)?;
    let instance = admin.instance(&subscription, &id).await.map_err(|error| person.failure(error))?;
    let message = match &*done.done {
        "created" => Some(l.say(
            "Instance created. Next: configure it, send a test message and assign it.",
            "Instanz erstellt. Nächste Schritte: konfigurieren, Testnachricht senden und zuweisen.",
        )),
        "saved" => Some(l.say("Saved.", "Gespeichert.")),
        "assigned" => Some(l.say("Assignments saved.", "Zuweisungen gespeichert.")),
        _ => None,
    };
    show(&person, admin, &instance, message).await
}

/// Redirects from the target of a form of the edit view to the edit view.
pub(super) async fn to_edit(Path((subscription, id)): Path<(String, String)>, uri: Uri) -> Redirect {
    on_to(&instance_path(&subscription, &id), &uri)
}

async fn show(
    person: &Person,
    admin: &Administration,
    instance: &Instance,
    message: Option<&'static str>,
) -> Result<Response, Failure> {
    let l = person.language;
    let provider = provider_of(admin, &instance.type_id);
    let inherited = match inherited(person, admin, &instance.type_id).await {
        Ok(options) => options,
        // The provider is no longer installed.
        Err(error) if error.is_not_found() => Value::Null,
        Err(error) => return Err(person.failure(error)),
    };
    let assigned =
        admin.assignments(&instance.subscription, &instance.id).await.map_err(|error| person.failure(error))?.assigned;
    let health = health_of(person, admin, instance).await?;
    let here = instance_path(&instance.subscription, &instance.id);
    let fields = provider.as_ref().map(|provider| fields(&provider.manifest.options_schema)).unwrap_or_default();
    let form = Form {
        language: l,
        inherited: &inherited,
        inherited_from: Room::BaseSettings.name(l),
        problems: &instance.problems,
        disabled: !person.may_change(),
    };
    let installation = serde_json::to_value(admin.policy()).unwrap_or_default();
    let rules =
        Form { inherited: &installation, inherited_from: l.say("Installation", "Installation"), problems: &[], ..form };
    let state_now =
        Edited::of(person, instance.revision, stored(instance), |posted| typed(instance, provider.as_ref(), posted));
    let values = &state_now.values;
    let name = values["name"].as_str().unwrap_or_default();
    let warnings = policy_warnings(instance, provider.as_ref());
    let main = html! {
        p.trail { a href="/admin/two-factors" { (Room::Instances.name(l)) } }
        div.head { h1 { (instance.name) } (state(l, instance, &assigned)) }
        p.sub { (instance.type_id) " · " (instance.subscription) " · " code.copy { (instance.id) } }
        @if let Some(text) = message { (notice("good", text)) }
        (next_step(l, instance, &assigned))
        div.columns {
            (page::edit_form(person, &here, html! {
                h2 { (l.say("Configuration", "Konfiguration")) }
                (state_now.fields(l, &fields))
                div.field {
                    label for="name" { (l.say("Name", "Name")) }
                    input #name name="name" type="text" maxlength="100" value=(name) required autocomplete="off";
                }
                label.inline { input type="checkbox" name="active" value="yes" checked[values["active"] == true]; (l.say("Active", "Aktiv")) }
                @for problem in form.other_problems(&fields) { div.error { p { @if !problem.pointer.is_empty() { code { (problem.pointer) } " " } (wording::spoken(l, &problem.detail)) } } }
                (form.show(&fields, "", &values["options"]))
                details.policy #policy open[own_policy(values).is_some() || matches!(person.outcome(), Some(Outcome::CountryClosed(_)))] {
                    summary { (l.say("Code policy", "Code-Richtlinie")) }
                    p.help { (l.say("Empty fields use the policy of the installation.", "Für leere Felder gilt die Richtlinie der Installation.")) }
                    @for warning in &warnings { (notice("warn", wording::policy_warning(l, *warning))) }
                    (rules.show(&policy::fields(l), policy::AT, &values["policy"]))
                }
            }, html! { button.main { (l.say("Save", "Speichern")) } }))
            div.side {
                section.card {
                    h2 { (l.say("Allowed connections", "Erlaubte Verbindungen")) }
                    @if instance.connections.is_empty() {
                        p { (l.say("None until the instance is valid.", "Keine, bis die Instanz gültig ist.")) }
                    } @else {
                        ul { @for connection in &instance.connections { li { (wording::connection(l, connection)) } } }
                        p.help { (l.say("All other destinations are blocked.", "Alle anderen Ziele sind blockiert.")) }
                    }
                }
                (health::card(l, &health))
                @if person.may_change() { (test_send::card(person, &here, provider.as_ref())) }
                (assignments::card(person, &here, &assigned))
                @if person.may_change() { section.card {
                    h2 { (l.say("Delete instance", "Instanz löschen")) }
                    p { a.button.bad href={ (here) "/remove" } { (l.say("Delete instance", "Instanz löschen")) } }
                } }
            }
        }
    };
    Ok(page(person, Room::Instances, &instance.name, main))
}

/// Returns what should be reconsidered about the policy, as far as it concerns messages of this provider.
fn policy_warnings(instance: &Instance, provider: Option<&ProviderInfo>) -> Vec<PolicyWarning> {
    let to_phones = provider.is_some_and(|provider| provider.manifest.recipient == Some(RecipientKind::PhoneNumber));
    let concerns = |warning: &PolicyWarning| to_phones || *warning == PolicyWarning::ShortCodes;
    instance.policy_warnings.iter().copied().filter(concerns).collect()
}

/// Returns what is still missing until a sign-in can use it.
fn next_step(l: Language, instance: &Instance, assigned: &[Assigned]) -> Markup {
    let step = if !instance.valid {
        l.say("Not available yet: complete the options marked below, or set them in the base service settings.",
            "Noch nicht verfügbar: Ergänzen Sie die unten markierten Optionen oder setzen Sie sie in den Basiseinstellungen.")
    } else if assigned.is_empty() {
        l.say("Not available yet: assign it to a tenant, an IDP, a client application or a user.",
            "Noch nicht verfügbar: Weisen Sie die Instanz einem Mandanten, einem IDP, einer Client-Anwendung oder einem Benutzer zu.")
    } else if !instance.active {
        l.say("Not available: the instance is inactive.", "Nicht verfügbar: Die Instanz ist inaktiv.")
    } else {
        return html! {};
    };
    notice("warn", step)
}

pub(super) async fn save(
    person: Person,
    Path((subscription, id)): Path<(String, String)>,
    body: Bytes,
) -> Result<Response, Failure> {
    let admin = person.of(&subscription)?;
    let posted = Posted::parse(&body);
    let instance = admin.instance(&subscription, &id).await.map_err(|error| person.failure(error))?;
    let provider = provider_of(admin, &instance.type_id);
    let mut typed = typed(&instance, provider.as_ref(), &posted);
    conflict::resolve(&posted, &mut typed, &stored(&instance));
    let change = InstanceChange {
        name: Some(typed["name"].as_str().unwrap_or_default().to_owned()),
        active: Some(typed["active"] == true),
        policy: Some(own_policy(&typed)),
        options: provider.is_some().then(|| typed["options"].take()),
    };
    let revision = posted.get("revision").and_then(|text| text.parse().ok()).unwrap_or_default();
    admin.update_instance(&subscription, &id, change, Some(revision)).await.map_err(|error| person.failure(error))?;
    let saved = format!("{}?done=saved", instance_path(&subscription, &id));
    // What was typed next to the form is kept for its own button.
    let beside = posted.only(&BESIDE);
    if beside.iter().all(|(name, value)| name == "kind" || value.trim().is_empty()) {
        return Ok(Redirect::to(&saved).into_response());
    }
    Ok(Told::new(Outcome::Done).on(saved).showing(beside).into_response())
}

/// The fields next to the form of the edit view: of a test, and of an assignment.
const BESIDE: [&str; 5] = ["email", "phone", "handle", "kind", "id"];

pub(super) async fn ask_remove(
    person: Person,
    Path((subscription, id)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let l = person.language;
    person.changes()?;
    let admin = person.of(&subscription)?;
    let instance = admin.instance(&subscription, &id).await.map_err(|error| person.failure(error))?;
    let assigned = admin.assignments(&subscription, &id).await.map_err(|error| person.failure(error))?.assigned;
    let title = l.say("Delete this instance?", "Diese Instanz löschen?");
    let main = html! {
        p.trail { a href=(instance_path(&subscription, &id)) { (instance.name) } }
        h1 { (title) }
        form.card method="post" {
            p { strong { (instance.name) } " (" (instance.type_id) ")" }
            @if assigned.is_empty() { p { (l.say("It has no assignments.", "Sie hat keine Zuweisungen.")) } }
            @else {
                p { (l.say("It will no longer be available to these, and its pending challenges will fail:",
                    "Sie ist für diese nicht mehr verfügbar, und ihre offenen Challenges schlagen fehl:")) }
                ul { @for one in assigned.iter().take(20) { li { (assignments::kind_name(l, one.kind)) " " code { (one.id) } } } }
                @if assigned.len() > 20 { p { "… " (assigned.len() - 20) " " (l.say("more", "weitere")) } }
            }
            p { (l.say("Its options and secrets will be deleted. This cannot be undone.", "Ihre Optionen und Geheimnisse werden gelöscht. Dies kann nicht rückgängig gemacht werden.")) }
            div.actions { button.bad { (l.say("Delete instance", "Instanz löschen")) } a.button href=(instance_path(&subscription, &id)) { (l.say("Cancel", "Abbrechen")) } }
        }
    };
    Ok(page(&person, Room::Instances, title, main))
}

pub(super) async fn remove(
    person: Person,
    Path((subscription, id)): Path<(String, String)>,
) -> Result<Redirect, Failure> {
    person.of(&subscription)?.delete_instance(&subscription, &id, None).await.map_err(|error| person.failure(error))?;
    Ok(Redirect::to("/admin/two-factors?done=removed"))
}
