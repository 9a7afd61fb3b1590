//! If an upstream accepts nothing at the moment, the next suitable instance serves the challenge;
//! if a message may have been sent, none does.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use futures::{StreamExt as _, stream};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use twofactor::admin::InstanceChange;
use twofactor::challenge::RateLimits;
use twofactor::{Actor, Answer, Assignment, Network, NewChallenge, NewInstance, SignIn, TwoFactor};
use twofactor_tests::compiled;
use twofactor_tests::upstream::{Upstream, code};
use twofactor_tests::wrong;

/// The first of two instances posts here; the other is Twilio.
struct Mortal {
    address: SocketAddr,
    bodies: Arc<Mutex<Vec<String>>>,
}

impl Mortal {
    /// Accepts this many requests, then stops listening. With `cut` each response ends in the middle.
    async fn start(lives: usize, cut: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let bodies = Arc::<Mutex<Vec<String>>>::default();
        let kept = bodies.clone();
        tokio::spawn(async move {
            for _ in 0..lives {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, kept.clone(), cut));
            }
        });
        Self { address, bodies }
    }
}

async fn serve(mut stream: TcpStream, bodies: Arc<Mutex<Vec<String>>>, cut: bool) {
    let mut text = String::new();
    let mut bytes = [0; 4096];
    while let Ok(n @ 1..) = stream.read(&mut bytes).await {
        text.push_str(&String::from_utf8_lossy(&bytes[..n]));
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
        if body.len() < length {
            continue;
        }
        bodies.lock().unwrap().push(body.to_owned());
        let answer = if cut {
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"
        } else {
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}"
        };
        let _ = stream.write_all(answer.as_bytes()).await;
        return;
    }
}

struct Place {
    engine: TwoFactor,
    twilio: Upstream,
    first: String,
    second: String,
}

impl Place {
    async fn new(first: SocketAddr) -> Self {
        let twilio = Upstream::start().await;
        let network = Network::builder()
            .override_endpoint("https://upstream.example.com", first)
            .override_endpoint("https://api.twilio.com", twilio.address)
            .build()
            .unwrap();
        let builder = compiled::builder().network(network).rate_limits(RateLimits::none());
        let engine = builder.bundled_providers().provider(wrong::component("none")).build().await.unwrap();
        let admin = engine.administration(Actor::new("test"));
        admin.create_subscription("s", "S").await.unwrap();
        let mut ids = Vec::new();
        let options = json!({"TwilioAccountSid": "AC0123456789abcdef0123456789abcdef", "TwilioAuthToken": "x",
            "TwilioSmsFromNumber": "+15005550006"});
        // In the order of their names.
        for (type_id, name, options) in
            [("twilio", "2 second", options), ("wrong", "1 first", json!({"Sender": "Shop", "Key": "k"}))]
        {
            let instance = admin.create_instance("s", NewInstance::new(type_id, name, options)).await.unwrap();
            assert!(instance.valid, "{:?}", instance.problems);
            admin.set_assignments("s", &instance.id, vec![Assignment::tenant("t")]).await.unwrap();
            ids.push(instance.id);
        }
        let first = ids.pop().unwrap();
        Self { engine, twilio, first, second: ids.pop().unwrap() }
    }

    fn start(number: &str) -> NewChallenge {
        NewChallenge::new(SignIn::new("s").tenant("t").user(number)).phone(number)
    }
}

