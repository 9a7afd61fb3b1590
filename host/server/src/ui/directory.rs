//! A subscription's directory, searched to assign an instance to what is in it.

use axum::body::Bytes;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use twofactor::Assignment;
use twofactor::admin::{DirectoryEntry, DirectoryFilter, NamedTarget};
use twofactor::store::AssignmentKind;

use super::assignments::{KINDS, kind_name, kind_of};
use super::failure::Failure;
use super::form_replies::Outcome;
use super::layout::{Pages, badge, notice, table};
use super::links::{instance_path, segment};
use super::page::{Room, page};
use super::person::Person;
use super::posted::Posted;

#[derive(Deserialize)]
pub(super) struct Search {
    /// The name of a kind; anything else means all kinds.
    #[serde(default)]
    kind: String,
    #[serde(default)]
    search: String,
    after: Option<String>,
    #[serde(default)]
    done: String,
}

impl Search {
    fn kind(&self) -> Option<AssignmentKind> {
        KINDS.into_iter().find(|kind| kind.as_str() == self.kind)
    }

    /// This search again.
    fn link(&self) -> String {
        format!("?kind={}&search={}", segment(&self.kind), segment(self.search.trim()))
    }
}

pub(super) async fn list(
    person: Person,
    Path((subscription, id)): Path<(String, String)>,
    Query(search): Query<Search>,
) -> Result<Response, Failure> {
    let named = person.language.say("Name saved.", "Name gespeichert.");
    let message = if search.done == "named" {
        notice("good", named)
    } else {
        html! {}
    };
    show(&person, &subscription, &id, &search, message).await
}

/// Gives an entry a name for people.
pub(super) async fn name(
    person: Person,
    Path((subscription, id)): Path<(String, String)>,
    Query(search): Query<Search>,
    body: Bytes,
) -> Result<Response, Failure> {
    let posted = Posted::parse(&body);
    let target = Assignment { kind: kind_of(&posted), id: posted.get("id").unwrap_or_default().to_owned() };
    let entry = NamedTarget { target, name: posted.get("name").unwrap_or_default().to_owned() };
    let revision = posted.get("revision").and_then(|text| text.parse().ok()).unwrap_or_default();
    let named = person.of(&subscription)?.name_target(&subscription, entry, Some(revision)).await;
    named.map_err(|error| person.failure(error))?;
    let after = search.after.as_deref().map(|after| format!("&after={}", segment(after))).unwrap_or_default();
    let here = format!("{}/directory{}{after}&done=named", instance_path(&subscription, &id), search.link());
    Ok(Redirect::to(&here).into_response())
}

/// Returns the name that was typed for an entry and is not saved.
fn typed_name<'a>(person: &'a Person, one: &DirectoryEntry) -> Option<&'a str> {
    let posted = person.posted();
    posted.get("name").filter(|_| posted.get("id") == Some(&one.id) && kind_of(posted) == one.kind)
}

async fn show(
    person: &Person,
    subscription: &str,
    id: &str,
    search: &Search,
    message: Markup,
) -> Result<Response, Failure> {
    let l = person.language;
    let admin = person.of(subscription)?;
    let instance = admin.instance(subscription, id).await.map_err(|error| person.failure(error))?;
    let assigned = admin.assignments(subscription, id).await.map_err(|error| person.failure(error))?.assigned;
    let filter = DirectoryFilter { kind: search.kind(), search: search.search.trim().to_owned() };
    let found = admin.directory(subscription, &filter, search.after.as_deref(), Pages::SIZE).await;
    let found = found.map_err(|error| person.failure(error))?;
    let here = instance_path(subscription, id);
    let title = l.say("Directory", "Verzeichnis");
    let is_assigned = |one: &DirectoryEntry| assigned.iter().any(|it| it.kind == one.kind && it.id == one.id);
    let hidden = |one: &DirectoryEntry| html! { input type="hidden" name="kind" value=(one.kind.as_str()); input type="hidden" name="id" value=(one.id); };
    let headings = [l.say("Type", "Art"), l.say("ID", "ID"), l.say("Name", "Name"), l.say("Assignment", "Zuweisung")];
    let pages = Pages {
        first: search.after.is_some().then(|| search.link()),
        next: found.next.as_ref().map(|next| format!("{}&after={}", search.link(), segment(next))),
    };
    let main = html! {
        p.trail { a href={ (here) "#assignments" } { (instance.name) } }
        h1 { (title) }
        p.sub { (l.say("Tenants, IDPs, client applications and users that instances of this subscription can be assigned to: those that were imported or are already assigned.",
            "Mandanten, IDPs, Client-Anwendungen und Benutzer, denen Instanzen dieser Subscription zugewiesen werden können: importierte und bereits verwendete.")) }
        (message)
        form.filter method="get" {
            label for="kind" { (l.say("Type", "Art")) }
            select #kind name="kind" {
                option value="" { (l.say("All", "Alle")) }
                @for kind in KINDS { option value=(kind.as_str()) selected[search.kind() == Some(kind)] { (kind_name(l, kind)) } }
            }
            label for="search" { (l.say("ID or name contains", "ID oder Name enthält")) }
            input.search #search name="search" type="search" value=(search.search) autocomplete="off";
            button { (l.say("Search", "Suchen")) }
        }
        @if found.items.is_empty() { div.empty { p { (l.say("No results.", "Keine Ergebnisse.")) } } }
        @else {
            (table(&headings, usize::MAX, found.items.iter().map(|one| vec![
                html! { (kind_name(l, one.kind)) }, html! { code { (one.id) } },
                html! { @if person.may_change() {
                    @let typed = typed_name(person, one);
                    form.inline method="post" {
                        (hidden(one)) input type="hidden" name="revision" value=(one.revision);
                        @if let (Some(_), Some(Outcome::Conflict)) = (typed, person.outcome()) { p.help { (l.say("Saved value: ", "Gespeicherter Wert: ")) (one.name.as_deref().unwrap_or("–")) } }
                        input name="name" type="text" required maxlength="100" autocomplete="off" value=[typed.or(one.name.as_deref())] aria-label={ (l.say("Name of ", "Name von ")) (one.id) };
                        button { (l.say("Save", "Speichern")) }
                    }
                } @else { (one.name.as_deref().unwrap_or("–")) } },
                html! {
                    @if is_assigned(one) { (badge("good", l.say("Assigned", "Zugewiesen"))) }
                    @else if person.may_change() {
                        form method="post" action={ (here) "/assignments" } { (hidden(one)) button name="do" value="add" aria-label={ (l.say("Assign ", "Zuweisen: ")) (one.id) } { (l.say("Assign", "Zuweisen")) } }
                    } @else { "–" }
                },
            ])))
            (pages.show(l))
        }
    };
    Ok(page(person, Room::Instances, title, main))
}
