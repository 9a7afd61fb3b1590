//! If the upstream makes the code, the host counts the answers, accepts a correct one once, and
//! does not believe a component that did not ask its upstream.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use futures::future::join_all;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use twofactor::challenge::RateLimits;
use twofactor::clock::ManualClock;
use twofactor::sandbox::{Capability, Component, SandboxLimits, Verdict};
use twofactor::{Actor, Answer, Assignment, Builder, Challenge, Network, NewChallenge, NewInstance, SignIn, TwoFactor};
use twofactor_tests::compiled;
use twofactor_tests::hostile::VERIFYING;
use twofactor_tests::log::Log;
use twofactor_tests::sample;
use twofactor_tests::upstream::{Upstream, code};
use twofactor_tests::vendors::tls::Authority;
use twofactor_tests::vendors::twilio_verify::{self, TwilioVerify};
use twofactor_tests::vendors::{Bench, trusting, twilio};
use twofactor_tests::wrong;

const PHONE: &str = "+41791234567";
const NOON: &str = "2026-11-24T12:00:00Z";

fn options() -> Value {
    json!({"TwilioAccountSid": twilio::ACCOUNT, "TwilioAuthToken": twilio::TOKEN,
        "TwilioVerifyServiceSid": twilio_verify::SERVICE})
}

async fn on_twilio(options: Value) -> (TwilioVerify, Bench) {
    let authority = Authority::default();
    let verify = TwilioVerify::start(&authority).await;
    let bench = Bench::new(verify.on(trusting(&authority)), "twilio-verify", options).await;
    (verify, bench)
}

fn start(user: &str) -> NewChallenge {
    NewChallenge::new(SignIn::new("s").tenant("t").user(user)).phone(PHONE)
}

/// Six digits that are not the code.
fn other_than(code: &str) -> &'static str {
    if code == "000000" { "000001" } else { "000000" }
}

#[tokio::test]
async fn a_code_of_twilios_own_travels_and_is_accepted_once() {
    let key = json!({"TwilioAccountSid": twilio::ACCOUNT, "TwilioApiKeySid": twilio::KEY,
        "TwilioAuthToken": twilio::KEY_SECRET, "TwilioVerifyServiceSid": twilio_verify::SERVICE});
    for options in [options(), key] {
        let (verify, bench) = on_twilio(options).await;
        let challenge = bench.engine.start(start("u").locale("de-CH")).await.unwrap();
        assert_eq!((challenge.code_length, &*challenge.channel, challenge.attempts_left), (Some(6), "sms", 5));
        let sent = verify.all().pop().unwrap();
        assert_eq!((&*sent.to, sent.locale.as_deref(), sent.sent), (PHONE, Some("de"), 1));
        let wrong = bench.engine.verify("s", Answer::new(&challenge.id, other_than(&sent.code))).await.unwrap_err();
        assert_eq!(wrong.attempts_left(), Some(4));
        let spaced = format!("{} {}", &sent.code[..3], &sent.code[3..]);
        let verified = bench.engine.verify("s", Answer::new(&challenge.id, &spaced)).await.unwrap();
        assert_eq!((verified.amr, verified.user.as_deref()), (vec!["otp".to_owned(), "sms".to_owned()], Some("u")));
        assert!(bench.engine.verify("s", Answer::new(&challenge.id, &sent.code)).await.unwrap_err().is_closed());
        assert_eq!(verify.all()[0].checks, 2, "a closed challenge is not verified by the upstream");
    }
}

#[tokio::test]
async fn the_host_limits_the_answers_whatever_the_upstream_would_accept() {
    let (verify, bench) = on_twilio(options()).await;
    let challenge = bench.engine.start(start("u")).await.unwrap();
    let wrong = other_than(&verify.code());
    let all = join_all((0..50).map(|_| bench.engine.verify("s", Answer::new(&challenge.id, wrong)))).await;
    let rejected = all.iter().filter(|answer| answer.as_ref().unwrap_err().is_code_rejected()).count();
    let closed = all.iter().filter(|answer| answer.as_ref().unwrap_err().is_closed()).count();
    assert_eq!((rejected, closed, verify.all()[0].checks), (5, 45, 5));
    assert!(bench.engine.verify("s", Answer::new(&challenge.id, &verify.code())).await.unwrap_err().is_closed());
}

