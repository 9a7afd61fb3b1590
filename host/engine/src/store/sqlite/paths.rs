//! The files of a database, and their folder.

use std::io;
use std::path::{Path, PathBuf};

use crate::store::{Result, StoreError};

/// What the names of the files of a database end with.
pub(in crate::store) const FILES: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// Returns a name that begins with that of a database.
pub(in crate::store) fn beside(database: &Path, end: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Returns the folder that a file is in.
pub(super) fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Returns whether something has this name, be it a link that leads nowhere.
pub(super) fn exists(file: &Path) -> bool {
    file.symlink_metadata().is_ok()
}

/// Waits until the names in a folder are on disk: a file is only when its name is.
#[cfg(unix)]
pub(super) fn sync_folder(folder: &Path) -> Result<()> {
    std::fs::File::open(folder).and_then(|opened| opened.sync_all()).map_err(|error| failed(folder, &error))
}

#[cfg(not(unix))]
pub(super) fn sync_folder(_: &Path) -> Result<()> {
    Ok(())
}

/// Returns an error of the file system about a file.
pub(super) fn failed(file: &Path, error: &io::Error) -> StoreError {
    StoreError::unavailable(error).about(file.display())
}
