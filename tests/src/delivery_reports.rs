//! An engine on whose messages a vendor reports, and signatures as vendors make them: computed here, without code of the host.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::digest::SHA256;
use ring::hmac;
use serde_json::{Value, json};
use tokio::sync::OwnedMutexGuard;
use twofactor::admin::MessageQuery;
use twofactor::challenge::MessageOutcome;
use twofactor::clock::{Clock as _, ManualClock};
use twofactor::sandbox::ReportRequest;
use twofactor::{Actor, Assignment, Error, NewChallenge, NewInstance, SignIn, TwoFactor};

use crate::compiled;
use crate::gateways::turn;
use crate::vendors::recorder::Recorder;
use crate::vendors::tls::Authority;
use crate::vendors::trusting;

/// What the report URLs of all messages begin with.
const BASE: &str = "https://auth.example.com/reports";

/// Headers of a report, the signature first.
pub type Headers = Vec<(&'static str, String)>;

/// A report as it arrives.
#[derive(Clone)]
pub struct Report {
    pub method: &'static str,
    pub query: String,
    pub headers: Headers,
    pub body: String,
}

impl Report {
    /// Returns a report with a body, as most vendors make it.
    pub fn post(headers: Headers, body: &str) -> Self {
        Self { method: "POST", query: String::new(), headers, body: body.to_owned() }
    }

    /// Returns a report that is nothing but a query.
    pub fn get(headers: Headers, query: &str) -> Self {
        Self { method: "GET", query: query.to_owned(), headers, body: String::new() }
    }
}

/// An engine with one instance, before the stand-in for its vendor.
pub struct Reported {
    engine: TwoFactor,
    vendor: Recorder,
    clock: ManualClock,
    /// Where in a message, which is JSON, its report URL is.
    url_at: &'static str,
    _turn: OwnedMutexGuard<()>,
}

impl Reported {
    pub async fn new(
        (type_id, component): (&str, Vec<u8>),
        (authority, vendor): (&Authority, Recorder),
        options: Value,
        url_at: &'static str,
    ) -> Self {
        let turn = turn(type_id).await;
        // It stands still now: a vendor refuses a message that has expired by its own clock.
        let clock = ManualClock::new(Timestamp::now());
        let network = vendor.on(trusting(authority)).build().unwrap();
        let builder = compiled::builder().network(network).clock(clock.clone()).report_url(BASE);
        let engine = builder.provider(component).build().await.unwrap();
        let admin = engine.administration(Actor::new("test"));
        admin.create_subscription("s", "S").await.unwrap();
        let instance = admin.create_instance("s", NewInstance::new(type_id, "x", options)).await.unwrap();
        assert!(instance.valid, "{:?}", instance.problems);
        admin.set_assignments("s", &instance.id, vec![Assignment::tenant("t")]).await.unwrap();
        Self { engine, vendor, clock, url_at, _turn: turn }
    }

    /// Returns the engine's time in seconds since 1970.
    pub fn now(&self) -> i64 {
        self.clock.now().as_second()
    }

    /// Sends a message. Returns where its vendor may report on it.
    pub async fn sent(&self) -> String {
        let start = NewChallenge::new(SignIn::new("s").tenant("t").user("alice")).phone("+41791234567");
        self.engine.start(start).await.unwrap();
        let message: Value = serde_json::from_slice(&self.vendor.accepted().pop().unwrap().body).unwrap();
        message.pointer(self.url_at).and_then(Value::as_str).unwrap().to_owned()
    }

    /// Returns whether a report at a URL is accepted. One that is refused looks as if there was no such message.
    pub async fn accepts(&self, url: &str, report: &Report) -> bool {
        let message = url.strip_prefix(BASE).unwrap().strip_prefix('/').unwrap();
        let header = |(name, value): &(&'static str, String)| {
            (HeaderName::from_static(name), value.parse::<HeaderValue>().unwrap())
        };
        let headers: HeaderMap = report.headers.iter().map(header).collect();
        let Report { method, query, body, .. } = report;
        let request = ReportRequest { method, query, headers: &headers, body: body.as_bytes() };
        let handled = self.engine.handle_delivery_report(message, &request).await;
        assert!(handled.as_ref().err().is_none_or(Error::is_not_found), "{handled:?}");
        handled.is_ok()
    }

    /// Returns how many messages arrived, and with which codes others did not, the newest first.
    pub async fn counted(&self) -> (u64, Vec<String>) {
        let admin = self.engine.administration(Actor::new("test"));
        let all = admin.statistics("s", "2020-01-01T00:00:00Z".parse().unwrap()).await.unwrap();
        let sum = |event: &str| all.iter().filter(|one| one.event == event).map(|one| one.count).sum::<u64>();
        let history = admin.messages("s", &MessageQuery::User("alice".to_owned())).await.unwrap();
        let failed = history.events.into_iter().filter(|event| event.outcome == MessageOutcome::ReportedFailed);
        let codes: Vec<String> = failed.map(|event| event.code).collect();
        assert_eq!(sum("undelivered"), codes.len() as u64, "{codes:?}");
        (sum("confirmed"), codes)
    }

    /// Refuses a report at URLs that differ in a character from that of a message.
    pub async fn refuses_other_urls(&self, report: &Report) {
        let url = self.sent().await;
        let proof = url.rsplit('/').next().unwrap();
        assert!(proof.len() >= 32 && proof.bytes().all(|b| b.is_ascii_hexdigit()), "128 bits: {proof}");
        let (before, last) = url.split_at(url.len() - 1);
        let other = if last == "0" { "1" } else { "0" };
        for url in [format!("{before}{other}"), before.to_owned(), format!("{url}0")] {
            assert!(!self.accepts(&url, report).await, "{url}");
        }
        assert_eq!(self.counted().await, (0, Vec::new()));
    }

    /// Reports that a message arrived, and that another one did not, which has this code. `report` makes a report to a URL of a status.
    /// Each counts once.
    pub async fn counts(&self, (arrived, failed): (&str, &str), code: &str, report: impl Fn(&str, &str) -> Report) {
        let (first, second) = (self.sent().await, self.sent().await);
        for (url, status) in [(&first, arrived), (&first, arrived), (&second, failed), (&second, failed)] {
            assert!(self.accepts(url, &report(url, status)).await, "{status}");
        }
        assert_eq!(self.counted().await, (1, vec![code.to_owned()]));
    }
}

/// Returns a JSON Web Token with these claims, signed with HS256 (RFC 7515, RFC 7518 section 3.2).
pub fn hs256(key: &str, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&json!({"alg": "HS256", "typ": "JWT"})), part(claims));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Returns the SHA-256 of a text in hexadecimal digits.
pub fn sha256(text: &str) -> String {
    hex::encode(ring::digest::digest(&SHA256, text.as_bytes()))
}
