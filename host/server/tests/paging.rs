//! Long lists are read a part at a time.

use std::collections::BTreeSet;

use crate::common;
use common::Server;
use serde_json::{Value, json};

/// Returns the ids of a list, read to its end in pages of seven, and calls `meanwhile` after each page.
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
async fn every_list_is_read_once_to_its_end_even_while_it_changes() {
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
async fn a_page_of_a_filtered_list_has_the_requested_length() {
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
async fn an_invalid_cursor_and_a_size_out_of_bounds_are_refused() {
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

#[tokio::test]
async fn the_audit_log_is_narrowed_by_who_what_which_and_when() {
    let server = Server::demo();
    let admin = server.token("admin_token");
    let post = async |token: &str, path: &str, body: Value| server.call("POST", path, token, body).await.expect(201);
    let new = json!({"name": "other", "role": "subscription_admin", "subscriptions": ["demo"]});
    let other = post(admin, "/v1/tokens", new).await;
    let (id, token) = (other["id"].as_str().unwrap(), other["token"].as_str().unwrap());
    let instances = "/v1/subscriptions/demo/two-factors";
    let mut made = Vec::new();
    for n in 0..3 {
        let new = json!({"type": "twilio", "name": format!("n{n}")});
        made.push(post(token, instances, new).await["id"].as_str().unwrap().to_owned());
    }
    let patch = format!("{instances}/{}", made[1]);
    server.call("PATCH", &patch, token, json!({"name": "renamed"})).await.expect(200);

    let read = async |query: &str| {
        let part = server.call("GET", &format!("/v1/audit?{query}"), admin, Value::Null).await.expect(200);
        let lines = part["entries"].as_array().unwrap().clone();
        let told = |line: &Value| (line["action"].as_str().unwrap().to_owned(), line["seq"].as_u64().unwrap());
        (lines.iter().map(told).collect::<Vec<_>>(), lines, part["next"].clone())
    };
    let actions = |lines: &[(String, u64)]| lines.iter().map(|(action, _)| action.clone()).collect::<Vec<_>>();

    let (who, lines, _) = read(&format!("actor={id}")).await;
    assert_eq!(actions(&who), ["instance.create", "instance.create", "instance.create", "instance.update"]);
    assert!(lines.iter().all(|line| line["actor"].as_str().unwrap().contains(id)));
    assert!(who.is_sorted_by_key(|(_, seq)| *seq), "{who:?}");
    let (what, ..) = read(&format!("actor={id}&action=instance.update")).await;
    assert_eq!(actions(&what), ["instance.update"]);
    let (all_of_instances, ..) = read(&format!("actor={id}&action=instance.")).await;
    assert_eq!(all_of_instances, who);
    let (which, ..) = read(&format!("subject={}", made[1])).await;
    assert_eq!(actions(&which), ["instance.create", "instance.update"]);
    assert!(read("actor=nobody").await.0.is_empty());

    let at = lines[3]["at"].as_str().unwrap();
    let (before, ..) = read(&format!("actor={id}&until={at}")).await;
    let (from, ..) = read(&format!("actor={id}&since={at}")).await;
    assert_eq!([before, from.clone()].concat(), who, "a line is in one of two parts of time");
    assert!(actions(&from).contains(&"instance.update".to_owned()));

    let (first, _, next) = read(&format!("actor={id}&limit=3")).await;
    assert_eq!((&first[..], next.as_u64()), (&who[..3], Some(who[2].1)));
    let (last, _, next) = read(&format!("actor={id}&limit=3&after={}", who[2].1)).await;
    assert_eq!((&last[..], next), (&who[3..], Value::Null));

    let long = "x".repeat(257);
    for query in ["since=yesterday", "before=3", &format!("actor={long}")] {
        let refused = server.call("GET", &format!("/v1/audit?{query}"), admin, Value::Null).await;
        assert!(refused.expect(400)["type"].as_str().unwrap().ends_with("invalid-input"), "{query}");
    }
}
