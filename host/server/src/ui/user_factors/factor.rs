//! One factor of a user: what is known about it, and the form to suspend, resume or remove it.

use axum::extract::{Path, Query};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use twofactor::factor::{FactorStatus, UserFactor};

use super::super::failure::Failure;
use super::super::format::time;
use super::super::links::instance_path;
use super::super::page::{Room, page};
use super::super::person::Person;
use super::{Shown, name, path, reason, status, user_link};
use crate::wording;

pub(in super::super) async fn show(
    person: Person,
    Path(subscription): Path<String>,
    Query(shown): Query<Shown>,
) -> Result<Response, Failure> {
    let (l, user) = (person.language, shown.user(&person));
    let admin = person.of(&subscription)?;
    if user.is_empty() {
        return Ok(Redirect::to(&path(&subscription)).into_response());
    }
    let factors = admin.user_factors(&subscription, user).await.map_err(|error| person.failure(error))?;
    let found = factors.into_iter().find(|factor| factor.id == shown.factor(&person));
    let Some(factor) = found else { return Err(Failure::not_found(l)) };
    let title = name(l, &factor);
    let main = html! {
        p.trail { a href=(user_link(&subscription, user)) { (user) } }
        div.head { h1 { (title) } (status(l, &factor)) }
        section.card { (facts(&person, &subscription, &factor)) }
        @if person.may_change() && factor.status != FactorStatus::Ended { (change(&person, &subscription, user, &factor)) }
    };
    Ok(page(&person, Room::Subscriptions, &title, main))
}

fn facts(person: &Person, subscription: &str, factor: &UserFactor) -> Markup {
    let l = person.language;
    let known = wording::factor_facts(l, &factor.facts);
    html! {
        dl.facts {
            dt { (l.say("Type", "Typ")) } dd { (wording::factor_type(l, &factor.type_id)) }
            dt { (l.say("Instance", "Instanz")) } dd { a href=(instance_path(subscription, &factor.two_factor)) { (factor.type_id) } }
            dt { (l.say("Name given by the user", "Vom Benutzer vergebener Name")) } dd { (factor.label.as_deref().unwrap_or("–")) }
            dt { (l.say("Added", "Hinzugefügt")) } dd { (time(l, factor.created_at)) }
            dt { (l.say("Last used", "Zuletzt verwendet")) } dd { @match factor.last_used_at { Some(at) => { (time(l, at)) }, None => "–" } }
            @if let Some(at) = factor.ended_at { dt { (l.say("Ended", "Beendet")) } dd { (time(l, at)) } }
            @if factor.fallback { dt { (l.say("Fallback", "Ausweichfaktor")) } dd { (l.say("Removed with the last other factor", "Wird mit dem letzten anderen Faktor entfernt")) } }
            @if !known.is_empty() { dt { (l.say("Properties", "Eigenschaften")) } dd { @for fact in known { div { (fact) } } } }
            dt { "ID" } dd { code.id { (factor.id) } }
        }
    }
}

fn change(person: &Person, subscription: &str, user: &str, factor: &UserFactor) -> Markup {
    let l = person.language;
    html! {
        form.card method="post" action={ (path(subscription)) "/factor" } {
            input type="hidden" name="user" value=(user);
            input type="hidden" name="factor" value=(factor.id);
            p { (l.say("A suspended factor cannot be used until you resume it. A removed factor must be added again. The user is notified.",
                "Ein ausgesetzter Faktor kann nicht verwendet werden, bis Sie ihn wieder aktivieren. Ein entfernter Faktor muss erneut hinzugefügt werden. Der Benutzer wird benachrichtigt.")) }
            (reason(l, person.posted()))
            div.actions {
                @if factor.status == FactorStatus::Suspended { button.main name="do" value="resume" { (l.say("Resume", "Wieder aktivieren")) } }
                @else { button.main name="do" value="suspend" { (l.say("Suspend", "Aussetzen")) } }
                button.bad name="do" value="remove" { (l.say("Remove", "Entfernen")) }
                a.button href=(user_link(subscription, user)) { (l.say("Cancel", "Abbrechen")) }
            }
        }
    }
}
