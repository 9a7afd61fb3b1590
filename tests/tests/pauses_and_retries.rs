//! An instance whose upstream takes nothing pauses; a message that surely was not sent is tried again; an instance, and all of a type
//! together, use no more in a day than they may.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use twofactor::{
    Actor, Assignment, Challenge, Error, ManualClock, Network, NewInstance, Quota, RateLimits, Recipient, SignIn,
    Start, TwoFactor,
};

/// What a stand-in for Twilio of ours answers.
#[derive(Clone, Copy)]
enum Say {
    Taken,
    /// And bills it as so many parts.
    TakenIn(u32),
    /// Asks to slow down, and does not say for how long.
    Later,
    LaterBy(u32),
    /// Fails after it had the message.
    Broken,
    /// Does not take messages to this number.
    Refused,
}
use Say::{Broken, Later, LaterBy, Refused, Taken, TakenIn};

/// Says one after the other, and the last for ever.
#[derive(Clone)]
struct Twilio {
    address: SocketAddr,
    script: Arc<Mutex<VecDeque<Say>>>,
    bodies: Arc<Mutex<Vec<String>>>,
    /// Bytes of its answers.
    answered: Arc<AtomicUsize>,
}

impl Twilio {
    async fn start(script: &[Say]) -> Self {
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
                Taken | TakenIn(_) => {
                    let parts = if let TakenIn(parts) = say { parts } else { 1 };
                    let body = json!({"sid": "SM00000000000000000000000000000000", "status": "queued",
                        "num_segments": parts.to_string(), "error_code": null})
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
            }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        twilio
    }

    fn asked(&self) -> usize {
        self.bodies.lock().unwrap().len()
    }

    fn says(&self, script: &[Say]) {
        *self.script.lock().unwrap() = script.iter().copied().collect();
    }
}

struct Place {
    engine: TwoFactor,
    clock: ManualClock,
    twilio: Twilio,
    instance: String,
}

impl Place {
    async fn new(policy: Value, script: &[Say]) -> Self {
        Self::with(RateLimits::none(), policy, script).await
    }

    async fn with(limits: RateLimits, policy: Value, script: &[Say]) -> Self {
        let (twilio, clock) = (Twilio::start(script).await, ManualClock::new("2026-01-01T12:00:00Z".parse().unwrap()));
        let network = Network::builder().stand_in("https://api.twilio.com", twilio.address).build().unwrap();
        let builder = TwoFactor::builder().network(network).rate_limits(limits).clock(clock.clone());
        let engine = builder.provider(twofactor_bundle::TWILIO).build().await.unwrap();
        engine.administration(Actor::new("test")).create_subscription("s", "S").await.unwrap();
        let mut place = Self { engine, clock, twilio, instance: String::new() };
        place.instance = place.add("1", policy).await;
        place
    }

    async fn add(&self, name: &str, policy: Value) -> String {
        let admin = self.engine.administration(Actor::new("test"));
        let options = json!({"TwilioAccountSid": "AC0123456789abcdef0123456789abcdef", "TwilioAuthToken": "x",
            "TwilioSmsFromNumber": "+15005550006"});
        let instance = NewInstance { policy: Some(policy), ..NewInstance::new("twilio", name, options) };
        let instance = admin.create_instance("s", instance).await.unwrap();
        assert!(instance.valid, "{:?}", instance.problems);
        admin.set_assignments("s", &instance.id, vec![Assignment::tenant("t")]).await.unwrap();
        instance.id
    }

    async fn start(&self) -> Result<Challenge, Error> {
        self.engine.start(Start::new(SignIn::new("s").tenant("t").user("alice")).phone("+41791234567")).await
    }

    /// Fails, and says how long to wait.
    async fn waits(&self) -> Option<u64> {
        let error = self.start().await.unwrap_err();
        assert!(error.is_delivery_failed() && error.is_retryable(), "{error:?}");
        error.retry_after().map(|wait| wait.as_secs())
    }
}

#[tokio::test]
async fn an_instance_pauses_after_so_many_failures_in_a_row_and_one_message_ends_it() {
    let place = Place::new(json!({"pause_after": 3, "pause_seconds": 20, "retries": 0}), &[Later]).await;
    for n in 1..=3 {
        assert_eq!((place.waits().await, place.twilio.asked()), (None, n));
    }
    // Nothing is sent, and it is said how long that lasts.
    assert_eq!((place.waits().await, place.twilio.asked()), (Some(20), 3));
    place.clock.advance(Duration::from_secs(15));
    assert_eq!((place.waits().await, place.twilio.asked()), (Some(5), 3));
    // One is tried, which fails: it pauses at once.
    place.clock.advance(Duration::from_secs(5));
    assert_eq!((place.waits().await, place.twilio.asked()), (None, 4));
    assert_eq!((place.waits().await, place.twilio.asked()), (Some(20), 4));
    place.clock.advance(Duration::from_secs(20));
    place.twilio.says(&[Taken]);
    place.start().await.unwrap();
    place.start().await.unwrap();
    assert_eq!(place.twilio.asked(), 6);
}

