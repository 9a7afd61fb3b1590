//! Two people who change the same thing do not undo each other's work.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::common;
use common::{Answer, Server};
use serde_json::{Value, json};

const CLIENTS: usize = 20;
const EDITS: usize = 50;

/// Reads and writes until no other change came in between. Returns how often one did.
async fn edit(server: &Server, token: &str, method: &str, path: &str, change: impl Fn(Value) -> Value) -> u32 {
    let mut conflicts = 0;
    loop {
        let read = server.call("GET", path, token, Value::Null).await;
        let tag = read.headers["etag"].to_str().unwrap().to_owned();
        let body = change(read.expect(200));
        let request = server.request(method, path, token).header("if-match", tag).body(body.to_string());
        let answer = Answer::of(request).await;
        if answer.status == 412 {
            answer.problem(412, "precondition-failed");
            conflicts += 1;
            continue;
        }
        answer.expect(200);
        return conflicts;
    }
}

/// Returns the numbers of edits in a text of a bounded length: each edit counts up for its client.
fn counted(text: &str, client: usize) -> String {
    let mut counts: Vec<u32> = text.split(' ').map(|count| count.parse().unwrap_or_default()).collect();
    counts.resize(CLIENTS, 0);
    counts[client] += 1;
    counts.iter().map(u32::to_string).collect::<Vec<_>>().join(" ")
}

