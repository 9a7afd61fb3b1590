//! What a real upstream answered is kept by `provider try --record` without anything that must not be kept, and given again by
//! `provider check --replay`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use twofactor_tests::wrong::component;

const KEY: &str = "k3y-canary-of-the-upstream";
const PHONE: &str = "+41791234567";

/// An upstream, ours, that repeats all it was sent, and the number in other spellings.
async fn talkative() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(async |request: Request| {
        let (head, body) = request.into_parts();
        let body = String::from_utf8(to_bytes(body, 64 << 10).await.unwrap().to_vec()).unwrap();
        let authorization = head.headers["authorization"].to_str().unwrap().to_owned();
        let base64 = STANDARD.encode(&authorization);
        let headers = [("content-type", "application/json"), ("x-session", "s3ssion-canary"), ("set-cookie", "c=s3ssion-canary")];
        let said = json!({"id": "m-4711", "heard": body, "by": authorization, "coded": base64, "to": "0041791234567 %2B41791234567"});
        (headers, said.to_string())
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_twofactor")).arg("provider").args(arguments).output().unwrap()
}

fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn a_cassette_holds_the_answer_and_no_secret_code_or_recipient_and_is_played_again() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stand_in = format!("https://upstream.example.com={}", runtime.block_on(talkative()));
    let file = write(folder.path(), "it.wasm", component("none"));
    let options = write(folder.path(), "options.json", json!({"Sender": "Shop", "Key": KEY}).to_string());
    let cassette = folder.path().join("cassette.json");
    let (file, options, tape) = (file.to_str().unwrap(), options.to_str().unwrap(), cassette.to_str().unwrap());
    let tried = run(&["try", file, "--options", options, "--to", PHONE, "--stand-in", &stand_in, "--record", tape]);
    let said = String::from_utf8(tried.stdout).unwrap();
    assert!(tried.status.success() && said.contains("The answer is kept in "), "{said}");
    let code = said.split("The code is ").nth(1).unwrap().split('.').next().unwrap();

    let text = std::fs::read_to_string(&cassette).unwrap();
    // Within a longer text; its ends hold bits of what is beside it.
    let base64 = STANDARD.encode(format!("Bearer {KEY}"));
    for canary in [KEY, code, "41791234567", "s3ssion-canary", &base64[12..base64.len() - 4]] {
        assert!(!text.contains(canary), "{canary} is in {text}");
    }
    let kept: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&kept["provider"], &kept["status"]), (&json!("Wrong in one way 1.0.0"), &json!(200)));
    assert_eq!(kept["request"], "POST https://upstream.example.com/messages");
    assert_eq!(kept["headers"], json!([["content-type", "application/json"]]));
    assert!(kept["body"]["text"].as_str().unwrap().contains("m-4711"), "{kept}");

    let checked = run(&["check", file, "--replay", tape]);
    let said = String::from_utf8(checked.stdout).unwrap();
    assert!(checked.status.success() && said.contains("faults: 0, advice: 0, skipped: 0"), "{said}");

    // That it is played shows where it says something else.
    let mut other = kept;
    other["status"] = json!(429);
    let other = write(folder.path(), "other.json", other.to_string());
    let checked = run(&["check", file, "--replay", other.to_str().unwrap()]);
    let said = String::from_utf8(checked.stdout).unwrap();
    assert!(said.contains("the outcome is retry-later, although the upstream took it"), "{said}");
}

#[test]
fn nothing_is_kept_of_what_was_not_delivered_and_what_is_no_cassette_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let stand_in = format!("https://upstream.example.com={nobody}");
    let file = write(folder.path(), "it.wasm", component("none"));
    let options = write(folder.path(), "options.json", json!({"Sender": "Shop", "Key": KEY}).to_string());
    let tape = folder.path().join("cassette.json");
    let (file, options) = (file.to_str().unwrap(), options.to_str().unwrap());
    let arguments = ["try", file, "--options", options, "--to", PHONE, "--stand-in", &stand_in, "--record"];
    let tried = run(&[&arguments[..], &[tape.to_str().unwrap()]].concat());
    assert!(!tried.status.success() && !tape.exists());
    for text in ["{}", "nothing", r#"{"provider":"","request":"","status":99,"headers":[],"body":{"text":""}}"#] {
        let other = write(folder.path(), "other.json", text);
        let checked = run(&["check", file, "--replay", other.to_str().unwrap()]);
        let said = String::from_utf8(checked.stderr).unwrap();
        assert!(!checked.status.success() && said.contains("other.json"), "{said}");
    }
}