#[tokio::test]
async fn what_is_refused_for_what_it_is_pauses_nothing_and_an_unknown_outcome_does() {
    let policy = json!({"pause_after": 2, "pause_seconds": 20, "retries": 0});
    let place = Place::new(policy, &[Broken, Refused, Broken, Broken]).await;
    for _ in 0..4 {
        place.start().await.unwrap_err();
    }
    assert_eq!(place.twilio.asked(), 4);
    assert_eq!((place.waits().await, place.twilio.asked()), (Some(20), 4));
    // Whoever administers wants to know, and changes something: both ask the upstream.
    let admin = place.engine.administration(Actor::new("test"));
    let to = Recipient { phone: Some("+41791234567".to_owned()), ..Recipient::default() };
    admin.test_instance("s", &place.instance, to, None).await.unwrap();
    assert_eq!(place.twilio.asked(), 5);
}

#[tokio::test]
async fn while_one_instance_pauses_another_serves_at_once() {
    let place = Place::new(json!({"pause_after": 2, "retries": 0}), &[Later, Taken, Later, Taken, Taken]).await;
    let other = place.add("2", json!({})).await;
    // The first two go through the other one after the first failed.
    for n in [2, 4] {
        assert_eq!((place.start().await.unwrap().two_factor, place.twilio.asked()), (other.clone(), n));
    }
    assert_eq!((place.start().await.unwrap().two_factor, place.twilio.asked()), (other.clone(), 5));
}

#[tokio::test]
async fn a_message_that_was_not_sent_is_tried_again_as_the_same_message() {
    let place = Place::new(json!({"retries": 2}), &[Later, Later, Taken]).await;
    let challenge = place.start().await.unwrap();
    let bodies = place.twilio.bodies.lock().unwrap().clone();
    assert_eq!(bodies.len(), 3);
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
    let text =
        url::form_urlencoded::parse(bodies[0].as_bytes()).find(|(name, _)| name == "Body").unwrap().1.into_owned();
    let code = twofactor_tests::upstream::code(&text).unwrap();
    place.engine.verify("s", &challenge.id, code, None).await.unwrap();
}

#[tokio::test]
async fn what_may_have_gone_out_and_what_has_a_time_of_its_own_is_not_tried_again() {
    for (say, retryable, wait) in [(Broken, false, None), (Refused, false, None), (LaterBy(7), true, Some(7))] {
        let place = Place::new(json!({"retries": 5}), &[say]).await;
        let error = place.start().await.unwrap_err();
        let waits = error.retry_after().map(|wait| wait.as_secs());
        assert_eq!((error.is_retryable(), waits, place.twilio.asked()), (retryable, wait, 1));
    }
    let place = Place::new(json!({"retries": 1}), &[Later]).await;
    assert_eq!((place.waits().await, place.twilio.asked()), (None, 2));
}

#[tokio::test]
async fn an_instance_sends_so_many_messages_in_a_day_and_then_another_does() {
    let place = Place::new(json!({"messages_per_day": 2}), &[Taken]).await;
    place.start().await.unwrap();
    place.start().await.unwrap();
    assert_eq!((place.waits().await, place.twilio.asked()), (Some(3600), 2));
    let other = place.add("2", json!({"messages_per_day": 1})).await;
    assert_eq!(place.start().await.unwrap().two_factor, other);
    assert_eq!(place.waits().await, Some(3600));
    place.clock.advance(Duration::from_secs(24 * 3600 + 1));
    assert_eq!(place.start().await.unwrap().two_factor, place.instance);
    // Each counts what it sends itself, whoever else there is.
    assert_eq!(place.twilio.asked(), 4);
}

#[tokio::test]
async fn parts_that_messages_are_billed_as_are_counted_as_the_upstream_says() {
    let place = Place::new(json!({"parts_per_day": 5}), &[TakenIn(3), Later, TakenIn(0), Broken, Taken]).await;
    place.start().await.unwrap();
    // The second was taken at its second attempt: the first was not billed. Twilio counts none for a messaging service at first.
    place.start().await.unwrap();
    // It may have gone out.
    place.start().await.unwrap_err();
    assert_eq!((place.waits().await, place.twilio.asked()), (Some(3600), 4));
    place.clock.advance(Duration::from_secs(24 * 3600 + 1));
    place.start().await.unwrap();
}

