//! HTTP Digest authentication against a server that computes each response by itself.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use md5::{Digest as _, Md5};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::egress::Network;
use crate::egress::authentication::{Credentials, HttpAuthentication};
use crate::egress::http::message::{HttpError, HttpRequest, HttpResponse};
use crate::egress::policy::{Connection, Grants, Secret};

const ORIGIN: &str = "https://gateway.example.com";

/// What a server answers, and how it was asked.
#[derive(Default)]
struct State {
    /// The nonce in use.
    nonce: u32,
    /// The last nonce count.
    count: u32,
    /// How many requests a nonce is valid for.
    valid_for: u32,
    /// A header in place of the challenge.
    challenge: Option<String>,
    /// The values of `Authorization`, and whether each was right.
    seen: Vec<(Option<String>, bool)>,
}

/// Reads one request: its first line, its headers in lower case and its body.
async fn read(stream: &mut TcpStream) -> Option<(String, BTreeMap<String, String>)> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut buffer).await.ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let mut lines = head.lines();
        let start = lines.next()?.to_owned();
        let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        let headers: BTreeMap<_, _> = lines.filter_map(header).collect();
        if headers.get("content-length").map_or(0, |length| length.parse().unwrap()) <= body.len() {
            return Some((start, headers));
        }
    }
}

fn md5(text: &str) -> String {
    hex::encode(Md5::digest(text))
}

impl State {
    /// Returns whether a value of `Authorization` is right for this request, and was not used before.
    fn accepts(&mut self, start: &str, value: &str) -> bool {
        let mut words = start.split(' ');
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        let Some(list) = value.strip_prefix("Digest ") else { return false };
        let fields: BTreeMap<&str, &str> = list
            .split(", ")
            .filter_map(|field| field.split_once('='))
            .map(|(name, value)| (name, value.trim_matches('"')))
            .collect();
        let (nonce, count, client_nonce) = (fields["nonce"], fields["nc"], fields["cnonce"]);
        let secret = md5("twofactor:sms:s3cret-password");
        let expected =
            md5(&format!("{secret}:{nonce}:{count}:{client_nonce}:auth:{}", md5(&format!("{method}:{target}"))));
        let count = u32::from_str_radix(count, 16).unwrap();
        let is_right = fields["response"] == expected && fields["uri"] == target && fields["opaque"] == "o p";
        let is_fresh = nonce == format!("n{}", self.nonce) && count == self.count + 1 && count <= self.valid_for;
        if is_right && is_fresh {
            self.count = count;
        }
        is_right && is_fresh
    }

    fn answer(&mut self, start: &str, authorization: Option<String>) -> String {
        let is_right = authorization.as_deref().is_some_and(|value| self.accepts(start, value));
        let echo = authorization.clone().unwrap_or_default();
        self.seen.push((authorization, is_right));
        let length = echo.len();
        if is_right {
            return format!("HTTP/1.1 200 x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{echo}");
        }
        (self.nonce, self.count) = (self.nonce + 1, 0);
        let nonce = self.nonce;
        let challenge = self.challenge.clone().unwrap_or_else(|| {
            format!("Digest realm=\"sms\", nonce=\"n{nonce}\", opaque=\"o p\", stale=true, qop=\"auth,auth-int\"")
        });
        format!(
            "HTTP/1.1 401 x\r\nconnection: close\r\nwww-authenticate: Basic realm=\"sms\"\r\nwww-authenticate: {challenge}\r\n\
             content-length: 0\r\n\r\n"
        )
    }
}

struct Server {
    network: Network,
    state: Arc<Mutex<State>>,
}

