//! The providers that are loaded, what each may do, and how another is installed: shown first, then approved by its digest.

use std::time::Instant;

use axum::body::Bytes;
use axum::extract::{Path, Query, Request, State};
use axum::http::Uri;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use twofactor::{
    Administration, Destination, Error, ExaminedProvider, Instance, Manifest, NewProvider, ProviderInfo, RecipientKind,
};

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
        "installed" => {
            notice("good", person.language.say("The provider was installed.", "Der Provider wurde installiert."))
        }
        "taken-back" => {
            notice("good", person.language.say("The provider was taken back.", "Der Provider wurde zurückgenommen."))
        }
        _ => html! {},
    };
    show(&person, message)
}

fn show(person: &Person, message: Markup) -> Response {
    let l = person.language;
    let title = Room::Providers.name(l);
    let main = html! {
        h1 { (title) }
        p.sub { (l.say("Each is a component in a sandbox. What an instance of it may reach stands with the instance.",
            "Jeder ist eine Komponente in einer Sandbox. Was eine Instanz erreichen darf, steht bei der Instanz.")) }
        @if person.may_change() && person.is_of_the_system() {
            form.card method="post" enctype="multipart/form-data" {
                h2 { (l.say("Install a provider", "Einen Provider installieren")) }
                (message)
                div.field {
                    label for="component" { (l.say("Component", "Komponente")) }
                    input #component name="component" type="file" accept=".wasm,application/wasm" required aria-describedby="component-help";
                    div.help #component-help { (l.say("A WebAssembly component (.wasm). You are shown what it may do before anything is installed.",
                        "Eine WebAssembly-Komponente (.wasm). Sie sehen, was sie darf, bevor etwas installiert wird.")) }
                }
                div.field {
                    label for="signature" { (l.say("Signature", "Signatur")) }
                    input #signature name="signature" type="file" accept=".minisig" aria-describedby="signature-help";
                    div.help #signature-help { (l.say("The file that minisign made for it (.minisig), if there is one.",
                        "Die Datei, die minisign dazu gemacht hat (.minisig), falls es eine gibt.")) }
                }
                div.actions { button.main { (l.say("Look at it", "Ansehen")) } }
            }
        }
        (bundled(person))
        @for refused in person.of_anything().refused_providers() {
            section.card {
                h2 { (l.say("Does not serve", "Bedient nicht")) ": " code { (refused.type_id) } }
                p { (l.say("A component that was added may not serve here:", "Eine Komponente, die hinzugefügt wurde, darf hier nicht bedienen:")) " " (spoken(l, &refused.why)) "." }
                dl.facts { dt { "SHA-256" } dd { code.digest { (refused.digest) } } }
                @if person.may_change() && person.is_of_the_system() {
                    p { a href=(take_back_path(&refused.type_id)) { (l.say("Take it back", "Zurücknehmen")) } }
                }
            }
        }
        div.cards { @for provider in person.of_anything().providers() {
            section.card {
                h2 { (provider.manifest.name) }
                (facts(l, &provider))
                h3 { (l.say("It may", "Er darf")) }
                ul { @for may in capabilities(l, &provider.capabilities) { li { (may) } } }
                (imports(l, &provider))
                @if provider.added_at.is_some() && person.may_change() && person.is_of_the_system() {
                    p { a href=(take_back_path(&provider.manifest.type_id)) { (l.say("Take it back", "Zurücknehmen")) } }
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
                h2 { (l.say("Comes with the program, not switched on", "Gehört zum Programm, nicht eingeschaltet")) }
                p.help { (l.say("You are shown what each may do before it is switched on. Then all servers on this store have it.",
                    "Sie sehen, was jeder darf, bevor er eingeschaltet wird. Danach haben ihn alle Server mit diesem Speicher.")) }
                ul.assigned { @for type_id in off { li {
                    span { strong { (type_id) } " " span.help { (bundled_words(l, type_id)) } }
                    form method="post" action="/admin/providers/bundled" {
                        input type="hidden" name="type" value=(type_id);
                        button { (l.say("Look at it", "Ansehen")) }
                    }
                } } }
            }
        }
    }
}

