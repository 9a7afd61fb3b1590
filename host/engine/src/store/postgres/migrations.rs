//! The schema as numbered migrations.
//!
//! The table `twofactor_schema` holds the number of the last migration that was applied. To change the schema, add a file
//! `migrations/NNNN_subject.sql` with the next number, and a line to [`MIGRATIONS`]. A migration that was released never changes.
//!
//! During an upgrade, a program and the version before it use the same database. So a migration only adds; what is no longer used is
//! removed one version later, and then `oldest_program` rises to the number of migrations that a program must know.

use std::time::Duration;

use super::Step;
use super::session::Session;
use super::values::get;
use crate::store::{Result, StoreError, StoreErrorKind};

/// All migrations, in order. The number of each is its place in this list, from 1.
pub(super) const MIGRATIONS: &[&str] = &[include_str!("migrations/0001_initial.sql")];

/// How often a migration is tried while others hold locks: each try waits three seconds.
const TRIES: u32 = 5;

const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '3s'";

/// Applies the missing migrations, each in its own transaction.
///
/// Several processes may do this at the same time: each migration is applied by the first of them that gets the lock.
///
/// # Errors
/// Incompatible if the database belongs to another program, or to a version that requires a newer program.
pub(super) async fn migrate(session: &Session, migrations: &[&str]) -> Result<()> {
    let mut tries = 0;
    loop {
        session.begin(StoreErrorKind::Unavailable);
        match session.transaction(BEGIN, next(session, migrations)).await {
            Ok(None) => return Ok(()),
            Ok(Some(number)) if number > 1 => tracing::info!(number, "the schema of the database was migrated"),
            Ok(Some(_)) => {}
            // Another process is creating the same tables, or holds a lock.
            Err(error) if (error.is_conflict() || error.is_busy()) && tries < TRIES => {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            Err(error) => return Err(error.about("the schema of the database")),
        }
    }
}

/// Applies the next migration, and returns its number.
async fn next(session: &Session, migrations: &[&str]) -> Result<Step<Option<usize>>> {
    let applied = applied(session, migrations.len()).await?;
    let Some(sql) = migrations.get(applied) else {
        return Ok(Step::Undo(None));
    };
    session.batch(sql).await?;
    let number = applied + 1;
    session.batch(&format!("UPDATE twofactor_schema SET version = {number}")).await?;
    Ok(Step::Keep(Some(number)))
}

/// Returns an error unless this program knows the migrations that the schema requires.
pub(super) fn require_known(oldest: u64) -> Result<()> {
    if oldest > MIGRATIONS.len() as u64 {
        return Err(StoreError::incompatible(
            "a newer version of TwoFactor has migrated the database, and this version cannot use it any longer: replace this server",
        ));
    }
    Ok(())
}

/// Returns how many migrations were applied, 0 if there is no schema. No other process migrates until the transaction ends.
async fn applied(session: &Session, known: usize) -> Result<usize> {
    // One statement: another process may create the schema between two.
    let sql = "SELECT coalesce(bool_or(relname = 'twofactor_schema'), false), count(*) > 0 FROM pg_class \
               WHERE relnamespace = to_regnamespace(current_schema()::text) AND relkind = 'r'";
    let row = session.only_row(sql, &[]).await?;
    match (get(&row, 0)?, get(&row, 1)?) {
        (true, _) => {}
        (false, false) => return Ok(0),
        (false, true) => {
            return Err(StoreError::incompatible(
                "it contains tables of another program: specify an empty database, or one created by TwoFactor",
            ));
        }
    }
    let row = session.only_row("SELECT version, oldest_program FROM twofactor_schema FOR UPDATE", &[]).await?;
    let (version, oldest): (u64, u64) = (get(&row, 0)?, get(&row, 1)?);
    let known = known as u64;
    if oldest > known {
        return Err(StoreError::incompatible(format_args!(
            "it has version {version}, and this version of TwoFactor knows {known}: start the newer version of TwoFactor that wrote it, or \
             restore a backup from before the upgrade"
        )));
    }
    // A newer schema, which another program created during an upgrade, is not migrated back.
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}
