//! Whether the audit log is whole.

use super::Administration;
use crate::audit::AuditCheck;
use crate::error::Error;

impl Administration {
    /// Looks at every line of the audit log and finds a deletion, a change, a reordering and a cut-off end.
    ///
    /// # Errors
    /// When the store is not available. What is wrong with the log is no error but the answer.
    pub async fn verify_audit_log(&self) -> Result<AuditCheck, Error> {
        self.audit.verify().await
    }
}
