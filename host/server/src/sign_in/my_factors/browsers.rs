//! The list of a person's remembered browsers.

use maud::{Markup, html};
use twofactor::factor::RememberedBrowser;
use twofactor::sign_in::Visit;

use super::super::agent;
use super::super::icons::{SCREEN, icon};
use super::super::page::Frame;

/// Returns the list, if there are any.
pub(super) fn section(frame: &Frame<'_>, visit: &Visit) -> Markup {
    let words = &frame.words.remembered;
    if visit.remembered_browsers.is_empty() {
        return html! {};
    }
    html! {
        h2 { (words.title) }
        p.lead { (words.about) }
        ul.factors {
            @for browser in &visit.remembered_browsers { li { (one(frame, visit, browser)) } }
        }
        @if visit.remembered_browsers.len() > 1 { div.more { (forget(frame, None, words.forget_all, "")) } }
    }
}

fn one(frame: &Frame<'_>, visit: &Visit, browser: &RememberedBrowser) -> Markup {
    let words = &frame.words.remembered;
    let name = browser.user_agent.as_deref().and_then(agent::name);
    let name = name.as_deref().unwrap_or(words.unknown);
    html! {
        div.factor {
            (icon(SCREEN))
            div {
                strong { (name) }
                p.hint {
                    @if visit.this_browser.as_ref() == Some(&browser.id) { (words.this) " · " }
                    (words.last_used.replace("{date}", &frame.words.date(browser.last_used_at))) " · "
                    (words.until.replace("{date}", &frame.words.date(browser.expires_at)))
                }
            }
        }
        div.does { (forget(frame, Some(&browser.id), words.forget, name)) }
    }
}

fn forget(frame: &Frame<'_>, browser: Option<&str>, text: &str, name: &str) -> Markup {
    html! {
        form method="post" action={ (frame.path) "/forget" } {
            (frame.hidden(None))
            @if let Some(id) = browser { input type="hidden" name="browser" value=(id); }
            button.quiet type="submit" aria-label=[(!name.is_empty()).then(|| format!("{text}: {name}"))] { (text) }
        }
    }
}
