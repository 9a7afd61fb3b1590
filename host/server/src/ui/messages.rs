//! Why a user got no code: the outcome of a person's messages, and the limits that apply.

use axum::body::Bytes;
use axum::extract::Query;
use axum::response::{Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use twofactor::admin::{MessageEvent, MessageHistory, MessageQuery};
use twofactor::challenge::ReachedLimit;

use super::failure::Failure;
use super::form_replies::{Outcome, Told};
use super::format::time;
use super::instance_form::own_subscriptions;
use super::layout::{badge, notice, table};
use super::links::instance_path;
use super::page::{Room, page};
use super::person::{Oneself, Person};
use super::posted::Posted;
use super::user_factors::user_link;
use crate::wording;
use crate::wording::Language;

/// The parameters of a link: an address is never in a URL.
#[derive(Deserialize)]
pub(super) struct Linked {
    #[serde(default)]
    subscription: String,
    #[serde(default)]
    user: String,
    #[serde(default)]
    challenge: String,
    #[serde(default)]
    done: String,
}

/// The criteria of a search.
#[derive(Default)]
struct Search {
    subscription: String,
    by: String,
    text: String,
}

impl Search {
    fn query(&self) -> Option<MessageQuery> {
        let text = Some(self.text.clone()).filter(|text| !text.is_empty())?;
        Some(match &*self.by {
            "recipient" => MessageQuery::Recipient(text),
            "challenge" => MessageQuery::Challenge(text),
            _ => MessageQuery::User(text),
        })
    }
}

pub(super) async fn show(person: Person, Query(linked): Query<Linked>) -> Result<Response, Failure> {
    let l = person.language;
    let Linked { subscription, user, challenge, done } = linked;
    let posted = person.posted();
    let search = if posted.get("text").is_some() {
        let field = |name: &str| posted.get(name).unwrap_or_default().to_owned();
        Search { subscription: field("subscription"), by: field("by"), text: field("text") }
    } else {
        let (by, text) = if challenge.is_empty() { ("user", user) } else { ("challenge", challenge) };
        Search { subscription, by: by.to_owned(), text }
    };
    let message = match &*done {
        "unlocked" => notice("good", l.say("User unlocked.", "Benutzer entsperrt.")),
        "never-seen" => notice(
            "warn",
            l.say(
                "No user with this ID in this subscription. Check the ID used by the application.",
                "Kein Benutzer mit dieser ID in dieser Subscription. Prüfen Sie, welche ID die Anwendung verwendet.",
            ),
        ),
        _ => html! {},
    };
    find(&person, search, message).await
}

/// Redirects to the results, and keeps the criteria. A search changes nothing: auditors may send
/// its form too.
pub(super) async fn search(_: Oneself) -> Told {
    Told::new(Outcome::Done)
}

/// Forgets a user's wrong answers.
pub(super) async fn unlock(person: Person, body: Bytes) -> Result<Redirect, Failure> {
    let posted = Posted::parse(&body);
    let (subscription, user) = (posted.get("subscription").unwrap_or_default(), posted.get("user").unwrap_or_default());
    let admin = person.of(subscription)?;
    let seen = admin.unlock_user(subscription, user).await.map_err(|error| person.failure(error))?;
    let pairs =
        [("subscription", subscription), ("user", user), ("done", if seen { "unlocked" } else { "never-seen" })];
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    Ok(Redirect::to(&format!("/admin/messages?{query}")))
}

async fn find(person: &Person, search: Search, message: Markup) -> Result<Response, Failure> {
    let l = person.language;
    let subscriptions = own_subscriptions(person).await?;
    let mut found = Vec::new();
    if let Some(query) = search.query() {
        let narrowed = |id: &String| search.subscription.is_empty() || search.subscription == *id;
        for (id, name) in subscriptions.iter().filter(|(id, _)| narrowed(id)) {
            let history = person.of(id)?.messages(id, &query).await.map_err(|error| person.failure(error))?;
            if !history.events.is_empty() || !history.limits.is_empty() || history.challenge.is_some() {
                found.push((id, name, history));
            }
        }
    }
    let title = Room::Messages.name(l);
    let ways = [
        ("user", l.say("User ID", "Benutzer-ID")),
        ("recipient", l.say("Email address, phone number or handle", "E-Mail-Adresse, Telefonnummer oder Kennung")),
        ("challenge", l.say("Challenge ID", "Challenge-ID")),
    ];
    let main = html! {
        h1 { (title) }
        p.sub { (l.say("Find out why a user did not receive a code: recent messages and the limits that currently apply.",
            "Finden Sie heraus, warum ein Benutzer keinen Code erhalten hat: die letzten Nachrichten und die derzeit geltenden Limits.")) }
        (message)
        form.filter method="post" action="/admin/messages" {
            div.field {
                label for="by" { (l.say("Search by", "Suchen nach")) }
                select #by name="by" { @for (value, name) in ways { option value=(value) selected[search.by == value] { (name) } } }
            }
            div.field {
                label for="text" { (l.say("Exact value", "Exakter Wert")) }
                input #text name="text" type="text" maxlength="256" required autocomplete="off" spellcheck="false" value=(search.text);
            }
            @if subscriptions.len() > 1 { div.field {
                label for="subscription" { "Subscription" }
                select #subscription name="subscription" {
                    option value="" { (l.say("All", "Alle")) }
                    @for (id, name) in &subscriptions { option value=(id) selected[*id == search.subscription] { (name) } }
                }
            } }
            div.actions { button { (l.say("Search", "Suchen")) } }
        }
        @if !search.text.is_empty() && found.is_empty() {
            div.empty {
                p { (l.say("No results in the retention period. Check the spelling: use IDs exactly as the application does, and phone numbers with country code.",
                    "Keine Ergebnisse im Aufbewahrungszeitraum. Prüfen Sie die Schreibweise: IDs genau wie in der Anwendung, Telefonnummern mit Ländervorwahl.")) }
                p { (l.say("If the application never requested a code, there is nothing to show.", "Wenn die Anwendung keinen Code angefordert hat, gibt es nichts anzuzeigen.")) }
            }
        }
        @for (id, name, history) in &found { (one(person, id, name, history, &search)) }
    };
    Ok(page(person, Room::Messages, title, main))
}

