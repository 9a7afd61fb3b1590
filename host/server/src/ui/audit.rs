//! Who changed what.

use axum::extract::Query;
use axum::response::Response;
use maud::html;
use serde::Deserialize;

use super::layout::{Failure, Pages, Room, page, table, time};
use super::person::Person;

#[derive(Deserialize)]
pub(super) struct Place {
    /// Lines after this number; the newest page if not said.
    after: Option<u64>,
}

pub(super) async fn list(person: Person, Query(place): Query<Place>) -> Result<Response, Failure> {
    let l = person.language;
    let admin = person.of_the_system()?;
    let check = admin.verify_audit_log().await.map_err(|error| person.failure(error))?;
    let newest = check.lines.saturating_sub(Pages::SIZE.into());
    let after = place.after.unwrap_or(newest);
    let mut lines = admin.audit_log(after, Pages::SIZE).await.map_err(|error| person.failure(error))?;
    lines.reverse();
    let title = Room::Audit.name(l);
    let main = html! {
        h1 { (title) }
        @match &check.problem {
            Some(problem) => { div.notice.bad role="alert" { (l.say("The log is not whole: ", "Das Log ist nicht vollständig: ")) (problem) } }
            None => { p.sub { (check.lines) " " (l.say("lines, whole and unchanged. Newest first; times are UTC.", "Zeilen, vollständig und unverändert. Neueste zuerst; Zeiten in UTC.")) } }
        }
        @let headings = ["#", l.say("When", "Wann"), l.say("Who", "Wer"), l.say("What", "Was"), l.say("Of what", "Woran"), l.say("Detail", "Einzelheit")];
        (table(&headings, usize::MAX, lines.iter().map(|line| vec![
            html! { (line.seq) }, time(line.at), html! { (line.actor) }, html! { code { (line.action) } }, html! { (line.subject) }, html! { (line.detail) },
        ])))
        nav.pages aria-label=(l.say("Pages", "Seiten")) {
            @if after > 0 { a.button href={ "?after=" (after.saturating_sub(Pages::SIZE.into())) } { (l.say("Older", "Ältere")) } }
            @if after < newest { a.button href={ "?after=" (after + u64::from(Pages::SIZE)) } { (l.say("Newer", "Neuere")) } }
        }
    };
    Ok(page(&person, Room::Audit, title, main))
}
