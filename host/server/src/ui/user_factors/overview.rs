//! Everything that a user signs in with, on one page.

use axum::extract::{Path, Query};
use axum::response::Response;
use jiff::Timestamp;
use maud::{Markup, html};
use twofactor::Error;
use twofactor::factor::{FactorStatus, RememberedBrowser, UserEvent, UserFactor, VerifiedAddress};

use super::super::failure::Failure;
use super::super::format::time;
use super::super::layout::{badge, notice, table};
use super::super::links::{instance_path, segment};
use super::super::page::{Room, page};
use super::super::person::Person;
use super::{Shown, factor_link, name, path, reason, status, subscription_name, title};
use crate::sign_in::browser_name;
use crate::wording::{self, Language};

/// What is known about a user.
struct Known {
    factors: Vec<UserFactor>,
    browsers: Vec<RememberedBrowser>,
    pass_until: Option<Timestamp>,
    addresses: Vec<VerifiedAddress>,
    events: Vec<UserEvent>,
}

impl Known {
    async fn find(person: &Person, subscription: &str, user: &str) -> Result<Result<Self, Error>, Failure> {
        let admin = person.of(subscription)?;
        let found = async {
            Ok(Self {
                factors: admin.user_factors(subscription, user).await?,
                browsers: admin.remembered_browsers(subscription, user).await?,
                pass_until: admin.pass_until(subscription, user).await?,
                addresses: admin.user_addresses(subscription, user).await?,
                events: admin.user_events(subscription, user).await?,
            })
        };
        Ok(found.await)
    }

    fn is_nothing(&self) -> bool {
        self.factors.is_empty()
            && self.browsers.is_empty()
            && self.pass_until.is_none()
            && self.addresses.is_empty()
            && self.events.is_empty()
    }
}

/// Returns the search for a user, and the user whose id was typed.
pub(in super::super) async fn show(
    person: Person,
    Path(subscription): Path<String>,
    Query(shown): Query<Shown>,
) -> Result<Response, Failure> {
    let (l, user) = (person.language, shown.user(&person));
    let subscription_name = subscription_name(&person, &subscription).await?;
    let found = match user {
        "" => None,
        _ => Some(Known::find(&person, &subscription, user).await?),
    };
    let main = html! {
        p.trail { a href={ "/admin/subscriptions/" (segment(&subscription)) } { (subscription_name) } }
        h1 { (title(l)) }
        p.sub { (l.say("Passkeys, authenticator apps and recovery codes that a user holds, remembered browsers, temporary passes and verified addresses.",
            "Passkeys, Authenticator-Apps und Wiederherstellungscodes eines Benutzers, gespeicherte Browser, temporäre Zugangscodes und bestätigte Adressen.")) }
        (message(l, &shown.done))
        form.filter method="get" action=(path(&subscription)) {
            div.field {
                label for="user" { (l.say("User ID", "Benutzer-ID")) }
                input #user name="user" type="text" maxlength="256" required autocomplete="off" spellcheck="false" value=(user)
                    aria-describedby="user-help";
                div.help #user-help { (l.say("Exactly as the application sends it.", "Genau so, wie die Anwendung sie sendet.")) }
            }
            div.actions { button { (l.say("Show", "Anzeigen")) } }
        }
        @match &found {
            None => {}
            Some(Err(error)) if error.is_invalid_input() => { (notice("bad", &person.sentence(error))) }
            Some(Err(_)) => {}
            Some(Ok(known)) => { (about(&person, &subscription, user, known)) }
        }
    };
    match found {
        Some(Err(error)) if !error.is_invalid_input() => Err(person.failure(error)),
        _ => Ok(page(&person, Room::Subscriptions, title(l), main)),
    }
}

fn message(l: Language, done: &str) -> Markup {
    let text = match done {
        "suspended" => l.say("Factor suspended.", "Faktor ausgesetzt."),
        "resumed" => l.say("Factor resumed.", "Faktor wieder aktiviert."),
        "removed" => l.say("Factor removed.", "Faktor entfernt."),
        "reset" => l.say("All factors reset.", "Alle Faktoren zurückgesetzt."),
        "pass-revoked" => l.say("Temporary pass revoked.", "Temporärer Zugangscode widerrufen."),
        "forgotten" => l.say("Browser forgotten.", "Browser entfernt."),
        "all-forgotten" => l.say("All remembered browsers forgotten.", "Alle gespeicherten Browser entfernt."),
        _ => return html! {},
    };
    notice("good", text)
}

