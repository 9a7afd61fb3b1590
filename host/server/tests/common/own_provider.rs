//! A substitute for an identity provider whose responses can be wrong. It checks requests against
//! RFC 6749 sections 2.3.1 and 4.1.3 and RFC 7636 section 4.5.

#![allow(dead_code, reason = "each suite uses its own part")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::common::visitor::{Page, Visitor};
use crate::identity::{SECRET, Sent, Setup, Site, leave};

pub(crate) const DISCOVERY: &str = "/.well-known/openid-configuration";
pub(crate) const TOKEN: &str = "/token";
pub(crate) const KEYS: &str = "/keys";
pub(crate) const CODE: &str = "the code";

/// Its response.
#[derive(Clone)]
pub(crate) enum Reply {
    Json(Value),
    Text(&'static str),
    /// This, and a megabyte of spaces.
    Huge(Value),
    Silence,
    Elsewhere(String),
    Status(u16),
}

#[derive(Clone)]
pub(crate) struct OwnProvider {
    pub(crate) issuer: String,
    pub(crate) key: Arc<EcdsaKeyPair>,
    replies: Arc<Mutex<HashMap<String, Reply>>>,
    /// The code challenge and the redirect URI that an exchange must fit.
    expected: Arc<Mutex<(String, String)>>,
    exchanges: Arc<Mutex<usize>>,
}

pub(crate) fn key() -> EcdsaKeyPair {
    let (algorithm, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
    let pair = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(algorithm, pair.as_ref(), &random).unwrap()
}

/// Returns a JWT with any header.
pub(crate) fn jwt(header: &Value, claims: &Value, key: &EcdsaKeyPair) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = key.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

pub(crate) fn jwk(key: &EcdsaKeyPair, kid: &str) -> Value {
    let (x, y) = key.public_key().as_ref()[1..].split_at(32);
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    json!({"kty": "EC", "crv": "P-256", "use": "sig", "kid": kid, "x": encode(x), "y": encode(y)})
}

pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

impl OwnProvider {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let own = Self {
            issuer,
            key: Arc::new(key()),
            replies: Arc::default(),
            expected: Arc::default(),
            exchanges: Arc::default(),
        };
        let router = Router::new().fallback(answer).with_state(own.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        own.reply(DISCOVERY, Reply::Json(own.discovery()));
        own.reply(KEYS, Reply::Json(json!({"keys": [{"kty": "XYZ"}, jwk(&own.key, "1")]})));
        own
    }

    pub(crate) fn discovery(&self) -> Value {
        let at = |path: &str| format!("{}{path}", self.issuer);
        json!({"issuer": self.issuer, "authorization_endpoint": at("/authorize?own=1"), "token_endpoint": at(TOKEN),
            "jwks_uri": at(KEYS)})
    }

    pub(crate) fn reply(&self, path: &str, reply: Reply) {
        self.replies.lock().unwrap().insert(path.to_owned(), reply);
    }

    /// Returns how many codes were exchanged.
    pub(crate) fn exchanges(&self) -> usize {
        *self.exchanges.lock().unwrap()
    }

    /// Returns the claims of a correct token for Anna, who is an administrator.
    pub(crate) fn claims(&self, sent: &Sent) -> Value {
        json!({"iss": self.issuer, "sub": "anna-1", "aud": "twofactor", "exp": now() + 300, "iat": now(),
            "nonce": sent.asks("nonce"), "groups": ["people", "admins"], "email": "anna@example.com", "name": "Anna"})
    }

    /// Answers the next exchange with a token, if it fits what the browser took along.
    pub(crate) fn hands_out(&self, sent: &Sent, token: &str) {
        *self.expected.lock().unwrap() = (sent.asks("code_challenge").to_owned(), sent.asks("redirect_uri").to_owned());
        self.reply(TOKEN, Reply::Json(json!({"access_token": "a", "token_type": "Bearer", "id_token": token})));
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        jwt(&json!({"alg": "ES256", "kid": "1"}), claims, &self.key)
    }

    /// Logs in as Anna with some claims changed; those that become null are left out.
    pub(crate) async fn log_in(&self, site: &Site, changes: Value) -> (Visitor, Page) {
        let mut visitor = site.visitor();
        let sent = leave(&mut visitor, "/admin").await;
        let token = self.sign(&changed(self.claims(&sent), changes));
        self.hands_out(&sent, &token);
        let page = visitor.get(&sent.back(&[("code", CODE)])).await;
        (visitor, page)
    }

    fn fits(&self, request_header: Option<&str>, body: &[u8]) -> bool {
        let form: HashMap<_, _> = url::form_urlencoded::parse(body).into_owned().collect();
        let is = |name: &str, value: &str| form.get(name).is_some_and(|found| found == value);
        let part = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let basic = format!("Basic {}", STANDARD.encode(format!("twofactor:{}", part(SECRET))));
        let (challenge, redirect_uri) = &*self.expected.lock().unwrap();
        let verifier = form.get("code_verifier").map_or("", |verifier| verifier);
        let hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
        request_header == Some(&basic)
            && is("grant_type", "authorization_code")
            && is("code", CODE)
            && is("redirect_uri", redirect_uri)
            && (43..=128).contains(&verifier.len())
            && hash == *challenge
            && !form.contains_key("client_secret")
    }
}

/// A site with a provider.
pub(crate) struct World {
    pub(crate) own: OwnProvider,
    pub(crate) site: Site,
}

impl World {
    pub(crate) async fn new() -> Self {
        let own = OwnProvider::start().await;
        let site = Site::start(&own.issuer, &Setup::default());
        Self { own, site }
    }
}

/// Returns an object with some members replaced.
pub(crate) fn changed(mut object: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        object[name] = value.clone();
        if value.is_null() {
            object.as_object_mut().unwrap().remove(name);
        }
    }
    object
}

async fn answer(State(own): State<OwnProvider>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    if path == TOKEN {
        *own.exchanges.lock().unwrap() += 1;
        let body = axum::body::to_bytes(body, 64 << 10).await.unwrap();
        let said = |name: header::HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok());
        let form = said(header::CONTENT_TYPE) == Some("application/x-www-form-urlencoded");
        if head.method != "POST" || !form || !own.fits(said(header::AUTHORIZATION), &body) {
            return (StatusCode::BAD_REQUEST, r#"{"error":"invalid_grant"}"#).into_response();
        }
    }
    let Some(reply) = own.replies.lock().unwrap().get(&path).cloned() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match reply {
        Reply::Json(json) => json.to_string().into_response(),
        Reply::Text(text) => text.into_response(),
        Reply::Huge(json) => format!("{json}{}", " ".repeat(1 << 20)).into_response(),
        Reply::Silence => std::future::pending().await,
        Reply::Elsewhere(to) => Redirect::temporary(&to).into_response(),
        Reply::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
    }
}
