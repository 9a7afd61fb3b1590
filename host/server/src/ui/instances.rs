//! TwoFactor instances: a new one, the extended edit view.

use axum::body::Bytes;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Map, Value};
use twofactor::{Administration, Assigned, Instance, InstanceChange, NewInstance, ProviderInfo, TestReport};

use super::assignments;
use super::form::{Form, Posted, read};
use super::language::Language;
use super::layout::{self, Failure, Room, badge, notice, page};
use super::person::Person;
use super::policy;
use super::schema::fields;
use super::{segment, test_send};

/// The path of an instance's edit view.
pub(super) fn path(subscription: &str, id: &str) -> String {
    format!("/admin/two-factors/{}/{}", segment(subscription), segment(id))
}

pub(super) async fn own_subscriptions(person: &Person) -> Result<Vec<(String, String)>, Failure> {
    let all = person.of_anything().subscriptions().await.map_err(|error| person.failure(error))?;
    Ok(all.into_iter().filter(|one| person.has(&one.id)).map(|one| (one.id, one.name)).collect())
}

/// Whether sign-ins can use it, and if not why.
pub(super) fn state(l: Language, instance: &Instance, assigned: &[Assigned]) -> Markup {
    html! {
        span.badges {
            @if instance.active { (badge("good", l.say("active", "aktiv"))) } @else { (badge("off", l.say("not active", "nicht aktiv"))) }
            @if instance.valid { (badge("good", l.say("valid", "gültig"))) } @else { (badge("bad", l.say("not valid", "nicht gültig"))) }
            @if assigned.is_empty() { (badge("warn", l.say("not assigned", "nicht zugewiesen"))) }
            @else { (badge("good", &format!("{} {}", assigned.len(), l.say("assigned", "zugewiesen")))) }
        }
    }
}

pub(super) async fn new(person: Person) -> Result<Response, Failure> {
    person.changes()?;
    show_new(&person, &Posted::parse(&Bytes::new()), None).await
}

async fn show_new(person: &Person, posted: &Posted, problem: Option<String>) -> Result<Response, Failure> {
    let l = person.language;
    let providers = person.of_anything().providers();
    let subscriptions = own_subscriptions(person).await?;
    let title = l.say("Create TwoFactor Instance", "TwoFactor-Instanz erstellen");
    let active = posted.get("type").is_none() || posted.get("active").is_some();
    let main = html! {
        p.trail { a href="/admin/two-factors" { (Room::Instances.name(l)) } }
        h1 { (title) }
        @if let Some(problem) = &problem { (notice("bad", problem)) }
        @if subscriptions.is_empty() {
            (notice("warn", l.say("There is no subscription yet: a system administrator creates one.",
                "Es gibt noch keine Subscription: ein Systemadministrator erstellt sie.")))
        }
        form.card method="post" {
            fieldset.types {
                legend { (l.say("TwoFactor type", "TwoFactor-Typ")) }
                @for (n, provider) in providers.iter().enumerate() {
                    @let manifest = &provider.manifest;
                    label.type {
                        input type="radio" name="type" value=(manifest.type_id) required
                            checked[posted.get("type").map_or(n == 0, |chosen| chosen == manifest.type_id)];
                        span { strong { (manifest.type_id) } span { (manifest.name) " · " (manifest.channel) } }
                    }
                }
            }
            div.field {
                label for="name" { (l.say("Name", "Name")) " " span.optional { (l.say("optional", "freiwillig")) } }
                input #name name="name" type="text" maxlength="100" value=(posted.get("name").unwrap_or_default()) aria-describedby="name-help" autocomplete="off";
                div.help #name-help { (l.say("People choose by it where several instances are available. If it is left empty it is the provider's name.",
                    "Danach wählen Menschen, wo mehrere Instanzen verfügbar sind. Bleibt er leer, ist es der Name des Providers.")) }
            }
            div.field {
                label for="subscription" { (l.say("Subscription", "Subscription")) }
                select #subscription name="subscription" required {
                    @for (id, name) in &subscriptions { option value=(id) selected[posted.get("subscription") == Some(id)] { (name) } }
                }
            }
            label.inline { input type="checkbox" name="active" value="yes" checked[active]; (l.say("Active", "Aktiv")) }
            div.actions { button.main { (l.say("Save", "Speichern")) } a.button href="/admin/two-factors" { (l.say("Cancel", "Abbrechen")) } }
        }
    };
    Ok(page(person, Room::Instances, title, main))
}

pub(super) async fn create(person: Person, body: Bytes) -> Result<Response, Failure> {
    let posted = Posted::parse(&body);
    let (type_id, subscription) =
        (posted.get("type").unwrap_or_default(), posted.get("subscription").unwrap_or_default());
    let admin = person.of(subscription)?;
    let known = admin.providers().into_iter().find(|provider| provider.manifest.type_id == type_id);
    let name = posted.get("name").map(str::to_owned).or_else(|| known.map(|provider| provider.manifest.name));
    let mut instance = NewInstance::new(type_id, name.unwrap_or_default(), Value::Object(Map::new()));
    instance.active = posted.get("active").is_some();
    match admin.create_instance(subscription, instance).await {
        Ok(created) => Ok(Redirect::to(&format!("{}?done=created", path(subscription, &created.id))).into_response()),
        Err(error) if error.is_invalid_input() => show_new(&person, &posted, Some(error.to_string())).await,
        Err(error) => Err(person.failure(error)),
    }
}

