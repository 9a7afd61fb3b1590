//! Backups of a database that may be in use.

use std::io::ErrorKind;
use std::path::Path;

use rusqlite::Connection;

use super::SqliteStore;
use super::connection::{check_integrity, open_used};
use super::paths::{exists, failed, folder_of, sync_folder};
use crate::store::{Result, StoreError};

impl SqliteStore {
    /// Copies the database at `path`, which may be in use, to the new file `to`, with mode 0600. Nobody who writes waits for it.
    ///
    /// The copy shows the database as it was at one moment. It is checked, and gets its name once all of it is on disk. It does not
    /// contain the keys. [`SqliteStore::restore`] makes a store of it again.
    ///
    /// # Errors
    /// [`StoreError::is_incompatible`] if `to` exists already, or the file at `path` belongs to another program or a newer version, or
    /// is damaged; [`StoreError::is_unavailable`] if there is none, it cannot be read, or the copy cannot be written.
    pub fn back_up(path: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<()> {
        let (path, to) = (path.as_ref(), to.as_ref());
        if exists(to) {
            return Err(taken(to));
        }
        let source = open_used(path).map_err(|error| error.about(path.display()))?;
        let folder = folder_of(to);
        let copy = tempfile::Builder::new()
            .prefix(".twofactor-backup-")
            .tempfile_in(folder)
            .map_err(|error| failed(folder, &error))?;
        copy_to(&source, copy.path()).map_err(|error| error.about(format_args!("the copy of {}", path.display())))?;
        copy.as_file().sync_all().map_err(|error| failed(copy.path(), &error))?;
        match copy.persist_noclobber(to) {
            Ok(_) => sync_folder(folder),
            Err(refused) if refused.error.kind() == ErrorKind::AlreadyExists => Err(taken(to)),
            Err(refused) => Err(failed(to, &refused.error)),
        }
    }
}

/// Copies a database to an empty file, in one transaction that only reads.
fn copy_to(source: &Connection, empty: &Path) -> Result<()> {
    let name = empty.to_str().ok_or_else(|| StoreError::incompatible("the name of its folder is not UTF-8"))?;
    source.execute("VACUUM INTO ?", [name])?;
    check_integrity(&open_used(empty)?)
}

fn taken(file: &Path) -> StoreError {
    StoreError::incompatible(format_args!("{} already exists: give the backup another name", file.display()))
}
