//! Which files are taken, and how a connection to one is set.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, TransactionBehavior};

use crate::store::{Result, StoreError};

/// The newest form of the database; `PRAGMA user_version` says which one a file has.
pub(super) const MIGRATIONS: &[&str] = &[include_str!("schema.sql"), include_str!("history.sql")];

/// Marks a file as TwoFactor's (`PRAGMA application_id`).
const APPLICATION: i32 = 0x3266_4163;

/// How long one process waits for another that writes.
const BUSY: Duration = Duration::from_secs(10);

pub(super) fn settle(connection: &Connection) -> Result<()> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(128);
    // Otherwise a prepared statement is thrown away whenever a parameter is bound that the planner might have liked to know.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(())
}

pub(super) fn reader(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)?;
    settle(&connection)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

pub(super) fn prepare(connection: &mut Connection) -> Result<()> {
    connection.busy_timeout(BUSY)?;
    // Closing the last connection to a foreign database must not write to it either.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    // In one snapshot: another process may be making the store at this moment.
    recognize(&*connection.transaction()?)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    settle(connection)?;
    write_ahead(connection)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Once more, now that nobody else can change it.
    let version = recognize(&transaction)?;
    for migration in &MIGRATIONS[version..] {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", MIGRATIONS.len())?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.commit()?;
    Ok(())
}

/// The form a database is in, 0 if it is empty. Only reads: what is not ours stays as it is.
fn recognize(connection: &Connection) -> Result<usize> {
    let refuse = |why: &str| Err(StoreError::incompatible(why));
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let objects: u64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (application, usize::try_from(version)) {
        (0, Ok(0)) if objects == 0 => Ok(0),
        (APPLICATION, Ok(version)) if version > MIGRATIONS.len() => refuse(
            "it was written by a newer version of TwoFactor: start that version, or restore a backup made by this one",
        ),
        (APPLICATION, Ok(version)) if version > 0 => Ok(version),
        _ => refuse("it belongs to another program: name a file that does not exist yet, or one that TwoFactor made"),
    }
}

/// Two processes that change a new file's mode at once find it locked without being made to wait.
fn write_ahead(connection: &Connection) -> Result<()> {
    let deadline = Instant::now() + BUSY;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL").map_err(StoreError::from) {
            Err(error) if error.is_busy() && Instant::now() < deadline => thread::sleep(Duration::from_millis(10)),
            result => return result,
        }
    }
}
