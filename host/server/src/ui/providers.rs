//! The providers that are loaded, what each may do, and how another is installed: shown first, then approved by its digest.

use std::time::Instant;

use axum::body::Bytes;
use axum::extract::{Path, Query, Request, State};
use axum::http::Uri;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use twofactor::Error;
use twofactor::admin::{Administration, ExaminedProvider, Instance, NewProvider};
use twofactor::sandbox::{Destination, Manifest, ProviderInfo, RecipientKind};

use super::base_settings::affected;
use super::failure::Failure;
use super::form::Posted;
use super::form_replies::Told;
use super::layout::notice;
use super::links::{instance_path, on_to, segment};
use super::page::{Room, page};
use super::person::Person;
use super::state::Ui;
use super::upload::Upload;
use crate::request_limits::COMPONENT_BYTES;
use crate::wording::{Language, capabilities, destination, spoken};

/// What stands around a file in a form, in bytes.
const AROUND: usize = 64 << 10;

/// Instances that are named one by one.
const NAMED: usize = 20;

#[derive(Deserialize)]
pub(super) struct Done {
    #[serde(default)]
    done: String,
}

pub(super) async fn list(person: Person, Query(done): Query<Done>) -> Response {
    let message = match &*done.done {
        "installed" => notice("good", person.language.say("Provider installed.", "Provider installiert.")),
        "rolled-back" => notice("good", person.language.say("Provider rolled back.", "Provider zurückgesetzt.")),
        _ => html! {},
    };
    show(&person, message)
}

fn show(person: &Person, message: Markup) -> Response {
    let l = person.language;
    let title = Room::Providers.name(l);
    let main = html! {
        h1 { (title) }
        p.sub { (l.say("Each provider runs as a sandboxed component. The connections it may use are listed on each instance.",
            "Jeder Provider läuft als Komponente in einer Sandbox. Erlaubte Verbindungen stehen bei jeder Instanz.")) }
        @if person.may_change() && person.is_of_the_system() {
            form.card method="post" enctype="multipart/form-data" {
                h2 { (l.say("Install provider", "Provider installieren")) }
                (message)
                div.field {
                    label for="component" { (l.say("Component", "Komponente")) }
                    input #component name="component" type="file" accept=".wasm,application/wasm" required aria-describedby="component-help";
                    div.help #component-help { (l.say("A WebAssembly component (.wasm). You can review its permissions before it is installed.",
                        "Eine WebAssembly-Komponente (.wasm). Sie können ihre Berechtigungen prüfen, bevor sie installiert wird.")) }
                }
                div.field {
                    label for="signature" { (l.say("Signature", "Signatur")) }
                    input #signature name="signature" type="file" accept=".minisig" aria-describedby="signature-help";
                    div.help #signature-help { (l.say("A minisign signature of the component (.minisig), if there is one.",
                        "Eine Minisign-Signatur der Komponente (.minisig), falls vorhanden.")) }
                }
                div.actions { button.main { (l.say("Review", "Prüfen")) } }
            }
        }
        (bundled(person))
        @for refused in person.of_anything().refused_providers() {
            section.card {
                h2 { (l.say("Not in use", "Nicht in Verwendung")) ": " code { (refused.type_id) } }
                p { (l.say("An installed component is not allowed on this server:", "Eine installierte Komponente ist auf diesem Server nicht erlaubt:")) " " (spoken(l, &refused.why)) "." }
                dl.facts { dt { "SHA-256" } dd { code.digest { (refused.digest) } } }
                @if person.may_change() && person.is_of_the_system() {
                    p { a href=(roll_back_path(&refused.type_id)) { (l.say("Roll back", "Zurücksetzen")) } }
                }
            }
        }
        div.cards { @for provider in person.of_anything().providers() {
            section.card {
                h2 { (provider.manifest.name) }
                (facts(l, &provider))
                h3 { (l.say("Permissions", "Berechtigungen")) }
                ul { @for may in capabilities(l, &provider.capabilities) { li { (may) } } }
                (imports(l, &provider))
                @if provider.added_at.is_some() && person.may_change() && person.is_of_the_system() {
                    p { a href=(roll_back_path(&provider.manifest.type_id)) { (l.say("Roll back", "Zurücksetzen")) } }
                }
            }
        } }
    };
    page(person, Room::Providers, title, main)
}

