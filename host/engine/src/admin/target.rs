//! Targets of assignments, as the audit log names them.

use twofactor_sandbox::escape;

use crate::store::AssignmentRecord;

/// Returns a target as a pointer, for the audit log.
pub(super) fn place(target: &AssignmentRecord) -> String {
    format!("/{}/{}", target.kind.as_str(), escape(&target.target))
}