fn about(person: &Person, subscription: &str, user: &str, known: &Known) -> Markup {
    let l = person.language;
    let (ended, held): (Vec<_>, Vec<_>) = known.factors.iter().partition(|factor| factor.status == FactorStatus::Ended);
    html! {
        h2 { code { (user) } }
        @if let Some(pass) = person.issued() {
            div.notice.good role="status" {
                p { (l.say("Give this pass to the user now, over a channel that you trust. It works only once and will not be shown again.",
                    "Geben Sie diesen Zugangscode jetzt auf einem vertrauenswürdigen Weg an den Benutzer weiter. Er gilt nur einmal und wird nicht noch einmal angezeigt.")) }
                p { code.secret { (pass) } }
            }
        }
        @if known.is_nothing() {
            div.empty { p { (l.say("Nothing is known about this user. Check the spelling of the ID.",
                "Über diesen Benutzer ist nichts bekannt. Prüfen Sie die Schreibweise der ID.")) } }
        } @else if held.is_empty() {
            p { (l.say("This user has no factors.", "Dieser Benutzer hat keine Faktoren.")) }
        } @else { (factors(l, subscription, user, &held)) }
        (pass(person, subscription, user, known.pass_until))
        (browsers(person, subscription, user, &known.browsers))
        (addresses(l, &known.addresses))
        (events(l, &known.events))
        (former(l, subscription, user, &ended))
        p { a href={ "/admin/messages?subscription=" (segment(subscription)) "&user=" (segment(user)) } {
            (l.say("Messages and limits of this user", "Nachrichten und Limits dieses Benutzers")) } }
        @if person.may_change() && !known.is_nothing() {
            p { a.button.bad href={ (path(subscription)) "/reset?user=" (segment(user)) } {
                (l.say("Reset all factors", "Alle Faktoren zurücksetzen")) } }
        }
    }
}

fn factors(l: Language, subscription: &str, user: &str, held: &[&UserFactor]) -> Markup {
    let headings = [
        l.say("Factor", "Faktor"),
        l.say("Instance", "Instanz"),
        l.say("Status", "Status"),
        l.say("Properties", "Eigenschaften"),
        l.say("Added", "Hinzugefügt"),
        l.say("Last used", "Zuletzt verwendet"),
    ];
    let row = |factor: &&UserFactor| {
        let facts = wording::factor_facts(l, &factor.facts);
        vec![
            html! { a href=(factor_link(subscription, user, &factor.id)) { (name(l, factor)) } },
            html! { a href=(instance_path(subscription, &factor.two_factor)) { (factor.type_id) } },
            status(l, factor),
            html! { @if facts.is_empty() { "–" } @for fact in facts { div { (fact) } } },
            time(l, factor.created_at),
            html! { @match factor.last_used_at { Some(at) => { (time(l, at)) }, None => "–" } },
        ]
    };
    table(&headings, usize::MAX, held.iter().map(row))
}

/// Returns the factors that have ended, in a collapsed section.
fn former(l: Language, subscription: &str, user: &str, ended: &[&UserFactor]) -> Markup {
    let headings = [l.say("Factor", "Faktor"), l.say("Added", "Hinzugefügt"), l.say("Ended", "Beendet")];
    let row = |factor: &&UserFactor| {
        vec![
            html! { a href=(factor_link(subscription, user, &factor.id)) { (name(l, factor)) } },
            time(l, factor.created_at),
            html! { @match factor.ended_at { Some(at) => { (time(l, at)) }, None => "–" } },
        ]
    };
    html! {
        @if !ended.is_empty() { details.policy {
            summary { (l.say("Former factors", "Frühere Faktoren")) " (" (ended.len()) ")" }
            (table(&headings, usize::MAX, ended.iter().map(row)))
        } }
    }
}

