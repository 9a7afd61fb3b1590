//! The person who looks at a page.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{FromRequestParts, Query};
use axum::http::Method;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use twofactor::Actor;
use twofactor::accounts::{Accounts, SecondFactorState, Session};
use twofactor::admin::Administration;

use super::failure::Failure;
use super::form_replies::{Outcome, Reply};
use super::links::to_login;
use super::posted::Posted;
use super::state::Ui;
use crate::access::{Own, Reader};
use crate::client_address::client_address;
use crate::cookies::cookie;
use crate::wording;
use crate::wording::Language;

/// Holds a session's secret. The name's beginning has browsers refuse it from anywhere but this very server.
pub(super) const SESSION: &str = "__Host-twofactor-session";

/// A person who is logged in. A form cannot be answered with this for auditors: [`Oneself`] is for
/// forms of everybody.
pub(super) struct Person {
    pub(super) session: Session,
    pub(super) language: Language,
    pub(super) actor: Actor,
    /// Whether a person who logged in without a second factor could be asked for one now, and by
    /// which subscription's instances.
    pub(super) without_second_factor: Option<(SecondFactorState, Option<String>)>,
    reader: Reader,
    reply: Option<Arc<Reply>>,
}

/// What a page shows of a form that was sent before.
#[derive(Deserialize)]
struct Shown {
    #[serde(default)]
    kept: String,
}

/// A person who is logged in, with their own account, which everybody may change.
pub(super) struct Oneself(pub(super) Person);

impl FromRequestParts<Ui> for Person {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, ui: &Ui) -> Result<Self, Response> {
        let Oneself(person) = Oneself::from_request_parts(parts, ui).await?;
        if !matches!(parts.method, Method::GET | Method::HEAD) {
            person.changes().map_err(Failure::into_response)?;
        }
        Ok(person)
    }
}

impl FromRequestParts<Ui> for Oneself {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, ui: &Ui) -> Result<Self, Response> {
        let language = Language::of(&parts.headers);
        let secret = cookie(&parts.headers, SESSION).unwrap_or_default();
        let found = ui.app.engine.accounts().session(secret).await;
        let Some(session) = found.map_err(|error| Failure::of(language, error).into_response())? else {
            let page = parts.uri.path_and_query().filter(|_| parts.method == Method::GET);
            return Err(to_login(page.map_or("/admin", |page| page.as_str())));
        };
        ui.form_replies.note_session(secret, &session.account.id);
        let shown = Query::<Shown>::try_from_uri(&parts.uri).ok().filter(|_| parts.method == Method::GET);
        let reply =
            shown.and_then(|Query(shown)| ui.form_replies.find(&session.account.id, &shown.kept, Instant::now()));
        let actor = session.actor(client_address(parts, &ui.app.proxies));
        let reader = Reader::new(session.account.role.clone(), ui.app.engine.administration(actor.clone()))
            .map_err(|problem| Failure::of(language, problem).into_response())?;
        let without_second_factor = match session.second_factor {
            true => None,
            false => Some(
                missing(&ui.app.engine.accounts(), &session)
                    .await
                    .map_err(|error| Failure::of(language, error).into_response())?,
            ),
        };
        Ok(Self(Person { session, language, actor, without_second_factor, reader, reply }))
    }
}

async fn missing(
    accounts: &Accounts,
    session: &Session,
) -> Result<(SecondFactorState, Option<String>), twofactor::Error> {
    let state = accounts.second_factor_state(&session.account).await?;
    Ok((state, accounts.second_factor_settings().await?.subscription))
}

impl Person {
    /// Returns what came of the form that led here.
    pub(super) fn outcome(&self) -> Option<&Outcome> {
        self.reply.as_ref().map(|reply| &reply.outcome)
    }

    /// Returns what was typed into the form that led here, and is not done; nothing if none did.
    pub(super) fn posted(&self) -> &Posted {
        static NOTHING: Posted = Posted::NOTHING;
        self.reply.as_ref().map_or(&NOTHING, |reply| &reply.posted)
    }

    /// Returns the secret that the form that led here was answered with.
    pub(super) fn issued(&self) -> Option<&str> {
        match self.outcome() {
            Some(Outcome::Issued(secret)) => Some(secret),
            _ => None,
        }
    }

    /// Returns whether this is an administrator: an auditor sees no form and no button.
    pub(super) fn may_change(&self) -> bool {
        self.reader.may_change()
    }

    /// For pages that are there to change something.
    pub(super) fn changes(&self) -> Result<(), Failure> {
        if self.may_change() { Ok(()) } else { Err(Failure::reads_only(self.language)) }
    }

    /// Returns data that needs no permission: see [`Reader::of_anything`].
    pub(super) fn of_anything(&self) -> &Administration {
        self.reader.of_anything()
    }

    /// Returns the subscriptions that are this person's; `None` for all of them.
    pub(super) fn bound_to(&self) -> Option<&[String]> {
        match self.reader.own() {
            Own::Everything => None,
            Own::These(own) => Some(own),
        }
    }

    pub(super) fn has(&self, subscription: &str) -> bool {
        self.reader.own().has(subscription)
    }

    /// For what belongs to a subscription.
    pub(super) fn of(&self, subscription: &str) -> Result<&Administration, Failure> {
        self.reader.of(subscription).map_err(|problem| Failure::of(self.language, problem))
    }

    /// For what concerns the installation.
    pub(super) fn of_the_system(&self) -> Result<&Administration, Failure> {
        self.reader.of_the_system().map_err(|problem| Failure::of(self.language, problem))
    }

    pub(super) fn is_of_the_system(&self) -> bool {
        self.reader.of_the_system().is_ok()
    }

    /// Returns an error in this person's language, for a line of a page.
    pub(super) fn sentence(&self, error: &twofactor::Error) -> String {
        wording::sentence(self.language, &error.to_string())
    }

    /// Returns an error as a page.
    pub(super) fn failure(&self, error: twofactor::Error) -> Failure {
        let country = error.country_not_enabled().map(str::to_owned);
        Failure::of(self.language, error).about_country(country)
    }
}
