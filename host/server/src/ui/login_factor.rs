//! The second factor of a login: a factor that the person holds, or a code that was sent.

use axum::body::Bytes;
use axum::extract::Query;
use axum::http::Uri;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use twofactor::Error;
use twofactor::accounts::{LoginFactor, LoginOutcome, PendingLogin};
use twofactor::challenge::ChallengeKind;

use super::failure::Failure;
use super::flash::Flash;
use super::layout::outside;
use super::links::{on_to, segment, to_login};
use super::login::{Aim, PENDING, Visitor, admit, words};
use super::passkey;
use super::posted::Posted;
use crate::cookies::set_private;
use crate::wording::Language;

fn here(aim: &Aim) -> String {
    format!("/admin/second-factor?to={}", segment(aim.path()))
}

pub(super) async fn show(visitor: Visitor, Query(aim): Query<Aim>) -> Response {
    match visitor.accounts().pending_login(visitor.pending()).await {
        Ok(login) => ask(&visitor, &aim, &login),
        Err(error) if error.is_closed() => to_login(aim.path()),
        Err(error) => Failure::of(visitor.language(), error).into_response(),
    }
}

fn ask(visitor: &Visitor, aim: &Aim, login: &PendingLogin) -> Response {
    let l = visitor.language();
    let asked = login.factors.iter().find(|one| one.two_factor == login.challenge.two_factor);
    let others = login.factors.iter().filter(|one| one.two_factor != login.challenge.two_factor);
    let (title, form) = match (login.challenge.kind, asked) {
        (ChallengeKind::WebauthnGet, _) => {
            let options = login.challenge.public.as_ref().map(ToString::to_string).unwrap_or_default();
            (l.say("Use your passkey", "Passkey verwenden"), passkey_form(visitor, &options))
        }
        (_, Some(factor)) => (l.say("Enter your code", "Code eingeben"), held_code(visitor, factor)),
        (_, None) => (l.say("Enter your code", "Code eingeben"), sent_code(visitor, aim)),
    };
    let main = html! {
        h1 { (title) }
        (form)
        @for one in others {
            form.again method="post" action={ "/admin/second-factor/other?to=" (segment(aim.path())) } {
                input type="hidden" name="two_factor" value=(one.two_factor);
                button.plain { (use_instead(l, one)) }
            }
        }
        p { a href="/admin/login" { (l.say("Start over", "Von vorn beginnen")) } }
    };
    visitor.flash().shown(outside(l, title, main))
}

fn use_instead(l: Language, factor: &LoginFactor) -> String {
    match &*factor.type_id {
        "fido" => l.say("Use your passkey instead", "Stattdessen den Passkey verwenden").to_owned(),
        "totp" => l.say("Use your authenticator app instead", "Stattdessen die Authenticator-App verwenden").to_owned(),
        "recovery" => {
            l.say("Use a recovery code instead", "Stattdessen einen Wiederherstellungscode verwenden").to_owned()
        }
        _ => l.say("Use “{name}” instead", "Stattdessen „{name}“ verwenden").replace("{name}", &factor.name),
    }
}

fn passkey_form(visitor: &Visitor, options: &str) -> Markup {
    let l = visitor.language();
    let now = visitor.flash().get("text").is_empty().then_some("yes");
    html! {
        p { (l.say("Your browser asks for your fingerprint, face, screen lock or security key.",
            "Ihr Browser fragt nach Fingerabdruck, Gesicht, Bildschirmsperre oder Sicherheitsschlüssel.")) }
        (visitor.flash().show())
        form method="post" data-passkey="get" data-options=(options) data-now=[now] {
            (passkey::parts(l, l.say("No passkey was used. Please try again.",
                "Es wurde kein Passkey verwendet. Bitte versuchen Sie es noch einmal.")))
            div.actions { button.main type="button" hidden { (l.say("Use passkey", "Passkey verwenden")) } }
        }
        (passkey::script())
    }
}

