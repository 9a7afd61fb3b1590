//! The page on which a factor is added: a passkey, an app, or recovery codes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, PreEscaped, html};
use twofactor::sign_in::{EnrolmentForm, OpenEnrolment, Visit};

use super::super::agent;
use super::super::answer_page::passkey_parts;
use super::super::icons::{PERSON_KEY, icon};
use super::super::page::{Frame, Say, Shape, said};
use crate::qr;

/// Returns the page of an enrolment.
pub(super) fn page(frame: &Frame<'_>, visit: &Visit, enrolment: &OpenEnrolment, say: Option<&Say>) -> Markup {
    match &enrolment.form {
        EnrolmentForm::Passkey { options } => passkey(frame, visit, &options.to_string(), say),
        EnrolmentForm::Secret { uri, secret } => app(frame, enrolment, uri, secret, say),
        EnrolmentForm::Codes(codes) => recovery(frame, enrolment, codes, say),
    }
}

fn passkey(frame: &Frame<'_>, visit: &Visit, options: &str, say: Option<&Say>) -> Markup {
    let words = &frame.words.factors;
    let suggested = visit.user_agent().and_then(agent::name).unwrap_or_default();
    let body = html! {
        p #lead { (words.passkey_about) }
        (said(say))
        form.answer method="post" action={ (frame.path) "/finish" } data-passkey="create" data-options=(options) {
            (frame.hidden(None))
            (label(frame, &suggested))
            (passkey_parts(words.passkey_no_script, words.passkey_unsupported, words.passkey_not_created, words.passkey_known))
            button.main type="button" hidden { (icon(PERSON_KEY)) (words.create_passkey) }
        }
        (cancel(frame))
    };
    frame.document(words.add_passkey, say, Shape { passkey: true, ..Shape::default() }, body)
}

fn app(frame: &Frame<'_>, enrolment: &OpenEnrolment, uri: &str, secret: &str, say: Option<&Say>) -> Markup {
    let words = &frame.words.factors;
    let wrong = matches!(say, Some(Say::Field(_)));
    let picture = qr::svg(uri);
    let title = if enrolment.type_id == "totp" {
        words.add_app.to_owned()
    } else {
        words.add_other.replace("{name}", &enrolment.name)
    };
    let body = html! {
        p #lead { (words.app_scan) }
        @if !picture.is_empty() {
            div.qr role="img" aria-label=(words.app_qr) { (PreEscaped(picture)) }
        }
        p { a.second href=(uri) { (words.app_open) } }
        p #key-label { (words.app_key) }
        code.key aria-labelledby="key-label" { (in_groups(secret)) }
        (said(say))
        form.answer method="post" action={ (frame.path) "/finish" } {
            (frame.hidden(None))
            (label(frame, ""))
            label for="code" { (words.app_confirm) }
            input #code name="code" type="text" inputmode="numeric" autocomplete="one-time-code" autocapitalize="none"
                spellcheck="false" enterkeyhint="go" required
                aria-describedby=[wrong.then_some("error")] aria-invalid=[wrong.then_some("true")];
            button.main type="submit" { (frame.words.proceed) }
        }
        (cancel(frame))
    };
    frame.document(&title, say, Shape::default(), body)
}

fn recovery(frame: &Frame<'_>, enrolment: &OpenEnrolment, codes: &[String], say: Option<&Say>) -> Markup {
    let words = &frame.words.factors;
    let text = format!("{}\r\n", codes.join("\r\n"));
    let file = format!("data:text/plain;charset=utf-8;base64,{}", STANDARD.encode(text));
    let body = html! {
        p #lead { (words.codes_lead) @if enrolment.replaces { " " (words.codes_replace) } }
        (said(say))
        ol.codes #codes { @for code in codes { li { code { (code) } } } }
        div.more.tools {
            button.quiet type="button" data-copy="codes" data-copied=(words.copied) hidden { (words.copy) }
            button.quiet type="button" data-print hidden { (words.print) }
            a href=(file) download=(words.codes_file) { (words.download) }
        }
        form method="post" action={ (frame.path) "/finish" } {
            (frame.hidden(None))
            button.main type="submit" { (words.codes_saved) }
        }
        (cancel(frame))
    };
    frame.document(words.codes_title, say, Shape::default(), body)
}

fn label(frame: &Frame<'_>, suggested: &str) -> Markup {
    html! {
        label for="label" { (frame.words.factors.name) }
        input #label name="label" type="text" maxlength="60" autocomplete="off" value=(suggested);
    }
}

fn cancel(frame: &Frame<'_>) -> Markup {
    html! {
        div.more {
            form method="post" action={ (frame.path) "/drop" } {
                (frame.hidden(None))
                button.quiet type="submit" { (frame.words.cancel) }
            }
        }
    }
}

/// Returns a secret in groups of four, as people copy it.
fn in_groups(secret: &str) -> String {
    let letters: Vec<char> = secret.chars().collect();
    letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::in_groups;

    #[test]
    fn a_secret_is_shown_in_groups_of_four() {
        assert_eq!(in_groups("ABCDEFGHIJ"), "ABCD EFGH IJ");
        assert_eq!(in_groups(""), "");
    }
}
