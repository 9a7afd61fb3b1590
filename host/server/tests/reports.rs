//! Upstreams report to a real server, at its public URL.

use std::path::Path;

use crate::common;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::Server;
use ring::hmac;
use serde_json::{Value, json};
use twofactor_tests::upstream::Upstream;

const BASE: &str = "https://auth.example.com/reports";
const TOKEN: &str = "t0ken-of-the-account";

/// Starts a server with one instance, and returns it with the token of an application. `more` is configuration.
async fn serving(folder: &Path, more: &str, type_id: &str, options: Value) -> (Server, String) {
    let file = folder.join("twofactor.toml");
    let store = folder.join("db");
    common::share_compiled(&store);
    let text = format!(
        "listen = \"127.0.0.1:0\"\npublic_url = \"https://auth.example.com\"\n[store]\npath = {store:?}\n{more}\n"
    );
    std::fs::write(&file, text).unwrap();
    let issue = ["token", "issue", "--name", "a", "--system-admin", "--config", file.to_str().unwrap()];
    let said: Value = serde_json::from_slice(&common::run(&issue).stdout).unwrap();
    let admin = said["token"].as_str().unwrap();
    let server = Server::serve(&file);
    server.call("POST", "/v1/subscriptions", admin, json!({"id": "s", "name": "S"})).await.expect(201);
    let new = json!({"type": type_id, "name": "SMS", "options": options});
    let created = server.call("POST", "/v1/subscriptions/s/two-factors", admin, new).await.expect(201);
    let path = format!("/v1/subscriptions/s/two-factors/{}/assignments", created["id"].as_str().unwrap());
    server.call("PUT", &path, admin, json!([{"kind": "tenant", "id": "t"}])).await.expect(200);
    let token = json!({"name": "a", "role": "application", "subscriptions": ["s"]});
    let token = server.call("POST", "/v1/tokens", admin, token).await.expect(201);
    (server, token["token"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn only_a_signed_report_is_accepted_and_it_appears_in_the_metrics() {
    let (twilio, folder) = (Upstream::start().await, tempfile::tempdir().unwrap());
    let overrides = format!("[network.overrides]\n\"https://api.twilio.com\" = \"{}\"", twilio.address);
    let options = json!({"TwilioAccountSid": "AC0123456789abcdef0123456789abcdef", "TwilioAuthToken": TOKEN,
        "TwilioSmsFromNumber": "+15005550006"});
    let (server, token) = serving(folder.path(), &overrides, "twilio", options).await;
    // Where the upstream may report of a message to a number, and the message's code.
    let send = async |phone: &str| {
        let start = json!({"tenant": "t", "recipient": {"phone": phone}});
        server.call("POST", "/v1/challenges", &token, start).await.expect(201);
        let sent = twilio.seen().pop().unwrap().body;
        let (_, url) = url::form_urlencoded::parse(sent.as_bytes()).find(|(name, _)| name == "StatusCallback").unwrap();
        (url.into_owned(), twilio.code(phone))
    };
    let (url, _) = send("+41791234567").await;

    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, TOKEN.as_bytes());
    let signed = |url: &str, code: &str| {
        let text = format!("{url}ErrorCode{code}MessageStatusundelivered");
        STANDARD.encode(hmac::sign(&key, text.as_bytes()))
    };
    let report = |url: &str, code: &str, signature: &str| {
        let (path, form) = (url.strip_prefix(BASE).unwrap(), ("content-type", "application/x-www-form-urlencoded"));
        let body = format!("MessageStatus=undelivered&ErrorCode={code}");
        let request = server.request("POST", &format!("/reports{path}"), "").header(form.0, form.1).body(body);
        let request =
            if signature.is_empty() { request } else { request.header("x-twilio-signature", signature.to_owned()) };
        common::Answer::of(request)
    };
    let signature = signed(&url, "30003");
    report(&url, "30003", "").await.problem(404, "not-found");
    report(&url, "30003", &signed(&url, "30004")).await.problem(404, "not-found");
    report(&url, "30003", &signature).await.expect(204);
    report(&url, "30003", &signature).await.expect(204);
    let path = url.strip_prefix(BASE).unwrap();
    let long = server.request("POST", &format!("/reports{path}"), "").body(vec![b'x'; 65 << 10]);
    assert_eq!(common::Answer::of(long).await.status, 413);
    let metrics = server.call("GET", "/metrics", "", Value::Null).await.text;
    let line = metrics.lines().find(|line| line.starts_with("twofactor_reports_total")).unwrap();
    assert!(line.contains("undelivered") && line.contains("twilio") && line.ends_with(" 1"), "{line}");
    // An upstream that has the code cannot get it into the log.
    let (other, code) = send("+41791234568").await;
    let backwards: String = code.chars().rev().collect();
    report(&other, &code, &signed(&other, &code)).await.expect(204);
    // The log mentions it, but not the URL, which is confidential.
    let log = String::from_utf8(server.into_log()).unwrap();
    assert!(log.contains("a message was not delivered") && log.contains("30003"), "{log}");
    // An upstream that is not believed finds out nothing, and the operator finds out why.
    for why in ["it has no header x-twilio-signature", "its signature does not match"] {
        assert!(log.contains("a delivery report was refused") && log.contains(why), "{log}");
    }
    assert!(!log.contains(url.rsplit('/').next().unwrap()), "{log}");
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("a message was not delivered")).collect();
    assert!(lines.len() == 2 && lines[1].contains("removed"), "{lines:?}");
    assert!(!lines[1].contains(&code) && !lines[1].contains(&backwards), "{lines:?}");
}

/// Upstreams that report by GET put the report into the query.
#[tokio::test]
async fn a_report_by_get_is_read_from_the_query_and_accepted_at_its_own_url_alone() {
    let (upstream, folder) = (Upstream::start().await, tempfile::tempdir().unwrap());
    let component = folder.path().join("wrong.wasm");
    std::fs::write(&component, twofactor_tests::wrong::component("reports: their URL alone")).unwrap();
    let more = format!(
        "[providers]\nload = [{component:?}]\n[network.overrides]\n\"https://upstream.example.com\" = \"{}\"",
        upstream.address
    );
    let (server, token) = serving(folder.path(), &more, "wrong", json!({"Sender": "Shop", "Key": "k3y"})).await;
    let start = json!({"tenant": "t", "recipient": {"phone": "+41791234567"}});
    server.call("POST", "/v1/challenges", &token, start).await.expect(201);
    let sent: Value = serde_json::from_str(&upstream.seen().pop().unwrap().body).unwrap();
    let url = sent["report"].as_str().unwrap();
    let path = format!("/reports{}", url.strip_prefix(BASE).unwrap());
    let get = async |target: &str| common::Answer::of(server.request("GET", target, "")).await;
    let reported = async || {
        let metrics = server.call("GET", "/metrics", "", Value::Null).await.text;
        metrics
            .lines()
            .filter(|line| line.starts_with("twofactor_reports_total"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let other = format!("{}{}", &path[..path.len() - 1], if path.ends_with('0') { '1' } else { '0' });
    get(&format!("{other}?status=undelivered")).await.problem(404, "not-found");
    assert_eq!(reported().await, Vec::<String>::new());
    get(&format!("{path}?status=undelivered")).await.expect(204);
    let lines = reported().await;
    assert!(lines.len() == 1 && lines[0].contains("undelivered") && lines[0].ends_with(" 1"), "{lines:?}");
    // Its address is not for other methods.
    let put = common::Answer::of(server.request("PUT", &path, "")).await;
    put.problem(405, "method-not-allowed");
}
