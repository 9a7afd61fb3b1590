//! Which files are accepted as a store.

use std::path::{Path, PathBuf};
use std::thread;

use rusqlite::config::DbConfig;
use tempfile::TempDir;

use super::super::migrations::MIGRATIONS;
use super::*;

/// Returns a database that some other program made, closed as it closes it.
fn foreign(sql: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it.db");
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    (folder, path)
}

fn refusal(path: &Path) -> String {
    let before = std::fs::read(path).unwrap();
    let error = SqliteStore::open(path).err().unwrap();
    assert!(error.is_incompatible(), "{error}");
    assert!(std::fs::read(path).unwrap() == before, "the file was changed");
    error.to_string()
}

#[test]
fn another_programs_database_is_refused_and_left_unchanged() {
    for sql in [
        "CREATE TABLE t (n); PRAGMA application_id = 1",
        "PRAGMA application_id = 1; PRAGMA user_version = 0",
        "CREATE TABLE t (n); PRAGMA user_version = 1",
        "PRAGMA user_version = 7",
        "CREATE TABLE t (n); PRAGMA user_version = -1",
    ] {
        let (_folder, path) = foreign(sql);
        assert!(refusal(&path).contains("specify a file that does not exist yet"), "{sql}");
    }
}

#[test]
fn tables_without_any_mark_are_somebodys_and_refused() {
    let (_folder, path) = foreign("CREATE TABLE t (n); INSERT INTO t VALUES (1)");
    assert!(refusal(&path).contains("another program"));
    let n: i64 = Connection::open(&path).unwrap().query_row("SELECT n FROM t", [], |row| row.get(0)).unwrap();
    assert_eq!(n, 1);
}

#[test]
fn a_foreign_write_ahead_log_is_not_written_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it.db");
    let other = Connection::open(&path).unwrap();
    other.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (n)").unwrap();
    other.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
    drop(other);
    let log = std::fs::read(folder.path().join("it.db-wal")).unwrap();
    refusal(&path);
    assert!(std::fs::read(folder.path().join("it.db-wal")).unwrap() == log);
}

#[test]
fn a_newer_database_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it.db");
    drop(SqliteStore::open(&path).unwrap());
    let newer = MIGRATIONS.len() + 1;
    Connection::open(&path).unwrap().pragma_update(None, "user_version", newer).unwrap();
    let text = refusal(&path);
    assert!(text.contains("newer version of TwoFactor") && text.contains("backup") && text.contains("it.db"), "{text}");
}

#[test]
fn a_file_that_is_not_a_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it.db");
    std::fs::write(&path, "a".repeat(5000)).unwrap();
    refusal(&path);
}

#[test]
fn an_empty_file_becomes_a_store_that_opens_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it.db");
    std::fs::write(&path, "").unwrap();
    drop(SqliteStore::open(&path).unwrap());
    SqliteStore::open(&path).unwrap();
}

#[test]
fn eight_that_open_a_new_file_at_once_all_get_it() {
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("it.db");
        thread::scope(|scope| {
            for opened in [(); 8].map(|()| scope.spawn(|| SqliteStore::open(&path).map(drop))) {
                opened.join().unwrap().unwrap();
            }
        });
    }
}
