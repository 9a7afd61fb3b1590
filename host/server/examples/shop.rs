//! A small application that sends its user to TwoFactor's sign-in page and checks what comes back.
//!
//! ```sh
//! cargo run -- demo
//! TWOFACTOR_URL=http://127.0.0.1:8080 TWOFACTOR_TOKEN=tf_… cargo run --example shop
//! ```
//!
//! Then open <http://127.0.0.1:3000>. The codes are at the demo's `outbox_url`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, bail, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_compact::alg::Ed25519;
use jwt_compact::jwk::JsonWebKey;
use jwt_compact::{Algorithm, AlgorithmExt as _, TimeOptions, Token, UntrustedToken};
use serde::Deserialize;
use serde_json::{Value, json};

/// What the application knows of TwoFactor, and whom it has in session.
#[derive(Clone)]
pub struct Shop {
    /// Where TwoFactor is.
    pub twofactor: String,
    /// A token of the role `application`.
    pub token: String,
    /// Which subscription that token is for.
    pub subscription: String,
    /// The tenant its users belong to.
    pub tenant: String,
    /// Where this application is.
    pub own_url: String,
    /// Where its user can be reached. A real application has that in its accounts.
    pub recipient: Value,
    /// By the secret in the session's cookie.
    sessions: Arc<Mutex<HashMap<String, Session>>>,
    client: reqwest::Client,
}

#[derive(Clone, Default)]
struct Session {
    /// The password was right.
    user: String,
    /// The sign-in at TwoFactor that this browser was sent to, and the `state` it must bring back.
    under_way: Option<(String, String)>,
    /// The second factor was right.
    signed_in: bool,
}

/// What a result says.
#[derive(Deserialize)]
pub struct Claims {
    iss: String,
    aud: String,
    sub: String,
    jti: String,
}

impl Shop {
    /// An application without sessions.
    pub fn new(twofactor: &str, token: &str, subscription: &str, own_url: &str, recipient: Value) -> Self {
        Self {
            twofactor: twofactor.to_owned(),
            token: token.to_owned(),
            subscription: subscription.to_owned(),
            tenant: "demo".to_owned(),
            own_url: own_url.to_owned(),
            recipient,
            sessions: Arc::default(),
            client: reqwest::Client::new(),
        }
    }

    /// Its pages.
    pub fn routes(self) -> Router {
        Router::new()
            .route("/", get(home))
            .route("/sign-in", post(sign_in))
            .route("/signed-in", get(signed_in))
            .with_state(self)
    }

    /// Begins a sign-in at TwoFactor. The answer has its `id` and the `url` the browser goes to.
    async fn begin(&self, user: &str, state: &str) -> anyhow::Result<Value> {
        let body = json!({
            "tenant": self.tenant,
            "user": user,
            "recipient": self.recipient,
            "return_url": format!("{}/signed-in", self.own_url),
            "state": state,
        });
        let request = self.client.post(format!("{}/v1/sign-ins", self.twofactor)).bearer_auth(&self.token);
        let answer = request.body(body.to_string()).send().await?;
        let status = answer.status();
        let answer: Value = serde_json::from_slice(&answer.bytes().await?)?;
        ensure!(status == StatusCode::CREATED, "TwoFactor refused: {}", answer["detail"]);
        Ok(answer)
    }

    /// Checks a result: signed by TwoFactor, for this application, for this very sign-in, and not over.
    pub async fn check(&self, result: &str, sign_in: &str, user: &str) -> anyhow::Result<Claims> {
        let keys = self.client.get(format!("{}/.well-known/jwks.json", self.twofactor)).send().await?.bytes().await?;
        let keys: Value = serde_json::from_slice(&keys)?;
        let token = UntrustedToken::new(result)?;
        let named = |key: &&Value| key["kid"].as_str() == token.header().key_id.as_deref();
        let key = keys["keys"].as_array().and_then(|keys| keys.iter().find(named)).context("an unknown key")?;
        let key = JsonWebKey::deserialize(key)?;
        let key = <Ed25519 as Algorithm>::VerifyingKey::try_from(&key)?;
        ensure!(token.header().token_type.as_deref() == Some("sign-in-result+jwt"), "another kind of token");
        let token: Token<Claims> = Ed25519.validator(&key).validate(&token)?;
        let claims = token.claims();
        ensure!(claims.expiration.is_some(), "it never ends");
        claims.validate_expiration(&TimeOptions::default())?;
        let Claims { iss, aud, sub, jti } = &claims.custom;
        ensure!(*iss == self.twofactor, "made elsewhere");
        ensure!(*aud == self.subscription, "made for another application");
        ensure!(jti == sign_in && sub == user, "made for another sign-in");
        let (_, claims) = token.into_parts();
        Ok(claims.custom)
    }

