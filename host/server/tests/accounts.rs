//! Accounts over the API and from the command line, and the link to the first administrator.

use std::path::{Path, PathBuf};

use crate::common;
use common::visitor::Visitor;
use common::{Answer, Server};
use serde_json::{Value, json};

fn config(folder: &Path, more: &str) -> PathBuf {
    let file = folder.join("twofactor.toml");
    let store = folder.join("twofactor.db");
    common::share_compiled(&store);
    std::fs::write(&file, format!("listen = \"127.0.0.1:0\"\n{more}\n[store]\npath = {store:?}\n")).unwrap();
    file
}

fn ran(arguments: &[&str]) -> Value {
    let output = common::run(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn failed(arguments: &[&str]) -> String {
    let output = common::run(arguments);
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

/// Returns the secret in a link or its path: 256 bits behind a prefix.
fn secret(link: &Value) -> &str {
    let (_, secret) = link.as_str().unwrap().split_once("/admin/invitation/").unwrap();
    assert!(secret.starts_with("tfi_") && secret.len() == 47, "{secret}");
    secret
}

fn alice() -> Value {
    json!({"name": "Alice", "email": "Alice@Example.com", "phone": "+41 79 123 45 67", "role": "system_admin"})
}

#[tokio::test]
async fn an_account_is_made_read_changed_and_removed() {
    let demo = Server::demo();
    let admin = demo.token("admin_token");
    let call = async |method: &str, path: &str, body: Value| demo.call(method, path, admin, body).await;

    let created = call("POST", "/v1/accounts", alice()).await.expect(201);
    let link = created["invitation"]["path"].clone();
    secret(&link);
    assert_eq!((&created["email"], &created["phone"]), (&json!("alice@example.com"), &json!("+41791234567")));
    assert_eq!((&created["state"], &created["role"]), (&json!("invited"), &json!("system_admin")));
    call("POST", "/v1/accounts", alice()).await.problem(409, "conflict");

    let path = format!("/v1/accounts/{}", created["id"].as_str().unwrap());
    let read = call("GET", &path, Value::Null).await;
    // The link is shown where it is made and nowhere else.
    assert!(!read.text.contains("tfi_"));
    let tag = read.headers["etag"].to_str().unwrap().to_owned();
    let change = async |tag: &str, body: Value| {
        Answer::of(demo.request("PATCH", &path, admin).header("if-match", tag).body(body.to_string())).await
    };
    let role = json!({"name": "Alice A.", "phone": null, "role": "subscription_admin", "subscriptions": ["demo"]});
    let changed = change(&tag, role).await.expect(200);
    assert_eq!((&changed["name"], &changed["phone"]), (&json!("Alice A."), &Value::Null));
    assert_eq!(changed["subscriptions"], json!(["demo"]));
    change(&tag, json!({"name": "x"})).await.problem(412, "precondition-failed");

    let again = call("POST", &format!("{path}/invitation"), Value::Null).await.expect(201);
    assert_ne!(secret(&again["path"]), secret(&link));
    change("*", json!({"state": "active"})).await.problem(400, "invalid-input");
    assert_eq!(change("*", json!({"state": "disabled"})).await.expect(200)["state"], "disabled");
    call("POST", &format!("{path}/invitation"), Value::Null).await.problem(409, "conflict");
    assert_eq!(change("*", json!({"state": "active"})).await.expect(200)["state"], "invited");
    call("DELETE", &path, Value::Null).await.expect(204);
    call("GET", &path, Value::Null).await.problem(404, "not-found");
    call("DELETE", &path, Value::Null).await.problem(404, "not-found");
    call("PATCH", &path, json!({})).await.problem(404, "not-found");
    call("POST", &format!("{path}/invitation"), Value::Null).await.problem(404, "not-found");

    let log = call("GET", "/v1/audit?limit=1000", Value::Null).await;
    let entries = log.json["entries"].as_array().unwrap();
    let own = entries.iter().filter(|line| line["subject"] == created["id"]);
    let word = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
    let done: Vec<_> = own.map(|line| format!("{} {}", word(line, "action"), word(line, "detail"))).collect();
    assert_eq!(
        done,
        [
            "account.create system_admin",
            r#"account.update {"/name":"changed","/phone":"changed","/role":["system_admin","subscription_admin"],"/subscriptions":[null,["demo"]]}"#,
            "account.invite ",
            r#"account.update {"/disabled":[false,true]}"#,
            r#"account.update {"/disabled":[true,false]}"#,
            "account.delete ",
        ]
    );
    for canary in ["tfi_", "Alice", "alice@example.com", "41791234567"] {
        assert!(!log.text.contains(canary), "{canary}");
    }
}

#[tokio::test]
async fn the_last_system_administrator_who_can_log_in_stays_and_the_answer_says_what_to_do() {
    let demo = Server::demo();
    let admin = demo.token("admin_token");
    let mut anna = Visitor::first(&demo).await;
    let id = anna.get("/admin/accounts").await.value("href=\"/admin/accounts/");
    let (path, page) = (format!("/v1/accounts/{id}"), format!("/admin/accounts/{id}"));
    for change in [json!({"state": "disabled"}), json!({"role": "subscription_admin", "subscriptions": ["demo"]})] {
        let problem = demo.call("PATCH", &path, admin, change).await.problem(409, "conflict");
        assert!(problem["detail"].as_str().unwrap().contains("invite another"), "{problem}");
    }
    demo.call("DELETE", &path, admin, Value::Null).await.problem(409, "conflict");
    // The page offers it to nobody for their own account, and refuses it all the same.
    anna.post(&format!("{page}/remove"), &[]).await.shows("last system administrator who can log in").shows("Anna");
    assert_eq!(anna.get(&page).await.status, 200);

    // Once there is another, either can go.
    let invited = demo.call("POST", "/v1/accounts", admin, alice()).await.expect(201);
    let mut alice = Visitor::at(&demo.url);
    let link = invited["invitation"]["path"].as_str().unwrap();
    alice.post(link, &[("password", "another good long one")]).await.leads_to();
    let revision = alice.get(&page).await.value("name=\"revision\" value=\"");
    let demoted = [
        ("revision", &*revision),
        ("name", "Anna"),
        ("role", "subscription_admin"),
        ("subscription", "demo"),
        ("enabled", "yes"),
    ];
    assert_eq!(alice.post(&page, &demoted).await.leads_to(), format!("{page}?done=saved"));
    assert_eq!(anna.get("/admin/accounts").await.status, 303);
    let own = format!("/v1/accounts/{}", invited["id"].as_str().unwrap());
    demo.call("PATCH", &own, admin, json!({"state": "disabled"})).await.problem(409, "conflict");
    demo.call("DELETE", &path, admin, Value::Null).await.expect(204);
}

#[tokio::test]
async fn an_invalid_account_is_refused_with_a_sentence() {
    let demo = Server::demo();
    let admin = demo.token("admin_token");
    for (field, value, words) in [
        ("email", json!("nobody"), "`email`"),
        ("email", json!("a@example.com\r\nBcc: b@example.com"), "`email`"),
        ("phone", json!("079 123 45 67"), "`phone`"),
        ("name", json!(""), "`name`"),
        ("name", json!("two\nlines"), "`name`"),
        ("role", json!("application"), "`role`"),
        ("role", json!("subscription_admin"), "`subscriptions`"),
        ("subscriptions", json!(["demo"]), "`subscriptions`"),
        ("state", json!("active"), "field"),
        ("password", json!("korrekt pferd batterie"), "field"),
    ] {
        let mut body = alice();
        body[field] = value;
        let problem = demo.call("POST", "/v1/accounts", admin, body.clone()).await.problem(400, "invalid-input");
        assert!(problem["detail"].as_str().unwrap().contains(words), "{body}: {problem}");
    }
    let nowhere =
        json!({"name": "A", "email": "a@example.com", "role": "subscription_admin", "subscriptions": ["none"]});
    demo.call("POST", "/v1/accounts", admin, nowhere).await.problem(400, "invalid-input");
    let none = demo.call("GET", "/v1/accounts", admin, Value::Null).await.expect(200);
    assert_eq!(none, json!({"accounts": []}));
}

#[tokio::test]
async fn accounts_are_listed_in_pages() {
    let demo = Server::demo();
    let admin = demo.token("admin_token");
    for n in 0..5 {
        let body = json!({"name": n.to_string(), "email": format!("a{n}@example.com"), "role": "system_admin"});
        demo.call("POST", "/v1/accounts", admin, body).await.expect(201);
    }
    let (mut names, mut after) = (Vec::new(), json!(0));
    while !after.is_null() {
        let path = format!("/v1/accounts?limit=2&after={after}");
        let page = demo.call("GET", &path, admin, Value::Null).await.expect(200);
        let page_names =
            page["accounts"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned());
        names.push(page_names.collect::<Vec<_>>().join(" "));
        after = page["next"].clone();
    }
    assert_eq!(names, ["0 1", "2 3", "4"]);
}

#[tokio::test]
async fn the_start_up_line_has_the_link_to_the_first_administrator_and_the_log_has_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut secrets = Vec::new();
    for (more, base) in [("", ""), ("public_url = \"https://admin.example.com/two/\"", "https://admin.example.com/two")]
    {
        let file = config(folder.path(), more);
        let mut command = common::twofactor(&["serve", "--config", file.to_str().unwrap()]);
        let server = Server::spawn(command.env("RUST_LOG", "trace"));
        let link = server.said["first_administrator"].clone();
        let base = if base.is_empty() { &server.url } else { base };
        assert!(link.as_str().unwrap().starts_with(&format!("{base}/admin/invitation/")), "{link}");
        secrets.push(secret(&link).to_owned());
        // Not either when somebody follows it.
        let path = format!("/admin/invitation/{}", secret(&link));
        server.call("GET", &path, "", Value::Null).await;
        let log = String::from_utf8(server.into_log()).unwrap();
        assert!(log.contains("answered"), "{log}");
        assert!(!log.contains("tfi_"), "{log}");
    }
    assert_ne!(secrets[0], secrets[1]);
    for entry in
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file())
    {
        let bytes = std::fs::read(&entry).unwrap();
        assert!(!bytes.windows(4).any(|window| window == b"tfi_"), "{}", entry.display());
    }
    let demo = Server::demo();
    secret(&demo.said["first_administrator"]);
}

#[test]
fn a_person_is_invited_from_the_command_line_also_while_a_server_runs() {
    let folder = tempfile::tempdir().unwrap();
    let file = config(folder.path(), "public_url = \"https://admin.example.com\"");
    let _server = Server::serve(&file);
    let invite = |more: &[&'static str]| -> Vec<String> {
        let always = ["account", "invite", "--config", file.to_str().unwrap(), "--email", "alice@example.com"];
        always.into_iter().chain(more.iter().copied()).map(str::to_owned).collect()
    };
    let words = |all: &Vec<String>| all.iter().map(|one| one.clone().leak() as &str).collect::<Vec<_>>();
    assert!(failed(&words(&invite(&[]))).contains("account not found"));
    assert!(failed(&words(&invite(&["--system-admin"]))).contains("--name"));
    assert!(failed(&words(&invite(&["--name", "Alice"]))).contains("--system-admin"));
    assert!(failed(&words(&invite(&["--name", "Alice", "--subscription-admin", "none"]))).contains("subscription"));
    let said = ran(&words(&invite(&["--name", "Alice", "--system-admin"])));
    assert!(said["invitation"].as_str().unwrap().starts_with("https://admin.example.com/admin/invitation/tfi_"));
    assert!(
        failed(&words(&invite(&["--name", "Alice", "--system-admin"])))
            .contains("account with this email address already exists")
    );
    let auditor = ["account", "invite", "--config", file.to_str().unwrap(), "--name", "Au", "--email"];
    ran(&[&auditor[..], &["au@example.com", "--auditor"]].concat());
    let nowhere = failed(&[&auditor[..], &["none@example.com", "--auditor", "none"]].concat());
    assert!(nowhere.contains("is not an existing subscription"), "{nowhere}");
    let again = ran(&words(&invite(&[])));
    assert_eq!(said["id"], again["id"]);
    assert_ne!(secret(&said["invitation"]), secret(&again["invitation"]));
}

#[test]
fn the_configuration_of_accounts_is_validated_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    for (more, words) in [
        ("[accounts]\nrequire_second_factor = true\n", "set the subscription"),
        ("[accounts]\nsession_idle_minutes = 0\n", "2 minutes"),
        ("[accounts]\nsession_idle_minutes = 61\nsession_lifetime_hours = 1\n", "2 minutes"),
        ("[accounts]\nsession_lifetime_hours = 721\n", "30 days"),
        ("public_url = \"nowhere\"\n", "public_url"),
    ] {
        let file = config(folder.path(), more);
        let text = failed(&["serve", "--config", file.to_str().unwrap()]);
        assert!(text.contains(words), "{more}: {text}");
    }
}