/// Returns what is known in one subscription.
fn one(person: &Person, subscription: &str, name: &str, history: &MessageHistory, search: &Search) -> Markup {
    let l = person.language;
    let mut users: Vec<&str> = history.events.iter().filter_map(|event| event.user.as_deref()).collect();
    if search.by == "user" {
        users.push(&search.text);
    }
    users.sort_unstable();
    users.dedup();
    html! {
        section.card {
            h2 { (name) }
            @if let Some(challenge) = &history.challenge {
                dl.facts {
                    dt { (l.say("Challenge", "Challenge")) } dd { (wording::challenge_state(l, challenge.state)) }
                    dt { (l.say("Attempts so far", "Bisherige Versuche")) } dd { (challenge.answers) }
                    dt { (l.say("Validity", "Gültigkeit")) } dd { (time(l, challenge.created_at)) " – " (time(l, challenge.expires_at)) }
                }
            }
            @if history.limits.is_empty() { p { (l.say("No limit currently applies.", "Derzeit gilt kein Limit.")) } }
            @for limit in &history.limits { (holding(l, limit)) }
            @if person.may_change() { @for user in &users {
                form.inline method="post" action="/admin/messages/unlock" {
                    input type="hidden" name="subscription" value=(subscription);
                    input type="hidden" name="user" value=(user);
                    button { (l.say("Unlock", "Entsperren")) " " code { (user) } }
                }
            } }
            @if history.events.is_empty() { p { (l.say("No messages in the retention period.", "Keine Nachrichten im Aufbewahrungszeitraum.")) } }
            @else { (events(l, subscription, &history.events)) }
            p.help { (history.days) " " (l.say("days of history are kept. Codes are never stored in readable form.", "Tage Verlauf werden aufbewahrt. Codes werden nie im Klartext gespeichert.")) }
        }
    }
}

fn holding(l: Language, limit: &ReachedLimit) -> Markup {
    html! {
        div.notice.warn role="status" {
            strong { (wording::limit(l, &limit.limit)) } " " (l.say("until", "bis")) " " (time(l, limit.until))
            @if limit.ends_by_unlocking { ", " (l.say("or until the user is unlocked", "oder bis der Benutzer entsperrt wird")) }
        }
    }
}

fn events(l: Language, subscription: &str, events: &[MessageEvent]) -> Markup {
    let headings = [
        l.say("Time", "Zeit"),
        l.say("Event", "Ereignis"),
        l.say("To", "An"),
        l.say("User", "Benutzer"),
        l.say("Instance", "Instanz"),
        l.say("Reference or error code", "Referenz oder Fehlercode"),
        "Challenge",
    ];
    table(
        &headings,
        usize::MAX,
        events.iter().map(|event| {
            vec![
                time(l, event.at),
                html! {
                    (badge(wording::outcome_kind(event.outcome), wording::outcome(l, event.outcome)))
                    @if event.count > 1 { " × " (event.count) }
                    @if let Some(until) = event.until { " " (l.say("until", "bis")) " " (time(l, until)) }
                    @if !event.detail.is_empty() { div.help lang="en" { (event.detail) } }
                },
                html! { @if event.recipient_hint.is_empty() { "–" } @else { (event.recipient_hint) } },
                html! { @match &event.user { Some(user) => { a href=(user_link(subscription, user)) { code { (user) } } }, None => "–" } },
                html! { @if event.instance.is_empty() { "–" } @else { a href=(instance_path(subscription, &event.instance)) { (event.type_id) } } },
                html! {
                    @if event.code.is_empty() { "–" }
                    @else if event.outcome.name() == "limited" || event.outcome.name() == "user-locked" { (wording::limit(l, &event.code)) }
                    @else { code { (event.code) } }
                    @if let Some(price) = &event.price { div.help { (price) } }
                },
                html! { @match &event.challenge { Some(id) => { code.id { (id) } }, None => "–" } },
            ]
        }),
    )
}