fn bundled_words(l: Language, type_id: &str) -> &'static str {
    match type_id {
        "email" => l.say("mail over SMTP or Microsoft 365", "E-Mails über SMTP oder Microsoft 365"),
        "ecall" => l.say("SMS through eCall", "SMS über eCall"),
        "twilio" => l.say("SMS through Twilio", "SMS über Twilio"),
        "ses" => l.say("mail through Amazon SES", "E-Mails über Amazon SES"),
        "slack" => l.say("direct messages in Slack", "Direktnachrichten in Slack"),
        "twilio-verify" => {
            l.say("codes that Twilio makes, sends and verifies", "Codes, die Twilio erstellt, sendet und prüft")
        }
        "twilio-voice" => l.say("calls through Twilio", "Anrufe über Twilio"),
        "webhook" => l.say("signed requests to your own gateway", "signierte Anfragen an Ihr eigenes Gateway"),
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
        let none = l.say(
            "There is no file, or it is longer than 64 MiB.",
            "Es ist keine Datei da, oder sie ist länger als 64 MiB.",
        );
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
            "Nothing was installed: what you were shown is not held any more. It is for ten minutes, by the server that showed it, until you look at another file. Upload it again.",
            "Nichts wurde installiert: was Ihnen gezeigt wurde, ist nicht mehr da. Es bleibt zehn Minuten, auf dem Server, der es gezeigt hat, bis Sie eine andere Datei ansehen. Laden Sie es nochmals hoch.",
        );
        return Ok(Told::refused(gone).on("/admin/providers").into_response());
    };
    // Whether it is older than what it replaces stood on the page.
    let new = new(&component, &signature)
        .replacing(posted.get("replaces").unwrap_or_default())
        .destinations(posted.get("destinations").unwrap_or_default().split(','))
        .allow_invalid(posted.get("allow_invalid").is_some())
        .allow_older(true);
    match admin.add_provider(new).await {
        Ok(_) => {
            ui.pending_components.forget(account);
            Ok(Redirect::to("/admin/providers?done=installed").into_response())
        }
        Err(error) if error.is_revision_conflict() => {
            let other = l.say(
                "Nothing was installed: somebody else installed another component of this type meanwhile. This is what it would replace now.",
                "Nichts wurde installiert: jemand anderes hat inzwischen eine andere Komponente dieses Typs installiert. Das würde jetzt ersetzt.",
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

fn take_back_path(type_id: &str) -> String {
    format!("/admin/providers/{}/take-back", segment(type_id))
}

/// Asks before a component is taken back.
pub(super) async fn ask_take_back(person: Person, Path(type_id): Path<String>) -> Result<Response, Failure> {
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
    let title = l.say("Take this provider back?", "Diesen Provider zurücknehmen?");
    let main = html! {
        p.trail { a href="/admin/providers" { (Room::Providers.name(l)) } }
        h1 { (title) }
        form.card method="post" {
            h2 { (name) }
            p { (l.say("What it replaced serves again: the component before it, or the one that comes with the program. If there is none, its instances are not available any more.",
                "Was er ersetzt hat, bedient wieder: die Komponente davor, oder die, die zum Programm gehört. Gibt es keine, sind seine Instanzen nicht mehr verfügbar.")) }
            p { (users.len()) " " (l.say("instances are of its type.", "Instanzen sind von seinem Typ.")) }
            input type="hidden" name="digest" value=(digest);
            (allow_invalid(l, false))
            div.actions { button.bad { (l.say("Take it back", "Zurücknehmen")) } a.button href="/admin/providers" { (l.say("Keep it", "Behalten")) } }
        }
    };
    Ok(page(&person, Room::Providers, title, main))
}

pub(super) async fn take_back(person: Person, Path(type_id): Path<String>, body: Bytes) -> Result<Response, Failure> {
    let l = person.language;
    let admin = person.of_the_system()?;
    let shown = Posted::parse(&body);
    let digest = shown.get("digest").unwrap_or_default();
    let allow_invalid = shown.get("allow_invalid").is_some();
    let taken = match admin.roll_back_provider(&type_id, Some(digest), allow_invalid).await {
        Err(error) if error.is_conflict() && !error.is_revision_conflict() => {
            admin.remove_provider(&type_id, Some(digest), allow_invalid).await
        }
        other => other.map(drop),
    };
    match taken {
        Ok(()) => Ok(Redirect::to("/admin/providers?done=taken-back").into_response()),
        Err(error) if error.is_revision_conflict() || error.is_not_found() => {
            let other = l.say(
                "Nothing was taken back: another component serves by now.",
                "Nichts wurde zurückgenommen: inzwischen bedient eine andere Komponente.",
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
        l.say("This is installed already", "Das ist schon installiert")
    } else {
        l.say("Install this provider?", "Diesen Provider installieren?")
    };
    let main = html! {
        p.trail { a href="/admin/providers" { (Room::Providers.name(l)) } }
        h1 { (title) }
        div.columns {
            section.card {
                h2 { (manifest.name) }
                p.help { (l.say("So it says of itself:", "So stellt er sich vor:")) }
                (facts(l, info))
                h3 { (l.say("It may", "Er darf")) }
                ul { @for may in capabilities(l, &info.capabilities) { li { (may) } } }
                p.help { (l.say("Where to is decided by each instance's options, and shown with the instance.", "Wohin, entscheiden die Optionen jeder Instanz; es steht bei der Instanz.")) }
                (imports(l, info))
            }
            div.side {
                @match &before {
                    None => { section.card { h2 { (l.say("A new type", "Ein neuer Typ")) } p { (l.say("It replaces nothing.", "Er ersetzt nichts.")) } } }
                    Some(before) if same => { section.card { h2 { (before.manifest.name) } p { (l.say("These very bytes serve this type.", "Genau diese Bytes bedienen diesen Typ.")) } } }
                    Some(before) => (differences(l, before, info)),
                }
                @if !elsewhere.is_empty() {
                    section.card {
                        h2 { (l.say("Secrets would go elsewhere", "Geheimnisse gingen anderswohin")) }
                        p { (l.say("With it secrets of instances go to where they do not go now:", "Mit ihm gehen Geheimnisse von Instanzen dorthin, wohin sie jetzt nicht gehen:")) }
                        ul { @for one in elsewhere { li { (destination(l, one)) } } }
                    }
                }
                @if !examined.made_invalid.is_empty() {
                    section.card {
                        h2 { (l.say("Instances would become invalid", "Instanzen würden ungültig")) }
                        p { (l.say("These are valid now. With this component they are not, and send nothing:", "Diese sind jetzt gültig. Mit dieser Komponente sind sie es nicht und senden nichts:")) }
                        (affected(l, &examined.made_invalid))
                    }
                }
                section.card {
                    h2 { (l.say("Instances of this type", "Instanzen dieses Typs")) }
                    @if users.is_empty() { p { (l.say("None.", "Keine.")) } }
                    @else {
                        p { (users.len()) " " (l.say("are served by it from then on:", "werden von da an von ihm bedient:")) }
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
                p { (l.say("You approve the component with this digest, and no other:", "Sie genehmigen die Komponente mit diesem Digest, und keine andere:")) " " code.digest { (info.digest) } }
                div.actions { button.main { (l.say("Install it", "Installieren")) } a.button href="/admin/providers" { (l.say("Leave it", "Nicht installieren")) } }
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
            (l.say("Go on even if instances become invalid and send nothing", "Fortfahren, auch wenn Instanzen ungültig werden und nichts senden"))
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
        RecipientKind::EmailAddress => l.say("email address", "E-Mail-Adresse"),
        RecipientKind::PhoneNumber => l.say("telephone number", "Telefonnummer"),
        RecipientKind::Handle => l.say("its own handle", "eigene Kennung"),
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
        (l.say("It may newly", "Er darf neu"), &capabilities(l, &changes.added_capabilities)),
        (l.say("It may no longer", "Er darf nicht mehr"), &capabilities(l, &changes.removed_capabilities)),
        (l.say("New options", "Neue Optionen"), &changes.new_options),
        (l.say("Options it does not know any more", "Optionen, die er nicht mehr kennt"), &changes.lost_options),
        (l.say("Options it newly requires", "Optionen, die er neu verlangt"), &changes.newly_required),
        (
            l.say(
                "Options that are secret no longer: what is stored of them is shown and given to it",
                "Optionen, die nicht mehr geheim sind: was davon gespeichert ist, wird gezeigt und ihm gegeben",
            ),
            &changes.no_longer_secret,
        ),
    ];
    html! {
        section.card #differences {
            h2 { (l.say("It replaces", "Er ersetzt")) " " (old.name) " " (old.version) }
            dl.facts { @for (name, old, new) in facts.iter().filter(|(_, old, new)| old != new) {
                dt { (name) } dd { del { code { (old) } } " → " ins { code { (new) } } }
            } }
            @if changes.is_older { p { strong { (l.say("It is older than what it replaces: faults that were mended come back.", "Er ist älter als der andere: behobene Fehler kommen zurück.")) } } }
            @if before.capabilities == after.capabilities { p { strong { (l.say("It may do what the other may, no more and no less.", "Er darf dasselbe wie der andere, nicht mehr und nicht weniger.")) } } }
            @for (title, items) in lists.iter().filter(|(_, items)| !items.is_empty()) {
                h3 { (title) }
                ul { @for item in *items { li { (item) } } }
            }
        }
    }
}
