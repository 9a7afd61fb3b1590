//! Base service settings: options per type for the whole installation.

use axum::body::Bytes;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::html;
use serde::Deserialize;
use serde_json::Value;
use twofactor::ProviderInfo;

use super::form::{Form, Posted, read};
use super::layout::{self, Failure, Room, badge, notice, page, table};
use super::person::Person;
use super::schema::fields;
use super::segment;

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
    let message = (done.done == "saved").then(|| ("good", saved.to_owned()));
    Ok(show(&person, &provider, &settings.options, message))
}

pub(super) async fn save(person: Person, Path(type_id): Path<String>, body: Bytes) -> Result<Response, Failure> {
    let provider = provider(&person, &type_id)?;
    let admin = person.of_the_system()?;
    let stored = admin.base_settings(&type_id).await.map_err(|error| person.failure(error))?;
    let typed =
        Value::Object(read(&fields(&provider.manifest.options_schema), &Posted::parse(&body), "", &stored.options));
    match admin.set_base_settings(&type_id, typed.clone(), Some(stored.revision)).await {
        Ok(_) => Ok(Redirect::to(&format!("/admin/base-settings/{}?done=saved", segment(&type_id))).into_response()),
        Err(error) if error.is_invalid_input() => {
            Ok(show(&person, &provider, &typed, Some(("bad", error.to_string()))))
        }
        Err(error) => Err(person.failure(error)),
    }
}

fn provider(person: &Person, type_id: &str) -> Result<ProviderInfo, Failure> {
    let found = person.of_the_system()?.providers().into_iter().find(|provider| provider.manifest.type_id == type_id);
    found.ok_or_else(|| Failure::not_found(person.language))
}

fn show(
    person: &Person,
    provider: &ProviderInfo,
    settings: &Value,
    message: Option<(&'static str, String)>,
) -> Response {
    let l = person.language;
    let manifest = &provider.manifest;
    let mut fields = fields(&manifest.options_schema);
    // What is left out here is asked of each instance.
    fields.iter_mut().for_each(|field| field.required = false);
    let form = Form {
        language: l,
        inherited: &Value::Null,
        inherited_from: "",
        problems: &[],
        disabled: !person.may_change(),
    };
    let here = format!("/admin/base-settings/{}", segment(&manifest.type_id));
    let title = format!("{}: {}", Room::BaseSettings.name(l), manifest.type_id);
    let main = html! {
        p.trail { a href="/admin/base-settings" { (Room::BaseSettings.name(l)) } }
        h1 { (manifest.name) }
        p.sub { (l.say("What is left out here is asked of each instance.", "Was hier fehlt, wird bei jeder Instanz verlangt.")) }
        @if let Some((kind, text)) = &message { (notice(kind, text)) }
        (layout::form(person, &here, false, form.show(&fields, "", settings), html! {
            button.main { (l.say("Save", "Speichern")) } a.button href="/admin/base-settings" { (l.say("Cancel", "Abbrechen")) }
        }))
    };
    page(person, Room::BaseSettings, &title, main)
}
