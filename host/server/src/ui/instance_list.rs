//! The list of TwoFactor instances.

use axum::extract::Query;
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use serde::Deserialize;
use twofactor::admin::{Administration, Assigned, Instance, UpstreamHealth};

use super::failure::Failure;
use super::format::{percent, time};
use super::health;
use super::health::health_of;
use super::instance_form::{own_subscriptions, state};
use super::layout::{Pages, notice, table};
use super::links::{instance_path, segment};
use super::page::{Room, page};
use super::person::Person;
use crate::wording::Language;

/// An instance in the list, with how its deliveries went in the last seven days.
struct Row<'a> {
    instance: Instance,
    subscription: &'a str,
    assigned: Vec<Assigned>,
    last: Option<Timestamp>,
    delivered: u64,
    sent: u64,
    health: UpstreamHealth,
}

/// The filters of the list.
#[derive(Deserialize)]
pub(super) struct Filter {
    #[serde(default)]
    subscription: String,
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    state: String,
    /// A part of its name.
    #[serde(default)]
    name: String,
    /// The subscription that a page begins in.
    from: Option<String>,
    /// The place within it.
    after: Option<String>,
    #[serde(default)]
    done: String,
}

/// The maximum number of instances that a search shows.
const FOUND: usize = 200;

/// How many instances a page has in memory at once, at most: their options may be long.
pub(super) const AT_ONCE: u32 = 1000;

