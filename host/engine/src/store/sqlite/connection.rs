//! How connections are configured.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::migrations::{MIGRATIONS, migrate, recognize};
use crate::store::{Result, StoreError};

/// How long a process waits for another one that writes.
const BUSY: Duration = Duration::from_secs(10);

/// Configures any connection of the store.
pub(super) fn configure(connection: &Connection) -> Result<()> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(128);
    // Otherwise a prepared statement is planned again whenever a parameter is bound whose value the planner might use.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(())
}

/// Opens a connection that only reads.
pub(super) fn reader(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)?;
    configure(&connection)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// Prepares the connection that writes: checks that the database is TwoFactor's, and migrates its schema.
pub(super) fn prepare(connection: &mut Connection) -> Result<()> {
    connection.busy_timeout(BUSY)?;
    // Closing the last connection to a database of another program must not write to it either.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    // In one snapshot: another process may be creating the store at this moment.
    recognize(&*connection.transaction()?, MIGRATIONS.len())?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    configure(connection)?;
    write_ahead(connection)?;
    migrate(connection, MIGRATIONS)
}

/// Opens a database as it is: none is created, and none is migrated. Returns how many migrations were applied to it.
///
/// # Errors
/// Incompatible if the database belongs to another program, to which nothing is written, or has more than `known` migrations.
pub(super) fn open_as_it_is(path: &Path, known: usize) -> Result<(Connection, usize)> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let migrations = recognize(&*connection.transaction()?, known)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    Ok((connection, migrations))
}

/// Opens a database of ours as it is, and refuses an empty one.
pub(super) fn open_used(path: &Path) -> Result<Connection> {
    match open_as_it_is(path, MIGRATIONS.len())? {
        (_, 0) => Err(StoreError::incompatible("it is empty")),
        (connection, _) => Ok(connection),
    }
}

/// Checks that each part of a database is where it belongs.
pub(super) fn check_integrity(connection: &Connection) -> Result<()> {
    let found: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    match &*found {
        "ok" => Ok(()),
        damage => Err(StoreError::incompatible(format_args!("it is damaged: {damage}"))),
    }
}

/// Two processes that change the mode of a new file at once find it locked without waiting for each other.
fn write_ahead(connection: &Connection) -> Result<()> {
    let deadline = Instant::now() + BUSY;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL").map_err(StoreError::from) {
            Err(error) if error.is_busy() && Instant::now() < deadline => thread::sleep(Duration::from_millis(10)),
            result => return result,
        }
    }
}
