//! Servers that share a PostgreSQL database, and what becomes of them when it fails, moves or changes.

/// The clusters of the store's own tests.
#[allow(dead_code, reason = "the store's tests use the rest")]
#[path = "../../engine/src/store/postgres/tests/cluster.rs"]
mod cluster;
mod failures;
mod load;
mod patroni;
/// The proxy of the store's own tests.
#[allow(dead_code, reason = "the store's tests use the rest")]
#[path = "../../engine/src/store/postgres/tests/proxy.rs"]
mod proxy;
mod rolling;
mod unknown_outcome;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::common;
use cluster::Cluster;
use common::visitor::{PASSWORD, Visitor};
use common::{Answer, Server, twofactor, wrong};
use load::memory;
use proxy::{Link, Proxy};
use serde_json::{Value, json};
use twofactor::store::{PostgresOptions, PostgresStore};
use twofactor_tests::wrong::component;

/// Writes a configuration with this store. All configurations share a key file.
fn config(folder: &Path, name: &str, store: &str) -> PathBuf {
    let file = folder.join(name);
    let text = format!(
        "listen = \"127.0.0.1:0\"\n[store]\n{store}\n[keys]\nfile = {:?}\n[providers]\nload = []\ncache = {:?}\n",
        folder.join("keys"),
        folder.join("cache")
    );
    std::fs::write(&file, text).unwrap();
    file
}

fn run(arguments: &[&str]) -> Vec<Value> {
    let output = common::run(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Stops a server, which finishes the requests it has begun.
async fn stop(mut server: Server) {
    let process = server.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &process]).status().unwrap().success());
    let status = tokio::task::spawn_blocking(move || server.child.wait().unwrap()).await.unwrap();
    assert!(status.success(), "{status}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_share_a_database_that_is_copied_to_sqlite_and_back() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    cluster.sql("postgres", "CREATE DATABASE one").await;
    cluster.sql("postgres", "CREATE DATABASE two").await;
    let folder = tempfile::tempdir().unwrap();
    let of = |name: &str| config(folder.path(), name, &format!("url = {:?}", cluster.url(name)));
    let (one, two) = (of("one"), of("two"));
    let issue = ["token", "issue", "--name", "first", "--system-admin", "--config", one.to_str().unwrap()];
    let admin = run(&issue)[0]["token"].as_str().unwrap().to_owned();

    let (first, second) = (Server::serve(&one), Server::serve(&one));
    first.call("POST", "/v1/subscriptions", &admin, json!({"id": "acme", "name": "Acme"})).await.expect(201);
    let seen = second.call("GET", "/v1/subscriptions", &admin, Value::Null).await.expect(200);
    assert_eq!(seen["subscriptions"][0]["id"], "acme", "{seen}");
    for server in [&first, &second] {
        assert_eq!(Answer::of(server.request("GET", "/readyz", "")).await.status, 200);
    }
    let file = format!("path = {:?}", folder.path().join("copy.db"));
    let copy = config(folder.path(), "sqlite", &file);
    let copying = ["store", "copy", "--from", one.to_str().unwrap(), "--to", copy.to_str().unwrap()];
    let refused = common::run(&copying);
    let text = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && text.contains("uses it: stop it"), "{text}");
    for server in [first, second] {
        stop(server).await;
    }
    let there = run(&copying);
    let back = run(&["store", "copy", "--from", copy.to_str().unwrap(), "--to", two.to_str().unwrap()]);
    assert_eq!(there, back);
    assert_eq!(there.last().unwrap()["whole"], true);
    assert!(there.iter().any(|line| line["table"] == "subscriptions" && line["rows"] == 1), "{there:?}");
    for config in [&copy, &two] {
        let server = Server::serve(config);
        let seen = server.call("GET", "/v1/subscriptions", &admin, Value::Null).await.expect(200);
        assert_eq!(seen["subscriptions"][0]["id"], "acme", "{seen}");
    }

    // Without its database, a server soon reports that it is not ready.
    let server = Server::serve(&two);
    cluster.crash();
    wait(async || Answer::of(server.request("GET", "/readyz", "")).await.status != 200).await;
    let refused = server.call("GET", "/v1/subscriptions", &admin, Value::Null).await;
    assert_eq!(refused.status, 503, "{}", refused.text);
}

/// Debian's libfaketime.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

/// Starts a server whose system clock is an hour ahead.
fn an_hour_ahead(config: &Path) -> Option<Server> {
    if !Path::new(FAKETIME).exists() {
        let _ = writeln!(std::io::stderr().lock(), "\nSKIPPED: libfaketime is missing (Debian: libfaketime)");
        return None;
    }
    let mut command = twofactor(&["serve", "--config", config.to_str().unwrap()]);
    command.env("LD_PRELOAD", FAKETIME).env("FAKETIME", "+1h").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    Some(Server::spawn(&mut command))
}