/// Returns the state of the temporary pass, and the form to issue another one.
fn pass(person: &Person, subscription: &str, user: &str, until: Option<Timestamp>) -> Markup {
    let (l, posted) = (person.language, person.posted());
    let form = html! {
        p.help { (l.say("A temporary pass works once. With it the user can add factors for ten minutes, for example after losing a phone. Issuing a new pass ends the earlier one.",
            "Ein temporärer Zugangscode gilt nur einmal. Damit kann der Benutzer zehn Minuten lang Faktoren hinzufügen, zum Beispiel nach dem Verlust des Telefons. Ein neuer Zugangscode ersetzt den früheren.")) }
        form method="post" action={ (path(subscription)) "/pass" } {
            input type="hidden" name="user" value=(user);
            div.field { label for="minutes" { (l.say("Valid for (minutes)", "Gültigkeit (Minuten)")) }
                input #minutes name="minutes" type="number" min="10" max="480" required value=(posted.get("minutes").unwrap_or("60")); }
            (reason(l, posted))
            div.actions { button { (l.say("Issue temporary pass", "Temporären Zugangscode ausstellen")) } }
        }
    };
    html! {
        h3 { (l.say("Temporary pass", "Temporärer Zugangscode")) }
        @match until {
            None => p { (l.say("No active pass.", "Kein gültiger Zugangscode.")) },
            Some(until) => p {
                (badge("warn", l.say("Active", "Gültig"))) " " (l.say("until", "bis")) " " (time(l, until))
                @if person.may_change() { " " a href={ (path(subscription)) "/pass/revoke?user=" (segment(user)) } { (l.say("Revoke", "Widerrufen")) } }
            },
        }
        @if person.may_change() {
            details.policy open[posted.get("minutes").is_some()] {
                summary { (l.say("Issue a temporary pass", "Temporären Zugangscode ausstellen")) }
                (form)
            }
        }
    }
}

fn browsers(person: &Person, subscription: &str, user: &str, browsers: &[RememberedBrowser]) -> Markup {
    let l = person.language;
    let forget = |id: &str, text: &str| {
        html! {
            form method="post" action={ (path(subscription)) "/browsers" } {
                input type="hidden" name="user" value=(user);
                input type="hidden" name="browser" value=(id);
                button.plain { (text) }
            }
        }
    };
    let mut headings = vec![
        l.say("Browser", "Browser"),
        l.say("Remembered", "Gespeichert"),
        l.say("Last used", "Zuletzt verwendet"),
        l.say("Expires", "Läuft ab"),
    ];
    if person.may_change() {
        headings.push(l.say("Action", "Aktion"));
    }
    let row = |one: &RememberedBrowser| {
        let known = one.user_agent.as_deref().and_then(browser_name);
        let mut cells = vec![
            html! { (known.as_deref().unwrap_or(l.say("Unknown browser", "Unbekannter Browser"))) },
            time(l, one.created_at),
            time(l, one.last_used_at),
            time(l, one.expires_at),
        ];
        if person.may_change() {
            cells.push(forget(&one.id, l.say("Forget", "Entfernen")));
        }
        cells
    };
    html! {
        h3 { (l.say("Remembered browsers", "Gespeicherte Browser")) }
        @if browsers.is_empty() { p { (l.say("None.", "Keine.")) } }
        @else {
            (table(&headings, usize::MAX, browsers.iter().map(row)))
            @if person.may_change() && browsers.len() > 1 { (forget("", l.say("Forget all browsers", "Alle Browser entfernen"))) }
        }
    }
}

fn addresses(l: Language, addresses: &[VerifiedAddress]) -> Markup {
    let headings = [l.say("Kind", "Art"), l.say("Address", "Adresse"), l.say("Verified", "Bestätigt")];
    html! {
        h3 { (l.say("Verified addresses", "Bestätigte Adressen")) }
        @if addresses.is_empty() { p { (l.say("None.", "Keine.")) } }
        @else { (table(&headings, usize::MAX, addresses.iter().map(|one| vec![
            html! { (wording::address_kind(l, one.kind)) }, html! { (one.hint) }, time(l, one.verified_at),
        ]))) }
    }
}

fn events(l: Language, events: &[UserEvent]) -> Markup {
    let headings = [l.say("Time", "Zeit"), l.say("Event", "Ereignis"), l.say("Subject", "Betrifft")];
    let row = |event: &UserEvent| {
        let (what, subject) = wording::user_event(l, event);
        vec![time(l, event.at), html! { (what) }, html! { (subject.unwrap_or("–")) }]
    };
    html! {
        h3 { (l.say("Recent events", "Letzte Ereignisse")) }
        @if events.is_empty() { p { (l.say("None.", "Keine.")) } }
        @else { (table(&headings, usize::MAX, events.iter().map(row))) }
    }
}
