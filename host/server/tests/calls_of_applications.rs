//! The REST calls of applications, against `twofactor demo` as a process.

use crate::common;
use common::{Answer, Server, sign_in, wrong};
use serde_json::{Value, json};

#[tokio::test]
async fn a_challenge_through_each_provider_arrives_verifies_once_and_is_refused_the_second_time() {
    let demo = Server::demo();
    let token = demo.token("application_token");
    let listed = demo.call("GET", "/v1/two-factors?tenant=demo", token, Value::Null).await.expect(200);
    let delivers = |one: &&Value| one.get("factors").is_none();
    let factors: Vec<_> = listed["two_factors"].as_array().unwrap().iter().filter(delivers).collect();
    assert_eq!(factors.len(), 3);
    for factor in factors {
        let (recipient, to) = match factor["channel"].as_str().unwrap() {
            "email" => (json!({"email": "alice@example.org"}), "alice@example.org"),
            _ => (json!({"phone": "+41 79 123 45 67"}), "+41791234567"),
        };
        let mut body = sign_in(recipient);
        body["two_factor"] = factor["id"].clone();
        let started = demo.call("POST", "/v1/challenges", token, body).await.expect(201);
        assert_eq!(started["two_factor"], factor["id"]);
        assert_eq!(started["attempts_left"], 5);
        assert_eq!(started["code_length"], 6);
        assert!(!started["recipient_hint"].as_str().unwrap().contains(to));
        for time in ["expires_at", "resend_after"] {
            assert!(started[time].as_str().unwrap().ends_with('Z'), "RFC 3339, UTC");
        }

        let code = demo.code(to).await;
        let path = format!("/v1/challenges/{}/verify", started["id"].as_str().unwrap());
        let rejected = demo.call("POST", &path, token, json!({"code": wrong(&code)})).await;
        assert_eq!(rejected.problem(422, "code-rejected")["attempts_left"], 4);
        let verified = demo.call("POST", &path, token, json!({"code": code})).await.expect(200);
        assert_eq!(verified["status"], "verified");
        assert_eq!(verified["user"], "alice");
        assert_eq!(verified["two_factor"], factor["id"]);
        assert!(!verified["amr"].as_array().unwrap().is_empty());
        demo.call("POST", &path, token, json!({"code": code})).await.problem(410, "challenge-closed");
    }
}

#[tokio::test]
async fn closed_challenges_of_every_kind_answer_alike() {
    let demo = Server::demo();
    let token = demo.token("application_token");
    let start = async || {
        let body = sign_in(json!({"email": "a@example.org"}));
        demo.call("POST", "/v1/challenges", token, body).await.expect(201)["id"].as_str().unwrap().to_owned()
    };
    let verify = async |id: &str, code: &str| {
        demo.call("POST", &format!("/v1/challenges/{id}/verify"), token, json!({"code": code})).await
    };
    let mut closed = Vec::new();

    let used = start().await;
    let code = demo.code("a@example.org").await;
    verify(&used, &code).await.expect(200);
    closed.push(verify(&used, &code).await);

    let locked = start().await;
    let code = demo.code("a@example.org").await;
    for _ in 0..5 {
        verify(&locked, &wrong(&code)).await.problem(422, "code-rejected");
    }
    closed.push(verify(&locked, &code).await);

    let cancelled = start().await;
    let code = demo.code("a@example.org").await;
    demo.call("DELETE", &format!("/v1/challenges/{cancelled}"), token, Value::Null).await.expect(204);
    closed.push(verify(&cancelled, &code).await);

    closed.push(verify("AAAAAAAAAAAAAAAAAAAAAA", "123456").await);
    let first = closed[0].text.clone();
    for answer in closed {
        assert_eq!(answer.text, first);
        answer.problem(410, "challenge-closed");
    }
}

#[tokio::test]
async fn a_resend_before_its_time_says_when_and_a_repeated_start_answers_as_the_first() {
    let demo = Server::demo();
    let token = demo.token("application_token");
    let start = async |key: &str, to: &str| {
        let request = demo.request("POST", "/v1/challenges", token).header("idempotency-key", key);
        Answer::of(request.body(sign_in(json!({"email": to})).to_string())).await
    };
    let first = start("key-1", "b@example.org").await.expect(201);
    let repeated = start("key-1", "b@example.org").await.expect(201);
    assert_eq!(first, repeated);
    assert_eq!(demo.messages().await.len(), 1);
    start("key-1", "c@example.org").await.problem(422, "idempotency-key-reused");

    let path = format!("/v1/challenges/{}/resend", first["id"].as_str().unwrap());
    let early = demo.call("POST", &path, token, Value::Null).await;
    let seconds: u64 = early.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=30).contains(&seconds));
    early.problem(429, "rate-limited");
}

