//! The database's files are their owner's alone, whatever the umask is: SQLite gives the files beside it the mode of the first.

use std::path::Path;

/// Makes the file, if it is not there, with mode 0600. Errors are left to SQLite, which describes them better when it opens the file.
#[cfg(unix)]
pub(super) fn create_private(path: &Path) {
    use std::os::unix::fs::OpenOptionsExt as _;
    let _ = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
}

/// Takes what others may do with the files of a database of ours away.
#[cfg(unix)]
pub(super) fn make_private(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    for ending in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        let Ok(found) = std::fs::metadata(&name) else { continue };
        let mode = found.permissions().mode();
        if mode & 0o077 == 0 {
            continue;
        }
        match std::fs::set_permissions(&name, std::fs::Permissions::from_mode(mode & 0o700)) {
            Ok(()) => {
                tracing::info!(file = %name.display(), "the database was accessible to others; restricted it to its owner")
            }
            Err(error) => {
                tracing::warn!(file = %name.display(), %error, "the database is accessible to others; run chmod 600 on it");
            }
        }
    }
}

#[cfg(not(unix))]
pub(super) fn create_private(_: &Path) {}

#[cfg(not(unix))]
pub(super) fn make_private(_: &Path) {}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use crate::store::SqliteStore;

    #[test]
    fn a_database_that_others_may_read_is_made_private_and_a_foreign_one_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let mode = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
        let store = SqliteStore::open(&path).unwrap();
        for name in ["db", "db-wal", "db-shm"] {
            assert_eq!(mode(name), 0o600, "{name}");
            std::fs::set_permissions(folder.path().join(name), std::fs::Permissions::from_mode(0o664)).unwrap();
        }
        let _second = SqliteStore::open(&path).unwrap();
        drop(store);
        for name in ["db", "db-wal", "db-shm"] {
            assert_eq!(mode(name), 0o600, "{name}");
        }
        let foreign = folder.path().join("foreign");
        rusqlite::Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
        std::fs::set_permissions(&foreign, std::fs::Permissions::from_mode(0o664)).unwrap();
        assert!(SqliteStore::open(&foreign).is_err());
        assert_eq!(mode("foreign"), 0o664);
    }
}
