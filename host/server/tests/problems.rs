//! A problem names the place of the error by JSON Pointer, and repeats no value.

use crate::common;
use common::Server;
use serde_json::{Value, json};

/// Stands wherever something is wrong.
const CANARY: &str = "s3cret-canary";

#[tokio::test]
async fn what_is_wrong_in_a_body_is_pointed_at_and_not_repeated() {
    let demo = Server::demo();
    let admin = demo.token("admin_token");
    let all = demo.call("GET", "/v1/subscriptions/demo/two-factors", admin, Value::Null).await.expect(200);
    let of = |kind: &str| {
        let one = all["two_factors"].as_array().unwrap().iter().find(|one| one["type"] == kind).unwrap();
        format!("/v1/subscriptions/demo/two-factors/{}", one["id"].as_str().unwrap())
    };
    let (email, ecall) = (of("email"), of("ecall"));
    let (test, assignments) = (format!("{email}/test"), format!("{email}/assignments"));
    let server = json!({"MailType": "SMTP", "Host": "smtp.example.com", "Port": CANARY, "EnableSSL": true});
    let bad_port = json!({"EMailSenderAddress": "codes@example.com", "MailServerConfig": server});
    let instances = "/v1/subscriptions/demo/two-factors";
    let recipient = json!({"email": "a@example.org"});
    for (method, path, body, pointers) in [
        // A field of the body.
        ("POST", "/v1/subscriptions", json!({"id": "s"}), vec!["/name"]),
        ("POST", "/v1/subscriptions", json!({"id": "s", "name": "S", "color": CANARY}), vec!["/color"]),
        ("POST", "/v1/subscriptions", json!({"id": CANARY.repeat(9), "name": "S"}), vec!["/id"]),
        ("POST", "/v1/subscriptions", json!({"id": 5, "name": "S"}), vec!["/id"]),
        ("POST", "/v1/subscriptions", json!({"id": "s", "name": format!("{CANARY}\n")}), vec!["/name"]),
        ("PATCH", &ecall, json!({"active": CANARY}), vec!["/active"]),
        ("PUT", &ecall, json!({"type": CANARY, "name": "x", "active": true, "options": {}}), vec!["/type"]),
        ("POST", instances, json!({"type": CANARY, "name": "x"}), vec!["/type"]),
        ("PUT", &assignments, json!([{"kind": "user", "id": "u"}, {"kind": CANARY, "id": "v"}]), vec!["/1/kind"]),
        ("PUT", &assignments, json!([{"kind": "user"}]), vec!["/0/id"]),
        ("PUT", &assignments, json!([{"kind": "user", "id": ""}, {"kind": "idp", "id": ""}]), vec!["/0/id", "/1/id"]),
        ("POST", "/v1/tokens", json!({"name": "x", "role": "application"}), vec!["/subscriptions"]),
        (
            "POST",
            "/v1/tokens",
            json!({"name": "x", "role": "auditor", "subscriptions": ["demo", CANARY]}),
            vec!["/subscriptions/1"],
        ),
        ("POST", "/v1/tokens", json!({"name": "x", "role": CANARY}), vec!["/role"]),
        ("POST", "/v1/tokens", json!({"name": "x", "role": "system_admin", "expires_at": CANARY}), vec!["/expires_at"]),
        (
            "POST",
            "/v1/tokens",
            json!({"name": "x", "role": "system_admin", "expires_at": "2001-01-01T00:00:00Z"}),
            vec!["/expires_at"],
        ),
        // A field of the policy: each that is wrong.
        (
            "PATCH",
            &ecall,
            json!({"policy": {"code_length": 3, "attempts": 99}}),
            vec!["/policy/code_length", "/policy/attempts"],
        ),
        (
            "PATCH",
            &ecall,
            json!({"policy": {"code_length": CANARY, CANARY: 1}}),
            vec!["/policy/code_length", "/policy/s3cret-canary"],
        ),
        ("PATCH", &ecall, json!({"policy": CANARY}), vec!["/policy"]),
        // An option.
        ("PATCH", &email, json!({"options": {"MailServerConfig": CANARY}}), vec!["/options/MailServerConfig"]),
        ("PUT", "/v1/base-settings/email", json!({"MailServerConfig": CANARY}), vec!["/MailServerConfig"]),
        ("PUT", "/v1/base-settings/twilio", json!({"TwilioAuthToken": "********"}), vec!["/TwilioAuthToken"]),
        (
            "PATCH",
            &email,
            json!({"options": {"MailServerConfig": {"ClientSecret": "********"}}}),
            vec!["/options/MailServerConfig/ClientSecret"],
        ),
        ("POST", &test, json!({"recipient": recipient, "options": bad_port}), vec!["/options/MailServerConfig"]),
        (
            "POST",
            &test,
            json!({"recipient": recipient, "options": {}}),
            vec!["/options/EMailSenderAddress", "/options/MailServerConfig"],
        ),
        ("POST", &test, json!({"recipient": {}}), vec!["/recipient/email"]),
    ] {
        let answer = demo.call(method, path, admin, body.clone()).await;
        let text = answer.text.replace("/policy/s3cret-canary", "").replace("policy/s3cret-canary", "");
        assert!(!text.contains(CANARY), "{body}: {text}");
        let problem = answer.problem(400, "invalid-input");
        let errors = problem["errors"].as_array().unwrap_or_else(|| panic!("{body}: {problem}"));
        let mut found: Vec<&str> = errors.iter().map(|one| one["pointer"].as_str().unwrap()).collect();
        found.sort_by_key(|pointer| pointers.iter().position(|wanted| pointer.starts_with(wanted)));
        assert_eq!(found.len(), pointers.len(), "{body}: {problem}");
        assert!(found.iter().zip(&pointers).all(|(found, wanted)| found.starts_with(wanted)), "{body}: {problem}");
        assert!(errors.iter().all(|one| !one["detail"].as_str().unwrap().is_empty()), "{problem}");
    }
}

