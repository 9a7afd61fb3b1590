//! Base service settings: options per type for the whole installation.

use axum::body::Bytes;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;
use twofactor::{AffectedInstance, BaseSettingsCheck, Problem, ProviderInfo};

use super::form::{Form, Posted, read};
use super::instances::path;
use super::layout::{self, Failure, Room, badge, notice, page, table};
use super::person::Person;
use super::schema::fields;
use super::segment;

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
        p.sub { (l.say("Options for all instances of a type. An instance's own option wins over them.",
            "Optionen für alle Instanzen eines Typs. Die eigene Option einer Instanz geht vor.")) }
        @let headings = [l.say("Type", "Typ"), l.say("Provider", "Provider"), l.say("Given here", "Hier gegeben")];
        (table(&headings, usize::MAX, rows.iter().map(|(manifest, names)| vec![
            html! { a href={ "/admin/base-settings/" (segment(&manifest.type_id)) } { (manifest.type_id) } },
            html! { (manifest.name) },
            html! { @if names.is_empty() { (badge("off", l.say("nothing", "nichts"))) } @else { (names.join(", ")) } },
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
    let saved = person.language.say("Saved.", "Gespeichert.");
    let message = html! { @if done.done == "saved" { (notice("good", saved)) } };
    Ok(show(&person, &provider, &settings.options, &[], (message, html! {})))
}

pub(super) async fn save(person: Person, Path(type_id): Path<String>, body: Bytes) -> Result<Response, Failure> {
    let provider = provider(&person, &type_id)?;
    let admin = person.of_the_system()?;
    let stored = admin.base_settings(&type_id).await.map_err(|error| person.failure(error))?;
    let posted = Posted::parse(&body);
    let typed = Value::Object(read(&fields(&provider.manifest.options_schema), &posted, "", &stored.options));
    if posted.get("confirmed").is_none() {
        match admin.check_base_settings(&type_id, typed.clone()).await {
            Ok(check) if check.is_harmful() => return Ok(show_checked(&person, &provider, &typed, &check)),
            // What is refused is told below, by the call that would save it.
            Err(error) if !error.is_invalid_input() => return Err(person.failure(error)),
            _ => {}
        }
    }
    match admin.set_base_settings(&type_id, typed.clone(), Some(stored.revision)).await {
        Ok(_) => Ok(Redirect::to(&format!("/admin/base-settings/{}?done=saved", segment(&type_id))).into_response()),
        Err(error) if error.is_invalid_input() => {
            Ok(show(&person, &provider, &typed, &[], (notice("bad", &error.to_string()), html! {})))
        }
        Err(error) => Err(person.failure(error)),
    }
}

fn provider(person: &Person, type_id: &str) -> Result<ProviderInfo, Failure> {
    let found = person.of_the_system()?.providers().into_iter().find(|provider| provider.manifest.type_id == type_id);
    found.ok_or_else(|| Failure::not_found(person.language))
}

/// The page with what the settings would do, and a button that saves them all the same.
fn show_checked(person: &Person, provider: &ProviderInfo, typed: &Value, check: &BaseSettingsCheck) -> Response {
    let l = person.language;
    let (valid, invalid): (Vec<_>, Vec<_>) = check.instances.iter().cloned().partition(|instance| instance.valid);
    let message = html! {
        section.card #check role="alert" {
            h2 { (l.say("Nothing was saved yet", "Noch wurde nichts gespeichert")) }
            @if !check.problems.is_empty() {
                p { (l.say("These settings have problems:", "Diese Einstellungen haben Probleme:")) }
                ul { @for problem in &check.problems { li { code { (problem.option.trim_start_matches('/')) } " " (problem.message) } } }
            }
            @if !invalid.is_empty() {
                p { (l.say("With them these instances become invalid and send nothing:", "Mit ihnen werden diese Instanzen ungültig und senden nichts:")) }
                (affected(&invalid))
            }
            @if !valid.is_empty() {
                p { (l.say("These instances become valid:", "Diese Instanzen werden gültig:")) }
                (affected(&valid))
            }
        }
    };
    let confirm = html! {
        label.inline {
            input type="checkbox" name="confirmed" value="yes";
            (l.say("Save anyway", "Trotzdem speichern"))
        }
    };
    show(person, provider, typed, &check.problems, (message, confirm))
}

/// Instances that a change makes valid or invalid, each with why.
pub(super) fn affected(instances: &[AffectedInstance]) -> Markup {
    html! {
        ul { @for instance in instances.iter().take(NAMED) {
            li {
                a href=(path(&instance.subscription, &instance.id)) { (instance.name) }
                @for problem in &instance.problems { " · " code { (problem.option.trim_start_matches('/')) } " " (problem.message) }
            }
        } }
        @if instances.len() > NAMED { p { "… " (instances.len() - NAMED) } }
    }
}

fn show(
    person: &Person,
    provider: &ProviderInfo,
    settings: &Value,
    problems: &[Problem],
    (message, confirm): (Markup, Markup),
) -> Response {
    let l = person.language;
    let manifest = &provider.manifest;
    let mut fields = fields(&manifest.options_schema);
    // What is left out here is asked of each instance.
    fields.iter_mut().for_each(|field| field.required = false);
    let form =
        Form { language: l, inherited: &Value::Null, inherited_from: "", problems, disabled: !person.may_change() };
    let here = format!("/admin/base-settings/{}", segment(&manifest.type_id));
    let title = format!("{}: {}", Room::BaseSettings.name(l), manifest.type_id);
    let main = html! {
        p.trail { a href="/admin/base-settings" { (Room::BaseSettings.name(l)) } }
        h1 { (manifest.name) }
        p.sub { (l.say("What is left out here is asked of each instance.", "Was hier fehlt, wird bei jeder Instanz verlangt.")) }
        (message)
        (layout::form(person, &here, false, html! { (form.show(&fields, "", settings)) (confirm) }, html! {
            button.main { (l.say("Save", "Speichern")) } a.button href="/admin/base-settings" { (l.say("Cancel", "Abbrechen")) }
        }))
    };
    page(person, Room::BaseSettings, &title, main)
}