fn facts(l: Language, provider: &ProviderInfo) -> Markup {
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

fn imports(l: Language, provider: &ProviderInfo) -> Markup {
    html! { details { summary { (l.say("Imports", "Importe")) } ul.imports { @for import in &provider.imports { li { code { (import) } } } } } }
}

/// The components that come with the program and serve no type: what a system administrator may switch on.
fn off(admin: &Administration) -> Vec<&'static str> {
    let serving = admin.providers();
    let is_off = |type_id: &&str| !serving.iter().any(|provider| provider.manifest.type_id == *type_id);
    twofactor::bundled_components().map(|(type_id, _)| type_id).filter(is_off).collect()
}

/// A list of them, each with a button that shows what it may do: it is installed as any other, so that all nodes have it.
fn bundled(person: &Person) -> Markup {
    let l = person.language;
    let off = off(person.of_anything());
    html! {
        @if !off.is_empty() && person.may_change() && person.is_of_the_system() {
            section.card {
                h2 { (l.say("Bundled providers, not enabled", "Mitgelieferte Provider, nicht aktiviert")) }
                p.help { (l.say("You can review the permissions of each before it is enabled. It is then available on all servers that share this store.",
                    "Sie können die Berechtigungen prüfen, bevor ein Provider aktiviert wird. Danach ist er auf allen Servern mit diesem Speicher verfügbar.")) }
                ul.assigned { @for type_id in off { li {
                    span { strong { (type_id) } " " span.help { (bundled_words(l, type_id)) } }
                    form method="post" action="/admin/providers/bundled" {
                        input type="hidden" name="type" value=(type_id);
                        button { (l.say("Review", "Prüfen")) }
                    }
                } } }
            }
        }
    }
}

fn bundled_words(l: Language, type_id: &str) -> &'static str {
    match type_id {
        "email" => l.say("Email through SMTP or Microsoft 365", "E-Mails über SMTP oder Microsoft 365"),
        "ecall" => l.say("SMS through eCall", "SMS über eCall"),
        "twilio" => l.say("SMS through Twilio", "SMS über Twilio"),
        "ses" => l.say("Email through Amazon SES", "E-Mails über Amazon SES"),
        "slack" => l.say("Direct messages in Slack", "Direktnachrichten in Slack"),
        "twilio-verify" => {
            l.say("Codes created, sent and verified by Twilio", "Codes, die Twilio erstellt, sendet und prüft")
        }
        "twilio-voice" => l.say("Phone calls through Twilio", "Anrufe über Twilio"),
        "webhook" => l.say("Signed requests to your own gateway", "Signierte Anfragen an Ihr eigenes Gateway"),
        _ => "",
    }
}

/// Shows what a component that comes with the program may do, as [`examine`] does for an upload.
pub(super) async fn examine_bundled(person: Person, State(ui): State<Ui>, body: Bytes) -> Result<Response, Failure> {
    let admin = person.of_the_system()?;
    let posted = Posted::parse(&body);
    let wanted = posted.get("type").unwrap_or_default();
    let Some((_, component)) = twofactor::bundled_components().find(|(type_id, _)| *type_id == wanted) else {
        return Err(Failure::not_found(person.language));
    };
    let component = Bytes::from_static(component);
    match admin.examine_provider(new(&component, "")).await {
        Ok(examined) => {
            let digest = &examined.info.digest;
            ui.pending_components.keep(&person.session.account.id, digest, component, String::new(), Instant::now());
            Ok(Redirect::to(&approval_path(digest)).into_response())
        }
        Err(error) => refused(&person, error),
    }
}

/// From where a form was sent to, on to the list.
pub(super) async fn to_list(uri: Uri) -> Redirect {
    on_to("/admin/providers", &uri)
}

