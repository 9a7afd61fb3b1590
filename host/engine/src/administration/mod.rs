//! What administrators do. Every change is written to the audit log before it is made: what could not be audited did not
//! happen.

mod audit;
mod instances;
mod people;
mod sign_in_page;
mod test_send;

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

pub use instances::{Assignment, Instance, InstanceChange, NewInstance};
pub use test_send::TestReport;

use crate::audit::{AuditLog, Entry};
use crate::challenge::Policy;
use crate::clock::Clock;
use crate::error::Error;
use crate::instance::Instances;
use crate::provider::ProviderInfo;
use crate::statistics::{Statistic, Statistics};
use crate::store::{ProviderRecord, Store, Subscription};
use crate::token::{Role, TokenInfo, Tokens};

/// Who administers, for the audit log.
#[derive(Debug, Clone)]
pub struct Actor {
    /// A name that is no secret: a token's id, an operator's command.
    pub name: String,
    /// Where the request came from, if over a network.
    pub from: Option<IpAddr>,
}

impl Actor {
    /// An actor by name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), from: None }
    }
}

/// The administration of an engine, on behalf of one actor. It asks nobody for permission: who may do what is decided by whoever
/// hands it out.
#[derive(Clone)]
pub struct Administration {
    pub(crate) instances: Arc<Instances>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) audit: Arc<AuditLog>,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) statistics: Statistics,
    pub(crate) actor: Actor,
}

impl Administration {
    fn store(&self) -> &Arc<dyn Store> {
        &self.instances.store
    }

    /// On whose behalf.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    async fn audit(&self, action: &str, subject: &str, detail: &str) -> Result<(), Error> {
        self.audit.append(&self.actor, action, subject, detail).await
    }

    /// Adds a subscription.
    ///
    /// # Errors
    /// A conflict if the id is taken; invalid input if it is not 1 to 64 letters, digits, `-`, `_` or `.`.
    pub async fn create_subscription(&self, id: &str, name: &str) -> Result<Subscription, Error> {
        identifier("subscription", id)?;
        title(name)?;
        let subscription = Subscription { id: id.to_owned(), name: name.to_owned(), created_at: self.clock.now() };
        self.audit("subscription.create", id, "").await?;
        self.store().create_subscription(subscription.clone()).await?;
        Ok(subscription)
    }

    /// All subscriptions.
    ///
    /// # Errors
    /// When the store is not available.
    pub async fn subscriptions(&self) -> Result<Vec<Subscription>, Error> {
        Ok(self.store().subscriptions().await?)
    }

    /// The policy of instances that state none of their own.
    pub fn policy(&self) -> &Policy {
        self.instances.default_policy()
    }

    /// The base service settings of a type, secrets masked.
    ///
    /// # Errors
    /// When the store is not available.
    pub async fn base_settings(&self, type_id: &str) -> Result<Value, Error> {
        let stored = self.stored_base_settings(type_id).await?;
        Ok(self.instances.masked(type_id, &stored))
    }

    /// Replaces the base service settings of a type. A mask sent back keeps the secret that stands there.
    ///
    /// # Errors
    /// Invalid input if the type is unknown or the options are no object. They need not be complete.
    pub async fn set_base_settings(&self, type_id: &str, options: Value) -> Result<Value, Error> {
        let stored = self.stored_base_settings(type_id).await?;
        let (options, kept) = self.instances.read_options(type_id, options, &stored)?;
        if kept {
            self.instances.same_destinations(type_id, &stored, &options).await?;
        }
        self.audit("base-settings.set", type_id, "").await?;
        let sealed = self.instances.seal_base_settings(type_id, &options)?;
        self.store().set_base_settings(type_id, sealed).await?;
        Ok(self.instances.masked(type_id, &options))
    }

    async fn stored_base_settings(&self, type_id: &str) -> Result<Value, Error> {
        match self.store().base_settings(type_id).await? {
            Some(sealed) => self.instances.open_base_settings(type_id, &sealed),
            None => Ok(Value::Object(Default::default())),
        }
    }

    /// How a subscription's challenges and deliveries went in the hours from `since` on, by hour. Kept for 90 days.
    ///
    /// # Errors
    /// When the store is not available.
    pub async fn statistics(&self, subscription: &str, since: Timestamp) -> Result<Vec<Statistic>, Error> {
        self.statistics.settle().await?;
        let records = self.store().statistics(subscription, since).await?;
        Ok(records.into_iter().map(Statistic::from).collect())
    }

    /// The providers that are loaded.
    pub fn providers(&self) -> Vec<ProviderInfo> {
        self.instances.providers()
    }

    /// Loads a provider and keeps it for the next start. It serves all instances of its type from now on.
    ///
    /// # Errors
    /// Invalid input, saying why, if it cannot be loaded.
    pub async fn add_provider(&self, component: &[u8]) -> Result<ProviderInfo, Error> {
        let provider = self.instances.load(component).await.map_err(|error| Error::invalid(error.to_string()))?;
        let info = provider.info().clone();
        self.audit("provider.add", &info.manifest.type_id, &info.digest).await?;
        let record = ProviderRecord {
            digest: info.digest.clone(),
            type_id: info.manifest.type_id.clone(),
            component: component.to_vec(),
            added_at: self.clock.now(),
        };
        self.store().insert_provider(record).await?;
        self.instances.install(provider);
        Ok(info)
    }

    /// Issues a token, good until `expires_at` or until it is revoked. The second value is the token itself: it is shown once
    /// and kept nowhere.
    ///
    /// # Errors
    /// Invalid input if the name is not one line of 1 to 100 characters, the time is past, or the role names a subscription
    /// that does not exist.
    pub async fn issue_token(
        &self,
        name: &str,
        role: Role,
        expires_at: Option<Timestamp>,
    ) -> Result<(TokenInfo, String), Error> {
        title(name)?;
        if expires_at.is_some_and(|end| end <= self.clock.now()) {
            return Err(Error::invalid("`expires_at` must lie in the future"));
        }
        for subscription in role.subscriptions() {
            if self.store().subscription(subscription).await?.is_none() {
                return Err(Error::invalid("the role names a subscription that does not exist: create it first"));
            }
        }
        self.audit("token.issue", name, role.name()).await?;
        self.tokens.issue(name, role, expires_at).await
    }

    /// All tokens, revoked ones too.
    ///
    /// # Errors
    /// When the store is not available.
    pub async fn tokens(&self) -> Result<Vec<TokenInfo>, Error> {
        self.tokens.all().await
    }

    /// Revokes a token at once.
    ///
    /// # Errors
    /// Not found if there is no such token, or it is revoked.
    pub async fn revoke_token(&self, id: &str) -> Result<(), Error> {
        self.audit("token.revoke", id, "").await?;
        self.tokens.revoke(id).await
    }

    /// Lines of the audit log after number `after`, at most `limit`.
    ///
    /// # Errors
    /// When the store is not available.
    pub async fn audit_log(&self, after: u64, limit: u32) -> Result<Vec<Entry>, Error> {
        self.audit.read(after, limit).await
    }
}

/// Ids that people choose: they stand in paths and in logs.
pub(crate) fn identifier(what: &str, id: &str) -> Result<(), Error> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if id.is_empty() || id.len() > 64 || !id.chars().all(fits) {
        return Err(Error::invalid(format!("the id of a {what} must be 1 to 64 letters, digits, `-`, `_` or `.`")));
    }
    Ok(())
}

/// Names for people.
pub(crate) fn title(name: &str) -> Result<(), Error> {
    if name.trim().is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(Error::invalid("`name` must be one line of 1 to 100 characters"));
    }
    Ok(())
}