/// Which message stands above the edit view.
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
        "created" => Some((
            "good",
            l.say(
                "The instance was created. Now configure it, send a test and assign it.",
                "Die Instanz wurde erstellt. Konfigurieren Sie sie nun, schicken Sie einen Test und weisen Sie sie zu.",
            )
            .to_owned(),
        )),
        "saved" => Some(("good", l.say("Saved.", "Gespeichert.").to_owned())),
        "assigned" => {
            Some(("good", l.say("The assignments were changed.", "Die Zuweisungen wurden geändert.").to_owned()))
        }
        _ => None,
    };
    show(&person, admin, View { message, ..View::of(&instance) }).await
}

/// After a form that was answered in place, a reload or a link leads back to the edit view.
pub(super) async fn to_edit(Path((subscription, id)): Path<(String, String)>) -> Redirect {
    Redirect::to(&path(&subscription, &id))
}

/// The edit view with what was typed and what came of it.
pub(super) struct View<'a> {
    instance: &'a Instance,
    name: String,
    active: bool,
    options: Value,
    policy: Value,
    message: Option<(&'static str, String)>,
    report: Option<TestReport>,
}

impl<'a> View<'a> {
    pub(super) fn of(instance: &'a Instance) -> Self {
        let (name, active, options) = (instance.name.clone(), instance.active, instance.options.clone());
        let policy = instance.policy.clone().unwrap_or_default();
        Self { instance, name, active, options, policy, message: None, report: None }
    }

    pub(super) fn with_report(self, report: TestReport) -> Self {
        Self { report: Some(report), ..self }
    }

    pub(super) fn with_problem(self, problem: String) -> Self {
        Self { message: Some(("bad", problem)), ..self }
    }

    fn typed(instance: &'a Instance, provider: Option<&ProviderInfo>, posted: &Posted) -> Self {
        let fields = provider.map(|provider| fields(&provider.manifest.options_schema)).unwrap_or_default();
        let options = Value::Object(read(&fields, posted, "", &instance.options));
        let name = posted.get("name").unwrap_or_default().to_owned();
        let policy = Value::Object(read(&policy::fields(Language::English), posted, policy::AT, &Value::Null));
        Self { name, active: posted.get("active").is_some(), options, policy, ..Self::of(instance) }
    }
}

fn provider_of(admin: &Administration, type_id: &str) -> Option<ProviderInfo> {
    admin.providers().into_iter().find(|provider| provider.manifest.type_id == type_id)
}

pub(super) async fn show(person: &Person, admin: &Administration, view: View<'_>) -> Result<Response, Failure> {
    let l = person.language;
    let instance = view.instance;
    let provider = provider_of(admin, &instance.type_id);
    let inherited = match admin.base_settings(&instance.type_id).await {
        Ok(settings) => settings.options,
        // The provider is not installed any more.
        Err(error) if error.is_not_found() => Value::Null,
        Err(error) => return Err(person.failure(error)),
    };
    let assigned =
        admin.assignments(&instance.subscription, &instance.id).await.map_err(|error| person.failure(error))?.assigned;
    let here = path(&instance.subscription, &instance.id);
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
    let main = html! {
        p.trail { a href="/admin/two-factors" { (Room::Instances.name(l)) } }
        div.head { h1 { (instance.name) } (state(l, instance, &assigned)) }
        p.sub { (instance.type_id) " · " (instance.subscription) " · " code { (instance.id) } }
        @if let Some((kind, text)) = &view.message { (notice(kind, text)) }
        (next_step(l, instance, &assigned))
        div.columns {
            (layout::form(person, &here, false, html! {
                h2 { (l.say("Configuration", "Konfiguration")) }
                input type="hidden" name="revision" value=(instance.revision);
                div.field {
                    label for="name" { (l.say("Name", "Name")) }
                    input #name name="name" type="text" maxlength="100" value=(view.name) required autocomplete="off";
                }
                label.inline { input type="checkbox" name="active" value="yes" checked[view.active]; (l.say("Active", "Aktiv")) }
                @for problem in form.other_problems(&fields) { div.error { p { @if !problem.option.is_empty() { code { (problem.option) } " " } (problem.message) } } }
                (form.show(&fields, "", &view.options))
                details.policy open[view.policy.as_object().is_some_and(|own| !own.is_empty())] {
                    summary { (l.say("Policy for codes", "Regeln für Codes")) }
                    p.help { (l.say("What is left out here is as for the whole installation.", "Was hier fehlt, gilt wie für die ganze Installation.")) }
                    (rules.show(&policy::fields(l), policy::AT, &view.policy))
                }
            }, html! { button.main { (l.say("Save", "Speichern")) } }))
            div.side {
                section.card {
                    h2 { (l.say("What it may reach", "Was sie erreichen darf")) }
                    @if instance.connections.is_empty() {
                        p { (l.say("Nothing, until it is valid.", "Nichts, bis sie gültig ist.")) }
                    } @else {
                        ul { @for connection in &instance.connections { li { (connection) } } }
                        p.help { (l.say("And nothing else: the host refuses every other destination.", "Und nichts sonst: jedes andere Ziel wird verweigert.")) }
                    }
                }
                @if person.may_change() { (test_send::card(l, &here, provider.as_ref(), view.report.as_ref(), instance.valid)) }
                (assignments::card(person, &here, &assigned))
                @if person.may_change() { section.card {
                    h2 { (l.say("Remove", "Entfernen")) }
                    p { a.button.bad href={ (here) "/remove" } { (l.say("Remove this instance", "Diese Instanz entfernen")) } }
                } }
            }
        }
    };
    Ok(page(person, Room::Instances, &instance.name, main))
}