#[tokio::test]
async fn one_of_several_concurrent_correct_answers_is_accepted() {
    let (Place { told, engine, .. }, challenge) = Place::begun("").await;
    let all = join_all((0..20).map(|_| engine.verify("s", Answer::new(&challenge.id, "4711")))).await;
    assert_eq!(all.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert!(all.iter().filter_map(|answer| answer.as_ref().err()).all(|error| error.is_closed()));
    assert!(engine.verify("s", Answer::new(&challenge.id, "4711")).await.unwrap_err().is_closed());
    // Only answers that began before one was accepted were asked about, and no more than the
    // challenge allows.
    assert!((2..=6).contains(&told.seen().len()), "{:?}", told.seen());
}

#[tokio::test]
async fn a_second_click_does_not_end_what_the_first_is_about_to_win() {
    let (Place { told, engine, .. }, challenge) = Place::begun("").await;
    told.says(0);
    let first = engine.verify("s", Answer::new(&challenge.id, "4711"));
    let second = async {
        while told.seen().len() < 2 {
            tokio::task::yield_now().await;
        }
        // It accepted the first one as correct, and no longer knows the verification.
        told.says(410);
        assert!(engine.verify("s", Answer::new(&challenge.id, "4711")).await.unwrap_err().is_closed());
        told.go_on.notify_one();
    };
    tokio::join!(first, second).0.unwrap();
}

#[tokio::test]
async fn what_cannot_be_the_code_is_wrong_without_asking() {
    let (Place { told, engine, .. }, challenge) = Place::begun("").await;
    for (input, left) in [("1", 4), ("123", 3), ("12345678901", 2)] {
        let wrong = engine.verify("s", Answer::new(&challenge.id, input)).await.unwrap_err();
        assert_eq!(wrong.attempts_left(), Some(left), "{input}");
    }
    assert_eq!(told.seen().len(), 1);
}

#[tokio::test]
async fn a_component_that_delivers_may_take_the_place_of_one_that_verifies_and_back() {
    let (Place { told, engine, clock }, challenge) = Place::begun("").await;
    let admin = engine.administration(Actor::new("test"));
    admin.add_provider(wrong::component("its type is verifying")).await.unwrap();
    let error = engine.verify("s", Answer::new(&challenge.id, "4711")).await.unwrap_err();
    assert!(error.operator_detail().unwrap().contains("no-verification"), "{error:?}");
    clock.advance(Duration::from_secs(30));
    // The host makes the code now, as long as the policy says, and accepts no other.
    let challenge = engine.resend("s", &challenge.id).await.unwrap();
    assert_eq!(challenge.code_length, Some(6));
    let sent = told.seen().pop().unwrap();
    assert!(sent.starts_with("/messages "), "{sent}");
    assert!(engine.verify("s", Answer::new(&challenge.id, "4711")).await.unwrap_err().is_code_rejected());
    engine.verify("s", Answer::new(&challenge.id, code(&sent).unwrap())).await.unwrap();

    let challenge = engine.start(start("u")).await.unwrap();
    let old = code(&told.seen().pop().unwrap()).unwrap().to_owned();
    admin.add_provider(VERIFYING.to_vec()).await.unwrap();
    clock.advance(Duration::from_secs(30));
    let challenge = engine.resend("s", &challenge.id).await.unwrap();
    assert_eq!(challenge.code_length, Some(4));
    told.says(403);
    assert!(engine.verify("s", Answer::new(&challenge.id, &old)).await.unwrap_err().is_code_rejected());
    told.says(200);
    engine.verify("s", Answer::new(&challenge.id, "4711")).await.unwrap();
}

#[tokio::test]
async fn a_code_is_sent_again_and_one_that_the_upstream_has_forgotten_has_expired() {
    let authority = Authority::default();
    let (verify, clock) = (TwilioVerify::start(&authority).await, ManualClock::new(NOON.parse().unwrap()));
    let network = verify.on(trusting(&authority)).build().unwrap();
    let builder = compiled::builder().network(network).rate_limits(RateLimits::none()).clock(clock.clone());
    let engine = with_instance(builder.provider(twofactor_bundle::TWILIO_VERIFY), "twilio-verify", options()).await;
    let again = async |id: &str| {
        clock.advance(Duration::from_secs(30));
        engine.resend("s", id).await.unwrap();
    };
    let challenge = engine.start(start("u")).await.unwrap();
    again(&challenge.id).await;
    assert_eq!((verify.all().len(), verify.all()[0].sent), (1, 2));
    engine.verify("s", Answer::new(&challenge.id, &verify.code())).await.unwrap();

    let challenge = engine.start(start("u")).await.unwrap();
    let right = verify.code();
    verify.expire();
    assert!(engine.verify("s", Answer::new(&challenge.id, &right)).await.unwrap_err().is_closed());
    // A code that is sent again may be another, which the upstream finds by another name.
    again(&challenge.id).await;
    engine.verify("s", Answer::new(&challenge.id, &verify.code())).await.unwrap();
}

#[tokio::test]
async fn each_refusal_of_twilio_means_the_right_failure() {
    for (more, outcome, code) in [
        (json!({"TwilioAuthToken": "wrong"}), "misconfigured", "20003"),
        (json!({"TwilioVerifyServiceSid": "VAffffffffffffffffffffffffffffffff"}), "misconfigured", "20404"),
    ] {
        let mut options = options();
        options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (verify, bench) = on_twilio(options).await;
        let report = bench.test(PHONE, "").await;
        assert_eq!((&*report.outcome, &*report.code), (outcome, code), "{}", report.detail);
        assert!(verify.all().is_empty());
    }
    let (_verify, bench) = on_twilio(options()).await;
    for _ in 0..5 {
        assert_eq!(bench.test(PHONE, "").await.outcome, "delivered");
    }
    let report = bench.test(PHONE, "").await;
    assert_eq!((&*report.outcome, &*report.code), ("retry-later", "60203"));
}

/// An upstream with scripted responses.
#[derive(Clone)]
struct Told {
    address: SocketAddr,
    status: Arc<Mutex<u16>>,
    bodies: Arc<Mutex<Vec<String>>>,
    /// If the status is 0, the response waits for this.
    go_on: Arc<Notify>,
}

impl Told {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let told = Self { address, status: Arc::new(Mutex::new(200)), bodies: Arc::default(), go_on: Arc::default() };
        let state = told.clone();
        let router = Router::new().fallback(async move |request: Request| state.answer(request).await);
        tokio::spawn(async move { axum::serve(listener, router).await });
        told
    }

    async fn answer(&self, request: Request) -> StatusCode {
        let path = request.uri().path().to_owned();
        let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
        self.bodies.lock().unwrap().push(format!("{path} {}", String::from_utf8_lossy(&body)));
        let status = if path == "/begin" { 200 } else { *self.status.lock().unwrap() };
        if status == 0 {
            self.go_on.notified().await;
            return StatusCode::OK;
        }
        StatusCode::from_u16(status).unwrap()
    }

    fn says(&self, status: u16) {
        *self.status.lock().unwrap() = status;
    }

    fn seen(&self) -> Vec<String> {
        self.bodies.lock().unwrap().clone()
    }
}

