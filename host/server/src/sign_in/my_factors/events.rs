//! Recent events of a person's sign-in methods.

use maud::{Markup, html};
use twofactor::sign_in::Visit;

use super::super::text::Words;

/// Returns the list, the newest first.
pub(super) fn section(words: &Words, visit: &Visit) -> Markup {
    let said = |event| words.events.say(&words.factors, event);
    let events: Vec<_> = visit.events.iter().filter_map(|event| Some((event.at, said(event)?))).collect();
    if events.is_empty() {
        return html! {};
    }
    html! {
        h2 { (words.events.title) }
        ul.events { @for (at, text) in events { li { span { (text) } (words.time(at)) } } }
    }
}