/// Two servers on one store, and an administrator's token.
fn two_servers(folder: &Path) -> (Arc<[Server; 2]>, String, String) {
    let file = folder.join("twofactor.toml");
    let store = folder.join("twofactor.db");
    common::share_compiled(&store);
    let text = format!("listen = \"127.0.0.1:0\"\n[store]\npath = {store:?}\n");
    std::fs::write(&file, text).unwrap();
    let config = file.to_str().unwrap().to_owned();
    let issued = common::run(&["token", "issue", "--name", "a", "--system-admin", "--config", &config]);
    let said: Value = serde_json::from_slice(&issued.stdout).unwrap();
    let servers = Arc::new([Server::serve(&file), Server::serve(&file)]);
    (servers, said["token"].as_str().unwrap().to_owned(), config)
}

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::print_stdout, reason = "prints measurements")]
async fn a_thousand_edits_at_once_of_a_name_of_assignments_and_of_base_settings_lose_none() {
    let folder = tempfile::tempdir().unwrap();
    let (servers, admin, config) = two_servers(folder.path());
    let server = &servers[0];
    server.call("POST", "/v1/subscriptions", &admin, json!({"id": "s", "name": "S"})).await.expect(201);
    let new = json!({"type": "ecall", "name": "0"});
    let made = server.call("POST", "/v1/subscriptions/s/two-factors", &admin, new).await.expect(201);
    let instance = format!("/v1/subscriptions/s/two-factors/{}", made["id"].as_str().unwrap());
    let assignments = format!("{instance}/assignments");
    let settings = "/v1/base-settings/ecall";

    let repeated: Arc<[AtomicU32; 3]> = Arc::default();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (servers, admin, repeated) = (servers.clone(), admin.clone(), repeated.clone());
            let (instance, assignments) = (instance.clone(), assignments.clone());
            tokio::spawn(async move {
                let server = &servers[client % 2];
                for n in 0..EDITS {
                    // Each of the three kinds in turn, so that clients meet on all of them.
                    let kind = (client + n) % 3;
                    let again = match kind {
                        0 => {
                            let name = |read: Value| json!({"name": counted(read["name"].as_str().unwrap(), client)});
                            edit(server, &admin, "PATCH", &instance, name).await
                        }
                        1 => {
                            let more = |mut read: Value| {
                                let one = json!({"kind": "user", "id": format!("{client}-{n}")});
                                read.as_array_mut().unwrap().push(one);
                                read
                            };
                            edit(server, &admin, "PUT", &assignments, more).await
                        }
                        _ => {
                            let name = |read: Value| {
                                let text = read["ECallAccountName"].as_str().unwrap_or_default();
                                json!({"ECallAccountName": counted(text, client)})
                            };
                            edit(server, &admin, "PUT", settings, name).await
                        }
                    };
                    repeated[kind].fetch_add(again, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }

    let sum = |text: &Value| text.as_str().unwrap().split(' ').map(|n| n.parse::<usize>().unwrap()).sum::<usize>();
    let read = async |path: &str| server.call("GET", path, &admin, Value::Null).await.expect(200);
    let names = sum(&read(&instance).await["name"]);
    let assigned = read(&assignments).await.as_array().unwrap().len();
    let based = sum(&read(settings).await["ECallAccountName"]);
    let again: Vec<u32> = repeated.iter().map(|n| n.load(Ordering::Relaxed)).collect();
    println!(
        "{CLIENTS} clients, {EDITS} edits each: {names} of the name, {assigned} of assignments, {based} of base settings kept; \
         repeated after 412: {again:?}"
    );
    let wanted = |kind: usize| (0..CLIENTS * EDITS).filter(|n| (n / EDITS + n % EDITS) % 3 == kind).count();
    assert_eq!([names, assigned, based], [wanted(0), wanted(1), wanted(2)]);
    assert_eq!(names + assigned + based, 1000);
    assert!(again.iter().all(|n| *n > 0), "nobody met anybody: {again:?}");

    let verified = common::run(&["audit", "verify", "--config", &config]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    // A line for each change; one that the other server was quicker with is followed by a line that says so.
    let (mut made, mut not_made, mut after) = (0, 0, 0);
    loop {
        let part =
            server.call("GET", &format!("/v1/audit?limit=1000&after={after}"), &admin, Value::Null).await.expect(200);
        for line in part["entries"].as_array().unwrap() {
            let edit =
                ["instance.update", "instance.assign", "base-settings.set"].contains(&line["action"].as_str().unwrap());
            let refused = line["detail"].as_str().unwrap().starts_with("not applied");
            made += usize::from(edit && !refused);
            not_made += usize::from(refused);
        }
        match part["next"].as_u64() {
            Some(next) => after = next,
            None => break,
        }
    }
    println!("the audit log has {made} lines of edits, {not_made} that say one did not happen");
    assert_eq!(made - not_made, 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_changes_of_different_fields_without_if_match_all_apply() {
    let server = Arc::new(Server::demo());
    let admin = server.token("admin_token").to_owned();
    let all = server.call("GET", "/v1/subscriptions/demo/two-factors", &admin, Value::Null).await.expect(200);
    let path = format!("/v1/subscriptions/demo/two-factors/{}", all["two_factors"][0]["id"].as_str().unwrap());
    let changes = [json!({"name": "New"}), json!({"active": false}), json!({"policy": {"code_length": 8}})];
    let calls = changes.map(|change| {
        let (server, admin, path) = (server.clone(), admin.clone(), path.clone());
        tokio::spawn(async move { server.call("PATCH", &path, &admin, change).await.expect(200) })
    });
    for call in calls {
        call.await.unwrap();
    }
    let read = server.call("GET", &path, &admin, Value::Null).await.expect(200);
    assert_eq!(
        (&read["name"], &read["active"], &read["policy"]),
        (&json!("New"), &json!(false), &json!({"code_length": 8}))
    );
    assert_eq!(read["revision"], 4);
}

#[tokio::test]
async fn a_stale_tag_is_refused_by_every_change_and_only_a_whole_tag_is_one() {
    let server = Server::demo();
    let admin = server.token("admin_token");
    let all = server.call("GET", "/v1/subscriptions/demo/two-factors", admin, Value::Null).await.expect(200);
    let instance = format!("/v1/subscriptions/demo/two-factors/{}", all["two_factors"][0]["id"].as_str().unwrap());
    let entry = "/v1/subscriptions/demo/directory/user/alice";
    server.call("PUT", entry, admin, json!({"name": "A"})).await.expect(200);
    server.call("POST", "/v1/subscriptions", admin, json!({"id": "s", "name": "S"})).await.expect(201);
    let send = async |method: &str, path: &str, tag: &str, body: &Value| {
        let request = server.request(method, path, admin).header("if-match", tag);
        Answer::of(if body.is_null() { request } else { request.body(body.to_string()) }).await
    };
    let whole = json!({"name": "x", "active": true, "options": {}});
    for (path, changes) in [
        (&*instance, vec![("PUT", whole), ("PATCH", json!({"name": "y"})), ("DELETE", Value::Null)]),
        (&format!("{instance}/assignments"), vec![("PUT", json!([]))]),
        ("/v1/base-settings/twilio", vec![("PUT", json!({}))]),
        (entry, vec![("PUT", json!({"name": "B"})), ("DELETE", Value::Null)]),
        ("/v1/subscriptions/s", vec![("PATCH", json!({"name": "T"})), ("DELETE", Value::Null)]),
    ] {
        // The instance is deleted first of all but for the calls that need it: in this order each is there.
        for (method, body) in changes.iter().filter(|(method, _)| *method != "DELETE") {
            let tag = server.call("GET", path, admin, Value::Null).await.headers["etag"].to_str().unwrap().to_owned();
            for wrong in ["\"4711\"", &*tag.replace('"', ""), &format!("W/{tag}"), "nonsense", &format!("{tag}, {tag}")]
            {
                send(method, path, wrong, body).await.problem(412, "precondition-failed");
            }
            let changed = send(method, path, &tag, body).await;
            assert_ne!(changed.headers["etag"], tag.as_str(), "{method} {path}");
            changed.expect(200);
            send(method, path, &tag, body).await.problem(412, "precondition-failed");
            send(method, path, "*", body).await.expect(200);
        }
    }
    for path in [&*instance, entry, "/v1/subscriptions/s"] {
        send("DELETE", path, "\"1\"", &Value::Null).await.problem(412, "precondition-failed");
        let tag = server.call("GET", path, admin, Value::Null).await.headers["etag"].to_str().unwrap().to_owned();
        send("DELETE", path, &tag, &Value::Null).await.expect(204);
    }
}
