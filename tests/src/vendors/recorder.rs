//! A stand-in at a vendor's own name: it records each request, and has a function that judges it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use tokio::net::TcpListener;
use twofactor::sandbox::NetworkBuilder;

use super::tls::{Authority, TlsListener, with_http2};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Seen {
    /// The value of a header that is there once; empty otherwise.
    pub fn header(&self, name: &str) -> &str {
        let mut values = self.headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().unwrap_or_default(),
            _ => "",
        }
    }

    /// The user and the password of HTTP Basic.
    pub fn basic(&self) -> Option<(String, String)> {
        let pair = STANDARD.decode(self.header("authorization").strip_prefix("Basic ")?).ok()?;
        let pair = String::from_utf8(pair).ok()?;
        pair.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
    }

    /// The body, if it is said to be a JSON object and is one.
    pub fn json(&self) -> Option<Map<String, Value>> {
        if !super::is_of_type(&self.headers, "application/json") {
            return None;
        }
        serde_json::from_slice(&self.body).ok()
    }

    /// The parameters of the query.
    pub fn parameters(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(self.query.as_bytes()).into_owned().collect()
    }

    /// The request as it left, with these words and all credentials starred.
    pub fn shown(&self, starred: &[&str]) -> String {
        let target = if self.query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, self.query) };
        let mut shown = format!("{} {target}", self.method);
        if let Some((scheme, _)) = self.header("authorization").split_once(' ') {
            shown += &format!("\nauthorization: {scheme} ***");
        }
        if !self.body.is_empty() {
            shown +=
                &format!("\ncontent-type: {}\n{}", self.header("content-type"), String::from_utf8_lossy(&self.body));
        }
        starred.iter().filter(|word| !word.is_empty()).fold(shown, |shown, word| {
            let in_url = percent_encoding::utf8_percent_encode(word, percent_encoding::NON_ALPHANUMERIC).to_string();
            shown.replace(word, "***").replace(&in_url, "***")
        })
    }
}

/// What a vendor answers: a status, headers and a body. Only 2xx without `refuses` counts as accepted.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    accepts: bool,
}

impl Reply {
    /// The message is accepted.
    pub fn accepts(status: u16, body: &Value) -> Self {
        Self { accepts: true, ..Self::refuses(status, body) }
    }

    /// The message is not accepted, whatever the status says.
    pub fn refuses(status: u16, body: &Value) -> Self {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        Self { status, headers: vec![("content-type", "application/json".to_owned())], body, accepts: false }
    }

    /// The same with plain text.
    pub fn text(mut self, text: &str) -> Self {
        (self.headers, self.body) = (vec![("content-type", "text/plain".to_owned())], text.to_owned());
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// Called with each request before it is answered, while its sender waits.
type Hook = Arc<dyn Fn(&Seen) + Send + Sync>;

/// A running stand-in.
#[derive(Clone)]
pub struct Recorder {
    hosts: &'static [&'static str],
    address: SocketAddr,
    accepted: Arc<Mutex<Vec<Seen>>>,
    next: Arc<Mutex<Option<Reply>>>,
    hook: Arc<Mutex<Option<Hook>>>,
}

impl Recorder {
    /// Starts one for these names, over TLS.
    pub async fn start(authority: &Authority, hosts: &'static [&'static str], judge: fn(&Seen) -> Reply) -> Self {
        let listener = TlsListener::bind(with_http2(authority.server(hosts))).await;
        let recorder = Self::new(hosts, listener.address());
        listener.serve(recorder.router(judge));
        recorder
    }

    /// Starts one without TLS, on loopback.
    pub async fn start_plain(judge: fn(&Seen) -> Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let recorder = Self::new(&[], listener.local_addr().unwrap());
        let router = recorder.router(judge);
        tokio::spawn(async move { axum::serve(listener, router).await });
        recorder
    }

    fn new(hosts: &'static [&'static str], address: SocketAddr) -> Self {
        Self { hosts, address, accepted: Arc::default(), next: Arc::default(), hook: Arc::default() }
    }

    fn router(&self, judge: fn(&Seen) -> Reply) -> Router {
        let recorder = self.clone();
        Router::new().fallback(async move |request: Request| {
            let (head, body) = request.into_parts();
            let seen = Seen {
                method: head.method.to_string(),
                path: head.uri.path().to_owned(),
                query: head.uri.query().unwrap_or_default().to_owned(),
                headers: head.headers,
                body: axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default(),
            };
            recorder.answer(&seen, judge)
        })
    }

    fn answer(&self, seen: &Seen, judge: fn(&Seen) -> Reply) -> Response {
        let hook = self.hook.lock().unwrap().clone();
        if let Some(hook) = hook {
            hook(seen);
        }
        let scripted = self.next.lock().unwrap().take();
        let reply = scripted.unwrap_or_else(|| judge(seen));
        if reply.accepts {
            self.accepted.lock().unwrap().push(seen.clone());
        }
        let mut response = (StatusCode::from_u16(reply.status).unwrap(), reply.body).into_response();
        response.headers_mut().remove("content-type");
        for (name, value) in reply.headers {
            response.headers_mut().append(HeaderName::from_static(name), value.parse().unwrap());
        }
        response
    }

    /// Puts it behind its names.
    pub fn on(&self, network: NetworkBuilder) -> NetworkBuilder {
        self.hosts.iter().fold(network, |network, host| network.resolve(host, self.address))
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path at the first of its names.
    pub fn url(&self, path: &str) -> String {
        match self.hosts.first() {
            Some(host) => format!("https://{host}:{}{path}", self.address.port()),
            None => format!("http://{}{path}", self.address),
        }
    }

    /// The requests that were accepted.
    pub fn accepted(&self) -> Vec<Seen> {
        self.accepted.lock().unwrap().clone()
    }

    /// Answers the next request with this, whatever it is.
    pub fn answer_next(&self, reply: Reply) {
        *self.next.lock().unwrap() = Some(reply);
    }

    /// Calls this with each request before it is answered.
    pub fn watch(&self, hook: impl Fn(&Seen) + Send + Sync + 'static) {
        *self.hook.lock().unwrap() = Some(Arc::new(hook));
    }
}

/// Whether a value is a URL with TLS.
pub fn is_https(value: &Value) -> bool {
    value.as_str().is_some_and(|url| url.starts_with("https://"))
}

/// An object that has all of `required` and no field beside those and `optional`.
pub fn only<'a>(value: &'a Value, required: &[&str], optional: &[&str]) -> Option<&'a Map<String, Value>> {
    let fields = value.as_object()?;
    let known = |name: &String| required.contains(&&**name) || optional.contains(&&**name);
    (required.iter().all(|name| fields.contains_key(*name)) && fields.keys().all(known)).then_some(fields)
}
