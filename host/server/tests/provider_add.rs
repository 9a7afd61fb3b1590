//! `twofactor provider add`, `list`, `rollback` and `remove`, next to a server on the same store.
//! Results that take time are polled.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use crate::common;
use common::{Server, run, twofactor};
use serde_json::{Value, json};
use tempfile::TempDir;
use twofactor_tests::minisign::Signer;
use twofactor_tests::wrong::component;

#[tokio::test]
async fn an_upgrade_that_invalidates_an_instance_names_it_and_needs_more_than_yes() {
    let place = Place::new("");
    let first = place.write("first.wasm", &component("none"));
    assert!(place.add(&first, &["--yes"]).status.success());
    let (admin, server) = (place.admin_token(), Server::serve(&place.config));
    server.call("POST", "/v1/subscriptions", &admin, json!({"id": "s", "name": "S"})).await.expect(201);
    let options = json!({"Sender": "Shop", "Key": "k3y-canary"});
    let body = json!({"type": "wrong", "name": "Our messages", "active": true, "options": options});
    let made = server.call("POST", "/v1/subscriptions/s/two-factors", &admin, body).await.expect(201);
    assert_eq!(made["valid"], true, "{made}");
    let second = place.write("second.wasm", &component("it requires one more"));
    let refused = place.add(&second, &["--yes"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("`Our messages`"), "{said}");
    assert!(place.add(&second, &["--yes", "--allow-invalid"]).status.success());
}

/// An installation in a folder.
struct Place {
    folder: TempDir,
    config: PathBuf,
}

impl Place {
    fn new(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("twofactor.toml");
        let store = folder.path().join("db");
        fs::write(&config, format!("listen = \"127.0.0.1:0\"\n[store]\npath = {store:?}\n{more}")).unwrap();
        Self { folder, config }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    fn run(&self, command: &str, more: &[&str]) -> Output {
        let config = self.config.to_str().unwrap();
        run(&[&["provider", command, "--config", config], more].concat())
    }

    fn add(&self, path: &Path, more: &[&str]) -> Output {
        self.run("add", &[&[path.to_str().unwrap()], more].concat())
    }

    /// Returns what serves the type of these tests, by the command line.
    fn listed(&self) -> Option<String> {
        let all = out(&self.run("list", &[]));
        all.lines().find(|line| line.starts_with("wrong ")).map(str::to_owned)
    }

    fn admin_token(&self) -> String {
        let issue = ["token", "issue", "--name", "a", "--system-admin", "--config", self.config.to_str().unwrap()];
        let said: Value = serde_json::from_slice(&run(&issue).stdout).unwrap();
        said["token"].as_str().unwrap().to_owned()
    }
}

#[track_caller]
fn out(output: &Output) -> String {
    assert!(output.status.success(), "{}", err(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[track_caller]
fn refused(output: &Output) -> String {
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    err(output)
}

/// Asks the server until this version serves.
async fn serves(server: &Server, token: &str, version: Option<&str>) {
    let asked = async {
        loop {
            let all = server.call("GET", "/v1/providers", token, Value::Null).await.expect(200);
            let found = all["providers"].as_array().unwrap().iter().find(|one| one["type"] == "wrong");
            if found.map(|one| one["version"].as_str().unwrap()) == version {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    // Longer than any machine takes: a failing test does not hang.
    tokio::time::timeout(Duration::from_secs(120), asked).await.unwrap();
}

#[test]
fn a_component_is_compiled_once_for_preview_and_install_and_never_if_its_digest_differs() {
    let place = Place::new("");
    let (file, it) = (place.write("it.wasm", &component("none")), component("none"));
    let digest = hex::encode(ring::digest::digest(&ring::digest::SHA256, &it));
    let compiled = |output: &Output| {
        let log = err(output);
        log.lines().filter(|line| line.contains("compiling a provider") && line.contains(&digest)).count()
    };
    let other = place.add(&file, &["--digest", &format!("sha256:{}", "0".repeat(64))]);
    assert!(refused(&other).contains("the component does not have the expected digest"));
    assert_eq!(compiled(&other), 0, "{}", err(&other));
    let added = place.add(&file, &["--yes"]);
    assert!(out(&added).contains("Installed: sha256:"));
    assert_eq!(compiled(&added), 1, "{}", err(&added));
    assert!(place.listed().is_some());
}

#[tokio::test]
async fn nothing_is_installed_before_somebody_approved_what_was_shown() {
    let place = Place::new("");
    let file = place.write("it.wasm", &component("none"));
    let shown = place.add(&file, &[]);
    let said = refused(&shown);
    let shown = String::from_utf8(shown.stdout).unwrap();
    for words in [
        "Wrong in one way 1.0.0 (type `wrong`",
        "Capabilities:\n  - send HTTP requests to the origins",
        "is a new type",
    ] {
        assert!(shown.contains(words), "{shown}");
    }
    assert!(said.contains("nothing was installed: there is no terminal to confirm on"), "{said}");
    assert_eq!(place.listed(), None);

    let digest = said.split("--digest ").nth(1).unwrap().split('`').next().unwrap().to_owned();
    let other = refused(&place.add(&file, &["--digest", &digest.replace(&digest[8..10], "zz")]));
    assert!(other.contains("does not have the expected digest"), "{other}");
    let shown = out(&place.add(&file, &["--digest", &digest]));
    assert!(shown.ends_with(&format!("Installed: {digest}\n")), "{shown}");
    assert!(place.listed().unwrap().contains(&digest));
}

#[tokio::test]
async fn an_upgrade_shows_the_difference_and_serves_at_once_until_it_is_rolled_back() {
    let place = Place::new("");
    let (token, server) = (place.admin_token(), Server::serve(&place.config));
    let project = place.write("project/target/wasm32-wasip2/release/it.wasm", &component("none"));
    let project = project.ancestors().nth(4).unwrap();
    out(&place.add(project, &["--yes"]));
    serves(&server, &token, Some("1.0.0")).await;

    place.write("project/provider.wasm", &component("version 2.0.0"));
    let shown = out(&place.add(project, &["--yes"]));
    let difference = shown.split("It replaces ").nth(1).unwrap();
    assert!(difference.contains("Wrong in one way 1.0.0 (sha256:"), "{difference}");
    assert!(difference.contains("Its capabilities are unchanged."), "{difference}");
    assert!(!difference.contains("options") && !difference.contains("DOWNGRADE"), "{difference}");
    serves(&server, &token, Some("2.0.0")).await;

    place.write("project/provider.wasm", &component("version 1.5.0"));
    assert!(refused(&place.add(project, &["--yes"])).contains("lower than the current version 2.0.0"));
    let shown = out(&place.add(project, &["--yes", "--allow-downgrade"]));
    assert!(shown.contains("This is a DOWNGRADE"), "{shown}");
    serves(&server, &token, Some("1.5.0")).await;

    assert!(out(&place.run("rollback", &["wrong"])).contains("Rolled back `wrong` to Wrong in one way 2.0.0"));
    serves(&server, &token, Some("2.0.0")).await;
    assert!(place.listed().unwrap().starts_with("wrong 2.0.0 Wrong in one way sha256:"));
    // Over the API what it would change is asked first.
    let body = component("its key is open");
    let request = server.request("POST", "/v1/providers/preview", &token).body(body.clone());
    let examined = common::Answer::of(request).await.expect(200);
    let listed = server.call("GET", "/v1/providers", &token, Value::Null).await.expect(200);
    let serving = listed["providers"].as_array().unwrap().iter().find(|one| one["type"] == "wrong").unwrap();
    assert_eq!((&examined["replaces"], &listed["refused"]), (&serving["digest"], &json!([])));
    let changes = json!({"added_capabilities": [], "removed_capabilities": [], "added_options": [],
        "removed_options": [], "added_required_options": [], "exposed_options": ["Key"], "is_downgrade": true,
        "new_destinations": [], "made_invalid": []});
    assert_eq!(examined["changes"], changes);
    serves(&server, &token, Some("2.0.0")).await;
    let digest = |of: &Value| format!("sha256:{}", of["digest"].as_str().unwrap());
    let query = format!(
        "digest={}&replaces={}&allow_downgrade=true",
        digest(&examined["provider"]),
        examined["replaces"].as_str().unwrap()
    );
    let add = server.request("POST", &format!("/v1/providers?{query}"), &token).body(body);
    let added = common::Answer::of(add).await.expect(201);
    // Only what was previewed is rolled back.
    assert!(
        refused(&place.run("rollback", &["wrong", "--digest", &digest(serving)])).contains("modified by someone else")
    );
    assert!(
        refused(&place.run("remove", &["wrong", "--digest", &digest(serving)])).contains("modified by someone else")
    );
    out(&place.run("rollback", &["wrong", "--digest", &digest(&added)]));
    serves(&server, &token, Some("2.0.0")).await;

    let path = "/v1/providers/wrong/rollback";
    let before = server.call("POST", path, &token, Value::Null).await.expect(200);
    assert_eq!(before["version"], "1.0.0");
    server.call("POST", path, &token, Value::Null).await.problem(409, "conflict");
    assert!(out(&place.run("remove", &["wrong"])).contains("Removed. `wrong` has no provider"));
    serves(&server, &token, None).await;
    assert!(refused(&place.run("remove", &["wrong"])).contains("added provider not found"));
}

#[tokio::test]
async fn over_the_api_each_new_destination_is_approved_as_a_parameter_of_its_own() {
    let place = Place::new("");
    let (token, server) = (place.admin_token(), Server::serve(&place.config));
    out(&place.add(&place.write("it.wasm", &component("placed: in a header")), &["--yes"]));
    serves(&server, &token, Some("1.0.0")).await;
    server.call("POST", "/v1/subscriptions", &token, json!({"id": "s", "name": "S"})).await.expect(201);
    let options = json!({"Sender": "Shop", "Key": "k3y-canary", "Token": "t0ken-canary"});
    let body = json!({"type": "wrong", "name": "x", "options": options});
    let made = server.call("POST", "/v1/subscriptions/s/two-factors", &token, body).await.expect(201);
    assert_eq!(made["valid"], true, "{made}");

    let next = component("placed: too many parts");
    let ask = |path: &str, parameters: &[(&str, &str)]| {
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        common::Answer::of(server.request("POST", &format!("{path}?{query}"), &token).body(next.clone()))
    };
    let examined = ask("/v1/providers/preview", &[]).await.expect(200);
    let new = "https://upstream.example.com place=body,query:/Token";
    let [destination] = &examined["changes"]["new_destinations"].as_array().unwrap()[..] else { panic!("{examined}") };
    assert_eq!(destination["destination"], new);
    let other = "https://other.example.com";
    let refused: [&[(&str, &str)]; 3] = [
        &[],
        &[("destinations", other)],
        &[("destinations", "https://upstream.example.com place=body"), ("destinations", "query:/Token")],
    ];
    for parameters in refused {
        ask("/v1/providers", parameters).await.problem(400, "invalid-input");
    }
    // These are refused before the body is read.
    for query in ["allow_invalid=false&allow_invalid=false", "allow_invalid=no", "destination=x"] {
        let path = format!("/v1/providers?{query}");
        common::Answer::of(server.request("POST", &path, &token).body("x")).await.problem(400, "invalid-input");
    }
    ask("/v1/providers", &[("destinations", other), ("destinations", new)]).await.expect(201);
}

#[tokio::test]
async fn a_folder_must_hold_one_component() {
    let place = Place::new("");
    let folder = place.folder.path().join("empty");
    fs::create_dir(&folder).unwrap();
    assert!(refused(&place.add(&folder, &["--yes"])).contains("there is no component (.wasm) in"));
    place.write("empty/a.wasm", &component("none"));
    place.write("empty/b.wasm", &component("none"));
    assert!(refused(&place.add(&folder, &["--yes"])).contains("more than one component: pass the file"));
    assert!(refused(&place.add(&folder.join("c.wasm"), &["--yes"])).contains("cannot read"));
    let no_provider = place.write("x.wasm", b"\0asm");
    assert!(refused(&place.add(&no_provider, &["--yes"])).contains("not a valid WebAssembly component"));
}

#[tokio::test]
async fn a_signature_is_read_from_a_file_next_to_the_component_or_from_the_call() {
    let Some(acme) = Signer::new() else { return };
    let signers = format!("[providers]\nrequire_signature = true\n[providers.signers]\nacme = {:?}\n", acme.public_key);
    let place = Place::new(&signers);
    let file = place.write("it.wasm", &component("none"));
    assert!(refused(&place.add(&file, &["--yes"])).contains("is not signed"));
    let elsewhere = place.write("elsewhere", acme.sign(&component("none")).as_bytes());
    let shown = out(&place.add(&file, &["--yes", "--signature", elsewhere.to_str().unwrap()]));
    assert!(shown.contains("signed by acme"), "{shown}");
    let file = place.write("it.wasm", &component("version 1.1.0"));
    place.write("it.wasm.minisig", acme.sign(&component("none")).as_bytes());
    assert!(refused(&place.add(&file, &["--yes"])).contains("not one of this component"));
    place.write("it.wasm.minisig", acme.sign(&component("version 1.1.0")).as_bytes());
    out(&place.add(&file, &["--yes"]));
    assert!(place.listed().unwrap().contains("signed by acme"));

    // Over the API it comes in a header.
    let (token, server) = (place.admin_token(), Server::serve(&place.config));
    let body = component("version 1.2.0");
    let add = |signature: Option<String>| {
        let request = server.request("POST", "/v1/providers", &token).body(body.clone());
        let request = signature.into_iter().fold(request, |request, text| request.header("minisign-signature", text));
        common::Answer::of(request)
    };
    use base64::Engine as _;
    let base64 = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    add(None).await.problem(400, "invalid-input");
    add(Some("not base64".to_owned())).await.problem(400, "invalid-input");
    add(Some(base64(&acme.sign(&component("none"))))).await.problem(400, "invalid-input");
    assert_eq!(add(Some(base64(&acme.sign(&body)))).await.expect(201)["signed_by"], json!("acme"));
}

#[tokio::test]
async fn an_added_component_that_is_refused_is_shown_with_the_reason() {
    let Some(acme) = Signer::new() else { return };
    let place = Place::new("");
    let file = place.write("it.wasm", &component("none"));
    out(&place.add(&file, &["--yes"]));
    let token = place.admin_token();
    let mut config = fs::read_to_string(&place.config).unwrap();
    config += &format!("[providers]\nrequire_signature = true\n[providers.signers]\nacme = {:?}\n", acme.public_key);
    fs::write(&place.config, config).unwrap();
    let listed = out(&place.run("list", &[]));
    let line = listed.lines().find(|line| line.starts_with("wrong ")).unwrap();
    assert!(line.starts_with("wrong CANNOT BE USED: sha256:") && line.contains("is not signed"), "{line}");
    let server = Server::serve(&place.config);
    let listed = server.call("GET", "/v1/providers", &token, Value::Null).await.expect(200);
    let [refused] = &listed["refused"].as_array().unwrap()[..] else { panic!("{listed}") };
    assert!(refused["type"] == "wrong" && refused["why"].as_str().unwrap().contains("is not signed"), "{refused}");
    assert!(!listed["providers"].as_array().unwrap().iter().any(|one| one["type"] == "wrong"));
    // With a signature, the same component is accepted.
    place.write("it.wasm.minisig", acme.sign(&component("none")).as_bytes());
    out(&place.add(&file, &["--yes"]));
    serves(&server, &token, Some("1.0.0")).await;
    let listed = server.call("GET", "/v1/providers", &token, Value::Null).await.expect(200);
    assert_eq!(listed["refused"], json!([]));
}

#[test]
fn a_watched_component_is_installed_again_whenever_it_changes() {
    let place = Place::new("");
    let file = place.write("it.wasm", &component("none"));
    let config = place.config.to_str().unwrap();
    let mut command = twofactor(&["provider", "add", "--config", config, "--watch", file.to_str().unwrap()]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut faults = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.starts_with("Watching")));
    // A lower version too: this is development.
    for version in ["1.1.0", "0.3.0"] {
        place.write("it.wasm", &component(&format!("version {version}")));
        assert!(lines.next().unwrap().starts_with(&format!("Installed: {version} ")));
        assert!(place.listed().unwrap().starts_with(&format!("wrong {version} ")));
    }
    place.write("it.wasm", b"half a compone");
    assert!(faults.any(|line| line.contains("Not installed: this is not a valid WebAssembly component")));
    place.write("it.wasm", &component("version 1.2.0"));
    assert!(lines.next().unwrap().starts_with("Installed: 1.2.0 "));
    child.kill().unwrap();
    child.wait().unwrap();
}
