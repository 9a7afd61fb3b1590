//! Logging in and out: a password, the second factor, and the links with which people set a password.

use axum::body::Bytes;
use axum::extract::{FromRequestParts, Path, Query, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, IntoResponseParts, Redirect, Response};
use maud::html;
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use std::sync::Arc;
use twofactor::Error;
use twofactor::accounts::{Accounts, Client, LoginOutcome, OpenedSession};

use super::failure::Failure;
use super::flash::Flash;
use super::layout::{notice, outside};
use super::links::segment;
use super::person::{Oneself, SESSION};
use super::posted::Posted;
use super::state::Ui;
use crate::client_address::client_address;
use crate::cookies::{cookie, cookies, remove_private, set_private};
use crate::oidc::Oidc;
use crate::wording::Language;

/// The prefix of the cookies by which a browser is known, one for each account.
const KNOWN: &str = "__Host-twofactor-browser-";

/// For how long a browser is known, in seconds: half a year.
const KNOWN_FOR: u32 = 15_552_000;

/// Holds a login that waits for its second factor.
pub(super) const PENDING: &str = "__Host-twofactor-login";

/// Somebody who is not logged in, or not yet.
pub(super) struct Visitor {
    accounts: Accounts,
    language: Language,
    client: Client,
    pending: String,
    oidc: Option<Arc<Oidc>>,
    aim: String,
    flash: Flash,
}

impl Visitor {
    pub(super) fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn language(&self) -> Language {
        self.language
    }

    /// Returns the token of the login that waits for its second factor; empty if there is none.
    pub(super) fn pending(&self) -> &str {
        &self.pending
    }

    pub(super) fn flash(&self) -> &Flash {
        &self.flash
    }
}

impl FromRequestParts<Ui> for Visitor {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, ui: &Ui) -> Result<Self, Self::Rejection> {
        let language = Language::of(&parts.headers);
        let known = cookies(&parts.headers).filter(|(name, _)| name.starts_with(KNOWN));
        let client = Client {
            address: client_address(parts, &ui.app.proxies),
            locale: Some(language.tag().to_owned()),
            browsers: known.map(|(_, secret)| secret.to_owned()).collect(),
        };
        let pending = cookie(&parts.headers, PENDING).unwrap_or_default().to_owned();
        let aim = Query::<Aim>::try_from_uri(&parts.uri).map(|Query(aim)| aim.path().to_owned()).unwrap_or_default();
        Ok(Self {
            accounts: ui.app.engine.accounts(),
            language,
            client,
            pending,
            oidc: ui.app.oidc.clone(),
            aim,
            flash: Flash::of(&parts.headers),
        })
    }
}

/// The longest link that is come back to.
const LONGEST_AIM: usize = 2 << 10;

/// The longest link that is stored for a person who is not logged in, in bytes.
const LONGEST_STORED_AIM: usize = 256;

/// The page that the person wanted.
#[derive(Deserialize)]
pub(super) struct Aim {
    #[serde(default)]
    to: String,
}

impl Aim {
    /// Returns a page of this server, whatever the link says.
    pub(super) fn path(&self) -> &str {
        let own = self.to == "/admin" || self.to.starts_with("/admin/") || self.to.starts_with("/admin?");
        // The characters that a header may contain, without those that browsers read as a slash.
        let fits = self.to.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        if own && fits && self.to.len() <= LONGEST_AIM { &self.to } else { "/admin" }
    }

    /// Returns the same where it is stored during the login: a longer link is not come back to.
    pub(super) fn stored_path(&self) -> &str {
        Some(self.path()).filter(|path| path.len() <= LONGEST_STORED_AIM).unwrap_or("/admin")
    }
}

pub(super) async fn form(visitor: Visitor) -> Response {
    page(&visitor, None, visitor.flash.get("email"))
}

