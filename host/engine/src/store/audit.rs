//! The audit log.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Result, Update};
use crate::keyring::KeyId;

/// A line of the audit log, chained to the line before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Counts from 1 without gaps.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// Who did it.
    pub actor: String,
    /// What was done, such as `instance.update`.
    pub action: String,
    /// What it was done to.
    pub subject: String,
    /// More details, without secrets.
    pub detail: String,
    /// The key of `mac`.
    pub key: KeyId,
    /// A MAC over this line and the `mac` of the line before it.
    pub mac: [u8; 32],
}

/// The last line of the audit log, stored apart from the lines: it shows when the end of the log was cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditHead {
    /// The line's number.
    pub seq: u64,
    /// The line's MAC.
    pub mac: [u8; 32],
    /// The key of `seal`.
    pub key: KeyId,
    /// A MAC over `seq` and `mac`. Without the key nobody can make an earlier line the last one.
    pub seal: [u8; 32],
}

/// Selects lines of the audit log. An empty text matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Occurs in the actor.
    pub actor: String,
    /// The action begins with this.
    pub action: String,
    /// Occurs in the subject.
    pub subject: String,
    /// At this time or later.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// Where the result begins, and in which order.
    pub from: AuditFrom,
}

/// Where reading the audit log begins, and in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditFrom {
    /// The newest first: lines with numbers below this, or all.
    Newest(Option<u64>),
    /// The oldest first: lines with numbers above this.
    Oldest(u64),
}

impl Default for AuditFrom {
    fn default() -> Self {
        Self::Newest(None)
    }
}

/// Stores the audit log.
#[async_trait]
pub trait AuditStore {
    /// Appends a line and replaces the head, if `record.seq` follows the stored head. Stale if another line came first.
    async fn append_audit(&self, record: AuditRecord, head: AuditHead) -> Result<Update>;

    /// Returns lines whose `seq` is greater than `after`, the oldest first.
    async fn audit(&self, after: u64, limit: u32) -> Result<Vec<AuditRecord>>;

    /// Returns the lines that match a filter, in its order.
    async fn find_audit(&self, filter: AuditFilter, limit: u32) -> Result<Vec<AuditRecord>>;

    /// Returns the head that was stored with the last line.
    async fn audit_head(&self) -> Result<Option<AuditHead>>;
}
