//! What all pages have around them.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, html};

use super::answer::Told;
use super::kept::Outcome;
use super::language::Language;
use super::person::Person;
use crate::api::Problem;
use crate::wording::{sentence, spoken};

/// The places the navigation leads to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    Dashboard,
    Instances,
    Subscriptions,
    BaseSettings,
    Providers,
    Tokens,
    Accounts,
    Messages,
    Audit,
    /// A person's own account: it stands beside the navigation.
    Account,
}

impl Room {
    const ALL: [Self; 9] = [
        Self::Dashboard,
        Self::Instances,
        Self::Subscriptions,
        Self::BaseSettings,
        Self::Providers,
        Self::Tokens,
        Self::Accounts,
        Self::Messages,
        Self::Audit,
    ];

    fn path(self) -> &'static str {
        match self {
            Self::Dashboard => "/admin",
            Self::Instances => "/admin/two-factors",
            Self::Subscriptions => "/admin/subscriptions",
            Self::BaseSettings => "/admin/base-settings",
            Self::Providers => "/admin/providers",
            Self::Tokens => "/admin/tokens",
            Self::Accounts => "/admin/accounts",
            Self::Messages => "/admin/messages",
            Self::Audit => "/admin/audit",
            Self::Account => "/admin/account",
        }
    }

    pub(super) fn name(self, l: Language) -> &'static str {
        match self {
            Self::Dashboard => l.say("Overview", "Übersicht"),
            Self::Instances => l.say("TwoFactor Instances", "TwoFactor-Instanzen"),
            Self::Subscriptions => "Subscriptions",
            Self::BaseSettings => l.say("Base service settings", "Basiseinstellungen"),
            Self::Providers => l.say("Providers", "Provider"),
            Self::Tokens => l.say("Tokens", "Tokens"),
            Self::Accounts => l.say("Users and roles", "Benutzer und Rollen"),
            Self::Account => l.say("Your account", "Ihr Konto"),
            Self::Messages => l.say("Messages", "Nachrichten"),
            Self::Audit => l.say("Audit log", "Audit-Log"),
        }
    }

    fn is_of_the_system(self) -> bool {
        matches!(self, Self::BaseSettings | Self::Accounts | Self::Audit)
    }
}

/// A page of a room.
pub(super) fn page(person: &Person, room: Room, title: &str, main: Markup) -> Response {
    let l = person.language;
    let rooms = Room::ALL.into_iter().filter(|room| person.is_of_the_system() || !room.is_of_the_system());
    let header = html! {
        header.bar {
            a.brand href="/admin" { "TwoFactor" }
            nav aria-label=(l.say("Main", "Haupt")) {
                @for one in rooms {
                    a href=(one.path()) aria-current=[(one == room).then_some("page")] { (one.name(l)) }
                }
            }
            div.person {
                a href="/admin/account" aria-current=[(room == Room::Account).then_some("page")] { (person.session.account.name) }
                (languages(l))
                form method="post" action="/admin/log-out" { button.plain { (l.say("Log out", "Abmelden")) } }
            }
        }
    };
    let main = html! {
        (outcome(person))
        (super::second_factor::banner(person))
        (main)
    };
    whole(l, title, header, main)
}

/// What came of the form that led to a page; what else there is to say about it the page itself says.
fn outcome(person: &Person) -> Markup {
    let l = person.language;
    html! {
        @match person.outcome() {
            Some(Outcome::Refused(why)) => { (notice("bad", why)) }
            Some(Outcome::CountryClosed(country)) => {
                div.notice.bad role="alert" {
                    (l.say("Not sent: messages to this country are not enabled: ", "Nicht gesendet: Nachrichten in dieses Land sind nicht freigegeben: ")) (country) ". "
                    a href="#policy/countries" { (l.say("Enable it under “Countries”", "Unter «Länder» freigeben")) }
                }
            }
            Some(Outcome::Conflict) => {
                (notice("warn", l.say(
                    "Not saved: somebody else changed this since you opened it. What differs is shown below: choose, and save again.",
                    "Nicht gespeichert: Jemand anderes hat dies geändert, seit Sie es geöffnet haben. Die Unterschiede stehen unten: Wählen Sie aus und speichern Sie nochmals.")))
            }
            Some(Outcome::SessionEnded) => {
                (notice("warn", l.say(
                    "Your session had ended, so nothing was done. What you typed is still here.",
                    "Ihre Sitzung war abgelaufen; es ist nichts geschehen. Ihre Eingaben sind noch da.")))
            }
            Some(Outcome::Done | Outcome::Tested(_) | Outcome::Issued(_)) | None => {}
        }
    }
}

