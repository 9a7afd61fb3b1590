//! Requests that are almost right are refused with a sentence of this server that names the field, and never with a 5xx.

use crate::common;
use common::{Answer, Server, sign_in};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn raw(server: &Server, request: &str) -> String {
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_request_of_http_1_1_has_exactly_one_host() {
    let server = Server::demo();
    for hosts in ["", "Host: a\r\nHost: b\r\n"] {
        let answer = raw(&server, &format!("GET /healthz HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("`Host`"), "{answer}");
    }
    let answer = raw(&server, "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let answer = raw(&server, "GET /healthz HTTP/1.0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 200 "), "{answer}");
}

#[tokio::test]
async fn a_duplicate_key_is_named() {
    let server = Server::demo();
    let admin = server.token("admin_token");
    let instance = |options: &str| format!(r#"{{"type": "twilio", "name": "a", "options": {options}}}"#);
    for (path, body, pointer) in [
        ("/v1/subscriptions", r#"{"id": "a", "name": "A", "name": "B"}"#.to_owned(), "/name"),
        (
            "/v1/subscriptions/demo/two-factors",
            instance(r#"{"TwilioAuthToken": "a", "TwilioAccountSid": "b", "TwilioAuthToken": "c"}"#),
            "/options/TwilioAuthToken",
        ),
    ] {
        let answer = Answer::of(server.request("POST", path, admin).body(body)).await;
        let problem = answer.problem(400, "invalid-input");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
        assert_eq!(problem["errors"][0]["detail"], "appears twice: remove one");
    }
}

#[tokio::test]
async fn refusals_do_not_mention_internal_types() {
    let server = Server::demo();
    let (admin, application) = (server.token("admin_token"), server.token("application_token"));
    let mut answers = Vec::new();
    for body in [
        "1",
        "[]",
        "\"a\"",
        "null",
        "{",
        "{\"a\": 1}",
        "{\"recipient\": 1}",
        "{\"recipient\": {}, \"purpose\": []}",
        "\u{0}",
        "{\"tenant\": {\"a\": 1}, \"recipient\": {}}",
    ] {
        answers.push(Answer::of(server.request("POST", "/v1/challenges", application).body(body)).await);
        answers.push(Answer::of(server.request("POST", "/v1/tokens", admin).body(body)).await);
        answers.push(Answer::of(server.request("PUT", "/v1/base-settings/email", admin).body(body)).await);
    }
    for query in ["?limit=x", "?limit=1&limit=2", "?nothing=1", "?after=%FF", "?limit=99999999999999999999"] {
        answers.push(Answer::of(server.request("GET", &format!("/v1/subscriptions{query}"), admin)).await);
        answers.push(Answer::of(server.request("GET", &format!("/v1/audit{query}"), admin)).await);
    }
    for path in [
        "/v1/subscriptions/%FF",
        "/v1/challenges/%FF/verify",
        "/admin/login?to=%FF",
        "/admin/two-factors?subscription=a&subscription=b",
        "/admin/login/oidc/back?code=1&code=2",
        "/admin/audit?after=x",
        "/sign-in/%FF",
        "/reports/%FF",
    ] {
        answers.push(Answer::of(server.request("GET", path, admin)).await);
    }
    for answer in answers {
        assert!(answer.status < 500, "{} {}", answer.status, answer.text);
        for word in [
            "struct ",
            "deserialize",
            "Deserialize",
            "serde",
            "axum",
            "Utf8",
            "UTF-8",
            "expected value",
            "EOF",
            "DuplicateKeyPolicy",
        ] {
            assert!(!answer.text.contains(word), "{word}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn no_return_link_breaks_the_location_header() {
    let server = Server::demo();
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    for aim in
        ["/admin/%00", "/admin/%0d%0aa:b", "/admin/%c3%bc", "/admin/%5cevil.example", "/admin/%20", "//evil.example"]
    {
        for path in ["/admin/login", "/admin/second-factor"] {
            let url = format!("{}{path}?to={aim}", server.url);
            let page = client.get(&url).send().await.unwrap();
            assert!(page.status().as_u16() < 400, "{url}: {}", page.status());
            let form = client.post(&url).header("sec-fetch-site", "same-origin").body("email=a&password=b");
            let answer = form.send().await.unwrap();
            assert!(answer.status().as_u16() < 500, "{url}: {}", answer.status());
        }
    }
}

#[tokio::test]
async fn a_nul_in_an_address_is_refused() {
    let server = Server::demo();
    let token = server.token("application_token");
    for path in ["/v1/two-factors?tenant=a%00b", "/v1/users/a%00b/factors"] {
        server.call("GET", path, token, Value::Null).await.problem(400, "invalid-input");
    }
    let answer = server.call("POST", "/v1/challenges/%00/verify", token, json!({"code": "123456"})).await;
    answer.problem(400, "invalid-input");
}

#[tokio::test]
async fn a_subscription_is_not_named_as_a_folder_is() {
    let server = Server::demo();
    for id in [".", "..", "", "a/b", "\u{e4}"] {
        let new = json!({"id": id, "name": "A"});
        let answer = server.call("POST", "/v1/subscriptions", server.token("admin_token"), new).await;
        assert_eq!(answer.problem(400, "invalid-input")["errors"][0]["pointer"], "/id", "{id}");
    }
    let new = json!({"id": "...", "name": "A"});
    server.call("POST", "/v1/subscriptions", server.token("admin_token"), new).await.expect(201);
}

#[tokio::test]
async fn a_users_id_has_one_spelling_without_invisible_characters() {
    let server = Server::demo();
    let application = server.token("application_token");
    let start = |user: &str| {
        let mut new = sign_in(json!({"email": "user@example.com"}));
        new["user"] = json!(user);
        new
    };
    for user in [" alice", "alice ", "ali\u{200b}ce", "\u{202e}alice", "a\u{0}b", "a\nb", "alice\u{3000}", ""] {
        let answer = server.call("POST", "/v1/challenges", application, start(user)).await;
        assert_eq!(answer.problem(400, "invalid-input")["errors"][0]["pointer"], "/user", "{user:?}");
    }
    let begun = server.call("POST", "/v1/challenges", application, start("Mu\u{308}ller")).await.expect(201);
    let code = server.code("user@example.com").await;
    let path = format!("/v1/challenges/{}/verify", begun["id"].as_str().unwrap());
    let verified = server.call("POST", &path, application, json!({"code": code})).await.expect(200);
    assert_eq!(verified["user"], "M\u{fc}ller");
}

#[tokio::test]
async fn an_idempotency_key_of_another_request_is_recognized() {
    let server = Server::demo();
    let application = server.token("application_token");
    let start = |email: &str| {
        let request = server.request("POST", "/v1/challenges", application).header("idempotency-key", "1");
        request.body(sign_in(json!({"email": email})).to_string())
    };
    Answer::of(start("one@example.com")).await.expect(201);
    Answer::of(start("one@example.com")).await.expect(201);
    Answer::of(start("other@example.com")).await.problem(422, "idempotency-key-reused");
}

#[tokio::test]
async fn a_whole_number_is_an_integer_however_it_is_written() {
    let server = Server::demo();
    let admin = server.token("admin_token");
    let mail = json!({"MailType": "SMTP", "Host": "smtp.example.com", "Port": 465.0, "EnableSSL": true,
        "UserName": "a", "Password": "b", "Timeout": 20000.0});
    let new = json!({"type": "email", "name": "Mail",
        "options": {"EMailSenderAddress": "codes@example.com", "MailServerConfig": mail}});
    let created = server.call("POST", "/v1/subscriptions/demo/two-factors", admin, new).await.expect(201);
    assert_eq!(created["valid"], true, "{created}");
    assert_eq!(created["options"]["MailServerConfig"]["Port"].to_string(), "465");
}

#[tokio::test]
async fn a_name_that_deceives_is_refused_wherever_people_read_it() {
    let server = Server::demo();
    let admin = server.token("admin_token");
    let demo = "/v1/subscriptions/demo";
    let name = "Ba\u{202e}nk";
    let calls = [
        ("POST", "/v1/subscriptions".to_owned(), json!({"id": "a", "name": name}), "/name"),
        ("PATCH", demo.to_owned(), json!({"name": name}), "/name"),
        ("POST", format!("{demo}/two-factors"), json!({"type": "twilio", "name": name, "options": {}}), "/name"),
        ("POST", "/v1/tokens".to_owned(), json!({"name": name, "role": "system_admin"}), "/name"),
        (
            "POST",
            "/v1/accounts".to_owned(),
            json!({"name": name, "email": "a@example.com", "role": "system_admin"}),
            "/name",
        ),
        ("PUT", format!("{demo}/directory/tenant/a"), json!({"name": name}), "/name"),
        (
            "PUT",
            format!("{demo}/sign-in-page"),
            json!({"return_urls": [], "application_name": name}),
            "/application_name",
        ),
        (
            "POST",
            format!("{demo}/two-factors"),
            json!({"type": "twilio", "name": "a", "options": {}, "policy": {"application_name": "evil.example/login"}}),
            "/policy/application_name",
        ),
    ];
    for (method, path, body, pointer) in calls {
        let answer = server.call(method, &path, admin, body).await;
        let problem = answer.problem(400, "invalid-input");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{path}: {problem}");
        assert!(!problem.to_string().contains('\u{202e}'));
    }
}

/// Every call of the API, with ids that nothing has.
fn calls() -> Vec<(String, String)> {
    let document: Value = serde_json::from_str(&twofactor_server::openapi()).unwrap();
    let mut calls = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            calls.push((method.to_uppercase(), path.replace(['{', '}'], "")));
        }
    }
    calls
}

#[tokio::test]
async fn responses_are_not_cached_and_not_sniffed() {
    let server = Server::demo();
    let admin = server.token("admin_token");
    let mut calls = calls();
    let pages = [
        "/",
        "/admin",
        "/admin/login",
        "/admin/tokens",
        "/admin/invitation/a",
        "/sign-in/a",
        "/openapi.json",
        "/healthz",
        "/readyz",
        "/metrics",
        "/nothing",
        "/admin/nothing",
        "/.well-known/nothing",
    ];
    calls.extend(pages.map(|path| ("GET".to_owned(), path.to_owned())));
    for token in [admin, "", server.token("application_token")] {
        for (method, path) in &calls {
            let answer = Answer::of(server.request(method, path, token)).await;
            let header = |name: &str| answer.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
            assert_eq!(header("x-content-type-options").as_deref(), Some("nosniff"), "{method} {path}");
            assert_eq!(header("cache-control").as_deref(), Some("no-store"), "{method} {path}");
            assert_eq!(header("strict-transport-security"), None, "{method} {path}");
        }
    }
    let messages = reqwest::get(format!("{}/messages", server.said["outbox_url"].as_str().unwrap())).await.unwrap();
    assert_eq!(messages.headers()["cache-control"], "no-store");
    assert_eq!(messages.headers()["x-content-type-options"], "nosniff");
}

/// Many of them at a time must not take much memory.
#[tokio::test]
async fn a_form_of_somebody_who_is_not_logged_in_is_short() {
    let server = Server::demo();
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let paths = ["/admin/login", "/admin/invitation/unknown", "/admin/second-factor/other", "/admin/second-factor"];
    for (path, longest) in paths.into_iter().zip([16 << 10, 16 << 10, 16 << 10, 96 << 10]) {
        let status = async |length: usize| {
            let request = client.post(format!("{}{path}", server.url)).header("sec-fetch-site", "same-origin");
            let request = request.header("content-type", "application/x-www-form-urlencoded");
            request.body("a".repeat(length)).send().await.unwrap().status().as_u16()
        };
        assert_eq!(status(longest + 1).await, 413, "{path}");
        assert_ne!(status(longest).await, 413, "{path}");
    }
}
