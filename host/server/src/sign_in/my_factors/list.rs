//! The list of a person's factors.

use maud::{Markup, html};
use twofactor::factor::{FactorStatus, UserFactor};
use twofactor::sign_in::{Enrollable, EnrolmentKind, Visit};

use super::super::choice::kind;
use super::super::icons::{APP, LIST, PERSON_KEY, icon};
use super::super::page::{Frame, Say, Shape, said};
use super::super::pass;
use super::super::text::{FactorWords, Words};
use super::{browsers, events};

/// Returns the list.
pub(super) fn page(frame: &Frame<'_>, visit: &Visit, say: Option<&Say>) -> Markup {
    let words = &frame.words.factors;
    let body = html! {
        p.lead { (words.lead) }
        (said(say))
        @if visit.factors.is_empty() { p.lead { (words.none) } }
        ul.factors #held {
            @for factor in &visit.factors { li { (one(frame, visit, factor)) } }
        }
        (few_codes(words, visit))
        @if !visit.enrollable.is_empty() {
            h2 { (words.add) }
            @for one in &visit.enrollable { (add(frame, visit, one)) }
            @if visit.accepts_pass { div.more { (pass::link(frame, visit)) } }
        }
        (browsers::section(frame, visit))
        (events::section(frame.words, visit))
        form method="post" action={ (frame.path) "/leave" } {
            (frame.hidden(None))
            button.main type="submit" { (frame.words.back.replace("{application}", &visit.application)) }
        }
    };
    frame.document(words.title, say, Shape { class: Some("wide"), ..Shape::default() }, body)
}

fn one(frame: &Frame<'_>, visit: &Visit, factor: &UserFactor) -> Markup {
    let words = &frame.words.factors;
    let (title, picture) = name(frame.words, visit, factor);
    let used = factor
        .last_used_at
        .map_or_else(|| words.never_used.to_owned(), |at| words.last_used.replace("{date}", &frame.words.date(at)));
    html! {
        div.factor {
            (icon(picture))
            div {
                strong { (title) }
                @if factor.status == FactorStatus::Suspended { " " span.off { (words.suspended) } }
                p.hint {
                    (words.added_on.replace("{date}", &frame.words.date(factor.created_at))) " · " (used)
                    @if let Some(left) = factor.facts.uses_left { " · " (left_over(words, left)) }
                }
            }
        }
        @if visit.is_proved_by_factor() { div.does {
            @if factor.facts.uses_left.is_none() {
                details {
                    summary { (words.rename) }
                    form method="post" action={ (frame.path) "/rename" } {
                        (frame.hidden(None))
                        input type="hidden" name="factor" value=(factor.id);
                        label for={ "name-" (factor.id) } { (words.name) }
                        input id={ "name-" (factor.id) } name="label" type="text" maxlength="60" autocomplete="off"
                            value=[factor.label.as_deref()];
                        button.second type="submit" { (words.save) }
                    }
                }
            }
            form method="get" action=(frame.path) {
                (frame.hidden(None))
                input type="hidden" name="remove" value=(factor.id);
                button.quiet type="submit" aria-label={ (words.remove) ": " (title) } { (words.remove) }
            }
        } }
    }
}

/// Returns a factor's name for people, and an icon.
fn name(words: &Words, visit: &Visit, factor: &UserFactor) -> (String, &'static str) {
    let option = visit.option(&factor.two_factor);
    let (kind, picture) = match (&*factor.type_id, option) {
        ("recovery", _) => (words.factors.recovery_codes, LIST),
        ("fido", _) => (words.factors.passkey, PERSON_KEY),
        ("totp", _) => (words.factors.app, APP),
        (_, Some(option)) => {
            let (title, _, picture) = kind(words, &option.type_id, option.answer, option.fallback);
            (title.unwrap_or(&option.name), picture)
        }
        (other, None) => (other, APP),
    };
    (factor.label.as_ref().map_or_else(|| kind.to_owned(), |label| format!("{kind} – {label}")), picture)
}