impl Server {
    async fn start(is_listed: bool, state: State) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let network = Network::builder().override_endpoint(ORIGIN, listener.local_addr().unwrap());
        let network = if is_listed { network.digest_authentication(ORIGIN) } else { network };
        let state = Arc::new(Mutex::new(state));
        let own = state.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let Some((start, mut headers)) = read(&mut stream).await else { continue };
                let answer = own.lock().unwrap().answer(&start, headers.remove("authorization"));
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { network: network.build().unwrap(), state }
    }

    fn grants(&self, password: &str) -> Grants {
        let credentials = Credentials { username: "twofactor".to_owned(), password: Secret::new(password) };
        let authentication = HttpAuthentication::Basic(credentials);
        let connection = Connection::Http { origin: ORIGIN.to_owned(), authentication, settings: Vec::new() };
        Grants::new(vec![connection], Default::default(), self.network.rules()).unwrap()
    }

    async fn send(&self, password: &str) -> Result<HttpResponse, HttpError> {
        let url = format!("{ORIGIN}/send?to=%2B41791234508&text=a%20b");
        let request = HttpRequest { method: "POST".to_owned(), url, headers: Vec::new(), body: b"{}".to_vec() };
        self.network.send_http(&self.grants(password), request).await
    }

    /// Returns whether each request that came since the last call was right. `None`: it had no credentials.
    fn seen(&self) -> Vec<Option<bool>> {
        let seen = std::mem::take(&mut self.state.lock().unwrap().seen);
        for value in seen.iter().filter_map(|(value, _)| value.as_ref()) {
            assert!(!value.contains("s3cret") && !value.starts_with("Basic"), "{value}");
        }
        seen.into_iter().map(|(value, is_right)| value.map(|_| is_right)).collect()
    }
}

#[tokio::test]
async fn one_challenge_serves_many_requests_and_a_stale_one_is_replaced() {
    let server = Server::start(true, State { valid_for: 3, ..State::default() }).await;
    let (asked, right, stale) = (None, Some(true), Some(false));
    for expected in [vec![asked, right], vec![right], vec![right], vec![stale, right], vec![right]] {
        let answer = server.send("s3cret-password").await.unwrap();
        assert_eq!((answer.status, server.seen()), (200, expected));
        let body = String::from_utf8(answer.body).unwrap();
        // Whoever has the response could repeat the request.
        assert!(body.contains("response=\"********************************\""), "{body}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_for_each_request_and_its_challenge_is_not_kept() {
    let server = Server::start(true, State { valid_for: 9, ..State::default() }).await;
    for _ in 0..2 {
        let answer = server.send("wrong-password").await.unwrap();
        assert_eq!((answer.status, server.seen()), (401, vec![None, Some(false)]));
        assert!(answer.headers.iter().all(|(name, _)| name != "www-authenticate"));
    }
    // Another password does not use it either.
    assert_eq!(server.send("s3cret-password").await.unwrap().status, 200);
    assert_eq!(server.seen(), [None, Some(true)]);
}

#[tokio::test]
async fn a_challenge_that_is_no_longer_accepted_is_forgotten() {
    let server = Server::start(true, State { valid_for: 9, ..State::default() }).await;
    assert_eq!(server.send("s3cret-password").await.unwrap().status, 200);
    {
        let mut state = server.state.lock().unwrap();
        (state.nonce, state.challenge) = (state.nonce + 1, Some("Negotiate".to_owned()));
    }
    server.seen();
    for expected in [Some(false), None] {
        assert!(matches!(server.send("s3cret-password").await, Err(HttpError::Unauthenticated(_))));
        assert_eq!(server.seen(), [expected]);
    }
}

#[tokio::test]
async fn a_listed_origin_never_gets_the_password_and_others_get_no_digest() {
    let basic = State { challenge: Some("Negotiate".to_owned()), ..State::default() };
    let server = Server::start(true, basic).await;
    let Err(HttpError::Unauthenticated(why)) = server.send("s3cret-password").await else { panic!("it is refused") };
    assert_eq!(
        why,
        "https://gateway.example.com is listed under `digest_authentication`, but does not ask for HTTP Digest authentication with MD5 \
         or SHA-256 and `qop=auth`"
    );
    assert_eq!(server.seen(), [None]);

    let unlisted = Server::start(false, State::default()).await;
    assert_eq!(unlisted.send("s3cret-password").await.unwrap().status, 401);
    let seen = std::mem::take(&mut unlisted.state.lock().unwrap().seen);
    assert_eq!(seen.len(), 1);
    assert!(seen[0].0.as_ref().unwrap().starts_with("Basic "));
    for (server, expected) in
        [(&server, "https://gateway.example.com digest"), (&unlisted, "https://gateway.example.com basic")]
    {
        assert_eq!(server.grants("p").connections()[0].to_string(), expected);
    }
}