fn languages(l: Language) -> Markup {
    let (tag, name) = match l {
        Language::English => ("de", "Deutsch"),
        Language::German => ("en", "English"),
    };
    html! { a href={ "/admin/language/" (tag) } lang=(tag) hreflang=(tag) { (name) } }
}

fn whole(l: Language, title: &str, header: Markup, main: Markup) -> Response {
    html! {
        (DOCTYPE)
        html lang=(l.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · TwoFactor" }
                link rel="stylesheet" href="/admin/style.css";
                script src="/admin/script.js" defer {}
            }
            body {
                a.skip href="#main" { (l.say("Skip to the content", "Zum Inhalt")) }
                (header)
                main #main { (main) }
            }
        }
    }
    .into_response()
}

/// A page for somebody who is not logged in.
pub(super) fn outside(l: Language, title: &str, main: Markup) -> Response {
    let header = html! { header.bar { a.brand href="/admin" { "TwoFactor" } nav {} div.person { (languages(l)) } } };
    whole(l, title, header, html! { div.card.narrow { (main) } })
}

/// What went wrong, as a page.
pub(super) struct Failure {
    language: Language,
    status: StatusCode,
    detail: Detail,
    country: Option<String>,
}

/// Why something went wrong.
enum Detail {
    /// In the reader's language.
    Worded(&'static str),
    /// The engine's sentence, in English.
    English(String),
}

impl Failure {
    pub(super) fn of(language: Language, problem: impl Into<Problem>) -> Self {
        let problem = problem.into();
        Self { language, status: problem.status(), detail: Detail::English(problem.detail().to_owned()), country: None }
    }

    /// Because messages to this country are not enabled.
    pub(super) fn about_country(self, country: Option<String>) -> Self {
        Self { country, ..self }
    }

    pub(super) fn too_long(language: Language) -> Self {
        let detail = language.say("The form is too long.", "Das Formular ist zu lang.");
        Self { language, status: StatusCode::PAYLOAD_TOO_LARGE, detail: Detail::Worded(detail), country: None }
    }

    pub(super) fn reads_only(language: Language) -> Self {
        let detail = language.say(
            "You may look at what is administered here, and change nothing.",
            "Sie dürfen ansehen, was hier verwaltet wird, und nichts ändern.",
        );
        Self { language, status: StatusCode::FORBIDDEN, detail: Detail::Worded(detail), country: None }
    }

