//! Who may call what. The calls are taken from the OpenAPI document, so none can be forgotten.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::Server;
use serde_json::{Value, json};

/// What a role is answered: may it get past the guard?
#[derive(Clone, Copy, PartialEq, Debug)]
enum Guard {
    Passes,
    Forbidden,
    NotFound,
}

#[tokio::test]
async fn every_call_is_denied_to_all_roles_but_those_meant() {
    use Guard::{Forbidden, NotFound, Passes};
    let demo = Server::demo();
    let system = demo.token("admin_token");
    demo.call("POST", "/v1/subscriptions", system, json!({"id": "other", "name": "Other"})).await.expect(201);
    let issue = async |body: Value| {
        demo.call("POST", "/v1/tokens", system, body).await.expect(201)["token"].as_str().unwrap().to_owned()
    };
    let own = issue(json!({"name": "own", "role": "subscription_admin", "subscriptions": ["demo"]})).await;
    let foreign = issue(json!({"name": "foreign", "role": "subscription_admin", "subscriptions": ["other"]})).await;
    let application = demo.token("application_token");

    let all = demo.call("GET", "/v1/subscriptions/demo/two-factors", system, Value::Null).await.expect(200);
    let instance = all["two_factors"][0]["id"].as_str().unwrap();
    let document = demo.call("GET", "/openapi.json", "", Value::Null).await.expect(200);
    let mut calls = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, call) in methods.as_object().unwrap() {
            let name = call["operationId"].as_str().unwrap();
            // system, own subscription's, another subscription's administrator, application
            let meant = match name {
                "listAvailable" | "startChallenge" | "verifyChallenge" | "resendChallenge" | "cancelChallenge"
                | "beginSignIn" | "readSignIn" => [Forbidden, Forbidden, Forbidden, Passes],
                "listTwoFactors" | "createTwoFactor" | "readTwoFactor" | "replaceTwoFactor" | "changeTwoFactor"
                | "removeTwoFactor" | "listAssignments" | "replaceAssignments" | "testTwoFactor" | "unlockUser"
                | "readSignInPage" | "replaceSignInPage" => [Passes, Passes, NotFound, Forbidden],
                "listSubscriptions" | "listProviders" | "listTokens" => [Passes, Passes, Passes, Forbidden],
                // With the body below, a token for an application of `demo`.
                "issueToken" => [Passes, Passes, NotFound, Forbidden],
                // A token of a system administrator.
                "revokeToken" => [Passes, NotFound, NotFound, Forbidden],
                "listAccounts" | "createAccount" | "readAccount" | "changeAccount" | "removeAccount"
                | "inviteAccount" => [Passes, Forbidden, Forbidden, Forbidden],
                "createSubscription" | "addProvider" | "listAudit" | "readBaseSettings" | "replaceBaseSettings" => {
                    [Passes, Forbidden, Forbidden, Forbidden]
                }
                unknown => panic!("`{unknown}` is a new call: say who may call it"),
            };
            // Bodies that get past the guard and no further, so that the next role finds things as they were.
            let body = match name {
                "startChallenge" => json!({"tenant": "nowhere", "recipient": {"email": "a@example.org"}}),
                "verifyChallenge" => json!({"code": "x"}),
                "beginSignIn" => json!({"user": "", "recipient": {}, "return_url": "", "state": ""}),
                "replaceSignInPage" => json!({"return_urls": ["nowhere"]}),
                "createSubscription" => json!({"id": "demo", "name": "Demo"}),
                "createTwoFactor" => json!({"type": "none", "name": "x"}),
                "replaceTwoFactor" => json!({"type": "none", "name": "x", "active": true, "options": {}}),
                "changeTwoFactor" => json!({}),
                "replaceAssignments" => json!([{"kind": "tenant", "id": ""}]),
                "testTwoFactor" => json!({"recipient": {}}),
                "replaceBaseSettings" => json!({"TwilioAuthToken": 1}),
                "createAccount" => json!({"name": "", "email": "", "role": "system_admin"}),
                "changeAccount" => json!({}),
                "issueToken" => json!({"name": "", "role": "application", "subscriptions": ["demo"]}),
                _ => Value::Null,
            };
            let tokens = demo.call("GET", "/v1/tokens", system, Value::Null).await.expect(200);
            let admins = tokens["tokens"].as_array().unwrap().iter();
            let spare = issue(json!({"name": format!("spare {}", admins.len()), "role": "system_admin"})).await;
            assert!(!spare.is_empty());
            let tokens = demo.call("GET", "/v1/tokens", system, Value::Null).await.expect(200);
            let spare = tokens["tokens"].as_array().unwrap().iter();
            let spare = spare.max_by_key(|token| token["created_at"].as_str().unwrap().to_owned()).unwrap();
            let id = match name {
                "revokeToken" => spare["id"].as_str().unwrap(),
                "removeTwoFactor" => "unknown",
                _ if path.starts_with("/v1/challenges") => "AAAAAAAAAAAAAAAAAAAAAA",
                _ => instance,
            };
            let path = path
                .replace("{subscription}", "demo")
                .replace("{type}", "twilio")
                .replace("{user}", "alice")
                .replace("{id}", id);
            let method = method.to_uppercase();

            demo.call(&method, &path, "", body.clone()).await.problem(401, "unauthorized");
            // The system administrator comes last: its revocation is real.
            let roles = [("application", application), ("foreign", &*foreign), ("own", &*own), ("system", system)];
            for ((role, token), meant) in roles.into_iter().zip(meant.into_iter().rev()) {
                let answer = demo.call(&method, &path, token, body.clone()).await;
                let guard = match (answer.status, answer.json["detail"].as_str()) {
                    (403, _) => Forbidden,
                    (404, Some("there is no such subscription" | "there is no such token")) => NotFound,
                    _ => Passes,
                };
                assert_eq!(guard, meant, "{role} {method} {path}: {} {}", answer.status, answer.text);
            }
            calls += 1;
        }
    }
    assert!(calls >= 25, "{calls}");
}

