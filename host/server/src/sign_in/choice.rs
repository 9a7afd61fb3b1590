//! The choice of how to confirm: factors that the person holds, the strongest first, and ways in which a code can be sent.

use maud::{Markup, html};
use twofactor::challenge::DeliveryOption;
use twofactor::sign_in::{AnswerForm, FactorOption, HostedPage, Visit};

use super::icons::{APP, BUBBLE, ENVELOPE, HANDSET, LIST, PERSON_KEY, icon};
use super::page::{Frame, Say, Shape, said};
use super::pass;
use super::text::Words;

/// One way to confirm.
struct Way<'a> {
    two_factor: &'a str,
    icon: &'static str,
    title: &'a str,
    /// Distinguishes two that look alike.
    name: Option<&'a str>,
    hint: &'a str,
    /// Whether a message is sent.
    sends: bool,
}

/// Returns the choice of a way; with one way only a button.
pub(super) fn choice(frame: &Frame<'_>, visit: &Visit, say: Option<&Say>, has_challenge: bool) -> Markup {
    let words = frame.words;
    let ways = ways(words, visit);
    let nothing = ways.is_empty();
    let none = (nothing || !visit.more).then(|| {
        Say::Error(match visit.hosted_page() {
            _ if !nothing => words.no_more.to_owned(),
            _ if visit.unmet => words.factors.none_satisfies.to_owned(),
            HostedPage::SignIn => words.no_way.to_owned(),
            HostedPage::Factors => words.factors.not_allowed.to_owned(),
        })
    });
    let say = none.as_ref().or(say);
    // A passkey is the strongest and the fastest, so it has a button of its own.
    let passkey = visit.factor_options.first().filter(|one| one.answer == AnswerForm::Passkey);
    let (first, others) = match (passkey, &ways[..]) {
        (Some(_), [first, others @ ..]) => (Some(first), others),
        (_, all) => (None, all),
    };
    let body = html! {
        (said(say))
        @match visit.hosted_page() {
            HostedPage::SignIn => (frame.facts(visit)),
            HostedPage::Factors => p #lead { (words.factors.confirm_lead) },
        }
        @if none.is_none() {
            @if let Some(first) = first {
                form method="post" action={ (frame.path) "/start" } {
                    (frame.hidden(Some(visit.step())))
                    input type="hidden" name="two_factor" value=(first.two_factor);
                    button.main type="submit" { (icon(PERSON_KEY)) (words.factors.use_passkey) }
                }
            }
            @if !others.is_empty() { (other_ways(frame, visit, first.is_some(), others)) }
        }
        div.more {
            @if has_challenge { a href=(frame.href("")) { (words.back_to_code) } }
            (pass::link(frame, visit))
            (frame.cancel())
        }
    };
    frame.document(words.choose_title, say, Shape::default(), body)
}

/// Returns the form with the ways that have no button of their own.
fn other_ways(frame: &Frame<'_>, visit: &Visit, has_passkey: bool, ways: &[Way<'_>]) -> Markup {
    let words = frame.words;
    let sends = ways.iter().all(|way| way.sends);
    html! {
        form method="post" action={ (frame.path) "/start" } {
            (frame.hidden(Some(visit.step())))
            @if let ([only], false) = (ways, has_passkey) {
                p #lead { (if only.sends { words.choose_only } else { words.factors.choose_only }) }
                input type="hidden" name="two_factor" value=(only.two_factor);
                div.way.only { (body(only)) }
            } @else {
                fieldset {
                    legend {
                        (if has_passkey { words.factors.choose_other } else if sends { words.choose_lead } else { words.factors.choose })
                    }
                    @for (n, way) in ways.iter().enumerate() {
                        label.way {
                            input type="radio" name="two_factor" value=(way.two_factor) checked[n == 0];
                            (body(way))
                        }
                    }
                }
            }
            button class=(if has_passkey { "second" } else { "main" }) type="submit" { (if sends { words.send } else { words.proceed }) }
        }
    }
}

fn body(way: &Way<'_>) -> Markup {
    html! {
        (icon(way.icon))
        span {
            strong { (way.title) @if let Some(name) = way.name { " – " (name) } }
            span.hint { (way.hint) }
        }
    }
}

/// Returns the ways in the order in which they are shown: factors by strength, what is delivered, fallbacks.
fn ways<'a>(words: &'a Words, visit: &'a Visit) -> Vec<Way<'a>> {
    let held = |fallback: bool| {
        visit.factor_options.iter().filter(move |one| one.fallback == fallback).map(|one| held(words, visit, one))
    };
    let delivered = visit.delivery_options.iter().map(|one| delivered(words, visit, one));
    held(false).chain(delivered).chain(held(true)).collect()
}

fn held<'a>(words: &'a Words, visit: &'a Visit, one: &'a FactorOption) -> Way<'a> {
    let (title, hint, icon) = kind(words, &one.type_id, one.answer, one.fallback);
    let alike = visit.factor_options.iter().filter(|other| other.type_id == one.type_id).count() > 1;
    Way {
        two_factor: &one.two_factor,
        icon,
        title: title.unwrap_or(&one.name),
        name: (alike && title.is_some()).then_some(&*one.name),
        hint,
        sends: false,
    }
}

/// Returns the name of a kind of factor, or none if only its instance has one; a hint, and an icon.
pub(super) fn kind(
    words: &Words,
    type_id: &str,
    answer: AnswerForm,
    fallback: bool,
) -> (Option<&'static str>, &'static str, &'static str) {
    let words = &words.factors;
    match (answer, type_id) {
        (AnswerForm::Passkey, _) => (Some(words.passkey), words.passkey_hint, PERSON_KEY),
        (_, "totp") => (Some(words.app), words.app_hint, APP),
        (_, "recovery") => (Some(words.recovery), words.recovery_hint, LIST),
        _ if fallback => (None, "", LIST),
        _ => (None, "", APP),
    }
}

fn delivered<'a>(words: &'a Words, visit: &'a Visit, way: &'a DeliveryOption) -> Way<'a> {
    let (title, icon) = channel(words, &way.channel);
    // Two instances that look alike are distinguished by their names.
    let alike = |other: &&DeliveryOption| other.channel == way.channel && other.recipient_hint == way.recipient_hint;
    let ambiguous = visit.delivery_options.iter().filter(alike).count() > 1;
    Way {
        two_factor: &way.two_factor,
        icon,
        title,
        name: ambiguous.then_some(&*way.name),
        hint: &way.recipient_hint,
        sends: true,
    }
}

fn channel(words: &Words, channel: &str) -> (&'static str, &'static str) {
    match channel {
        "email" => (words.by_email, ENVELOPE),
        "sms" => (words.by_sms, BUBBLE),
        "voice" => (words.by_voice, HANDSET),
        _ => (words.by_other, BUBBLE),
    }
}
