//! Starting and stopping `twofactor serve`, and how a command ends if nobody reads its output.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common;
use common::{Answer, Server};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

fn config(folder: &Path, more: &str) -> PathBuf {
    let file = folder.join("twofactor.toml");
    let store = folder.join("twofactor.db");
    std::fs::write(&file, format!("listen = \"127.0.0.1:0\"\n[store]\npath = {store:?}\n{more}")).unwrap();
    file
}

fn refusal(config: &Path) -> String {
    let output = common::run(&["serve", "--config", config.to_str().unwrap()]);
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_wrong_configuration_is_refused_with_the_file_the_key_and_the_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = config(folder.path(), "[policy]\ncode_length = \"six\"\n");
    let text = refusal(&file);
    assert!(text.contains("twofactor.toml") && text.contains("line 5") && text.contains("code_length"), "{text}");
    let file = config(folder.path(), "[policy]\ncode_length = 3\n");
    assert!(refusal(&file).contains("`code_length` must be 4 to 10"));
    let file = config(folder.path(), "[tls]\ncertificate = \"no.pem\"\nkey = \"no.pem\"\n");
    assert!(refusal(&file).contains("tls.certificate"));
    assert!(refusal(Path::new("no-such.toml")).contains("no-such.toml"));
}

#[test]
fn a_folder_that_is_missing_is_named_with_its_key_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let none = folder.path().join("no/such folder");
    let file = folder.path().join("twofactor.toml");
    std::fs::write(&file, format!("listen = \"127.0.0.1:0\"\n[store]\npath = {:?}\n", none.join("a.db"))).unwrap();
    let text = refusal(&file);
    assert!(text.contains("`store.path`") && text.contains(&*none.to_string_lossy()), "{text}");
    assert!(text.contains("does not exist; create it"), "{text}");
    let text = refusal(&config(folder.path(), &format!("[keys]\nfile = {:?}\n", none.join("a.keys"))));
    assert!(text.contains("`keys.file`") && text.contains("does not exist; create it"), "{text}");
}

#[test]
fn a_quota_of_a_type_without_a_provider_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let file = config(
        folder.path(),
        "[rate_limits.types.twillio]\nsegments_per_day = 1\n[rate_limits.types.twilio]\nsegments_per_day = 1\n",
    );
    let output = common::run(&["provider", "list", "--config", file.to_str().unwrap()]);
    let text = String::from_utf8(output.stderr).unwrap();
    let told: Vec<_> = text.lines().filter(|line| line.contains("no provider for it is loaded")).collect();
    assert!(output.status.success() && told.len() == 1 && told[0].contains("twillio"), "{text}");
}

#[test]
fn without_the_keys_it_used_before_the_server_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = config(folder.path(), "");
    drop(Server::serve(&file));
    let keys = folder.path().join("twofactor.db.keys");
    let kept = std::fs::read(&keys).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&keys).unwrap().permissions().mode() & 0o777, 0o600);
    }
    std::fs::remove_file(&keys).unwrap();
    let text = refusal(&file);
    assert!(text.contains("the key file") && text.contains("is missing"), "{text}");
    // Nor does any other command make new keys next to a used database.
    let issue = ["token", "issue", "--name", "a", "--system-admin", "--config", file.to_str().unwrap()];
    assert!(!common::run(&issue).status.success());
    assert!(!keys.exists());
    std::fs::write(&keys, kept).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    drop(Server::serve(&file));
}

/// Returns an upstream that answers when told to.
async fn slow_twilio(go: tokio::sync::oneshot::Receiver<()>, came: tokio::sync::oneshot::Sender<()>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = [0; 4096];
        assert!(stream.read(&mut bytes).await.unwrap() > 0);
        came.send(()).unwrap();
        go.await.unwrap();
        let body = r#"{"sid":"SM00000000000000000000000000000000","status":"queued"}"#;
        let head = format!("HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: {}", body.len());
        stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).await.unwrap();
        let _ = stream.read(&mut bytes).await;
    });
    address
}

