//! The last response of an instance's upstream.

use maud::{Markup, html};
use twofactor::admin::{Administration, Instance, UpstreamHealth};

use super::failure::Failure;
use super::format::time;
use super::layout::badge;
use super::person::Person;
use crate::wording;
use crate::wording::Language;

/// In a list.
pub(super) fn short(l: Language, health: &UpstreamHealth) -> Markup {
    html! {
        @if let Some(seconds) = health.paused_seconds {
            (badge("bad", &format!("{} {seconds} s", l.say("Paused", "Pausiert"))))
        } @else if health.is_failing() {
            (badge("warn", l.say("Failing", "Gestört")))
        } @else if health.accepted_at.is_some() {
            (badge("good", l.say("OK", "OK")))
        } @else { "–" }
        @if health.is_failing() { (last_failure(l, health)) }
    }
}

/// On the page of an instance.
pub(super) fn card(l: Language, health: &UpstreamHealth) -> Markup {
    html! {
        section.card {
            h2 { (l.say("Upstream", "Mailserver / SMS-Anbieter")) }
            dl.facts {
                dt { (l.say("Status", "Status")) } dd { (short(l, health)) }
                dt { (l.say("Last message accepted", "Letzte angenommene Nachricht")) } dd { @match health.accepted_at { Some(at) => (time(l, at)), None => "–" } }
                dt { (l.say("Last failure", "Letzter Fehler")) } dd { @if health.failed_at.is_some() { (last_failure(l, health)) } @else { "–" } }
            }
            @if health.paused_seconds.is_some() {
                p.help { (l.say("This server pauses sending after repeated failures. Other servers decide independently.",
                    "Nach wiederholten Fehlern pausiert dieser Server das Senden. Andere Server entscheiden unabhängig.")) }
            }
        }
    }
}

fn last_failure(l: Language, health: &UpstreamHealth) -> Markup {
    html! {
        div.help {
            @if let Some(outcome) = health.outcome { (wording::outcome(l, outcome)) }
            @if !health.code.is_empty() { " (" code { (health.code) } ")" }
            @if let Some(at) = health.failed_at { ", " (time(l, at)) }
        }
    }
}

pub(super) async fn health_of(
    person: &Person,
    admin: &Administration,
    instance: &Instance,
) -> Result<UpstreamHealth, Failure> {
    match admin.upstream_health(&instance.subscription, &instance.id).await {
        Err(error) if error.is_not_found() => Ok(UpstreamHealth::default()),
        found => found.map_err(|error| person.failure(error)),
    }
}
