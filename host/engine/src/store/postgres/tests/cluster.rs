//! PostgreSQL clusters for tests, each with its own folder and port.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex, OnceLock};
use std::time::{Duration, Instant};

use tokio_postgres::{Client, NoTls};

use super::{PostgresOptions, PostgresStore};

/// Where Debian installs the programs of each version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// A cluster that runs until it is dropped, or until this process ends.
pub(super) struct Cluster {
    pub(super) port: u16,
    pub(super) folder: PathBuf,
    /// The server, if it was started again.
    again: Option<Supervised>,
    server: Supervised,
}

/// A program that ends with this process: a shell stops it when the shell's input ends.
pub(super) struct Supervised(Child);

impl Drop for Supervised {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

impl Supervised {
    /// Runs a shell command in the background, with `$1` set. `signal` stops it.
    pub(super) fn start(command: &str, argument: &Path, signal: &str, and_then: &str) -> Self {
        let script = format!("{command} & read -r line; kill -{signal} $!; wait; {and_then}");
        let mut shell = unprivileged("sh");
        let child = shell.args(["-c", &script, "sh"]).arg(argument).stdin(Stdio::piped()).stdout(Stdio::null());
        Self(child.spawn().unwrap())
    }
}

/// Returns a command that runs as a user who may run a server.
pub(super) fn unprivileged(program: impl AsRef<std::ffi::OsStr>) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
    command.env("HOME", "/tmp").current_dir("/tmp");
    command
}

pub(super) fn is_root() -> bool {
    static ROOT: LazyLock<bool> = LazyLock::new(|| Command::new("id").arg("-u").output().unwrap().stdout == b"0\n");
    *ROOT
}

/// Gives a folder to the user who runs servers.
pub(super) fn give_away(folder: &Path) {
    if is_root() {
        assert!(Command::new("chown").arg("-R").arg("postgres").arg(folder).status().unwrap().success());
    }
}

/// Returns a port that nothing listens on.
pub(super) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn skip(why: &str) {
    let _ = writeln!(std::io::stderr().lock(), "\nSKIPPED: {why}");
}

/// Names the folder with the programs of the PostgreSQL to test with, in place of the newest that Debian installed.
const PROGRAMS: &str = "TWOFACTOR_TEST_POSTGRES";

/// Returns the folder with the programs to test with.
fn programs() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os(PROGRAMS) {
        let folder = PathBuf::from(folder);
        assert!(folder.join("initdb").exists(), "{PROGRAMS} names a folder without initdb: {}", folder.display());
        return Some(folder);
    }
    let versions = fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let mut found: Vec<u32> = versions.filter_map(|one| one.file_name().to_str()?.parse().ok()).collect();
    found.retain(|version| *version >= 15 && Path::new(VERSIONS).join(version.to_string()).join("bin/initdb").exists());
    let newest = found.into_iter().max();
    if newest.is_none() {
        skip("PostgreSQL 15 or newer is missing (Debian: postgresql)");
    }
    Some(Path::new(VERSIONS).join(newest?.to_string()).join("bin"))
}

