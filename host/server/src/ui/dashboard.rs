//! The overview: metrics and charts, drawn on the server.

use std::collections::BTreeMap;

use axum::extract::{Query, State};
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use serde::Deserialize;
use twofactor::statistics::Statistic;

use super::failure::Failure;
use super::format::{number, percent, short_time, time, time_text};
use super::health::health_of;
use super::instance_list::AT_ONCE;
use super::layout::table;
use super::links::instance_path;
use super::page::{Room, page};
use super::person::Person;
use super::state::Ui;
use super::{first_steps, health, nodes};
use crate::wording::Language;

/// The time span, and the number of hours of each bar.
#[derive(Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Span {
    #[default]
    Day,
    Week,
    Month,
}

impl Span {
    const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    fn name(self, l: Language) -> &'static str {
        match self {
            Self::Day => l.say("24 hours", "24 Stunden"),
            Self::Week => l.say("7 days", "7 Tage"),
            Self::Month => l.say("30 days", "30 Tage"),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// Bars, and hours of each.
    fn bars(self) -> (i64, i64) {
        match self {
            Self::Day => (24, 1),
            Self::Week => (28, 6),
            Self::Month => (30, 24),
        }
    }
}

/// The maximum number of instances whose health is checked.
const LOOKED_AT: usize = 500;

#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    span: Span,
}

/// The sum over a bar, an instance or a country.
#[derive(Default, Clone)]
struct Sum {
    started: u64,
    verified: u64,
    wrong: u64,
    delivered: u64,
    failed: u64,
    /// As reported by upstreams.
    confirmed: u64,
    undelivered: u64,
    /// Deliveries by the milliseconds they took at most.
    durations: BTreeMap<u64, u64>,
}

impl Sum {
    fn add(&mut self, one: &Statistic) {
        match &*one.event {
            "started" => self.started += one.count,
            "verified" => self.verified += one.count,
            "wrong-answer" => self.wrong += one.count,
            "delivered" => self.delivered += one.count,
            "confirmed" => self.confirmed += one.count,
            "undelivered" => self.undelivered += one.count,
            "duration" => *self.durations.entry(one.label.parse().unwrap_or(u64::MAX)).or_default() += one.count,
            _ if one.is_delivery() => self.failed += one.count,
            _ => {}
        }
    }

    fn sent(&self) -> u64 {
        self.delivered + self.failed
    }

    /// Returns the class in which this part of the deliveries was done.
    fn within(&self, part: f64) -> Option<u64> {
        let all: u64 = self.durations.values().sum();
        let mut seen = 0;
        let reached = |count: &u64| {
            seen += count;
            seen as f64 >= part * all as f64
        };
        let mut counts = self.durations.values();
        let at = counts.position(reached).filter(|_| all > 0)?;
        self.durations.keys().nth(at).copied()
    }
}

