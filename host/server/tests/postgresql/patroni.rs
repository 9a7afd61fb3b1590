//! Three nodes under Patroni and etcd: the primary is killed while users sign in, and no code is accepted twice.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use super::cluster::{Supervised, free_port, give_away};
use super::load::Site;
use super::{Answer, Server, wait};

/// A node of PostgreSQL that Patroni manages. Its folder is removed at the end.
struct Node {
    port: u16,
    folder: PathBuf,
    _program: Supervised,
}

impl Node {
    fn start(name: &str, etcd: u16) -> Self {
        let folder = tempfile::tempdir().unwrap().keep();
        let (port, api) = (free_port(), free_port());
        let place = folder.display();
        let settings = format!(
            "scope: twofactor\nname: {name}\nrestapi:\n  listen: 127.0.0.1:{api}\n  connect_address: 127.0.0.1:{api}\n\
             etcd3:\n  hosts: 127.0.0.1:{etcd}\n\
             bootstrap:\n  dcs:\n    ttl: 20\n    loop_wait: 2\n    retry_timeout: 3\n    synchronous_mode: true\n    \
             synchronous_mode_strict: true\n  initdb:\n  - encoding: UTF8\n  - locale: C\n\
             postgresql:\n  listen: 127.0.0.1:{port}\n  connect_address: 127.0.0.1:{port}\n  data_dir: {place}/data\n  \
             bin_dir: /usr/lib/postgresql/15/bin\n  pgpass: {place}/pgpass\n  authentication:\n    superuser:\n      username: postgres\n    \
             replication:\n      username: replicator\n  parameters:\n    unix_socket_directories: {place}\n    shared_buffers: 32MB\n  \
             pg_hba:\n  - local all all trust\n  - host all all 127.0.0.1/32 trust\n  - host replication all 127.0.0.1/32 trust\n"
        );
        std::fs::write(folder.join("patroni.yml"), settings).unwrap();
        give_away(&folder);
        let command = "sh -c 'echo $$ >\"$0/pid\"; exec patroni \"$0/patroni.yml\"' \"$1\" >>\"$1/log\" 2>&1";
        let program = Supervised::start(command, &folder, "TERM", "rm -rf \"$1\"");
        Self { port, folder, _program: program }
    }

    /// Returns whether a condition holds. False if the node does not answer: Patroni restarts it as it likes.
    async fn holds(&self, condition: &str) -> bool {
        let url = format!("postgres://postgres@127.0.0.1:{}/postgres?sslmode=disable", self.port);
        let Ok((client, connection)) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await else { return false };
        tokio::spawn(connection);
        client.query_one(condition, &[]).await.is_ok_and(|row| row.get::<_, Option<bool>>(0) == Some(true))
    }

    async fn is_primary(&self) -> bool {
        self.holds("SELECT NOT pg_is_in_recovery()").await
    }

    /// Kills Patroni and PostgreSQL at once.
    fn kill(&self) {
        for file in ["pid", "data/postmaster.pid"] {
            let text = std::fs::read_to_string(self.folder.join(file)).unwrap();
            let process = text.lines().next().unwrap();
            assert!(Command::new("kill").args(["-KILL", process]).status().unwrap().success());
        }
    }
}

fn etcd() -> (u16, Supervised) {
    let folder = tempfile::tempdir().unwrap().keep();
    give_away(&folder);
    let (port, peers) = (free_port(), free_port());
    let command = format!(
        "etcd --data-dir \"$1/etcd\" --listen-client-urls http://127.0.0.1:{port} --advertise-client-urls http://127.0.0.1:{port} \
         --listen-peer-urls http://127.0.0.1:{peers} --initial-advertise-peer-urls http://127.0.0.1:{peers} \
         --initial-cluster default=http://127.0.0.1:{peers} >\"$1/log\" 2>&1"
    );
    (port, Supervised::start(&command, &folder, "TERM", "rm -rf \"$1\""))
}

async fn primary(nodes: &[Node]) -> Option<usize> {
    for (n, node) in nodes.iter().enumerate() {
        if node.is_primary().await {
            return Some(n);
        }
    }
    None
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Patroni and etcd (Debian: patroni, etcd-server), and takes a minute or two"]
async fn patroni_fails_over_under_load_and_no_code_is_lost_or_accepted_twice() {
    assert!(
        Path::new("/usr/bin/patroni").exists() && Path::new("/usr/bin/etcd").exists(),
        "Patroni or etcd is missing"
    );
    let (etcd, _etcd) = etcd();
    let mut nodes: Vec<Node> = vec![Node::start("a", etcd)];
    wait(async || primary(&nodes).await.is_some()).await;
    nodes.extend(["b", "c"].map(|name| Node::start(name, etcd)));
    // Two standbys, one of them synchronous.
    let ready =
        "SELECT count(*) = 2 AND bool_or(sync_state = 'sync') FROM pg_stat_replication WHERE state = 'streaming'";
    wait(async || nodes[0].holds(ready).await).await;
    let url = format!("postgres://postgres@127.0.0.1:{}/postgres?sslmode=disable", nodes[0].port);
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute("CREATE DATABASE it").await.unwrap();

    let hosts: Vec<String> = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
    let site = Site::new(&format!("postgres://postgres@{}/it?sslmode=disable", hosts.join(","))).await;
    let servers: Vec<Server> = (0..2).map(|_| site.serve()).collect();
    let load = site.load(12, &servers.iter().collect::<Vec<_>>());
    load.proceeds(200).await;
    let first = primary(&nodes).await.unwrap();
    let killed = Instant::now();
    nodes[first].kill();
    wait(async || primary(&nodes).await.is_some_and(|now| now != first)).await;
    let promoted = killed.elapsed();
    for server in &servers {
        wait(async || Answer::of(server.request("GET", "/readyz", "")).await.status == 200).await;
    }
    load.proceeds(100).await;
    let mut seen = load.stop().await;
    let (before, recovered) = (seen.accepted(), seen.recovered_after(killed));
    let again = site.finish(&servers[0], &mut seen).await;
    println!(
        "Patroni promoted after {promoted:?}; {before} of {} challenges accepted, {again:?} (accepted, closed) of the others afterwards; {} \
         requests refused, the last {recovered:?} after the primary was killed; {:?}",
        seen.codes.len(),
        seen.refused.len(),
        seen.unexpected.iter().take(3).collect::<Vec<_>>()
    );
    assert_eq!(seen.without_time, 0, "responses without Retry-After");
    let other: Vec<_> = seen.unexpected.iter().filter(|answer| !answer.contains(": 410 ")).collect();
    assert!(other.is_empty(), "{other:#?}");
}