/// What is still missing until a sign-in can use it.
fn next_step(l: Language, instance: &Instance, assigned: &[Assigned]) -> Markup {
    let step = if !instance.valid {
        l.say("Not available yet: complete the options marked below, or give them in the base service settings.",
            "Noch nicht verfügbar: vervollständigen Sie die unten markierten Optionen, oder geben Sie sie in den Basiseinstellungen.")
    } else if assigned.is_empty() {
        l.say("Not available yet: assign it to a tenant, an IDP, a client application or a user.",
            "Noch nicht verfügbar: weisen Sie sie einem Mandanten, einem IDP, einer Client-Applikation oder einem Benutzer zu.")
    } else if !instance.active {
        l.say("Not available: it is not active.", "Nicht verfügbar: sie ist nicht aktiv.")
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
    let l = person.language;
    let admin = person.of(&subscription)?;
    let posted = Posted::parse(&body);
    let instance = admin.instance(&subscription, &id).await.map_err(|error| person.failure(error))?;
    let provider = provider_of(admin, &instance.type_id);
    let typed = View::typed(&instance, provider.as_ref(), &posted);
    // Without its provider nobody knows the options' fields: they stay.
    let options = provider.is_some().then(|| typed.options.clone());
    let own = typed.policy.as_object().filter(|own| !own.is_empty());
    let policy = Some(own.map(|own| Value::Object(own.clone())));
    let change = InstanceChange { name: Some(typed.name.clone()), active: Some(typed.active), options, policy };
    let revision = posted.get("revision").and_then(|text| text.parse().ok()).unwrap_or_default();
    match admin.update_instance(&subscription, &id, change, Some(revision)).await {
        Ok(_) => Ok(Redirect::to(&format!("{}?done=saved", path(&subscription, &id))).into_response()),
        Err(error) if error.is_conflict() => {
            let problem = l.say("Somebody else changed this instance meanwhile. What you typed stands below and is not saved: save again to put it in the place of theirs.",
                "Jemand anderes hat diese Instanz inzwischen geändert. Was Sie eingegeben haben, steht unten und ist nicht gespeichert: speichern Sie nochmals, um die andere Änderung zu ersetzen.");
            show(&person, admin, typed.with_problem(problem.to_owned())).await
        }
        Err(error) if error.is_invalid_input() => show(&person, admin, typed.with_problem(error.to_string())).await,
        Err(error) => Err(person.failure(error)),
    }
}

pub(super) async fn ask_remove(
    person: Person,
    Path((subscription, id)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let l = person.language;
    person.changes()?;
    let admin = person.of(&subscription)?;
    let instance = admin.instance(&subscription, &id).await.map_err(|error| person.failure(error))?;
    let assigned = admin.assignments(&subscription, &id).await.map_err(|error| person.failure(error))?.assigned;
    let title = l.say("Remove this instance?", "Diese Instanz entfernen?");
    let main = html! {
        p.trail { a href=(path(&subscription, &id)) { (instance.name) } }
        h1 { (title) }
        form.card method="post" {
            p { strong { (instance.name) } " (" (instance.type_id) ")" }
            @if assigned.is_empty() { p { (l.say("It is assigned to nothing.", "Sie ist nichts zugewiesen.")) } }
            @else {
                p { (l.say("Sign-ins of these cannot use it any more; challenges under way on it are refused:",
                    "Anmeldungen von diesen können sie nicht mehr verwenden; laufende Challenges werden abgelehnt:")) }
                ul { @for one in assigned.iter().take(20) { li { (assignments::kind_name(l, one.kind)) " " code { (one.id) } } } }
                @if assigned.len() > 20 { p { "… " (assigned.len() - 20) " " (l.say("more", "weitere")) } }
            }
            p { (l.say("Its options and secrets are deleted. This cannot be undone.", "Ihre Optionen und Geheimnisse werden gelöscht. Das lässt sich nicht rückgängig machen.")) }
            div.actions { button.bad { (l.say("Remove", "Entfernen")) } a.button href=(path(&subscription, &id)) { (l.say("Keep it", "Behalten")) } }
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
