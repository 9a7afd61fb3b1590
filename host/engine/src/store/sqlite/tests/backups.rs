//! Copies of stores that are in use.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

pub(super) fn subscription(id: &str) -> Subscription {
    Subscription { id: id.to_owned(), name: "S".to_owned(), revision: 1, created_at: noon() }
}

/// Returns the ids of the subscriptions of a database.
pub(super) fn ids(database: &Path) -> Vec<String> {
    let connection = Connection::open(database).unwrap();
    let mut statement = connection.prepare("SELECT id FROM subscriptions ORDER BY id").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(|row| row.unwrap()).collect()
}

/// Returns the names of the files in a folder, sorted.
pub(super) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = entries.collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backups_of_a_store_that_is_written_to_are_states_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it.db");
    let store = Arc::new(SqliteStore::open(&path).unwrap());
    store.create_subscription(subscription("000000")).await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let writing = tokio::spawn({
        let (store, stop) = (store.clone(), stop.clone());
        async move {
            let mut count = 1_usize;
            while !stop.load(Ordering::Relaxed) {
                store.create_subscription(subscription(&format!("{count:06}"))).await.unwrap();
                count += 1;
            }
            count
        }
    });
    let mut before = 1;
    for n in 0..5 {
        let backup = folder.path().join(format!("backup-{n}.db"));
        let (from, to) = (path.clone(), backup.clone());
        tokio::task::spawn_blocking(move || SqliteStore::back_up(from, to)).await.unwrap().unwrap();
        let found = ids(&backup);
        let expected: Vec<String> = (0..found.len()).map(|n| format!("{n:06}")).collect();
        assert_eq!(found, expected);
        assert!(found.len() >= before);
        before = found.len();
    }
    stop.store(true, Ordering::Relaxed);
    assert_eq!(writing.await.unwrap(), ids(&path).len());
}

#[tokio::test]
async fn a_backup_is_its_owners_alone_and_the_only_file_that_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let (path, backup) = (folder.path().join("it.db"), folder.path().join("backup.db"));
    let store = SqliteStore::open(&path).unwrap();
    store.create_subscription(subscription("s")).await.unwrap();
    SqliteStore::back_up(&path, &backup).unwrap();
    assert_eq!(names(folder.path()), ["backup.db", "it.db", "it.db-shm", "it.db-wal"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o600);
    }
    // It is a store as it is.
    let copy = SqliteStore::open(&backup).unwrap();
    assert_eq!(copy.subscription("s").await.unwrap(), Some(subscription("s")));
}

#[test]
fn a_backup_replaces_no_file_and_one_that_fails_leaves_none() {
    let folder = tempfile::tempdir().unwrap();
    let (path, backup) = (folder.path().join("it.db"), folder.path().join("backup.db"));
    let refused = SqliteStore::back_up(&path, &backup).unwrap_err();
    assert!(refused.is_unavailable() && refused.to_string().contains("it.db"), "{refused}");
    drop(SqliteStore::open(&path).unwrap());
    fs::write(&backup, "precious").unwrap();
    let refused = SqliteStore::back_up(&path, &backup).unwrap_err();
    assert!(refused.is_incompatible() && refused.to_string().contains("already exists"), "{refused}");
    assert_eq!(fs::read(&backup).unwrap(), b"precious");
    let foreign = folder.path().join("foreign.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
    assert!(SqliteStore::back_up(&foreign, folder.path().join("other.db")).unwrap_err().is_incompatible());
    // The database's own log and index do not matter.
    let left: Vec<_> = names(folder.path()).into_iter().filter(|name| !name.starts_with("it.db-")).collect();
    assert_eq!(left, ["backup.db", "foreign.db", "it.db"]);
}
