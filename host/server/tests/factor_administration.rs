//! The factors of users, over REST, as administrators handle them.

use crate::factors;
use factors::Stage;
use serde_json::{Value, json};

const USER: &str = "/v1/subscriptions/shop/users/alice";

fn because() -> Value {
    json!({"reason": "Lost phone"})
}

#[tokio::test]
async fn an_administrator_lists_suspends_resumes_and_removes() {
    let stage = Stage::start().await;
    let app = stage.app("alice", json!({})).await;
    let admin = async |method: &str, path: &str, body: Value| stage.call_as(&stage.admin, method, path, body).await;
    let listed = admin("GET", &format!("{USER}/factors"), Value::Null).await.expect(200);
    assert_eq!(listed["factors"][0]["id"], app.factor);
    let one = format!("{USER}/factors/{}", app.factor);
    admin("POST", &format!("{one}/suspend"), json!({})).await.problem(400, "invalid-input");
    admin("POST", &format!("{one}/suspend"), because()).await.expect(204);
    let listed = admin("GET", &format!("{USER}/factors"), Value::Null).await.expect(200);
    assert_eq!(listed["factors"][0]["status"], "suspended");
    assert_ne!(stage.challenge("alice", &stage.totp, json!({})).await.status, 201);
    admin("POST", &format!("{one}/resume"), because()).await.expect(204);
    let challenge = stage.challenge("alice", &stage.totp, json!({})).await.expect(201);
    stage.verify(&challenge, json!({"code": stage.code(&app.secret)})).await.expect(200);
    let removed = admin("DELETE", &one, because()).await.expect(200);
    assert_eq!(removed["ended"][0]["status"], "ended");
    admin("DELETE", &one, because()).await.problem(404, "not-found");
    admin("GET", "/v1/subscriptions/nowhere/users/alice/factors", Value::Null).await.problem(404, "not-found");
}

#[tokio::test]
async fn a_pass_enrols_once_and_a_reset_ends_everything() {
    let stage = Stage::start().await;
    stage.app("alice", json!({})).await;
    let admin = async |path: &str, body: Value| stage.call_as(&stage.admin, "POST", path, body).await;
    // The first one is replaced.
    let first = admin("/v1/users/alice/passes", because()).await.expect(201);
    let second = admin(&format!("{USER}/passes"), json!({"reason": "Lost phone", "minutes": 30})).await.expect(201);
    let with = |pass: &Value| json!({"proof": {"pass": pass}});
    stage.begin("alice", &stage.totp, with(&first["pass"])).await.problem(403, "proof-required");
    stage.begin("bob", &stage.totp, with(&second["pass"])).await.problem(403, "proof-required");
    stage.app("alice", with(&second["pass"])).await;
    stage.begin("alice", &stage.recovery, with(&second["pass"])).await.problem(403, "proof-required");

    let third = admin("/v1/users/alice/passes", because()).await.expect(201);
    let reset = admin("/v1/users/alice/factors/reset", because()).await.expect(200);
    assert_eq!((reset["factors"].as_array().unwrap().len(), &reset["pass"]), (2, &json!(true)));
    stage.begin("alice", &stage.totp, with(&third["pass"])).await.problem(403, "proof-required");
    assert_eq!(stage.call("GET", "/v1/users/alice/factors", Value::Null).await.expect(200)["factors"], json!([]));

    // With a second subscription it must be said which one.
    stage.site.admin().create_subscription("other", "Other").await.unwrap();
    let problem = admin("/v1/users/alice/passes", because()).await.problem(400, "invalid-input");
    assert_eq!(problem["errors"][0]["pointer"], "/subscription");
    let body = json!({"reason": "Lost phone", "subscription": "shop"});
    admin("/v1/users/alice/passes", body).await.expect(201);
}
