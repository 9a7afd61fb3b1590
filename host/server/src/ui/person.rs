//! Who looks at a page.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use twofactor::{Actor, Administration, Session};

use super::language::Language;
use super::layout::Failure;
use super::log_in::to_log_in;
use crate::api::{Administrator, Api, client_address};

/// Holds a session's secret. The name's beginning has browsers refuse it from anywhere but this very server.
pub(super) const SESSION: &str = "__Host-twofactor-session";

/// A person who is logged in.
pub(super) struct Person {
    pub(super) session: Session,
    pub(super) language: Language,
    pub(super) actor: Actor,
    administrator: Administrator,
}

impl FromRequestParts<Api> for Person {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Response> {
        let language = Language::of(&parts.headers);
        let secret = super::cookie(&parts.headers, SESSION).unwrap_or_default();
        let found = api.engine.accounts().session(&secret).await;
        let Some(session) = found.map_err(|error| Failure::of(language, error).into_response())? else {
            let wanted = if parts.method == axum::http::Method::GET { parts.uri.path() } else { "/admin" };
            return Err(to_log_in(wanted));
        };
        let actor = session.actor(client_address(parts, api));
        let administrator = Administrator::new(session.account.role.clone(), api.engine.administration(actor.clone()));
        Ok(Self { session, language, actor, administrator })
    }
}

impl Person {
    /// What is known of nobody's permission: see [`Administrator::of_anything`].
    pub(super) fn of_anything(&self) -> &Administration {
        self.administrator.of_anything()
    }

    pub(super) fn administers(&self, subscription: &str) -> bool {
        self.administrator.administers(subscription)
    }

    /// For what belongs to a subscription.
    pub(super) fn of(&self, subscription: &str) -> Result<&Administration, Failure> {
        self.administrator.of(subscription).map_err(|problem| Failure::of(self.language, problem))
    }

    /// For what concerns the installation.
    pub(super) fn of_the_system(&self) -> Result<&Administration, Failure> {
        self.administrator.of_the_system().map_err(|problem| Failure::of(self.language, problem))
    }

    pub(super) fn is_of_the_system(&self) -> bool {
        self.administrator.of_the_system().is_ok()
    }

    /// An error as a page.
    pub(super) fn failure(&self, error: twofactor::Error) -> Failure {
        Failure::of(self.language, error)
    }
}