/// Waits until something holds.
async fn wait(mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < Duration::from_secs(120), "it does not happen");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until something holds on another server, and checks that this took at most two seconds.
async fn soon(since: Instant, what: &str, holds: impl AsyncFnMut() -> bool) {
    wait(holds).await;
    println!("{what} reached the other server in {:?}", since.elapsed());
    assert!(since.elapsed() < Duration::from_secs(2), "{what}: {:?}", since.elapsed());
}

/// Returns whether a server counts so many servers in a state.
async fn counts(server: &Server, state: &str, count: usize) -> bool {
    let metrics = Answer::of(server.request("GET", "/metrics", "")).await.text;
    metrics.contains(&format!("twofactor_nodes{{state=\"{state}\"}} {count}\n"))
}

/// Returns the row for a server on the overview of the admin UI, if there is one: the name of a server ends with its port.
fn row_of<'a>(overview: &'a str, server: &Server) -> Option<&'a str> {
    let name = format!(":{}", server.url.rsplit(':').next().unwrap());
    let (_, card) = overview.split_once("id=\"servers\"")?;
    let (card, _) = card.split_once("</section>")?;
    card.split("<tr>").find(|row| row.contains(&name))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_see_each_other_and_follow_each_change() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    cluster.sql("postgres", "CREATE DATABASE it").await;
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), "it", &format!("url = {:?}", cluster.url("it")));
    let issue = |name: &str| {
        let issue = ["token", "issue", "--name", name, "--system-admin", "--config", config.to_str().unwrap()];
        run(&issue)[0]["token"].as_str().unwrap().to_owned()
    };
    let (admin, other) = (issue("first"), issue("other"));
    let (first, second) = (Server::serve(&config), Server::serve(&config));

    // A provider that the command line adds, and one that replaces it.
    for fault in ["none", "renamed"] {
        let file = folder.path().join("wrong.wasm");
        std::fs::write(&file, component(fault)).unwrap();
        let add = ["provider", "add", "--config", config.to_str().unwrap(), file.to_str().unwrap(), "--yes"];
        let added = common::run(&add);
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
        let digest = hex::encode(ring::digest::digest(&ring::digest::SHA256, &component(fault)));
        let since = Instant::now();
        for server in [&first, &second] {
            let holds = async || {
                let seen = server.call("GET", "/v1/providers", &admin, Value::Null).await.expect(200);
                seen.to_string().contains(&digest)
            };
            soon(since, "a provider", holds).await;
        }
    }
    // Settings.
    first.call("POST", "/v1/subscriptions", &admin, json!({"id": "s", "name": "S"})).await.expect(201);
    let body = json!({"type": "wrong", "name": "W", "active": true, "options": {"Sender": "Shop", "Key": "k"}});
    let made = first.call("POST", "/v1/subscriptions/s/two-factors", &admin, body).await.expect(201);
    let path = format!("/v1/subscriptions/s/two-factors/{}", made["id"].as_str().unwrap());
    soon(Instant::now(), "an instance", async || second.call("GET", &path, &admin, Value::Null).await.status == 200)
        .await;
    // A person who logs out.
    // The link of the server that started last is valid.
    let mut anna = Visitor::first(&second).await;
    let mut elsewhere = Visitor::at(&first.url);
    elsewhere.cookies.clone_from(&anna.cookies);
    assert_eq!(elsewhere.get("/admin").await.status, 200);
    assert_eq!(anna.post_alone("/admin/logout", &[]).await.status, 303);
    soon(Instant::now(), "a logout", async || elsewhere.get("/admin").await.status != 200).await;
    // A token that is revoked.
    assert_eq!(second.call("GET", "/v1/subscriptions", &other, Value::Null).await.status, 200);
    let tokens = first.call("GET", "/v1/tokens", &admin, Value::Null).await.expect(200);
    let of_other = tokens["tokens"].as_array().unwrap().iter().find(|token| token["name"] == "other").unwrap();
    let path = format!("/v1/tokens/{}", of_other["id"].as_str().unwrap());
    assert!(first.call("DELETE", &path, &admin, Value::Null).await.status < 300);
    let is_refused = async || second.call("GET", "/v1/subscriptions", &other, Value::Null).await.status == 401;
    soon(Instant::now(), "a revoked token", is_refused).await;

    // All of them see all.
    let third = an_hour_ahead(&config);
    for server in [&first, &second] {
        wait(async || counts(server, "ready", 2).await).await;
        if let Some(third) = &third {
            wait(async || counts(server, "clock-skew", 1).await).await;
            let answer = Answer::of(third.request("GET", "/readyz", "")).await;
            answer.problem(503, "clock-skew");
        }
        assert_eq!(Answer::of(server.request("GET", "/readyz", "")).await.status, 200);
    }
    // So does an administrator, with names, versions and readiness.
    let log_in = [("email", "anna@example.com"), ("password", PASSWORD)];
    assert_eq!(anna.post_alone("/admin/login", &log_in).await.leads_to(), "/admin");
    let mut overview = String::new();
    wait(async || {
        overview = anna.get("/admin").await.text;
        let is_ready = |server| row_of(&overview, server).is_some_and(|row| row.contains(">Ready<"));
        is_ready(&first) && is_ready(&second)
    })
    .await;
    let version = format!(">{}<", env!("CARGO_PKG_VERSION"));
    for (server, is_this) in [(&first, false), (&second, true)] {
        let row = row_of(&overview, server).unwrap();
        assert!(row.contains(&version) && row.contains(">correct<"), "{row}");
        assert_eq!(row.contains("(this one)"), is_this, "{row}");
    }
    assert!(!overview.contains("The servers run different versions."), "{overview}");
    if let Some(third) = &third {
        let row = row_of(&overview, third).unwrap();
        assert!(row.contains(">Not ready: clock is wrong<") && row.contains(" s ahead<"), "{row}");
    }
    // One that ends is not missed.
    stop(second).await;
    wait(async || counts(&first, "ready", 1).await && counts(&first, "silent", 0).await).await;
}

