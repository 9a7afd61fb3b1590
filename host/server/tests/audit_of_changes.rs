//! The audit log has the values before and after a change; of secrets it says only that they
//! changed.

use crate::common;
use common::Server;
use serde_json::{Value, json};

/// Each ends up as a secret somewhere.
const SECRETS: [&str; 6] =
    ["canary-auth-1", "canary-auth-2", "canary-mail-1", "canary-base-1", "canary-base-2", "canary-text-1"];

struct Log<'a> {
    server: &'a Server,
    admin: &'a str,
    texts: String,
}

impl Log<'_> {
    /// Action and detail of the newest line.
    async fn last(&mut self) -> (String, Value) {
        let mut after = 0;
        loop {
            let answer = self.server.call("GET", &format!("/v1/audit?after={after}"), self.admin, Value::Null).await;
            self.texts.push_str(&answer.text);
            let part = answer.expect(200);
            if let Some(next) = part["next"].as_u64() {
                after = next;
                continue;
            }
            let line = part["entries"].as_array().unwrap().last().unwrap().clone();
            let detail = line["detail"].as_str().unwrap();
            assert!(detail.chars().count() < 5000, "{}", detail.len());
            return (line["action"].as_str().unwrap().to_owned(), serde_json::from_str(detail).unwrap());
        }
    }
}

