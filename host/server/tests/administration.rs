//! The administration calls, against `twofactor serve` as a process: from nothing to a verified code.

use std::path::{Path, PathBuf};

use crate::common;
use common::{Answer, Server};
use serde_json::{Value, json};

/// Returns a configuration whose Twilio is the outbox of a demo.
fn config(folder: &Path, demo: &Server, more: &str) -> PathBuf {
    let file = folder.join("twofactor.toml");
    let outbox = demo.said["outbox_url"].as_str().unwrap().trim_start_matches("http://");
    let store = folder.join("twofactor.db");
    common::share_compiled(&store);
    let text = format!(
        "listen = \"127.0.0.1:0\"\n{more}\n[store]\npath = {store:?}\n[network.overrides]\n\"https://api.twilio.com\" = {outbox:?}\n"
    );
    std::fs::write(&file, text).unwrap();
    file
}

fn first_token(config: &Path) -> String {
    let arguments = ["token", "issue", "--name", "first", "--system-admin", "--config", config.to_str().unwrap()];
    let output = common::run(&arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    said["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn everything_is_set_up_over_the_api_and_outlives_a_restart() {
    let demo = Server::demo();
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), &demo, "");
    let admin = first_token(&config);
    let server = Server::serve(&config);
    let call = async |method: &str, path: &str, body: Value| server.call(method, path, &admin, body).await;

    call("POST", "/v1/subscriptions", json!({"id": "acme", "name": "Acme"})).await.expect(201);
    call("POST", "/v1/subscriptions", json!({"id": "acme", "name": "Acme"})).await.problem(409, "conflict");
    let providers = call("GET", "/v1/providers", Value::Null).await.expect(200);
    assert_eq!(providers["providers"].as_array().unwrap().len(), 3);

    // Base service settings supply what the instance does not set. An instance that lacks something
    // is saved and says so.
    let base = json!({"TwilioAccountSid": "AC0123456789abcdef0123456789abcdef", "TwilioAuthToken": "s3cret-canary"});
    let masked = call("PUT", "/v1/base-settings/twilio", base).await;
    assert!(!masked.text.contains("s3cret-canary"));
    masked.expect(200);
    let new = json!({"type": "twilio", "name": "SMS", "options": {}});
    let created = call("POST", "/v1/subscriptions/acme/two-factors", new).await.expect(201);
    assert_eq!(created["valid"], false);
    assert_eq!(created["problems"][0]["option"], "/TwilioSmsFromNumber");
    let path = format!("/v1/subscriptions/acme/two-factors/{}", created["id"].as_str().unwrap());
    let options = json!({"TwilioSmsFromNumber": "+15005550006"});
    let changed = call("PATCH", &path, json!({"options": options})).await.expect(200);
    assert_eq!(changed["valid"], true, "{changed}");
    let connection = json!({"kind": "https", "host": "api.twilio.com", "port": 443, "destination": "https://api.twilio.com",
        "authentication": {"kind": "basic"}, "text": changed["connections"][0]["text"]});
    assert_eq!(changed["connections"], json!([connection]));
    assert!(connection["text"].as_str().unwrap().starts_with("https://api.twilio.com"), "{connection}");
    let report =
        call("POST", &format!("{path}/test"), json!({"recipient": {"phone": "+41791234567"}})).await.expect(200);
    assert_eq!(report["outcome"], "delivered");
    let tenant = json!([{"kind": "tenant", "id": "t1"}]);
    assert_eq!(call("PUT", &format!("{path}/assignments"), tenant.clone()).await.expect(200), tenant);

    let token = json!({"name": "web", "role": "application", "subscriptions": ["acme"]});
    let issued = call("POST", "/v1/tokens", token).await.expect(201);
    let application = issued["token"].as_str().unwrap().to_owned();
    drop(server);

    let server = Server::serve(&config);
    let start = json!({"tenant": "t1", "user": "alice", "recipient": {"phone": "+41791234567"}});
    let started = server.call("POST", "/v1/challenges", &application, start).await.expect(201);
    let code = demo.code("+41791234567").await;
    let verify = format!("/v1/challenges/{}/verify", started["id"].as_str().unwrap());
    server.call("POST", &verify, &application, json!({"code": code})).await.expect(200);

    let revoke = format!("/v1/tokens/{}", issued["id"].as_str().unwrap());
    server.call("DELETE", &revoke, &admin, Value::Null).await.expect(204);
    server.call("GET", "/v1/two-factors", &application, Value::Null).await.problem(401, "unauthorized");

    let log = server.call("GET", "/v1/audit", &admin, Value::Null).await;
    assert!(!log.text.contains("s3cret-canary") && !log.text.contains(&application));
    let log = log.expect(200);
    let actions: Vec<&str> = log["entries"].as_array().unwrap().iter().map(|e| e["action"].as_str().unwrap()).collect();
    for action in ["token.issue", "subscription.create", "base-settings.set", "instance.create", "token.revoke"] {
        assert!(actions.contains(&action), "{actions:?}");
    }
    let verify = ["audit", "verify", "--config", config.to_str().unwrap()];
    let verified: Value = serde_json::from_slice(&common::run(&verify).stdout).unwrap();
    assert_eq!(verified["lines"], actions.len());
}

