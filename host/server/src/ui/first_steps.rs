//! The steps from an empty store to the first delivered code: what is done, and where the next step
//! is. It disappears when all is done.

use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use twofactor::accounts::SecondFactorState;
use twofactor::admin::Instance;
use twofactor::token::Role;

use super::failure::Failure;
use super::layout::Pages;
use super::links;
use super::links::instance_path;
use super::person::Person;
use crate::wording::Language;

/// The number of days that statistics are kept.
const DAYS: i64 = 90;

/// The progress of an installation's administrators.
#[derive(Default)]
pub(super) struct FirstSteps {
    subscription: bool,
    instance: bool,
    valid: bool,
    tested: bool,
    assigned: bool,
    token: bool,
    delivered: bool,
    second_factor: bool,
    of_the_system: bool,
    /// The link to the next step of an instance.
    next: Option<String>,
    /// For those who change nothing there is nothing to do.
    hidden: bool,
}

impl FirstSteps {
    /// Looks at what is stored.
    pub(super) async fn find(person: &Person) -> Result<Self, Failure> {
        if !person.may_change() {
            return Ok(Self { hidden: true, ..Self::default() });
        }
        let admin = person.of_anything();
        let mut found = Self {
            second_factor: matches!(person.without_second_factor, None | Some((SecondFactorState::Ready, _))),
            of_the_system: person.is_of_the_system(),
            ..Self::default()
        };
        let since = Timestamp::now() - SignedDuration::from_hours(24 * DAYS);
        let subscriptions = admin.subscriptions().await.map_err(|error| person.failure(error))?;
        for subscription in subscriptions.iter().filter(|one| person.has(&one.id)) {
            found.subscription = true;
            for one in admin.statistics(&subscription.id, since).await.map_err(|error| person.failure(error))? {
                found.tested |= one.event == "tested";
                found.delivered |= one.event == "delivered";
            }
            // A large installation is past its first steps.
            let instances = admin.instances_page(&subscription.id, None, Pages::SIZE).await;
            for instance in instances.map_err(|error| person.failure(error))?.items {
                found.note(&instance);
                if !found.assigned {
                    let assigned = admin.assignments(&subscription.id, &instance.id).await;
                    found.assigned = !assigned.map_err(|error| person.failure(error))?.assigned.is_empty();
                }
            }
        }
        // A person who gets codes has tested it.
        found.tested |= found.delivered;
        let tokens = admin.tokens_page(person.bound_to(), None, Pages::SIZE).await;
        let tokens = tokens.map_err(|error| person.failure(error))?.items;
        found.token = tokens.iter().any(|one| matches!(one.role, Role::Application { .. }) && one.revoked_at.is_none());
        Ok(found)
    }

    fn note(&mut self, instance: &Instance) {
        self.instance = true;
        if instance.valid || !self.valid {
            self.next = Some(instance_path(&instance.subscription, &instance.id));
        }
        self.valid |= instance.valid;
    }

    pub(super) fn show(&self, l: Language) -> Markup {
        let new = "/admin/two-factors/new";
        let instance = self.next.as_deref().unwrap_or(new);
        let test = if self.next.is_some() { format!("{instance}#test") } else { new.to_owned() };
        let assign = if self.next.is_some() { format!("{instance}#assignments") } else { new.to_owned() };
        let steps = [
            (self.subscription, l.say("Create a subscription", "Subscription erstellen"), "/admin/subscriptions"),
            (self.instance, l.say("Create a TwoFactor instance", "TwoFactor-Instanz erstellen"), new),
            (self.valid, l.say("Set its options", "Optionen setzen"), instance),
            (self.tested, l.say("Send yourself a test message", "Testnachricht an sich selbst senden"), &test),
            (
                self.assigned,
                l.say(
                    "Assign it to tenants, IDPs, client applications or users",
                    "Mandanten, IDPs, Client-Anwendungen oder Benutzern zuweisen",
                ),
                &assign,
            ),
            (
                self.token,
                l.say("Create a token for your application", "Token für Ihre Anwendung erstellen"),
                "/admin/tokens",
            ),
            (
                self.second_factor,
                l.say(
                    "Protect your own account with a second factor",
                    "Eigenes Konto mit einem zweiten Faktor schützen",
                ),
                if self.of_the_system { links::SECOND_FACTOR } else { "/admin/account" },
            ),
            (
                self.delivered,
                l.say("Send the first code from your application", "Ersten Code aus Ihrer Anwendung senden"),
                "/admin/tokens",
            ),
        ];
        let done = steps.iter().filter(|step| step.0).count();
        let next = steps.iter().position(|step| !step.0);
        html! {
            @if !self.hidden && done < steps.len() {
                section.card.steps #first-steps {
                    div.head {
                        h2 { (l.say("Getting started", "Erste Schritte")) }
                        span.count { (done) " / " (steps.len()) }
                    }
                    // Instance, options and test are one page.
                    @if !self.instance { p { a.button.main href=(new) { (l.say("Create TwoFactor Instance", "TwoFactor-Instanz erstellen")) } } }
                    ol { @for (n, (done, text, link)) in steps.iter().enumerate() {
                        li.done[*done].next[next == Some(n)] {
                            @if *done { span { (text) " " span.state { (l.say("Done", "Erledigt")) } } }
                            @else { a href=(link) { (text) } }
                        }
                    } }
                }
            }
        }
    }
}
