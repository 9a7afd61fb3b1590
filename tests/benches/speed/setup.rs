//! The set-up that the rows share: an upstream in place of Twilio, a component with options, an
//! engine on a file.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::post;
use serde_json::{Value, json};
use twofactor::challenge::RateLimits;
use twofactor::instance::Policy;
use twofactor::sandbox::Message;
use twofactor::{Actor, Assignment, Builder, Network, NewInstance, SqliteStore, TwoFactor};

pub(crate) const SID: &str = "AC0123456789abcdef0123456789abcdef";
pub(crate) const ANSWER: &str = r#"{"sid":"SM00000000000000000000000000000000","status":"queued","error_code":null}"#;

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .on_thread_start(twofactor::sandbox::on_thread_start)
        .build()
        .unwrap()
}

/// The codes that arrived, by recipient.
pub(crate) type Codes = Arc<Mutex<std::collections::HashMap<String, String>>>;

/// Plays Twilio on loopback: answers after `wait` and keeps the codes.
pub(crate) async fn upstream(wait: Duration) -> (SocketAddr, Codes) {
    let codes = Codes::default();
    let router =
        Router::new().route("/2010-04-01/Accounts/{sid}/Messages.json", post(take)).with_state((codes.clone(), wait));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, codes)
}

async fn take(State((codes, wait)): State<(Codes, Duration)>, body: String) -> impl IntoResponse {
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    let form: Vec<(String, String)> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let field =
        |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()).unwrap_or_default();
    let text = field("Body");
    let code = text.split(|c: char| !c.is_ascii_digit()).rfind(|run| run.len() >= 6).unwrap_or_default().to_owned();
    codes.lock().unwrap().insert(field("To"), code);
    (StatusCode::CREATED, [(header::CONTENT_TYPE, "application/json")], ANSWER)
}

pub(crate) fn network(upstream: SocketAddr) -> Network {
    Network::builder().override_endpoint("https://api.twilio.com", upstream).build().unwrap()
}

pub(crate) fn options() -> Value {
    json!({"TwilioAccountSid": SID, "TwilioAuthToken": "secret", "TwilioSmsFromNumber": "+15005550006"})
}

pub(crate) fn message() -> Message {
    Message {
        id: "m".to_owned(),
        recipient: "+41791234567".to_owned(),
        subject: String::new(),
        text: "Your code is 123456".to_owned(),
        html: None,
        code: "123456".to_owned(),
        valid_seconds: 300,
        locale: "en".to_owned(),
        purpose: "sign-in".to_owned(),
        application: String::new(),
        extra: Vec::new(),
        tried_before: false,
    }
}

/// Returns limits that nothing here reaches. Most of them are off; wrong answers are counted.
pub(crate) fn limits_out_of_the_way() -> RateLimits {
    let RateLimits { recipient_total_per_hour, wrong_answers_per_day, lockout_threshold, .. } = RateLimits::default();
    RateLimits {
        recipient_total_per_hour,
        wrong_answers_per_day,
        lockout_threshold,
        phone_per_day: MANY,
        ..RateLimits::none()
    }
}

/// Returns the default limits. Those that this measurement would reach are higher, and counted like the others.
pub(crate) fn limits_that_count() -> RateLimits {
    RateLimits {
        tenant_per_hour: MANY,
        prefix_per_hour: MANY,
        phone_per_day: MANY,
        total_per_hour: MANY,
        ..RateLimits::default()
    }
}

/// A limit that is not reached. The highest number would turn it off.
const MANY: u32 = u32::MAX - 1;

/// Returns an engine on a file, with limits out of the way.
pub(crate) fn builder(database: &Path, network: Network) -> Builder {
    TwoFactor::builder()
        .store(SqliteStore::open(database).unwrap())
        .network(network)
        .provider(twofactor_bundle::TWILIO)
        .policy(Policy { countries: ["*".to_owned()].into(), ..Policy::default() })
        .rate_limits(limits_out_of_the_way())
}

/// Returns an engine with one instance, assigned to the tenant `t` of the subscription `s`.
pub(crate) async fn furnished(database: &Path, network: Network) -> TwoFactor {
    furnished_with(database, network, limits_out_of_the_way()).await
}

/// As [`furnished`], with these limits.
pub(crate) async fn furnished_with(database: &Path, network: Network, limits: RateLimits) -> TwoFactor {
    let engine = builder(database, network).rate_limits(limits).build().await.unwrap();
    let admin = engine.administration(Actor::new("bench"));
    admin.create_subscription("s", "S").await.unwrap();
    let instance = admin.create_instance("s", NewInstance::new("twilio", "SMS", options())).await.unwrap();
    admin.set_assignments("s", &instance.id, vec![Assignment::tenant("t")]).await.unwrap();
    engine
}

pub(crate) fn percentile(sorted: &[Duration], per_cent: usize) -> Duration {
    sorted[(sorted.len() * per_cent / 100).min(sorted.len() - 1)]
}
