//! SQLite: one file with a write-ahead log. Every commit is synced to disk.

mod accounts;
mod addresses;
mod audit;
mod backup;
mod challenges;
mod clock;
mod configuration;
mod connection;
mod directory;
mod factor_events;
mod factor_resets;
mod factors;
mod file_mode;
mod history;
mod idempotency;
mod instances;
mod limits;
mod maintenance;
mod migrations;
mod nodes;
mod passes;
pub(super) mod paths;
mod providers;
mod purge;
mod remembered_browsers;
mod restore;
mod rows;
mod sessions;
mod sign_ins;
mod statistics;
mod subscriptions;
#[cfg(test)]
mod tests;
mod threads;
mod tokens;
mod user_changes;

use std::path::Path;

use rusqlite::Connection;

use self::connection::{configure, prepare, reader};
use self::file_mode::{create_private, make_private};
pub(crate) use self::restore::Restoring;
use self::threads::Threads;
use super::Result;

/// A store in one SQLite file, or in memory. Several processes may share the file.
pub struct SqliteStore {
    threads: Threads,
}

impl SqliteStore {
    /// Opens the file, or creates it, and migrates an older schema.
    ///
    /// # Errors
    /// [`StoreError::is_incompatible`](super::StoreError::is_incompatible) if the file belongs to another program or a newer
    /// version; [`StoreError::is_unavailable`](super::StoreError::is_unavailable) if it cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        create_private(path);
        let mut writer = Connection::open(path)?;
        prepare(&mut writer).map_err(|error| error.about(path.display()))?;
        // Only if the thread for it cannot keep up: see `threads::checkpoint_all`.
        writer.pragma_update(None, "wal_autocheckpoint", 8000)?;
        // In KiB. A write that finds the pages it changes in memory is faster.
        writer.pragma_update(None, "cache_size", -16_000)?;
        // What a savepoint undoes is kept in memory, in small pieces. Otherwise each savepoint allocates 64 KiB, and the allocator returns
        // them to the system again and again.
        writer.pragma_update(None, "temp_store", "MEMORY")?;
        make_private(path);
        let checkpointer = Connection::open(path)?;
        configure(&checkpointer)?;
        let readers = (0..3).map(|_| reader(path)).collect::<Result<Vec<_>>>()?;
        Ok(Self { threads: Threads::start(writer, Some(checkpointer), readers) })
    }

    /// Creates a store in memory, for tests and demos. Its contents are lost when it is dropped.
    ///
    /// # Errors
    /// If SQLite cannot be started.
    pub fn in_memory() -> Result<Self> {
        let mut writer = Connection::open_in_memory()?;
        prepare(&mut writer)?;
        Ok(Self { threads: Threads::start(writer, None, Vec::new()) })
    }
}
