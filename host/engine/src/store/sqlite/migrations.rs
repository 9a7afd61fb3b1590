//! The schema as numbered migrations.
//!
//! `PRAGMA user_version` holds the number of the last migration that was applied to a file. To change the schema, add a file
//! `migrations/NNNN_subject.sql` with the next number, and a line to [`MIGRATIONS`]. A migration that was released never changes.

use rusqlite::{Connection, TransactionBehavior};

use crate::store::{Result, StoreError};

/// All migrations, in order. The first creates the schema in an empty file; the number of each is its place in this list.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_initial.sql"),
    include_str!("migrations/0002_factors.sql"),
    include_str!("migrations/0003_passes_and_devices.sql"),
    include_str!("migrations/0004_nodes.sql"),
    include_str!("migrations/0005_history_of_subscriptions.sql"),
    include_str!("migrations/0006_user_changes.sql"),
    include_str!("migrations/0007_restores.sql"),
];

/// Marks a file as TwoFactor's (`PRAGMA application_id`).
pub(super) const APPLICATION: i32 = 0x3266_4163;

/// Applies the migrations that a database lacks, each in a transaction of its own.
///
/// Several processes may do this at the same time: each migration is applied by the first of them that gets to write.
///
/// # Errors
/// Incompatible if the database is not one that [`recognize`] accepts. A migration that fails leaves the database at the one before it.
pub(super) fn migrate(connection: &mut Connection, migrations: &[&str]) -> Result<()> {
    loop {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Only now can no other process change it.
        let applied = recognize(&transaction, migrations.len())?;
        let Some(next) = migrations.get(applied) else {
            return Ok(());
        };
        let number = applied + 1;
        transaction
            .execute_batch(next)
            .map_err(|error| StoreError::from(error).about(format_args!("migration {number:04} failed")))?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.commit()?;
        if applied > 0 {
            tracing::info!(number, "the schema of the database was migrated");
        }
    }
}

/// Returns how many migrations were applied to a database, 0 if it is empty. Only reads: a file of another program stays as it is.
///
/// # Errors
/// Incompatible if the database belongs to another program, or to a version that knows more than `known` migrations.
pub(super) fn recognize(connection: &Connection, known: usize) -> Result<usize> {
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let objects: u64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (application, usize::try_from(version)) {
        (0, Ok(0)) if objects == 0 => Ok(0),
        (APPLICATION, Ok(version)) if version > known => Err(StoreError::incompatible(format_args!(
            "its schema has version {version}, and this version of TwoFactor knows {known}: start the newer version of TwoFactor that \
             wrote it, or restore a backup from before the upgrade"
        ))),
        (APPLICATION, Ok(version)) if version > 0 => Ok(version),
        _ => Err(StoreError::incompatible(
            "it belongs to another program: specify a file that does not exist yet, or one created by TwoFactor",
        )),
    }
}