fn held_code(visitor: &Visitor, factor: &LoginFactor) -> Markup {
    let l = visitor.language();
    let text = match &*factor.type_id {
        "totp" => l.say(
            "Enter the code that your authenticator app shows.",
            "Geben Sie den Code ein, den Ihre Authenticator-App anzeigt.",
        ),
        "recovery" => l.say(
            "Enter one of your recovery codes. Each code works once.",
            "Geben Sie einen Ihrer Wiederherstellungscodes ein. Jeder Code gilt nur einmal.",
        ),
        _ => &factor.name,
    };
    html! {
        p { (text) }
        (visitor.flash().show())
        (code_form(l, if factor.type_id == "recovery" { "text" } else { "numeric" }))
    }
}

fn sent_code(visitor: &Visitor, aim: &Aim) -> Markup {
    let l = visitor.language();
    html! {
        p { (l.say("We sent a code to the email address or phone number of your account.",
            "Wir haben einen Code an die E-Mail-Adresse oder Telefonnummer Ihres Kontos gesendet.")) }
        (visitor.flash().show())
        (code_form(l, "numeric"))
        form.again method="post" action={ "/admin/second-factor/resend?to=" (segment(aim.path())) } {
            button.plain { (l.say("Send a new code", "Neuen Code senden")) }
        }
    }
}

fn code_form(l: Language, input_mode: &'static str) -> Markup {
    html! {
        form method="post" {
            div.field { label for="code" { "Code" }
                input.code #code name="code" type="text" inputmode=(input_mode) autocomplete="one-time-code" required maxlength="60" autofocus; }
            div.actions { button.main { (l.say("Continue", "Weiter")) } }
        }
    }
}

pub(super) async fn answer(visitor: Visitor, Query(aim): Query<Aim>, body: Bytes) -> Response {
    let posted = Posted::parse(&body);
    let (accounts, pending, client) = (visitor.accounts(), visitor.pending(), visitor.client());
    let answered = match posted.get("credential") {
        Some(credential) => accounts.second_factor_credential(pending, credential, client).await,
        None => accounts.second_factor(pending, posted.get("code").unwrap_or_default(), client).await,
    };
    match answered {
        Ok(opened) => admit(LoginOutcome::Session(opened), aim.path()),
        Err(error) => refuse(&visitor, &aim, &error),
    }
}

/// Asks for another factor that the person holds.
pub(super) async fn other(visitor: Visitor, Query(aim): Query<Aim>, body: Bytes) -> Response {
    let posted = Posted::parse(&body);
    let two_factor = posted.get("two_factor").unwrap_or_default();
    match visitor.accounts().ask_for_factor(visitor.pending(), two_factor, visitor.client()).await {
        Ok(pending) => (set_private(PENDING, pending.expose(), None), Redirect::to(&here(&aim))).into_response(),
        Err(error) => refuse(&visitor, &aim, &error),
    }
}

pub(super) async fn resend(visitor: Visitor, Query(aim): Query<Aim>) -> Response {
    let l = visitor.language();
    match visitor.accounts().resend(visitor.pending()).await {
        Ok(_) => {
            let sent = l.say(
                "A new code is on its way. The previous code no longer works.",
                "Ein neuer Code ist unterwegs. Der vorherige gilt nicht mehr.",
            );
            Flash::good(sent).on(&here(&aim))
        }
        Err(error) => refuse(&visitor, &aim, &error),
    }
}

fn refuse(visitor: &Visitor, aim: &Aim, error: &Error) -> Response {
    // Nothing more can be done with an ended login.
    let ended = error.is_closed();
    let form = if ended { format!("/admin/login?to={}", segment(aim.path())) } else { here(aim) };
    Flash::bad(words(visitor.language(), error)).on(&form)
}

/// Redirects from the target of a form of this page to the page.
pub(super) async fn to_show(uri: Uri) -> Redirect {
    on_to("/admin/second-factor", &uri)
}
