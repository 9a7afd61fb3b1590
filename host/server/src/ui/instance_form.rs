//! The content of an instance's edit view, as stored and as typed.

use maud::{Markup, html};
use serde_json::{Map, Value, json};
use twofactor::Error;
use twofactor::admin::{Administration, Assigned, Instance};
use twofactor::instance::MASK;
use twofactor::sandbox::ProviderInfo;

use super::failure::Failure;
use super::layout::badge;
use super::person::Person;
use super::policy;
use super::posted::{Posted, read};
use super::schema::fields;
use crate::wording::Language;

pub(super) async fn own_subscriptions(person: &Person) -> Result<Vec<(String, String)>, Failure> {
    let all = person.of_anything().subscriptions().await.map_err(|error| person.failure(error))?;
    Ok(all.into_iter().filter(|one| person.has(&one.id)).map(|one| (one.id, one.name)).collect())
}

/// Returns the base service settings that instances of a type inherit. A person who is not of the whole installation may not read them,
/// and sees only which options are set.
pub(super) async fn inherited(person: &Person, admin: &Administration, type_id: &str) -> Result<Value, Error> {
    let mut options = admin.base_settings(type_id).await?.options;
    if let Some(options) = options.as_object_mut().filter(|_| !person.is_of_the_system()) {
        options.values_mut().filter(|value| !value.is_null()).for_each(|value| *value = Value::from(MASK));
    }
    Ok(options)
}

/// Returns whether sign-ins can use it, and if not why.
pub(super) fn state(l: Language, instance: &Instance, assigned: &[Assigned]) -> Markup {
    html! {
        span.badges {
            @if instance.active { (badge("good", l.say("Active", "Aktiv"))) } @else { (badge("off", l.say("Inactive", "Inaktiv"))) }
            @if instance.valid { (badge("good", l.say("Valid", "Gültig"))) } @else { (badge("bad", l.say("Invalid", "Ungültig"))) }
            @if assigned.is_empty() { (badge("warn", l.say("Not assigned", "Nicht zugewiesen"))) }
            @else { (badge("good", &format!("{} {}", assigned.len(), l.say("assigned", "zugewiesen")))) }
        }
    }
}

/// Returns whether a form has the fields of the edit view, and not only those of a part of it.
pub(super) fn is_whole(posted: &Posted) -> bool {
    posted.get("revision").is_some()
}

/// Returns what can be changed of an instance.
pub(super) fn stored(instance: &Instance) -> Value {
    let nothing = || Value::Object(Map::new());
    json!({
        "name": instance.name,
        "active": instance.active,
        "options": instance.options,
        "policy": instance.policy.clone().unwrap_or_else(nothing),
    })
}

/// Returns the content as typed. Without its provider, the fields of the options are unknown: they
/// stay.
pub(super) fn typed(instance: &Instance, provider: Option<&ProviderInfo>, posted: &Posted) -> Value {
    let options = provider
        .map(|provider| Value::Object(read(&fields(&provider.manifest.options_schema), posted, "", &instance.options)));
    json!({
        "name": posted.get("name").unwrap_or_default(),
        "active": posted.get("active").is_some(),
        "options": options.unwrap_or_else(|| instance.options.clone()),
        "policy": read(&policy::fields(Language::English), posted, policy::AT, &Value::Null),
    })
}

/// Returns an own policy, if there is one.
pub(super) fn own_policy(values: &Value) -> Option<Value> {
    values["policy"].as_object().filter(|own| !own.is_empty()).map(|own| Value::Object(own.clone()))
}

pub(super) fn provider_of(admin: &Administration, type_id: &str) -> Option<ProviderInfo> {
    admin.providers().into_iter().find(|provider| provider.manifest.type_id == type_id)
}
