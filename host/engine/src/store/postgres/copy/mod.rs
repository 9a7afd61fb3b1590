//! Copies a whole store from SQLite to PostgreSQL or back. Both are read in the order of their keys, in parts within one transaction, and
//! compared by a digest of each table.

mod postgres;
mod rows;
mod sqlite;
mod tables;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;

pub use self::rows::CopiedTable;
use self::rows::TableDigest;
use self::tables::{NOT_COPIED, TABLES, Table};
use super::migrations::MIGRATIONS;
use super::options::PostgresOptions;
use super::session::Session;
use super::values::get;
use super::{BEGIN_UNGUARDED, Step, prepare};
use crate::store::sqlite::paths::{FILES, beside};
use crate::store::{Result, SqliteStore, StoreError, StoreErrorKind};

/// How much is in memory at a time: a part has at most so many rows, and ends with the row that exceeds so many bytes.
const PART_ROWS: usize = 1000;
const PART_BYTES: usize = 8 << 20;

/// A process that reported itself within this time uses the store. Processes report every few seconds, and say when they end.
const IN_USE: Duration = Duration::from_secs(20);

/// Where a store is.
pub enum StorePlace<'a> {
    /// A SQLite file.
    Sqlite(&'a Path),
    /// A PostgreSQL database.
    Postgres(Box<PostgresOptions>),
}

/// Copies a store to another database, which must be empty. No server may use either of them: what it changes while the copy is made
/// would be lost, such as the use of a recovery code.
///
/// Open challenges, sign-ins, enrolments, temporary passes and pending logins are not copied: they are valid only where they were
/// started. Limits and wrong answers are copied.
///
/// # Errors
/// Incompatible if the target is not empty, a server that uses one of them was seen in the last 20 seconds, or both are of the same kind; a conflict if the copy differs from the original: the target
/// must not be used then.
pub async fn copy_store(from: StorePlace<'_>, to: StorePlace<'_>) -> Result<Vec<CopiedTable>> {
    match (from, to) {
        (StorePlace::Sqlite(file), StorePlace::Postgres(options)) => {
            // Opening it would create it.
            if !file.exists() {
                return Err(StoreError::incompatible(format_args!("the source {} does not exist", file.display())));
            }
            // Migrates an older schema.
            drop(SqliteStore::open(file)?);
            let source = Connection::open(file)?;
            source.execute_batch("BEGIN")?;
            refuse_if_used_by(sqlite::user(&source)?)?;
            let session = open(&options).await?;
            session.transaction(BEGIN_UNGUARDED, to_postgres(&source, &session)).await
        }
        (StorePlace::Postgres(options), StorePlace::Sqlite(file)) => {
            // SQLite would write what is in a log that was left behind into the copy.
            if let Some(found) = FILES.iter().map(|end| beside(file, end)).find(|file| file.symlink_metadata().is_ok())
            {
                return Err(StoreError::incompatible(format_args!("the target {} already exists", found.display())));
            }
            let session = open(&options).await?;
            // It gets its name when it is complete: a server would start on an incomplete copy as on a new store.
            let partial = Partial::new(file)?;
            drop(SqliteStore::open(&partial.0)?);
            let target = Connection::open(&partial.0)?;
            let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
            let copied = session.transaction(begin, to_sqlite(&session, &target)).await?;
            target.close().map_err(|(_, error)| error)?;
            std::fs::rename(&partial.0, file).map_err(StoreError::unavailable)?;
            Ok(copied)
        }
        _ => Err(StoreError::incompatible("stores are copied only between a SQLite file and a PostgreSQL database")),
    }
}

/// A SQLite file that is being written. It is removed if it was not renamed.
struct Partial(PathBuf);

impl Partial {
    fn new(file: &Path) -> Result<Self> {
        let partial = beside(file, ".copying");
        if partial.symlink_metadata().is_ok() {
            return Err(StoreError::incompatible(format_args!(
                "{} already exists: another copy is running, or was interrupted; remove it in that case",
                partial.display()
            )));
        }
        Ok(Self(partial))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        for end in FILES {
            let _ = std::fs::remove_file(beside(&self.0, end));
        }
    }
}

