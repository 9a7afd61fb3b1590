//! A subscription has a maximum number of instances, however one more is created.

use std::time::Duration;

use crate::common;
use common::Server;
use common::visitor::Visitor;
use serde_json::{Value, json};

#[tokio::test]
async fn one_instance_too_many_is_refused_over_rest_in_the_admin_ui_and_by_an_import() {
    let folder = tempfile::tempdir().unwrap();
    let (file, store) = (folder.path().join("twofactor.toml"), folder.path().join("twofactor.db"));
    common::share_compiled(&store);
    std::fs::write(&file, format!("listen = \"127.0.0.1:0\"\n[store]\npath = {store:?}\n")).unwrap();
    let config = file.to_str().unwrap();
    let issued = common::run(&["token", "issue", "--name", "a", "--system-admin", "--config", config]);
    let said: Value = serde_json::from_slice(&issued.stdout).unwrap();
    let admin = said["token"].as_str().unwrap();
    let server = Server::serve(&file);
    server.call("POST", "/v1/subscriptions", admin, json!({"id": "s", "name": "S"})).await.expect(201);
    let (instances, new) = ("/v1/subscriptions/s/two-factors", json!({"type": "ecall", "name": "I"}));
    server.call("POST", instances, admin, new.clone()).await.expect(201);
    // Nobody reads these copies, whose options cannot be opened.
    let db = rusqlite::Connection::open(&store).unwrap();
    db.busy_timeout(Duration::from_secs(10)).unwrap();
    let copies = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 999) \
                  INSERT INTO instances SELECT 'copy-' || n.i, subscription, type_id, name, active, options, policy, \
                  revision, created_at, updated_at, assignments_revision FROM instances, n";
    assert_eq!(db.execute(copies, []).unwrap(), 999);
    drop(db);

    let refused = server.call("POST", instances, admin, new).await.problem(409, "conflict");
    assert!(refused["detail"].as_str().unwrap().contains("at most 1000 instances"), "{refused}");

    let mut anna = Visitor::first(&server).await;
    let form = [("type", "ecall"), ("name", "I"), ("subscription", "s"), ("active", "yes")];
    for (language, text) in [("en", "at most 1000 instances"), ("de", "höchstens 1000 Instanzen")] {
        anna.cookies.insert("twofactor-language".to_owned(), language.to_owned());
        anna.post("/admin/two-factors/new", &form).await.shows(text);
    }

    let document = folder.path().join("more.yaml");
    let more =
        "twofactor: 1\nsubscriptions:\n  s:\n    name: S\n    instances:\n      more: { type: ecall, name: I }\n";
    std::fs::write(&document, more).unwrap();
    let imported = common::run(&["import", "--config", config, document.to_str().unwrap()]);
    let said = String::from_utf8(imported.stderr).unwrap();
    let why = "/subscriptions/s/instances exceeds the 1000 instances";
    assert!(!imported.status.success() && said.contains(why), "{said}");
}
