//! Base service settings: options per type for the whole installation.

use axum::body::Bytes;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};
use twofactor::admin::{BaseSettings, BaseSettingsCheck};
use twofactor::instance::AffectedInstance;
use twofactor::sandbox::ProviderInfo;

use super::conflict::{self, Edited};
use super::failure::Failure;
use super::form::Form;
use super::form_replies::Told;
use super::layout::{badge, notice, table};
use super::links::{instance_path, segment};
use super::page::{self, Room, page};
use super::person::Person;
use super::posted::{Posted, read};
use super::schema::fields;
use crate::wording::{Language, spoken};

/// Instances that are named one by one.
const NAMED: usize = 20;

pub(super) async fn list(person: Person) -> Result<Response, Failure> {
    let l = person.language;
    let admin = person.of_the_system()?;
    let mut rows = Vec::new();
    for provider in admin.providers() {
        let settings = admin.base_settings(&provider.manifest.type_id).await.map_err(|error| person.failure(error))?;
        let names: Vec<String> =
            settings.options.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
        rows.push((provider.manifest, names));
    }
    let title = Room::BaseSettings.name(l);
    let main = html! {
        h1 { (title) }
        p.sub { (l.say("Default options for all instances of a type. Options set on an instance take precedence.",
            "Standardoptionen für alle Instanzen eines Typs. Optionen einer Instanz haben Vorrang.")) }
        @let headings = [l.say("Type", "Typ"), l.say("Provider", "Provider"), l.say("Set here", "Hier gesetzt")];
        (table(&headings, usize::MAX, rows.iter().map(|(manifest, names)| vec![
            html! { a href={ "/admin/base-settings/" (segment(&manifest.type_id)) } { (manifest.type_id) } },
            html! { (manifest.name) },
            html! { @if names.is_empty() { (badge("off", l.say("None", "Keine"))) } @else { (names.join(", ")) } },
        ])))
    };
    Ok(page(&person, Room::BaseSettings, title, main))
}

#[derive(Deserialize)]
pub(super) struct Done {
    #[serde(default)]
    done: String,
}

pub(super) async fn edit(
    person: Person,
    Path(type_id): Path<String>,
    Query(done): Query<Done>,
) -> Result<Response, Failure> {
    let provider = provider(&person, &type_id)?;
    let settings = person.of_the_system()?.base_settings(&type_id).await.map_err(|error| person.failure(error))?;
    let posted = person.posted();
    // A refused form is shown again, with its effects.
    let check = match posted.get("revision") {
        None => None,
        Some(_) => {
            let mut typed = typed(&provider, posted, &settings.options);
            match person.of_the_system()?.check_base_settings(&type_id, typed["options"].take()).await {
                Ok(check) => Some(check),
                // Unreadable options are the reason why the form was refused.
                Err(error) if error.is_invalid_input() => None,
                Err(error) => return Err(person.failure(error)),
            }
        }
    };
    let check = check.filter(BaseSettingsCheck::is_harmful);
    Ok(show(&person, &provider, &settings, check.as_ref(), done.done == "saved"))
}

fn typed(provider: &ProviderInfo, posted: &Posted, stored: &Value) -> Value {
    json!({ "options": read(&fields(&provider.manifest.options_schema), posted, "", stored) })
}

pub(super) async fn save(person: Person, Path(type_id): Path<String>, body: Bytes) -> Result<Response, Failure> {
    let provider = provider(&person, &type_id)?;
    let admin = person.of_the_system()?;
    let stored = admin.base_settings(&type_id).await.map_err(|error| person.failure(error))?;
    let posted = Posted::parse(&body);
    let revision = posted.get("revision").map_or(Some(stored.revision), |text| text.parse().ok()).unwrap_or_default();
    let mut typed = typed(&provider, &posted, &stored.options);
    conflict::resolve(&posted, &mut typed, &json!({ "options": stored.options }));
    let typed = typed["options"].take();
    if posted.get("confirmed").is_none() {
        match admin.check_base_settings(&type_id, typed.clone()).await {
            Ok(check) if check.is_harmful() => {
                let why = person.language.say(
                    "Not saved yet: review the effects below.",
                    "Noch nicht gespeichert: Prüfen Sie unten die Auswirkungen.",
                );
                return Ok(Told::refused(why).into_response());
            }
            // The call below, which saves it, reports errors.
            Err(error) if !error.is_invalid_input() => return Err(person.failure(error)),
            _ => {}
        }
    }
    let saved = admin.set_base_settings(&type_id, typed, Some(revision)).await;
    saved.map_err(|error| person.failure(error))?;
    Ok(Redirect::to(&format!("/admin/base-settings/{}?done=saved", segment(&type_id))).into_response())
}

