//! A site whose people hold factors, in this process, under a clock that is moved by hand.

#![allow(dead_code, reason = "each suite uses its own part")]

use serde_json::{Value, json};
use twofactor::token::Role;
use twofactor::{Assignment, NewInstance};

use crate::common::Answer;
use crate::site::{RETURN_URL, Site};
use crate::totp;

pub(crate) const ORIGIN: &str = "https://login.example.com";

/// The site, with an instance of each kind of factor, and a token of an administrator.
pub(crate) struct Stage {
    pub(crate) site: Site,
    pub(crate) admin: String,
    pub(crate) totp: String,
    pub(crate) fido: String,
    pub(crate) recovery: String,
}

/// An enrolled authenticator app.
pub(crate) struct App {
    pub(crate) factor: String,
    pub(crate) secret: String,
}

impl Stage {
    pub(crate) async fn start() -> Self {
        let site = Site::with(|mut builder| {
            for factor in ["totp", "fido", "recovery"] {
                builder = builder.bundled_provider(factor).unwrap();
            }
            builder.public_url(ORIGIN)
        })
        .await;
        let admin = site.admin();
        let mut instances = Vec::new();
        for factor in ["totp", "fido", "recovery"] {
            let made = admin.create_instance("shop", NewInstance::new(factor, factor, json!({}))).await.unwrap();
            assert!(made.problems.is_empty(), "{factor}: {:?}", made.problems);
            admin.set_assignments("shop", &made.id, vec![Assignment::tenant("main")]).await.unwrap();
            instances.push(made.id);
        }
        let (_, admin) = admin.issue_token("admin", Role::SystemAdmin, None).await.unwrap();
        let [totp, fido, recovery] = instances.try_into().unwrap();
        site.set(json!({"return_urls": [RETURN_URL]})).await;
        Self { site, admin, totp, fido, recovery }
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: Value) -> Answer {
        self.site.call(method, path, body).await
    }

    /// Makes a call with another token than the application's.
    pub(crate) async fn call_as(&self, token: &str, method: &str, path: &str, body: Value) -> Answer {
        let request = reqwest::Client::new().request(method.parse().unwrap(), format!("{}{path}", self.site.url));
        let request = request.bearer_auth(token);
        Answer::of(if body.is_null() { request } else { request.body(body.to_string()) }).await
    }

    /// Begins an enrolment of a user, with fields that replace or extend the usual ones.
    pub(crate) async fn begin(&self, user: &str, instance: &str, more: Value) -> Answer {
        let mut body = json!({"tenant": "main", "user": user, "two_factor": instance, "proof": {"first_factor": true}});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.call("POST", "/v1/enrolments", body).await
    }

    pub(crate) async fn finish(&self, enrolment: &Value, answer: Value) -> Answer {
        let id = enrolment["id"].as_str().unwrap();
        self.call("POST", &format!("/v1/enrolments/{id}/finish"), answer).await
    }

    /// Returns the code that an app shows now.
    pub(crate) fn code(&self, secret: &str) -> String {
        use twofactor::clock::Clock as _;
        totp::code(secret, self.site.clock.now())
    }

    /// Enrols an authenticator app, and waits until the code is another one.
    pub(crate) async fn app(&self, user: &str, more: Value) -> App {
        let begun = self.begin(user, &self.totp, more).await.expect(201);
        let secret = begun["reveal"]["secret"].as_str().unwrap().replace(' ', "");
        let finished = self.finish(&begun, json!({"code": self.code(&secret)})).await.expect(201);
        self.site.advance(30);
        App { factor: finished["factor"]["id"].as_str().unwrap().to_owned(), secret }
    }

    /// Starts a challenge for a factor of a user.
    pub(crate) async fn challenge(&self, user: &str, instance: &str, more: Value) -> Answer {
        let mut body = json!({"tenant": "main", "user": user, "two_factor": instance, "first_factor": true});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.call("POST", "/v1/challenges", body).await
    }

    pub(crate) async fn verify(&self, challenge: &Value, answer: Value) -> Answer {
        let id = challenge["id"].as_str().unwrap();
        self.call("POST", &format!("/v1/challenges/{id}/verify"), answer).await
    }

    /// Verifies a challenge with an app; its id proves one change.
    pub(crate) async fn proof(&self, user: &str, app: &App) -> Value {
        let challenge = self.challenge(user, &self.totp, json!({})).await.expect(201);
        self.verify(&challenge, json!({"code": self.code(&app.secret)})).await.expect(200);
        self.site.advance(30);
        json!({"challenge": challenge["id"]})
    }
}
