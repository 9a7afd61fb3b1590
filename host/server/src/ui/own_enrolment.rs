//! The page on which a person adds a second factor to the own account: a passkey, an app, or recovery codes. It shows the same after a
//! reload, for as long as the enrolment is open.

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, PreEscaped, html};
use twofactor::factor::{AnswerKind, Enrolment, EnrolmentAnswer, Reveal};

use super::failure::Failure;
use super::links::segment;
use super::page::{Room, page};
use super::passkey;
use super::person::{Oneself, Person};
use super::posted::Posted;
use super::state::Ui;
use crate::qr;
use crate::wording::{self, Language};

/// Returns the path of the page.
pub(super) fn path(enrolment: &str) -> String {
    format!("/admin/account/enrolments/{}", segment(enrolment))
}

/// Returns what a person sent with the page's form.
pub(super) fn answer(enrolment: &str, posted: &Posted) -> EnrolmentAnswer {
    let text = |name: &str| posted.get(name).map(str::to_owned);
    EnrolmentAnswer {
        code: text("code"),
        credential: text("credential"),
        label: text("label"),
        ..EnrolmentAnswer::confirmed(enrolment)
    }
}

/// Leads away from an enrolment that was finished or has expired.
pub(super) fn closed(_: &Person) -> Response {
    Redirect::to("/admin/account?done=enrolment-closed").into_response()
}

pub(super) async fn show(
    Oneself(person): Oneself,
    State(ui): State<Ui>,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let l = person.language;
    let enrolment = match ui.app.engine.accounts().own_enrolment(&person.session, &id).await {
        Ok(enrolment) => enrolment,
        Err(error) if error.is_enrolment_closed() || error.is_no_instance_available() => return Ok(closed(&person)),
        Err(error) => return Err(person.failure(error)),
    };
    let (title, form) = match (&enrolment.reveal, enrolment.kind) {
        (Some(Reveal::Otpauth { uri, secret }), _) => (app_title(l, &enrolment), app(l, &enrolment, uri, secret)),
        (Some(Reveal::Codes(codes)), _) => {
            (l.say("Your recovery codes", "Ihre Wiederherstellungscodes").to_owned(), recovery(l, codes))
        }
        (None, AnswerKind::WebauthnCreate) => {
            (l.say("Add a passkey", "Passkey hinzufügen").to_owned(), passkey_form(l, &enrolment))
        }
        (None, _) => (app_title(l, &enrolment), code_form(l, &enrolment)),
    };
    let main = html! {
        p.trail { a href="/admin/account" { (Room::Account.name(l)) } }
        h1 { (title) }
        section.card { (form) }
    };
    Ok(page(&person, Room::Account, &title, main))
}

fn app_title(l: Language, enrolment: &Enrolment) -> String {
    match &*enrolment.type_id {
        "totp" => l.say("Add an authenticator app", "Authenticator-App hinzufügen").to_owned(),
        type_id => l.say("Add “{name}”", "„{name}“ hinzufügen").replace("{name}", wording::factor_type(l, type_id)),
    }
}

fn app(l: Language, enrolment: &Enrolment, uri: &str, secret: &str) -> Markup {
    let picture = qr::svg(uri);
    html! {
        p { (l.say("Scan the code with your authenticator app, or type the key into it.",
            "Scannen Sie den Code mit Ihrer Authenticator-App, oder tippen Sie dort den Schlüssel ein.")) }
        @if !picture.is_empty() {
            div.qr role="img" aria-label=(l.say("QR code for your authenticator app", "QR-Code für Ihre Authenticator-App")) { (PreEscaped(picture)) }
        }
        p { (l.say("Key", "Schlüssel")) ": " code.secret { (secret) } }
        p { a href=(uri) { (l.say("Open in an app on this device", "In einer App auf diesem Gerät öffnen")) } }
        (code_form(l, enrolment))
    }
}

fn code_form(l: Language, enrolment: &Enrolment) -> Markup {
    html! {
        form method="post" action=(path(&enrolment.id)) {
            div.field { label for="code" { (l.say("Code that the app shows now", "Code, den die App jetzt anzeigt")) }
                input.code #code name="code" type="text" inputmode="numeric" autocomplete="one-time-code" required maxlength="20"; }
            (label(l))
            (actions(l, html! { button.main { (l.say("Add", "Hinzufügen")) } }))
        }
    }
}

fn passkey_form(l: Language, enrolment: &Enrolment) -> Markup {
    html! {
        p { (l.say("Your browser asks for your fingerprint, face, screen lock or security key.",
            "Ihr Browser fragt nach Fingerabdruck, Gesicht, Bildschirmsperre oder Sicherheitsschlüssel.")) }
        form method="post" action=(path(&enrolment.id)) data-passkey="create" data-options=(enrolment.public) {
            (label(l))
            (passkey::parts(l, l.say("No passkey was created. Please try again.",
                "Es wurde kein Passkey erstellt. Bitte versuchen Sie es noch einmal.")))
            (actions(l, html! { button.main type="button" hidden { (l.say("Create passkey", "Passkey erstellen")) } }))
        }
        (passkey::script())
    }
}

fn recovery(l: Language, codes: &[String]) -> Markup {
    html! {
        p { (l.say("Each code logs you in once if you cannot use your other second factors. Store them where only you can read them. They are not shown again.",
            "Mit jedem Code können Sie sich einmal anmelden, wenn Sie Ihre anderen zweiten Faktoren nicht verwenden können. Bewahren Sie sie dort auf, wo nur Sie sie lesen können. Sie werden nicht noch einmal angezeigt.")) }
        ol.codes { @for code in codes { li { code { (code) } } } }
        form method="post" { (actions(l, html! { button.main { (l.say("I’ve saved these codes", "Ich habe diese Codes gespeichert")) } })) }
    }
}

/// Returns the field for the name of the new factor.
fn label(l: Language) -> Markup {
    html! {
        div.field { label for="label" { (l.say("Name", "Name")) " " span.optional { (l.say("optional", "optional")) } }
            input #label name="label" type="text" maxlength="60" autocomplete="off"; }
    }
}

fn actions(l: Language, main: Markup) -> Markup {
    html! { div.actions { (main) a.button href="/admin/account" { (l.say("Cancel", "Abbrechen")) } } }
}
