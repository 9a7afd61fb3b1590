//! From each numbered state of the schema to the newest.

use super::super::migrations::{MIGRATIONS, migrate, recognize};
use super::*;

/// Everything that defines the schema of a database.
fn schema(connection: &Connection) -> Vec<(String, Option<String>)> {
    let mut statement = connection.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name").unwrap();
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(|row| row.unwrap()).collect()
}

#[test]
fn every_numbered_state_is_migrated_to_the_newest() {
    let mut newest = Connection::open_in_memory().unwrap();
    migrate(&mut newest, MIGRATIONS).unwrap();
    for from in 0..=MIGRATIONS.len() {
        let mut database = Connection::open_in_memory().unwrap();
        migrate(&mut database, &MIGRATIONS[..from]).unwrap();
        assert_eq!(recognize(&database, MIGRATIONS.len()).unwrap(), from);
        migrate(&mut database, MIGRATIONS).unwrap();
        assert_eq!(recognize(&database, MIGRATIONS.len()).unwrap(), MIGRATIONS.len());
        assert_eq!(schema(&database), schema(&newest), "from {from}");
    }
}

/// Migrations as later versions may add them.
const LATER: &[&str] = &[
    MIGRATIONS[0],
    "ALTER TABLE subscriptions ADD COLUMN note TEXT; UPDATE subscriptions SET note = name",
    "CREATE TABLE notes (note TEXT) STRICT; INSERT INTO notes SELECT note FROM subscriptions",
];

#[test]
fn rows_stay_and_a_migration_that_was_applied_is_not_applied_again() {
    let mut database = Connection::open_in_memory().unwrap();
    migrate(&mut database, &LATER[..1]).unwrap();
    database.execute("INSERT INTO subscriptions VALUES ('s', 'S', 1, 0)", []).unwrap();
    for _ in 0..2 {
        migrate(&mut database, LATER).unwrap();
        assert_eq!(recognize(&database, LATER.len()).unwrap(), 3);
        let notes: Vec<String> = database
            .prepare("SELECT note FROM notes")
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .flatten()
            .collect();
        assert_eq!(notes, ["S"]);
    }
}

#[test]
fn a_migration_that_fails_leaves_the_state_before_it() {
    let mut database = Connection::open_in_memory().unwrap();
    migrate(&mut database, &LATER[..1]).unwrap();
    let failing = [LATER[0], LATER[1], "CREATE TABLE notes (note TEXT) STRICT; INSERT INTO nowhere VALUES (1)"];
    let error = migrate(&mut database, &failing).unwrap_err();
    assert!(error.to_string().contains("migration 0003 failed"), "{error}");
    assert_eq!(recognize(&database, failing.len()).unwrap(), 2);
    assert!(!schema(&database).iter().any(|(name, _)| name == "notes"));
    // The next start applies a corrected one.
    migrate(&mut database, LATER).unwrap();
    assert_eq!(recognize(&database, LATER.len()).unwrap(), 3);
}

#[test]
fn eight_that_migrate_a_file_at_once_apply_each_migration_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it.db");
    let open = || {
        let connection = Connection::open(&path).unwrap();
        connection.busy_timeout(Duration::from_secs(10)).unwrap();
        connection
    };
    migrate(&mut open(), &LATER[..1]).unwrap();
    open().execute("INSERT INTO subscriptions VALUES ('s', 'S', 1, 0)", []).unwrap();
    std::thread::scope(|scope| {
        for migrated in [(); 8].map(|()| scope.spawn(|| migrate(&mut open(), LATER))) {
            migrated.join().unwrap().unwrap();
        }
    });
    let notes: u32 = open().query_row("SELECT count(*) FROM notes", [], |row| row.get(0)).unwrap();
    assert_eq!(notes, 1);
}
