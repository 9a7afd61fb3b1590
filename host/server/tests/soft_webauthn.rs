//! An authenticator in software that others wrote (PyPI's `soft-webauthn`), over REST: what it and this server read in the standard is the
//! same.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::{factors, python};
use factors::{ORIGIN, Stage};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/soft_webauthn");

/// Another site, which looks alike.
const ELSEWHERE: &str = "https://login.example.com.evil.example";

/// A device that holds one passkey. It never verifies its user. It ends with this.
struct Device {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Drop for Device {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Device {
    /// Returns nothing if the test must be skipped, after printing so.
    fn start(test: &str) -> Option<Self> {
        let folder = Path::new(FOLDER);
        let programs = python::environment(test, "soft-webauthn", &folder.join("requirements.txt"))?;
        let mut command = Command::new(programs.join("python"));
        let command = command.arg(folder.join("answer.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let (to, from) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        Some(Self { process, to, from })
    }

    fn call(&mut self, request: &Value) -> Value {
        writeln!(self.to, "{request}").unwrap();
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "it ended, and wrote why to stderr: {request}");
        serde_json::from_str(&line).unwrap()
    }

    /// Returns what a page of this origin gets for the options of an enrolment.
    fn create(&mut self, enrolment: &Value, origin: &str) -> Value {
        self.call(&json!({"call": "create", "options": enrolment["public"], "origin": origin}))
    }

    /// Returns what a page of this origin gets for the options of a challenge.
    fn get(&mut self, challenge: &Value, origin: &str) -> Value {
        self.call(&json!({"call": "get", "options": challenge["public"], "origin": origin}))
    }

    /// Makes it a copy that was made when the counter had this value.
    fn set_counter(&mut self, value: u32) {
        self.call(&json!({"call": "counter", "value": value}));
    }
}

/// Returns the answer that has this credential.
fn answer(credential: &Value) -> Value {
    json!({"credential": credential})
}

fn decoded(assertion: &Value, member: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(assertion["response"][member].as_str().unwrap()).unwrap()
}

fn counter(assertion: &Value) -> u32 {
    let data = decoded(assertion, "authenticatorData");
    u32::from_be_bytes(data[33..37].try_into().unwrap())
}

/// Returns an assertion whose last byte of one member is another one.
fn changed(assertion: &Value, member: &str) -> Value {
    let mut bytes = decoded(assertion, member);
    *bytes.last_mut().unwrap() ^= 1;
    let mut assertion = assertion.clone();
    assertion["response"][member] = json!(URL_SAFE_NO_PAD.encode(bytes));
    assertion
}

/// Enrols the device's passkey. Returns the factor.
async fn enrol(stage: &Stage, device: &mut Device) -> Value {
    let begun = stage.begin("alice", &stage.fido, json!({})).await.expect(201);
    let credential = device.create(&begun, ORIGIN);
    stage.finish(&begun, answer(&credential)).await.expect(201)["factor"].clone()
}

async fn challenge(stage: &Stage) -> Value {
    stage.challenge("alice", &stage.fido, json!({})).await.expect(201)
}

#[tokio::test]
async fn a_passkey_of_another_implementation_is_enrolled_and_each_of_its_assertions_is_accepted_once() {
    let test = "a_passkey_of_another_implementation_is_enrolled_and_each_of_its_assertions_is_accepted_once";
    let Some(mut device) = Device::start(test) else { return };
    let stage = Stage::start().await;
    let begun = stage.begin("alice", &stage.fido, json!({})).await.expect(201);
    assert_eq!(begun["public"]["attestation"], "none");
    let elsewhere = device.create(&begun, ELSEWHERE);
    stage.finish(&begun, answer(&elsewhere)).await.problem(422, "code-rejected");
    let factor = enrol(&stage, &mut device).await;
    assert_eq!((&factor["type"], &factor["status"]), (&json!("fido"), &json!("active")));

    let first = challenge(&stage).await;
    let assertion = device.get(&first, ORIGIN);
    let verified = stage.verify(&first, answer(&assertion)).await.expect(200);
    assert_eq!((&verified["user"], &verified["factor"]), (&json!("alice"), &factor["id"]));
    assert_eq!((&verified["amr"], &verified["acr"]), (&json!(["pop", "user"]), &json!("phr")));
    // It says that it cannot be copied, and that it did not verify its user.
    assert_eq!(
        verified["assurance"],
        json!({"aal": "aal2", "phishing_resistant": true, "user_verified": false, "device_bound": true, "attested": false,
            "remembered": false})
    );
    stage.verify(&first, answer(&assertion)).await.problem(410, "challenge-closed");
    // For another challenge it is wrong.
    let second = challenge(&stage).await;
    stage.verify(&second, answer(&assertion)).await.problem(422, "code-rejected");
    let assertion = device.get(&second, ORIGIN);
    stage.verify(&second, answer(&assertion)).await.expect(200);
}

#[tokio::test]
async fn an_assertion_of_another_implementation_is_wrong_if_it_was_changed_or_made_at_another_origin() {
    let test = "an_assertion_of_another_implementation_is_wrong_if_it_was_changed_or_made_at_another_origin";
    let Some(mut device) = Device::start(test) else { return };
    let stage = Stage::start().await;
    enrol(&stage, &mut device).await;
    let open = challenge(&stage).await;
    let elsewhere = device.get(&open, ELSEWHERE);
    let assertion = device.get(&open, ORIGIN);
    for wrong in [elsewhere, changed(&assertion, "signature"), changed(&assertion, "authenticatorData")] {
        stage.verify(&open, answer(&wrong)).await.problem(422, "code-rejected");
    }
    // Nothing else was wrong with it.
    stage.verify(&open, answer(&assertion)).await.expect(200);
}

#[tokio::test]
async fn the_counter_of_another_implementation_advances_and_a_copy_suspends_the_passkey() {
    let test = "the_counter_of_another_implementation_advances_and_a_copy_suspends_the_passkey";
    let Some(mut device) = Device::start(test) else { return };
    let stage = Stage::start().await;
    enrol(&stage, &mut device).await;
    for n in 1..=3 {
        let open = challenge(&stage).await;
        let assertion = device.get(&open, ORIGIN);
        assert_eq!(counter(&assertion), n);
        stage.verify(&open, answer(&assertion)).await.expect(200);
    }
    let status = async || {
        let held = stage.call("GET", "/v1/users/alice/factors", Value::Null).await.expect(200);
        held["factors"][0]["status"].clone()
    };
    assert_eq!(status().await, "active");
    device.set_counter(1);
    let open = challenge(&stage).await;
    let assertion = device.get(&open, ORIGIN);
    assert_eq!(counter(&assertion), 2);
    stage.verify(&open, answer(&assertion)).await.problem(422, "code-rejected");
    assert_eq!(status().await, "suspended");
}

#[tokio::test]
async fn another_implementation_that_does_not_verify_its_user_is_not_enrolled_where_that_is_required() {
    let test = "another_implementation_that_does_not_verify_its_user_is_not_enrolled_where_that_is_required";
    let Some(mut device) = Device::start(test) else { return };
    let stage = Stage::start().await;
    let begun = stage.begin("alice", &stage.fido, json!({"passwordless": true})).await.expect(201);
    assert_eq!(begun["public"]["authenticatorSelection"]["userVerification"], "required");
    let credential = device.create(&begun, ORIGIN);
    let refused = stage.finish(&begun, answer(&credential)).await.problem(422, "requirement-unmet");
    assert_eq!(refused["requirement"], "user-verification");
    let held = stage.call("GET", "/v1/users/alice/factors", Value::Null).await.expect(200);
    assert_eq!(held["factors"], json!([]));
}
