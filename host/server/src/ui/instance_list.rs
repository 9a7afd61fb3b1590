//! The list of TwoFactor instances.

use axum::extract::Query;
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use maud::html;
use serde::Deserialize;
use twofactor::{Assigned, Instance};

use super::dashboard::part;
use super::instances::{own_subscriptions, path, state};
use super::layout::{Failure, Pages, Room, notice, page, table, time};
use super::person::Person;
use super::segment;

/// An instance in the list, with how its deliveries went in the last seven days.
struct Row<'a> {
    instance: Instance,
    subscription: &'a str,
    assigned: Vec<Assigned>,
    last: Option<Timestamp>,
    delivered: u64,
    sent: u64,
}

/// What the list is narrowed to.
#[derive(Deserialize)]
pub(super) struct Filter {
    #[serde(default)]
    subscription: String,
    /// The subscription that a page begins in.
    from: Option<String>,
    /// Where in it.
    after: Option<String>,
    #[serde(default)]
    done: String,
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
        let link = |after: &str| {
            let (only, from) = (segment(&filter.subscription), segment(subscription));
            format!("/admin/two-factors?subscription={only}&from={from}{after}")
        };
        if room == 0 {
            next = Some(link(""));
            break;
        }
        let after = filter.after.as_deref().filter(|_| filter.from.as_ref() == Some(subscription));
        let part = admin.instances_page(subscription, after, room).await.map_err(|error| person.failure(error))?;
        let figures = admin.statistics(subscription, week_ago).await.map_err(|error| person.failure(error))?;
        for instance in part.items {
            let assigned =
                admin.assignments(subscription, &instance.id).await.map_err(|error| person.failure(error))?.assigned;
            let mut row = Row { subscription: name, assigned, last: None, delivered: 0, sent: 0, instance };
            for figure in figures.iter().filter(|figure| figure.instance == row.instance.id && figure.is_delivery()) {
                let delivered = figure.event == "delivered";
                row.sent += figure.count;
                row.delivered += if delivered { figure.count } else { 0 };
                row.last = row.last.max(delivered.then_some(figure.last));
            }
            rows.push(row);
        }
        if let Some(rest) = part.next {
            next = Some(link(&format!("&after={}", segment(&rest))));
            break;
        }
    }
    let first =
        filter.from.is_some().then(|| format!("/admin/two-factors?subscription={}", segment(&filter.subscription)));
    let pages = Pages { first, next };
    let new = html! { @if person.may_change() { a.button.main href="/admin/two-factors/new" { (l.say("Create TwoFactor Instance", "TwoFactor-Instanz erstellen")) } } };
    let main = html! {
        div.head { h1 { (Room::Instances.name(l)) } (new) }
        @if filter.done == "removed" { (notice("good", l.say("The instance was removed.", "Die Instanz wurde entfernt."))) }
        @if subscriptions.len() > 1 {
            form.filter method="get" {
                label for="subscription" { (l.say("Subscription", "Subscription")) }
                select #subscription name="subscription" {
                    option value="" { (l.say("all", "alle")) }
                    @for (id, name) in &subscriptions { option value=(id) selected[*id == filter.subscription] { (name) } }
                }
                button { (l.say("Show", "Zeigen")) }
            }
        }
        @if rows.is_empty() {
            div.empty {
                p { (l.say("There is no TwoFactor instance yet.", "Es gibt noch keine TwoFactor-Instanz.")) }
                p { (l.say("An instance is a way codes take to people, such as a mail server or an SMS account. Create one, send yourself a test, and assign it.",
                    "Eine Instanz ist ein Weg, auf dem Codes zu Menschen kommen, etwa ein Mailserver oder ein SMS-Konto. Erstellen Sie eine, schicken Sie sich einen Test und weisen Sie sie zu.")) }
            }
        } @else {
            @let headings = [l.say("Name", "Name"), l.say("Type", "Typ"), l.say("Subscription", "Subscription"), l.say("State", "Zustand"), l.say("Last delivery", "Letzte Zustellung"), l.say("Delivered", "Zugestellt")];
            (table(&headings, usize::MAX, rows.iter().map(|row| vec![
                html! { a href=(path(&row.instance.subscription, &row.instance.id)) { (row.instance.name) } },
                html! { (row.instance.type_id) }, html! { (row.subscription) }, state(l, &row.instance, &row.assigned),
                html! { @match row.last { Some(at) => (time(at)), None => "–" } }, html! { (part(row.delivered, row.sent)) },
            ])))
            (pages.show(l))
        }
    };
    Ok(page(&person, Room::Instances, Room::Instances.name(l), main))
}