#[tokio::test]
async fn an_administrator_of_a_subscription_sees_and_gives_no_more_than_its_own() {
    let demo = Server::demo();
    let system = demo.token("admin_token");
    demo.call("POST", "/v1/subscriptions", system, json!({"id": "other", "name": "Other"})).await.expect(201);
    let body = json!({"name": "own", "role": "subscription_admin", "subscriptions": ["other"]});
    let issued = demo.call("POST", "/v1/tokens", system, body).await.expect(201);
    let own = issued["token"].as_str().unwrap();

    let listed = demo.call("GET", "/v1/subscriptions", own, Value::Null).await.expect(200);
    assert_eq!(listed["subscriptions"].as_array().unwrap().len(), 1);
    assert_eq!(demo.call("GET", "/v1/tokens", own, Value::Null).await.expect(200)["tokens"], json!([]));
    let issue = async |body: Value| demo.call("POST", "/v1/tokens", own, body).await;
    issue(json!({"name": "x", "role": "system_admin"})).await.problem(403, "forbidden");
    issue(json!({"name": "x", "role": "subscription_admin", "subscriptions": ["other"]}))
        .await
        .problem(403, "forbidden");
    issue(json!({"name": "x", "role": "application", "subscriptions": ["demo"]})).await.problem(404, "not-found");
    issue(json!({"name": "x", "role": "application", "subscriptions": ["other"]})).await.expect(201);
    issue(json!({"name": "x", "role": "application", "subscriptions": []})).await.problem(400, "invalid-input");

    // An instance of another subscription is not there, also by its right id under the own subscription.
    let all = demo.call("GET", "/v1/subscriptions/demo/two-factors", system, Value::Null).await.expect(200);
    let id = all["two_factors"][0]["id"].as_str().unwrap();
    let path = format!("/v1/subscriptions/other/two-factors/{id}");
    demo.call("GET", &path, own, Value::Null).await.problem(404, "not-found");
    demo.call("PATCH", &path, own, json!({"active": false})).await.problem(404, "not-found");
    demo.call("DELETE", &path, own, Value::Null).await.problem(404, "not-found");
}

#[tokio::test]
async fn an_application_of_another_subscription_cannot_touch_a_challenge() {
    let demo = Server::demo();
    let system = demo.token("admin_token");
    demo.call("POST", "/v1/subscriptions", system, json!({"id": "other", "name": "Other"})).await.expect(201);
    let body = json!({"name": "x", "role": "application", "subscriptions": ["other"]});
    let issued = demo.call("POST", "/v1/tokens", system, body).await.expect(201);
    let other = issued["token"].as_str().unwrap();
    let body = common::sign_in(json!({"email": "a@example.org"}));
    let started = demo.call("POST", "/v1/challenges", demo.token("application_token"), body).await.expect(201);
    let path = format!("/v1/challenges/{}", started["id"].as_str().unwrap());
    let code = demo.code("a@example.org").await;
    let body = json!({"code": code});
    demo.call("POST", &format!("{path}/verify"), other, body.clone()).await.problem(410, "challenge-closed");
    demo.call("POST", &format!("{path}/resend"), other, Value::Null).await.problem(410, "challenge-closed");
    demo.call("DELETE", &path, other, Value::Null).await.problem(410, "challenge-closed");
    let own = demo.token("application_token");
    demo.call("POST", &format!("{path}/verify"), own, body).await.expect(200);
}