#[tokio::test]
async fn a_change_that_would_undo_somebody_elses_is_refused() {
    let demo = Server::demo();
    let admin = demo.token("admin_token");
    let all = demo.call("GET", "/v1/subscriptions/demo/two-factors", admin, Value::Null).await.expect(200);
    let id = all["two_factors"][0]["id"].as_str().unwrap();
    let path = format!("/v1/subscriptions/demo/two-factors/{id}");
    let read = demo.call("GET", &path, admin, Value::Null).await;
    let tag = read.headers["etag"].to_str().unwrap().to_owned();
    let change = async |tag: &str| {
        let request = demo.request("PATCH", &path, admin).header("if-match", tag);
        Answer::of(request.body(json!({"active": false}).to_string())).await
    };
    let changed = change(&tag).await;
    let newer = changed.headers["etag"].to_str().unwrap().to_owned();
    assert_ne!(tag, newer);
    assert_eq!(changed.expect(200)["active"], false);
    change(&tag).await.problem(412, "precondition-failed");
    change("\"nonsense\"").await.problem(412, "precondition-failed");
    change(&newer).await.expect(200);
    change("*").await.expect(200);
}

#[tokio::test]
async fn a_secret_comes_back_masked_and_the_mask_keeps_it_for_its_destination_only() {
    let demo = Server::demo();
    let admin = demo.token("admin_token");
    let all = demo.call("GET", "/v1/subscriptions/demo/two-factors", admin, Value::Null).await.expect(200);
    let twilio = all["two_factors"].as_array().unwrap().iter().find(|one| one["type"] == "twilio").unwrap();
    let path = format!("/v1/subscriptions/demo/two-factors/{}", twilio["id"].as_str().unwrap());
    let mut options = twilio["options"].clone();
    assert_ne!(options["TwilioAuthToken"], "demo");
    // Sent back as it came, the secret stays.
    options["TwilioSmsFromNumber"] = json!("+15005550001");
    let kept = demo.call("PATCH", &path, admin, json!({"options": options})).await.expect(200);
    assert_eq!(kept["valid"], true);
    let trial = json!({"recipient": {"phone": "+41791234567"}});
    let report = demo.call("POST", &format!("{path}/test"), admin, trial).await.expect(200);
    assert_eq!(report["outcome"], "delivered");
    let other_type = json!({"type": "ecall", "name": "x", "active": true, "options": {}});
    demo.call("PUT", &path, admin, other_type).await.problem(400, "invalid-input");
    // Nothing but what a call names can be set.
    demo.call("PATCH", &path, admin, json!({"subscription": "other"})).await.problem(400, "invalid-input");
    demo.call("PATCH", &path, admin, json!({"revision": 1})).await.problem(400, "invalid-input");

    let email = all["two_factors"].as_array().unwrap().iter().find(|one| one["type"] == "email").unwrap();
    let path = format!("/v1/subscriptions/demo/two-factors/{}", email["id"].as_str().unwrap());
    let mut options = email["options"].clone();
    options["MailServerConfig"]["Host"] = json!("mail.attacker.example");
    let stolen = demo.call("PATCH", &path, admin, json!({"options": options})).await;
    stolen.problem(400, "invalid-input");
}

