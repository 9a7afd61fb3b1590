//! Who calls, and what they may do. What belongs to another subscription is answered like something
//! that does not exist.

use std::ops::Deref;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use twofactor::Actor;
use twofactor::admin::Administration;
use twofactor::token::{Identity, Role};

use crate::client_address::client_address;
use crate::problem::{Problem, ProblemType};
use crate::state::AppState;

async fn identity(parts: &Parts, app: &AppState) -> Result<Identity, Problem> {
    let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map_or("", |(_, token)| token.trim());
    let refused = || Problem::new(ProblemType::Unauthorized, "a valid bearer token is required");
    app.engine.authenticate(token).await?.ok_or_else(refused)
}

fn forbidden(detail: &str) -> Problem {
    Problem::new(ProblemType::Forbidden, detail)
}

/// An application. It can start and verify challenges and sign-ins of one subscription, and manage the factors and addresses of its
/// users; nothing else.
pub(crate) struct Application {
    pub(crate) subscription: String,
    /// The id of its token. Only the token that began an enrolment can finish it.
    pub(crate) token_id: String,
}

impl FromRequestParts<AppState> for Application {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Problem> {
        let Identity { token_id, role, .. } = identity(parts, app).await?;
        match role {
            Role::Application { subscription } => Ok(Self { subscription, token_id }),
            _ => Err(forbidden("only applications can call this")),
        }
    }
}

/// An administrator or an auditor: may read. Calls that only read take this.
pub(crate) struct Reader {
    role: Role,
    administration: Administration,
}

/// An administrator: may change. All calls that do more than read take this.
pub(crate) struct Administrator(Reader);

impl FromRequestParts<AppState> for Administrator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Problem> {
        let reader = Reader::from_request_parts(parts, app).await?;
        if reader.may_change() { Ok(Self(reader)) } else { Err(forbidden("auditors can only read")) }
    }
}

/// An administrator of the whole installation, checked before a large body is read.
pub(crate) struct SystemAdministrator(Administrator);

impl SystemAdministrator {
    /// Returns access to what concerns the whole installation.
    pub(crate) fn administration(&self) -> &Administration {
        self.0.of_anything()
    }
}

impl FromRequestParts<AppState> for SystemAdministrator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Problem> {
        let administrator = Administrator::from_request_parts(parts, app).await?;
        administrator.of_the_system()?;
        Ok(Self(administrator))
    }
}

/// What belongs to the caller is the same for reading and for changing.
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
    /// Creates the holder of a token or of a session.
    pub(crate) fn new(role: Role, administration: Administration) -> Result<Self, Problem> {
        match role {
            Role::Application { .. } => Err(forbidden("only administrators can call this")),
            Role::SystemAdmin => Ok(Self { role, administration }),
            Role::Auditor { subscriptions: None } => Ok(Self { role, administration: administration.of_auditor() }),
            _ => Ok(Self { role, administration: administration.of_subscriptions() }),
        }
    }

    /// Returns whether this is an administrator. Auditors only read.
    pub(crate) fn may_change(&self) -> bool {
        matches!(self.role, Role::SystemAdmin | Role::SubscriptionAdmin { .. })
    }

    /// Returns access to what concerns the whole installation.
    pub(crate) fn of_the_system(&self) -> Result<&Administration, Problem> {
        match self.own() {
            Own::Everything => Ok(&self.administration),
            Own::These(_) => Err(forbidden("only administrators and auditors of the whole installation can call this")),
        }
    }

    /// Returns access without a check. Its results must be narrowed by [`Self::own`].
    pub(crate) fn of_anything(&self) -> &Administration {
        &self.administration
    }

    /// Returns access to what belongs to a subscription.
    pub(crate) fn of(&self, subscription: &str) -> Result<&Administration, Problem> {
        if self.own().has(subscription) {
            Ok(&self.administration)
        } else {
            Err(Problem::new(ProblemType::NotFound, "subscription not found"))
        }
    }

    /// Returns the caller's subscriptions.
    pub(crate) fn own(&self) -> Own<'_> {
        match &self.role {
            Role::SystemAdmin | Role::Auditor { subscriptions: None } => Own::Everything,
            Role::SubscriptionAdmin { subscriptions } | Role::Auditor { subscriptions: Some(subscriptions) } => {
                Own::These(subscriptions)
            }
            Role::Application { .. } => Own::These(&[]),
        }
    }

    /// Returns whether the caller may see a token of this role, and as an administrator revoke it.
    pub(crate) fn handles(&self, role: &Role) -> bool {
        match role {
            Role::Application { subscription } => self.own().has(subscription),
            _ => matches!(self.own(), Own::Everything),
        }
    }
}

/// What somebody administers or audits.
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
