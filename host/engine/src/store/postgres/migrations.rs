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
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_initial.sql"),
    include_str!("migrations/0002_user_changes.sql"),
    include_str!("migrations/0003_answer.sql"),
];

/// How often a migration is tried while others hold locks: each try waits three seconds.
const TRIES: u32 = 5;

pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '3s'";

/// How long all missing migrations may take: they may have to write an index of a large table.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// Applies the missing migrations, each in its own transaction. If none is missing, it takes at most `longest`.
///
/// Several processes may do this at the same time: each migration is applied by the first of them that gets the lock.
///
/// # Errors
/// Incompatible if the database belongs to another program, or to a version that requires a newer program.
pub(super) async fn migrate(session: &Session, migrations: &[&str], longest: Duration) -> Result<()> {
    session.begin(StoreErrorKind::Unavailable);
    let applied = in_time(longest, applied(session, migrations.len(), "")).await;
    if applied.map_err(|error| error.about("the schema of the database"))? >= migrations.len() {
        return Ok(());
    }
    in_time(LONGEST, apply(session, migrations)).await
}

/// Returns an error if the database does not respond within `longest`.
pub(super) async fn in_time<T>(longest: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
    let late = |_| Err(StoreError::unavailable("the database does not respond"));
    tokio::time::timeout(longest, work).await.unwrap_or_else(late)
}

async fn apply(session: &Session, migrations: &[&str]) -> Result<()> {
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
    let applied = applied(session, migrations.len(), " FOR UPDATE").await?;
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

/// Returns how many migrations were applied, 0 if there is no schema. With the lock `FOR UPDATE`, no other process migrates until the
/// transaction ends.
pub(super) async fn applied(session: &Session, known: usize, lock: &str) -> Result<usize> {
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
    let row = session.only_row(&format!("SELECT version, oldest_program FROM twofactor_schema{lock}"), &[]).await?;
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
