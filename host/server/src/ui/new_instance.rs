//! A new TwoFactor instance: type, options and a first test on one page.

use axum::body::Bytes;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde_json::{Map, Value, json};
use twofactor::admin::{Administration, Instance, TestMessage};
use twofactor::instance::Policy;
use twofactor::sandbox::{ProviderInfo, RecipientKind};
use twofactor::{NewInstance, Recipient};

use super::failure::Failure;
use super::form::Form;
use super::form_replies::{Outcome, Told};
use super::instance_form::{inherited, own_subscriptions, provider_of};
use super::layout::notice;
use super::links::instance_path;
use super::page::{Room, page};
use super::person::Person;
use super::posted::{Posted, read};
use super::schema::{Field, Kind, fields};
use super::test_send;

/// Returns the name of a type's field that is not an option.
fn beside(type_id: &str, what: &str) -> String {
    format!("{type_id}#{what}")
}

pub(super) async fn show(person: Person) -> Result<Response, Failure> {
    person.changes()?;
    let l = person.language;
    let posted = person.posted();
    let admin = person.of_anything();
    let providers = admin.providers();
    let subscriptions = own_subscriptions(&person).await?;
    let title = l.say("Create TwoFactor Instance", "TwoFactor-Instanz erstellen");
    let active = posted.get("type").is_none() || posted.get("active").is_some();
    let mut panels = Vec::new();
    for provider in &providers {
        panels.push(panel(&person, admin, provider).await?);
    }
    // Everybody has a mailbox.
    let by_mail = providers.iter().find(|provider| provider.manifest.recipient == Some(RecipientKind::EmailAddress));
    let usual = by_mail.or(providers.first()).map(|provider| &*provider.manifest.type_id);
    let chosen = posted.get("type").or(usual);
    let main = html! {
        p.trail { a href="/admin/two-factors" { (Room::Instances.name(l)) } }
        h1 { (title) }
        form.card.new method="post" action="/admin/two-factors/new" novalidate {
            @if subscriptions.is_empty() && !person.is_of_the_system() {
                (notice("warn", l.say("No subscriptions yet. Ask a system administrator to create one.",
                    "Noch keine Subscriptions. Bitten Sie einen Systemadministrator, eine zu erstellen.")))
            } @else if subscriptions.is_empty() {
                div.field {
                    label for="new_subscription" { "Subscription" }
                    input #new_subscription name="new_subscription" type="text" maxlength="64" autocomplete="off" spellcheck="false" value=(posted.get("new_subscription").unwrap_or("main")) aria-describedby="subscription-help";
                    div.help #subscription-help { (l.say("Instances and tokens belong to a subscription. A first subscription is created with this ID.",
                        "Instanzen und Tokens gehören zu einer Subscription. Eine erste Subscription wird mit dieser ID erstellt.")) }
                }
            } @else if let [(id, _)] = &subscriptions[..] {
                input type="hidden" name="subscription" value=(id);
            } @else {
                div.field {
                    label for="subscription" { "Subscription" }
                    select #subscription name="subscription" {
                        @for (id, name) in &subscriptions { option value=(id) selected[posted.get("subscription") == Some(id)] { (name) } }
                    }
                }
            }
            fieldset.types {
                legend { (l.say("Type", "Typ")) }
                @for (provider, panel) in providers.iter().zip(&panels) {
                    @let manifest = &provider.manifest;
                    div.alternative {
                        label.type {
                            input type="radio" name="type" value=(manifest.type_id) checked[chosen == Some(&manifest.type_id)];
                            span { strong { (manifest.type_id) } span { (manifest.name) " · " (manifest.channel) } }
                        }
                        div.panel { (panel) }
                    }
                }
            }
            div.field {
                label for="name" { (l.say("Name", "Name")) " " span.optional { (l.say("optional", "optional")) } }
                input #name name="name" type="text" maxlength="100" value=(posted.get("name").unwrap_or_default()) aria-describedby="name-help" autocomplete="off";
                div.help #name-help { (l.say("Shown to users when several instances are available. Defaults to the name of the provider.",
                    "Wird Benutzern angezeigt, wenn mehrere Instanzen verfügbar sind. Standard ist der Name des Providers.")) }
            }
            label.inline { input type="checkbox" name="active" value="yes" checked[active]; (l.say("Active", "Aktiv")) }
            div.actions {
                button.main name="do" value="test" { (l.say("Save and send test message", "Speichern und Testnachricht senden")) }
                button { (l.say("Save", "Speichern")) }
                a.button href="/admin/two-factors" { (l.say("Cancel", "Abbrechen")) }
            }
        }
    };
    Ok(page(&person, Room::Instances, title, main))
}

