//! The responses of a real upstream are recorded by `provider try --record` without anything
//! confidential, and replayed by `provider check --replay`.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use twofactor_tests::hostile::VERIFYING;
use twofactor_tests::wrong::component;

const KEY: &str = "k3y-canary-of-the-upstream";
const PHONE: &str = "+41791234567";

async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// Returns an upstream, ours, that repeats all it was sent, and the number in other spellings.
async fn talkative() -> SocketAddr {
    serve(Router::new().fallback(async |request: Request| {
        let (head, body) = request.into_parts();
        let body = String::from_utf8(to_bytes(body, 64 << 10).await.unwrap().to_vec()).unwrap();
        let authorization = head.headers["authorization"].to_str().unwrap().to_owned();
        let base64 = STANDARD.encode(&authorization);
        let headers = [("content-type", "application/json"), ("x-session", "s3ssion-canary"), ("set-cookie", "c=s3ssion-canary")];
        let said = json!({"id": "m-4711", "heard": body, "by": authorization, "coded": base64, "to": "0041791234567 %2B41791234567"});
        (headers, said.to_string())
    }))
    .await
}

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_twofactor-toolkit")).args(arguments).output().unwrap()
}

/// Tries a component whose upstream makes the code, and types this answer.
fn try_it(more: &[&str], file: &str, typed: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_twofactor-toolkit"));
    command.args(["try", file, "--to", PHONE]).args(more);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{typed}\n").as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn a_recording_is_replayed_and_contains_no_secret_code_or_recipient() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let override_argument = format!("https://upstream.example.com={}", runtime.block_on(talkative()));
    let file = write(folder.path(), "it.wasm", component("none"));
    let options = write(folder.path(), "options.json", json!({"Sender": "Shop", "Key": KEY}).to_string());
    let cassette = folder.path().join("cassette.json");
    let (file, options, tape) = (file.to_str().unwrap(), options.to_str().unwrap(), cassette.to_str().unwrap());
    let tried =
        run(&["try", file, "--options", options, "--to", PHONE, "--override", &override_argument, "--record", tape]);
    let said = String::from_utf8(tried.stdout).unwrap();
    assert!(tried.status.success() && said.contains("Recorded the upstream's responses in "), "{said}");
    let code = said.split("The code is ").nth(1).unwrap().split('.').next().unwrap();

    let text = std::fs::read_to_string(&cassette).unwrap();
    // Within a longer text; its ends share bits with the text around it.
    let base64 = STANDARD.encode(format!("Bearer {KEY}"));
    for canary in [KEY, code, "41791234567", "s3ssion-canary", &base64[12..base64.len() - 4]] {
        assert!(!text.contains(canary), "{canary} is in {text}");
    }
    let kept: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&kept["provider"], &kept["approved"]), (&json!("Wrong in one way 1.0.0"), &Value::Null));
    let [answer] = &kept["accepted"].as_array().unwrap()[..] else { panic!("{kept}") };
    assert_eq!((&answer["status"], &answer["headers"]), (&json!(200), &json!([["content-type", "application/json"]])));
    assert_eq!(answer["request"], "POST https://upstream.example.com/messages");
    assert!(answer["body"].as_str().unwrap().contains("m-4711"), "{kept}");

    let checked = run(&["check", file, "--replay", tape]);
    let said = String::from_utf8(checked.stdout).unwrap();
    assert!(checked.status.success() && said.contains("faults: 0, advice: 0, skipped: 0"), "{said}");

    // A changed recording shows that it is replayed.
    let mut other = kept;
    other["accepted"][0]["status"] = json!(429);
    let other = write(folder.path(), "other.json", other.to_string());
    let checked = run(&["check", file, "--replay", other.to_str().unwrap()]);
    let said = String::from_utf8(checked.stdout).unwrap();
    assert!(said.contains("the outcome is retry-later, although the upstream accepted the message"), "{said}");
}