#[tokio::test]
async fn bytes_to_and_from_the_upstream_are_counted() {
    let place = Place::new(json!({}), &[Taken]).await;
    place.start().await.unwrap();
    let of_one = place.twilio.bodies.lock().unwrap()[0].len() + place.twilio.answered.load(Ordering::Relaxed);
    for (quota, messages) in [(2 * of_one, 2), (2 * of_one + 1, 3)] {
        let place = Place::new(json!({"bytes_per_day": quota}), &[Taken]).await;
        for _ in 0..messages {
            place.start().await.unwrap();
        }
        assert_eq!((place.waits().await, place.twilio.asked()), (Some(3600), messages));
    }
}

#[tokio::test]
async fn a_quota_that_cannot_be_counted_is_refused_by_name() {
    let quota = Quota { bytes_per_day: u32::MAX, ..Quota::default() };
    let limits = RateLimits { types: [("twilio".to_owned(), quota)].into(), ..RateLimits::none() };
    let error = TwoFactor::builder().rate_limits(limits).build().await.err().unwrap();
    assert!(error.to_string().contains("`twilio`: `bytes_per_day` must be 0 to 4000000000"), "{error}");
}

#[tokio::test]
async fn a_message_that_another_limit_stops_uses_nothing_of_the_days_messages() {
    let limits = RateLimits { recipient_per_hour: 1, ..RateLimits::none() };
    let place = Place::with(limits, json!({"messages_per_day": 2}), &[Taken]).await;
    let challenge = place.start().await.unwrap();
    place.clock.advance(Duration::from_secs(30));
    for _ in 0..3 {
        assert!(place.engine.resend("s", &challenge.id).await.unwrap_err().is_limited());
    }
    let other = Start::new(SignIn::new("s").tenant("t").user("bob")).phone("+41791234568");
    place.engine.start(other).await.unwrap();
    assert_eq!(place.twilio.asked(), 2);
}

#[tokio::test]
async fn all_instances_of_a_type_have_a_quota_together() {
    for (quota, messages) in [
        (Quota { messages_per_day: 3, ..Quota::default() }, 3),
        (Quota { parts_per_day: 3, ..Quota::default() }, 2),
        (Quota { bytes_per_day: 1, ..Quota::default() }, 1),
    ] {
        let limits = RateLimits { types: [("twilio".to_owned(), quota)].into(), ..RateLimits::none() };
        let place = Place::with(limits, json!({"messages_per_day": 1}), &[TakenIn(2)]).await;
        place.add("2", json!({})).await;
        for _ in 0..messages {
            place.start().await.unwrap();
        }
        assert_eq!((place.waits().await, place.twilio.asked()), (Some(3600), messages));
    }
}

#[tokio::test]
async fn what_is_not_tried_in_a_pause_uses_nothing_of_the_days_messages() {
    let policy = json!({"messages_per_day": 3, "pause_after": 2, "pause_seconds": 20, "retries": 0});
    let place = Place::new(policy, &[Later, Later, Taken]).await;
    for _ in 0..2 {
        place.waits().await;
    }
    for _ in 0..5 {
        assert_eq!((place.waits().await, place.twilio.asked()), (Some(20), 2));
    }
    place.clock.advance(Duration::from_secs(20));
    place.start().await.unwrap();
    assert_eq!((place.waits().await, place.twilio.asked()), (Some(3600), 3));
}

#[tokio::test]
async fn a_code_that_a_person_has_stays_good_while_no_other_can_be_sent() {
    for policy in [json!({"messages_per_day": 1}), json!({"pause_after": 1, "pause_seconds": 60, "retries": 0})] {
        let place = Place::new(policy, &[Taken, Later]).await;
        let challenge = place.start().await.unwrap();
        let sent = place.twilio.bodies.lock().unwrap()[0].clone();
        let text =
            url::form_urlencoded::parse(sent.as_bytes()).find(|(name, _)| name == "Body").unwrap().1.into_owned();
        // The second one begins the pause.
        let _ = place.start().await;
        let asked = place.twilio.asked();
        place.clock.advance(Duration::from_secs(30));
        assert!(place.engine.resend("s", &challenge.id).await.unwrap_err().is_retryable());
        assert_eq!(place.twilio.asked(), asked);
        let code = twofactor_tests::upstream::code(&text).unwrap();
        place.engine.verify("s", &challenge.id, code, None).await.unwrap();
    }
}

#[tokio::test]
async fn a_challenge_that_ends_before_its_message_is_tried_again_gets_none() {
    let place = Place::new(json!({"retries": 1}), &[Taken, Later, Taken]).await;
    let challenge = place.start().await.unwrap();
    place.clock.advance(Duration::from_secs(30));
    let (engine, id) = (place.engine.clone(), challenge.id.clone());
    let resend = tokio::spawn(async move { engine.resend("s", &id).await });
    while place.twilio.asked() < 2 {
        tokio::task::yield_now().await;
    }
    place.engine.cancel("s", &challenge.id).await.unwrap();
    assert!(resend.await.unwrap().unwrap_err().is_delivery_failed());
    assert_eq!(place.twilio.asked(), 2);
}
