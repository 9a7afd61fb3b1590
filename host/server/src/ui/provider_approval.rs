//! Installing a provider: what it may do is shown first, then approved by its digest.

use std::time::Instant;

use axum::body::Bytes;
use axum::extract::{Query, Request, State};
use axum::http::Uri;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use twofactor::admin::{Administration, ExaminedProvider, NewProvider};
use twofactor::sandbox::{Manifest, ProviderInfo, RecipientKind};

use super::base_settings::affected;
use super::failure::Failure;
use super::form_replies::Told;
use super::links::{instance_path, on_to, segment};
use super::page::{Room, page};
use super::person::Person;
use super::posted::Posted;
use super::provider_parts::{allow_invalid, facts, imports, refused, serving, users};
use super::state::Ui;
use super::upload::Upload;
use crate::request_limits::COMPONENT_BYTES;
use crate::wording::{Language, capabilities, destination};

/// The size of the other fields of a form with a file, in bytes.
const AROUND: usize = 64 << 10;

/// Instances that are named one by one.
const NAMED: usize = 20;

/// Shows what a bundled component may do, as [`examine`] does for an upload.
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

/// Shows what an uploaded component may do. Nothing is installed.
pub(super) async fn examine(person: Person, State(ui): State<Ui>, request: Request) -> Result<Response, Failure> {
    let l = person.language;
    // A person who may not install anything is refused before the upload is read.
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
    // The page showed whether it is a downgrade.
    let new = new(&component, &signature)
        .replacing(posted.get("replaces").unwrap_or_default())
        .destinations(posted.all("destinations"))
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

/// Returns what a person approves by the digest.
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
                    Some(before) if same => { section.card { h2 { (before.manifest.name) } p { (l.say("This exact component is in use.", "Genau diese Komponente wird bereits verwendet.")) } } }
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
                @for one in elsewhere { input type="hidden" name="destinations" value=(one.to_string()); }
                input type="hidden" name="replaces" value=(before.as_ref().map_or("", |before| &*before.digest));
                @if !examined.made_invalid.is_empty() { (allow_invalid(l, true)) }
                p { (l.say("You approve the component with exactly this digest:", "Sie genehmigen die Komponente mit genau diesem Digest:")) " " code.digest { (info.digest) } }
                div.actions { button.main { (l.say("Install", "Installieren")) } a.button href="/admin/providers" { (l.say("Cancel", "Abbrechen")) } }
            }
        }
    };
    Ok(page(person, Room::Providers, title, main))
}

fn recipient(l: Language, manifest: &Manifest) -> &'static str {
    match manifest.recipient {
        Some(RecipientKind::EmailAddress) => l.say("Email address", "E-Mail-Adresse"),
        Some(RecipientKind::PhoneNumber) => l.say("Phone number", "Telefonnummer"),
        Some(RecipientKind::Handle) => l.say("Handle", "Kennung"),
        None => l.say("No recipient: it verifies factors", "Kein Empfänger: prüft Faktoren"),
    }
}

/// Returns what kind of factor it verifies, as the contract names it.
fn factor(l: Language, manifest: &Manifest) -> String {
    let Some(factor) = &manifest.factor else { return l.say("none", "keine").to_owned() };
    let mut text = format!(
        "{} → {}, {} {}",
        factor.enrolment.name(),
        factor.challenge.name(),
        l.say("per user:", "pro Benutzer:"),
        factor.max_per_user
    );
    if factor.replaces_earlier {
        text += l.say(", replaces earlier ones", ", ersetzt frühere");
    }
    if factor.never_sole {
        text += l.say(", only as a fallback", ", nur als Ausweichfaktor");
    }
    text
}

/// Returns what differs from the component that serves the type now.
fn differences(l: Language, before: &ProviderInfo, after: &ProviderInfo) -> Markup {
    let (old, new) = (&before.manifest, &after.manifest);
    let facts = [
        (l.say("Name", "Name"), &*old.name, &*new.name),
        (l.say("Version", "Version"), &old.version, &new.version),
        (l.say("Channel", "Kanal"), &old.channel, &new.channel),
        (l.say("Delivers to", "Zustellung an"), recipient(l, old), recipient(l, new)),
        (l.say("Factors", "Faktoren"), &factor(l, old), &factor(l, new)),
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
                "No longer secret: stored values of these options are shown, and passed to the provider",
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