fn provider(person: &Person, type_id: &str) -> Result<ProviderInfo, Failure> {
    let found = person.of_the_system()?.providers().into_iter().find(|provider| provider.manifest.type_id == type_id);
    found.ok_or_else(|| Failure::not_found(person.language))
}

/// Returns the effects of settings that may be unwanted.
fn harm(l: Language, check: &BaseSettingsCheck) -> Markup {
    let (valid, invalid): (Vec<_>, Vec<_>) = check.instances.iter().cloned().partition(|instance| instance.valid);
    html! {
        section.card #check role="alert" {
            h2 { (l.say("Effects of these settings", "Auswirkungen dieser Einstellungen")) }
            @if !check.problems.is_empty() {
                p { (l.say("Problems with these settings:", "Probleme mit diesen Einstellungen:")) }
                ul { @for problem in &check.problems { li { code { (problem.pointer.trim_start_matches('/')) } " " (spoken(l, &problem.detail)) } } }
            }
            @if !invalid.is_empty() {
                p { (l.say("These instances become invalid and stop sending messages:", "Diese Instanzen werden ungültig und senden keine Nachrichten mehr:")) }
                (affected(l, &invalid))
            }
            @if !valid.is_empty() {
                p { (l.say("These instances become valid:", "Diese Instanzen werden gültig:")) }
                (affected(l, &valid))
            }
        }
    }
}

/// Returns the instances that a change makes valid or invalid, each with the reason.
pub(super) fn affected(l: Language, instances: &[AffectedInstance]) -> Markup {
    html! {
        ul { @for instance in instances.iter().take(NAMED) {
            li {
                a href=(instance_path(&instance.subscription, &instance.id)) { (instance.name) }
                @for problem in &instance.problems { " · " code { (problem.pointer.trim_start_matches('/')) } " " (spoken(l, &problem.detail)) }
            }
        } }
        @if instances.len() > NAMED { p { "… " (instances.len() - NAMED) } }
    }
}

fn show(
    person: &Person,
    provider: &ProviderInfo,
    settings: &BaseSettings,
    check: Option<&BaseSettingsCheck>,
    saved: bool,
) -> Response {
    let l = person.language;
    let manifest = &provider.manifest;
    let mut fields = fields(&manifest.options_schema);
    // What is left out here is required of each instance.
    fields.iter_mut().for_each(|field| field.required = false);
    let form = Form {
        language: l,
        inherited: &Value::Null,
        inherited_from: "",
        problems: check.map_or(&[], |check| &check.problems),
        disabled: !person.may_change(),
    };
    let stored = json!({ "options": settings.options });
    let edited = Edited::of(person, settings.revision, stored, |posted| typed(provider, posted, &settings.options));
    let here = format!("/admin/base-settings/{}", segment(&manifest.type_id));
    let title = format!("{}: {}", Room::BaseSettings.name(l), manifest.type_id);
    let main = html! {
        p.trail { a href="/admin/base-settings" { (Room::BaseSettings.name(l)) } }
        h1 { (manifest.name) }
        p.sub { (l.say("Options not set here must be set on each instance.", "Optionen, die hier nicht gesetzt sind, müssen bei jeder Instanz gesetzt werden.")) }
        @if saved { (notice("good", l.say("Saved.", "Gespeichert."))) }
        @if let Some(check) = check { (harm(l, check)) }
        @let confirm = html! { @if check.is_some() { label.inline {
            input type="checkbox" name="confirmed" value="yes";
            (l.say("Save anyway", "Trotzdem speichern"))
        } } };
        (page::form(person, &here, false, html! { (edited.fields(l, &fields)) (form.show(&fields, "", &edited.values["options"])) (confirm) }, html! {
            button.main { (l.say("Save", "Speichern")) } a.button href="/admin/base-settings" { (l.say("Cancel", "Abbrechen")) }
        }))
    };
    page(person, Room::BaseSettings, &title, main)
}