async fn open(options: &PostgresOptions) -> Result<Session> {
    let session = options.connect().await?;
    prepare(&session, options).await?;
    session.begin(StoreErrorKind::Unavailable);
    let version: u64 = get(&session.only_row("SELECT version FROM twofactor_schema", &[]).await?, 0)?;
    if version != MIGRATIONS.len() as u64 {
        return Err(StoreError::incompatible(
            "the schema of the database is newer: copy it with the version of TwoFactor that wrote it",
        ));
    }
    refuse_if_used_by(postgres::user(&session).await?)?;
    Ok(session)
}

fn refuse_if_used_by(process: Option<String>) -> Result<()> {
    let Some(name) = process else { return Ok(()) };
    Err(StoreError::incompatible(format_args!(
        "the server {name:?} uses it: stop it; if it crashed, try again in {} seconds",
        IN_USE.as_secs()
    )))
}

async fn to_postgres(source: &Connection, target: &Session) -> Result<Step<Vec<CopiedTable>>> {
    // The clock has a row from the beginning, and nodes are those of a moment.
    let not_copied = NOT_COPIED.iter().copied().filter(|name| !["clock", "nodes"].contains(name));
    for name in TABLES.iter().map(|table| table.name).chain(not_copied) {
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {name})");
        if get(&target.only_row(&sql, &[]).await?, 0)? {
            return Err(StoreError::incompatible(format_args!("the target is not empty: see its table `{name}`")));
        }
    }
    let mut copied = Vec::new();
    for table in TABLES {
        let mut original = TableDigest::new(table);
        let mut rows = sqlite::part(source, table, None)?;
        while let Some(last) = rows.last() {
            rows.iter().for_each(|row| original.add(row));
            postgres::insert(target, table, &rows).await?;
            rows = sqlite::part(source, table, Some(last))?;
        }
        if let Some(column) = table.sequence {
            let sql = format!(
                "SELECT setval(pg_get_serial_sequence('{0}', '{column}'), max({column})) FROM {0} HAVING max({column}) IS NOT NULL",
                table.name
            );
            target.rows(&sql, &[]).await?;
        }
        copied.push(original.finish().same_as(digest_of_postgres(target, table).await?)?);
    }
    if let Some(newest) = sqlite::newest_time(source)? {
        postgres::set_newest_time(target, newest).await?;
    }
    Ok(Step::Keep(copied))
}

async fn digest_of_postgres(c: &Session, table: &Table) -> Result<CopiedTable> {
    let mut digest = TableDigest::new(table);
    let add = |row| {
        digest.add(&row);
        Ok(())
    };
    postgres::read(c, table, add).await?;
    Ok(digest.finish())
}

async fn to_sqlite(source: &Session, target: &Connection) -> Result<Step<Vec<CopiedTable>>> {
    target.execute_batch("PRAGMA foreign_keys = ON; BEGIN IMMEDIATE")?;
    let mut copied = Vec::new();
    for table in TABLES {
        let mut original = TableDigest::new(table);
        let copy = |row| {
            original.add(&row);
            sqlite::insert(target, table, row)
        };
        postgres::read(source, table, copy).await?;
        copied.push(original.finish().same_as(digest_of_sqlite(target, table)?)?);
    }
    if let Some(newest) = postgres::newest_time(source).await? {
        sqlite::set_newest_time(target, newest)?;
    }
    target.execute_batch("COMMIT")?;
    Ok(Step::Undo(copied))
}

fn digest_of_sqlite(c: &Connection, table: &Table) -> Result<CopiedTable> {
    let mut digest = TableDigest::new(table);
    let mut rows = sqlite::part(c, table, None)?;
    while let Some(last) = rows.last() {
        rows.iter().for_each(|row| digest.add(row));
        rows = sqlite::part(c, table, Some(last))?;
    }
    Ok(digest.finish())
}
