//! Searching the audit log.

use jiff::Timestamp;

use super::Administration;
use crate::audit::AuditEntry;
use crate::error::Error;
use crate::store::{AuditFilter, AuditFrom};

/// A search of the audit log: entries that match everything that is set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditSearch {
    /// Part of the actor, such as an account's or a token's id.
    pub actor: Option<String>,
    /// The action: a whole one such as `instance.update`, or a prefix such as `instance.`.
    pub action: Option<String>,
    /// Part of the target.
    pub subject: Option<String>,
    /// The earliest time.
    pub since: Option<Timestamp>,
    /// Entries before this time.
    pub until: Option<Timestamp>,
    /// Where the result begins, and in which order. Default: the newest first.
    pub from: AuditFrom,
}

impl Administration {
    /// Returns the entries of the audit log that match, at most `limit`.
    ///
    /// # Errors
    /// If the store is not available.
    pub async fn find_audit(&self, search: &AuditSearch, limit: u32) -> Result<Vec<AuditEntry>, Error> {
        let filter = AuditFilter {
            actor: search.actor.clone().unwrap_or_default(),
            action: search.action.clone().unwrap_or_default(),
            subject: search.subject.clone().unwrap_or_default(),
            since: search.since,
            until: search.until,
            from: search.from,
        };
        Ok(self.store().find_audit(filter, limit).await?.into_iter().map(AuditEntry::from).collect())
    }

    /// Returns subscription and name of an instance in any subscription; `None` if it does not
    /// exist.
    ///
    /// # Errors
    /// If the store is not available.
    pub async fn instance_name(&self, id: &str) -> Result<Option<(String, String)>, Error> {
        Ok(self.store().instance(id).await?.map(|record| (record.subscription, record.name)))
    }
}
