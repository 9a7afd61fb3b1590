//! Two servers share a PostgreSQL database, which is copied to SQLite and back.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

/// The clusters of the store's own tests.
#[allow(dead_code, reason = "the store's tests use the rest")]
#[path = "../../engine/src/store/postgres/tests/cluster.rs"]
mod cluster;
mod common;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cluster::Cluster;
use common::{Answer, Server};
use serde_json::{Value, json};
use twofactor::store::{PostgresOptions, PostgresStore};

/// Writes a configuration with this store. All configurations share a key file.
fn config(folder: &Path, name: &str, store: &str) -> PathBuf {
    let file = folder.join(name);
    let text = format!(
        "listen = \"127.0.0.1:0\"\n[store]\n{store}\n[keys]\nfile = {:?}\n[providers]\nload = []\n",
        folder.join("keys")
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
    drop((first, second));

    let file = format!("path = {:?}", folder.path().join("copy.db"));
    let copy = config(folder.path(), "sqlite", &file);
    let there = run(&["store", "copy", "--from", one.to_str().unwrap(), "--to", copy.to_str().unwrap()]);
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
    let begun = Instant::now();
    while Answer::of(server.request("GET", "/readyz", "")).await.status == 200 {
        assert!(begun.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let refused = server.call("GET", "/v1/subscriptions", &admin, Value::Null).await;
    assert_eq!(refused.status, 503, "{}", refused.text);
}
