//! A server whose upstreams have scripted responses, and what an application and an administrator
//! see of it.

#![allow(dead_code, reason = "each suite uses its own part")]

use std::sync::{Arc, Mutex};

use Class::{Blocked, Delivered, Misconfigured, OutcomeUnknown, RejectedMessage, RejectedRecipient, RetryLater};
use axum::Router;
use axum::http::{HeaderName, Request, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::common::{self, Server};

/// The classes of an outcome, by the name that a test message's report gives them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Class {
    Delivered,
    RetryLater(Option<u32>),
    OutcomeUnknown,
    RejectedRecipient,
    RejectedMessage,
    Misconfigured,
    Blocked,
}

impl Class {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Delivered => "delivered",
            RetryLater(_) => "retry-later",
            OutcomeUnknown => "outcome-unknown",
            RejectedRecipient => "rejected-recipient",
            RejectedMessage => "rejected-message",
            Misconfigured => "misconfigured",
            Blocked => "blocked",
        }
    }
}

/// What an HTTP upstream answers next.
#[derive(Clone, Default)]
pub(crate) struct Scripted {
    message: Arc<Mutex<Scene>>,
    /// To the question who has an address; if nothing is said, there is somebody.
    question: Arc<Mutex<Option<Scene>>>,
}

/// Status, headers, body.
type Scene = (u16, Vec<(&'static str, &'static str)>, String);

impl Scripted {
    pub(crate) fn answers(&self, status: u16, headers: &[(&'static str, &'static str)], body: &Value) {
        *self.message.lock().unwrap() = (status, headers.to_vec(), body.to_string());
    }

    /// The same to the question who has an address.
    pub(crate) fn answers_the_question(&self, status: u16, headers: &[(&'static str, &'static str)], body: &Value) {
        *self.question.lock().unwrap() = Some((status, headers.to_vec(), body.to_string()));
    }

    pub(crate) async fn listen(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let script = self.clone();
        let router = Router::new().fallback(async move |request: Request<axum::body::Body>| script.answer(&request));
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }

    fn answer(&self, request: &Request<axum::body::Body>) -> Response {
        if request.uri().path().ends_with("/oauth2/v2.0/token") {
            return r#"{"token_type":"Bearer","expires_in":3599,"access_token":"t"}"#.into_response();
        }
        let of_the_question = self.question.lock().unwrap().clone();
        let (status, headers, body) = match request.uri().path() {
            "/api/users.lookupByEmail" => of_the_question.unwrap_or_else(|| {
                let somebody = r#"{"ok":true,"user":{"id":"W012A3CDE","deleted":false}}"#;
                (200, Vec::new(), somebody.to_owned())
            }),
            _ => self.message.lock().unwrap().clone(),
        };
        let mut response = (StatusCode::from_u16(status).unwrap(), body).into_response();
        for (name, value) in headers {
            response.headers_mut().insert(HeaderName::from_static(name), value.parse().unwrap());
        }
        response
    }
}

/// A server whose upstreams are all scripted, with one instance of a type.
pub(crate) struct Bench {
    server: Server,
    admin: String,
    application: String,
    instance: String,
    next: u32,
}

impl Bench {
    pub(crate) async fn new(folder: &std::path::Path, http: &str, mail: &str, type_id: &str, options: Value) -> Self {
        let (file, store) = (folder.join("twofactor.toml"), folder.join("twofactor.db"));
        common::share_compiled(&store);
        let many = u32::MAX;
        // Naming one of the usual providers as well changes nothing.
        let text = format!(
            "listen = \"127.0.0.1:0\"\n[store]\npath = {store:?}\n[rate_limits]\nprefix_per_hour = {many}\n[policy]\nretries = 0\npause_after = 0\n[providers]\nload = [\"email\", \"ecall\", \"twilio\", {type_id:?}]\n\
             [network.overrides]\n\
             \"https://api.twilio.com\" = {http:?}\n\"https://rest.ecall.ch\" = {http:?}\n\
             \"https://graph.microsoft.com\" = {http:?}\n\"https://login.microsoftonline.com\" = {http:?}\n\
             \"https://email.eu-central-1.amazonaws.com\" = {http:?}\n\"https://slack.com\" = {http:?}\n\
             \"https://gateway.example.com\" = {http:?}\n\
             \"smtp://mail.example.com:465\" = {mail:?}\n"
        );
        std::fs::write(&file, text).unwrap();
        let issue = ["token", "issue", "--name", "a", "--system-admin", "--config", file.to_str().unwrap()];
        let said: Value = serde_json::from_slice(&common::run(&issue).stdout).unwrap();
        let admin = said["token"].as_str().unwrap().to_owned();
        let server = Server::serve(&file);
        server.call("POST", "/v1/subscriptions", &admin, json!({"id": "s", "name": "S"})).await.expect(201);
        let new = json!({"type": type_id, "name": "x", "options": options});
        let created = server.call("POST", "/v1/subscriptions/s/two-factors", &admin, new).await.expect(201);
        assert_eq!(created["valid"], true, "{created}");
        let instance = format!("/v1/subscriptions/s/two-factors/{}", created["id"].as_str().unwrap());
        let tenant = json!([{"kind": "tenant", "id": "t"}]);
        server.call("PUT", &format!("{instance}/assignments"), &admin, tenant).await.expect(200);
        let token = json!({"name": "a", "role": "application", "subscriptions": ["s"]});
        let token = server.call("POST", "/v1/tokens", &admin, token).await.expect(201);
        let application = token["token"].as_str().unwrap().to_owned();
        Self { server, admin, application, instance, next: 0 }
    }

    /// Sends a test message and starts a challenge; both must show the class.
    pub(crate) async fn shows(&mut self, row: &str, class: Class) {
        self.next += 1;
        let recipient = json!({"phone": format!("+4179{:07}", 1_000_000 + self.next), "email": format!("p{}@example.org", self.next)});
        let path = format!("{}/test", self.instance);
        let report = self.server.call("POST", &path, &self.admin, json!({"recipient": recipient})).await.expect(200);
        assert_eq!(report["outcome"], class.name(), "{row}: {report}");

        let body = json!({"tenant": "t", "user": format!("u{}", self.next), "recipient": recipient});
        let answer = self.server.call("POST", "/v1/challenges", &self.application, body).await;
        let retry_after = answer.headers.get("retry-after").map(|seconds| seconds.to_str().unwrap().to_owned());
        match class {
            Delivered => {
                answer.expect(201);
            }
            RejectedRecipient => {
                answer.problem(422, "recipient-rejected");
            }
            RetryLater(Some(seconds)) => {
                assert_eq!(retry_after, Some(seconds.to_string()), "{row}");
                assert_eq!(answer.problem(503, "delivery-failed")["retryable"], true, "{row}");
            }
            RetryLater(None) => assert_eq!(answer.problem(502, "delivery-failed")["retryable"], true, "{row}"),
            OutcomeUnknown | RejectedMessage | Misconfigured | Blocked => {
                assert_eq!(answer.problem(502, "delivery-failed")["retryable"], false, "{row}");
            }
        }
    }
}
