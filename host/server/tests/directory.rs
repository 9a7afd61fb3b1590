//! The targets of assignments have names: a subscription's directory.

use crate::common;
use common::{Answer, Server};
use serde_json::{Value, json};

const DIRECTORY: &str = "/v1/subscriptions/demo/directory";

struct Demo {
    server: Server,
    admin: String,
    /// Of one instance.
    instance: String,
}

impl Demo {
    async fn new() -> Self {
        let server = Server::demo();
        let admin = server.token("admin_token").to_owned();
        let all = server.call("GET", "/v1/subscriptions/demo/two-factors", &admin, Value::Null).await.expect(200);
        let id = all["two_factors"][0]["id"].as_str().unwrap();
        Self { instance: format!("/v1/subscriptions/demo/two-factors/{id}"), server, admin }
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> Answer {
        self.server.call(method, path, &self.admin, body).await
    }

    async fn ids(&self, query: &str) -> Vec<String> {
        let listed = self.call("GET", &format!("{DIRECTORY}{query}"), Value::Null).await.expect(200);
        listed["entries"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn an_entry_comes_about_by_its_first_assignment_and_its_name_is_read_with_the_assignment() {
    let demo = Demo::new().await;
    assert_eq!(demo.ids("").await, ["demo"]);
    let assignments = format!("{}/assignments", demo.instance);
    let wanted = json!([{"kind": "idp", "id": "entra"}, {"kind": "user", "id": "alice"}]);
    assert_eq!(demo.call("PUT", &assignments, wanted.clone()).await.expect(200), wanted);
    assert_eq!(demo.ids("").await, ["demo", "entra", "alice"]);

    let name = json!({"name": "Alice Adams"});
    let named = demo.call("PUT", &format!("{DIRECTORY}/user/alice"), name).await.expect(200);
    assert_eq!(named, json!({"kind": "user", "id": "alice", "name": "Alice Adams", "revision": 2}));
    let read = demo.call("GET", &assignments, Value::Null).await.expect(200);
    let alice = json!({"kind": "user", "id": "alice", "name": "Alice Adams"});
    assert_eq!(read, json!([{"kind": "idp", "id": "entra"}, alice]));

    // What was read can be sent back; a name in it changes nothing.
    let mut sent = read.clone();
    sent[1]["name"] = json!("Mallory");
    assert_eq!(demo.call("PUT", &assignments, sent).await.expect(200), read);
    let other = json!([{"kind": "user", "id": "alice", "title": "x"}]);
    let problem = demo.call("PUT", &assignments, other).await.problem(400, "invalid-input");
    assert_eq!(problem["errors"][0]["pointer"], "/0/title", "{problem}");
}

#[tokio::test]
async fn an_import_adds_and_renames_all_or_nothing_and_at_most_ten_thousand() {
    let demo = Demo::new().await;
    let people = |count: usize, prefix: &str| {
        let one = |n| json!({"kind": "user", "id": format!("{prefix}{n:05}-ümlaut@example.com"), "name": format!("Person {n}")});
        Value::from((0..count).map(one).collect::<Vec<_>>())
    };
    let done = demo.call("PUT", DIRECTORY, people(10_000, "u")).await.expect(200);
    assert_eq!(done, json!({"created": 10_000, "changed": 0, "unchanged": 0}));
    let done = demo.call("PUT", DIRECTORY, people(10_000, "u")).await.expect(200);
    assert_eq!(done, json!({"created": 0, "changed": 0, "unchanged": 10_000}));
    let problem = demo.call("PUT", DIRECTORY, people(10_001, "v")).await.problem(400, "invalid-input");
    assert_eq!(problem["errors"][0]["pointer"], "");

    let wrong = json!([
        {"kind": "tenant", "id": "new", "name": "New"},
        {"kind": "tenant", "id": "", "name": "a\nb"},
        {"kind": "tenant", "id": "new", "name": "Twice"}
    ]);
    let problem = demo.call("PUT", DIRECTORY, wrong).await.problem(400, "invalid-input");
    let pointers: Vec<&str> =
        problem["errors"].as_array().unwrap().iter().map(|it| it["pointer"].as_str().unwrap()).collect();
    assert_eq!(pointers, ["/1/id", "/1/name", "/2"]);
    assert_eq!(demo.ids("?kind=tenant").await, ["demo"]);
    let changed =
        json!([{"kind": "tenant", "id": "demo", "name": "Demo"}, {"kind": "tenant", "id": "new", "name": "New"}]);
    let done = demo.call("PUT", DIRECTORY, changed).await.expect(200);
    assert_eq!(done, json!({"created": 1, "changed": 1, "unchanged": 0}));
}

#[tokio::test]
async fn a_search_looks_in_ids_and_names_without_case_or_wildcards() {
    let demo = Demo::new().await;
    let entry = |kind: &str, id: &str, name: &str| json!({"kind": kind, "id": id, "name": name});
    let all = json!([
        entry("user", "u1", "Zoë ÅNGSTRÖM"),
        entry("user", "ångström", "somebody"),
        entry("client_application", "shop", "100% Shop_"),
        entry("idp", "shop", "Shop's IDP"),
    ]);
    demo.call("PUT", DIRECTORY, all).await.expect(200);
    for (query, found) in [
        ("?search=%C3%85ngstr%C3%B6m", vec!["u1", "ångström"]),
        ("?search=SHOP", vec!["shop", "shop"]),
        ("?search=SHOP&kind=idp", vec!["shop"]),
        ("?search=%25", vec!["shop"]),
        ("?search=_", vec!["shop"]),
        ("?search=nobody", vec![]),
        ("?kind=user", vec!["u1", "ångström"]),
        ("?search=", vec!["demo", "shop", "shop", "u1", "ångström"]),
    ] {
        assert_eq!(demo.ids(query).await, found, "{query}");
    }
    demo.call("GET", &format!("{DIRECTORY}?kind=device"), Value::Null).await.problem(400, "invalid-input");
}

#[tokio::test]
async fn an_entry_in_use_stays_and_says_what_uses_it() {
    let demo = Demo::new().await;
    let path = format!("{DIRECTORY}/tenant/demo");
    let read = demo.call("GET", &path, Value::Null).await.expect(200);
    let names: Vec<&str> =
        read["two_factors"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["Authenticator app", "Email", "Passkey", "Recovery codes", "SMS through Twilio", "SMS through eCall"]
    );
    let problem = demo.call("DELETE", &path, Value::Null).await.problem(409, "conflict");
    let detail = problem["detail"].as_str().unwrap();
    assert!(names.iter().take(5).all(|name| detail.contains(name)) && detail.ends_with("1 more"), "{detail}");

    let odd = "a/b?c#d%é";
    let entry = json!([{"kind": "idp", "id": odd, "name": "Odd"}]);
    demo.call("PUT", DIRECTORY, entry).await.expect(200);
    let path = format!("{DIRECTORY}/idp/a%2Fb%3Fc%23d%25%C3%A9");
    assert_eq!(demo.call("GET", &path, Value::Null).await.expect(200)["id"], odd);
    demo.call("DELETE", &path, Value::Null).await.expect(204);
    demo.call("DELETE", &path, Value::Null).await.problem(404, "not-found");
}

#[tokio::test]
async fn a_subscription_is_renamed_and_goes_when_nothing_of_it_is_left() {
    let demo = Demo::new().await;
    demo.call("POST", "/v1/subscriptions", json!({"id": "s", "name": "S"})).await.expect(201);
    let path = "/v1/subscriptions/s";
    let renamed = demo.call("PATCH", path, json!({"name": "Shop"})).await;
    assert_eq!(renamed.headers["etag"], "\"2\"");
    assert_eq!(renamed.expect(200)["name"], "Shop");
    demo.call("PUT", &format!("{path}/directory"), json!([{"kind": "user", "id": "u", "name": "U"}])).await.expect(200);

    let new = json!({"type": "twilio", "name": "SMS"});
    let instance = demo.call("POST", &format!("{path}/two-factors"), new).await.expect(201);
    let token = json!({"name": "x", "role": "application", "subscriptions": ["s"]});
    let token = demo.call("POST", "/v1/tokens", token).await.expect(201);
    let problem = demo.call("DELETE", path, Value::Null).await.problem(409, "conflict");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("1 instances") && detail.contains("1 tokens"), "{detail}");
    let instance = format!("{path}/two-factors/{}", instance["id"].as_str().unwrap());
    demo.call("DELETE", &instance, Value::Null).await.expect(204);
    // A token that is good would serve the next subscription of this id.
    demo.call("DELETE", path, Value::Null).await.problem(409, "conflict");
    demo.call("DELETE", &format!("/v1/tokens/{}", token["id"].as_str().unwrap()), Value::Null).await.expect(204);
    demo.call("DELETE", path, Value::Null).await.expect(204);
    demo.call("GET", path, Value::Null).await.problem(404, "not-found");
    // What users of the first one held would be theirs again.
    demo.call("POST", "/v1/subscriptions", json!({"id": "s", "name": "S"})).await.problem(409, "conflict");
}
