//! The page on which a person answers a challenge: a field for a code, or a button for a passkey.

use maud::{Markup, html};
use twofactor::Challenge;
use twofactor::sign_in::{AnswerForm, FactorOption, HostedPage, Visit};

use super::icons::{PERSON_KEY, icon};
use super::page::{Frame, Say, Shape, said};
use super::remembered::question;

/// What a person types: where the code comes from, and what it looks like.
struct Field {
    title: &'static str,
    label: &'static str,
    /// The sentence before and after what is emphasized.
    lead: (String, String),
    emphasized: String,
    /// Whether the code has letters too.
    letters: bool,
    length: Option<u32>,
}

/// Returns the page for an open challenge.
pub(super) fn answer(frame: &Frame<'_>, visit: &Visit, challenge: &Challenge, say: Option<&Say>) -> Markup {
    match visit.option_of(challenge) {
        Some(option) if option.answer == AnswerForm::Passkey => passkey(frame, visit, challenge, say),
        Some(option) => held_code(frame, visit, option, say),
        None => delivered_code(frame, visit, challenge, say),
    }
}

/// Returns the field for a code that was sent.
fn delivered_code(frame: &Frame<'_>, visit: &Visit, challenge: &Challenge, say: Option<&Say>) -> Markup {
    let words = frame.words;
    let sentence = match &*challenge.channel {
        "email" => words.sent_email,
        "sms" => words.sent_sms,
        "voice" => words.sent_voice,
        _ => words.sent_other,
    };
    let length = challenge.code_length;
    let sentence = sentence.replace("{n}", &length.unwrap_or_default().to_string());
    let (before, after) = sentence.split_once("{to}").unwrap_or((&sentence, ""));
    let left = challenge.resend_after.map_or(0, |after| after.duration_since(visit.now).as_millis());
    let wait = u64::try_from(left).unwrap_or_default().div_ceil(1000);
    let field = Field {
        title: words.code_title,
        label: words.code_label,
        lead: (before.to_owned(), after.to_owned()),
        emphasized: challenge.recipient_hint.clone().unwrap_or_default(),
        letters: false,
        length,
    };
    let resend = html! {
        form.resend method="post" action={ (frame.path) "/resend" } {
            (frame.hidden(None))
            button.second type="submit" data-wait=[(wait > 0).then_some(wait)] { (words.resend) }
            @if wait > 0 {
                p.wait data-text=(words.resend_wait) data-one=(words.second) data-many=(words.seconds) {
                    (words.resend_wait.replace("{wait}", &words.wait(wait)))
                }
            }
        }
    };
    let webotp = (challenge.channel == "sms").then_some("sms");
    typed(frame, visit, &field, say, webotp, &resend)
}

/// Returns the field for a code that the person has.
fn held_code(frame: &Frame<'_>, visit: &Visit, option: &FactorOption, say: Option<&Say>) -> Markup {
    let (words, factors) = (frame.words, &frame.words.factors);
    let (letters, length) = match option.answer {
        AnswerForm::Code { letters, length } => (letters, Some(length)),
        AnswerForm::Passkey => (false, None),
    };
    let sentence = match &*option.type_id {
        "totp" => factors.app_lead,
        "recovery" => factors.recovery_lead,
        _ => factors.typed_lead,
    };
    let sentence = sentence.replace("{n}", &length.unwrap_or_default().to_string()).replace("{name}", &option.name);
    let recovery = option.type_id == "recovery";
    let field = Field {
        title: if recovery { factors.recovery_title } else { words.code_title },
        label: if recovery { factors.recovery } else { words.code_label },
        lead: (sentence, String::new()),
        emphasized: String::new(),
        letters,
        length,
    };
    typed(frame, visit, &field, say, None, &html! {})
}

fn typed(
    frame: &Frame<'_>,
    visit: &Visit,
    field: &Field,
    say: Option<&Say>,
    webotp: Option<&'static str>,
    resend: &Markup,
) -> Markup {
    let words = frame.words;
    let wrong = matches!(say, Some(Say::Field(_)));
    let body = html! {
        p #lead { (field.lead.0) @if !field.emphasized.is_empty() { strong.hint { (field.emphasized) } } (field.lead.1) }
        (said(say))
        form.answer method="post" action={ (frame.path) "/answer" } data-otp=[webotp] {
            (frame.hidden(None))
            label for="code" { (field.label) }
            input #code.long[field.letters] name="code" type="text" inputmode=(if field.letters { "text" } else { "numeric" })
                autocomplete="one-time-code" autocapitalize=(if field.letters { "characters" } else { "none" })
                spellcheck="false" enterkeyhint="go" size=[field.length] autofocus
                aria-describedby=(if wrong { "error lead" } else { "lead" }) aria-invalid=[wrong.then_some("true")];
            (question(frame, visit))
            button.main type="submit" { (words.proceed) }
        }
        (resend)
        (around(frame, visit))
    };
    frame.document(field.title, say, Shape::default(), body)
}

/// Returns the button for a passkey. Where the browser lets it, the script asks at once, unless the page has a question of its own.
fn passkey(frame: &Frame<'_>, visit: &Visit, challenge: &Challenge, say: Option<&Say>) -> Markup {
    let words = &frame.words.factors;
    let options = challenge.public.as_ref().map(ToString::to_string).unwrap_or_default();
    let body = html! {
        p #lead { (words.passkey_lead) }
        (said(say))
        form method="post" action={ (frame.path) "/answer" } data-passkey="get" data-options=(options)
            data-now=[(say.is_none() && visit.remembered_days.is_none()).then_some("yes")] {
            (frame.hidden(None))
            (passkey_parts(words.passkey_no_script, words.passkey_unsupported, words.passkey_failed, words.passkey_failed))
            (question(frame, visit))
            button.main type="button" hidden { (icon(PERSON_KEY)) (words.use_passkey) }
        }
        (around(frame, visit))
    };
    frame.document(words.passkey_title, say, Shape { passkey: true, ..Shape::default() }, body)
}

/// Returns the field for the browser's answer, and the sentences that the script shows.
pub(super) fn passkey_parts(no_script: &str, unsupported: &str, failed: &str, known: &str) -> Markup {
    html! {
        input type="hidden" name="credential";
        noscript { p.say.error { (no_script) } }
        div role="alert" {
            @for (name, text) in [("unsupported", unsupported), ("failed", failed), ("known", known)] {
                p.say.error data-say=(name) hidden { (text) }
            }
        }
    }
}

/// Returns what is around each form: what is being confirmed, and the ways out.
fn around(frame: &Frame<'_>, visit: &Visit) -> Markup {
    html! {
        @if visit.hosted_page() == HostedPage::SignIn { (frame.facts(visit)) }
        div.more {
            @if visit.ways() > 1 && visit.more { a href=(frame.href("/choose")) { (frame.words.other_way) } }
            (frame.cancel())
        }
    }
}
