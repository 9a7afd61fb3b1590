//! Who looks at a page.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Redirect, Response};
use twofactor::{Actor, Administration};

use super::language::Language;
use super::layout::Failure;
use crate::api::{Administrator, Api, client_address};

/// A person who is logged in.
pub(super) struct Person {
    pub(super) name: String,
    pub(super) language: Language,
    administrator: Administrator,
}

impl FromRequestParts<Api> for Person {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Response> {
        let language = Language::of(&parts.headers);
        let secret = super::cookie(&parts.headers, "twofactor-session").unwrap_or_default();
        let found =
            api.engine.authenticate(&secret).await.map_err(|error| Failure::of(language, error).into_response())?;
        let Some(identity) = found else { return Err(Redirect::to("/admin/log-in").into_response()) };
        let mut actor = Actor::new(format!("account {}", identity.token_id));
        actor.from = client_address(parts, api);
        let administrator = Administrator::new(identity.role, api.engine.administration(actor));
        Ok(Self { name: identity.name, language, administrator })
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