/// Returns an upstream on loopback with a response for each path.
async fn saying(answers: &'static [(&'static str, u16, &'static str)]) -> SocketAddr {
    serve(Router::new().fallback(async |request: Request| {
        let path = request.uri().path();
        let (_, status, body) = answers.iter().find(|(end, ..)| path.ends_with(end)).unwrap();
        (StatusCode::from_u16(*status).unwrap(), [("content-type", "application/json")], *body)
    }))
    .await
}

#[test]
fn all_responses_of_a_provider_with_a_lookup_are_recorded() {
    const ANSWERS: &[(&str, u16, &str)] = &[
        ("lookupByEmail", 200, r#"{"ok":true,"user":{"id":"W012A3CDE","profile":{"email":"ann@example.com"}}}"#),
        ("postMessage", 200, r#"{"ok":true,"channel":"D024BE91L","ts":"1503435956.000247"}"#),
    ];
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let override_argument = format!("https://slack.com={}", runtime.block_on(saying(ANSWERS)));
    let file = write(folder.path(), "slack.wasm", twofactor_bundle::SLACK);
    let options = json!({"SlackBotToken": "xoxb-0123456789-very-secret"}).to_string();
    let (options, tape) = (write(folder.path(), "options.json", options), folder.path().join("tape.json"));
    let (file, options, tape) = (file.to_str().unwrap(), options.to_str().unwrap(), tape.to_str().unwrap());
    let to = ["--to", "ann@example.com", "--override", &override_argument, "--record", tape];
    let tried = run(&[&["try", file, "--options", options][..], &to].concat());
    assert!(tried.status.success(), "{}", String::from_utf8_lossy(&tried.stderr));
    let text = std::fs::read_to_string(tape).unwrap();
    let kept: Value = serde_json::from_str(&text).unwrap();
    let requests: Vec<_> = kept["accepted"].as_array().unwrap().iter().map(|answer| &answer["request"]).collect();
    let api = "POST https://slack.com/api";
    assert_eq!(requests, [&json!(format!("{api}/users.lookupByEmail")), &json!(format!("{api}/chat.postMessage"))]);
    assert!(!text.contains("ann@example.com") && text.contains("W012A3CDE"), "{text}");

    let checked = run(&["check", file, "--options", options, "--replay", tape, "--json"]);
    let report: Value = serde_json::from_slice(&checked.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    assert!(findings.iter().all(|finding| finding["verdict"] == "passed"), "{report:#}");

    // Without the first response the provider does not reach the message.
    let mut other = kept;
    other["accepted"].as_array_mut().unwrap().remove(0);
    let other = write(folder.path(), "other.json", other.to_string());
    let checked = run(&["check", file, "--options", options, "--replay", other.to_str().unwrap()]);
    let said = String::from_utf8(checked.stdout).unwrap();
    assert!(!checked.status.success() && said.contains("the text did not arrive"), "{said}");
}

/// Returns an upstream on loopback that issues a session under an unremarkable name, a seat in it,
/// and a token, and repeats what it receives with them.
async fn with_sessions() -> SocketAddr {
    serve(Router::new().fallback(async |request: Request| {
        let (head, body) = request.into_parts();
        let body = String::from_utf8(to_bytes(body, 64 << 10).await.unwrap().to_vec()).unwrap();
        let said = match (head.uri.path(), head.headers.get("x-auth")) {
            ("/login", None) if body.contains("grant_type") => json!({"access_token": TOKEN, "refresh_token": UNUSED, "token_type": "Bearer"}),
            ("/login", None) => json!({"value": SESSION, "seat": SEAT, "room": ROOM, "pass": PASS, "a_password": UNUSED, "hall": "main hall", "session": {"status": "accepted", "token_expires_in": 3600}}),
            (path, Some(sent)) if path.ends_with("/messages") => json!({"id": "m-4711", "heard": sent.to_str().unwrap().to_uppercase(),
                "asked": head.uri.to_string(), "again": UNUSED, "number": 41791234567_u64, "41791234567": "whom"}),
            _ => panic!("{} {body}", head.uri),
        };
        let seat = head.uri.query().unwrap_or_default();
        ([("content-type", "application/json"), ("location", &format!("/m?{seat}"))], said.to_string()).into_response()
    }))
    .await
}

const TOKEN: &str = "t0ken-canary";
const SESSION: &str = "s3ssion-canary";
const SEAT: &str = "5ea7-canary-of-16+";
const ROOM: &str = "r00m-canary-of-16-or-more";
const PASS: &str = "4ass/canary-of-sixteen-or-more";
const UNUSED: &str = "p4ssword-canary";

#[test]
fn credentials_that_a_component_received_are_not_recorded_whatever_their_name() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let override_argument = format!("https://upstream.example.com={}", runtime.block_on(with_sessions()));
    let options = write(folder.path(), "options.json", json!({"Sender": "Shop", "Key": KEY}).to_string());
    let tape = folder.path().join("tape.json");
    let (options, tape) = (options.to_str().unwrap(), tape.to_str().unwrap());
    for (kind, answers) in [("it logs in", 2), ("it asks for a token", 1)] {
        let file = write(folder.path(), "it.wasm", component(kind));
        let file = file.to_str().unwrap();
        let tried = run(&[
            "try",
            file,
            "--options",
            options,
            "--to",
            PHONE,
            "--override",
            &override_argument,
            "--record",
            tape,
        ]);
        assert!(tried.status.success(), "{}", String::from_utf8_lossy(&tried.stderr));
        let text = std::fs::read_to_string(tape).unwrap();
        for canary in [TOKEN, SESSION, SEAT, ROOM, &PASS[5..], UNUSED, "41791234567"] {
            assert!(!text.to_lowercase().contains(canary), "{canary} is in {text}");
        }
        let kept: Value = serde_json::from_str(&text).unwrap();
        let accepted = kept["accepted"].as_array().unwrap();
        assert_eq!(accepted.len(), answers, "{kept:#}");
        assert!(
            text.contains("m-4711")
                && (answers == 1 || ["main hall", "accepted", "3600"].iter().all(|word| text.contains(word))),
            "{kept:#}"
        );
        let body: Value = serde_json::from_str(accepted[answers - 1]["body"].as_str().unwrap()).unwrap();
        assert_eq!(body["number"], 0, "what was JSON is JSON");

        let checked = run(&["check", file, "--replay", tape, "--json"]);
        let report: Value = serde_json::from_slice(&checked.stdout).unwrap();
        let findings = report["findings"].as_array().unwrap();
        assert!(findings.iter().all(|finding| finding["verdict"] == "passed"), "{report:#}");
    }
}

#[test]
fn the_verification_of_a_correct_answer_is_recorded_too() {
    const CODE: &str = "482913";
    const ANSWERS: &[(&str, u16, &str)] = &[
        (
            "Verifications",
            201,
            r#"{"sid":"VE0123456789abcdef0123456789abcdef","to":"+41791234567","status":"pending"}"#,
        ),
        ("VerificationCheck", 200, r#"{"status":"approved","to":"+41791234567","code":"482913"}"#),
    ];
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let override_argument = format!("https://verify.twilio.com={}", runtime.block_on(saying(ANSWERS)));
    let file = write(folder.path(), "verify.wasm", twofactor_bundle::TWILIO_VERIFY);
    let options = json!({"TwilioAccountSid": "AC0123456789abcdef0123456789abcdef", "TwilioAuthToken": "very-secret-token",
        "TwilioVerifyServiceSid": "VA0123456789abcdef0123456789abcdef"});
    let (options, tape) = (write(folder.path(), "options.json", options.to_string()), folder.path().join("tape.json"));
    let (file, options, tape) = (file.to_str().unwrap(), options.to_str().unwrap(), tape.to_str().unwrap());
    let more = ["--options", options, "--override", &override_argument, "--record", tape];
    let try_it = |typed: &str| try_it(&more, file, typed);
    // What nobody typed cannot be redacted.
    let tried = try_it("");
    assert!(!tried.status.success() && !Path::new(tape).exists());

    let tried = try_it(CODE);
    assert!(tried.status.success(), "{}", String::from_utf8_lossy(&tried.stderr));
    let text = std::fs::read_to_string(tape).unwrap();
    assert!(!text.contains(CODE) && !text.contains("41791234567") && text.contains("approved"), "{text}");
    let checked = run(&["check", file, "--options", options, "--replay", tape, "--json"]);
    let report: Value = serde_json::from_slice(&checked.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    assert!(findings.iter().any(|finding| finding["rule"] == "answer-right"), "{report:#}");
    assert!(findings.iter().all(|finding| finding["verdict"] == "passed"), "{report:#}");
}

#[test]
fn the_responses_to_a_login_and_to_a_verification_are_both_replayed() {
    const ANSWERS: &[(&str, u16, &str)] = &[("begin", 200, "{}"), ("login", 200, "welcome"), ("check", 200, "{}")];
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let override_argument = format!("https://upstream.example.com={}", runtime.block_on(saying(ANSWERS)));
    let file = write(folder.path(), "it.wasm", VERIFYING);
    let options = write(folder.path(), "options.json", r#"{"Behaviour": "log in"}"#);
    let tape = folder.path().join("tape.json");
    let (file, options, tape) = (file.to_str().unwrap(), options.to_str().unwrap(), tape.to_str().unwrap());
    let tried = try_it(&["--options", options, "--override", &override_argument, "--record", tape], file, "4711");
    assert!(tried.status.success(), "{}", String::from_utf8_lossy(&tried.stderr));
    let verdict = |tape: &str| {
        let checked = run(&["check", file, "--options", options, "--replay", tape, "--json"]);
        let report: Value = serde_json::from_slice(&checked.stdout).unwrap();
        let findings = report["findings"].as_array().unwrap();
        findings.iter().find(|finding| finding["rule"] == "answer-right").unwrap()["verdict"].clone()
    };
    assert_eq!(verdict(tape), "passed");
    let mut other: Value = serde_json::from_slice(&std::fs::read(tape).unwrap()).unwrap();
    other["approved"].as_array_mut().unwrap().remove(0);
    assert_eq!(verdict(write(folder.path(), "other.json", other.to_string()).to_str().unwrap()), "fault");
}

#[test]
fn failed_deliveries_are_not_recorded_and_an_invalid_recording_is_refused_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let override_argument = format!("https://upstream.example.com={nobody}");
    let file = write(folder.path(), "it.wasm", component("none"));
    let options = write(folder.path(), "options.json", json!({"Sender": "Shop", "Key": KEY}).to_string());
    let tape = folder.path().join("cassette.json");
    let (file, options) = (file.to_str().unwrap(), options.to_str().unwrap());
    let arguments = ["try", file, "--options", options, "--to", PHONE, "--override", &override_argument, "--record"];
    let tried = run(&[&arguments[..], &[tape.to_str().unwrap()]].concat());
    assert!(!tried.status.success() && !tape.exists());
    let status_99 = r#"{"provider":"","accepted":[{"request":"","status":99,"headers":[],"body":""}]}"#;
    for text in ["{}", "nothing", r#"{"provider":"","accepted":[]}"#, status_99] {
        let other = write(folder.path(), "other.json", text);
        let checked = run(&["check", file, "--replay", other.to_str().unwrap()]);
        let said = String::from_utf8(checked.stderr).unwrap();
        assert!(!checked.status.success() && said.contains("other.json"), "{said}");
    }
}