#[cfg(unix)]
#[tokio::test]
async fn on_sigterm_pending_deliveries_finish_and_nothing_new_is_accepted() {
    let (go, when) = tokio::sync::oneshot::channel();
    let (came, seen) = tokio::sync::oneshot::channel();
    let twilio = slow_twilio(when, came).await;
    let folder = tempfile::tempdir().unwrap();
    let file = config(folder.path(), &format!("[network.overrides]\n\"https://api.twilio.com\" = {twilio:?}\n"));
    let issue = ["token", "issue", "--name", "a", "--system-admin", "--config", file.to_str().unwrap()];
    let said: Value = serde_json::from_slice(&common::run(&issue).stdout).unwrap();
    let admin = said["token"].as_str().unwrap();
    let mut server = Server::serve(&file);
    server.call("POST", "/v1/subscriptions", admin, json!({"id": "s", "name": "S"})).await.expect(201);
    let options = json!({"TwilioAccountSid": "AC0123456789abcdef0123456789abcdef", "TwilioAuthToken": "x",
        "TwilioSmsFromNumber": "+15005550006"});
    let new = json!({"type": "twilio", "name": "SMS", "options": options});
    let created = server.call("POST", "/v1/subscriptions/s/two-factors", admin, new).await.expect(201);
    let path = format!("/v1/subscriptions/s/two-factors/{}/assignments", created["id"].as_str().unwrap());
    server.call("PUT", &path, admin, json!([{"kind": "tenant", "id": "t"}])).await.expect(200);
    let token = json!({"name": "a", "role": "application", "subscriptions": ["s"]});
    let token = server.call("POST", "/v1/tokens", admin, token).await.expect(201);

    let body = json!({"tenant": "t", "recipient": {"phone": "+41791234567"}});
    let request = server.request("POST", "/v1/challenges", token["token"].as_str().unwrap()).body(body.to_string());
    let pending = tokio::spawn(Answer::of(request));
    seen.await.unwrap();
    let pid = server.child.id().to_string();
    // Without a certificate there is nothing to read again, and nothing ends.
    assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    // The address is free once nothing new is accepted.
    let address = server.url.trim_start_matches("http://").to_owned();
    while tokio::net::TcpStream::connect(&address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    go.send(()).unwrap();
    pending.await.unwrap().expect(201);
    let status = tokio::task::spawn_blocking(move || server.child.wait().unwrap()).await.unwrap();
    assert!(status.success());
}

#[tokio::test]
async fn tls_is_spoken_with_the_configured_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.path().join("tls.pem"), folder.path().join("tls.key"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let file = config(folder.path(), &format!("[tls]\ncertificate = {certificate:?}\nkey = {key:?}\n"));
    let server = Server::serve(&file);
    assert!(server.url.starts_with("https://"));
    let port = server.url.rsplit_once(':').unwrap().1.to_owned();
    let authority = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    let trusting = reqwest::Client::builder().tls_certs_only([authority]).build().unwrap();
    let answer = trusting.get(format!("https://localhost:{port}/readyz")).send().await.unwrap();
    assert!(answer.status().is_success());
    assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000");
    let other = reqwest::Client::new().get(format!("https://localhost:{port}/readyz")).send().await;
    assert!(other.is_err());
}

#[tokio::test]
async fn after_a_rotation_of_keys_what_was_sealed_before_still_opens() {
    let folder = tempfile::tempdir().unwrap();
    let file = config(folder.path(), "");
    let issue = ["token", "issue", "--name", "a", "--system-admin", "--config", file.to_str().unwrap()];
    let said: Value = serde_json::from_slice(&common::run(&issue).stdout).unwrap();
    let admin = said["token"].as_str().unwrap();
    let server = Server::serve(&file);
    let base = json!({"TwilioAuthToken": "before"});
    let before = server.call("PUT", "/v1/base-settings/twilio", admin, base).await.expect(200);
    drop(server);
    assert!(common::run(&["key", "rotate", "--config", file.to_str().unwrap()]).status.success());
    let server = Server::serve(&file);
    let after = server.call("GET", "/v1/base-settings/twilio", admin, Value::Null).await.expect(200);
    assert_eq!(before, after);
}

#[test]
fn a_command_with_closed_output_ends_like_any_other_in_a_pipe() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = Command::new(env!("CARGO_BIN_EXE_twofactor")).arg("openapi").stdout(writer).output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(141), String::new()));
}

/// All files that the server makes are its owner's alone, whatever the umask is.
#[cfg(unix)]
#[test]
fn nobody_else_may_read_what_the_server_writes() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let file = config(folder.path(), "");
    let script = format!("umask 000; exec {} serve --config \"$0\"", env!("CARGO_BIN_EXE_twofactor"));
    let server = Server::spawn(Command::new("sh").args(["-c", &script, file.to_str().unwrap()]).env_remove("RUST_LOG"));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for (name, expected) in [
        ("twofactor.db", 0o600),
        ("twofactor.db-wal", 0o600),
        ("twofactor.db-shm", 0o600),
        ("twofactor.db.keys", 0o600),
        ("twofactor.db.cache", 0o700),
    ] {
        assert_eq!(mode(&folder.path().join(name)), expected, "{name}");
    }
    for kept in std::fs::read_dir(folder.path().join("twofactor.db.cache")).unwrap() {
        assert_eq!(mode(&kept.unwrap().path()), 0o600);
    }
    drop(server);
}

/// A limit on the size of files simulates a full disk.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_server_that_cannot_write_is_not_ready() {
    let folder = tempfile::tempdir().unwrap();
    let file = config(folder.path(), "[providers]\nload = []\n");
    // A process that ignores the signal gets an error, as with a full disk.
    let script = format!("trap '' XFSZ; exec {} serve --config \"$0\"", env!("CARGO_BIN_EXE_twofactor"));
    let server = Server::spawn(Command::new("sh").args(["-c", &script, file.to_str().unwrap()]).env_remove("RUST_LOG"));
    let ready = async || Answer::of(server.request("GET", "/readyz", "")).await.status;
    assert_eq!(ready().await, 200);
    let pid = i32::try_from(server.child.id()).unwrap();
    let (mut soft, mut hard) = (0, 0);
    rlimit::prlimit(pid, rlimit::Resource::FSIZE, None, Some((&mut soft, &mut hard))).unwrap();
    rlimit::prlimit(pid, rlimit::Resource::FSIZE, Some((0, hard)), None).unwrap();
    // A result from a moment ago is reused.
    while ready().await == 200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(ready().await, 503);
    rlimit::prlimit(pid, rlimit::Resource::FSIZE, Some((soft, hard)), None).unwrap();
    assert_eq!(ready().await, 200);
}
