//! Tests of SQLite alone, and the suite of all stores.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod backups;
mod costs;
mod files;
mod migrations;
mod query_plans;
mod restores;
mod write_ahead_log;
mod writes;

use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use super::*;
use crate::store::conformance::*;
use crate::store::*;

/// A file, with connections for reading.
mod conformance_of_files {
    use super::*;

    async fn open() -> (Arc<dyn Store>, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        (Arc::new(SqliteStore::open(folder.path().join("it.db")).unwrap()), folder)
    }

    crate::store_conformance!(open);
}

/// In memory, on one connection.
mod conformance_in_memory {
    use super::*;

    async fn open() -> (Arc<dyn Store>, ()) {
        (Arc::new(SqliteStore::in_memory().unwrap()), ())
    }

    crate::store_conformance!(open);
}
