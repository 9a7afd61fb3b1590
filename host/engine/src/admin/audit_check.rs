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
}
