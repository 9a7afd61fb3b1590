//! Cycles of a challenge on PostgreSQL (opened; read; answered, which counts the attempt and accepts the code: two commits), against
//! transactions of `pgbench -N` on the same cluster, with server and load on the same processors.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use twofactor::PostgresStore;
use twofactor::store::{
    Attempt, BucketKey, ChallengeRecord, ChallengeStore as _, Charge, CodeAnswer, CodeMac, OpenChallenge, Opened,
    PersonLimits, PostgresOptions,
};

use crate::delay::Delay;
use crate::row;

/// Where Debian installs the programs of each version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// How long each part of a round takes.
const PART: Duration = Duration::from_secs(4);
const ROUNDS: usize = 3;

const CODE: CodeMac = CodeMac { key: 1, mac: [7; 32] };
const PERSON: PersonLimits =
    PersonLimits { consecutive: 100, daily: 50, consecutive_kept: 20, daily_kept: 10, day_ms: 86_400_000 };
const HOUR_MS: i64 = 3_600_000;

/// A cluster with default settings for durability. It ends with this value.
struct Cluster {
    programs: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
    server: Child,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let mut stop = unprivileged(self.programs.join("pg_ctl"));
        let _ = stop.args(["stop", "-m", "immediate", "-s", "-D"]).arg(self.folder.path().join("data")).status();
        let _ = self.server.wait();
    }
}

/// Returns a command that runs as a user who may run a server.
fn unprivileged(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    if !is_root {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
    command.env("HOME", "/tmp").current_dir("/tmp");
    command
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Returns the folder with the programs of the newest version that has `pgbench`.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let mut found: Vec<u32> = versions.filter_map(|one| one.file_name().to_str()?.parse().ok()).collect();
    found.sort_unstable();
    let folders = found.into_iter().rev().map(|version| Path::new(VERSIONS).join(version.to_string()).join("bin"));
    let mut complete = folders.filter(|folder| folder.join("pgbench").exists() && folder.join("initdb").exists());
    complete.next()
}

impl Cluster {
    fn start(programs: PathBuf) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let give = |path: &Path| drop(Command::new("chown").args(["-R", "postgres"]).arg(path).status());
        give(folder.path());
        let mut initdb = unprivileged(programs.join("initdb"));
        initdb.arg("-D").arg(folder.path().join("data"));
        run(initdb.args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]));
        let mut server = unprivileged(programs.join("postgres"));
        server.arg("-D").arg(folder.path().join("data")).args(["-p", &port.to_string(), "-h", "127.0.0.1"]);
        let sockets = format!("unix_socket_directories={}", folder.path().display());
        for setting in [&*sockets, "max_connections=200", "shared_buffers=256MB", "max_wal_size=4GB"] {
            server.args(["-c", setting]);
        }
        let server = server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let cluster = Self { programs, folder, port, server };
        let until = Instant::now() + Duration::from_secs(60);
        while !cluster.psql("postgres", "SELECT 1").status().unwrap().success() {
            assert!(Instant::now() < until, "PostgreSQL does not start");
            std::thread::sleep(Duration::from_millis(100));
        }
        run(&mut cluster.psql("postgres", "CREATE DATABASE bench"));
        run(&mut cluster.psql("postgres", "CREATE DATABASE store"));
        let mut fill = Command::new(cluster.programs.join("pgbench"));
        run(fill.args(["-i", "-q", "-s", "10", "-U", "postgres", "-h", "127.0.0.1", "-p", &port.to_string(), "bench"]));
        cluster
    }

    fn psql(&self, database: &str, sql: &str) -> Command {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-qAt", "-U", "postgres", "-h", "127.0.0.1", "-p", &self.port.to_string(), "-c", sql, database]);
        psql.stderr(Stdio::null()).stdout(Stdio::null());
        psql
    }

    /// Returns transactions per second of `pgbench -N` through this port.
    fn pgbench(&self, port: u16, clients: usize) -> f64 {
        let mut pgbench = Command::new(self.programs.join("pgbench"));
        let (clients, port, seconds) = (clients.to_string(), port.to_string(), PART.as_secs().to_string());
        pgbench.args(["-N", "-n", "-j", "2", "-c", &clients, "-T", &seconds, "-U", "postgres"]);
        let said = run(pgbench.args(["-h", "127.0.0.1", "-p", &port, "bench"]));
        let line = said.lines().find_map(|line| line.strip_prefix("tps = ")).unwrap();
        line.split(' ').next().unwrap().parse().unwrap()
    }
}

/// The limits that a challenge counts against.
#[derive(Clone, Copy, PartialEq)]
enum Limits {
    /// Those of a recipient, a user and a client address: each challenge has rows of its own.
    OwnRows,
    /// Also those that all challenges of a subscription share.
    All,
}

fn key(kind: u8, number: u64) -> BucketKey {
    let digest = ring::digest::digest(&ring::digest::SHA256, &[&[kind][..], &number.to_be_bytes()].concat());
    digest.as_ref()[..16].try_into().unwrap()
}

