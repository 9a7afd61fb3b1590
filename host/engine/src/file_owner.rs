//! The owner of files that take the place of others.

use std::fs::File;
use std::io;
use std::path::Path;

/// Gives a new file the owner and group of the one that it replaces or belongs to: root may write it, and a server with a user of its
/// own must read it. The file is open, so that no link can lead elsewhere meanwhile.
///
/// # Errors
/// If the owner is another one and cannot be kept.
#[cfg(unix)]
pub(crate) fn keep_owner(file: &File, other: &Path) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let (wanted, now) = (std::fs::metadata(other)?, file.metadata()?);
    match fchown(file, Some(wanted.uid()), Some(wanted.gid())) {
        // The group may do nothing with it.
        Err(_) if wanted.uid() == now.uid() => Ok(()),
        Err(error) => {
            let why =
                format!("cannot keep its owner: {error}; run this as root or as the user with the id {}", wanted.uid());
            Err(io::Error::new(error.kind(), why))
        }
        Ok(()) => Ok(()),
    }
}

#[cfg(not(unix))]
pub(crate) fn keep_owner(_: &File, _: &Path) -> io::Result<()> {
    Ok(())
}