#[tokio::test]
async fn the_second_factor_of_accounts_is_read_and_set_by_system_administrators() {
    const PATH: &str = "/v1/second-factor";
    let demo = Server::demo();
    let admin = demo.token("admin_token");
    let read = demo.call("GET", PATH, admin, Value::Null).await;
    let tag = read.headers["etag"].to_str().unwrap().to_owned();
    assert_eq!(read.expect(200)["required"], false);
    let set = async |tag: &str, body: Value| {
        Answer::of(demo.request("PUT", PATH, admin).header("if-match", tag).body(body.to_string())).await
    };
    let off = json!({"subscription": "demo", "required": false});
    let on = json!({"subscription": "demo", "required": true});

    // What would lock everybody out is refused.
    let refused = set(&tag, on.clone()).await.problem(409, "conflict");
    assert!(refused["detail"].as_str().unwrap().contains("`twofactor-admin`"), "{refused}");
    let unknown = set(&tag, json!({"subscription": "none", "required": false})).await.problem(400, "invalid-input");
    assert_eq!(unknown["errors"][0]["pointer"], "/subscription", "{unknown}");
    for body in [json!({"subscription": "demo"}), json!({"required": false, "demanded": true}), json!([])] {
        assert_eq!(set(&tag, body).await.status, 400);
    }

    let instances = demo.call("GET", "/v1/subscriptions/demo/two-factors", admin, Value::Null).await.expect(200);
    let email = instances["two_factors"].as_array().unwrap().iter().find(|one| one["type"] == "email").unwrap();
    let assignments = format!("/v1/subscriptions/demo/two-factors/{}/assignments", email["id"].as_str().unwrap());
    let target = json!([{"kind": "client_application", "id": "twofactor-admin"}]);
    demo.call("PUT", &assignments, admin, target).await.expect(200);
    let answer = set(&tag, on.clone()).await;
    let newer = answer.headers["etag"].to_str().unwrap().to_owned();
    let required = answer.expect(200);
    assert_eq!((&required["subscription"], &required["required"]), (&json!("demo"), &json!(true)));
    assert!(required["required_since"].is_string(), "{required}");
    assert_eq!(demo.call("GET", PATH, admin, Value::Null).await.expect(200), required);

    // Whoever read it before is told that it changed since.
    set(&tag, off.clone()).await.problem(412, "precondition-failed");
    let without = set(&newer, off).await.expect(200);
    assert_eq!((&without["required"], without.get("required_since")), (&json!(false), None));

    // It protects the whole installation.
    let token = json!({"name": "s", "role": "subscription_admin", "subscriptions": ["demo"]});
    let token = demo.call("POST", "/v1/tokens", admin, token).await.expect(201);
    for (method, body) in [("GET", Value::Null), ("PUT", on)] {
        demo.call(method, PATH, token["token"].as_str().unwrap(), body).await.problem(403, "forbidden");
    }
    let log = demo.call("GET", "/v1/audit?limit=1000", admin, Value::Null).await.expect(200);
    let set = log["entries"].as_array().unwrap().iter().filter(|entry| entry["action"] == "second-factor.set");
    assert_eq!(set.count(), 2, "what was refused is not in the audit log");
}
