//! A full disk, connections that others hold, and a lock that somebody's migration holds, while users sign in: each request is refused
//! with the time to try again or does what it says, and nothing that was acknowledged is lost.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use tokio_postgres::NoTls;

use super::cluster::Cluster;
use super::load::{Seen, Site, memory};
use super::{Answer, Server, wait};

const SECOND: Duration = Duration::from_secs(1);

/// A server under load, and what it used before the failure.
struct UnderLoad {
    site: Site,
    server: Server,
    load: super::load::Load,
    memory: u64,
}

impl UnderLoad {
    async fn start(database: &str) -> Self {
        let site = Site::new(database).await;
        let server = site.serve();
        let load = site.load(16, &[&server]);
        load.proceeds(50).await;
        let memory = memory(server.child.id());
        Self { site, server, load, memory }
    }

    /// Waits until it recovers from a failure that ended at a moment, and checks what the applications learned.
    async fn recovers(self, ended: Instant, what: &str) -> Seen {
        let grown = memory(self.server.child.id()).saturating_sub(self.memory);
        wait(async || Answer::of(self.server.request("GET", "/readyz", "")).await.status == 200).await;
        self.load.proceeds(50).await;
        let mut seen = self.load.stop().await;
        seen.check();
        let recovered = seen.recovered_after(ended);
        let (before, pending) = (seen.accepted(), seen.codes.len() - seen.accepted());
        let unknown = seen.codes.iter().filter(|code| code.accepted == 0 && code.is_unknown).count();
        let (accepted, closed) = self.site.finish(&self.server, &mut seen).await;
        println!(
            "{what}: {} requests refused, the last {recovered:?} after its end; {before} codes accepted, {pending} left open by it, of which \
             {accepted} are accepted now and {closed} had been; memory grew by {grown} MiB",
            seen.refused.len()
        );
        assert!(seen.refused.len() >= 8, "{}", seen.refused.len());
        assert!(closed <= unknown, "{closed} closed of {unknown} unknown");
        assert!(grown < 32, "{grown} MiB");
        assert!(recovered < 10 * SECOND, "{recovered:?}");
        seen
    }
}

/// A small disk. It is unmounted when this is dropped.
struct Disk(PathBuf);

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = as_root("umount").arg(&self.0).status();
        let _ = std::fs::remove_dir(&self.0);
    }
}

fn as_root(program: &str) -> Command {
    if super::cluster::is_root() {
        return Command::new(program);
    }
    let mut sudo = Command::new("sudo");
    sudo.args(["-n", program]);
    sudo
}

impl Disk {
    fn new(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap().keep();
        let mounted = as_root("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size},mode=777"), "tmpfs"])
            .arg(&folder)
            .status();
        if !mounted.is_ok_and(|status| status.success()) {
            let _ = writeln!(std::io::stderr().lock(), "\nSKIPPED: a small disk cannot be mounted here");
            return None;
        }
        Some(Self(folder))
    }

    /// Fills it to the last byte, and returns the file that does.
    fn fill(&self, name: &str) -> PathBuf {
        let ballast = self.0.join(name);
        let mut file = File::create(&ballast).unwrap();
        let _ = std::io::copy(&mut std::io::repeat(1).take(1 << 30), &mut file);
        ballast
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_nothing_is_acknowledged_and_lost() {
    let Some(disk) = Disk::new("160m") else { return };
    let settings = ["max_wal_size=32MB", "min_wal_size=32MB", "wal_keep_size=0"];
    let Some(mut cluster) = Cluster::start_in(&disk.0, &settings) else { return };
    cluster.sql("postgres", "CREATE DATABASE it").await;
    let under_load = UnderLoad::start(&cluster.url("it")).await;
    cluster.sql("postgres", "CREATE TABLE others (what TEXT)").await;
    let url = cluster.url("postgres");
    let ballast = disk.fill("ballast");
    // Somebody else's rows take what is left in files that exist.
    wait(async || {
        if let Ok((client, connection)) = tokio_postgres::connect(&url, NoTls).await {
            tokio::spawn(connection);
            let rows = "INSERT INTO others SELECT repeat('x', 1000) FROM generate_series(1, 1000)";
            let _ = client.batch_execute(rows).await;
        }
        under_load.site.refuses(&under_load.server).await
    })
    .await;
    // Requests that have ended since then leave room.
    let more = disk.fill("more");
    tokio::time::sleep(3 * SECOND).await;
    for file in [ballast, more] {
        std::fs::remove_file(file).unwrap();
    }
    let stopped = cluster.start_again();
    println!("PostgreSQL {}", if stopped { "had stopped, and was started again" } else { "went on" });
    under_load.recovers(Instant::now(), "full disk").await;
    drop(cluster);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_free_connection_each_request_says_when_to_try_again() {
    let Some(cluster) = Cluster::start(&["max_connections=30"]) else { return };
    cluster.sql("postgres", "CREATE ROLE twofactor LOGIN").await;
    cluster.sql("postgres", "CREATE DATABASE it OWNER twofactor").await;
    let url = cluster.url("it").replace("postgres@", "twofactor@");
    let under_load = UnderLoad::start(&url).await;
    // Others take each connection that the server loses.
    let administrator = cluster.client("postgres").await;
    let terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'twofactor'";
    let mut others = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < 3 * SECOND {
        administrator.query(terminate, &[]).await.unwrap();
        while let Ok((client, connection)) = tokio_postgres::connect(&url, NoTls).await {
            tokio::spawn(connection);
            others.push(client);
        }
        tokio::time::sleep(SECOND / 10).await;
    }
    let held = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'twofactor'";
    assert_eq!(administrator.query_one(held, &[]).await.unwrap().get::<_, i64>(0), 0, "{} others", others.len());
    drop(others);
    under_load.recovers(Instant::now(), "no free connection").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_migration_of_others_holds_a_lock_requests_end_in_time() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    cluster.sql("postgres", "CREATE DATABASE it").await;
    cluster.sql("postgres", "ALTER DATABASE it SET lock_timeout = '5s'").await;
    let under_load = UnderLoad::start(&cluster.url("it")).await;
    let other = cluster.client("it").await;
    other.batch_execute("BEGIN; LOCK TABLE challenges, buckets, persons IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let administrator = cluster.client("postgres").await;
    let mut most = 0;
    let begun = Instant::now();
    while begun.elapsed() < 8 * SECOND {
        let held = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'twofactor'";
        most = most.max(administrator.query_one(held, &[]).await.unwrap().get::<_, i64>(0));
        tokio::time::sleep(SECOND / 10).await;
    }
    other.batch_execute("ROLLBACK").await.unwrap();
    println!("at most {most} connections");
    assert!(most <= 8, "{most} connections");
    under_load.recovers(Instant::now(), "long lock").await;
}