#[tokio::test]
async fn an_entry_has_the_values_before_and_after_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("twofactor.toml");
    let store = folder.path().join("twofactor.db");
    common::share_compiled(&store);
    let text = format!("listen = \"127.0.0.1:0\"\n[store]\npath = {store:?}\n");
    std::fs::write(&config, text).unwrap();
    let config = config.to_str().unwrap();
    let issued = common::run(&["token", "issue", "--name", "first", "--system-admin", "--config", config]);
    let said: Value = serde_json::from_slice(&issued.stdout).unwrap();
    let admin = said["token"].as_str().unwrap();
    let server = Server::serve(std::path::Path::new(config));
    let call = async |method: &str, path: &str, body: Value| server.call(method, path, admin, body).await;
    let mut log = Log { server: &server, admin, texts: String::new() };

    call("POST", "/v1/subscriptions", json!({"id": "s", "name": "Old"})).await.expect(201);
    assert_eq!(log.last().await, ("subscription.create".to_owned(), json!({"/name": [null, "Old"]})));
    call("PATCH", "/v1/subscriptions/s", json!({"name": "New"})).await.expect(200);
    assert_eq!(log.last().await, ("subscription.change".to_owned(), json!({"/name": ["Old", "New"]})));

    let options = json!({"TwilioAccountSid": "AC1", "TwilioAuthToken": SECRETS[0], "Misspelt": SECRETS[1]});
    let new = json!({"type": "twilio", "name": "SMS", "options": options});
    let made = call("POST", "/v1/subscriptions/s/two-factors", new).await.expect(201);
    let instance = format!("/v1/subscriptions/s/two-factors/{}", made["id"].as_str().unwrap());
    let detail = json!({
        "/subscription": [null, "s"], "/type": [null, "twilio"], "/name": [null, "SMS"], "/active": [null, true],
        "/options/TwilioAccountSid": [null, "AC1"], "/options/TwilioAuthToken": "entered", "/options/Misspelt": "entered"
    });
    assert_eq!(log.last().await, ("instance.create".to_owned(), detail));
    // The mask keeps one secret, the other is replaced, and one is typed where none belongs.
    let options = json!({"TwilioAccountSid": SECRETS[1], "TwilioAuthToken": SECRETS[1]});
    call("PATCH", &instance, json!({"options": options, "policy": {"code_length": 8}, "active": false}))
        .await
        .expect(200);
    let detail = json!({
        "/options/TwilioAccountSid": ["AC1", "(contains a secret)"], "/options/TwilioAuthToken": "changed",
        "/options/Misspelt": "removed", "/policy/code_length": [null, 8], "/active": [true, false]
    });
    assert_eq!(log.last().await, ("instance.update".to_owned(), detail));
    let mask = json!({"TwilioAccountSid": "AC2", "TwilioAuthToken": "********"});
    call("PATCH", &instance, json!({"options": mask, "name": SECRETS[1]})).await.expect(200);
    let detail =
        json!({"/options/TwilioAccountSid": ["(contains a secret)", "AC2"], "/name": ["SMS", "(contains a secret)"]});
    assert_eq!(log.last().await, ("instance.update".to_owned(), detail));
    call("PATCH", &instance, json!({"name": "SMS", "policy": null})).await.expect(200);
    assert_eq!(log.last().await.1["/policy/code_length"], json!([8, null]));

    let assignments = format!("{instance}/assignments");
    call("PUT", &assignments, json!([{"kind": "tenant", "id": "a"}, {"kind": "user", "id": "u/1"}])).await.expect(200);
    call("PUT", &assignments, json!([{"kind": "tenant", "id": "b"}, {"kind": "user", "id": "u/1"}])).await.expect(200);
    let detail = json!({"/tenant/a": [true, false], "/tenant/b": [false, true]});
    assert_eq!(log.last().await, ("instance.assign".to_owned(), detail));

    // Nested secrets, and options that come as text.
    let server_options = json!({"MailType": "SMTP", "Host": "h", "Port": 465, "UserName": "u", "Password": SECRETS[2]});
    let base = json!({"EMailSenderAddress": "a@example.com", "MailServerConfig": server_options.to_string()});
    call("PUT", "/v1/base-settings/email", base).await.expect(200);
    let (action, detail) = log.last().await;
    assert_eq!((&*action, &detail["/MailServerConfig/Password"]), ("base-settings.set", &json!("entered")));
    assert_eq!(detail["/MailServerConfig/Port"], json!([null, 465]));
    for secret in &SECRETS[3..5] {
        call("PUT", "/v1/base-settings/twilio", json!({"TwilioAuthToken": secret})).await.expect(200);
    }
    assert_eq!(log.last().await.1, json!({"/TwilioAuthToken": "changed"}));

    let directory = "/v1/subscriptions/s/directory";
    call("PUT", directory, json!([{"kind": "tenant", "id": "b", "name": "B"}])).await.expect(200);
    assert_eq!(log.last().await, ("directory.put".to_owned(), json!({"/tenant/b": [null, "B"]})));
    call("DELETE", &format!("{directory}/tenant/a"), Value::Null).await.expect(204);
    assert_eq!(log.last().await.0, "directory.delete");
    let many: Vec<Value> =
        (0..5000).map(|n| json!({"kind": "user", "id": format!("{n}"), "name": "N".repeat(100)})).collect();
    call("PUT", directory, Value::from(many)).await.expect(200);
    let (_, detail) = log.last().await;
    let shown = detail.as_object().unwrap().len() as u64 - 1;
    assert_eq!(detail["more"].as_u64().unwrap() + shown, 5000);
    let long = json!({"name": "x", "active": true, "options": {"TwilioSmsFromNumber": SECRETS[5].repeat(50), "TwilioAuthToken": SECRETS[5]}});
    call("PUT", &instance, long).await.expect(200);
    log.last().await;

    let token = json!({"name": "web", "role": "application", "subscriptions": ["s"]});
    let issued = call("POST", "/v1/tokens", token).await.expect(201);
    let detail = json!({"/name": [null, "web"], "/role": [null, "application"], "/subscriptions": [null, ["s"]]});
    assert_eq!(log.last().await, ("token.issue".to_owned(), detail));
    call("DELETE", &format!("/v1/tokens/{}", issued["id"].as_str().unwrap()), Value::Null).await.expect(204);
    let (action, detail) = log.last().await;
    assert_eq!((&*action, &detail["/revoked_at"][0]), ("token.revoke", &Value::Null));
    call("DELETE", &instance, Value::Null).await.expect(204);
    let (action, detail) = log.last().await;
    assert_eq!((&*action, &detail["/options/TwilioAuthToken"]), ("instance.delete", &json!("removed")));
    call("DELETE", "/v1/subscriptions/s", Value::Null).await.expect(204);
    assert_eq!(log.last().await, ("subscription.delete".to_owned(), json!({"/name": ["New", null]})));

    let token = issued["token"].as_str().unwrap();
    for secret in SECRETS.into_iter().chain([token, admin]) {
        assert!(!log.texts.contains(secret), "{secret}");
    }
    let verified = common::run(&["audit", "verify", "--config", config]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

#[tokio::test]
async fn a_refused_change_leaves_no_entry() {
    let demo = Server::demo();
    let admin = demo.token("admin_token");
    let all = demo.call("GET", "/v1/subscriptions/demo/two-factors", admin, Value::Null).await.expect(200);
    let instance = format!("/v1/subscriptions/demo/two-factors/{}", all["two_factors"][0]["id"].as_str().unwrap());
    let lines = async || {
        let log = demo.call("GET", "/v1/audit?limit=1000", admin, Value::Null).await.expect(200);
        log["entries"].as_array().unwrap().len()
    };
    let before = lines().await;
    for (method, path, body) in [
        ("POST", "/v1/subscriptions", json!({"id": "demo", "name": "Demo"})),
        ("DELETE", "/v1/subscriptions/demo", Value::Null),
        ("DELETE", "/v1/subscriptions/demo/directory/tenant/demo", Value::Null),
        ("DELETE", "/v1/tokens/unknown", Value::Null),
        ("PATCH", &instance, json!({"policy": {"code_length": 3}})),
        ("PUT", "/v1/base-settings/none", json!({})),
    ] {
        let answer = demo.call(method, path, admin, body).await;
        assert!((400..500).contains(&answer.status), "{method} {path}: {}", answer.text);
    }
    let request = demo.request("PATCH", &instance, admin).header("if-match", "\"9\"").body("{\"name\":\"x\"}");
    common::Answer::of(request).await.problem(412, "precondition-failed");
    assert_eq!(lines().await, before);
}