async fn with_instance(builder: Builder, type_id: &str, options: Value) -> TwoFactor {
    let engine = builder.build().await.unwrap();
    let admin = engine.administration(Actor::new("test"));
    admin.create_subscription("s", "S").await.unwrap();
    let instance = admin.create_instance("s", NewInstance::new(type_id, "1", options)).await.unwrap();
    assert!(instance.valid, "{:?}", instance.problems);
    admin.set_assignments("s", &instance.id, vec![Assignment::tenant("t")]).await.unwrap();
    engine
}

/// A component on an upstream of its own.
struct Place {
    told: Told,
    clock: ManualClock,
    engine: TwoFactor,
}

impl Place {
    async fn new(behaviour: &str) -> Self {
        let (told, clock) = (Told::start().await, ManualClock::new(NOON.parse().unwrap()));
        let network =
            Network::builder().override_endpoint("https://upstream.example.com", told.address).build().unwrap();
        let builder = compiled::builder().network(network).rate_limits(RateLimits::none()).clock(clock.clone());
        let engine = with_instance(builder.provider(VERIFYING), "verifying", json!({"Behaviour": behaviour})).await;
        Self { told, clock, engine }
    }

    async fn begun(behaviour: &str) -> (Self, Challenge) {
        let place = Self::new(behaviour).await;
        let challenge = place.engine.start(start("u")).await.unwrap();
        (place, challenge)
    }
}

