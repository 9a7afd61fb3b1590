//! A substitute for Twilio with scripted responses, and an engine that sends through it, with a
//! clock that is moved by hand.

#![allow(clippy::unwrap_used, clippy::panic, reason = "this serves tests, which fail by panicking")]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use twofactor::challenge::RateLimits;
use twofactor::clock::ManualClock;
use twofactor::{Actor, Assignment, Challenge, Error, Network, NewChallenge, NewInstance, SignIn, TwoFactor};

/// A response of the substitute for Twilio.
#[derive(Clone, Copy)]
pub enum Say {
    Taken,
    /// Accepted, and billed as this many segments.
    AcceptedIn(u32),
    /// Asks to slow down, without a wait.
    Later,
    LaterBy(u32),
    /// Fails after it had the message.
    Broken,
    /// Does not accept messages to this number.
    Refused,
    /// A response of this many bytes.
    Long(usize),
    /// The head of an answer, and nothing after it.
    Silence,
    /// This many bytes of a response, then the connection ends.
    CutAfter(usize),
}
use crate::compiled;
use Say::{AcceptedIn, Broken, CutAfter, Later, LaterBy, Long, Refused, Silence, Taken};

/// Gives one response after the other, and repeats the last.
#[derive(Clone)]
pub struct Twilio {
    pub address: SocketAddr,
    script: Arc<Mutex<VecDeque<Say>>>,
    pub bodies: Arc<Mutex<Vec<String>>>,
    /// Bytes of its answers.
    pub answered: Arc<AtomicUsize>,
}

impl Twilio {
    pub async fn start(script: &[Say]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let script = Arc::new(Mutex::new(script.iter().copied().collect()));
        let twilio = Self { address, script, bodies: Arc::default(), answered: Arc::default() };
        let state = twilio.clone();
        let router = Router::new().fallback(async move |body: String| {
            state.bodies.lock().unwrap().push(body);
            let mut script = state.script.lock().unwrap();
            let say = if script.len() > 1 { script.pop_front().unwrap() } else { script[0] };
            let json = [(header::CONTENT_TYPE, "application/json")];
            let error = |status: StatusCode, code| {
                (status, json.clone(), json!({"code": code, "message": "x", "status": status.as_u16()}).to_string())
            };
            match say {
                Taken | AcceptedIn(_) => {
                    let segments = if let AcceptedIn(segments) = say { segments } else { 1 };
                    let body = json!({"sid": "SM00000000000000000000000000000000", "status": "queued",
                        "num_segments": segments.to_string(), "error_code": null})
                    .to_string();
                    state.answered.fetch_add(body.len(), Ordering::Relaxed);
                    (StatusCode::CREATED, json, body).into_response()
                }
                Later => error(StatusCode::TOO_MANY_REQUESTS, 20429).into_response(),
                LaterBy(seconds) => {
                    let wait = [(header::RETRY_AFTER, seconds.to_string())];
                    (wait, error(StatusCode::TOO_MANY_REQUESTS, 20429)).into_response()
                }
                Broken => error(StatusCode::INTERNAL_SERVER_ERROR, 20500).into_response(),
                Refused => error(StatusCode::BAD_REQUEST, 21211).into_response(),
                Long(bytes) => vec![b' '; bytes].into_response(),
                Silence => Body::from_stream(futures::stream::pending::<std::io::Result<Vec<u8>>>()).into_response(),
                CutAfter(bytes) => {
                    let ends = [Ok(vec![b' '; bytes]), Err(std::io::Error::other("cut"))];
                    Body::from_stream(futures::stream::iter(ends)).into_response()
                }
            }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        twilio
    }

    /// Returns the code in the text of a message, the first is 0.
    pub fn code(&self, message: usize) -> String {
        let sent = self.bodies.lock().unwrap()[message].clone();
        let mut fields = url::form_urlencoded::parse(sent.as_bytes());
        let text = fields.find(|(name, _)| name == "Body").unwrap().1;
        crate::upstream::code(&text).unwrap().to_owned()
    }

    pub fn asked(&self) -> usize {
        self.bodies.lock().unwrap().len()
    }

    pub fn says(&self, script: &[Say]) {
        *self.script.lock().unwrap() = script.iter().copied().collect();
    }
}

pub struct Place {
    pub engine: TwoFactor,
    pub clock: ManualClock,
    pub twilio: Twilio,
    pub instance: String,
}

impl Place {
    pub async fn new(policy: Value, script: &[Say]) -> Self {
        Self::with(RateLimits::none(), policy, script).await
    }

    pub async fn with(limits: RateLimits, policy: Value, script: &[Say]) -> Self {
        let (twilio, clock) = (Twilio::start(script).await, ManualClock::new("2026-01-01T12:00:00Z".parse().unwrap()));
        let network = Network::builder().override_endpoint("https://api.twilio.com", twilio.address);
        let network = network.override_endpoint("https://upstream.example.com", twilio.address).build().unwrap();
        let builder = compiled::builder().network(network).rate_limits(limits).clock(clock.clone());
        let engine = builder.provider(twofactor_bundle::TWILIO).build().await.unwrap();
        engine.administration(Actor::new("test")).create_subscription("s", "S").await.unwrap();
        let mut place = Self { engine, clock, twilio, instance: String::new() };
        place.instance = place.add("1", policy).await;
        place
    }

    pub async fn add(&self, name: &str, policy: Value) -> String {
        let admin = self.engine.administration(Actor::new("test"));
        let options = json!({"TwilioAccountSid": "AC0123456789abcdef0123456789abcdef", "TwilioAuthToken": "x",
            "TwilioSmsFromNumber": "+15005550006"});
        let instance = NewInstance { policy: Some(policy), ..NewInstance::new("twilio", name, options) };
        let instance = admin.create_instance("s", instance).await.unwrap();
        assert!(instance.valid, "{:?}", instance.problems);
        admin.set_assignments("s", &instance.id, vec![Assignment::tenant("t")]).await.unwrap();
        instance.id
    }

    pub async fn start(&self) -> Result<Challenge, Error> {
        self.engine.start(NewChallenge::new(SignIn::new("s").tenant("t").user("alice")).phone("+41791234567")).await
    }

    /// Fails, and returns the wait that the error names.
    pub async fn waits(&self) -> Option<u64> {
        let error = self.start().await.unwrap_err();
        assert!(error.is_delivery_failed() && error.is_retryable(), "{error:?}");
        error.retry_after().map(|wait| wait.as_secs())
    }
}
