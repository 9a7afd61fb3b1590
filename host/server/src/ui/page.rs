//! A page for a person who is logged in: navigation, the result of the last form, and forms for
//! those who may change something.

use axum::response::Response;
use maud::{Markup, html};

use super::form_replies::Outcome;
use super::layout::{languages, notice, whole};
use super::person::Person;
use super::second_factor_banner::banner;
use crate::wording::Language;

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
    /// The person's own account, which is next to the navigation.
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

/// Returns a page of a room.
pub(super) fn page(person: &Person, room: Room, title: &str, main: Markup) -> Response {
    let l = person.language;
    let rooms = Room::ALL.into_iter().filter(|room| person.is_of_the_system() || !room.is_of_the_system());
    let header = html! {
        header.bar {
            a.brand href="/admin" { "TwoFactor" }
            nav aria-label=(l.say("Main", "Hauptnavigation")) {
                @for one in rooms {
                    a href=(one.path()) aria-current=[(one == room).then_some("page")] { (one.name(l)) }
                }
            }
            div.person {
                a href="/admin/account" aria-current=[(room == Room::Account).then_some("page")] { (person.session.account.name) }
                (languages(l))
                form method="post" action="/admin/logout" { button.plain { (l.say("Log out", "Abmelden")) } }
            }
        }
    };
    let main = html! {
        (outcome(person))
        (banner(person))
        (main)
    };
    whole(l, title, header, main)
}

/// Returns the result of the form that led to a page; the page itself shows the details.
fn outcome(person: &Person) -> Markup {
    let l = person.language;
    html! {
        @match person.outcome() {
            Some(Outcome::Refused(why)) => { (notice("bad", why)) }
            Some(Outcome::CountryClosed(country)) => {
                div.notice.bad role="alert" {
                    (l.say("Not sent. Messages to this country are not enabled: ", "Nicht gesendet. Nachrichten in dieses Land sind nicht freigegeben: ")) (country) ". "
                    a href="#policy/countries" { (l.say("Enable it under “Countries”", "Unter „Länder“ freigeben")) }
                }
            }
            Some(Outcome::Conflict) => {
                (notice("warn", l.say(
                    "Not saved. Another user changed this in the meantime. Review the differences below and save again.",
                    "Nicht gespeichert. Ein anderer Benutzer hat dies inzwischen geändert. Prüfen Sie unten die Unterschiede und speichern Sie erneut.")))
            }
            Some(Outcome::SessionEnded) => {
                (notice("warn", l.say(
                    "Your session expired and nothing was saved. Your input is still here.",
                    "Ihre Sitzung ist abgelaufen und nichts wurde gespeichert. Ihre Eingaben sind noch da.")))
            }
            Some(Outcome::Done | Outcome::Tested(_) | Outcome::Issued(_)) | None => {}
        }
    }
}

/// Returns a form for those who may change its fields; for others the fields without a button.
pub(super) fn form(person: &Person, action: &str, validate: bool, fields: Markup, actions: Markup) -> Markup {
    html! {
        @if person.may_change() {
            form.card method="post" action=(action) novalidate[!validate] { (fields) div.actions { (actions) } }
        } @else {
            section.card { fieldset disabled { (fields) } }
        }
    }
}

/// Returns the form whose fields other parts of its page may contain, with `form="edit"`.
pub(super) fn edit_form(person: &Person, action: &str, fields: Markup, actions: Markup) -> Markup {
    html! {
        @if person.may_change() {
            form.card #edit method="post" action=(action) novalidate { (fields) div.actions { (actions) } }
        } @else {
            section.card { fieldset disabled { (fields) } }
        }
    }
}

/// Returns the same for a form with a file.
pub(super) fn upload_form(person: &Person, action: &str, fields: Markup, actions: Markup) -> Markup {
    html! {
        @if person.may_change() {
            form.card method="post" action=(action) enctype="multipart/form-data" { (fields) div.actions { (actions) } }
        } @else {
            section.card { fieldset disabled { (fields) } }
        }
    }
}