/// Returns what is asked of an instance of a type.
async fn panel(person: &Person, admin: &Administration, provider: &ProviderInfo) -> Result<Markup, Failure> {
    let (l, posted, manifest) = (person.language, person.posted(), &provider.manifest);
    let type_id = &*manifest.type_id;
    let inherited = inherited(person, admin, type_id).await.map_err(|error| person.failure(error))?;
    let fields = fields(&manifest.options_schema);
    let values = if posted.get("type") == Some(type_id) {
        Value::Object(read(&fields, posted, type_id, &Value::Null))
    } else {
        suggestions(person, &fields, &inherited)
    };
    let form = Form {
        language: l,
        inherited: &inherited,
        inherited_from: Room::BaseSettings.name(l),
        problems: &[],
        disabled: false,
    };
    let (countries, recipient) = (beside(type_id, "countries"), beside(type_id, "recipient"));
    let asks_countries = manifest.recipient == Some(RecipientKind::PhoneNumber);
    let typed = posted.get(&countries).map(str::to_owned);
    Ok(html! {
        (form.show(&fields, type_id, &values))
        @if asks_countries {
            div.field {
                label for=(countries) { (l.say("Allowed countries", "Erlaubte Länder")) }
                input id=(countries) name=(countries) type="text" autocomplete="off" spellcheck="false" placeholder="CH, DE" value=(typed.unwrap_or_else(|| usual_countries(admin.policy()))) aria-describedby={ (countries) "-help" };
                div.help id={ (countries) "-help" } { (l.say("Two-letter codes (ISO 3166) such as CH, or * for all countries. Messages to other countries are blocked, which prevents SMS pumping fraud. If empty, the policy of the installation applies.",
                    "Zweistellige Codes (ISO 3166) wie CH, oder * für alle Länder. Nachrichten in andere Länder werden blockiert, um SMS-Betrug (SMS Pumping) zu verhindern. Bleibt das Feld leer, gilt die Richtlinie der Installation.")) }
            }
        }
        @if let Some(kind) = manifest.recipient {
            (test_send::Field::of(person, kind).show(l, &recipient, None, posted.get(&recipient)))
        }
    })
}

/// Returns the operator's countries, or none if the operator has not set any.
fn usual_countries(policy: &Policy) -> String {
    if policy.countries == Policy::default().countries {
        return String::new();
    }
    policy.countries.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// Returns likely values: mail that is sent by the administrator's own address.
fn suggestions(person: &Person, fields: &[Field], inherited: &Value) -> Value {
    let is_mail = |field: &&Field| {
        field.required && inherited[&field.name].is_null() && matches!(field.kind, Kind::Text { input: "email", .. })
    };
    let suggested = fields.iter().filter(is_mail);
    Value::Object(
        suggested.map(|field| (field.name.clone(), Value::from(&*person.session.account.email))).collect::<Map<_, _>>(),
    )
}

pub(super) async fn create(person: Person, body: Bytes) -> Result<Response, Failure> {
    let posted = Posted::parse(&body);
    let type_id = posted.get("type").unwrap_or_default();
    let subscription = subscription(&person, &posted).await?;
    let admin = person.of(&subscription)?;
    let provider = provider_of(admin, type_id);
    let options = provider
        .as_ref()
        .map(|provider| read(&fields(&provider.manifest.options_schema), &posted, type_id, &Value::Null));
    let name = posted.get("name").map(str::to_owned);
    let name = name.or_else(|| provider.as_ref().map(|provider| provider.manifest.name.clone())).unwrap_or_default();
    let mut new = NewInstance::new(type_id, name, Value::Object(options.unwrap_or_default()));
    new.active = posted.get("active").is_some();
    let countries = posted.get(&beside(type_id, "countries")).map(|text| {
        let all = text.split([',', ';', ' ']).filter(|code| !code.is_empty());
        all.map(str::to_ascii_uppercase).collect::<Vec<_>>()
    });
    new.policy = countries.map(|countries| json!({ "countries": countries }));
    let created = admin.create_instance(&subscription, new).await.map_err(|error| person.failure(error))?;
    let here = instance_path(&subscription, &created.id);
    let kind = provider.and_then(|provider| provider.manifest.recipient);
    match kind.filter(|_| posted.get("do") == Some("test") && created.valid) {
        Some(kind) => first_test(&person, admin, &created, kind, &posted).await,
        None => Ok(Redirect::to(&format!("{here}?done=created")).into_response()),
    }
}

/// Whatever comes of the test: the instance is there, and its own page goes on from here.
async fn first_test(
    person: &Person,
    admin: &Administration,
    created: &Instance,
    kind: RecipientKind,
    posted: &Posted,
) -> Result<Response, Failure> {
    let field = test_send::Field::of(person, kind).name;
    let typed = posted.get(&beside(&created.type_id, "recipient"));
    let mut recipient = Recipient::default();
    match kind {
        RecipientKind::EmailAddress => recipient.email = typed.map(str::to_owned),
        RecipientKind::PhoneNumber => recipient.phone = typed.map(str::to_owned),
        RecipientKind::Handle => recipient.handle = typed.map(str::to_owned),
    }
    let test = TestMessage::to(recipient).locale(person.language.tag());
    let outcome = match admin.send_test(&created.subscription, &created.id, test).await {
        Ok(report) => Outcome::Tested(report),
        Err(error) if error.is_invalid_input() || error.is_recipient_rejected() => Outcome::of(person.language, &error),
        Err(error) => return Err(person.failure(error)),
    };
    let here = format!("{}?done=created#test", instance_path(&created.subscription, &created.id));
    Ok(Told::new(outcome).on(here).showing(Posted::of(&[(field, typed.unwrap_or_default())])).into_response())
}

/// Returns the subscription that was chosen; a new one, where there was none to choose from.
async fn subscription(person: &Person, posted: &Posted) -> Result<String, Failure> {
    let Some(new) = posted.get("new_subscription").filter(|_| posted.get("subscription").is_none()) else {
        return Ok(posted.get("subscription").unwrap_or_default().to_owned());
    };
    let admin = person.of_the_system()?;
    match admin.create_subscription(new, new).await {
        // The form was sent before, and failed after this.
        Err(error) if error.is_conflict() => Ok(new.to_owned()),
        other => other.map(|created| created.id).map_err(|error| person.failure(error)),
    }
}