impl Filter {
    fn is_search(&self) -> bool {
        [&self.r#type, &self.state, &self.name].iter().any(|text| !text.trim().is_empty())
    }

    fn fits(&self, instance: &Instance) -> bool {
        let name = self.name.trim().to_lowercase();
        let of_type = self.r#type.is_empty() || self.r#type == instance.type_id;
        of_type && (instance.name.to_lowercase().contains(&name) || instance.id == self.name.trim())
    }

    fn is_in_state(&self, row: &Row<'_>) -> bool {
        match &*self.state {
            "active" => row.instance.active,
            "inactive" => !row.instance.active,
            "invalid" => !row.instance.valid,
            "unassigned" => row.assigned.is_empty(),
            "failing" => row.health.is_failing(),
            _ => true,
        }
    }

    /// Returns the same filter, as the beginning of a link.
    fn query(&self) -> String {
        let pairs = [
            ("subscription", &self.subscription),
            ("type", &self.r#type),
            ("state", &self.state),
            ("name", &self.name),
        ];
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(pairs.iter().filter(|(name, value)| *name == "subscription" || !value.is_empty()));
        query.finish()
    }
}

pub(super) async fn list(person: Person, Query(filter): Query<Filter>) -> Result<Response, Failure> {
    let l = person.language;
    let admin = person.of_anything();
    let subscriptions = own_subscriptions(&person).await?;
    let mut rows = Vec::new();
    let week_ago = Timestamp::now() - SignedDuration::from_hours(7 * 24);
    let narrowed = subscriptions.iter().filter(|(id, _)| filter.subscription.is_empty() || filter.subscription == *id);
    let before = |id: &str| filter.from.as_deref().is_some_and(|from| id < from);
    let mut next = None;
    for (subscription, name) in narrowed.filter(|(id, _)| !before(id)) {
        let room = Pages::SIZE.saturating_sub(u32::try_from(rows.len()).unwrap_or(u32::MAX));
        let link = |after: &str| format!("/admin/two-factors?{}&from={}{after}", filter.query(), segment(subscription));
        let room = if filter.is_search() { AT_ONCE } else { room };
        if room == 0 {
            next = Some(link(""));
            break;
        }
        let statistics = admin.statistics(subscription, week_ago).await.map_err(|error| person.failure(error))?;
        let mut after = filter.after.clone().filter(|_| filter.from.as_ref() == Some(subscription));
        let rest = loop {
            let part = admin.instances_page(subscription, after.as_deref(), room);
            let part = part.await.map_err(|error| person.failure(error))?;
            for instance in part.items.into_iter().filter(|instance| filter.fits(instance)) {
                let assigned = admin.assignments(subscription, &instance.id).await;
                let assigned = assigned.map_err(|error| person.failure(error))?.assigned;
                let health = health_of(&person, admin, &instance).await?;
                let mut row = Row { subscription: name, assigned, last: None, delivered: 0, sent: 0, health, instance };
                for one in statistics.iter().filter(|one| one.instance == row.instance.id && one.is_delivery()) {
                    let delivered = one.event == "delivered";
                    row.sent += one.count;
                    row.delivered += if delivered { one.count } else { 0 };
                    row.last = row.last.max(delivered.then_some(one.last));
                }
                if filter.is_in_state(&row) && rows.len() < FOUND {
                    rows.push(row);
                }
            }
            // A search goes through all of them.
            if !filter.is_search() || part.next.is_none() {
                break part.next;
            }
            after = part.next;
        };
        if let Some(rest) = rest {
            next = Some(link(&format!("&after={}", segment(&rest))));
            break;
        }
    }
    let first = filter.from.is_some().then(|| format!("/admin/two-factors?{}", filter.query()));
    let pages = Pages { first, next };
    let new = html! { @if person.may_change() { a.button.main href="/admin/two-factors/new" { (l.say("Create TwoFactor Instance", "TwoFactor-Instanz erstellen")) } } };
    let main = html! {
        div.head { h1 { (Room::Instances.name(l)) } (new) }
        @if filter.done == "removed" { (notice("good", l.say("Instance deleted.", "Instanz gelöscht."))) }
        (filters(l, &filter, &subscriptions, admin))
        @if rows.is_empty() && filter.is_search() {
            div.empty { p { (l.say("No matching instances.", "Keine passenden Instanzen.")) } }
        } @else if rows.is_empty() {
            div.empty {
                p { (l.say("No TwoFactor instances yet.", "Noch keine TwoFactor-Instanzen.")) }
                p { (l.say("An instance delivers codes, for example through a mail server or an SMS account. Create one, send a test message, and assign it.",
                    "Eine Instanz stellt Codes zu, zum Beispiel über einen Mailserver oder ein SMS-Konto. Erstellen Sie eine, senden Sie eine Testnachricht und weisen Sie sie zu.")) }
            }
        } @else {
            @let headings = [l.say("Name", "Name"), l.say("Type", "Typ"), l.say("Subscription", "Subscription"), l.say("Status", "Status"), l.say("Upstream", "Mailserver / SMS-Anbieter"), l.say("Last delivery", "Letzte Zustellung"), l.say("Delivered", "Zugestellt")];
            (table(&headings, usize::MAX, rows.iter().map(|row| vec![
                html! { a href=(instance_path(&row.instance.subscription, &row.instance.id)) { (row.instance.name) } },
                html! { (row.instance.type_id) }, html! { (row.subscription) }, state(l, &row.instance, &row.assigned), health::short(l, &row.health),
                html! { @match row.last { Some(at) => (time(l, at)), None => "–" } }, html! { (percent(l, row.delivered, row.sent)) },
            ])))
            (pages.show(l))
        }
    };
    Ok(page(&person, Room::Instances, Room::Instances.name(l), main))
}

/// Returns the form that filters the list.
fn filters(l: Language, filter: &Filter, subscriptions: &[(String, String)], admin: &Administration) -> Markup {
    let states = [
        ("", l.say("All", "Alle")),
        ("active", l.say("Active", "Aktiv")),
        ("inactive", l.say("Inactive", "Inaktiv")),
        ("invalid", l.say("Invalid", "Ungültig")),
        ("unassigned", l.say("Not assigned", "Nicht zugewiesen")),
        ("failing", l.say("Last message failed", "Letzte Nachricht fehlgeschlagen")),
    ];
    html! {
        form.filter method="get" {
            @if subscriptions.len() > 1 { div.field {
                label for="subscription" { "Subscription" }
                select #subscription name="subscription" {
                    option value="" { (l.say("All", "Alle")) }
                    @for (id, name) in subscriptions { option value=(id) selected[*id == filter.subscription] { (name) } }
                }
            } }
            div.field {
                label for="type" { (l.say("Type", "Typ")) }
                select #type name="type" {
                    option value="" { (l.say("All", "Alle")) }
                    @for provider in admin.providers() { @let id = &provider.manifest.type_id; option value=(id) selected[*id == filter.r#type] { (id) } }
                }
            }
            div.field {
                label for="state" { (l.say("Status", "Status")) }
                select #state name="state" { @for (value, name) in states { option value=(value) selected[filter.state == value] { (name) } } }
            }
            div.field { label for="name" { (l.say("Name or ID", "Name oder ID")) } input #name name="name" type="search" value=(filter.name) maxlength="100" autocomplete="off"; }
            div.actions { button { (l.say("Apply", "Anwenden")) } }
        }
    }
}