/// What a person, a recipient or a client address may do in an hour.
fn own(kind: u8, number: u64) -> Charge {
    Charge { key: key(kind, number), amount: 1, limit: 100, window_ms: HOUR_MS }
}

/// What all challenges share: so much that processes count it in memory, in parts that they take from the database.
fn shared(kind: u8, window_ms: i64) -> Charge {
    Charge { key: key(kind, 0), amount: 1, limit: u32::MAX - 1, window_ms }
}

/// Opens a challenge and answers it, as the engine does.
async fn cycle(store: &PostgresStore, number: u64, limits: Limits) {
    let now = jiff::Timestamp::now();
    let id = format!("{:012x}{}", now.as_millisecond(), hex::encode(key(0, number)));
    let person = key(1, number);
    let mut charges: Vec<Charge> = (2..6).map(|kind| own(kind, number)).collect();
    if limits == Limits::All {
        let all = [(6, HOUR_MS), (7, 24 * HOUR_MS), (8, HOUR_MS), (9, HOUR_MS)];
        charges.extend(all.map(|(kind, window)| shared(kind, window)));
    }
    let challenge = ChallengeRecord {
        id: id.clone(),
        subscription: "s".to_owned(),
        instance: "i".to_owned(),
        person,
        first_factor: true,
        sealed: vec![9; 280],
        codes: vec![CODE],
        attempts: 0,
        max_attempts: 5,
        resends: 0,
        max_resends: 3,
        resend_after: now + Duration::from_secs(30),
        created_at: now,
        expires_at: now + Duration::from_secs(300),
        closed: None,
    };
    let open = OpenChallenge {
        challenge,
        charges,
        person: PERSON,
        idempotency: None,
        repeatable_for: None,
        changes: None,
        now,
    };
    assert_eq!(store.open_challenge(open).await.unwrap(), Opened::Open);
    let subscription = "s".to_owned();
    assert_eq!(store.challenge(&subscription, &id).await.unwrap().map(|read| read.attempts), Some(0));
    let attempt = Attempt { subscription, id, charges: vec![own(10, number)], person: PERSON, now };
    let release = if limits == Limits::All { vec![key(6, 0)] } else { Vec::new() };
    assert!(store.answer_challenge(CodeAnswer { attempt, codes: vec![CODE], release }).await.unwrap().is_right());
}

/// Returns cycles per second.
async fn cycles(store: &Arc<PostgresStore>, clients: usize, limits: Limits, next: &Arc<AtomicU64>) -> f64 {
    let begin = Instant::now();
    let tasks: Vec<_> = (0..clients)
        .map(|_| {
            let (store, next) = (store.clone(), next.clone());
            tokio::spawn(async move {
                let mut done = 0_u32;
                while begin.elapsed() < PART {
                    cycle(&store, next.fetch_add(1, Ordering::Relaxed), limits).await;
                    done += 1;
                }
                done
            })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        done += task.await.unwrap();
    }
    f64::from(done) / begin.elapsed().as_secs_f64()
}

pub(crate) async fn rows() {
    let Some(programs) = programs() else {
        println!("SKIP  PostgreSQL: `pgbench` and `initdb` were not found in {VERSIONS} (Debian: postgresql)");
        return;
    };
    let cluster = Arc::new(tokio::task::spawn_blocking(|| Cluster::start(programs)).await.unwrap());
    let delayed = Delay::start(cluster.port, Duration::from_millis(1)).await;
    let next = Arc::new(AtomicU64::new(0));
    for (what, port, clients, limits, target) in [
        ("loopback, 64 in flight", cluster.port, 64, Limits::OwnRows, 0.35),
        ("1 ms more round trip, 32 in flight", delayed.port, 32, Limits::OwnRows, 0.70),
        ("loopback, 64 in flight, all limits on, one subscription", cluster.port, 64, Limits::All, 0.25),
    ] {
        let url = format!("postgres://postgres@127.0.0.1:{port}/store?sslmode=disable");
        let options = PostgresOptions::parse(&url).unwrap().connections(clients);
        let store = Arc::new(PostgresStore::connect(options).await.unwrap());
        cycles(&store, clients, limits, &next).await;
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let cluster = cluster.clone();
            let native = tokio::task::spawn_blocking(move || cluster.pgbench(port, clients)).await.unwrap();
            let ours = cycles(&store, clients, limits, &next).await;
            rounds.push((ours / native, ours, native));
        }
        rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (ratio, ours, native) = rounds[ROUNDS / 2];
        row(
            &format!(
                "PostgreSQL, {what}: cycles of opening and answering a challenge against transactions of `pgbench -N`"
            ),
            format!("{ratio:.3}   {ours:.0} against {native:.0} a second"),
            &format!("≥ {target}"),
            ratio >= target,
        );
    }
}