impl Cluster {
    /// Returns the cluster that tests share. Each test has its own databases.
    pub(super) fn shared() -> Option<&'static Self> {
        static SHARED: LazyLock<Option<Cluster>> = LazyLock::new(|| Cluster::start(&[]));
        SHARED.as_ref()
    }

    /// Starts a cluster with these settings.
    pub(super) fn start(settings: &[&str]) -> Option<Self> {
        programs()?;
        Self::start_in(&tempfile::tempdir().unwrap().keep(), settings)
    }

    /// Starts a cluster in an empty folder, whose content is removed at the end.
    pub(super) fn start_in(folder: &Path, settings: &[&str]) -> Option<Self> {
        let programs = programs()?;
        // Made once: copying it is much faster.
        static EMPTY: OnceLock<(PathBuf, Supervised)> = OnceLock::new();
        let (empty, _) = EMPTY.get_or_init(|| {
            let folder = tempfile::tempdir().unwrap().keep();
            give_away(&folder);
            let mut initdb = unprivileged(programs.join("initdb"));
            initdb.arg("-D").arg(folder.join("data"));
            run(initdb.args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]));
            let remove = Supervised::start("sleep infinity", &folder, "KILL", "rm -rf \"$1\"");
            (folder, remove)
        });
        run(Command::new("cp").arg("-a").arg(empty.join("data")).arg(folder));
        Some(Self::run(folder.to_owned(), settings))
    }

    /// Starts a standby of a cluster, which it connects to at a port.
    pub(super) fn standby(of: &Self, port: u16) -> Self {
        let programs = programs().unwrap();
        let folder = tempfile::tempdir().unwrap().keep();
        give_away(&folder);
        let mut backup = unprivileged(programs.join("pg_basebackup"));
        backup.args(["-h", "127.0.0.1", "-U", "postgres", "-p", &of.port.to_string(), "-X", "stream", "-c", "fast"]);
        run(backup.arg("--no-sync").arg("-D").arg(folder.join("data")));
        fs::write(folder.join("data/standby.signal"), "").unwrap();
        let primary = format!("primary_conninfo='host=127.0.0.1 port={port} user=postgres application_name=s1'");
        Self::run(folder, &[&primary])
    }

    fn run(folder: PathBuf, settings: &[&str]) -> Self {
        let port = free_port();
        let common = [
            "listen_addresses='127.0.0.1'",
            &format!("port={port}"),
            &format!("unix_socket_directories='{}'", folder.display()),
            "shared_buffers=32MB",
            "max_connections=400",
            "max_wal_senders=5",
            "wal_keep_size=64MB",
            "autovacuum_naptime=5s",
            // Only processes crash here, not machines.
            "fsync=off",
        ];
        let mut text = String::new();
        for line in common.iter().chain(settings) {
            text.push_str(line);
            text.push('\n');
        }
        let file = folder.join("data/postgresql.conf");
        let before = fs::read_to_string(&file).unwrap();
        fs::write(file, before + &text).unwrap();
        give_away(&folder);
        let server = Supervised::start(&Self::command(), &folder, "QUIT", "rm -rf \"$1\"");
        let cluster = Self { port, folder, again: None, server };
        cluster.wait();
        cluster
    }

    /// Returns the shell command that runs the server in the folder `$1`.
    fn command() -> String {
        format!("{} -D \"$1/data\" >>\"$1/log\" 2>&1", programs().unwrap().join("postgres").display())
    }

    /// Starts the server again if it has stopped by itself, and returns whether it had.
    #[allow(dead_code, reason = "for the tests of servers")]
    pub(super) fn start_again(&mut self) -> bool {
        let mut status = unprivileged(programs().unwrap().join("pg_ctl"));
        let is_running = status.args(["status", "-s", "-D"]).arg(self.folder.join("data")).status().unwrap().success();
        if !is_running {
            self.again = Some(Supervised::start(&Self::command(), &self.folder, "QUIT", ":"));
        }
        self.wait();
        !is_running
    }

    /// Waits until it accepts connections.
    fn wait(&self) {
        let ready = programs().unwrap().join("pg_isready");
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let port = self.port.to_string();
            let is_ready = Command::new(&ready).args(["-q", "-h", "127.0.0.1", "-p", &port]).status().unwrap();
            if is_ready.success() {
                return;
            }
            let log = || fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(Instant::now() < until, "{}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Makes the standby a primary.
    pub(super) fn promote(&self) {
        let mut promote = unprivileged(programs().unwrap().join("pg_ctl"));
        run(promote.args(["promote", "-w", "-s", "-D"]).arg(self.folder.join("data")));
    }

    /// Stops it as if its machine had lost power.
    pub(super) fn crash(self) {
        drop((self.again, self.server));
    }

    pub(super) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }

    /// Returns a connection that does not belong to a store.
    pub(super) async fn client(&self, database: &str) -> Client {
        let (client, connection) = tokio_postgres::connect(&self.url(database), NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// Waits until so many statements in a database wait for a lock.
    pub(super) async fn waits_for_locks(&self, database: &str, count: i64) {
        let client = self.client("postgres").await;
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'";
        let until = Instant::now() + Duration::from_secs(5);
        while client.query_one(sql, &[&database]).await.unwrap().get::<_, i64>(0) < count {
            assert!(Instant::now() < until, "{count} do not wait");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Runs statements.
    pub(super) async fn sql(&self, database: &str, sql: &str) {
        self.client(database).await.batch_execute(sql).await.unwrap();
    }

    /// Creates a database with the schema, and returns its URL.
    pub(super) async fn new_database(&self) -> String {
        self.url(&self.new_database_name().await)
    }

    /// Creates a database with the schema, and returns its name.
    pub(super) async fn new_database_name(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        static TEMPLATE: tokio::sync::Mutex<Option<u16>> = tokio::sync::Mutex::const_new(None);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let mut template = TEMPLATE.lock().await;
        if *template != Some(self.port) {
            self.sql("postgres", "CREATE DATABASE model").await;
            drop(PostgresStore::connect(PostgresOptions::parse(&self.url("model")).unwrap()).await.unwrap());
            // Calls take place when they say: tests set their own time.
            let now =
                "CREATE OR REPLACE FUNCTION tf1_now(p_given BIGINT) RETURNS BIGINT LANGUAGE sql AS 'SELECT p_given'";
            self.sql("model", now).await;
            *template = Some(self.port);
        }
        self.sql("postgres", &format!("CREATE DATABASE {name} TEMPLATE model")).await;
        name
    }
}

/// A database that is reused after it is returned: each takes several megabytes.
pub(super) struct Lent {
    name: String,
}

/// Databases that are not in use.
static FREE: Mutex<Vec<String>> = Mutex::new(Vec::new());

impl Drop for Lent {
    fn drop(&mut self) {
        FREE.lock().unwrap().push(std::mem::take(&mut self.name));
    }
}

impl Cluster {
    /// Returns the URL of a database of the shared cluster with empty tables, and a guard that returns the database.
    pub(super) async fn lend(&self) -> (String, Lent) {
        let free = FREE.lock().unwrap().pop();
        let name = match free {
            Some(name) => {
                // TRUNCATE would make new files of all tables and indexes.
                let all = "SELECT string_agg(CASE relkind WHEN 'r' THEN 'DELETE FROM ' || relname ELSE 'ALTER SEQUENCE ' || relname || \
                           ' RESTART' END, '; ') FROM pg_class WHERE relkind IN ('r', 'S') AND relnamespace = 'public'::regnamespace \
                           AND relname NOT IN ('guards', 'clock', 'twofactor_schema')";
                let client = self.client(&name).await;
                let statements: String = client.query_one(all, &[]).await.unwrap().get(0);
                let reset = format!(
                    "SET session_replication_role = replica; {statements}; UPDATE clock SET newest = NULL, checks = 0"
                );
                client.batch_execute(&reset).await.unwrap();
                name
            }
            None => self.new_database_name().await,
        };
        (self.url(&name), Lent { name })
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
