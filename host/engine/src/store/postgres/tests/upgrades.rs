//! A migration only adds, so that the program before it still works: the rules, and whether each migration keeps to them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::join_all;

use super::super::migrations::{MIGRATIONS, migrate};
use super::*;

/// How long it may take to look whether a migration is missing.
const LONGEST: Duration = Duration::from_secs(10);

/// What the older program relies on: nothing of it may disappear or change.
const PROVIDED: &str = "
    SELECT 'table ' || c.relname FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'column ' || c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' collation ' || a.attcollation::text
        || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '') || ' identity ' || a.attidentity::text
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT 'function ' || p.oid::regprocedure::text || ' ' || md5(pg_get_functiondef(p.oid)) FROM pg_proc p
    WHERE p.pronamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'unique ' || regexp_replace(pg_get_indexdef(i.indexrelid), ' INDEX .* ON ', ' ON ') FROM pg_index i
    JOIN pg_class c ON c.oid = i.indrelid WHERE i.indisunique AND c.relnamespace = 'public'::regnamespace";

/// What a change of each table must satisfy: nothing may be added to a table that the older program writes.
const DEMANDED: &str = "
    SELECT c.relname::text, 'a value of ' || a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND a.attnotnull AND NOT a.atthasdef
        AND a.attidentity = ''
    UNION ALL
    SELECT c.relname::text, pg_get_constraintdef(n.oid) FROM pg_constraint n JOIN pg_class c ON c.oid = n.conrelid
    WHERE n.connamespace = 'public'::regnamespace AND n.contype <> 'n'
    UNION ALL
    SELECT c.relname::text, pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
    WHERE i.indisunique AND c.relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT c.relname::text, pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE NOT t.tgisinternal AND c.relnamespace = 'public'::regnamespace";

/// A schema, as far as an older program depends on it.
struct Schema {
    provided: BTreeSet<String>,
    demanded: BTreeSet<(String, String)>,
}