/// Shows what an upload is. Nothing of it is installed.
pub(super) async fn examine(person: Person, State(ui): State<Ui>, request: Request) -> Result<Response, Failure> {
    let l = person.language;
    // Whoever may not install anything is not listened to any longer.
    let admin = person.of_the_system()?;
    let sent = Upload::read(request, COMPONENT_BYTES + AROUND).await;
    let sent_signature = sent.as_ref().map(|sent| sent.text("signature")).unwrap_or_default();
    let Some(component) = sent.and_then(|sent| sent.part("component")).filter(|file| !file.is_empty()) else {
        let none = l.say("Choose a file of at most 64 MiB.", "Wählen Sie eine Datei von höchstens 64 MiB.");
        return Ok(Told::refused(none).into_response());
    };
    let signature = sent_signature;
    let examined = match admin.examine_provider(new(&component, &signature)).await {
        Ok(examined) => examined,
        Err(error) => return refused(&person, error),
    };
    let digest = &examined.info.digest;
    ui.pending_components.keep(&person.session.account.id, digest, component, signature, Instant::now());
    Ok(Redirect::to(&approval_path(digest)).into_response())
}

fn approval_path(digest: &str) -> String {
    format!("/admin/providers/approval?digest={}", segment(digest))
}

/// Which component is shown.
#[derive(Deserialize)]
pub(super) struct Which {
    #[serde(default)]
    digest: String,
}

/// Shows a component that was uploaded and may be approved.
pub(super) async fn show_examined(
    person: Person,
    State(ui): State<Ui>,
    Query(which): Query<Which>,
    uri: Uri,
) -> Result<Response, Failure> {
    let admin = person.of_the_system()?;
    let Some((component, signature)) =
        ui.pending_components.find(&person.session.account.id, &which.digest, Instant::now())
    else {
        return Ok(on_to("/admin/providers", &uri).into_response());
    };
    let examined = admin.examine_provider(new(&component, &signature)).await.map_err(|error| person.failure(error))?;
    ask(&person, admin, &examined).await
}

