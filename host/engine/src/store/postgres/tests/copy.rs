//! Copies a store to the other kind of database and back.

use std::collections::BTreeMap;
use std::time::Instant;

use rusqlite::Connection;

use super::super::copy::{StorePlace, copy_store};
use super::*;

/// Fills a store with some data of every lasting kind.
async fn fill(store: &dyn Store) {
    let subscription =
        Subscription { id: "s".to_owned(), name: "Ünïcode 🦀".to_owned(), revision: 1, created_at: noon() };
    store.create_subscription(subscription).await.unwrap();
    let instance = InstanceRecord {
        id: "i".to_owned(),
        subscription: "s".to_owned(),
        type_id: "email".to_owned(),
        name: "I".to_owned(),
        active: true,
        options: serde_json::json!({"b": 1, "a": ["\u{0}x"]}),
        policy: None,
        revision: 1,
        created_at: noon(),
        updated_at: noon(),
    };
    assert_eq!(store.insert_instance(instance, 1).await.unwrap(), InstanceInserted::Inserted);
    let target = AssignmentRecord { kind: AssignmentKind::User, target: "u".to_owned() };
    assert!(store.set_assignments("i", vec![target], 0).await.unwrap().is_applied());
    for n in 0..3_u8 {
        let account = AccountRecord {
            seq: 0,
            id: format!("a{n}"),
            email: [n; 16],
            sealed: vec![n; 100],
            role: r#"{"role":"system_admin"}"#.to_owned(),
            password: None,
            identity: Some([n; 16]),
            disabled: n == 2,
            generation: 1,
            revision: 1,
            created_at: noon(),
            last_login_at: None,
        };
        store.insert_external_account(account).await.unwrap();
    }
    let charge = Charge { key: [9; 16], amount: 3, limit: 5, window_ms: 3_600_000 };
    assert_eq!(store.charge(vec![charge], noon()).await.unwrap(), None);
    store.open_challenge(opening("a", noon())).await.unwrap();
    assert!(matches!(store.charge_attempt(attempt("a", noon())).await.unwrap(), Charged::Compare(_)));
    let records = (0..1200_u64).map(|n| StatisticRecord {
        hour: noon() + HOUR * u32::try_from(n).unwrap(),
        subscription: "s".to_owned(),
        instance: "i".to_owned(),
        event: "started".to_owned(),
        label: String::new(),
        count: n,
        last: noon(),
    });
    store.add_statistics(records.collect()).await.unwrap();
    store.add_user_handle([1; 16], vec![1, 2, 3]).await.unwrap();
    let event = FactorEventRecord { person: [1; 16], at: noon(), sealed: vec![1] };
    store.add_factor_event(event, 10).await.unwrap();
}

#[tokio::test]
async fn a_copy_to_the_other_database_and_back_is_the_same() {
    let Some(cluster) = Cluster::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (first, last) = (folder.path().join("first.db"), folder.path().join("last.db"));
    let store = SqliteStore::open(&first).unwrap();
    fill(&store).await;
    drop(store);
    let url = cluster.new_database().await;
    let options = || Box::new(PostgresOptions::parse(&url).unwrap());
    let there = copy_store(StorePlace::Sqlite(&first), StorePlace::Postgres(options())).await.unwrap();
    assert_eq!(there.iter().find(|table| table.name == "statistics").unwrap().rows, 1200);
    let back = copy_store(StorePlace::Postgres(options()), StorePlace::Sqlite(&last)).await.unwrap();
    assert_eq!(there, back);
    // A target that is not empty is not overwritten.
    let refused = copy_store(StorePlace::Sqlite(&first), StorePlace::Postgres(options())).await.unwrap_err();
    assert!(refused.is_incompatible() && refused.to_string().contains("not empty"), "{refused}");
    assert!(
        copy_store(StorePlace::Postgres(options()), StorePlace::Sqlite(&last)).await.unwrap_err().is_incompatible()
    );
    // SQLite would write an older log into the copy.
    let beside_a_log = folder.path().join("beside-a-log.db");
    std::fs::write(folder.path().join("beside-a-log.db-wal"), "left behind").unwrap();
    let refused_beside =
        copy_store(StorePlace::Postgres(options()), StorePlace::Sqlite(&beside_a_log)).await.unwrap_err();
    assert!(refused_beside.is_incompatible() && !beside_a_log.exists());

    // What does not exist is not copied, and what cannot be completed leaves nothing behind.
    let (missing, third) = (folder.path().join("missing.db"), folder.path().join("third.db"));
    let other = || Box::new(PostgresOptions::parse(&url).unwrap());
    assert!(
        copy_store(StorePlace::Sqlite(&missing), StorePlace::Postgres(other())).await.unwrap_err().is_incompatible()
    );
    assert!(!missing.exists());
    let name = url.rsplit('/').next().unwrap().split('?').next().unwrap();
    cluster.sql(name, "ALTER TABLE factor_events RENAME TO renamed").await;
    copy_store(StorePlace::Postgres(other()), StorePlace::Sqlite(&third)).await.unwrap_err();
    cluster.sql(name, "ALTER TABLE renamed RENAME TO factor_events").await;
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(!left.iter().any(|file| file.to_str().unwrap().starts_with("third")), "{left:?}");

    let last = SqliteStore::open(&last).unwrap();
    let postgres = connect(&url).await;
    for copy in [&last as &dyn Store, &postgres] {
        // Limits and wrong answers continue, challenges do not.
        let charge = Charge { key: [9; 16], amount: 3, limit: 5, window_ms: 3_600_000 };
        assert!(matches!(copy.charge(vec![charge], noon()).await.unwrap(), Some(Limited::Until(..))));
        assert!(copy.reached_limits([7; 16], PERSON, Vec::new(), noon()).await.unwrap().is_known);
        assert!(copy.challenge("s", "a").await.unwrap().is_none());
        // Numbers continue.
        let account = copy.account("a1").await.unwrap().unwrap();
        assert_eq!(account.seq, 2);
        let new = AccountRecord { id: "new".to_owned(), email: [50; 16], identity: Some([50; 16]), ..account };
        copy.insert_external_account(new).await.unwrap();
        assert_eq!(copy.account("new").await.unwrap().unwrap().seq, 4);
    }
}

