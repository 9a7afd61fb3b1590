//! The parts that the pages about providers share.

use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use twofactor::Error;
use twofactor::admin::{Administration, Instance};
use twofactor::sandbox::ProviderInfo;

use super::failure::Failure;
use super::form_replies::Told;
use super::person::Person;
use crate::wording::Language;

pub(super) fn facts(l: Language, provider: &ProviderInfo) -> Markup {
    let manifest = &provider.manifest;
    html! {
        dl.facts {
            dt { (l.say("Type", "Typ")) } dd { code { (manifest.type_id) } }
            dt { (l.say("Version", "Version")) } dd { (manifest.version) }
            dt { (l.say("Channel", "Kanal")) } dd { (manifest.channel) }
            dt { "SHA-256" } dd { code.digest.copy { (provider.digest) } }
            @if let Some(signer) = &provider.signed_by { dt { (l.say("Signed by", "Signiert von")) } dd { (signer) } }
        }
    }
}

pub(super) fn imports(l: Language, provider: &ProviderInfo) -> Markup {
    html! { details { summary { (l.say("Imports", "Importe")) } ul.imports { @for import in &provider.imports { li { code { (import) } } } } } }
}

pub(super) fn refused(person: &Person, error: Error) -> Result<Response, Failure> {
    let l = person.language;
    if !error.is_invalid_input() {
        return Err(person.failure(error));
    }
    let text = format!(
        "{} {}.",
        l.say("This file cannot be installed:", "Diese Datei kann nicht installiert werden:"),
        person.sentence(&error)
    );
    Ok(Told::refused(text).on("/admin/providers").into_response())
}

/// Returns the component that serves a type.
pub(super) fn serving(admin: &Administration, type_id: &str) -> Option<ProviderInfo> {
    admin.providers().into_iter().find(|provider| provider.manifest.type_id == type_id)
}

/// Asks whether instances may become invalid.
pub(super) fn allow_invalid(l: Language, required: bool) -> Markup {
    html! {
        label.inline {
            input type="checkbox" name="allow_invalid" value="yes" required[required];
            (l.say("Continue even if instances become invalid and stop sending messages", "Fortfahren, auch wenn Instanzen ungültig werden und keine Nachrichten mehr senden"))
        }
    }
}

/// Returns the instances that a type's provider serves, each with its subscription's name.
pub(super) async fn users(
    person: &Person,
    admin: &Administration,
    type_id: &str,
) -> Result<Vec<(String, Instance)>, Failure> {
    let mut users = Vec::new();
    for subscription in admin.subscriptions().await.map_err(|error| person.failure(error))? {
        let instances = admin.instances(&subscription.id).await.map_err(|error| person.failure(error))?;
        let own = instances.into_iter().filter(|instance| instance.type_id == type_id);
        users.extend(own.map(|instance| (subscription.name.clone(), instance)));
    }
    Ok(users)
}