pub(super) async fn show(
    person: Person,
    State(ui): State<Ui>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Failure> {
    let l = person.language;
    let admin = person.of_anything();
    let (bars, hours) = wanted.span.bars();
    let width = SignedDuration::from_hours(hours);
    let now = Timestamp::now();
    let since = now - width * i32::try_from(bars).unwrap_or_default();
    let mut by_bar = vec![Sum::default(); usize::try_from(bars).unwrap_or_default()];
    let (mut by_instance, mut by_country) = (BTreeMap::<String, (String, Sum)>::new(), BTreeMap::<String, Sum>::new());
    let (mut all, mut failing) = (Sum::default(), Vec::new());
    let subscriptions = admin.subscriptions().await.map_err(|error| person.failure(error))?;
    let first_steps = first_steps::FirstSteps::find(&person).await?;
    for subscription in subscriptions.into_iter().filter(|one| person.has(&one.id)) {
        let mut after: Option<String> = None;
        loop {
            let part = admin.instances_page(&subscription.id, after.as_deref(), AT_ONCE);
            let part = part.await.map_err(|error| person.failure(error))?;
            for instance in part.items {
                // Beyond that the list of instances finds them: `state=failing`.
                if instance.active && by_instance.len() < LOOKED_AT {
                    let health = health_of(&person, admin, &instance).await?;
                    if health.is_failing() {
                        let path = instance_path(&instance.subscription, &instance.id);
                        failing.push((path, instance.name.clone(), health));
                    }
                }
                by_instance.insert(instance.id, (instance.name, Sum::default()));
            }
            after = part.next;
            if after.is_none() {
                break;
            }
        }
        for one in admin.statistics(&subscription.id, since).await.map_err(|error| person.failure(error))? {
            let bar = one.hour.duration_since(since).as_hours() / hours;
            if let Some(sum) = usize::try_from(bar).ok().and_then(|bar| by_bar.get_mut(bar)) {
                sum.add(&one);
            }
            // Of a removed instance, only the sum is left.
            let (_, sum) = by_instance.entry(one.instance.clone()).or_default();
            sum.add(&one);
            if !one.label.is_empty() && one.event != "duration" {
                by_country.entry(one.label.clone()).or_default().add(&one);
            }
            all.add(&one);
        }
    }
    let servers = match person.is_of_the_system() {
        true => ui.app.engine.nodes().await.map_err(|error| person.failure(error))?,
        false => Vec::new(),
    };
    let title = Room::Dashboard.name(l);
    let main = html! {
        div.head { h1 { (title) }
            nav.spans aria-label=(l.say("Time range", "Zeitraum")) { @for span in Span::ALL {
                a href={ "?span=" (span.word()) } aria-current=[(span == wanted.span).then_some("true")] { (span.name(l)) }
            } }
        }
        (first_steps.show(l))
        @if !failing.is_empty() {
            section.card #failing {
                h2 { (l.say("Failing upstreams", "Störungen bei Mailservern und SMS-Anbietern")) }
                (table(&[l.say("Instance", "Instanz"), l.say("Upstream", "Mailserver / SMS-Anbieter")], usize::MAX, failing.iter().map(|(path, name, health)| {
                    vec![html! { a href=(path) { (name) } }, health::short(l, health)]
                })))
            }
        }
        @if all.started == 0 && all.sent() == 0 {
            div.empty { p { (l.say("No messages in this time range. Statistics appear here once your application starts challenges.",
                "Keine Nachrichten in diesem Zeitraum. Statistiken erscheinen hier, sobald Ihre Anwendung Challenges startet.")) } }
        } @else {
            div.metrics {
                (metric(l.say("Challenges", "Challenges"), &number(l, all.started)))
                (metric(l.say("Verified", "Verifiziert"), &percent(l, all.verified, all.started)))
                (metric(l.say("Wrong codes", "Falsche Codes"), &number(l, all.wrong)))
                (metric(l.say("Delivered", "Zugestellt"), &percent(l, all.delivered, all.sent())))
                (metric(l.say("Median delivery time", "Zustelldauer (Median)"), &duration(l, all.within(0.5))))
            }
            section.card {
                h2 { (l.say("Challenges started and verified", "Gestartete und verifizierte Challenges")) }
                (chart(l, &by_bar, since, width))
                p.legend { span.started { (l.say("Started", "Gestartet")) } span.verified { (l.say("Verified", "Verifiziert")) } }
            }
            section.card {
                h2 { (l.say("By instance", "Nach Instanz")) }
                @let headings = [l.say("Instance", "Instanz"), l.say("Sent", "Gesendet"), l.say("Accepted", "Angenommen"),
                    l.say("Confirmed delivered", "Zustellung bestätigt"), l.say("Median time", "Median"), l.say("95th percentile", "95. Perzentil")];
                (table(&headings, 1, by_instance.iter().filter(|(_, (_, sum))| sum.sent() > 0).map(|(id, (name, sum))| vec![
                    html! { @if name.is_empty() { (l.say("Deleted: ", "Gelöscht: ")) code { (id) } } @else { (name) } },
                    html! { (number(l, sum.sent())) }, html! { (percent(l, sum.delivered, sum.sent())) },
                    html! { (percent(l, sum.confirmed, sum.confirmed + sum.undelivered)) },
                    html! { (duration(l, sum.within(0.5))) }, html! { (duration(l, sum.within(0.95))) },
                ])))
            }
            @if !by_country.is_empty() {
                section.card {
                    h2 { (l.say("SMS by country", "SMS nach Land")) }
                    p.help { (l.say("A low share of verified codes in a country can be a sign of SMS pumping fraud.",
                        "Ein niedriger Anteil verifizierter Codes in einem Land kann auf SMS-Betrug (SMS Pumping) hinweisen.")) }
                    (table(&[l.say("Country", "Land"), l.say("Started", "Gestartet"), l.say("Verified", "Verifiziert")], 1,
                        by_country.iter().map(|(country, sum)| vec![html! { (country) }, html! { (number(l, sum.started)) }, html! { (percent(l, sum.verified, sum.started)) }])))
                }
            }
        }
        (nodes::card(l, &servers))
    };
    Ok(page(&person, Room::Dashboard, title, main))
}