/// Returns the form of the login, with what the form before came to.
pub(super) fn page(visitor: &Visitor, problem: Option<&str>, email: &str) -> Response {
    let l = visitor.language;
    let to = segment(&visitor.aim);
    let main = html! {
        h1 { (l.say("Log in", "Anmelden")) }
        (visitor.flash.show())
        @if let Some(problem) = problem { (notice("bad", problem)) }
        @if let Some(oidc) = &visitor.oidc {
            p { a.button href={ "/admin/login/oidc?to=" (to) } { (l.say("Log in with", "Anmelden mit")) " " (oidc.name()) } }
        }
        form method="post" action={ "/admin/login?to=" (to) } {
            div.field { label for="email" { (l.say("Email address", "E-Mail-Adresse")) }
                input #email name="email" type="email" required autocomplete="username" value=(email) autofocus[email.is_empty()]; }
            div.field { label for="password" { (l.say("Password", "Passwort")) }
                input #password name="password" type="password" required autocomplete="current-password" autofocus[!email.is_empty()]; }
            div.actions { button.main { (l.say("Log in", "Anmelden")) } }
        }
        p.help { (l.say("Forgot your password? Ask a system administrator for a new link.",
            "Passwort vergessen? Bitten Sie einen Systemadministrator um einen neuen Link.")) }
    };
    visitor.flash.shown(outside(l, l.say("Log in", "Anmelden"), main))
}

pub(super) async fn submit(visitor: Visitor, Query(aim): Query<Aim>, body: Bytes) -> Response {
    let posted = Posted::parse(&body);
    let email = posted.get("email").unwrap_or_default();
    match visitor.accounts.log_in(email, posted.as_typed("password"), &visitor.client).await {
        Ok(logged_in) => admit(logged_in, aim.path()),
        Err(error) => {
            let here = format!("/admin/login?to={}", segment(aim.path()));
            Flash::bad(words(visitor.language, &error)).with("email", email).on(&here)
        }
    }
}

/// Goes on to where the person wanted to go, or to the second factor before.
pub(super) fn admit(logged_in: LoginOutcome, to: &str) -> Response {
    match logged_in {
        LoginOutcome::Session(opened) => {
            (opened_cookies(&opened), remove_private(PENDING), Redirect::to(to)).into_response()
        }
        LoginOutcome::SecondFactor { pending, .. } => {
            let next = format!("/admin/second-factor?to={}", segment(to));
            (set_private(PENDING, pending.expose(), None), Redirect::to(&next)).into_response()
        }
    }
}

/// Sets the cookies of a session that was opened: its own, and what the browser is known by from now on.
pub(super) fn opened_cookies(opened: &OpenedSession) -> impl IntoResponseParts + use<> {
    let known = opened.browser.as_ref().map(|secret| {
        // A name for each account, so that each has its own cookie; which account it is only the
        // store knows.
        let digest = digest(&SHA256, opened.session.account.id.as_bytes());
        let name = format!("{KNOWN}{}", hex::encode(&digest.as_ref()[..4]));
        set_private(&name, secret.expose(), Some(KNOWN_FOR))
    });
    (set_private(SESSION, opened.secret.expose(), None), known)
}

pub(super) async fn log_out(
    Oneself(person): Oneself,
    State(ui): State<Ui>,
    visitor: Visitor,
) -> Result<Response, Failure> {
    ui.app.engine.accounts().log_out(&person.session, &visitor.client).await.map_err(|error| person.failure(error))?;
    Ok((remove_private(SESSION), Redirect::to("/admin/login")).into_response())
}

pub(super) async fn invitation(visitor: Visitor, Path(secret): Path<String>) -> Result<Response, Failure> {
    let secret = &*secret;
    let l = visitor.language;
    let found = visitor.accounts.invitation(secret).await.map_err(|error| Failure::of(l, error))?;
    let Some(invited) = found else {
        let title = l.say("This link is no longer valid", "Dieser Link ist nicht mehr gültig");
        let main = html! {
            h1 { (title) }
            p { (l.say("Links work once and expire after 24 hours. Ask a system administrator for a new one.",
                "Links funktionieren einmal und laufen nach 24 Stunden ab. Bitten Sie einen Systemadministrator um einen neuen.")) }
            p { a.button href="/admin/login" { (l.say("Log in", "Anmelden")) } }
        };
        return Ok(with_status(outside(l, title, main), StatusCode::GONE));
    };
    let title = if invited.account.is_some() {
        l.say("Set your password", "Passwort festlegen")
    } else {
        l.say("Welcome to TwoFactor", "Willkommen bei TwoFactor")
    };
    let main = html! {
        h1 { (title) }
        (visitor.flash.show())
        @match &invited.account {
            Some(account) => { p { (account.name) " · " (account.email) } }
            None => { p { (l.say("You are the first system administrator.", "Sie sind der erste Systemadministrator.")) } }
        }
        form method="post" {
            @match &invited.account {
                // For password managers: whose password it is.
                Some(account) => { input type="hidden" name="username" autocomplete="username" value=(account.email); }
                None => {
                    div.field { label for="name" { (l.say("Your name", "Ihr Name")) } input #name name="name" type="text" required maxlength="100" autocomplete="name" value=(visitor.flash.get("name")) autofocus; }
                    div.field { label for="email" { (l.say("Email address", "E-Mail-Adresse")) } input #email name="email" type="email" required autocomplete="username" value=(visitor.flash.get("email")); }
                }
            }
            div.field { label for="password" { (l.say("Password", "Passwort")) }
                input #password name="password" type="password" required autocomplete="new-password" aria-describedby="password-help";
                div.help #password-help { (l.say("At least 12 characters, and not a common password. A few random words are easy to remember.",
                    "Mindestens 12 Zeichen und kein verbreitetes Passwort. Einige zufällige Wörter sind leicht zu merken.")) } }
            div.actions { button.main { (l.say("Set password", "Passwort festlegen")) } }
        }
    };
    Ok(visitor.flash.shown(outside(l, title, main)))
}

pub(super) async fn accept(visitor: Visitor, Path(secret): Path<String>, body: Bytes) -> Result<Response, Failure> {
    let l = visitor.language;
    let posted = Posted::parse(&body);
    let (name, email, password) =
        (posted.get("name").unwrap_or_default(), posted.get("email").unwrap_or_default(), posted.as_typed("password"));
    let found = visitor.accounts.invitation(&secret).await.map_err(|error| Failure::of(l, error))?;
    let first = found.is_some_and(|invited| invited.account.is_none());
    let accepted = if first {
        visitor.accounts.accept_first_invitation(&secret, name, email, password, &visitor.client).await
    } else {
        visitor.accounts.accept_invitation(&secret, password, &visitor.client).await
    };
    match accepted {
        Ok(logged_in) => Ok(admit(logged_in, "/admin")),
        Err(error) => {
            let here = format!("/admin/invitation/{}", segment(&secret));
            Ok(Flash::bad(words(l, &error)).with("name", name).with("email", email).on(&here))
        }
    }
}

/// Words an error of a login.
pub(super) fn words(l: Language, error: &Error) -> String {
    let text = if error.is_invalid_credentials() {
        l.say("Incorrect email address or password.", "E-Mail-Adresse oder Passwort falsch.")
    } else if let Some(left) = error.attempts_left() {
        return format!("{} {left}.", l.say("Incorrect code. Attempts left:", "Falscher Code. Verbleibende Versuche:"));
    } else if error.is_locked() {
        l.say(
            "Too many incorrect codes. This account is locked until 24 hours after the last one.",
            "Zu viele falsche Codes. Dieses Konto ist bis 24 Stunden nach dem letzten falschen Code gesperrt.",
        )
    } else if error.is_rate_limited() {
        let minutes = error.retry_after().map_or(1, |wait| wait.as_secs().div_ceil(60));
        if minutes > 1 {
            let text = l.say(
                "Too many attempts. Try again in {n} minutes.",
                "Zu viele Versuche. Versuchen Sie es in {n} Minuten erneut.",
            );
            return text.replace("{n}", &minutes.to_string());
        }
        l.say(
            "Too many attempts. Try again in one minute.",
            "Zu viele Versuche. Versuchen Sie es in einer Minute erneut.",
        )
    } else if error.is_closed() {
        l.say(
            "This login has expired. Please log in again.",
            "Diese Anmeldung ist abgelaufen. Bitte melden Sie sich erneut an.",
        )
    } else if error.is_no_instance_available() {
        l.say(
            "A second factor is required, and none is available for this account. Contact a system administrator. The operator of the server can use “twofactor account invite --without-second-factor”.",
            "Ein zweiter Faktor ist erforderlich, und für dieses Konto ist keiner verfügbar. Wenden Sie sich an einen Systemadministrator. Der Betreiber des Servers kann „twofactor account invite --without-second-factor“ verwenden.",
        )
    } else if error.is_delivery_failed() || error.is_unavailable() {
        l.say(
            "The code could not be sent or verified. Please try again later.",
            "Der Code konnte nicht gesendet oder geprüft werden. Bitte versuchen Sie es später erneut.",
        )
    } else {
        return crate::wording::sentence(l, &error.to_string());
    };
    text.to_owned()
}

pub(super) fn with_status(mut response: Response, status: StatusCode) -> Response {
    *response.status_mut() = status;
    response
}