#[tokio::test]
async fn an_application_is_told_as_well_and_a_body_that_is_no_json_has_no_place() {
    let demo = Server::demo();
    let application = demo.token("application_token");
    let start = |more: Value| {
        let mut body = common::sign_in(json!({"email": "a@example.org"}));
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for (body, pointer) in [
        (start(json!({"tenant": ""})), "/tenant"),
        (start(json!({"user": "u".repeat(257)})), "/user"),
        (start(json!({"purpose": "two words"})), "/purpose"),
        (start(json!({"recipient": {"emial": CANARY}})), "/recipient/emial"),
        (start(json!({"recipient": {"email": 5}})), "/recipient/email"),
        (start(json!({"recipient": {"handle": 5}})), "/recipient/handle"),
        (start(json!({"client_address": CANARY})), "/client_address"),
        (json!({"tenant": "demo"}), "/recipient/email"),
        (json!([CANARY]), ""),
    ] {
        let answer = demo.call("POST", "/v1/challenges", application, body).await;
        assert!(!answer.text.contains(CANARY), "{}", answer.text);
        let problem = answer.problem(400, "invalid-input");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    for text in ["{\"tenant\": s3cret-canary", "", "{} s3cret-canary"] {
        let answer = common::Answer::of(demo.request("POST", "/v1/challenges", application).body(text)).await;
        assert!(!answer.text.contains(CANARY), "{}", answer.text);
        let problem = answer.problem(400, "invalid-input");
        assert!(text.starts_with("{}") || problem["errors"].is_null(), "{problem}");
    }
}

/// Returns the demo's instance of a type, as its path.
async fn instance_of(demo: &Server, kind: &str) -> String {
    let path = "/v1/subscriptions/demo/two-factors";
    let all = demo.call("GET", path, demo.token("admin_token"), Value::Null).await.expect(200);
    let one = all["two_factors"].as_array().unwrap().iter().find(|one| one["type"] == kind).unwrap();
    format!("{path}/{}", one["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_country_that_is_not_enabled_is_named_with_the_setting_that_enables_it() {
    let demo = Server::demo();
    let (admin, application) = (demo.token("admin_token"), demo.token("application_token"));
    let twilio = instance_of(&demo, "twilio").await;
    let id = twilio.rsplit('/').next().unwrap();
    demo.call("PATCH", &twilio, admin, json!({"policy": {"countries": ["CH"]}})).await.expect(200);
    let start = async |phone: &str| {
        let body = json!({"tenant": "demo", "user": "u", "two_factor": id, "recipient": {"phone": phone}});
        demo.call("POST", "/v1/challenges", application, body).await
    };
    start("+41791234567").await.expect(201);
    let refused = start("+33612345678").await.expect(422);
    assert!(refused["type"].as_str().unwrap().ends_with(":recipient-rejected"), "{refused}");
    assert_eq!((&refused["country"], &refused["setting"]), (&json!("FR"), &json!("/policy/countries")));
    // A number without a country, or an invalid one, has no setting.
    for phone in ["+8816315551234", "+41"] {
        let refused = start(phone).await.expect(422);
        assert!(refused.get("country").is_none() && refused.get("setting").is_none(), "{phone}: {refused}");
    }
}

#[tokio::test]
async fn an_instance_says_what_should_be_reconsidered_in_its_policy() {
    let demo = Server::demo();
    let admin = demo.token("admin_token");
    let twilio = instance_of(&demo, "twilio").await;
    let warned = async |policy: Value| {
        let changed = demo.call("PATCH", &twilio, admin, json!({"policy": policy})).await.expect(200);
        let warnings = changed["policy_warnings"].as_array().unwrap().clone();
        assert!(warnings.iter().all(|one| !one["detail"].as_str().unwrap().is_empty()), "{warnings:?}");
        warnings.iter().map(|one| one["field"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(warned(json!({"countries": ["CH"], "application_name": "Zürich & Söhne"})).await.is_empty());
    assert_eq!(warned(json!({"countries": ["CH"], "application_name": "Müller’s"})).await, ["application_name"]);
    assert_eq!(warned(json!({"countries": ["*"], "code_length": 4})).await, ["code_length", "countries"]);
    let read = demo.call("GET", &twilio, admin, Value::Null).await.expect(200);
    assert_eq!(read["policy_warnings"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_list_is_not_taken_for_an_object_field_by_field() {
    let demo = Server::demo();
    let (admin, application) = (demo.token("admin_token"), demo.token("application_token"));
    let refused = demo.call("POST", "/v1/subscriptions", admin, json!(["listed", "Listed"])).await.expect(400);
    assert_eq!(refused["errors"][0]["pointer"], "", "{refused}");
    demo.call("GET", "/v1/subscriptions/listed", admin, Value::Null).await.expect(404);
    let body = json!({"tenant": "demo", "user": "u", "recipient": ["a@example.org", null]});
    let refused = demo.call("POST", "/v1/challenges", application, body).await.expect(400);
    assert_eq!(refused["errors"][0]["pointer"], "/recipient", "{refused}");
}