fn metric(name: &str, value: &str) -> Markup {
    html! { div.metric { div.value { (value) } div.name { (name) } } }
}

fn duration(l: Language, class: Option<u64>) -> String {
    match class {
        None => "–".to_owned(),
        Some(u64::MAX) => l.say("more than 30 s", "mehr als 30 s").to_owned(),
        Some(ms) if ms < 1000 => format!("≤ {ms} ms"),
        Some(ms) => format!("≤ {} s", ms / 1000),
    }
}

/// Draws bars, each with its numbers as a title. For people who do not see them, a table has the same.
fn chart(l: Language, bars: &[Sum], since: Timestamp, width: SignedDuration) -> Markup {
    const HEIGHT: u64 = 160;
    const STEP: u64 = 24;
    let most = bars.iter().map(|bar| bar.started.max(bar.verified)).max().unwrap_or_default().max(1);
    let high = |count: u64| count * HEIGHT / most;
    let begin = |n: usize| since + width * i32::try_from(n).unwrap_or_default();
    let across = STEP * bars.len() as u64;
    html! {
        svg.chart viewBox={ "0 0 " (across) " " (HEIGHT) } preserveAspectRatio="none" aria-hidden="true" {
            @for (n, bar) in bars.iter().enumerate() {
                @let x = STEP * n as u64;
                g {
                    title { (time_text(l, begin(n))) ": " (number(l, bar.started)) " / " (number(l, bar.verified)) }
                    rect.back x=(x) y="0" width=(STEP) height=(HEIGHT) {}
                    rect.started x=(x + 3) y=(HEIGHT - high(bar.started)) width=(STEP - 6) height=(high(bar.started)) rx="3" {}
                    rect.verified x=(x + 3) y=(HEIGHT - high(bar.verified)) width=(STEP - 6) height=(high(bar.verified)) rx="3" {}
                }
            }
        }
        div.scale aria-hidden="true" { span { (short_time(l, begin(0))) } span { (l.say("Max. ", "Max. ")) (number(l, most)) } span { (l.say("Now", "Jetzt")) } }
        details { summary { (l.say("Show data", "Daten anzeigen")) }
            (table(&[l.say("From", "Ab"), l.say("Started", "Gestartet"), l.say("Verified", "Verifiziert")], 1,
                bars.iter().enumerate().filter(|(_, bar)| bar.started + bar.verified > 0)
                    .map(|(n, bar)| vec![time(l, begin(n)), html! { (number(l, bar.started)) }, html! { (number(l, bar.verified)) }])))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_in_which_a_part_was_done_is_found() {
        let sum = Sum { durations: [(50, 5), (100, 4), (u64::MAX, 1)].into(), ..Sum::default() };
        assert_eq!((sum.within(0.5), sum.within(0.9), sum.within(0.95)), (Some(50), Some(100), Some(u64::MAX)));
        assert_eq!(Sum::default().within(0.5), None);
    }
}