    pub(super) fn not_found(language: Language) -> Self {
        let detail = language.say(
            "It may have been removed, or the address is incomplete.",
            "Es wurde vielleicht entfernt, oder die Adresse ist unvollständig.",
        );
        Self { language, status: StatusCode::NOT_FOUND, detail: Detail::Worded(detail), country: None }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let l = self.language;
        let title = match self.status {
            StatusCode::NOT_FOUND => l.say("Not found", "Nicht gefunden"),
            StatusCode::FORBIDDEN => l.say("This is not for you", "Das ist nicht für Sie"),
            StatusCode::SERVICE_UNAVAILABLE => l.say("Not available for the moment", "Zurzeit nicht verfügbar"),
            _ => l.say("This did not work", "Das hat nicht geklappt"),
        };
        let header = html! { header.bar { a.brand href="/admin" { "TwoFactor" } div.person { (languages(l)) } } };
        let main = html! {
            h1 { (title) }
            p { @match &self.detail {
                Detail::Worded(text) => (text),
                Detail::English(text) => (spoken(l, text)),
            } }
            p { a.button href="/admin" { (l.say("To the overview", "Zur Übersicht")) } }
        };
        let mut response = whole(l, title, header, main);
        *response.status_mut() = self.status;
        // As the answer to a form it leads back to the form, where there is one.
        match self.status {
            StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::PAYLOAD_TOO_LARGE => {}
            StatusCode::PRECONDITION_FAILED => drop(response.extensions_mut().insert(Told::new(Outcome::Conflict))),
            _ => {
                let why = match self.detail {
                    Detail::Worded(text) => text.to_owned(),
                    Detail::English(text) => sentence(l, &text),
                };
                let outcome = self.country.map_or(Outcome::Refused(why), Outcome::CountryClosed);
                response.extensions_mut().insert(Told::new(outcome));
            }
        }
        response
    }
}

/// A line above a page that says how something ended.
pub(super) fn notice(kind: &'static str, text: &str) -> Markup {
    let role = if kind == "bad" { "alert" } else { "status" };
    html! { div class={ "notice " (kind) } role=(role) { (text) } }
}

/// A form for those who may change what stands in it; for the others what stands in it, and no button.
pub(super) fn form(person: &Person, action: &str, validate: bool, fields: Markup, actions: Markup) -> Markup {
    html! {
        @if person.may_change() {
            form.card method="post" action=(action) novalidate[!validate] { (fields) div.actions { (actions) } }
        } @else {
            section.card { fieldset disabled { (fields) } }
        }
    }
}

/// The form that other parts of its page send along: its fields may stand anywhere, with `form="edit"`.
pub(super) fn edit_form(person: &Person, action: &str, fields: Markup, actions: Markup) -> Markup {
    html! {
        @if person.may_change() {
            form.card #edit method="post" action=(action) novalidate { (fields) div.actions { (actions) } }
        } @else {
            section.card { fieldset disabled { (fields) } }
        }
    }
}

/// The same for a form with a file.
pub(super) fn upload_form(person: &Person, action: &str, fields: Markup, actions: Markup) -> Markup {
    html! {
        @if person.may_change() {
            form.card method="post" action=(action) enctype="multipart/form-data" { (fields) div.actions { (actions) } }
        } @else {
            section.card { fieldset disabled { (fields) } }
        }
    }
}

/// The ways on from a part of a long list.
pub(super) struct Pages {
    /// Back to the beginning, if this is not it.
    pub(super) first: Option<String>,
    /// What comes next, if anything does.
    pub(super) next: Option<String>,
}

impl Pages {
    /// How much stands on a page.
    pub(super) const SIZE: u32 = 50;

    pub(super) fn show(&self, l: Language) -> Markup {
        html! {
            @if self.first.is_some() || self.next.is_some() {
                nav.pages aria-label=(l.say("Pages", "Seiten")) {
                    @if let Some(first) = &self.first { a.button href=(first) { (l.say("First page", "Erste Seite")) } }
                    @if let Some(next) = &self.next { a.button href=(next) rel="next" { (l.say("Next page", "Nächste Seite")) } }
                }
            }
        }
    }
}

/// A word about a state, not by colour alone.
pub(super) fn badge(kind: &'static str, text: &str) -> Markup {
    html! { span class={ "badge " (kind) } { (text) } }
}

/// A time, exact for machines and short for people (UTC).
pub(super) fn time(at: Timestamp) -> Markup {
    html! { time datetime=(at) { (at.strftime("%Y-%m-%d %H:%M")) } }
}

/// A table; where there is no room for columns each value shows its heading. Columns from `numbers` on are aligned as numbers are.
pub(super) fn table(headings: &[&str], numbers: usize, rows: impl Iterator<Item = Vec<Markup>>) -> Markup {
    let class = |n: usize| (n >= numbers).then_some("n");
    html! {
        div.table tabindex="0" { table {
            thead { tr { @for (n, heading) in headings.iter().enumerate() { th class=[class(n)] { (heading) } } } }
            tbody { @for row in rows {
                tr { @for (n, (cell, heading)) in row.iter().zip(headings).enumerate() { td class=[class(n)] data-label=(heading) { (cell) } } }
            } }
        } }
    }
}