fn refused(person: &Person, error: Error) -> Result<Response, Failure> {
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

/// Installs what was shown, and nothing else.
pub(super) async fn approve(person: Person, State(ui): State<Ui>, body: Bytes) -> Result<Response, Failure> {
    let l = person.language;
    let admin = person.of_the_system()?;
    let posted = Posted::parse(&body);
    let account = &person.session.account.id;
    let digest = posted.get("digest").unwrap_or_default();
    let Some((component, signature)) = ui.pending_components.find(account, digest, Instant::now()) else {
        let gone = l.say(
            "Not installed. The review has expired: it lasts 10 minutes, or until you review another file. Please upload the file again.",
            "Nicht installiert. Die Prüfung ist abgelaufen: Sie gilt 10 Minuten oder bis Sie eine andere Datei prüfen. Bitte laden Sie die Datei erneut hoch.",
        );
        return Ok(Told::refused(gone).on("/admin/providers").into_response());
    };
    // Whether it is older than what it replaces stood on the page.
    let new = new(&component, &signature)
        .replacing(posted.get("replaces").unwrap_or_default())
        .destinations(posted.get("destinations").unwrap_or_default().split(','))
        .allow_invalid(posted.get("allow_invalid").is_some())
        .allow_downgrade(true);
    match admin.add_provider(new).await {
        Ok(_) => {
            ui.pending_components.forget(account);
            Ok(Redirect::to("/admin/providers?done=installed").into_response())
        }
        Err(error) if error.is_revision_conflict() => {
            let other = l.say(
                "Not installed. Another user installed a different component of this type in the meantime. Review the differences again.",
                "Nicht installiert. Ein anderer Benutzer hat inzwischen eine andere Komponente dieses Typs installiert. Prüfen Sie die Unterschiede erneut.",
            );
            Ok(Told::refused(other).on(approval_path(digest)).into_response())
        }
        Err(error) => refused(&person, error),
    }
}

fn new(component: &Bytes, signature: &str) -> NewProvider {
    let new = NewProvider::new(component.clone());
    if signature.is_empty() { new } else { new.signature(signature) }
}

fn roll_back_path(type_id: &str) -> String {
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

/// The component that serves a type.
fn serving(admin: &Administration, type_id: &str) -> Option<ProviderInfo> {
    admin.providers().into_iter().find(|provider| provider.manifest.type_id == type_id)
}

/// What somebody approves by the digest.
async fn ask(person: &Person, admin: &Administration, examined: &ExaminedProvider) -> Result<Response, Failure> {
    let l = person.language;
    let (info, elsewhere) = (&examined.info, &examined.new_destinations);
    let manifest = &info.manifest;
    let before = serving(admin, &manifest.type_id);
    let same = before.as_ref().is_some_and(|before| before.digest == info.digest);
    let users = users(person, admin, &manifest.type_id).await?;
    let title = if same {
        l.say("This component is already installed", "Diese Komponente ist bereits installiert")
    } else {
        l.say("Install this provider?", "Diesen Provider installieren?")
    };
    let main = html! {
        p.trail { a href="/admin/providers" { (Room::Providers.name(l)) } }
        h1 { (title) }
        div.columns {
            section.card {
                h2 { (manifest.name) }
                p.help { (l.say("As described by the provider:", "Laut Angaben des Providers:")) }
                (facts(l, info))
                h3 { (l.say("Permissions", "Berechtigungen")) }
                ul { @for may in capabilities(l, &info.capabilities) { li { (may) } } }
                p.help { (l.say("The destinations depend on the options of each instance, where they are listed.", "Die Ziele hängen von den Optionen jeder Instanz ab und stehen dort.")) }
                (imports(l, info))
            }
            div.side {
                @match &before {
                    None => { section.card { h2 { (l.say("New type", "Neuer Typ")) } p { (l.say("It does not replace another provider.", "Es wird kein anderer Provider ersetzt.")) } } }
                    Some(before) if same => { section.card { h2 { (before.manifest.name) } p { (l.say("This exact component is in use.", "Genau diese Komponente ist in Verwendung.")) } } }
                    Some(before) => (differences(l, before, info)),
                }
                @if !elsewhere.is_empty() {
                    section.card {
                        h2 { (l.say("Secrets would be sent to new destinations", "Geheimnisse würden an neue Ziele gesendet")) }
                        p { (l.say("This component sends secrets of instances to destinations that do not receive them now:", "Diese Komponente sendet Geheimnisse von Instanzen an Ziele, die sie bisher nicht erhalten:")) }
                        ul { @for one in elsewhere { li { (destination(l, one)) } } }
                    }
                }
                @if !examined.made_invalid.is_empty() {
                    section.card {
                        h2 { (l.say("Instances would become invalid", "Instanzen würden ungültig")) }
                        p { (l.say("These instances become invalid and stop sending messages:", "Diese Instanzen werden ungültig und senden keine Nachrichten mehr:")) }
                        (affected(l, &examined.made_invalid))
                    }
                }
                section.card {
                    h2 { (l.say("Instances of this type", "Instanzen dieses Typs")) }
                    @if users.is_empty() { p { (l.say("None.", "Keine.")) } }
                    @else {
                        p { (users.len()) " " (l.say("will use this component:", "werden diese Komponente verwenden:")) }
                        ul { @for (name, instance) in users.iter().take(NAMED) { li { a href=(instance_path(&instance.subscription, &instance.id)) { (instance.name) } " · " (name) } } }
                        @if users.len() > NAMED { p { "… " (users.len() - NAMED) " " (l.say("more", "weitere")) } }
                    }
                }
            }
        }
        @if !same {
            form.card method="post" action="/admin/providers/approval" {
                input type="hidden" name="digest" value=(info.digest);
                input type="hidden" name="destinations" value=(elsewhere.iter().map(Destination::to_string).collect::<Vec<_>>().join(","));
                input type="hidden" name="replaces" value=(before.as_ref().map_or("", |before| &*before.digest));
                @if !examined.made_invalid.is_empty() { (allow_invalid(l, true)) }
                p { (l.say("You approve the component with exactly this digest:", "Sie genehmigen die Komponente mit genau diesem Digest:")) " " code.digest { (info.digest) } }
                div.actions { button.main { (l.say("Install", "Installieren")) } a.button href="/admin/providers" { (l.say("Cancel", "Abbrechen")) } }
            }
        }
    };
    Ok(page(person, Room::Providers, title, main))
}

/// Asks whether instances may become invalid.
fn allow_invalid(l: Language, required: bool) -> Markup {
    html! {
        label.inline {
            input type="checkbox" name="allow_invalid" value="yes" required[required];
            (l.say("Continue even if instances become invalid and stop sending messages", "Fortfahren, auch wenn Instanzen ungültig werden und keine Nachrichten mehr senden"))
        }
    }
}

/// The instances that a type's provider serves, each with its subscription's name.
async fn users(person: &Person, admin: &Administration, type_id: &str) -> Result<Vec<(String, Instance)>, Failure> {
    let mut users = Vec::new();
    for subscription in admin.subscriptions().await.map_err(|error| person.failure(error))? {
        let instances = admin.instances(&subscription.id).await.map_err(|error| person.failure(error))?;
        let own = instances.into_iter().filter(|instance| instance.type_id == type_id);
        users.extend(own.map(|instance| (subscription.name.clone(), instance)));
    }
    Ok(users)
}

fn recipient(l: Language, manifest: &Manifest) -> &'static str {
    match manifest.recipient {
        RecipientKind::EmailAddress => l.say("Email address", "E-Mail-Adresse"),
        RecipientKind::PhoneNumber => l.say("Phone number", "Telefonnummer"),
        RecipientKind::Handle => l.say("Handle", "Kennung"),
    }
}

/// What differs from the component that serves the type now.
fn differences(l: Language, before: &ProviderInfo, after: &ProviderInfo) -> Markup {
    let (old, new) = (&before.manifest, &after.manifest);
    let facts = [
        (l.say("Name", "Name"), &*old.name, &*new.name),
        (l.say("Version", "Version"), &old.version, &new.version),
        (l.say("Channel", "Kanal"), &old.channel, &new.channel),
        (l.say("Delivers to", "Stellt zu an"), recipient(l, old), recipient(l, new)),
        ("SHA-256", &before.digest, &after.digest),
    ];
    let changes = after.changes_from(before);
    let lists: [(&str, &[String]); 6] = [
        (l.say("Added permissions", "Neue Berechtigungen"), &capabilities(l, &changes.added_capabilities)),
        (l.say("Removed permissions", "Entfallene Berechtigungen"), &capabilities(l, &changes.removed_capabilities)),
        (l.say("New options", "Neue Optionen"), &changes.new_options),
        (l.say("Removed options", "Entfallene Optionen"), &changes.lost_options),
        (l.say("Newly required options", "Neu erforderliche Optionen"), &changes.newly_required),
        (
            l.say(
                "No longer secret: stored values of these options are shown, and given to the provider",
                "Nicht mehr geheim: Gespeicherte Werte dieser Optionen werden angezeigt und an den Provider übergeben",
            ),
            &changes.no_longer_secret,
        ),
    ];
    html! {
        section.card #differences {
            h2 { (l.say("Replaces", "Ersetzt")) " " (old.name) " " (old.version) }
            dl.facts { @for (name, old, new) in facts.iter().filter(|(_, old, new)| old != new) {
                dt { (name) } dd { del { code { (old) } } " → " ins { code { (new) } } }
            } }
            @if changes.is_downgrade { p { strong { (l.say("Downgrade: bugs fixed in the newer version will return.", "Ältere Version: Behobene Fehler treten wieder auf.")) } } }
            @if before.capabilities == after.capabilities { p { strong { (l.say("Same permissions as before.", "Dieselben Berechtigungen wie bisher.")) } } }
            @for (title, items) in lists.iter().filter(|(_, items)| !items.is_empty()) {
                h3 { (title) }
                ul { @for item in *items { li { (item) } } }
            }
        }
    }
}