#[tokio::test]
async fn a_copy_knows_the_newest_time_and_refuses_a_text_that_cannot_be_stored() {
    let Some(cluster) = Cluster::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (first, last) = (folder.path().join("first.db"), folder.path().join("last.db"));
    let store = SqliteStore::open(&first).unwrap();
    fill(&store).await;
    drop(store);
    let source = Connection::open(&first).unwrap();
    let named = "INSERT INTO directory (subscription, kind, id, name, search, revision) VALUES ('s', 3, 'v', 'a secret' || char(0), '', 1)";
    source.execute(named, []).unwrap();
    let url = cluster.new_database().await;
    let options = || Box::new(PostgresOptions::parse(&url).unwrap());
    let refused = copy_store(StorePlace::Sqlite(&first), StorePlace::Postgres(options())).await.unwrap_err();
    let text = refused.to_string();
    assert!(refused.is_incompatible() && text.contains("`name`") && text.contains("`directory`"), "{text}");
    assert!(!text.contains("secret"), "{text}");

    // Nothing was copied, so it can be tried again.
    source.execute("DELETE FROM directory WHERE id = 'v'", []).unwrap();
    let newest = |c: &Connection| c.query_row("SELECT newest FROM clock", [], |row| row.get::<_, i64>(0)).unwrap();
    let original = newest(&source);
    copy_store(StorePlace::Sqlite(&first), StorePlace::Postgres(options())).await.unwrap();
    copy_store(StorePlace::Postgres(options()), StorePlace::Sqlite(&last)).await.unwrap();
    assert_eq!(newest(&Connection::open(&last).unwrap()), original);
    // If the database's clock is far behind the copied time, nobody knows how old a session is.
    let name = url.rsplit('/').next().unwrap().split('?').next().unwrap();
    let ahead = Timestamp::now().as_millisecond() + 60_000;
    cluster.sql(name, &format!("UPDATE clock SET newest = {ahead}")).await;
    let third = folder.path().join("third.db");
    copy_store(StorePlace::Postgres(options()), StorePlace::Sqlite(&third)).await.unwrap();
    assert_eq!(newest(&Connection::open(&third).unwrap()), ahead);
}

