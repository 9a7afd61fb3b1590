//! Commands for the database as a whole.

use std::path::Path;

use anyhow::Context as _;
use serde_json::json;
use twofactor::store::copy_store;

use super::administration::verify_audit_log;
use crate::config::Config;
use crate::serve::announce;

/// Copies the store of one configuration to the store of another, prints the number of rows and a digest of each table, and verifies the
/// copied audit log with the keys of the target.
///
/// # Errors
/// If a database cannot be opened, the target is not empty, or the copy differs from the original.
pub(super) async fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    let (source, target) = (Config::read(from)?, Config::read(to)?);
    let source = source.store.place().with_context(|| format!("{}", from.display()))?;
    let target = target.store.place().with_context(|| format!("{}", to.display()))?;
    for table in copy_store(source, target).await? {
        announce(&json!({"table": table.name, "rows": table.rows, "sha256": table.digest}))?;
    }
    verify_audit_log(to).await
}
