//! Long lists are read a part at a time.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeSet;

use common::Server;
use serde_json::{Value, json};

/// The ids of a list, read to its end in parts of seven; `meanwhile` is done after each part.
async fn all(
    server: &Server,
    token: &str,
    path: &str,
    field: &str,
    meanwhile: &mut impl AsyncFnMut(usize),
) -> Vec<String> {
    let (mut ids, mut after, mut parts) = (Vec::new(), String::new(), 0);
    loop {
        let part = server.call("GET", &format!("{path}?limit=7{after}"), token, Value::Null).await.expect(200);
        let items = part[field].as_array().unwrap();
        assert!(items.len() <= 7);
        let id = |item: &Value| item.get("id").unwrap_or(&item["seq"]).to_string();
        ids.extend(items.iter().map(id));
        match &part["next"] {
            Value::Null => return ids,
            Value::String(next) => after = format!("&after={next}"),
            next => after = format!("&after={next}"),
        }
        assert_eq!(items.len(), 7);
        meanwhile(parts).await;
        parts += 1;
    }
}

#[tokio::test]
async fn every_list_is_read_to_its_end_once_also_while_it_changes() {
    let server = Server::demo();
    let admin = server.token("admin_token");
    let post = async |path: &str, body: Value| server.call("POST", path, admin, body).await.expect(201);
    for n in 0..21 {
        post("/v1/subscriptions", json!({"id": format!("s{n:02}"), "name": "S"})).await;
        post("/v1/subscriptions/demo/two-factors", json!({"type": "twilio", "name": format!("n{n}")})).await;
        post("/v1/tokens", json!({"name": "x", "role": "application", "subscriptions": [format!("s{n:02}")]})).await;
    }
    let users: Vec<Value> = (0..21).map(|n| json!({"kind": "user", "id": format!("u{n}"), "name": "U"})).collect();
    let directory = "/v1/subscriptions/demo/directory";
    server.call("PUT", directory, admin, Value::from(users)).await.expect(200);

    let instances = "/v1/subscriptions/demo/two-factors";
    let first = server.call("GET", instances, admin, Value::Null).await.expect(200)["two_factors"][3].clone();
    for (path, field, before) in [
        ("/v1/subscriptions", "subscriptions", 22),
        (instances, "two_factors", 24),
        ("/v1/tokens", "tokens", 23),
        (directory, "entries", 22),
        ("/v1/audit", "entries", 70),
    ] {
        let whole = server.call("GET", &format!("{path}?limit=1000"), admin, Value::Null).await.expect(200);
        assert!(whole["next"].is_null());
        let id = |item: &Value| item.get("id").unwrap_or(&item["seq"]).to_string();
        let there: Vec<String> = whole[field].as_array().unwrap().iter().map(id).collect();
        assert!(there.len() >= before, "{path}: {}", there.len());
        // Something comes and something is renamed between the parts.
        let mut meanwhile = async |part: usize| {
            let renamed = format!("{instances}/{}", first["id"].as_str().unwrap());
            server.call("PATCH", &renamed, admin, json!({"name": format!("a{part}")})).await.expect(200);
            post("/v1/subscriptions", json!({"id": format!("s{}{part}", path.len()), "name": "S"})).await;
        };
        let read = all(&server, admin, path, field, &mut meanwhile).await;
        let once: BTreeSet<&String> = read.iter().collect();
        assert_eq!(once.len(), read.len(), "{path}: something came twice");
        assert!(there.iter().all(|id| once.contains(id)), "{path}: something was left out");
        let kept: Vec<&String> = read.iter().filter(|id| there.contains(id)).collect();
        assert_eq!(kept, there.iter().collect::<Vec<_>>(), "{path}: the order");
    }
}

#[tokio::test]
async fn a_part_of_what_is_narrowed_is_as_long_as_asked_for() {
    let server = Server::demo();
    let admin = server.token("admin_token");
    let post = async |path: &str, body: Value| server.call("POST", path, admin, body).await.expect(201);
    for id in ["a", "b", "c"] {
        post("/v1/subscriptions", json!({"id": id, "name": id})).await;
        for _ in 0..8 {
            post("/v1/tokens", json!({"name": id, "role": "application", "subscriptions": [id]})).await;
            post("/v1/tokens", json!({"name": id, "role": "subscription_admin", "subscriptions": [id]})).await;
        }
    }
    let of_two = json!({"name": "x", "role": "subscription_admin", "subscriptions": ["a", "c"]});
    let own = post("/v1/tokens", of_two).await;
    let own = own["token"].as_str().unwrap();
    let nothing = &mut async |_| {};
    assert_eq!(all(&server, own, "/v1/subscriptions", "subscriptions", nothing).await, ["\"a\"", "\"c\""]);
    let tokens = all(&server, own, "/v1/tokens", "tokens", nothing).await;
    assert_eq!(tokens.len(), 16);
}

#[tokio::test]
async fn a_cursor_that_is_none_and_a_size_out_of_bounds_are_refused() {
    let server = Server::demo();
    let admin = server.token("admin_token");
    for path in
        ["/v1/subscriptions", "/v1/tokens", "/v1/subscriptions/demo/two-factors", "/v1/subscriptions/demo/directory"]
    {
        for query in ["after=nonsense", "after=WzFd", "after=", "limit=0", "limit=1001", "limit=-1", "after=a&after=b"]
        {
            server.call("GET", &format!("{path}?{query}"), admin, Value::Null).await.problem(400, "invalid-input");
        }
    }
    let nothing = server.call("GET", &format!("/v1/audit?after={}", i64::MAX), admin, Value::Null).await.expect(200);
    assert_eq!(nothing, json!({"entries": []}));
    let beyond = format!("/v1/audit?after={}", u64::MAX);
    server.call("GET", &beyond, admin, Value::Null).await.problem(400, "invalid-input");
    server.call("GET", "/v1/audit?limit=0", admin, Value::Null).await.problem(400, "invalid-input");
}
