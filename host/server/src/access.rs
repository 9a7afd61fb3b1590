//! Who calls, and what they may do. A refusal does not tell "not yours" from "not there".

use std::ops::Deref;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use twofactor::{Actor, Administration, Identity, Role};

use crate::client_address::client_address;
use crate::problem::Problem;
use crate::state::AppState;

async fn identity(parts: &Parts, app: &AppState) -> Result<Identity, Problem> {
    let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map_or("", |(_, token)| token.trim());
    let refused = || Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "a valid bearer token is needed");
    app.engine.authenticate(token).await?.ok_or_else(refused)
}

fn forbidden(detail: &str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "forbidden", detail)
}

/// An application: it has challenges of one subscription, and nothing else.
pub(crate) struct Application {
    pub(crate) subscription: String,
}

impl FromRequestParts<AppState> for Application {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Problem> {
        match identity(parts, app).await?.role {
            Role::Application { subscription } => Ok(Self { subscription }),
            _ => Err(forbidden("this call is for applications")),
        }
    }
}

/// One who may read what is administered: an administrator or an auditor. Calls that only read take this.
pub(crate) struct Reader {
    role: Role,
    administration: Administration,
}

/// One who may change what is administered: an administrator. All calls that do more than read take this.
pub(crate) struct Administrator(Reader);

impl FromRequestParts<AppState> for Administrator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Problem> {
        let reader = Reader::from_request_parts(parts, app).await?;
        if reader.may_change() {
            Ok(Self(reader))
        } else {
            Err(forbidden("an auditor reads: this call is for administrators"))
        }
    }
}

/// Whose something is, is the same question whether it is read or changed.
impl Deref for Administrator {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        &self.0
    }
}

impl FromRequestParts<AppState> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Problem> {
        let identity = identity(parts, app).await?;
        let mut actor = Actor::new(format!("token {}", identity.token_id));
        actor.from = client_address(parts, &app.proxies);
        Self::new(identity.role, app.engine.administration(actor))
    }
}

impl Reader {
    /// One who is known, by a token or by a session.
    pub(crate) fn new(role: Role, administration: Administration) -> Result<Self, Problem> {
        match role {
            Role::Application { .. } => Err(forbidden("this call is for administrators")),
            Role::SystemAdmin => Ok(Self { role, administration }),
            _ => Ok(Self { role, administration: administration.of_subscriptions() }),
        }
    }

    /// Whether this is an administrator: an auditor reads.
    pub(crate) fn may_change(&self) -> bool {
        matches!(self.role, Role::SystemAdmin | Role::SubscriptionAdmin { .. })
    }

    /// For what concerns the installation.
    pub(crate) fn of_the_system(&self) -> Result<&Administration, Problem> {
        match self.own() {
            Own::Everything => Ok(&self.administration),
            Own::These(_) => Err(forbidden("this call is for those of the whole installation")),
        }
    }

    /// For what any administrator may read or do; what it returns must be narrowed by [`Self::own`].
    pub(crate) fn of_anything(&self) -> &Administration {
        &self.administration
    }

    /// For what belongs to a subscription.
    pub(crate) fn of(&self, subscription: &str) -> Result<&Administration, Problem> {
        if self.own().has(subscription) {
            Ok(&self.administration)
        } else {
            Err(Problem::new(StatusCode::NOT_FOUND, "not-found", "there is no such subscription"))
        }
    }

    /// Which subscriptions are the caller's.
    pub(crate) fn own(&self) -> Own<'_> {
        match &self.role {
            Role::SystemAdmin | Role::Auditor { subscriptions: None } => Own::Everything,
            Role::SubscriptionAdmin { subscriptions } | Role::Auditor { subscriptions: Some(subscriptions) } => {
                Own::These(subscriptions)
            }
            Role::Application { .. } => Own::These(&[]),
        }
    }

    /// Whether a token is the caller's to see, and an administrator's to revoke.
    pub(crate) fn handles(&self, role: &Role) -> bool {
        match role {
            Role::Application { subscription } => self.own().has(subscription),
            _ => matches!(self.own(), Own::Everything),
        }
    }
}

/// What somebody is to administer or to read.
#[derive(Clone, Copy)]
pub(crate) enum Own<'a> {
    /// The installation.
    Everything,
    /// These subscriptions.
    These(&'a [String]),
}

impl Own<'_> {
    pub(crate) fn has(self, subscription: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::These(own) => own.iter().any(|one| one == subscription),
        }
    }
}
