//! The audit log searched.

use jiff::Timestamp;

use super::Administration;
use crate::audit::Entry;
use crate::error::Error;
use crate::store::AuditFilter;

/// Which lines of the audit log are wanted: those that fit everything that is stated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditSearch {
    /// A part of who it was, such as an account's or a token's id.
    pub actor: Option<String>,
    /// What was done: a whole action such as `instance.update`, or its beginning such as `instance.`.
    pub action: Option<String>,
    /// A part of what it was done to.
    pub subject: Option<String>,
    /// Not before this.
    pub since: Option<Timestamp>,
    /// Before this.
    pub until: Option<Timestamp>,
    /// Lines with lower numbers than this: the next page.
    pub before: Option<u64>,
}

impl Administration {
    /// Lines of the audit log, the newest first, at most `limit`.
    ///
    /// # Errors
    /// When the store is not available.
    pub async fn find_audit(&self, search: &AuditSearch, limit: u32) -> Result<Vec<Entry>, Error> {
        let filter = AuditFilter {
            actor: search.actor.clone().unwrap_or_default(),
            action: search.action.clone().unwrap_or_default(),
            subject: search.subject.clone().unwrap_or_default(),
            since: search.since,
            until: search.until,
            before: search.before,
        };
        Ok(self.store().find_audit(filter, limit).await?.into_iter().map(Entry::from).collect())
    }

    /// Subscription and name of an instance, whoever owns it; `None` if it is not there.
    ///
    /// # Errors
    /// When the store is not available.
    pub async fn instance_name(&self, id: &str) -> Result<Option<(String, String)>, Error> {
        Ok(self.store().instance(id).await?.map(|record| (record.subscription, record.name)))
    }
}
