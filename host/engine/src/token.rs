//! Access tokens: random, stored as a digest, revocable.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::error::Error;
use crate::random;
use crate::secret_kind::SecretKind;
use crate::store::{Part, Store, TokenRecord};

/// The role of a token or an account: what its holder may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case", deny_unknown_fields)]
pub enum Role {
    /// Everything.
    SystemAdmin,
    /// Everything within these subscriptions.
    SubscriptionAdmin {
        /// Their ids.
        subscriptions: Vec<String>,
    },
    /// Can read what an administrator can read, and change nothing.
    Auditor {
        /// Of these subscriptions; `None` for the whole installation, with its audit log.
        subscriptions: Option<Vec<String>>,
    },
    /// Challenges and sign-ins of one subscription, and the factors and addresses of its users; nothing else.
    Application {
        /// Its id.
        subscription: String,
    },
}

impl Role {
    /// Returns the role's name, as in its JSON form.
    pub fn name(&self) -> &'static str {
        match self {
            Self::SystemAdmin => "system_admin",
            Self::SubscriptionAdmin { .. } => "subscription_admin",
            Self::Auditor { .. } => "auditor",
            Self::Application { .. } => "application",
        }
    }

    /// Checks that a role that must be bound to subscriptions has at least one: an empty list must not give access to everything.
    ///
    /// # Errors
    /// Invalid input if it has none.
    pub fn check(&self) -> Result<(), Error> {
        let detail = match self {
            Self::Auditor { subscriptions: Some(none) } if none.is_empty() => {
                "must name at least one subscription for an `auditor`, or be omitted for the whole installation"
            }
            Self::SubscriptionAdmin { subscriptions } if subscriptions.is_empty() => {
                "must name at least one subscription for a `subscription_admin`"
            }
            _ => return Ok(()),
        };
        Err(Error::invalid_at("/subscriptions", detail))
    }

    /// Returns the subscriptions it is bound to: an empty list for a system administrator and for an auditor of the whole
    /// installation.
    pub fn subscriptions(&self) -> &[String] {
        match self {
            Self::SystemAdmin => &[],
            Self::SubscriptionAdmin { subscriptions } => subscriptions,
            Self::Auditor { subscriptions } => subscriptions.as_deref().unwrap_or_default(),
            Self::Application { subscription } => std::slice::from_ref(subscription),
        }
    }
}

/// The caller that a token authenticates.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Identity {
    /// The token's id, for the audit log.
    pub token_id: String,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
}

/// The data of a token. The token itself is not stored.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct TokenInfo {
    /// The id.
    pub id: String,
    /// The display name.
    pub name: String,
    /// What it may do.
    #[serde(flatten)]
    pub role: Role,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

pub(crate) struct Tokens {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

impl Tokens {
    pub(crate) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// Returns the record of a new token, to be stored, and the token itself.
    pub(crate) fn make(
        &self,
        name: &str,
        role: Role,
        expires_at: Option<Timestamp>,
    ) -> Result<(TokenRecord, String), Error> {
        let (token, digest) = SecretKind::Token.draw()?;
        let record = TokenRecord {
            id: random::id()?,
            name: name.to_owned(),
            digest,
            role: serde_json::to_string(&role).map_err(Error::unavailable)?,
            subscriptions: role.subscriptions().to_vec(),
            application: matches!(role, Role::Application { .. }),
            created_at: self.clock.now(),
            expires_at,
            revoked_at: None,
        };
        Ok((record, token.expose().to_owned()))
    }

    pub(crate) async fn keep(&self, record: TokenRecord) -> Result<TokenInfo, Error> {
        self.store.insert_token(record.clone()).await?;
        info(record)
    }

    pub(crate) async fn authenticate(&self, token: &str) -> Result<Option<Identity>, Error> {
        let Some(digest) = SecretKind::Token.digest(token) else { return Ok(None) };
        let Some(record) = self.store.token_by_digest(&digest).await? else { return Ok(None) };
        let over = |end: Option<Timestamp>| end.is_some_and(|end| end <= self.clock.now());
        if record.revoked_at.is_some() || over(record.expires_at) {
            return Ok(None);
        }
        let info = info(record)?;
        Ok(Some(Identity { token_id: info.id, name: info.name, role: info.role }))
    }

    pub(crate) async fn list(
        &self,
        of_applications: Option<Vec<String>>,
        part: Part<(Timestamp, String)>,
    ) -> Result<Vec<TokenInfo>, Error> {
        self.store.tokens(of_applications, part).await?.into_iter().map(info).collect()
    }

    pub(crate) async fn find(&self, id: &str) -> Result<Option<TokenInfo>, Error> {
        self.store.token(id).await?.map(info).transpose()
    }

    pub(crate) async fn revoke(&self, id: &str, at: Timestamp) -> Result<(), Error> {
        let revoked = self.store.revoke_token(id, at).await?;
        if revoked { Ok(()) } else { Err(Error::not_found("token")) }
    }
}

fn info(record: TokenRecord) -> Result<TokenInfo, Error> {
    let role = serde_json::from_str(&record.role).map_err(Error::unavailable)?;
    Ok(TokenInfo {
        id: record.id,
        name: record.name,
        role,
        created_at: record.created_at,
        expires_at: record.expires_at,
        revoked_at: record.revoked_at,
    })
}
