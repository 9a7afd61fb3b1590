//! "My factors": a page on which a person sees, adds, names and removes their own factors.
//!
//! It is started, bound to a browser and closed like a sign-in, and first asks for a factor that the person has.
//! What it changes needs that proof, which is valid for some minutes.

mod actions;
mod add;
mod browsers;
mod events;
mod list;

pub(super) use actions::{drop_enrolment, enrol, finish, forget, leave, remove, rename};

use axum::response::Response;
use twofactor::sign_in::Visit;

use super::Visitor;
use super::browser::Fields;
use super::page::Say;
use super::text::Words;

/// Returns the page for what the person is doing: adding a factor, removing one, or looking at all of them.
pub(super) fn show(
    visitor: &Visitor<'_>,
    visit: &Visit,
    query: &Fields,
    say: Option<&dyn Fn(&Words) -> Say>,
) -> Response {
    let path = super::path(visitor.secret);
    let frame = visitor.frame(&path, Some(visit));
    let say = say.map(|say| say(frame.words));
    let asked = query.get("remove").and_then(|id| visit.factors.iter().find(|factor| factor.id == id));
    let markup = match (&visit.enrolment, asked) {
        (Some(enrolment), _) => add::page(&frame, visit, enrolment, say.as_ref()),
        (None, Some(factor)) => list::ask_remove(&frame, visit, factor),
        (None, None) => list::page(&frame, visit, say.as_ref()),
    };
    super::browser::page(axum::http::StatusCode::OK, markup, Some(visit), &frame.nonce)
}

/// Returns what a person is offered between a right answer and the way back: the first factor, or new recovery codes when few are left.
pub(super) fn offer(visitor: &Visitor<'_>, visit: &Visit, say: Option<&dyn Fn(&Words) -> Say>) -> Response {
    let path = super::path(visitor.secret);
    let frame = visitor.frame(&path, Some(visit));
    let say = say.map(|say| say(frame.words));
    let markup = match &visit.enrolment {
        Some(enrolment) => add::page(&frame, visit, enrolment, say.as_ref()),
        None => list::offer(&frame, visit, say.as_ref()),
    };
    super::browser::page(axum::http::StatusCode::OK, markup, Some(visit), &frame.nonce)
}

/// What was done, as a query parameter of the page that shows it.
#[derive(Clone, Copy)]
pub(super) enum Done {
    Added,
    CodesStored,
    Removed,
    Renamed,
    Forgotten,
}

impl Done {
    const ALL: [Self; 5] = [Self::Added, Self::CodesStored, Self::Removed, Self::Renamed, Self::Forgotten];

    const fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::CodesStored => "codes",
            Self::Removed => "removed",
            Self::Renamed => "renamed",
            Self::Forgotten => "forgotten",
        }
    }

    fn query(self) -> String {
        format!("done={}", self.word())
    }

    pub(super) fn read(query: &Fields) -> Option<Self> {
        let word = query.get("done")?;
        Self::ALL.into_iter().find(|done| done.word() == word)
    }

    pub(super) fn text(self, words: &Words) -> &'static str {
        match self {
            Self::Added => words.factors.was_added,
            Self::CodesStored => words.factors.codes_stored,
            Self::Removed => words.factors.was_removed,
            Self::Renamed => words.factors.was_renamed,
            Self::Forgotten => words.remembered.was_forgotten,
        }
    }
}