#[tokio::test]
async fn the_answer_leaves_in_a_body_and_the_provider_gets_no_text() {
    let (Place { told, engine, .. }, challenge) = Place::begun("").await;
    assert_eq!(challenge.code_length, Some(4));
    told.says(403);
    assert!(engine.verify("s", Answer::new(&challenge.id, "4711")).await.unwrap_err().is_code_rejected());
    assert_eq!(told.seen(), ["/begin =", "/check state=4711"]);
    told.says(200);
    engine.verify("s", Answer::new(&challenge.id, "0815")).await.unwrap();
}

#[tokio::test]
async fn a_verifier_that_says_right_without_asking_its_upstream_is_not_believed() {
    for behaviour in ["lie", "lie in a URL", "lie where it may not ask"] {
        let (Place { told, engine, .. }, challenge) = Place::begun(behaviour).await;
        let error = engine.verify("s", Answer::new(&challenge.id, "4711")).await.unwrap_err();
        assert!(error.is_delivery_failed() && !error.is_retryable(), "{behaviour}: {error}");
        assert!(error.operator_detail().unwrap().contains("no-answer"), "{error:?}");
        assert!(!told.seen().iter().any(|seen| seen.contains("4711")), "{:?}", told.seen());
    }
}

#[tokio::test]
async fn input_appears_in_no_error_and_no_log() {
    let log = Log::default();
    let writer = log.clone();
    let targets = Targets::new().with_target("twofactor", LevelFilter::TRACE);
    let layer = tracing_subscriber::fmt::layer().with_writer(move || writer.clone()).with_filter(targets);
    let _guard = tracing_subscriber::registry().with(layer).set_default();
    for behaviour in ["tell", "tell in a reason", "trap"] {
        let (Place { told, engine, .. }, challenge) = Place::begun(behaviour).await;
        told.says(500);
        let error = engine.verify("s", Answer::new(&challenge.id, "7130945")).await.unwrap_err();
        assert!(error.is_delivery_failed() && !format!("{error} {error:?}").contains("7130945"), "{error:?}");
    }
    let said = log.text();
    assert!(said.contains("somebody typed") && said.contains("not verified"), "{said}");
    assert!(!said.contains("7130945"), "{said}");
}

#[tokio::test]
async fn an_oversized_state_or_code_is_not_stored() {
    for behaviour in ["long state", "short code", "long code"] {
        let error = Place::new(behaviour).await.engine.start(start("u")).await.unwrap_err();
        assert!(error.operator_detail().unwrap().contains("started-verification"), "{error:?}");
    }
}

#[tokio::test]
async fn an_upstream_that_fails_costs_an_attempt_and_not_the_challenge() {
    let (Place { told, engine, .. }, challenge) = Place::begun("").await;
    for (status, retryable) in [(500, true), (429, true), (401, false)] {
        told.says(status);
        let error = engine.verify("s", Answer::new(&challenge.id, "4711")).await.unwrap_err();
        assert_eq!((error.is_delivery_failed(), error.is_retryable()), (true, retryable), "{status}: {error}");
    }
    told.says(403);
    let wrong = engine.verify("s", Answer::new(&challenge.id, "4711")).await.unwrap_err();
    assert_eq!(wrong.attempts_left(), Some(1), "else an upstream that is down would take any number of guesses");
    told.says(500);
    let last = engine.verify("s", Answer::new(&challenge.id, "4711")).await.unwrap_err();
    assert!(!last.is_retryable(), "the challenge takes no more: {last}");
    assert!(engine.verify("s", Answer::new(&challenge.id, "4711")).await.unwrap_err().is_closed());
}

#[tokio::test]
async fn an_answer_that_is_with_the_upstream_counts_although_the_code_is_sent_again_and_nobody_waits() {
    let (Place { told, engine, clock }, challenge) = Place::begun("").await;
    told.says(0);
    let answer = tokio::spawn({
        let (engine, id) = (engine.clone(), challenge.id.clone());
        async move { engine.verify("s", Answer::new(&id, "4711")).await }
    });
    while told.seen().len() < 2 {
        tokio::task::yield_now().await;
    }
    clock.advance(Duration::from_secs(30));
    engine.resend("s", &challenge.id).await.unwrap();
    answer.abort();
    assert!(answer.await.unwrap_err().is_cancelled());
    told.go_on.notify_one();
    // It continues by itself: sooner or later the challenge is used.
    let admin = engine.administration(Actor::new("test"));
    let since = "2026-01-01T00:00:00Z".parse().unwrap();
    let used = async {
        while !admin.statistics("s", since).await.unwrap().iter().any(|one| one.event == "verified") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), used).await.unwrap();
    assert!(engine.cancel("s", &challenge.id).await.unwrap_err().is_closed());
}

