//! The servers that share the store.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use maud::{Markup, html};
use twofactor::node::{Node, NodeState};

use super::format::time;
use super::layout::{badge, notice, table};
use crate::wording::Language;

/// A list of them, with what differs among those that run.
pub(super) fn card(l: Language, nodes: &[Node]) -> Markup {
    if nodes.is_empty() {
        return html! {};
    }
    let running = nodes.iter().filter(|node| node.state != NodeState::Silent);
    let versions: BTreeSet<&str> = running.clone().map(|node| &*node.version).collect();
    let providers: BTreeSet<&BTreeMap<_, _>> = running.map(|node| &node.providers).collect();
    let headings = [
        l.say("Server", "Server"),
        l.say("Version", "Version"),
        l.say("Status", "Status"),
        l.say("Last seen", "Zuletzt gesehen"),
        l.say("Clock", "Uhr"),
    ];
    html! {
        section.card #servers {
            h2 { (l.say("Servers", "Server")) }
            @if versions.len() > 1 {
                (notice("warn", l.say("The servers run different versions.", "Auf den Servern laufen verschiedene Versionen.")))
            }
            @if providers.len() > 1 {
                (notice("warn", l.say("The servers use different providers. This is normal for a few seconds after a change. If it persists, check the servers’ logs.",
                    "Die Server verwenden verschiedene Provider. Nach einer Änderung ist das einige Sekunden lang normal. Hält es an, prüfen Sie die Logs der Server.")))
            }
            (table(&headings, usize::MAX, nodes.iter().map(|node| vec![
                html! { (node.name) @if node.is_this { " " span.help { (l.say("(this one)", "(dieser)")) } } },
                html! { (node.version) },
                state(l, node.state),
                time(l, node.seen_at),
                html! { (clock(l, node.clock_behind)) },
            ])))
        }
    }
}

fn state(l: Language, state: NodeState) -> Markup {
    match state {
        NodeState::Ready => badge("good", l.say("Ready", "Bereit")),
        NodeState::ClockSkew => badge("bad", l.say("Not ready: clock is wrong", "Nicht bereit: Uhr geht falsch")),
        _ => badge("warn", l.say("Not seen recently", "Meldet sich nicht")),
    }
}

/// Differences below a second are how long the question took.
fn clock(l: Language, behind: SignedDuration) -> String {
    match behind.as_secs() {
        0 => l.say("correct", "richtig").to_owned(),
        seconds @ 1.. => l.say("{n} s behind", "geht {n} s nach").replace("{n}", &seconds.to_string()),
        seconds => l.say("{n} s ahead", "geht {n} s vor").replace("{n}", &seconds.unsigned_abs().to_string()),
    }
}
