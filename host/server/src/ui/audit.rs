//! The audit log: sentences with names, and filters.

use std::collections::HashMap;

use axum::extract::{Query, State};
use axum::response::Response;
use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use maud::{Markup, html};
use serde::Deserialize;
use twofactor::admin::AuditSearch;
use twofactor::audit::AuditEntry;
use twofactor::store::AuditFrom;

use super::failure::Failure;
use super::format::{number, time};
use super::layout::{Pages, table};
use super::links::{instance_path, segment};
use super::page::{Room, page};
use super::person::Person;
use super::state::Ui;
use crate::wording;
use crate::wording::Language;

/// The filters of the log.
#[derive(Deserialize)]
pub(super) struct Filter {
    #[serde(default)]
    who: String,
    #[serde(default)]
    what: String,
    #[serde(default)]
    which: String,
    /// Days, as browsers write them: `2026-11-28`.
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    /// Lines with lower numbers.
    before: Option<u64>,
}

impl Filter {
    fn search(&self) -> AuditSearch {
        let text = |text: &String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let day = |text: &str| text.parse::<Date>().ok();
        let begin = |date: Date| TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok();
        AuditSearch {
            actor: text(&self.who),
            action: text(&self.what),
            subject: text(&self.which),
            since: day(&self.from).and_then(begin),
            until: day(&self.to).and_then(|date| date.checked_add(1.day()).ok()).and_then(begin),
            from: AuditFrom::Newest(self.before),
        }
    }

    /// Returns the same filter from another line on.
    fn link(&self, before: Option<u64>) -> String {
        let pairs =
            [("who", &self.who), ("what", &self.what), ("which", &self.which), ("from", &self.from), ("to", &self.to)];
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(pairs.iter().filter(|(_, value)| !value.is_empty()));
        if let Some(before) = before {
            query.append_pair("before", &before.to_string());
        }
        format!("/admin/audit?{}", query.finish())
    }
}

pub(super) async fn list(
    person: Person,
    State(ui): State<Ui>,
    Query(filter): Query<Filter>,
) -> Result<Response, Failure> {
    let l = person.language;
    let admin = person.of_the_system()?;
    let check = admin.verify_new_audit_entries().await.map_err(|error| person.failure(error))?;
    // Names are searched as well as ids, since people look for what a page showed.
    let mut search = filter.search();
    if let Some(who) = &search.actor {
        search.actor = Some(account_named(&ui, who).await.unwrap_or_else(|| who.clone()));
    }
    // One more, to know whether this is the last page.
    let mut lines = admin.find_audit(&search, Pages::SIZE + 1).await.map_err(|error| person.failure(error))?;
    let more = lines.len() > Pages::SIZE as usize;
    lines.truncate(Pages::SIZE as usize);
    let names = Names::of(&person, &ui, &lines).await;
    let pages = Pages {
        first: filter.before.map(|_| filter.link(None)),
        next: lines.last().filter(|_| more).map(|last| filter.link(Some(last.seq))),
    };
    let title = Room::Audit.name(l);
    let main = html! {
        h1 { (title) }
        @match &check.problem {
            Some(problem) => { div.notice.bad role="alert" { (l.say("Integrity check failed: ", "Integritätsprüfung fehlgeschlagen: ")) (wording::spoken(l, problem)) } }
            None => { p.sub { (number(l, check.lines)) " " (l.say("entries, integrity verified. Newest first.", "Einträge, Integrität geprüft. Neueste zuerst.")) } }
        }
        (form(l, &filter))
        @if lines.is_empty() { div.empty { p { (l.say("No matching entries.", "Keine passenden Einträge.")) } } }
        @else {
            @let headings = ["#", l.say("Time", "Zeit"), l.say("User", "Benutzer"), l.say("Action", "Aktion"), l.say("Target", "Ziel"), l.say("Details", "Details")];
            (table(&headings, usize::MAX, lines.iter().map(|line| vec![
                html! { (line.seq) },
                time(l, line.at),
                names.actor(l, &line.actor),
                html! { (wording::action(l, &line.action)) div.help { code { (line.action) } } },
                names.subject(l, &line.subject),
                detail(l, line),
            ])))
        }
        (pages.show(l))
    };
    Ok(page(&person, Room::Audit, title, main))
}

