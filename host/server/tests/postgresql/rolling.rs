//! Servers are replaced one by one while users sign in and the schema is migrated, and the database fails over.

use std::time::Duration;

use super::cluster::Cluster;
use super::load::Site;
use super::proxy::{Link, Proxy};
use super::{Answer, Server, counts, stop, wait};

/// A later migration, as a newer version applies it: it adds a table and columns, and this program can still use the schema.
const LATER: &str = "BEGIN; SET LOCAL lock_timeout = '3s'; SELECT 1 FROM twofactor_schema FOR UPDATE; \
    CREATE TABLE later (id BIGINT PRIMARY KEY); ALTER TABLE challenges ADD COLUMN later BIGINT NOT NULL DEFAULT 7; \
    ALTER TABLE persons ADD COLUMN later TEXT; CREATE INDEX later_persons ON persons (later); \
    UPDATE twofactor_schema SET version = version + 1; COMMIT";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_servers_are_replaced_one_by_one_and_no_user_notices() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    cluster.sql("postgres", "CREATE DATABASE it").await;
    let site = Site::new(&cluster.url("it")).await;
    let mut servers: Vec<Server> = (0..5).map(|_| site.serve()).collect();
    let load = site.load(10, &servers.iter().collect::<Vec<_>>());
    load.proceeds(10).await;
    for place in 0..5 {
        if place == 2 {
            cluster.sql("it", LATER).await;
        }
        stop(servers.remove(0)).await;
        load.proceeds(10).await;
        let newer = site.serve();
        load.urls.lock().unwrap()[place] = newer.url.clone();
        servers.push(newer);
        load.proceeds(10).await;
    }
    wait(async || counts(&servers[0], "ready", 5).await).await;
    let mut seen = load.stop().await;
    seen.check();
    assert_eq!(seen.refused.len(), 0, "refused");
    let accepted = seen.accepted();
    assert_eq!(accepted, seen.codes.len());
    assert_eq!(site.finish(&servers[0], &mut seen).await, (0, 0));
    println!("5 servers replaced: {accepted} codes accepted, {} requests sent to another server", seen.reconnected);

    // A version that needs more than these servers know.
    cluster.sql("it", "UPDATE twofactor_schema SET oldest_program = version").await;
    for server in &servers {
        wait(async || Answer::of(server.request("GET", "/readyz", "")).await.status == 503).await;
    }
    let refused = super::common::run(&["serve", "--config", site.config.to_str().unwrap()]);
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && text.contains("start the newer version of TwoFactor"), "{text}");

    // Each server has counted for itself, and told the database before it ended.
    for server in servers {
        stop(server).await;
    }
    let sql = "SELECT sum(count) FILTER (WHERE event = 'started')::bigint, sum(count) FILTER (WHERE event = 'verified')::bigint \
               FROM statistics";
    let sums = cluster.client("it").await.query_one(sql, &[]).await.unwrap();
    let accepted = i64::try_from(accepted).unwrap();
    assert_eq!((sums.get::<_, i64>(0), sums.get::<_, i64>(1)), (accepted, accepted));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_under_load_accepts_no_code_twice() {
    let Some(primary) = Cluster::start(&[]) else { return };
    primary.sql("postgres", "CREATE DATABASE it").await;
    let site = Site::new(&primary.url("it")).await;
    let link = Proxy::start(primary.port).await;
    let port = link.port;
    let (standby, primary) =
        tokio::task::spawn_blocking(move || (Cluster::standby(&primary, port), primary)).await.unwrap();
    let replicates = async || {
        let sql = "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn >= pg_current_wal_lsn()";
        primary.client("postgres").await.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) == 1
    };
    wait(replicates).await;
    // One server knows both hosts. The other stays on the old primary, as if nobody had told it.
    let (one, both) =
        (format!("127.0.0.1:{}", primary.port), format!("127.0.0.1:{},127.0.0.1:{}", primary.port, standby.port));
    let server = Server::serve(&site.config_for("both", &one, &both));
    let abandoned = site.serve();
    let load = site.load(12, &[&server, &abandoned]);
    load.proceeds(60).await;
    // What comes now is lost by the failover.
    link.set(Link::Stalled);
    load.proceeds(40).await;
    link.set(Link::Cut);
    standby.promote();
    // Both primaries serve for a while: the split brain.
    let new = Server::serve(&site.config_for("new", &one, &format!("127.0.0.1:{}", standby.port)));
    load.urls.lock().unwrap().push(new.url.clone());
    load.proceeds(40).await;
    primary.crash();
    tokio::time::sleep(Duration::from_millis(200)).await;
    // Nobody asks the server that cannot follow.
    load.urls.lock().unwrap().remove(1);
    wait(async || Answer::of(server.request("GET", "/readyz", "")).await.status == 200).await;
    load.proceeds(40).await;
    let mut seen = load.stop().await;
    let before = seen.accepted();
    assert!(seen.codes.iter().all(|code| code.accepted <= 1 && code.rejected <= 1));
    assert_eq!(seen.without_time, 0, "responses without Retry-After");
    // A challenge of before, or one that is lost, is closed. No right code is called wrong.
    let other: Vec<_> = seen.unexpected.iter().filter(|answer| !answer.contains(": 410 ")).collect();
    assert!(other.is_empty(), "{other:#?}");
    // Every right code once more, to the new primary: also those whose use it has lost.
    let (after, closed) = site.finish(&server, &mut seen).await;
    println!(
        "failover: {} challenges, {before} accepted before the end, {after} after it, {closed} closed; {} refused, {} closed early",
        seen.codes.len(),
        seen.refused.len(),
        seen.unexpected.len()
    );
    assert!(before > 60, "{before}");
}
