//! The schema: concurrent first starts, several versions on one database, databases of other programs.

use futures::future::join_all;

use super::super::migrations::{MIGRATIONS, migrate};
use super::super::purge::statements;
use super::super::values::get;
use super::*;

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
    let error = migrate(&session, &broken).await.unwrap_err();
    assert!(error.is_unavailable(), "{error}");
    let client = cluster.client(&name).await;
    let row = client.query_one("SELECT version, to_regclass('half') IS NULL FROM twofactor_schema", &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, bool>(1)), (i64::try_from(MIGRATIONS.len()).unwrap(), true));
    migrate(&session, MIGRATIONS).await.unwrap();
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
    for begin in [BEGIN.to_owned(), BEGIN_UNGUARDED.to_owned(), begin_for(&[7; 16])] {
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
