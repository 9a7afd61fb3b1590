//! What is written ahead comes into the database.

use std::fs;
use std::path::Path;

use super::*;

/// Returns where the write-ahead log says how often it was restarted (https://www.sqlite.org/fileformat2.html#walformat).
fn times_begun(database: &Path) -> u32 {
    let log = fs::read(database.with_extension("db-wal")).unwrap();
    u32::from_be_bytes(log[12..16].try_into().unwrap())
}

#[tokio::test]
async fn a_long_write_ahead_log_is_copied_into_the_database_and_restarted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it.db");
    let store = SqliteStore::open(&path).unwrap();
    // Whoever closes a database last copies its log: it must not be the store.
    let other = Connection::open(&path).unwrap();
    let count = |database: &Connection| -> u32 {
        database.query_row("SELECT count(*) FROM challenges", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(count(&other), 0);
    for n in 0..threads::CHECKPOINT_EVERY {
        store.open_challenge(opening(&n.to_string(), noon())).await.unwrap();
    }
    let begun = times_begun(&path);
    // Now its threads have finished.
    drop(store);

    let alone = folder.path().join("without-its-log.db");
    fs::copy(&path, &alone).unwrap();
    assert_eq!(count(&Connection::open(&alone).unwrap()), threads::CHECKPOINT_EVERY);
    let store = SqliteStore::open(&path).unwrap();
    store.open_challenge(opening("one more", noon())).await.unwrap();
    assert_eq!(times_begun(&path), begun + 1);
    assert_eq!(count(&other), threads::CHECKPOINT_EVERY + 1);
}
