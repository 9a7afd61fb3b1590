//! Subscriptions: the list, a new one, and how the sign-in page of each is set.

use axum::body::Bytes;
use axum::extract::{Path, Query, Request, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};
use twofactor::{Colours, Error, SignInPage};

use super::conflict::{self, Edited};
use super::failure::Failure;
use super::form::Posted;
use super::form_replies::{Outcome, Told};
use super::layout::{Pages, notice, table, time};
use super::links::segment;
use super::page::{self, Room, page};
use super::person::Person;
use super::state::Ui;
use super::upload::Upload;

/// The longest form with a logo in it, in bytes; what the engine takes as a logo is less.
const FORM_BYTES: usize = 256 << 10;

#[derive(Deserialize)]
pub(super) struct Place {
    after: Option<String>,
    #[serde(default)]
    done: String,
}

fn path(subscription: &str) -> String {
    format!("/admin/subscriptions/{}", segment(subscription))
}

pub(super) async fn list(person: Person, Query(place): Query<Place>) -> Result<Response, Failure> {
    show_list(&person, place.after.as_deref()).await
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
    let headings = [l.say("Name", "Name"), l.say("Id", "Id"), l.say("Since", "Seit")];
    let main = html! {
        h1 { (title) }
        p.sub { (l.say("Instances, tokens and sign-in pages belong to a subscription.", "Instanzen, Tokens und Anmeldeseiten gehören zu einer Subscription.")) }
        @if person.may_change() && person.is_of_the_system() {
            form.card.row method="post" action="/admin/subscriptions" {
                div.field { label for="id" { (l.say("Id, which never changes", "Id, die sich nie ändert")) } input #id name="id" type="text" required maxlength="64" autocomplete="off" value=(posted.get("id").unwrap_or_default()); }
                div.field { label for="name" { (l.say("Name", "Name")) } input #name name="name" type="text" required maxlength="100" autocomplete="off" value=(posted.get("name").unwrap_or_default()); }
                div.actions { button.main { (l.say("Create a subscription", "Subscription erstellen")) } }
            }
        }
        (table(&headings, usize::MAX, found.items.iter().map(|one| vec![
            html! { a href=(path(&one.id)) { (one.name) } }, html! { code { (one.id) } }, time(one.created_at),
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
    Query(place): Query<Place>,
) -> Result<Response, Failure> {
    let l = person.language;
    let set = person.of(&subscription)?.sign_in_page(&subscription).await.map_err(|error| person.failure(error))?;
    let message = match &*place.done {
        "created" => notice("good", l.say("The subscription was created.", "Die Subscription wurde erstellt.")),
        "saved" => notice("good", l.say("Saved.", "Gespeichert.")),
        _ => html! {},
    };
    show(&person, &ui, &subscription, &set, message).await
}

/// The logo by itself: in the page it would make that long.
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
    let urls = edited.values["return_urls"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let urls = urls.collect::<Vec<_>>().join("\n");
    let colour = |name: &'static str, label: &'static str, help: &'static str| {
        html! {
            div.field { label for=(name) { (label) " " span.optional { (l.say("optional", "freiwillig")) } }
                input id=(name) name=(name) type="text" maxlength="7" placeholder="#3347c6" autocomplete="off" spellcheck="false" value=(text(name)) aria-describedby={ (name) "-help" };
                div.help id={ (name) "-help" } { (help) } }
        }
    };
    let fields = html! {
        h2 { (l.say("Sign-in page", "Anmeldeseite")) }
        p.help { (l.say("Where an application without a page of its own for codes sends its users.", "Dorthin schickt eine Applikation ohne eigene Seite für Codes ihre Benutzer.")) }
        (edited.fields(l, &[]))
        div.field { label for="return_urls" { (l.say("Return URLs", "Rückkehr-URLs")) }
            textarea #return_urls name="return_urls" rows="4" spellcheck="false" aria-describedby="return_urls-help" { (urls) }
            div.help #return_urls-help { (l.say("One a line: browsers are sent back to these very addresses and no other.", "Eine je Zeile: Browser werden an genau diese Adressen zurückgeschickt und an keine andere.")) } }
        div.field { label for="application_name" { (l.say("Application's name", "Name der Applikation")) " " span.optional { (l.say("optional", "freiwillig")) } }
            input #application_name name="application_name" type="text" maxlength="60" autocomplete="off" value=(text("application_name")); }
        div.field { label for="support_url" { (l.say("Where people find help", "Wo es Hilfe gibt")) " " span.optional { (l.say("optional", "freiwillig")) } }
            input #support_url name="support_url" type="text" inputmode="url" maxlength="2000" autocomplete="off" placeholder="https://example.com/help" value=(text("support_url")); }
        (colour("accent", l.say("Colour of buttons and links", "Farbe von Knöpfen und Links"), l.say("Dark enough to be read with white.", "Dunkel genug, um mit Weiss lesbar zu sein.")))
        (colour("background", l.say("Colour behind the form", "Farbe hinter dem Formular"), l.say("Light enough for dark text.", "Hell genug für dunklen Text.")))
        div.field { label for="logo" { "Logo " span.optional { (l.say("optional", "freiwillig")) } }
            @if set.logo.is_some() { p { img.logo src={ (here) "/logo" } alt=(l.say("The logo as it is", "Das Logo, wie es ist")); } }
            @if person.may_change() {
                input #logo name="logo" type="file" accept="image/png,image/jpeg,image/webp" aria-describedby="logo-help";
                div.help #logo-help { (l.say("PNG, JPEG or WebP of at most 64 KiB. Without a file the logo stays as it is.", "PNG, JPEG oder WebP von höchstens 64 KiB. Ohne Datei bleibt das Logo, wie es ist.")) }
                @if set.logo.is_some() { label.inline { input type="checkbox" name="remove_logo" value="yes"; (l.say("Remove the logo", "Logo entfernen")) } }
            } @else if set.logo.is_none() { p #logo { "–" } }
        }
    };
    let main = html! {
        p.trail { a href="/admin/subscriptions" { (Room::Subscriptions.name(l)) } }
        h1 { (known.name) }
        p.sub { code { (known.id) } " · " a href={ "/admin/two-factors?subscription=" (segment(subscription)) } { (Room::Instances.name(l)) } }
        (message)
        @if ui.app.public.is_none() { (notice("warn", l.say("This server shows no sign-in page: `public_url` is missing in its configuration.", "Dieser Server zeigt keine Anmeldeseite: in seiner Konfiguration fehlt `public_url`."))) }
        (page::upload_form(person, &here, fields, html! { button.main { (l.say("Save", "Speichern")) } a.button href="/admin/subscriptions" { (l.say("Cancel", "Abbrechen")) } }))
    };
    Ok(page(person, Room::Subscriptions, &known.name, main))
}

/// What stands in the form, but for the logo.
fn stored(set: &SignInPage) -> Value {
    json!({
        "return_urls": set.return_urls,
        "application_name": set.application_name,
        "support_url": set.support_url,
        "accent": set.colours.accent,
        "background": set.colours.background,
    })
}

/// The same, as it was typed.
fn typed(posted: &Posted) -> Value {
    let urls = posted.get("return_urls").unwrap_or_default();
    let urls: Vec<&str> = urls.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let text = |name| posted.get(name);
    json!({
        "return_urls": urls,
        "application_name": text("application_name"),
        "support_url": text("support_url"),
        "accent": text("accent"),
        "background": text("background"),
    })
}

/// A page of these values, with the logo of `before` unless another was chosen or it is to go.
fn set(values: &Value, before: &SignInPage, upload: &Upload) -> Result<SignInPage, Error> {
    let text = |name: &str| values[name].as_str().map(str::to_owned);
    let urls = values["return_urls"].as_array().into_iter().flatten();
    let mut set = SignInPage {
        return_urls: urls.filter_map(Value::as_str).map(str::to_owned).collect(),
        application_name: text("application_name"),
        logo: before.logo.clone().filter(|_| upload.text("remove_logo").is_empty()),
        colours: Colours { accent: text("accent"), background: text("background") },
        support_url: text("support_url"),
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
            l.say("Not saved: the logo is longer than 64 KiB.", "Nicht gespeichert: das Logo ist länger als 64 KiB.");
        return Ok(Told::refused(long).into_response());
    };
    let posted = upload.posted();
    let mut values = typed(&posted);
    conflict::resolve(&posted, &mut values, &stored(&before));
    let revision = posted.get("revision").and_then(|text| text.parse().ok()).unwrap_or_default();
    let saved = match set(&values, &before, &upload) {
        Ok(set) => admin.set_sign_in_page(&subscription, set, Some(revision)).await.map(drop),
        Err(error) => Err(error),
    };
    match saved {
        Ok(()) => Ok(Redirect::to(&format!("{}?done=saved", path(&subscription))).into_response()),
        // A logo that was not stored is chosen again.
        Err(error) if error.is_revision_conflict() => Ok(Told::new(Outcome::Conflict).showing(posted).into_response()),
        Err(error) if error.is_invalid_input() => {
            Ok(Told::refused(person.sentence(&error)).showing(posted).into_response())
        }
        Err(error) => Err(person.failure(error)),
    }
}
