//! The assignments of an instance.

use axum::body::Bytes;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use twofactor::Assignment;
use twofactor::admin::Assigned;
use twofactor::store::AssignmentKind;

use super::failure::Failure;
use super::form_replies::{Outcome, Told};
use super::instance_form::is_whole;
use super::links::instance_path;
use super::person::Person;
use super::posted::Posted;
use crate::wording::Language;

/// The most specific first, as they are chosen.
pub(super) const KINDS: [AssignmentKind; 4] =
    [AssignmentKind::User, AssignmentKind::ClientApplication, AssignmentKind::Idp, AssignmentKind::Tenant];

pub(super) fn kind_name(l: Language, kind: AssignmentKind) -> &'static str {
    match kind {
        AssignmentKind::User => l.say("User", "Benutzer"),
        AssignmentKind::ClientApplication => l.say("Client application", "Client-Anwendung"),
        AssignmentKind::Idp => "IDP",
        AssignmentKind::Tenant => l.say("Tenant", "Mandant"),
    }
}

/// Returns the assignments of an instance, with buttons to add and remove them.
pub(super) fn card(person: &Person, here: &str, assigned: &[Assigned]) -> Markup {
    let (l, posted) = (person.language, person.posted());
    html! {
        section.card #assignments {
            h2 { (l.say("Assignments", "Zuweisungen")) }
            p.help { (l.say("Available to sign-ins of these tenants, IDPs, client applications or users.", "Verfügbar für Anmeldungen dieser Mandanten, IDPs, Client-Anwendungen oder Benutzer.")) }
            @if !assigned.is_empty() {
                ul.assigned { @for one in assigned {
                    li {
                        span { (kind_name(l, one.kind)) " " @if let Some(name) = &one.name { (name) " " } code { (one.id) } }
                        @if person.may_change() {
                            button.plain form="edit" formaction={ (here) "/assignments" } name="remove" value={ (one.kind.as_str()) ":" (one.id) }
                                aria-label={ (l.say("Remove ", "Entfernen: ")) (kind_name(l, one.kind)) " " (one.id) } { (l.say("Remove", "Entfernen")) }
                        }
                    }
                } }
            }
            @if person.may_change() { div.assign {
                div.field {
                    label for="kind" { (l.say("New assignment", "Neue Zuweisung")) }
                    select #kind name="kind" form="edit" { @for kind in KINDS.into_iter().rev() { option value=(kind.as_str()) selected[posted.get("kind") == Some(kind.as_str())] { (kind_name(l, kind)) } } }
                }
                div.field {
                    label for="target" { (l.say("ID used by the application", "ID, wie sie die Anwendung verwendet")) }
                    input #target name="id" form="edit" type="text" maxlength="256" autocomplete="off" value=(posted.get("id").unwrap_or_default());
                }
                div.actions { button form="edit" formaction={ (here) "/assignments" } name="do" value="add" { (l.say("Assign", "Zuweisen")) } }
            } }
            p { a href={ (here) "/directory" } { (l.say("Search directory", "Verzeichnis durchsuchen")) } }
        }
    }
}

/// Returns what was chosen.
pub(super) fn kind_of(posted: &Posted) -> AssignmentKind {
    KINDS.into_iter().find(|kind| Some(kind.as_str()) == posted.get("kind")).unwrap_or(AssignmentKind::Tenant)
}

/// Adds or removes one assignment.
pub(super) async fn change(
    person: Person,
    Path((subscription, id)): Path<(String, String)>,
    body: Bytes,
) -> Result<Response, Failure> {
    let admin = person.of(&subscription)?;
    let posted = Posted::parse(&body);
    let removed = posted.get("remove").and_then(|one| one.split_once(':'));
    let kind = |name: &str| KINDS.into_iter().find(|kind| kind.as_str() == name);
    let one = match removed.and_then(|(name, id)| Some((kind(name)?, id))) {
        Some((kind, id)) => Assignment { kind, id: id.to_owned() },
        None => Assignment { kind: kind_of(&posted), id: posted.get("id").unwrap_or_default().to_owned() },
    };
    let set = async || loop {
        let read = admin.assignments(&subscription, &id).await?;
        let others = read.assigned.into_iter().map(|it| Assignment { kind: it.kind, id: it.id });
        let mut all: Vec<Assignment> = others.filter(|other| *other != one).collect();
        if removed.is_none() && posted.get("do") != Some("remove") {
            all.push(one.clone());
        }
        match admin.replace_assignments(&subscription, &id, all, Some(read.revision)).await {
            // Somebody else changed the assignments in the meantime: the change applies to the
            // current ones.
            Err(error) if error.is_revision_conflict() => {}
            set => return set,
        }
    };
    set().await.map_err(|error| person.failure(error))?;
    let here = format!("{}?done=assigned#assignments", instance_path(&subscription, &id));
    if !is_whole(&posted) {
        return Ok(Redirect::to(&here).into_response());
    }
    // What is in the form is not saved and still there; the assignment is done.
    let done: &[&str] = if removed.is_some() { &[] } else { &["kind", "id"] };
    Ok(Told::new(Outcome::Done).on(here).showing(posted.without(done)).into_response())
}