    fn session(&self, headers: &HeaderMap) -> Option<(String, Session)> {
        let cookies = headers.get(header::COOKIE)?.to_str().ok()?;
        let id = cookies.split("; ").find_map(|pair| pair.strip_prefix("shop="))?;
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.get(id).map(|session| (id.to_owned(), session.clone()))
    }

    fn keep(&self, id: &str, session: Session) {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), session);
    }
}

async fn home(State(shop): State<Shop>, headers: HeaderMap) -> Html<String> {
    let body = match shop.session(&headers) {
        Some((_, session)) if session.signed_in => format!("<p id=welcome>Signed in as {}</p>", session.user),
        _ => "<form method=post action=/sign-in><button>Sign in as alice</button></form>".to_owned(),
    };
    Html(format!("<!doctype html><html lang=en><title>Shop</title><h1>Shop</h1>{body}"))
}

/// The password would be checked here. Then the browser is sent to TwoFactor.
async fn sign_in(State(shop): State<Shop>, _form: Bytes) -> Response {
    let begun = async {
        let (id, state) = (secret()?, secret()?);
        let user = "alice".to_owned();
        let begun = shop.begin(&user, &state).await?;
        let sign_in = begun["id"].as_str().context("no id")?.to_owned();
        shop.keep(&id, Session { user, under_way: Some((sign_in, state)), signed_in: false });
        anyhow::Ok((id, begun["url"].as_str().context("no url")?.to_owned()))
    };
    match begun.await {
        Ok((id, url)) => {
            // Lax: it must come along when the browser comes back.
            let cookie = format!("shop={id}; Path=/; HttpOnly; SameSite=Lax");
            (StatusCode::SEE_OTHER, [(header::SET_COOKIE, cookie), (header::LOCATION, url)]).into_response()
        }
        Err(error) => (StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response(),
    }
}

/// The browser comes back.
async fn signed_in(State(shop): State<Shop>, headers: HeaderMap, uri: Uri) -> Response {
    match finish(&shop, &headers, uri.query().unwrap_or_default()).await {
        Ok(()) => (StatusCode::SEE_OTHER, [(header::LOCATION, "/")]).into_response(),
        Err(error) => (StatusCode::FORBIDDEN, format!("Not signed in: {error:#}")).into_response(),
    }
}

async fn finish(shop: &Shop, headers: &HeaderMap, query: &str) -> anyhow::Result<()> {
    let query: HashMap<String, String> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let (id, mut session) = shop.session(headers).context("no session")?;
    let (sign_in, state) = session.under_way.take().context("nothing is under way")?;
    shop.keep(&id, session.clone());
    ensure!(query.get("state") == Some(&state), "this is not the browser that was sent");
    if let Some(error) = query.get("error") {
        bail!("{error}");
    }
    shop.check(query.get("result").context("no result")?, &sign_in, &session.user).await?;
    session.signed_in = true;
    shop.keep(&id, session);
    Ok(())
}

fn secret() -> anyhow::Result<String> {
    let mut bytes = [0; 18];
    getrandom::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// As a program of its own.
#[allow(dead_code, reason = "tests take the application without it")]
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let variable = |name: &str| std::env::var(name).with_context(|| format!("the variable {name} is needed"));
    let recipient = json!({"email": "alice@example.com", "phone": "+41791234567"});
    let own_url = "http://127.0.0.1:3000";
    let shop = Shop::new(&variable("TWOFACTOR_URL")?, &variable("TWOFACTOR_TOKEN")?, "demo", own_url, recipient);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, shop.routes()).await?;
    Ok(())
}
