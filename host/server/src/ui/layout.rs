//! The frame of every page, and the parts that pages are made of.

use axum::response::{IntoResponse as _, Response};
use maud::{DOCTYPE, Markup, html};

use crate::wording::Language;

pub(super) fn languages(l: Language) -> Markup {
    let (tag, name) = match l {
        Language::English => ("de", "Deutsch"),
        Language::German => ("en", "English"),
    };
    html! { a href={ "/admin/language/" (tag) } lang=(tag) hreflang=(tag) { (name) } }
}

pub(super) fn whole(l: Language, title: &str, header: Markup, main: Markup) -> Response {
    html! {
        (DOCTYPE)
        html lang=(l.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · TwoFactor" }
                link rel="stylesheet" href="/admin/style.css";
                script src="/admin/script.js" defer {}
            }
            body {
                a.skip href="#main" { (l.say("Skip to content", "Zum Inhalt springen")) }
                (header)
                main #main { (main) }
            }
        }
    }
    .into_response()
}

/// Returns a page for a person who is not logged in.
pub(super) fn outside(l: Language, title: &str, main: Markup) -> Response {
    let header = html! { header.bar { a.brand href="/admin" { "TwoFactor" } nav {} div.person { (languages(l)) } } };
    whole(l, title, header, html! { div.card.narrow { (main) } })
}

/// Returns a line above a page with the result of an action.
pub(super) fn notice(kind: &'static str, text: &str) -> Markup {
    let role = if kind == "bad" { "alert" } else { "status" };
    html! { div class={ "notice " (kind) } role=(role) { (text) } }
}

/// The ways on from a part of a long list.
pub(super) struct Pages {
    /// Back to the beginning, if this is not it.
    pub(super) first: Option<String>,
    /// The link to the next page, if there is one.
    pub(super) next: Option<String>,
}

impl Pages {
    /// The number of rows on a page.
    pub(super) const SIZE: u32 = 50;

    pub(super) fn show(&self, l: Language) -> Markup {
        html! {
            @if self.first.is_some() || self.next.is_some() {
                nav.pages aria-label=(l.say("Pages", "Seiten")) {
                    @if let Some(first) = &self.first { a.button href=(first) { (l.say("First page", "Erste Seite")) } }
                    @if let Some(next) = &self.next { a.button href=(next) rel="next" { (l.say("Next page", "Nächste Seite")) } }
                }
            }
        }
    }
}

/// Returns a label for a state, which does not rely on color alone.
pub(super) fn badge(kind: &'static str, text: &str) -> Markup {
    html! { span class={ "badge " (kind) } { (text) } }
}

/// Returns a table. Where there is no room for columns, each value shows its heading. Columns from
/// `numbers` on are aligned as numbers.
pub(super) fn table(headings: &[&str], numbers: usize, rows: impl Iterator<Item = Vec<Markup>>) -> Markup {
    let class = |n: usize| (n >= numbers).then_some("n");
    html! {
        div.table tabindex="0" { table {
            thead { tr { @for (n, heading) in headings.iter().enumerate() { th class=[class(n)] { (heading) } } } }
            tbody { @for row in rows {
                tr { @for (n, (cell, heading)) in row.iter().zip(headings).enumerate() { td class=[class(n)] data-label=(heading) { (cell) } } }
            } }
        } }
    }
}
