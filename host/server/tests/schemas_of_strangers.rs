//! Untrusted options schemas at a running server: twenty concurrent previews delay no other
//! response, and the server ends when it is told to.

use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use crate::common;
use common::{Answer, Server};
use serde_json::{Value, json};
use twofactor_tests::wrong::{component_with_schema, schemas};

async fn examine(server: &Server, component: Vec<u8>) -> Answer {
    Answer::of(server.request("POST", "/v1/providers/preview", server.token("admin_token")).body(component)).await
}

/// Returns the resident memory of the server's process in MiB; 0 on a system that does not report it.
fn resident_mib(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok()).unwrap_or(0) >> 10
}

#[tokio::test(flavor = "multi_thread")]
async fn components_with_endless_schemas_delay_no_other_call_and_no_shutdown() {
    let mut server = Arc::new(Server::demo());
    let mut examinations = Vec::new();
    let all: Vec<(&str, Value, bool)> = schemas();
    for (name, schema, is_loaded) in all.iter().cycle().take(20) {
        let (server, component) = (server.clone(), component_with_schema(&schema.to_string()));
        let (name, is_loaded) = (*name, *is_loaded);
        examinations.push(tokio::spawn(async move { (name, is_loaded, examine(&server, component).await) }));
    }
    // Beside them others are served.
    let (mut times, mut memory) = (Vec::new(), vec![resident_mib(&server)]);
    while !examinations.iter().all(|examination| examination.is_finished()) {
        let begun = Instant::now();
        server.call("GET", "/v1/providers", server.token("admin_token"), Value::Null).await.expect(200);
        times.push(begun.elapsed());
        let begun = Instant::now();
        server
            .call(
                "POST",
                "/v1/challenges",
                server.token("application_token"),
                common::sign_in(json!({"email": "a@example.com"})),
            )
            .await;
        times.push(begun.elapsed());
        memory.push(resident_mib(&server));
    }
    times.sort();
    println!(
        "beside 20 previews: {} other calls, answered in {:.1?} at the median and {:.1?} at most; \
         memory {} MiB before, {} MiB at most",
        times.len(),
        times[times.len() / 2],
        times[times.len() - 1],
        memory[0],
        memory.iter().max().unwrap()
    );
    for examination in examinations {
        let (name, is_loaded, answer) = examination.await.unwrap();
        if is_loaded {
            assert_eq!(answer.status, 200, "{name}: {}", answer.text);
        } else {
            assert!(answer.status == 400 || answer.status == 422, "{name}: {}", answer.text);
            assert!(answer.text.contains("options-schema is not supported"), "{name}: {}", answer.text);
        }
    }
    let server = Arc::get_mut(&mut server).unwrap();
    let pid = server.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(server.child.wait().unwrap().success());
}

#[tokio::test]
async fn forms_and_options_of_an_exploding_schema_are_limited() {
    let server = Server::demo();
    let admin = server.token("admin_token");
    let (_, schema, _) = schemas().pop().unwrap();
    let component = component_with_schema(&schema.to_string());
    Answer::of(server.request("POST", "/v1/providers", admin).body(component)).await.expect(201);
    let mut options = json!({});
    for _ in 0..11 {
        options = json!({"a": options});
    }
    let body = |options: &Value| json!({"type": "wrong", "name": "A", "active": true, "options": options});
    let made = server.call("POST", "/v1/subscriptions/demo/two-factors", admin, body(&options)).await.expect(201);
    // The schema accepts them: the component was asked, and requires a sender.
    assert_eq!(made["problems"], json!([{"option": "/Sender", "message": "must not be empty"}]), "{made}");
    let deeper =
        server.call("POST", "/v1/subscriptions/demo/two-factors", admin, body(&json!({"a": {"a": options}}))).await;
    assert!(deeper.problem(400, "invalid-input")["detail"].as_str().unwrap().contains("at most 12 levels deep"));
}
