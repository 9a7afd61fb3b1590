//! Backups that become stores.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::config::DbConfig;
use tempfile::TempDir;

use super::super::migrations::{MIGRATIONS, migrate};
use super::super::restore::Restoring;
use super::backups::{ids, names, subscription};
use super::*;
use crate::store::conformance::factors::{beginning, enrolment};
use crate::store::conformance::sign_ins::{sign_in, verified};

/// A store with the subscription `old`, and a backup of it. Since then, `new` was added.
struct Case {
    folder: TempDir,
    path: PathBuf,
    backup: PathBuf,
}

async fn case() -> Case {
    let folder = tempfile::tempdir().unwrap();
    let (path, backup) = (folder.path().join("it.db"), folder.path().join("backup.db"));
    let store = SqliteStore::open(&path).unwrap();
    store.create_subscription(subscription("old")).await.unwrap();
    SqliteStore::back_up(&path, &backup).unwrap();
    store.create_subscription(subscription("new")).await.unwrap();
    Case { folder, path, backup }
}

fn restore(backup: &Path, path: &Path) -> Result<Option<PathBuf>> {
    Restoring::begin(backup, path)?.finish(noon())
}

/// Returns everything in a folder.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    names(folder).into_iter().map(|name| (name.clone(), fs::read(folder.join(name)).unwrap())).collect()
}

#[tokio::test]
async fn a_backup_takes_the_place_of_a_database_which_gets_another_name() {
    let Case { folder, path, backup } = case().await;
    let aside = folder.path().join("it.db.before-restore-20261124T120000Z");
    assert_eq!(restore(&backup, &path).unwrap().as_ref(), Some(&aside));
    assert_eq!(names(folder.path()), ["backup.db", "it.db", "it.db.before-restore-20261124T120000Z"]);
    assert_eq!((ids(&path), ids(&aside)), (vec!["old".to_owned()], vec!["new".to_owned(), "old".to_owned()]));
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
        let found = fs::metadata(&path).unwrap();
        assert_eq!((found.permissions().mode() & 0o777, found.nlink()), (0o600, 1));
    }
    // Where there is none, nothing gets another name.
    let elsewhere = folder.path().join("elsewhere.db");
    assert_eq!(restore(&backup, &elsewhere).unwrap(), None);
    assert_eq!(ids(&elsewhere), ["old"]);
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_to_a_database_stays_a_link() {
    let Case { folder, path, backup } = case().await;
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    restore(&backup, &link).unwrap();
    assert!(link.is_symlink());
    assert_eq!(ids(&path), ["old"]);
}

#[tokio::test]
async fn a_database_in_use_is_not_replaced() {
    let Case { folder, path, backup } = case().await;
    let store = SqliteStore::open(&path).unwrap();
    let refused = restore(&backup, &path).unwrap_err();
    assert!(refused.is_busy() && refused.to_string().contains("uses it: stop it"), "{refused}");
    store.create_subscription(subscription("newer")).await.unwrap();
    drop(store);
    // Connections that close at the same moment may leave a log.
    let left: Vec<_> = names(folder.path()).into_iter().filter(|name| !name.starts_with("it.db-")).collect();
    assert_eq!(left, ["backup.db", "it.db"]);
    assert_eq!(ids(&path), ["new", "newer", "old"]);
    restore(&backup, &path).unwrap();
    assert_eq!(ids(&path), ["old"]);
}

#[tokio::test]
async fn a_database_is_set_aside_with_what_its_log_contains() {
    let Case { folder, path, backup } = case().await;
    // As a process that was killed leaves it.
    let killed = Connection::open(&path).unwrap();
    killed.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
    killed.execute("INSERT INTO subscriptions VALUES ('late', 'L', 1, 0)", []).unwrap();
    drop(killed);
    assert!(folder.path().join("it.db-wal").exists());
    let aside = restore(&backup, &path).unwrap().unwrap();
    assert_eq!(names(folder.path()).len(), 3);
    assert_eq!((ids(&path), ids(&aside).len()), (vec!["old".to_owned()], 3));
}

