//! `store backup` and `store restore`, with servers that run.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::common;
use common::{Answer, Server};
use serde_json::{Value, json};

/// Returns a configuration whose Twilio is the outbox of a demo. All of them have the same keys.
fn config(folder: &Path, demo: &Server) -> PathBuf {
    let file = folder.join("twofactor.toml");
    let outbox = demo.said["outbox_url"].as_str().unwrap().trim_start_matches("http://");
    let store = folder.join("twofactor.db");
    common::share_compiled(&store);
    let text = format!(
        "listen = \"127.0.0.1:0\"\n[store]\npath = {store:?}\n[network.overrides]\n\"https://api.twilio.com\" = {outbox:?}\n"
    );
    std::fs::write(&file, text).unwrap();
    file
}

fn store(command: &str, config: &Path, file: &Path) -> Output {
    common::run(&["store", command, "--config", config.to_str().unwrap(), file.to_str().unwrap()])
}

/// Returns the line that a command printed.
fn said(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Returns why a command was refused.
fn refusal(output: &Output) -> String {
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Sets up what an application needs to send codes. Returns its token.
async fn set_up(config: &Path, server: &Server) -> String {
    let issue = ["token", "issue", "--name", "admin", "--system-admin", "--config", config.to_str().unwrap()];
    let admin = said(&common::run(&issue))["token"].as_str().unwrap().to_owned();
    let call = async |method: &str, path: &str, body: Value| server.call(method, path, &admin, body).await;
    call("POST", "/v1/subscriptions", json!({"id": "acme", "name": "Acme"})).await.expect(201);
    let options = json!({"TwilioAccountSid": "AC0123456789abcdef0123456789abcdef", "TwilioAuthToken": "x",
        "TwilioSmsFromNumber": "+15005550006"});
    let new = json!({"type": "twilio", "name": "SMS", "options": options});
    let created = call("POST", "/v1/subscriptions/acme/two-factors", new).await.expect(201);
    let path = format!("/v1/subscriptions/acme/two-factors/{}/assignments", created["id"].as_str().unwrap());
    call("PUT", &path, json!([{"kind": "tenant", "id": "t"}])).await.expect(200);
    let token = json!({"name": "web", "role": "application", "subscriptions": ["acme"]});
    call("POST", "/v1/tokens", token).await.expect(201)["token"].as_str().unwrap().to_owned()
}

async fn start(server: &Server, application: &str, phone: &str) -> Value {
    let body = json!({"tenant": "t", "user": phone, "recipient": {"phone": phone}});
    server.call("POST", "/v1/challenges", application, body).await.expect(201)
}

async fn verify(server: &Server, application: &str, started: &Value, code: &str) -> Answer {
    let path = format!("/v1/challenges/{}/verify", started["id"].as_str().unwrap());
    server.call("POST", &path, application, json!({"code": code})).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_used_is_backed_up_and_restored_elsewhere_without_what_was_open() {
    let demo = Server::demo();
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let config_here = config(folder.path(), &demo);
    let server = Server::serve(&config_here);
    let application = set_up(&config_here, &server).await;
    let open = start(&server, &application, "+41791239999").await;
    let code = demo.code("+41791239999").await;

    let backup = elsewhere.path().join("backup.db");
    let is_done = AtomicBool::new(false);
    let sign_ins = async {
        let mut count = 0;
        while !is_done.load(Ordering::Relaxed) && count < 150 {
            let phone = format!("+4179123{count:04}");
            let started = start(&server, &application, &phone).await;
            verify(&server, &application, &started, &demo.code(&phone).await).await.expect(200);
            count += 1;
        }
        count
    };
    let backing_up = async {
        let (config, file) = (config_here.clone(), backup.clone());
        let output = tokio::task::spawn_blocking(move || store("backup", &config, &file)).await.unwrap();
        is_done.store(true, Ordering::Relaxed);
        output
    };
    let (count, output) = tokio::join!(sign_ins, backing_up);
    assert!(count > 0);
    let line = said(&output);
    assert_eq!(line["backup"], backup.to_str().unwrap());
    assert_eq!(line["keys"], folder.path().join("twofactor.db.keys").to_str().unwrap());
    assert!(line["note"].as_str().unwrap().contains("does not contain the keys"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert!(refusal(&store("backup", &config_here, &backup)).contains("already exists"));

    let config_elsewhere = config(elsewhere.path(), &demo);
    let line = said(&store("restore", &config_elsewhere, &backup));
    assert!(line["previous"].is_null() && line["backup_of"].is_string() && line["lines"].is_u64(), "{line}");
    let restored = Server::serve(&config_elsewhere);
    verify(&restored, &application, &open, &code).await.problem(410, "challenge-closed");
    let started = start(&restored, &application, "+41791238888").await;
    let newer = demo.code("+41791238888").await;
    verify(&restored, &application, &started, &newer).await.expect(200);
    // It was the right code, and is accepted where it was sent.
    verify(&server, &application, &open, &code).await.expect(200);
    let audit = common::run(&["audit", "verify", "--config", config_elsewhere.to_str().unwrap()]);
    assert_eq!(said(&audit)["whole"], true);
}

#[tokio::test]
async fn a_database_is_replaced_only_while_no_server_runs_and_only_by_a_whole_backup() {
    let demo = Server::demo();
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), &demo);
    let server = Server::serve(&config);
    let application = set_up(&config, &server).await;
    let backup = folder.path().join("backup.db");
    said(&store("backup", &config, &backup));
    let open = start(&server, &application, "+41791234567").await;
    let code = demo.code("+41791234567").await;

    assert!(refusal(&store("restore", &config, &backup)).contains("uses it: stop it"));
    let whole = std::fs::read(&backup).unwrap();
    let truncated = folder.path().join("truncated.db");
    std::fs::write(&truncated, &whole[..whole.len() / 2]).unwrap();
    assert!(refusal(&store("restore", &config, &truncated)).contains("truncated.db"));
    verify(&server, &application, &open, &code).await.expect(200);

    // Killed, so that its last writes are in the log.
    drop(server);
    refusal(&store("restore", &config, &truncated));
    let previous = said(&store("restore", &config, &backup))["previous"].as_str().unwrap().to_owned();
    assert!(previous.contains("twofactor.db.before-restore-") && Path::new(&previous).is_file(), "{previous}");
    let server = Server::serve(&config);
    start(&server, &application, "+41791234567").await;
    drop(server);

    // Nothing was lost: it can be restored as well.
    let again = folder.path().join("again.db");
    std::fs::rename(&previous, &again).unwrap();
    said(&store("restore", &config, &again));
    drop(Server::serve(&config));
}

#[test]
fn a_backup_with_other_keys_is_refused_and_one_of_postgresql_is_made_with_its_own_tools() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let config = |name: &str, store: &str| {
        std::fs::write(file(name), format!("listen = \"127.0.0.1:0\"\n[store]\n{store}\n")).unwrap();
        file(name)
    };
    let sqlite = |name: &str| config(&format!("{name}.toml"), &format!("path = {:?}", file(&format!("{name}.db"))));
    let (one, other) = (sqlite("one"), sqlite("other"));
    for config in [&one, &other] {
        let issue = ["token", "issue", "--name", "a", "--system-admin", "--config", config.to_str().unwrap()];
        assert!(common::run(&issue).status.success());
    }
    said(&store("backup", &one, &file("backup.db")));
    let why = refusal(&store("restore", &other, &file("backup.db")));
    assert!(why.contains("backup.db") && why.contains("is not in the key file"), "{why}");
    // The other store is as it was.
    assert_eq!(said(&common::run(&["audit", "verify", "--config", other.to_str().unwrap()]))["lines"], 1);

    let keys = format!("url = \"postgres://nobody@localhost/none\"\n[keys]\nfile = {:?}", file("one.db.keys"));
    let postgresql = config("postgresql.toml", &keys);
    for command in ["backup", "restore"] {
        let why = refusal(&store(command, &postgresql, &file("any.db")));
        assert!(why.contains("`pg_dump`") && why.contains("docs/postgresql.md"), "{why}");
    }
}
