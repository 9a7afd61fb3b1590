//! Rolling a provider back to the component before it.

use axum::body::Bytes;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::html;

use super::failure::Failure;
use super::form_replies::Told;
use super::links::segment;
use super::page::{Room, page};
use super::person::Person;
use super::posted::Posted;
use super::provider_parts::{allow_invalid, refused, serving, users};

pub(super) fn roll_back_path(type_id: &str) -> String {
    format!("/admin/providers/{}/roll-back", segment(type_id))
}

/// Asks before a component is rolled back.
pub(super) async fn ask_roll_back(person: Person, Path(type_id): Path<String>) -> Result<Response, Failure> {
    let l = person.language;
    person.changes()?;
    let admin = person.of_the_system()?;
    let refused = admin.refused_providers().into_iter().find(|refused| refused.type_id == type_id);
    let added = serving(admin, &type_id).filter(|provider| provider.added_at.is_some());
    let added =
        added.map(|provider| (format!("{} {}", provider.manifest.name, provider.manifest.version), provider.digest));
    let Some((name, digest)) = refused.map(|refused| (refused.type_id, refused.digest)).or(added) else {
        return Err(Failure::not_found(l));
    };
    let users = users(&person, admin, &type_id).await?;
    let title = l.say("Roll back to the previous version?", "Auf die vorherige Version zurücksetzen?");
    let main = html! {
        p.trail { a href="/admin/providers" { (Room::Providers.name(l)) } }
        h1 { (title) }
        form.card method="post" {
            h2 { (name) }
            p { (l.say("The component that was replaced is used again: the previous one, or the bundled one. If there is none, instances of this type become unavailable.",
                "Die ersetzte Komponente wird wieder verwendet: die vorherige oder die mitgelieferte. Gibt es keine, sind Instanzen dieses Typs nicht mehr verfügbar.")) }
            p { (users.len()) " " (l.say("instances of this type.", "Instanzen dieses Typs.")) }
            input type="hidden" name="digest" value=(digest);
            (allow_invalid(l, false))
            div.actions { button.bad { (l.say("Roll back", "Zurücksetzen")) } a.button href="/admin/providers" { (l.say("Cancel", "Abbrechen")) } }
        }
    };
    Ok(page(&person, Room::Providers, title, main))
}

pub(super) async fn roll_back(person: Person, Path(type_id): Path<String>, body: Bytes) -> Result<Response, Failure> {
    let l = person.language;
    let admin = person.of_the_system()?;
    let shown = Posted::parse(&body);
    let digest = shown.get("digest").unwrap_or_default();
    let allow_invalid = shown.get("allow_invalid").is_some();
    let done = match admin.roll_back_provider(&type_id, Some(digest), allow_invalid).await {
        Err(error) if error.is_conflict() && !error.is_revision_conflict() => {
            admin.remove_provider(&type_id, Some(digest), allow_invalid).await
        }
        other => other.map(drop),
    };
    match done {
        Ok(()) => Ok(Redirect::to("/admin/providers?done=rolled-back").into_response()),
        Err(error) if error.is_revision_conflict() || error.is_not_found() => {
            let other = l.say(
                "Not rolled back. Another component is in use now.",
                "Nicht zurückgesetzt. Inzwischen wird eine andere Komponente verwendet.",
            );
            Ok(Told::refused(other).on("/admin/providers").into_response())
        }
        Err(error) => refused(&person, error),
    }
}