impl Schema {
    async fn of(client: &tokio_postgres::Client) -> Self {
        let provided = client.query(PROVIDED, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
        let demanded = client.query(DEMANDED, &[]).await.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect();
        Self { provided, demanded }
    }

    /// Returns what breaks the program that was written for this schema, if the schema is replaced.
    fn broken_by(&self, newer: &Self) -> Vec<String> {
        let missing = self.provided.difference(&newer.provided).map(|one| format!("missing: {one}"));
        let knows = |table: &str| self.provided.contains(&format!("table {table}"));
        let demanded = newer.demanded.difference(&self.demanded).filter(|(table, _)| knows(table));
        missing.chain(demanded.map(|(table, what)| format!("{table} demands {what}"))).collect()
    }
}

/// Creates an empty database, and returns a connection for migrations and another.
async fn empty(name: &str) -> Option<(Session, tokio_postgres::Client)> {
    let cluster = Cluster::shared()?;
    cluster.sql("postgres", &format!("CREATE DATABASE {name}")).await;
    let session = PostgresOptions::parse(&cluster.url(name)).unwrap().connect().await.unwrap();
    Some((session, cluster.client(name).await))
}

#[tokio::test]
async fn each_migration_leaves_what_the_program_before_it_needs() {
    let Some((session, client)) = empty("upgrades").await else { return };
    migrate(&session, &MIGRATIONS[..1], LONGEST).await.unwrap();
    let mut before = Schema::of(&client).await;
    assert!(before.provided.len() > 200 && before.demanded.len() > 100);
    for number in 2..=MIGRATIONS.len() {
        migrate(&session, &MIGRATIONS[..number], LONGEST).await.unwrap();
        let after = Schema::of(&client).await;
        let oldest = client.query_one("SELECT oldest_program FROM twofactor_schema", &[]).await.unwrap();
        if oldest.get::<_, i64>(0) < i64::try_from(number).unwrap() {
            assert_eq!(before.broken_by(&after), Vec::<String>::new(), "migration {number}");
        }
        before = after;
    }
}

#[tokio::test]
async fn a_migration_that_breaks_the_program_before_it_is_found() {
    let Some((session, client)) = empty("upgrades_that_break").await else { return };
    migrate(&session, MIGRATIONS, LONGEST).await.unwrap();
    let before = Schema::of(&client).await;
    let broken = async |sql: &str| {
        client.batch_execute(&format!("BEGIN; {sql}")).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let broken = before.broken_by(&Schema::of(&client).await);
        client.batch_execute("ROLLBACK").await.unwrap();
        broken
    };
    for additive in [
        "CREATE TABLE later (id BIGINT PRIMARY KEY, what TEXT NOT NULL CHECK (what <> ''))",
        "ALTER TABLE challenges ADD COLUMN later TEXT",
        "ALTER TABLE challenges ADD COLUMN later BIGINT NOT NULL DEFAULT 0",
        "CREATE INDEX later ON challenges (person)",
        "CREATE FUNCTION tf2_later() RETURNS BIGINT LANGUAGE sql AS 'SELECT 1::bigint'",
        "ALTER TABLE accounts ALTER COLUMN sealed DROP NOT NULL",
    ] {
        assert_eq!(broken(additive).await, Vec::<String>::new(), "{additive}");
    }
    for breaking in [
        "DROP TABLE nodes",
        "ALTER TABLE challenges DROP COLUMN verified_at",
        "ALTER TABLE challenges RENAME COLUMN verified_at TO used_at",
        "ALTER TABLE challenges ALTER COLUMN attempts TYPE INTEGER",
        "ALTER TABLE challenges ADD COLUMN later TEXT NOT NULL",
        "ALTER TABLE challenges ALTER COLUMN closed SET NOT NULL",
        "ALTER TABLE clock ALTER COLUMN checks DROP DEFAULT",
        "ALTER TABLE challenges ADD CHECK (attempts < 5)",
        "ALTER TABLE sessions ADD UNIQUE (account)",
        "CREATE UNIQUE INDEX later ON sessions (account)",
        "ALTER TABLE tokens DROP CONSTRAINT tokens_digest_key",
        "DROP INDEX history_groups",
        "DROP FUNCTION tf1_consume",
        "CREATE OR REPLACE FUNCTION tf1_clock() RETURNS BIGINT LANGUAGE sql VOLATILE AS 'SELECT 1::bigint'",
        "ALTER TABLE challenges ADD FOREIGN KEY (subscription) REFERENCES subscriptions (id)",
        "CREATE TRIGGER later BEFORE UPDATE ON challenges FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    ] {
        assert!(!broken(breaking).await.is_empty(), "{breaking}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_works_on_while_the_schema_is_migrated() {
    let Some(cluster) = Cluster::shared() else { return };
    let name = cluster.new_database_name().await;
    let store = Arc::new(connect(&cluster.url(&name)).await);
    let done = Arc::new(AtomicBool::new(false));
    let load = (0..16).map(|n| {
        let (store, done) = (store.clone(), done.clone());
        tokio::spawn(async move {
            let mut count = 0;
            while !done.load(Ordering::Relaxed) {
                let id = format!("{n}-{count}");
                store.open_challenge(opening(&id, noon())).await.unwrap();
                let person = PersonLimits { consecutive: u32::MAX, daily: u32::MAX, ..PERSON };
                let attempt = Attempt { person, ..attempt(&id, noon()) };
                let answer = CodeAnswer { attempt, ..right(&id, noon()) };
                assert!(store.answer_challenge(answer).await.unwrap().is_right());
                count += 1;
            }
            count
        })
    });
    let load: Vec<_> = load.collect();
    let session = PostgresOptions::parse(&cluster.url(&name)).unwrap().connect().await.unwrap();
    let later: Vec<String> = (0..10)
        .map(|n| {
            format!(
                "CREATE TABLE later_{n} (id BIGINT); ALTER TABLE challenges ADD COLUMN later_{n} BIGINT NOT NULL DEFAULT {n}; \
                 ALTER TABLE persons ADD COLUMN later_{n} TEXT; ALTER TABLE clock ADD COLUMN later_{n} TEXT"
            )
        })
        .collect();
    for count in 1..=later.len() {
        let added = later[..count].iter().map(String::as_str);
        let migrations: Vec<&str> = MIGRATIONS.iter().copied().chain(added).collect();
        migrate(&session, &migrations, LONGEST).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    done.store(true, Ordering::Relaxed);
    let codes: u32 = join_all(load).await.into_iter().map(Result::unwrap).sum();
    println!("{codes} codes were accepted while the schema was migrated {} times", later.len());
    assert!(codes > 16, "{codes}");
}
