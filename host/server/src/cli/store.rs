//! Commands for the database as a whole.

use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::json;
use twofactor::keyring::Keyring;
use twofactor::store::{StorePlace, copy_store};
use twofactor::{Actor, SqliteStore};

use super::administration::verify_audit_log;
use crate::config::{Config, for_operator};
use crate::serve::announce;

/// Copies the SQLite database of a configuration to a new file, and prints where the keys are, without which the copy is of no use.
///
/// # Errors
/// If it is a PostgreSQL database, the database cannot be read, or the file exists already or cannot be written.
pub(super) fn back_up(config: &Path, file: &Path) -> anyhow::Result<()> {
    let config = Config::read(config)?;
    let (path, keys) = (sqlite(&config)?, config.key_file()?);
    SqliteStore::back_up(path, file)?;
    let note = "the backup does not contain the keys and is useless without them: keep a copy of the key file too";
    announce(&json!({"backup": text(file), "keys": text(&keys), "note": note}))
}

/// Replaces the SQLite database of a configuration by a backup, and prints where the database is now that was replaced.
///
/// # Errors
/// If it is a PostgreSQL database, a process uses the database, or the backup is not intact or needs other keys. Nothing is replaced then.
pub(super) async fn restore(config: &Path, file: &Path) -> anyhow::Result<()> {
    let config = Config::read(config)?;
    let path = sqlite(&config)?;
    let keyring = Keyring::from_file(&config.key_file()?)?;
    let restored = SqliteStore::restore(file, path, &keyring, &Actor::new("command line")).await;
    let restored = restored.map_err(for_operator).with_context(|| format!("cannot restore {}", file.display()))?;
    let previous = restored.previous.as_deref().map(text);
    let (made_at, lines) = (restored.made_at, restored.lines);
    announce(&json!({"store": text(path), "backup_of": made_at, "previous": previous, "lines": lines}))
}

/// Returns a path for JSON, which has no other texts than those in UTF-8.
fn text(path: &Path) -> String {
    path.display().to_string()
}

/// Returns the path of the SQLite database.
fn sqlite(config: &Config) -> anyhow::Result<&Path> {
    match config.store.place()? {
        StorePlace::Sqlite(path) => Ok(path),
        StorePlace::Postgres(_) => bail!(
            "this command is for SQLite: back up and restore a PostgreSQL database with its own tools, such as `pg_dump` and `pg_restore` \
             (see docs/postgresql.md)"
        ),
    }
}

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
