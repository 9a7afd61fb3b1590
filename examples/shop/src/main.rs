//! A small application that sends its user to TwoFactor's sign-in page and signs in the browser that comes back, and no other.
//!
//! Anybody can start a sign-in, send its link to somebody else and have them type the code. So the sign-in's `id` and `state` stay in
//! the session of the browser that started it, and only that session redeems a handle. Polling `GET /v1/sign-ins/{id}` proves nothing.
//!
//! ```sh
//! cargo run -- demo
//! SHOP_TWOFACTOR_URL=http://127.0.0.1:8080 SHOP_TWOFACTOR_TOKEN=tf_… cargo run -p shop-example
//! ```
//!
//! Then open <http://127.0.0.1:3000>. The codes are at the demo's `outbox_url`.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, bail, ensure};
use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// The application: its connection to TwoFactor, and its sessions.
#[derive(Clone)]
pub struct Shop {
    /// The URL of TwoFactor.
    pub twofactor: String,
    /// A token of the role `application`.
    pub token: String,
    /// The tenant its users belong to.
    pub tenant: String,
    /// The URL of this application.
    pub own_url: String,
    /// The addresses of its user. A real application has them in its accounts.
    pub recipient: Value,
    /// Sessions by the secret in their cookie.
    sessions: Arc<Mutex<HashMap<String, Session>>>,
    client: reqwest::Client,
}

/// The session of one browser.
#[derive(Clone, Default)]
struct Session {
    /// Sign-ins at TwoFactor that this browser was sent to, one for each tab, the newest last.
    pending: Vec<Pending>,
    /// The user who is signed in, with both factors.
    user: Option<String>,
}

/// A sign-in whose password was right and whose second factor is pending.
#[derive(Clone)]
struct Pending {
    /// The id of the sign-in, which no browser sees.
    id: String,
    /// The value that the browser must bring back.
    state: String,
    /// The user whose password was right.
    user: String,
}

/// The number of sign-ins that a browser may have pending.
const TABS: usize = 5;

/// The purpose of the codes.
const PURPOSE: &str = "sign-in";

impl Shop {
    /// Returns an application without sessions.
    pub fn new(twofactor: &str, token: &str, own_url: &str, recipient: Value) -> Self {
        Self {
            twofactor: twofactor.to_owned(),
            token: token.to_owned(),
            tenant: "demo".to_owned(),
            own_url: own_url.to_owned(),
            recipient,
            sessions: Arc::default(),
            client: reqwest::Client::new(),
        }
    }

    /// Returns its pages.
    pub fn routes(self) -> Router {
        Router::new()
            .route("/", get(home))
            .route("/sign-in", post(sign_in))
            .route("/signed-in", get(signed_in))
            .with_state(self)
    }

    async fn call(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.client.post(format!("{}{path}", self.twofactor)).bearer_auth(&self.token);
        let answer = request.body(body.to_string()).send().await?;
        let status = answer.status();
        let answer: Value = serde_json::from_slice(&answer.bytes().await?)?;
        ensure!(status.is_success(), "TwoFactor refused: {}", answer["detail"]);
        Ok(answer)
    }