#[tokio::test]
async fn invalid_requests_are_refused_with_a_sentence_and_count_against_nothing() {
    let demo = Server::demo();
    let token = demo.token("application_token");
    let start = async |body: Value| demo.call("POST", "/v1/challenges", token, body).await;
    start(json!({"tenant": "demo", "recipient": {"email": "a@example.org"}, "admin": true}))
        .await
        .problem(400, "invalid-input");
    start(json!({"tenant": "demo"})).await.problem(400, "invalid-input");
    start(json!({"tenant": "elsewhere", "recipient": {"email": "a@example.org"}})).await.problem(409, "not-available");
    start(sign_in(json!({"email": "no address"}))).await.problem(422, "recipient-rejected");
    let raw = demo.request("POST", "/v1/challenges", token).body("{\"tenant\": \"s3cret-canary\"");
    let problem = Answer::of(raw).await;
    assert!(!problem.text.contains("s3cret-canary"));
    problem.problem(400, "invalid-input");

    let started = start(sign_in(json!({"email": "a@example.org"}))).await.expect(201);
    let path = format!("/v1/challenges/{}/verify", started["id"].as_str().unwrap());
    for code in [json!(123_456), json!(null), json!("+12345"), json!("1".repeat(100_000))] {
        let answer = demo.call("POST", &path, token, json!({"code": code})).await;
        assert!((400..410).contains(&answer.status), "{}", answer.text);
    }
    let long = demo.request("POST", &path, token).body(vec![b' '; 1 << 20]);
    Answer::of(long).await.problem(413, "too-large");
    let code = demo.code("a@example.org").await;
    let rejected = demo.call("POST", &path, token, json!({"code": wrong(&code)})).await;
    assert_eq!(rejected.problem(422, "code-rejected")["attempts_left"], 4);
    // People type separators.
    let spaced = format!(" {} {} ", &code[..3], &code[3..]);
    demo.call("POST", &path, token, json!({"code": spaced})).await.expect(200);
}

#[tokio::test]
async fn each_request_has_an_id_and_is_counted() {
    let demo = Server::demo();
    demo.call("GET", "/healthz", "", Value::Null).await.expect(200);
    demo.call("GET", "/readyz", "", Value::Null).await.expect(200);
    let document = demo.call("GET", "/openapi.json", "", Value::Null).await.expect(200);
    assert_eq!(document["openapi"], "3.1.0");
    demo.call("GET", "/nothing", "", Value::Null).await.problem(404, "not-found");
    demo.call("PATCH", "/v1/challenges", "", Value::Null).await.problem(405, "method-not-allowed");
    let refused = demo.call("GET", "/v1/two-factors", "tf_wrong", Value::Null).await;
    assert_eq!(refused.headers["www-authenticate"], "Bearer");
    refused.problem(401, "unauthorized");

    let named = Answer::of(demo.request("GET", "/healthz", "").header("x-request-id", "mine-1")).await;
    assert_eq!(named.headers["x-request-id"], "mine-1");
    let harmful = Answer::of(demo.request("GET", "/healthz", "").header("x-request-id", "a b;\"")).await;
    assert_eq!(harmful.headers["x-request-id"].len(), 16);

    let token = demo.token("application_token");
    let body = sign_in(json!({"email": "a@example.org"}));
    demo.call("POST", "/v1/challenges", token, body).await.expect(201);
    let metrics = demo.call("GET", "/metrics", "", Value::Null).await;
    for line in [
        "twofactor_http_requests_total{method=\"GET\",route=\"/v1/two-factors\",status=\"401\",problem=\"unauthorized\"} 1",
        "twofactor_http_requests_total{method=\"POST\",route=\"/v1/challenges\",status=\"201\",problem=\"\"} 1",
        "twofactor_deliveries_total{type=\"email\",outcome=\"delivered\"} 1",
        "twofactor_http_request_seconds_bucket{route=\"/v1/challenges\",le=\"0.001\"}",
    ] {
        assert!(metrics.text.contains(line), "{line} is not in\n{}", metrics.text);
    }
}
