//! Copies a store to the other kind of database and back.

use super::super::copy::{Place, copy_store};
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
    store.insert_instance(instance).await.unwrap();
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
    store.user_handle([1; 16], vec![1, 2, 3]).await.unwrap();
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
    let there = copy_store(Place::Sqlite(&first), Place::Postgres(options())).await.unwrap();
    assert_eq!(there.iter().find(|table| table.name == "statistics").unwrap().rows, 1200);
    let back = copy_store(Place::Postgres(options()), Place::Sqlite(&last)).await.unwrap();
    assert_eq!(there, back);
    // A target that is not empty is not overwritten.
    let refused = copy_store(Place::Sqlite(&first), Place::Postgres(options())).await.unwrap_err();
    assert!(refused.is_incompatible() && refused.to_string().contains("not empty"), "{refused}");
    assert!(copy_store(Place::Postgres(options()), Place::Sqlite(&last)).await.unwrap_err().is_incompatible());

    // What does not exist is not copied, and what cannot be completed leaves nothing behind.
    let (missing, third) = (folder.path().join("missing.db"), folder.path().join("third.db"));
    let other = || Box::new(PostgresOptions::parse(&url).unwrap());
    assert!(copy_store(Place::Sqlite(&missing), Place::Postgres(other())).await.unwrap_err().is_incompatible());
    assert!(!missing.exists());
    let name = url.rsplit('/').next().unwrap().split('?').next().unwrap();
    cluster.sql(name, "ALTER TABLE factor_events RENAME TO renamed").await;
    copy_store(Place::Postgres(other()), Place::Sqlite(&third)).await.unwrap_err();
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