#[tokio::test]
async fn a_truncated_database_is_replaced_and_set_aside_as_it_is() {
    let Case { folder, path, backup } = case().await;
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    fs::write(folder.path().join("it.db-wal"), "left behind").unwrap();
    let aside = restore(&backup, &path).unwrap().unwrap();
    assert_eq!(fs::read(&aside).unwrap(), whole[..whole.len() / 2]);
    assert!(!folder.path().join("it.db-wal").exists());
    assert_eq!(ids(&path), ["old"]);
    // Whether it was ours cannot be seen any longer.
    fs::write(&path, "something else").unwrap();
    assert!(restore(&backup, &path).unwrap_err().is_incompatible());
    assert_eq!(fs::read(&path).unwrap(), b"something else");
}

#[tokio::test]
async fn a_database_of_another_program_is_not_replaced() {
    let Case { folder, backup, .. } = case().await;
    let foreign = folder.path().join("foreign.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
    let before = contents(folder.path());
    assert!(restore(&backup, &foreign).unwrap_err().is_incompatible());
    assert!(contents(folder.path()) == before);
}

#[tokio::test]
async fn a_database_that_a_newer_version_migrated_is_replaced() {
    let Case { folder: _folder, path, backup } = case().await;
    Connection::open(&path).unwrap().pragma_update(None, "user_version", MIGRATIONS.len() + 1).unwrap();
    restore(&backup, &path).unwrap().unwrap();
    assert_eq!(ids(&path), ["old"]);
}

#[tokio::test]
async fn an_incomplete_backup_is_refused_and_nothing_changes() {
    let Case { folder, path, backup } = case().await;
    let whole = fs::read(&backup).unwrap();
    let bad = folder.path().join("bad.db");
    let refused = || {
        let before = contents(folder.path());
        let error = restore(&bad, &path).unwrap_err();
        assert!(contents(folder.path()) == before, "{error}");
        error.to_string()
    };
    assert!(refused().contains("bad.db"), "it is missing");
    for wrong in [b"".as_slice(), b"something else".as_slice(), &whole[..whole.len() / 2], &whole[..50]] {
        fs::write(&bad, wrong).unwrap();
        assert!(refused().contains("bad.db"));
    }
    // Damage in the middle.
    let mut damaged = whole.clone();
    damaged[4096..whole.len() - 4096].fill(0x55);
    fs::write(&bad, &damaged).unwrap();
    refused();

    fs::remove_file(&bad).unwrap();
    Connection::open(&bad).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
    assert!(refused().contains("another program"));
    fs::write(&bad, &whole).unwrap();
    Connection::open(&bad).unwrap().pragma_update(None, "user_version", MIGRATIONS.len() + 1).unwrap();
    assert!(refused().contains("newer version"));
    fs::write(&bad, &whole).unwrap();
    fs::write(folder.path().join("bad.db-wal"), "a part of it").unwrap();
    assert!(refused().contains("bad.db-wal exists"));
}

#[tokio::test]
async fn a_backup_with_an_older_schema_is_migrated() {
    let Case { folder, path, .. } = case().await;
    let older = folder.path().join("older.db");
    let mut connection = Connection::open(&older).unwrap();
    migrate(&mut connection, &MIGRATIONS[..3]).unwrap();
    connection.execute("INSERT INTO subscriptions VALUES ('older', 'O', 1, 0)", []).unwrap();
    drop(connection);
    restore(&older, &path).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    assert!(store.subscription("older").await.unwrap().is_some());
    assert_eq!(store.user_changes([7; 16]).await.unwrap(), 0);
}

#[tokio::test]
async fn what_could_have_been_used_since_the_backup_is_not_in_the_restored_store() {
    let folder = tempfile::tempdir().unwrap();
    let (path, backup) = (folder.path().join("it.db"), folder.path().join("backup.db"));
    drop(SqliteStore::open(&path).unwrap());
    let c = Connection::open(&path).unwrap();
    c.execute_batch(
        "INSERT INTO accounts (id, email, sealed, role, disabled, generation, revision, created_at) VALUES ('a', x'01', x'', '{}', 0, 1, 1, 0);
         INSERT INTO tokens (id, name, digest, role, created_at) VALUES ('t', 'T', x'01', '{}', 0);
         INSERT INTO persons VALUES (x'01', 3, 1, 1, 3);
         INSERT INTO invitations (digest, account, expires_at) VALUES (x'01', 'a', 9000000000000);
         INSERT INTO logins VALUES (x'01', 'a', 1, 's', 'c', 9000000000000);
         INSERT INTO authorization_requests VALUES (x'01', '/', 9000000000000);
         INSERT INTO sessions VALUES (x'01', 's', 'a', 1, NULL, 0, 0, 0, 9000000000000);
         INSERT INTO idempotency VALUES (x'01', x'01', x'01', 0, 9000000000000);
         INSERT INTO passes VALUES (x'01', 'p', x'01', 0, 9000000000000);
         INSERT INTO remembered_devices VALUES (x'01', 'r', x'01', x'01', 0, 0, 9000000000000);
         INSERT INTO nodes VALUES ('n', 'N', '1', '{}', 0, 0, 0);",
    )
    .unwrap();
    drop(c);
    let store = SqliteStore::open(&path).unwrap();
    store.open_challenge(opening("open", noon())).await.unwrap();
    store.open_challenge(opening("used", noon())).await.unwrap();
    assert!(store.answer_challenge(right("used", noon())).await.unwrap().is_right());
    store.begin_enrolment(beginning(enrolment("e", noon()))).await.unwrap();
    store.insert_sign_in(sign_in("i", noon())).await.unwrap();
    store.insert_sign_in(sign_in("j", noon())).await.unwrap();
    assert!(store.end_sign_in("j", verified(noon()), None, None).await.unwrap());
    drop(store);
    SqliteStore::back_up(&path, &backup).unwrap();
    restore(&backup, &path).unwrap();

    let c = Connection::open(&path).unwrap();
    let count =
        |table: &str| -> u32 { c.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap() };
    for table in [
        "authorization_requests",
        "challenges",
        "enrolments",
        "idempotency",
        "invitations",
        "logins",
        "nodes",
        "passes",
        "remembered_devices",
        "sessions",
        "sign_ins",
    ] {
        assert_eq!(count(table), 0, "{table}");
    }
    for table in ["accounts", "tokens", "persons"] {
        assert_eq!(count(table), 1, "{table}");
    }
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.consume_challenge(consume("open", noon())).await.unwrap(), Consumed::Closed);
    assert!(!store.answer_challenge(right("open", noon())).await.unwrap().is_right());
}

