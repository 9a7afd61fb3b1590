//! Subscriptions: the list, a new one, and how the sign-in page of each is set.

use axum::body::Bytes;
use axum::extract::{Path, Query, Request, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};
use twofactor::sign_in::{Colors, SignInPage};
use twofactor::{Error, Site};

use super::conflict::{self, Edited};
use super::failure::Failure;
use super::form_replies::{Outcome, Told};
use super::format::time;
use super::layout::{Pages, notice, table};
use super::links::segment;
use super::page::{self, Room, page};
use super::person::Person;
use super::posted::Posted;
use super::state::Ui;
use super::upload::Upload;
use super::user_factors;
use crate::wording::Language;

/// The maximum size of a form with a logo, in bytes; the engine's limit on logos is lower.
const FORM_BYTES: usize = 256 << 10;

#[derive(Deserialize)]
pub(super) struct PageQuery {
    after: Option<String>,
    #[serde(default)]
    done: String,
}

fn path(subscription: &str) -> String {
    format!("/admin/subscriptions/{}", segment(subscription))
}

pub(super) async fn list(person: Person, Query(query): Query<PageQuery>) -> Result<Response, Failure> {
    show_list(&person, query.after.as_deref()).await
}

async fn show_list(person: &Person, after: Option<&str>) -> Result<Response, Failure> {
    let (l, posted) = (person.language, person.posted());
    let found = person.of_anything().subscriptions_page(person.bound_to(), after, Pages::SIZE).await;
    let found = found.map_err(|error| person.failure(error))?;
    let pages = Pages {
        first: after.map(|_| "/admin/subscriptions".to_owned()),
        next: found.next.map(|next| format!("/admin/subscriptions?after={}", segment(&next))),
    };
    let title = Room::Subscriptions.name(l);
    let headings = [l.say("Name", "Name"), l.say("ID", "ID"), l.say("Created", "Erstellt")];
    let main = html! {
        h1 { (title) }
        p.sub { (l.say("Instances, tokens and sign-in pages belong to a subscription.", "Instanzen, Tokens und Anmeldeseiten gehören zu einer Subscription.")) }
        @if person.may_change() && person.is_of_the_system() {
            form.card.row method="post" action="/admin/subscriptions" {
                div.field { label for="id" { (l.say("ID (cannot be changed later)", "ID (kann später nicht geändert werden)")) } input #id name="id" type="text" required maxlength="64" autocomplete="off" value=(posted.get("id").unwrap_or_default()); }
                div.field { label for="name" { (l.say("Name", "Name")) } input #name name="name" type="text" required maxlength="100" autocomplete="off" value=(posted.get("name").unwrap_or_default()); }
                div.actions { button.main { (l.say("Create subscription", "Subscription erstellen")) } }
            }
        }
        (table(&headings, usize::MAX, found.items.iter().map(|one| vec![
            html! { a href=(path(&one.id)) { (one.name) } }, html! { code { (one.id) } }, time(l, one.created_at),
        ])))
        (pages.show(l))
    };
    Ok(page(person, Room::Subscriptions, title, main))
}

pub(super) async fn create(person: Person, body: Bytes) -> Result<Response, Failure> {
    let admin = person.of_the_system()?;
    let posted = Posted::parse(&body);
    let (id, name) = (posted.get("id").unwrap_or_default(), posted.get("name").unwrap_or_default());
    let created = admin.create_subscription(id, name).await.map_err(|error| person.failure(error))?;
    Ok(Redirect::to(&format!("{}?done=created", path(&created.id))).into_response())
}

pub(super) async fn edit(
    person: Person,
    State(ui): State<Ui>,
    Path(subscription): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Response, Failure> {
    let l = person.language;
    let set = person.of(&subscription)?.sign_in_page(&subscription).await.map_err(|error| person.failure(error))?;
    let message = match &*query.done {
        "created" => notice("good", l.say("Subscription created.", "Subscription erstellt.")),
        "saved" => notice("good", l.say("Saved.", "Gespeichert.")),
        _ => html! {},
    };
    show(&person, &ui, &subscription, &set, message).await
}

/// Returns the logo separately: within the page it would make it large.
pub(super) async fn logo(person: Person, Path(subscription): Path<String>) -> Result<Response, Failure> {
    let set = person.of(&subscription)?.sign_in_page(&subscription).await.map_err(|error| person.failure(error))?;
    match set.0.logo().map_err(|error| person.failure(error))? {
        Some(logo) => Ok(([(header::CONTENT_TYPE, logo.media_type)], logo.bytes).into_response()),
        None => Err(Failure::not_found(person.language)),
    }
}

async fn show(
    person: &Person,
    ui: &Ui,
    subscription: &str,
    (set, revision): &(SignInPage, u64),
    message: Markup,
) -> Result<Response, Failure> {
    let l = person.language;
    let known = person.of(subscription)?.subscription(subscription).await.map_err(|error| person.failure(error))?;
    let here = path(subscription);
    let edited = Edited::of(person, *revision, stored(set), typed);
    let text = |name: &str| edited.values[name].as_str().unwrap_or_default();
    let color = |name: &'static str, label: &'static str, help: &'static str| {
        html! {
            div.field { label for=(name) { (label) " " span.optional { (l.say("optional", "optional")) } }
                input id=(name) name=(name) type="text" maxlength="7" placeholder="#3347c6" autocomplete="off" spellcheck="false" value=(text(name)) aria-describedby={ (name) "-help" };
                div.help id={ (name) "-help" } { (help) } }
        }
    };
    let fields = html! {
        h2 { (l.say("Sign-in page", "Anmeldeseite")) }
        p.help { (l.say("The hosted page for applications that do not have their own page for codes.", "Die gehostete Seite für Anwendungen ohne eigene Seite zur Code-Eingabe.")) }
        (edited.fields(l, &[]))
        div.field { label for="return_urls" { (l.say("Return URLs", "Rückkehr-URLs")) }
            textarea #return_urls name="return_urls" rows="4" spellcheck="false" aria-describedby="return_urls-help" { (lines(&edited.values, "return_urls")) }
            div.help #return_urls-help { (l.say("One per line. Browsers are only sent back to exactly these URLs.", "Eine pro Zeile. Browser werden nur an genau diese URLs zurückgeleitet.")) } }
        div.field { label for="application_name" { (l.say("Application name", "Name der Anwendung")) " " span.optional { (l.say("optional", "optional")) } }
            input #application_name name="application_name" type="text" maxlength="60" autocomplete="off" value=(text("application_name")); }
        div.field { label for="support_url" { (l.say("Support URL", "Support-URL")) " " span.optional { (l.say("optional", "optional")) } }
            input #support_url name="support_url" type="text" inputmode="url" maxlength="2000" autocomplete="off" placeholder="https://example.com/help" value=(text("support_url")); }
        (color("accent", l.say("Button and link color", "Farbe von Schaltflächen und Links"), l.say("Must be dark enough for white text.", "Muss dunkel genug für weißen Text sein.")))
        (color("background", l.say("Background color", "Hintergrundfarbe"), l.say("Must be light enough for dark text.", "Muss hell genug für dunklen Text sein.")))
        div.field { label for="logo" { "Logo " span.optional { (l.say("optional", "optional")) } }
            @if set.logo.is_some() { p { img.logo src={ (here) "/logo" } alt=(l.say("Current logo", "Aktuelles Logo")); } }
            @if person.may_change() {
                input #logo name="logo" type="file" accept="image/png,image/jpeg,image/webp" aria-describedby="logo-help";
                div.help #logo-help { (l.say("PNG, JPEG or WebP, at most 64 KiB. Leave empty to keep the current logo.", "PNG, JPEG oder WebP, höchstens 64 KiB. Leer lassen, um das aktuelle Logo zu behalten.")) }
                @if set.logo.is_some() { label.inline { input type="checkbox" name="remove_logo" value="yes"; (l.say("Remove logo", "Logo entfernen")) } }
            } @else if set.logo.is_none() { p #logo { "–" } }
        }
    };
    let site = site_fields(l, &ui.app.engine.site(subscription).await.unwrap_or_default(), &edited.values);
    let main = html! {
        p.trail { a href="/admin/subscriptions" { (Room::Subscriptions.name(l)) } }
        h1 { (known.name) }
        p.sub { code { (known.id) } " · " a href={ "/admin/two-factors?subscription=" (segment(subscription)) } { (Room::Instances.name(l)) }
            " · " a href=(user_factors::path(subscription)) { (user_factors::title(l)) } }
        (message)
        @if ui.app.public.is_none() { (notice("warn", l.say("The sign-in page is disabled: `public_url` is not set in the configuration.", "Die Anmeldeseite ist deaktiviert: `public_url` ist in der Konfiguration nicht gesetzt."))) }
        (page::upload_form(person, &here, html! { (fields) (site) }, html! { button.main { (l.say("Save", "Speichern")) } a.button href="/admin/subscriptions" { (l.say("Cancel", "Abbrechen")) } }))
    };
    Ok(page(person, Room::Subscriptions, &known.name, main))
}

/// Returns the lines of a field with one entry a line.
fn lines(values: &Value, name: &str) -> String {
    let all = values[name].as_array().into_iter().flatten().filter_map(Value::as_str);
    all.collect::<Vec<_>>().join("\n")
}

/// Returns the fields that say where factors are used. `site` is what they result in now.
fn site_fields(l: Language, site: &Site, values: &Value) -> Markup {
    let optional = html! { span.optional { (l.say("optional", "optional")) } };
    let list = |name: &'static str, label: &'static str, placeholder: &str, help: &'static str| {
        html! {
            div.field { label for=(name) { (label) " " (optional) }
                textarea id=(name) name=(name) rows="2" spellcheck="false" placeholder=(placeholder) aria-describedby={ (name) "-help" } { (lines(values, name)) }
                div.help id={ (name) "-help" } { (help) } }
        }
    };
    html! {
        h2 { "Passkeys" }
        div.field { label for="rp_id" { (l.say("RP ID (host name)", "RP-ID (Hostname)")) " " (optional) }
            input #rp_id name="rp_id" type="text" maxlength="253" autocomplete="off" spellcheck="false" placeholder=(site.rp_id) value=(values["rp_id"].as_str().unwrap_or_default()) aria-describedby="rp_id-help";
            div.help #rp_id-help { (l.say("Passkeys belong to it and stop working when it changes. Default: the host of the public URL.", "Passkeys gehören dazu und funktionieren nicht mehr, wenn sie sich ändert. Standard: der Host der öffentlichen URL.")) }
            label.inline { input type="checkbox" name="confirm" value="rp-id"; (l.say("Change the RP ID even if existing passkeys stop working", "RP-ID auch dann ändern, wenn bestehende Passkeys nicht mehr funktionieren")) } }
        (list("origins", l.say("Origins", "Origins"), &site.origins.join("\n"), l.say("One per line: https:// and a host name that is the RP ID or a subdomain of it, or android:apk-key-hash: of an app. Default: the origin of the public URL.", "Einer pro Zeile: https:// und ein Hostname, der zur RP-ID gehört, oder android:apk-key-hash: einer App. Standard: der Origin der öffentlichen URL.")))
        (list("related_origins", l.say("Related origins", "Verwandte Origins"), "", l.say("Origins in other domains that may use the same passkeys.", "Origins in anderen Domains, die dieselben Passkeys verwenden dürfen.")))
        (list("top_origins", l.say("Embedding origins", "Origins, die die Seiten einbetten dürfen"), "", l.say("Origins in whose frames these pages may use passkeys.", "Origins, in deren Frames diese Seiten Passkeys verwenden dürfen.")))
    }
}

/// Returns the values of the form, without the logo.
fn stored(set: &SignInPage) -> Value {
    json!({
        "return_urls": set.return_urls,
        "application_name": set.application_name,
        "support_url": set.support_url,
        "accent": set.colors.accent,
        "background": set.colors.background,
        "rp_id": set.rp_id,
        "origins": set.origins,
        "related_origins": set.related_origins,
        "top_origins": set.top_origins,
    })
}

/// Returns the values as typed.
fn typed(posted: &Posted) -> Value {
    let lines = |name: &str| {
        let lines = posted.get(name).unwrap_or_default().lines().map(str::trim);
        lines.filter(|line| !line.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let text = |name| posted.get(name);
    json!({
        "return_urls": lines("return_urls"),
        "application_name": text("application_name"),
        "support_url": text("support_url"),
        "accent": text("accent"),
        "background": text("background"),
        "rp_id": text("rp_id"),
        "origins": lines("origins"),
        "related_origins": lines("related_origins"),
        "top_origins": lines("top_origins"),
    })
}

/// Returns a page of these values, with the logo of `before` unless another was chosen or it is to go.
fn set(values: &Value, before: &SignInPage, upload: &Upload) -> Result<SignInPage, Error> {
    let text = |name: &str| values[name].as_str().map(str::to_owned);
    let lines = |name: &str| {
        let lines = values[name].as_array().into_iter().flatten();
        lines.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut set = SignInPage {
        return_urls: lines("return_urls"),
        application_name: text("application_name"),
        logo: before.logo.clone().filter(|_| upload.text("remove_logo").is_empty()),
        colors: Colors { accent: text("accent"), background: text("background") },
        support_url: text("support_url"),
        rp_id: text("rp_id"),
        origins: lines("origins"),
        related_origins: lines("related_origins"),
        top_origins: lines("top_origins"),
    };
    match upload.part("logo") {
        Some(file) if !file.is_empty() => set.set_logo(&file)?,
        _ => {}
    }
    Ok(set)
}

pub(super) async fn save(
    person: Person,
    Path(subscription): Path<String>,
    request: Request,
) -> Result<Response, Failure> {
    let l = person.language;
    let admin = person.of(&subscription)?;
    let (before, _) = admin.sign_in_page(&subscription).await.map_err(|error| person.failure(error))?;
    let Some(upload) = Upload::read(request, FORM_BYTES).await else {
        let long =
            l.say("Not saved. The logo is larger than 64 KiB.", "Nicht gespeichert. Das Logo ist größer als 64 KiB.");
        return Ok(Told::refused(long).into_response());
    };
    let posted = upload.posted();
    let mut values = typed(&posted);
    conflict::resolve(&posted, &mut values, &stored(&before));
    let revision = posted.get("revision").and_then(|text| text.parse().ok()).unwrap_or_default();
    let saved = match set(&values, &before, &upload) {
        Ok(set) if posted.get("confirm") == Some("rp-id") => {
            admin.set_sign_in_page_and_end_passkeys(&subscription, set, Some(revision)).await.map(drop)
        }
        Ok(set) => admin.set_sign_in_page(&subscription, set, Some(revision)).await.map(drop),
        Err(error) => Err(error),
    };
    match saved {
        Ok(()) => Ok(Redirect::to(&format!("{}?done=saved", path(&subscription))).into_response()),
        // A logo that was not stored is chosen again.
        Err(error) if error.is_revision_conflict() => Ok(Told::new(Outcome::Conflict).showing(posted).into_response()),
        Err(error) if error.is_invalid_input() || error.is_conflict() => {
            Ok(Told::refused(person.sentence(&error)).showing(posted).into_response())
        }
        Err(error) => Err(person.failure(error)),
    }
}