#[tokio::test]
async fn a_provider_is_added_as_a_file_and_anything_else_is_refused_with_a_sentence() {
    let demo = Server::demo();
    let admin = demo.token("admin_token");
    let add = async |bytes: Vec<u8>| {
        Answer::of(demo.request("POST", "/v1/providers", admin).header("content-type", "application/wasm").body(bytes))
            .await
    };
    let problem = add(b"\0asm\x01\0\0\0".to_vec()).await.problem(400, "invalid-input");
    assert!(problem["detail"].as_str().unwrap().contains("component"), "{problem}");
    let component = twofactor_bundle::TWILIO.to_vec();
    let added = add(component).await.expect(201);
    assert_eq!(added["type"], "twilio");
    assert_eq!(added["digest"].as_str().unwrap().len(), 64);
}

#[tokio::test]
async fn the_audit_log_names_the_client_behind_a_trusted_proxy_and_nobody_else() {
    let demo = Server::demo();
    let folder = tempfile::tempdir().unwrap();
    for (proxies, seen) in [("", "127.0.0.1"), ("trusted_proxies = [\"127.0.0.0/8\"]", "198.51.100.7")] {
        let config = config(folder.path(), &demo, proxies);
        let admin = first_token(&config);
        let server = Server::serve(&config);
        let id = format!("s-{}", proxies.len());
        let request = server.request("POST", "/v1/subscriptions", &admin);
        let request = request.header("x-forwarded-for", "192.0.2.9, 198.51.100.7");
        Answer::of(request.body(json!({"id": id, "name": "S"}).to_string())).await.expect(201);
        let log = server.call("GET", "/v1/audit", &admin, Value::Null).await.expect(200);
        let line = log["entries"].as_array().unwrap().iter().find(|line| line["subject"] == id.as_str()).unwrap();
        assert!(line["actor"].as_str().unwrap().ends_with(&format!(" from {seen}")), "{line}");
    }
}

#[tokio::test]
async fn an_added_component_serves_its_type_also_after_a_restart() {
    let demo = Server::demo();
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), &demo, "");
    let without = std::fs::read_to_string(&config).unwrap() + "[providers]\nload = []\n";
    std::fs::write(&config, without).unwrap();
    let admin = first_token(&config);
    let server = Server::serve(&config);
    let component = twofactor_bundle::usual().into_iter().max_by_key(|bytes| bytes.len()).unwrap();
    let send = async |server: &Server, bytes: &[u8]| {
        Answer::of(server.request("POST", "/v1/providers", &admin).body(bytes.to_vec())).await
    };
    send(&server, b"no component").await.problem(400, "invalid-input");
    let added = send(&server, component).await.expect(201);
    drop(server);

    let server = Server::serve(&config);
    let listed = server.call("GET", "/v1/providers", &admin, Value::Null).await.expect(200);
    assert_eq!(listed["providers"], json!([added]));
    let log = server.call("GET", "/v1/audit", &admin, Value::Null).await.expect(200);
    let lines = log["entries"].as_array().unwrap().iter().filter(|line| line["action"] == "provider.add");
    let [line] = lines.collect::<Vec<_>>()[..] else { panic!("{log}") };
    let told = format!("{} sha256:{}", added["version"].as_str().unwrap(), added["digest"].as_str().unwrap());
    assert_eq!((&line["subject"], &line["detail"]), (&added["type"], &json!(told)));
}