#[tokio::test]
async fn a_code_of_an_app_is_not_asked_for_in_the_first_minutes_after_a_restore() {
    let Case { folder: _folder, path, backup } = case().await;
    let restored = noon();
    let asks = |id: &str, now: Timestamp| OpenChallenge { repeatable_for: Some(3 * MINUTE), ..opening(id, now) };
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.open_challenge(asks("before", restored)).await.unwrap(), Opened::Open);
    drop(store);
    restore(&backup, &path).unwrap();

    let store = SqliteStore::open(&path).unwrap();
    let until = restored + 3 * MINUTE;
    let early = store.open_challenge(asks("early", restored + MINUTE)).await.unwrap();
    assert_eq!(early, Opened::TooEarly(until));
    // What answers to the challenge itself need not wait.
    assert_eq!(store.open_challenge(opening("sent", restored + MINUTE)).await.unwrap(), Opened::Open);
    assert_eq!(store.open_challenge(asks("later", until)).await.unwrap(), Opened::Open);
    // If the clock was ahead at the restore, nobody waits until that time comes.
    let right = restored - HOUR;
    store.resume(right).await.unwrap();
    assert_eq!(store.open_challenge(asks("right", right)).await.unwrap(), Opened::TooEarly(right + 3 * MINUTE));
    assert_eq!(store.open_challenge(asks("after", right + 3 * MINUTE)).await.unwrap(), Opened::Open);
}