fn left_over(words: &FactorWords, left: u32) -> String {
    if left == 1 { words.one_code_left.to_owned() } else { words.codes_left.replace("{n}", &left.to_string()) }
}

/// Returns the warning that few recovery codes are left.
pub(super) fn few_codes(words: &FactorWords, visit: &Visit) -> Markup {
    let text = match visit.few_codes() {
        None => return html! {},
        Some(0) => words.none_left.to_owned(),
        Some(1) => words.one_left.to_owned(),
        Some(n) => words.few_left.replace("{n}", &n.to_string()),
    };
    html! { p.say.caution { (text) } }
}

/// Returns what is offered at the end of a sign-in: the first factor, recovery codes with it, or new ones when few are left.
pub(super) fn offer(frame: &Frame<'_>, visit: &Visit, say: Option<&Say>) -> Markup {
    let words = &frame.words.factors;
    let is_first = visit.enrollable.iter().any(|one| one.kind != EnrolmentKind::Codes);
    let has_codes = visit.factors.iter().any(|factor| factor.facts.uses_left.is_some());
    let wants_codes = visit.few_codes().is_some() || visit.is_first_added() && !has_codes;
    let is_offered = |one: &&Enrollable| one.kind != EnrolmentKind::Codes || wants_codes;
    let offered: Vec<&Enrollable> = visit.enrollable.iter().filter(is_offered).collect();
    let title = if is_first {
        words.offer_title
    } else if wants_codes || has_codes {
        words.recovery_codes
    } else {
        words.title
    };
    let body = html! {
        @if is_first { p #lead { (words.offer_lead) } }
        (said(say))
        (few_codes(words, visit))
        @for one in &offered { (add(frame, visit, one)) }
        form method="post" action={ (frame.path) "/proceed" } {
            (frame.hidden(None))
            button.main type="submit" { (if offered.is_empty() { frame.words.proceed } else { words.proceed_without }) }
        }
    };
    frame.document(title, say, Shape::default(), body)
}

/// Returns the button that begins an enrolment.
pub(super) fn add(frame: &Frame<'_>, visit: &Visit, one: &Enrollable) -> Markup {
    let words = &frame.words.factors;
    let has = visit.factors.iter().any(|factor| factor.two_factor == one.two_factor);
    let text = match (one.kind, &*one.type_id) {
        (EnrolmentKind::Passkey, _) => words.add_passkey.to_owned(),
        (_, "totp") => words.add_app.to_owned(),
        (_, "recovery") if has => words.new_recovery.to_owned(),
        (_, "recovery") => words.add_recovery.to_owned(),
        _ => words.add_other.replace("{name}", &one.name),
    };
    html! {
        form.add method="post" action={ (frame.path) "/enrol" } {
            (frame.hidden(Some(visit.step())))
            input type="hidden" name="two_factor" value=(one.two_factor);
            button.second type="submit" { (text) }
        }
    }
}

/// Returns the question whether to remove a factor.
pub(super) fn ask_remove(frame: &Frame<'_>, visit: &Visit, factor: &UserFactor) -> Markup {
    let words = &frame.words.factors;
    let (title, _) = name(frame.words, visit, factor);
    let heading = words.remove_title.replace("{name}", &title);
    let counts = |other: &&UserFactor| other.status == FactorStatus::Active && other.facts.uses_left.is_none();
    let last = visit.factors.iter().filter(counts).all(|other| other.id == factor.id)
        && visit.factors.iter().any(|other| other.facts.uses_left.is_some() && other.id != factor.id);
    let body = html! {
        p { (words.remove_text) @if last { " " (words.remove_last) } }
        form method="post" action={ (frame.path) "/remove" } {
            (frame.hidden(None))
            input type="hidden" name="factor" value=(factor.id);
            button.main type="submit" { (words.remove) }
        }
        div.more { a href=(frame.href("")) { (words.keep) } }
    };
    frame.document(&heading, None, Shape { class: Some("notice"), ..Shape::default() }, body)
}
