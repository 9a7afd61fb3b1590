//! `twofactor demo`: a whole TwoFactor, with `--provider FILE` for a provider in development.

use std::path::{Path, PathBuf};

use crate::common;
use common::Server;
use serde_json::json;
use twofactor_tests::wrong::component;

fn write(folder: &Path, bytes: &[u8]) -> PathBuf {
    let file = folder.join("it.wasm");
    std::fs::write(&file, bytes).unwrap();
    file
}

#[tokio::test]
async fn the_demo_has_a_valid_instance_of_each_type_for_its_tenant() {
    let demo = Server::demo();
    let (types, yes) = (["ecall", "email", "fido", "recovery", "totp", "twilio"], json!(true));
    let all = demo.call("GET", "/v1/subscriptions/demo/two-factors", demo.token("admin_token"), json!(null)).await;
    let all = all.expect(200);
    let all = all["two_factors"].as_array().unwrap();
    let mut valid: Vec<_> = all.iter().map(|one| (one["type"].as_str().unwrap(), &one["valid"])).collect();
    valid.sort_unstable_by_key(|(type_id, _)| *type_id);
    assert_eq!(valid, types.map(|type_id| (type_id, &yes)));
    let path = "/v1/two-factors?tenant=demo&user=alice";
    let available = demo.call("GET", path, demo.token("application_token"), json!(null)).await.expect(200);
    let available = available["two_factors"].as_array().unwrap();
    let mut available: Vec<_> = available.iter().map(|one| one["type"].as_str().unwrap()).collect();
    available.sort_unstable();
    assert_eq!(available, types);
}

#[tokio::test]
async fn an_instance_with_the_example_options_delivers_into_the_outbox_whatever_its_upstream_is_called() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), &component("none"));
    let arguments = ["demo", "--listen", "127.0.0.1:0", "--provider", file.to_str().unwrap()];
    let demo = Server::spawn(&mut common::twofactor(&arguments));
    let admin = demo.token("admin_token");
    let all = demo.call("GET", "/v1/subscriptions/demo/two-factors", admin, json!(null)).await.expect(200);
    let own = all["two_factors"].as_array().unwrap();
    let [own] = own
        .iter()
        .filter(|one| {
            !["email", "ecall", "twilio", "totp", "fido", "recovery"].contains(&one["type"].as_str().unwrap())
        })
        .collect::<Vec<_>>()[..]
    else {
        panic!("{all}")
    };
    assert_eq!(own["valid"], true);
    let application = demo.token("application_token");
    let start = json!({"tenant": own["type"], "user": "alice", "recipient": {"phone": "+41791234567"}});
    let started = demo.call("POST", "/v1/challenges", application, start).await.expect(201);
    assert_eq!(started["two_factor"], own["id"]);
    let text = demo.messages().await[0]["text"].as_str().unwrap().to_owned();
    let code = twofactor_tests::upstream::code(&text).unwrap();
    let verify = format!("/v1/challenges/{}/verify", started["id"].as_str().unwrap());
    demo.call("POST", &verify, application, json!({"code": code})).await.expect(200);
}

/// Returns a demo with a provider, and its message in the outbox.
async fn delivered(folder: &Path, provider: &str, more: &[&str]) -> Vec<serde_json::Value> {
    let file = write(folder, &component(provider));
    let arguments = ["demo", "--listen", "127.0.0.1:0", "--provider", file.to_str().unwrap()];
    let demo = Server::spawn(&mut common::twofactor(&[&arguments, more].concat()));
    let start = json!({"tenant": "wrong", "user": "alice", "recipient": {"phone": "+41791234567"}});
    let started = demo.call("POST", "/v1/challenges", demo.token("application_token"), start).await.expect(201);
    let messages: Vec<_> = demo.messages().await.into_iter().filter(|message| message["channel"] == "other").collect();
    let code = twofactor_tests::upstream::code(messages[0]["text"].as_str().unwrap()).unwrap().to_owned();
    let verify = format!("/v1/challenges/{}/verify", started["id"].as_str().unwrap());
    demo.call("POST", &verify, demo.token("application_token"), json!({"code": code})).await.expect(200);
    messages
}

#[tokio::test]
async fn a_provider_that_asks_something_first_delivers_into_the_outbox_and_only_its_message_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let messages = delivered(folder.path(), "it asks who that is", &[]).await;
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert_eq!(messages[0]["to"], "+41791234567");
    // A provider that needs data of the real upstream gets its recorded responses.
    let replay = folder.path().join("answers.json");
    let answer = |path: &str, body: &str| {
        json!({"request": format!("POST https://upstream.example.com{path}"),
        "status": 200, "headers": [["content-type", "application/json"]], "body": body})
    };
    let answers = [answer("/login", r#"{"room":"7"}"#), answer("/in:7/messages", "{}")];
    std::fs::write(&replay, json!({"provider": "it", "accepted": answers}).to_string()).unwrap();
    let messages = delivered(folder.path(), "it needs a room", &["--replay", replay.to_str().unwrap()]).await;
    assert_eq!(messages.len(), 1, "{messages:?}");
}

#[tokio::test]
async fn text_and_recipient_are_shown_whatever_form_a_request_has() {
    let folder = tempfile::tempdir().unwrap();
    for form in ["XML", "nested JSON"] {
        let messages = delivered(folder.path(), form, &[]).await;
        let text = messages[0]["text"].as_str().unwrap();
        assert_eq!(messages[0]["to"], "+41791234567", "{form}");
        assert!(text.contains("is your") && !text.contains(['<', '{']), "{form}: {text}");
    }
}

#[test]
fn a_provider_without_a_valid_example_is_refused_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&[u8], &str); 3] = [
        (twofactor_bundle::TWILIO, "has no `examples`"),
        (&component("configure refuses what is right"), "are not valid: `/"),
        (b"nothing", "not a valid WebAssembly component"),
    ];
    for (bytes, sentence) in cases {
        let file = write(folder.path(), bytes);
        let output = common::run(&["demo", "--listen", "127.0.0.1:0", "--provider", file.to_str().unwrap()]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(sentence), "{said}");
    }
}