fn form(l: Language, filter: &Filter) -> Markup {
    html! {
        form.filter method="get" {
            div.field { label for="who" { (l.say("User", "Benutzer")) } input #who name="who" type="text" value=(filter.who) maxlength="100" autocomplete="off" placeholder=(l.say("Name or ID", "Name oder ID")); }
            div.field { label for="what" { (l.say("Action", "Aktion")) }
                select #what name="what" {
                    option value="" { (l.say("All actions", "Alle Aktionen")) }
                    @for (name, words) in wording::actions(l) { option value=(name) selected[filter.what == name] { (words) } }
                } }
            div.field { label for="which" { (l.say("Target (ID)", "Ziel (ID)")) } input #which name="which" type="text" value=(filter.which) maxlength="256" autocomplete="off"; }
            div.field { label for="from" { (l.say("From", "Von")) } input #from name="from" type="date" value=(filter.from); }
            div.field { label for="to" { (l.say("To", "Bis")) } input #to name="to" type="date" value=(filter.to); }
            div.actions { button { (l.say("Apply", "Anwenden")) } }
        }
    }
}

fn detail(l: Language, line: &AuditEntry) -> Markup {
    html! {
        @for (about, said) in wording::details(l, &line.detail) {
            div.change { @if !about.is_empty() { strong { (about) } " " } (said) }
        }
    }
}

/// Returns the id of the account that has this name.
async fn account_named(ui: &Ui, name: &str) -> Option<String> {
    let all = ui.app.engine.accounts().list(0, 1000).await.ok()?;
    all.into_iter().find(|account| account.name.to_lowercase() == name.to_lowercase()).map(|account| account.id)
}

/// Names of what the lines of a page are about, by id; with a link where there is a page.
#[derive(Default)]
struct Names(HashMap<String, (String, Option<String>)>);

impl Names {
    async fn of(person: &Person, ui: &Ui, lines: &[AuditEntry]) -> Self {
        let mut names = Self::default();
        for line in lines {
            let who = line.actor.split_whitespace().nth(1).unwrap_or_default();
            for id in [who, &line.subject] {
                if !id.is_empty() && !names.0.contains_key(id) {
                    let found = Self::find(person, ui, line, id).await;
                    names.0.extend(found.map(|found| (id.to_owned(), found)));
                }
            }
        }
        names
    }

    /// Returns the name of what an entry is about, and its page. `None` if it no longer exists: then its id is shown.
    async fn find(person: &Person, ui: &Ui, line: &AuditEntry, id: &str) -> Option<(String, Option<String>)> {
        let admin = person.of_anything();
        if id != line.subject {
            if let Ok(account) = ui.app.engine.accounts().get(id).await {
                return Some((account.name, Some(format!("/admin/accounts/{}", segment(id)))));
            }
            return admin.token(id).await.ok().map(|token| (token.name, None));
        }
        match line.action.split('.').next()? {
            "instance" => {
                let (subscription, name) = admin.instance_name(id).await.ok()??;
                Some((name, Some(instance_path(&subscription, id))))
            }
            "account" => {
                let account = ui.app.engine.accounts().get(id).await.ok()?;
                Some((account.name, Some(format!("/admin/accounts/{}", segment(id)))))
            }
            "token" => admin.token(id).await.ok().map(|token| (token.name, None)),
            "subscription" | "directory" | "user" | "sign-in-page" => {
                let subscription = admin.subscription(id).await.ok()?;
                Some((subscription.name, Some(format!("/admin/subscriptions/{}", segment(id)))))
            }
            _ => None,
        }
    }

    /// Returns the actor: `account ID from ADDRESS`, `token ID from ADDRESS`, or another name.
    fn actor(&self, l: Language, actor: &str) -> Markup {
        let (who, from) = actor.split_once(" from ").unwrap_or((actor, ""));
        let (kind, id) = who.split_once(' ').unwrap_or((who, ""));
        let kind_name = match kind {
            "account" => l.say("Account", "Konto"),
            "token" => "Token",
            "command" => l.say("Command line", "Kommandozeile"),
            "nobody" => l.say("Not logged in", "Nicht angemeldet"),
            "start-up" => l.say("Startup", "Start"),
            other => other,
        };
        html! {
            @match self.0.get(id) {
                Some((name, Some(link))) => { a href=(link) { (name) } },
                Some((name, None)) => { (kind_name) " " (name) },
                None if matches!(kind, "account" | "token") => { (kind_name) " " code.id { (id) } },
                None => { (kind_name) },
            }
            @if !from.is_empty() { div.help { (from) } }
        }
    }

    fn subject(&self, l: Language, id: &str) -> Markup {
        html! {
            @match self.0.get(id) {
                Some((name, Some(link))) => { a href=(link) { (name) } div.help { code.id { (id) } } },
                Some((name, None)) => { (name) div.help { code.id { (id) } } },
                None if id == "first administrator" => { (l.say("First administrator", "Erster Administrator")) },
                None => { code.id { (id) } },
            }
        }
    }
}
