//! The schema: concurrent first starts, several versions on one database, databases of other programs.

use futures::future::join_all;

use std::time::Duration;

use super::super::migrations::{self, MIGRATIONS, applied, migrate};
use super::super::purge::statements;
use super::super::values::get;
use super::*;
use crate::store::conformance::factors::{beginning, enrolment};
use crate::store::conformance::passes::{guess, pass};
use crate::store::conformance::sign_ins::{sign_in, verified};

const LONGEST: Duration = Duration::from_secs(10);

/// Creates an empty database.
async fn empty(name: &str) -> Option<String> {
    let cluster = Cluster::shared()?;
    cluster.sql("postgres", &format!("CREATE DATABASE {name}")).await;
    Some(name.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_start_at_once_create_one_schema() {
    let Some(name) = empty("first_start").await else { return };
    let url = Cluster::shared().unwrap().url(&name);
    let stores = join_all((0..8).map(|_| connect(&url))).await;
    stores[0].open_challenge(opening("a", noon())).await.unwrap();
    assert!(stores[7].challenge("s", "a").await.unwrap().is_some());
}

#[tokio::test]
async fn a_database_of_another_program_is_refused_and_not_changed() {
    let Some(name) = empty("of_others").await else { return };
    let cluster = Cluster::shared().unwrap();
    cluster.sql(&name, "CREATE TABLE other (id int)").await;
    let options = PostgresOptions::parse(&cluster.url(&name)).unwrap();
    let error = PostgresStore::connect(options).await.err().unwrap();
    assert!(error.is_incompatible(), "{error}");
    let client = cluster.client(&name).await;
    let tables = client.query_one("SELECT count(*) FROM pg_class WHERE relname = 'challenges'", &[]).await.unwrap();
    assert_eq!(tables.get::<_, i64>(0), 0);
}

#[tokio::test]
async fn a_database_with_another_encoding_than_utf8_is_refused_and_not_changed() {
    let Some(cluster) = Cluster::shared() else { return };
    cluster.sql("postgres", "CREATE DATABASE of_bytes ENCODING 'SQL_ASCII' TEMPLATE template0").await;
    let options = PostgresOptions::parse(&cluster.url("of_bytes")).unwrap();
    let error = PostgresStore::connect(options).await.err().unwrap();
    assert!(error.is_incompatible(), "{error}");
    assert!(error.to_string().contains("has the encoding SQL_ASCII, but TwoFactor needs UTF8"), "{error}");
    let client = cluster.client("of_bytes").await;
    let tables = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    assert_eq!(client.query_one(tables, &[]).await.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test]
async fn a_newer_schema_is_used_as_long_as_it_allows_this_program() {
    let Some(cluster) = Cluster::shared() else { return };
    let name = cluster.new_database_name().await;
    let newer = MIGRATIONS.len() + 1;
    let connect = async || PostgresStore::connect(PostgresOptions::parse(&cluster.url(&name)).unwrap()).await;
    cluster.sql(&name, &format!("UPDATE twofactor_schema SET version = {newer}")).await;
    let running = connect().await.unwrap();
    running.check_time(Timestamp::now()).await.unwrap();
    cluster.sql(&name, &format!("UPDATE twofactor_schema SET oldest_program = {newer}")).await;
    assert!(connect().await.err().unwrap().is_incompatible());
    assert!(running.check_time(Timestamp::now()).await.unwrap_err().is_incompatible());
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_behind() {
    let Some(cluster) = Cluster::shared() else { return };
    let name = cluster.new_database_name().await;
    let session = PostgresOptions::parse(&cluster.url(&name)).unwrap().connect().await.unwrap();
    let broken = [MIGRATIONS, &["CREATE TABLE half (id int); SELECT 1 / 0"]].concat();
    let error = migrate(&session, &broken, LONGEST).await.unwrap_err();
    assert!(error.is_unavailable(), "{error}");
    let client = cluster.client(&name).await;
    let row = client.query_one("SELECT version, to_regclass('half') IS NULL FROM twofactor_schema", &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, bool>(1)), (i64::try_from(MIGRATIONS.len()).unwrap(), true));
    migrate(&session, MIGRATIONS, LONGEST).await.unwrap();
}

/// A sequence counts the tries: a rollback does not take its numbers back. Tries that must fail wait for ten milliseconds, so that this takes
/// little time, and the last one waits until the lock is free.
#[tokio::test]
async fn a_migration_that_waits_too_long_for_a_lock_is_tried_six_times() {
    let Some(cluster) = Cluster::shared() else { return };
    let name = cluster.new_database_name().await;
    let url = cluster.url(&name);
    let session = PostgresOptions::parse(&url).unwrap().connect().await.unwrap();
    cluster.sql(&name, "CREATE SEQUENCE tries").await;
    let client = cluster.client(&name).await;
    let tries = async || client.query_one("SELECT last_value FROM tries", &[]).await.unwrap().get::<_, i64>(0);
    let holder = cluster.client(&name).await;
    holder.batch_execute("BEGIN; LOCK TABLE challenges IN ROW EXCLUSIVE MODE").await.unwrap();
    let waits = |short: &str| {
        format!(
            "CREATE TABLE later AS SELECT current_setting('lock_timeout') AS longest; \
             SELECT set_config('lock_timeout', CASE WHEN nextval('tries') IN ({short}) THEN '10ms' ELSE '0' END, true); \
             ALTER TABLE challenges ADD COLUMN later TEXT"
        )
    };
    let gives_up = waits("1, 2, 3, 4, 5, 6");
    let error = migrate(&session, &[MIGRATIONS, &[&*gives_up]].concat(), LONGEST).await.unwrap_err();
    assert!(error.is_busy() && error.to_string().contains("the schema of the database"), "{error}");
    assert_eq!(tries().await, 6);
    let row =
        client.query_one("SELECT version, to_regclass('later') IS NULL FROM twofactor_schema", &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, bool>(1)), (i64::try_from(MIGRATIONS.len()).unwrap(), true));

    let is_repeated = waits("7");
    let migrations = [MIGRATIONS, &[&*is_repeated]].concat();
    let (migrated, ()) = tokio::join!(migrate(&session, &migrations, LONGEST), async {
        // The second of these tries waits until the lock is free.
        while tries().await < 8 {}
        holder.batch_execute("COMMIT").await.unwrap();
    });
    migrated.unwrap();
    assert_eq!(tries().await, 8);
    // What the migration itself did not change is what all of them have.
    let longest = client.query_one("SELECT longest FROM later", &[]).await.unwrap();
    assert_eq!(longest.get::<_, String>(0), "3s");
}

#[tokio::test]
async fn each_text_is_ordered_by_its_bytes() {
    let Some(cluster) = Cluster::shared() else { return };
    let name = cluster.new_database_name().await;
    let client = cluster.client(&name).await;
    let sql = "SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_collation l ON l.oid = a.attcollation \
               WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND l.collname <> 'C'";
    assert_eq!(client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test]
async fn another_isolation_level_than_read_committed_is_refused_and_transactions_set_their_own() {
    let Some(cluster) = Cluster::shared() else { return };
    let name = cluster.new_database_name().await;
    let store = connect(&cluster.url(&name)).await;
    cluster
        .sql("postgres", &format!("ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'"))
        .await;
    let error = PostgresStore::connect(PostgresOptions::parse(&cluster.url(&name)).unwrap()).await.err().unwrap();
    assert!(error.is_incompatible(), "{error}");
    // A process that runs already.
    for begin in [BEGIN.to_owned(), BEGIN_UNGUARDED.to_owned(), begin_for(&[7; 16]), migrations::BEGIN.to_owned()] {
        let level = |c: Arc<Session>, _: Arc<()>| async move {
            let row = c.only_row("SELECT current_setting('transaction_isolation')", &[]).await?;
            get::<String>(&row, 0).map(Step::Keep)
        };
        assert_eq!(store.transaction(begin, (), level).await.unwrap(), "read committed");
    }
}

#[tokio::test]
async fn old_rows_are_found_by_an_index() {
    let Some(cluster) = Cluster::shared() else { return };
    let client = cluster.client(&cluster.new_database_name().await).await;
    client.batch_execute("SET enable_seqscan = off").await.unwrap();
    for sql in statements() {
        let plan: Vec<String> =
            client.query(&format!("EXPLAIN {sql}"), &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
        let plan = plan.join("\n");
        let old = plan.split("CTE old").nth(1).unwrap();
        assert!(old.contains("Index Cond"), "{sql}\n{plan}");
    }
}

#[tokio::test]
async fn of_two_first_starts_the_second_tries_again() {
    let Some(name) = empty("second_start").await else { return };
    let cluster = Cluster::shared().unwrap();
    let session = PostgresOptions::parse(&cluster.url(&name)).unwrap().connect().await.unwrap();
    session.begin(StoreErrorKind::Unavailable);
    let outcome = session
        .transaction(migrations::BEGIN, async {
            assert_eq!(applied(&session, MIGRATIONS.len(), " FOR UPDATE").await?, 0);
            // The other one is faster.
            drop(connect(&cluster.url(&name)).await);
            session.batch(MIGRATIONS[0]).await.map(Step::Keep)
        })
        .await;
    assert!(outcome.unwrap_err().is_conflict());
    migrate(&session, MIGRATIONS, LONGEST).await.unwrap();
}

#[tokio::test]
async fn nothing_of_a_restored_copy_is_open() {
    let Some(cluster) = Cluster::shared() else { return };
    let original = cluster.new_database_name().await;
    let claim = IdempotencyClaim { key: [8; 16], request: [8; 32], until: noon() + DAY };
    let with_key = |id| OpenChallenge { idempotency: Some(claim), ..opening(id, noon()) };
    {
        let store = connect(&cluster.url(&original)).await;
        // First: a new pass ends what its user has begun.
        store.put_pass(pass(noon()), [8; 16]).await.unwrap();
        store.open_challenge(with_key("a")).await.unwrap();
        store.begin_enrolment(beginning(enrolment("e", noon()))).await.unwrap();
        store.open_challenge(opening("proof", noon())).await.unwrap();
        assert!(store.consume_challenge(consume("proof", noon())).await.unwrap().is_done());
        store.insert_sign_in(sign_in("pending", noon())).await.unwrap();
        store.insert_sign_in(sign_in("verified", noon())).await.unwrap();
        assert!(store.end_sign_in("verified", verified(noon()), None, None).await.unwrap());
    }
    // Like a dump that is restored into the same cluster.
    cluster.sql("postgres", &format!("CREATE DATABASE restored TEMPLATE {original}")).await;
    let restored = connect(&cluster.url("restored")).await;
    assert_eq!(restored.consume_challenge(consume("a", noon())).await.unwrap(), Consumed::Closed);
    assert_eq!(restored.challenge("s", "a").await.unwrap().unwrap().closed, Some(Closing::Cancelled));
    let answer =
        EnrolmentAttempt { subscription: "s".to_owned(), id: "e".to_owned(), charges: Vec::new(), now: noon() };
    assert_eq!(restored.charge_enrolment(answer).await.unwrap(), EnrolmentCharged::Closed);
    // What this used may have been used since the dump was made.
    let uses_its_own = async |store: &PostgresStore| {
        [
            store.use_challenge_as_proof("s", "proof", None, noon() - MINUTE, noon()).await.unwrap(),
            store.bind_sign_in("pending", [1; 32], noon()).await.unwrap(),
            store.redeem_sign_in("s", "verified", [7; 32], noon() - MINUTE, noon()).await.unwrap().is_some(),
            matches!(store.charge_pass(guess(noon())).await.unwrap(), ChargedPass::Compare(_)),
            store.use_pass([7; 16], CODE, [8; 16], noon()).await.unwrap(),
        ]
    };
    assert_eq!(uses_its_own(&restored).await, [false; 5]);
    assert_eq!(uses_its_own(&connect(&cluster.url(&original)).await).await, [true; 5]);

    // A repeated request gets a challenge that is open.
    assert_eq!(restored.idempotency([8; 16], noon()).await.unwrap(), None);
    assert_eq!(restored.open_challenge(with_key("b")).await.unwrap(), Opened::Open);
    assert!(matches!(restored.open_challenge(with_key("c")).await.unwrap(), Opened::Repeated(_)));
    // The first request may still be in progress: its answer is not that of the second.
    restored.complete_idempotency([8; 16], "a", Some(vec![1])).await.unwrap();
    restored.complete_idempotency([8; 16], "a", None).await.unwrap();
    assert_eq!(restored.idempotency([8; 16], noon()).await.unwrap().unwrap().answer, None);
    restored.complete_idempotency([8; 16], "b", Some(vec![2])).await.unwrap();
    assert_eq!(restored.idempotency([8; 16], noon()).await.unwrap().unwrap().answer, Some(vec![2]));
    // Its own are open.
    assert!(restored.consume_challenge(consume("b", noon())).await.unwrap().is_done());
}

#[tokio::test]
async fn a_text_that_cannot_be_stored_is_refused() {
    let Some(cluster) = Cluster::shared() else { return };
    let (url, _lent) = cluster.lend().await;
    let store = connect(&url).await;
    for error in [
        store.challenge("s", "a\0").await.unwrap_err(),
        store.charge_attempt(attempt("a\0", noon())).await.unwrap_err(),
        store.subscriptions(Some(vec!["s\0".to_owned()]), Part::whole()).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), StoreErrorKind::InvalidText, "{error}");
        assert!(crate::error::Error::from(error).is_invalid_input());
    }
}