    /// Starts a sign-in at TwoFactor, and returns it with the URL to send the browser to.
    async fn start(&self, user: &str, client: SocketAddr, headers: &HeaderMap) -> anyhow::Result<(Pending, String)> {
        let state = secret()?;
        let body = json!({
            "tenant": self.tenant,
            "user": user,
            "recipient": self.recipient,
            "purpose": PURPOSE,
            "first_factor": true,
            "return_url": format!("{}/signed-in", self.own_url),
            "state": state,
            // The page shows where the sign-in was started, so that somebody else who was sent the link becomes suspicious.
            "client_address": client.ip(),
            "user_agent": headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()),
        });
        let started = self.call("/v1/sign-ins", &body).await?;
        let text = |name: &str| started[name].as_str().map(str::to_owned).with_context(|| format!("no `{name}`"));
        Ok((Pending { id: text("id")?, state, user: user.to_owned() }, text("url")?))
    }

    /// Redeems a handle for the sign-in that this browser's session started.
    async fn redeem(&self, pending: &Pending, handle: &str) -> anyhow::Result<()> {
        let path = format!("/v1/sign-ins/{}/result", pending.id);
        let result = self.call(&path, &json!({ "handle": handle })).await?;
        ensure!(result["status"] == "verified" && result["user"] == *pending.user, "the result is for somebody else");
        ensure!(result["purpose"] == PURPOSE, "the code was for something else");
        Ok(())
    }

    fn session(&self, headers: &HeaderMap) -> Option<(String, Session)> {
        let cookies = headers.get(header::COOKIE)?.to_str().ok()?;
        let id = cookies.split("; ").find_map(|pair| pair.strip_prefix("shop="))?;
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.get(id).map(|session| (id.to_owned(), session.clone()))
    }

    fn store(&self, id: &str, session: Session) {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), session);
    }

    fn end(&self, id: &str) {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

async fn home(State(shop): State<Shop>, headers: HeaderMap) -> Html<String> {
    let user = shop.session(&headers).and_then(|(_, session)| session.user);
    let body = match user {
        Some(user) => format!("<p id=welcome>Signed in as {user}</p>"),
        None => "<form method=post action=/sign-in><button>Sign in as alice</button></form>".to_owned(),
    };
    Html(format!("<!doctype html><html lang=en><title>Shop</title><h1>Shop</h1>{body}"))
}

/// Sends the browser to TwoFactor. A real application checks the password first.
async fn sign_in(
    State(shop): State<Shop>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Response {
    let started = async {
        let (pending, url) = shop.start("alice", client, &headers).await?;
        let (id, mut session) = match shop.session(&headers) {
            Some(found) => found,
            None => (secret()?, Session::default()),
        };
        session.pending.push(pending);
        let too_many = session.pending.len().saturating_sub(TABS);
        session.pending.drain(..too_many);
        shop.store(&id, session);
        anyhow::Ok((id, url))
    };
    match started.await {
        Ok((id, url)) => redirect(&id, &url),
        Err(error) => (StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response(),
    }
}

/// Receives the browser that comes back.
async fn signed_in(State(shop): State<Shop>, headers: HeaderMap, uri: Uri) -> Response {
    match finish(&shop, &headers, uri.query().unwrap_or_default()).await {
        Ok(id) => redirect(&id, "/"),
        Err(error) => (StatusCode::FORBIDDEN, format!("Not signed in: {error:#}")).into_response(),
    }
}

/// Signs in the session of this browser, and gives it a new id, which nobody can know from before.
async fn finish(shop: &Shop, headers: &HeaderMap, query: &str) -> anyhow::Result<String> {
    let query: HashMap<String, String> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let (id, mut session) = shop.session(headers).context("this browser started no sign-in")?;
    let is_this = |pending: &Pending| query.get("state") == Some(&pending.state);
    let found = session.pending.iter().position(is_this).context("this browser started another sign-in")?;
    let pending = session.pending.remove(found);
    shop.store(&id, session.clone());
    if let Some(error) = query.get("error") {
        bail!("{error}");
    }
    shop.redeem(&pending, query.get("handle").context("no handle")?).await?;
    session.user = Some(pending.user);
    let new = secret()?;
    shop.end(&id);
    shop.store(&new, session);
    Ok(new)
}

/// Redirects, with the session's cookie. It is `Lax` because the browser must send it when it comes back from TwoFactor.
fn redirect(session: &str, to: &str) -> Response {
    let cookie = format!("shop={session}; Path=/; HttpOnly; SameSite=Lax");
    (StatusCode::SEE_OTHER, [(header::SET_COOKIE, cookie), (header::LOCATION, to.to_owned())]).into_response()
}

fn secret() -> anyhow::Result<String> {
    let mut bytes = [0; 18];
    getrandom::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Runs the application by itself.
#[allow(dead_code, reason = "tests take the application without it")]
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let variable = |name: &str| std::env::var(name).with_context(|| format!("the variable {name} is needed"));
    let recipient = json!({"email": "alice@example.com", "phone": "+41791234567"});
    let own_url = "http://127.0.0.1:3000";
    // Not `TWOFACTOR_URL`: the server takes each variable that begins with `TWOFACTOR_` as a key of its configuration.
    let url = variable("SHOP_TWOFACTOR_URL")?;
    let shop = Shop::new(&url, &variable("SHOP_TWOFACTOR_TOKEN")?, own_url, recipient);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, shop.routes().into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
