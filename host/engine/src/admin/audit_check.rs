//! The integrity of the audit log.

use super::Administration;
use crate::audit::AuditCheck;
use crate::error::Error;

impl Administration {
    /// Verifies every entry of the audit log. Detects deletions, changes, reordering and
    /// truncation.
    ///
    /// # Errors
    /// If the store is not available. A damaged log is not an error but a result.
    pub async fn verify_audit_log(&self) -> Result<AuditCheck, Error> {
        self.audit.verify().await
    }

    /// Verifies the audit log for a page that is loaded often: entries that were found intact in the last minute are not read again.
    ///
    /// # Errors
    /// As [`Administration::verify_audit_log`].
    pub async fn verify_new_audit_entries(&self) -> Result<AuditCheck, Error> {
        self.audit.verify_lately().await
    }
}