#[tokio::test]
async fn a_store_that_a_server_uses_is_neither_copied_nor_copied_to() {
    let Some(cluster) = Cluster::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (file, other) = (folder.path().join("first.db"), folder.path().join("other.db"));
    let sqlite = SqliteStore::open(&file).unwrap();
    let url = cluster.new_database().await;
    let postgres = connect(&url).await;
    let options = || Box::new(PostgresOptions::parse(&url).unwrap());
    let refused = async |from: StorePlace<'_>, to: StorePlace<'_>| {
        let error = copy_store(from, to).await.unwrap_err();
        assert!(error.is_incompatible() && error.to_string().contains("\"web-1\" uses it"), "{error}");
    };
    let node = NodeRecord {
        id: "n".to_owned(),
        name: "web-1".to_owned(),
        version: String::new(),
        providers: BTreeMap::new(),
        clock_behind_ms: 0,
        started_at: Timestamp::now(),
        seen_at: Timestamp::now(),
    };
    sqlite.report_node(node.clone()).await.unwrap();
    refused(StorePlace::Sqlite(&file), StorePlace::Postgres(options())).await;
    sqlite.remove_node("n").await.unwrap();
    postgres.report_node(node).await.unwrap();
    refused(StorePlace::Sqlite(&file), StorePlace::Postgres(options())).await;
    refused(StorePlace::Postgres(options()), StorePlace::Sqlite(&other)).await;
    postgres.remove_node("n").await.unwrap();
    drop(sqlite);
    copy_store(StorePlace::Sqlite(&file), StorePlace::Postgres(options())).await.unwrap();
}

/// Fills a SQLite store with a million challenges and what they leave behind.
fn fill_with_a_million(c: &Connection) {
    let rows = |table: &str, columns: &str, count: u32, values: &str| {
        let numbers = format!("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})");
        c.execute_batch(&format!("{numbers} INSERT INTO {table} ({columns}) SELECT {values} FROM n")).unwrap();
    };
    // In the order of their keys, which is much faster than random ones.
    let key = "CAST(printf('%016d', i) AS BLOB)";
    let million = 1_000_000;
    c.execute_batch("PRAGMA synchronous = OFF; BEGIN").unwrap();
    rows(
        "challenges",
        "id, subscription, instance, person, first_factor, sealed, codes, attempts, max_attempts, resends, max_resends, resend_after, \
         created_at, expires_at",
        million,
        "printf('%016d', i), 's', 'i', randomblob(16), 0, randomblob(300), randomblob(36), 1, 5, 0, 3, i, i, i + 300000",
    );
    rows("persons", "person, consecutive, last, day_started, day_wrong", million, &format!("{key}, i % 5, i, i, 1"));
    rows("buckets", "key, ends, count", 2 * million, &format!("{key}, i, i % 7"));
    rows(
        "history",
        "subscription, at, person, recipient, challenge, outcome, count, sealed",
        million,
        &format!("'s', i, {key}, {key}, printf('%016d', i), 'accepted', 1, randomblob(200)"),
    );
    rows(
        "statistics",
        "subscription, hour, instance, event, label, count, last",
        100_000,
        "'s', i, 'i', 'started', 'CH', i, i",
    );
    rows("user_handles", "key, sealed", 200_000, &format!("{key}, randomblob(92)"));
    // Components are much larger than other rows.
    rows(
        "providers",
        "type_id, position, digest, added_at, component, seal",
        20,
        "'t' || i, 1, hex(randomblob(32)), i, randomblob(8000000), randomblob(32)",
    );
    c.execute_batch("COMMIT").unwrap();
}

/// Returns the most memory that this process has used, in megabytes, since it was called last.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    kilobytes / 1024
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn a_million_challenges_and_what_they_left_are_copied_there_and_back() {
    let Some(cluster) = Cluster::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (first, last) = (folder.path().join("first.db"), folder.path().join("last.db"));
    let store = SqliteStore::open(&first).unwrap();
    fill(&store).await;
    drop(store);
    fill_with_a_million(&Connection::open(&first).unwrap());
    let url = cluster.new_database().await;
    let options = || Box::new(PostgresOptions::parse(&url).unwrap());
    peak_memory();
    let before = peak_memory();
    let begun = Instant::now();
    let there = copy_store(StorePlace::Sqlite(&first), StorePlace::Postgres(options())).await.unwrap();
    println!("there: {:.0} s, {before} MB before, {} MB at most", begun.elapsed().as_secs_f64(), peak_memory());
    let begun = Instant::now();
    let back = copy_store(StorePlace::Postgres(options()), StorePlace::Sqlite(&last)).await.unwrap();
    let peak = peak_memory();
    println!("back: {:.0} s, {peak} MB at most", begun.elapsed().as_secs_f64());
    let rows: u64 = there.iter().map(|table| table.rows).sum();
    println!("{rows} rows, {} MB", std::fs::metadata(&last).unwrap().len() / 1_000_000);
    assert_eq!(there, back);
    assert!(peak < before + 150, "{peak}");
}