/// Cuts a server off from its database while clients call, and checks what they get.
async fn is_cut_off_for(outage: Duration) {
    const CLIENTS: usize = 32;
    const CONNECTIONS: i64 = 8;
    let Some(cluster) = Cluster::start(&[]) else { return };
    cluster.sql("postgres", "CREATE DATABASE it").await;
    let proxy = Proxy::start(cluster.port).await;
    let url = cluster.url("it").replace(&cluster.port.to_string(), &proxy.port.to_string());
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), "it", &format!("url = {url:?}\nconnections = {CONNECTIONS}"));
    let issue = ["token", "issue", "--name", "first", "--system-admin", "--config", config.to_str().unwrap()];
    let admin = run(&issue)[0]["token"].as_str().unwrap().to_owned();
    let server = Arc::new(Server::serve(&config));
    let done = Arc::new(AtomicBool::new(false));
    // How many requests of each client were served.
    let served: Arc<[AtomicUsize; CLIENTS]> = Arc::new(std::array::from_fn(|_| AtomicUsize::new(0)));
    let clients = (0..CLIENTS).map(|client| {
        let (server, admin, done, served) = (server.clone(), admin.clone(), done.clone(), served.clone());
        tokio::spawn(async move {
            let mut answers = Vec::new();
            while !done.load(Ordering::Relaxed) {
                let answer = server.call("GET", "/v1/subscriptions", &admin, Value::Null).await;
                served[client].fetch_add(usize::from(answer.status == 200), Ordering::Relaxed);
                answers.push((Instant::now(), answer.status, answer.headers.contains_key("retry-after")));
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            answers
        })
    });
    let clients: Vec<_> = clients.collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = memory(server.child.id());
    proxy.set(Link::Cut);
    let cut = Instant::now();
    tokio::time::sleep(outage).await;
    let grown = memory(server.child.id()).saturating_sub(before);
    proxy.set(Link::Open);
    let open = Instant::now();
    // Clients get answers again: ten in a row.
    let mut in_a_row = 0;
    wait(async || {
        let status = server.call("GET", "/v1/subscriptions", &admin, Value::Null).await.status;
        in_a_row = if status == 200 { in_a_row + 1 } else { 0 };
        in_a_row >= 10
    })
    .await;
    // Each of those that were refused is served again, over no more connections than before.
    let counts = || served.iter().map(|count| count.load(Ordering::Relaxed)).collect::<Vec<_>>();
    let then = counts();
    wait(async || counts().iter().zip(&then).all(|(now, then)| *now >= then + 10)).await;
    let open_now = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'twofactor'";
    let open_now: i64 = cluster.client("postgres").await.query_one(open_now, &[]).await.unwrap().get(0);
    assert!((1..=CONNECTIONS).contains(&open_now), "{open_now} connections");
    done.store(true, Ordering::Relaxed);

    let (mut refused, mut recovered) = (0, Duration::ZERO);
    for client in clients {
        let answers = client.await.unwrap();
        for (at, status, says_when) in &answers {
            assert!(*status == 200 || *status == 503 && *says_when, "{status}");
            assert!(
                *status == 503 || *at < cut + Duration::from_millis(500) || *at > open,
                "accepted without a database"
            );
            refused += u32::from(*status == 503);
        }
        let last = answers.iter().rfind(|(_, status, _)| *status == 503).map_or(open, |(at, ..)| *at);
        recovered = recovered.max(last.saturating_duration_since(open));
    }
    println!(
        "{refused} refused in {outage:?}, the last {recovered:?} after the database was back; memory grew by {grown} MiB"
    );
    assert!(refused > 100, "{refused}");
    assert!(grown < 32, "{grown} MiB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_database_a_server_says_when_to_try_again_and_recovers() {
    is_cut_off_for(Duration::from_secs(3)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes half a minute"]
async fn half_a_minute_without_its_database_changes_nothing() {
    is_cut_off_for(Duration::from_secs(30)).await;
}
