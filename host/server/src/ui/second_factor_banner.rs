//! The banner on pages of a person who logged in without a second factor.

use maud::{Markup, html};
use twofactor::accounts::SecondFactorState;

use super::links::{SECOND_FACTOR, segment};
use super::person::Person;
use crate::wording::Language;

/// Shows what is missing before a person can be asked for a second factor, with a link to the place to fix it.
pub(super) fn missing(
    l: Language,
    state: SecondFactorState,
    subscription: Option<&str>,
    account: &str,
) -> Option<Markup> {
    let (text, link, name) = match state {
        SecondFactorState::Ready => return None,
        SecondFactorState::NoSubscription => (
            l.say("No subscription is selected.", "Es ist keine Subscription ausgewählt."),
            SECOND_FACTOR.to_owned(),
            l.say("Select subscription", "Subscription auswählen"),
        ),
        SecondFactorState::NoInstance => (
            l.say(
                "No active and valid instance is assigned to the client application “twofactor-admin”.",
                "Der Client-Anwendung „twofactor-admin“ ist keine aktive und gültige Instanz zugewiesen.",
            ),
            format!("/admin/two-factors?subscription={}", segment(subscription.unwrap_or_default())),
            l.say("Assign instance", "Instanz zuweisen"),
        ),
        SecondFactorState::NotEnrolled => (
            l.say(
                "You can protect your account with a second factor.",
                "Sie können Ihr Konto mit einem zweiten Faktor schützen.",
            ),
            "/admin/account#factors".to_owned(),
            l.say("Add a second factor", "Zweiten Faktor hinzufügen"),
        ),
        SecondFactorState::NotReachable => (
            l.say("Your account has no phone number.", "Ihr Konto hat keine Telefonnummer."),
            format!("/admin/accounts/{}", segment(account)),
            l.say("Add phone number", "Telefonnummer hinzufügen"),
        ),
    };
    Some(html! { p { (text) " " a href=(link) { (name) } } })
}

/// Returns the banner for a person who logged in without a second factor and could not be asked for
/// one.
pub(super) fn banner(person: &Person) -> Markup {
    let l = person.language;
    let Some((state, subscription)) = &person.without_second_factor else { return html! {} };
    let Some(missing) = missing(l, *state, subscription.as_deref(), &person.session.account.id) else {
        return html! {};
    };
    html! {
        div.notice.warn role="status" {
            p { (l.say("You logged in without a second factor.", "Sie haben sich ohne zweiten Faktor angemeldet.")) }
            @if *state == SecondFactorState::NotEnrolled || person.is_of_the_system() && person.may_change() { (missing) } @else {
                p { (l.say("A system administrator can set it up.", "Ein Systemadministrator kann ihn einrichten.")) }
            }
        }
    }
}