#[tokio::test]
async fn where_the_upstream_accepts_nothing_another_instance_delivers_and_the_host_verifies() {
    let (told, sms) = (Told::start().await, Upstream::start().await);
    // Nothing listens there.
    let dead = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for (verifying, served_by_sms) in [(dead, true), (told.address, false)] {
        let network = Network::builder()
            .override_endpoint("https://upstream.example.com", verifying)
            .override_endpoint("https://api.twilio.com", sms.address)
            .build()
            .unwrap();
        let builder = compiled::builder().network(network).provider(VERIFYING).provider(twofactor_bundle::TWILIO);
        let engine = builder.rate_limits(RateLimits::none()).build().await.unwrap();
        let admin = engine.administration(Actor::new("test"));
        admin.create_subscription("s", "S").await.unwrap();
        let twilio = json!({"TwilioAccountSid": twilio::ACCOUNT, "TwilioAuthToken": "x",
            "TwilioSmsFromNumber": "+15005550006"});
        for (type_id, name, options) in [("verifying", "1", json!({})), ("twilio", "2", twilio)] {
            let instance = admin.create_instance("s", NewInstance::new(type_id, name, options)).await.unwrap();
            admin.set_assignments("s", &instance.id, vec![Assignment::tenant("t")]).await.unwrap();
        }
        let challenge = engine.start(start("u")).await.unwrap();
        let answer = if served_by_sms {
            assert_eq!(challenge.code_length, Some(6));
            code(&sms.seen().pop().unwrap().body).unwrap().to_owned()
        } else {
            assert_eq!((challenge.code_length, sms.seen().len()), (Some(4), 1));
            told.says(200);
            "4711".to_owned()
        };
        engine.verify("s", Answer::new(&challenge.id, &answer)).await.unwrap();
    }
}

#[tokio::test]
async fn an_installer_is_told_that_a_verifier_decides_who_is_verified() {
    let info = twofactor::sandbox::inspect(VERIFYING).await.unwrap();
    assert!(info.capabilities.contains(&Capability::Verification), "{:?}", info.capabilities);
    let other = twofactor::sandbox::inspect(twofactor_bundle::TWILIO).await.unwrap();
    assert!(!other.capabilities.contains(&Capability::Verification), "{:?}", other.capabilities);
    assert!(info.changes_from(&other).added_capabilities.contains(&Capability::Verification));
}

#[tokio::test]
async fn a_standalone_component_begins_and_checks() {
    let told = Told::start().await;
    let network = Network::builder().override_endpoint("https://upstream.example.com", told.address).build().unwrap();
    let component = Component::load(VERIFYING, network, SandboxLimits::default()).await.unwrap();
    assert!(component.verifies());
    let configured = component.configure(&json!({})).await.unwrap();
    for (status, verdict) in [(200, Verdict::Right), (403, Verdict::Wrong), (410, Verdict::Expired)] {
        told.says(status);
        assert_eq!(configured.check("state", "4711").await.unwrap(), verdict);
    }
}

#[tokio::test]
async fn a_secret_that_a_verifier_receives_is_removed_from_its_reasons() {
    const TOKEN: &str = "real-t0ken-of-the-test";
    let network = Network::builder().build().unwrap();
    let component = Component::load(VERIFYING, network, SandboxLimits::default()).await.unwrap();
    let options = json!({"Behaviour": "tell the token", "Token": TOKEN});
    let Ok(configured) = component.configure(&options).await else { panic!("the options are valid") };
    let message = sample::message(PHONE, "");
    let Err(begun) = configured.begin(message).await else { panic!("it reports a failure") };
    let Err(checked) = configured.check("state", "4711").await else { panic!("it reports a failure") };
    for failure in [begun, checked] {
        assert_eq!(&*failure.reason().detail, "the token is [removed]");
    }
}