#[tokio::test]
async fn an_upstream_that_fails_midway_loses_and_duplicates_no_code() {
    const ALL: usize = 300;
    let mortal = Mortal::start(100, false).await;
    let place = Place::new(mortal.address).await;
    let begin = Instant::now();
    let outcomes: Vec<_> = stream::iter(0..ALL)
        .map(|n| {
            let (engine, number) = (place.engine.clone(), format!("+4179{:07}", 1_000_000 + n));
            async move { (number.clone(), engine.start(Place::start(&number)).await) }
        })
        .buffer_unordered(16)
        .collect()
        .await;
    let took = begin.elapsed();

    let mut sent: HashMap<String, Vec<String>> = HashMap::new();
    for body in mortal.bodies.lock().unwrap().iter() {
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        let (to, text) = (body["to"].as_str().unwrap(), body["text"].as_str().unwrap());
        sent.entry(to.to_owned()).or_default().push(code(text).unwrap().to_owned());
    }
    let through_first = sent.len();
    for seen in place.twilio.seen() {
        let fields: HashMap<_, _> = url::form_urlencoded::parse(seen.body.as_bytes()).into_owned().collect();
        sent.entry(fields["To"].clone()).or_default().push(code(&fields["Body"]).unwrap().to_owned());
    }
    let twice = sent.values().filter(|codes| codes.len() > 1).count();
    let (mut verified, mut unknown) = (0, 0);
    for (number, outcome) in outcomes {
        match outcome {
            Ok(challenge) => {
                place.engine.verify("s", Answer::new(&challenge.id, &sent[&number][0])).await.unwrap();
                verified += 1;
            }
            // Its connection was still waiting to be accepted when the upstream stopped: it may
            // have been read, so nothing else is tried.
            Err(error) => {
                assert!(error.is_delivery_failed(), "{error}");
                unknown += 1;
            }
        }
    }
    println!(
        "{ALL} codes, upstream dead after 100: {through_first} went through it, {} through the other; {twice} twice; {verified} \
         verified, {unknown} unknown; {took:?} in all",
        sent.len() - through_first
    );
    assert_eq!((twice, verified + unknown), (0, ALL));
    assert!(unknown <= 16 && through_first == 100, "{unknown} unknown, {through_first} through the first");
}

#[tokio::test]
async fn a_message_that_may_have_been_sent_is_not_sent_through_another_instance() {
    let mortal = Mortal::start(1, true).await;
    let place = Place::new(mortal.address).await;
    let error = place.engine.start(Place::start("+41791234567")).await.unwrap_err();
    assert!(error.is_delivery_failed());
    assert_eq!((mortal.bodies.lock().unwrap().len(), place.twilio.seen().len()), (1, 0));
}

#[tokio::test]
async fn an_instance_that_was_asked_for_by_name_has_no_other_in_its_place() {
    let place = Place::new(Mortal::start(0, false).await.address).await;
    let named = Place::start("+41791234567").two_factor(&place.first);
    assert!(place.engine.start(named).await.unwrap_err().is_delivery_failed());
    assert!(place.twilio.seen().is_empty());
}

#[tokio::test]
async fn a_challenge_stays_with_the_instance_it_went_to() {
    let place = Place::new(Mortal::start(0, false).await.address).await;
    let number = "+41791234567";
    let challenge = place.engine.start(Place::start(number)).await.unwrap();
    assert_eq!(challenge.two_factor, place.second);
    assert_eq!(place.twilio.seen().len(), 1);
    let verified = place.engine.verify("s", Answer::new(&challenge.id, &place.twilio.code(number))).await.unwrap();
    assert_eq!(verified.two_factor, place.second);
}

#[tokio::test]
async fn failover_sends_no_message_that_the_other_instance_may_not_send() {
    let place = Place::new(Mortal::start(0, false).await.address).await;
    let admin = place.engine.administration(Actor::new("test"));
    let closed = json!({"countries": ["DE"]});
    let change = |policy| InstanceChange { policy: Some(Some(policy)), ..InstanceChange::default() };
    admin.update_instance("s", &place.second, change(closed), None).await.unwrap();
    assert!(place.engine.start(Place::start("+41791234567")).await.unwrap_err().is_delivery_failed());
    assert!(place.twilio.seen().is_empty());
    admin.update_instance("s", &place.second, change(json!({"countries": ["DE", "CH"]})), None).await.unwrap();
    assert_eq!(place.engine.start(Place::start("+41791234567")).await.unwrap().two_factor, place.second);
}
