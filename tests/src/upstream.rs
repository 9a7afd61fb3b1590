//! An upstream on loopback that records requests and responds as its path says.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::net::TcpListener;

/// One request as it came.
#[derive(Clone)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub query: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Seen {
    /// Returns all values of a header.
    pub fn header(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }
}

#[derive(Clone)]
pub struct Upstream {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Upstream {
    /// Answers as Twilio does; a path that begins with `/silent` gets no answer, `/mirror` gets back
    /// what it was sent, the code in it, and what is missing to nine at each digit of that, `/last` what was last sent to any other path, `/credentials` what it was authenticated with, `/token` an access token, `/candidates` a list of what codes there are; one with `/redirect/` leads to what follows.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = Self { address: listener.local_addr().unwrap(), seen: Arc::default() };
        let state = upstream.clone();
        let router = Router::new().fallback(async move |request: Request| state.answer(request).await);
        tokio::spawn(async move { axum::serve(listener, router).await });
        upstream
    }

    async fn answer(&self, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let body = to_bytes(body, 64 << 20).await.unwrap_or_default();
        let path = head.uri.path().to_owned();
        let headers = head.headers.iter();
        let headers =
            headers.map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
        if path == "/last" {
            return self.seen().pop().map(|seen| seen.body).unwrap_or_default().into_response();
        }
        self.seen.lock().unwrap().push(Seen {
            method: head.method.to_string(),
            path: path.clone(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            headers: headers.collect(),
            body: String::from_utf8_lossy(&body).into_owned(),
        });
        if path == "/mirror" {
            let text = String::from_utf8_lossy(&body).into_owned();
            let code = code(&text).unwrap_or_default();
            let missing: String = code.bytes().map(|digit| char::from(b'0' + b'9' - digit)).collect();
            let headers = [("x-missing-to-nine", missing), ("x-code", code.to_owned())];
            return (StatusCode::CREATED, headers, text.clone()).into_response();
        }
        if path == "/credentials" {
            let sent =
                head.headers.get(header::AUTHORIZATION).map(|value| value.as_bytes().to_vec()).unwrap_or_default();
            let sent = String::from_utf8(sent).unwrap();
            let pair = sent.strip_prefix("Basic ").map(|pair| STANDARD.decode(pair).unwrap()).unwrap_or_default();
            let pair = String::from_utf8(pair).unwrap();
            return (StatusCode::CREATED, [("x-told", pair.clone())], format!("{sent} {pair}")).into_response();
        }
        if path == "/token" {
            let answer = format!(r#"{{"token_type":"Bearer","access_token":"{ACCESS_TOKEN}","expires_in":3600}}"#);
            return (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], answer).into_response();
        }
        if path == "/candidates" {
            return (0..CANDIDATES).map(|n| format!("{n:06}\n")).collect::<String>().into_response();
        }
        if path.starts_with("/silent") {
            return std::future::pending().await;
        }
        if let Some(rest) = path.strip_prefix("/redirect/") {
            let (status, to) = rest.split_once('/').unwrap();
            let status = StatusCode::from_u16(status.parse().unwrap()).unwrap();
            return (status, [(header::LOCATION, to.to_owned())]).into_response();
        }
        let answer = r#"{"sid":"SM00000000000000000000000000000000","status":"queued","error_code":null}"#;
        (StatusCode::CREATED, [(header::CONTENT_TYPE, "application/json")], answer).into_response()
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Returns the code in the newest message to a number.
    pub fn code(&self, to: &str) -> String {
        let to = to.replace('+', "%2B");
        let seen = self.seen();
        let message = seen.iter().rev().find(|seen| seen.body.contains(&to)).unwrap();
        let text = message.body.split("Body=").nth(1).unwrap().split('&').next().unwrap();
        code(text).unwrap().to_owned()
    }
}

/// The access token that `/token` issues.
pub const ACCESS_TOKEN: &str = "access-token-canary/0+1=";

/// The number of codes in a list that still fits into a response.
pub const CANDIDATES: usize = 149_000;

/// The code in what an upstream was sent. Numbers of phones are longer.
pub fn code(text: &str) -> Option<&str> {
    text.split(|c: char| !c.is_ascii_digit()).rfind(|run| (6..=10).contains(&run.len()))
}
