//! The factors of a subscription's users: shown, suspended, removed and reset by administrators, and temporary passes.
//!
//! There is no list of users: an administrator types a user's id. It is in the query of each page, not in its path, because an id can
//! be any text, even `..`.

mod changes;
mod factor;
mod overview;
mod questions;

pub(super) use changes::{change, end_pass, forget, issue_pass, reset};
pub(super) use factor::show as show_factor;
pub(super) use overview::show;
pub(super) use questions::{ask_end_pass, ask_reset};

use axum::extract::Path;
use axum::http::Uri;
use axum::response::Redirect;
use maud::{Markup, html};
use serde::Deserialize;
use twofactor::factor::{FactorStatus, UserFactor};

use super::failure::Failure;
use super::layout::badge;
use super::links::{on_to, segment};
use super::person::Person;
use super::posted::Posted;
use crate::wording::{self, Language};

/// The parameters of these pages.
#[derive(Deserialize)]
pub(super) struct Shown {
    #[serde(default)]
    user: String,
    #[serde(default)]
    factor: String,
    #[serde(default)]
    done: String,
}

impl Shown {
    /// Returns the user from the link, or from the form that was sent after the session ended. Ids neither begin nor end with a space.
    fn user<'a>(&'a self, person: &'a Person) -> &'a str {
        Self::or_posted(&self.user, person, "user")
    }

    /// Returns the factor from the link or from the form.
    fn factor<'a>(&'a self, person: &'a Person) -> &'a str {
        Self::or_posted(&self.factor, person, "factor")
    }

    fn or_posted<'a>(linked: &'a str, person: &'a Person, name: &str) -> &'a str {
        match linked.trim() {
            "" => person.posted().get(name).unwrap_or_default(),
            linked => linked,
        }
    }
}

/// Returns the path of the page that searches for a user.
pub(super) fn path(subscription: &str) -> String {
    format!("/admin/subscriptions/{}/users", segment(subscription))
}

/// Returns the link to a user's factors.
pub(super) fn user_link(subscription: &str, user: &str) -> String {
    format!("{}?user={}", path(subscription), segment(user))
}

/// Returns the link to one factor of a user.
fn factor_link(subscription: &str, user: &str, factor: &str) -> String {
    format!("{}/factor?user={}&factor={}", path(subscription), segment(user), segment(factor))
}

/// Redirects from the target of a form to the user's factors.
pub(super) async fn to_user(Path(subscription): Path<String>, uri: Uri) -> Redirect {
    on_to(&path(&subscription), &uri)
}

/// Returns the name of a subscription that this person may see.
async fn subscription_name(person: &Person, subscription: &str) -> Result<String, Failure> {
    let found = person.of(subscription)?.subscription(subscription).await;
    found.map(|one| one.name).map_err(|error| person.failure(error))
}

/// Returns the title of these pages.
pub(super) fn title(l: Language) -> &'static str {
    l.say("Users’ factors", "Faktoren der Benutzer")
}

/// Returns the title of a factor: its type, and the name that its owner gave it.
pub(super) fn name(l: Language, factor: &UserFactor) -> String {
    let type_name = wording::factor_type(l, &factor.type_id);
    factor.label.as_ref().map_or_else(|| type_name.to_owned(), |label| format!("{type_name} – {label}"))
}

/// Returns whether a factor can be used, as a label.
pub(super) fn status(l: Language, factor: &UserFactor) -> Markup {
    let kind = match factor.status {
        FactorStatus::Active => "good",
        FactorStatus::Suspended => "warn",
        FactorStatus::Ended => "off",
    };
    badge(kind, wording::factor_status(l, factor.status))
}

/// Returns the field for the reason of a change.
fn reason(l: Language, posted: &Posted) -> Markup {
    html! {
        div.field {
            label for="reason" { (l.say("Reason", "Grund")) }
            input #reason name="reason" type="text" required maxlength="200" autocomplete="off"
                value=(posted.get("reason").unwrap_or_default()) aria-describedby="reason-help";
            div.help #reason-help { (l.say("Stored in the audit log, for example “Lost phone, identity verified in person”.",
                "Wird im Audit-Log gespeichert, zum Beispiel „Telefon verloren, Identität persönlich geprüft“.")) }
        }
    }
}
