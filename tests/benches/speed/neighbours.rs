//! A well-behaved provider, alone and next to each kind of misbehaving one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};
use twofactor::challenge::RateLimits;
use twofactor::instance::Policy;
use twofactor::sandbox::SandboxLimits;
use twofactor::{Actor, Assignment, Network, NewChallenge, NewInstance, SignIn, TwoFactor};
use twofactor_tests::hostile::HOSTILE;

use crate::{row, setup};

/// The interval between calls of each of the two.
const EVERY: Duration = Duration::from_millis(10);
/// The number of rounds of messages of the well-behaved provider, alone and next to the other in
/// turns.
const ROUNDS: u32 = 6;
const EACH: u32 = 200;
/// Calls of the other at once, at most: where one ends before its time the next waits for its turn.
const HOSTILE_AT_ONCE: u32 = 8;

/// The misbehaviours, with their names.
const BEHAVIOURS: [(&str, &str); 9] = [
    ("loop", "spins for ever"),
    ("grow", "allocates all it may"),
    ("recurse", "recurses without end"),
    ("trap", "traps"),
    ("log flood", "floods the log"),
    ("call flood", "makes all the requests it may"),
    ("long request", "sends a huge body"),
    ("long answer", "answers at huge length"),
    ("send", "holds its call until it is ended"),
];

/// Returns an upstream on its own thread, so that the two do not slow each other down.
fn apart<T: Send + 'static>(upstream: impl AsyncFnOnce(Sender<T>) + Send + 'static) -> T {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(upstream(sender));
    });
    receiver.recv().unwrap()
}

/// Returns one that is a substitute for Twilio, and one that does not respond where told so.
fn upstreams() -> (SocketAddr, SocketAddr) {
    let twilio = apart(async |sender: Sender<SocketAddr>| {
        sender.send(setup::upstream(Duration::from_millis(20)).await.0).unwrap();
        std::future::pending::<()>().await;
    });
    let other = apart(async |sender: Sender<SocketAddr>| {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        sender.send(listener.local_addr().unwrap()).unwrap();
        let answer = async |request: Request| {
            if request.uri().path() == "/silent" {
                std::future::pending::<()>().await;
            }
            StatusCode::CREATED
        };
        axum::serve(listener, Router::new().fallback(answer)).await.unwrap();
    });
    (twilio, other)
}

async fn engine() -> TwoFactor {
    let (twilio, other) = upstreams();
    let network = Network::builder().override_endpoint("https://api.twilio.com", twilio);
    let network = network.override_endpoint("https://upstream.example.com", other).timeout(Duration::from_secs(2));
    let mut limits = SandboxLimits::default();
    // A spinning one has eight calls in flight anyway, so they may end soon.
    limits.running_time = Duration::from_millis(200);
    let engine = TwoFactor::builder()
        .limits(limits)
        .network(network.build().unwrap())
        .provider(twofactor_bundle::TWILIO)
        .provider(HOSTILE)
        .policy(Policy { countries: ["*".to_owned()].into(), pause_after: 0, ..Policy::default() })
        .rate_limits(RateLimits::none())
        .build()
        .await
        .unwrap();
    let admin = engine.administration(Actor::new("bench"));
    admin.create_subscription("s", "S").await.unwrap();
    let mut instances = vec![("good", NewInstance::new("twilio", "SMS", setup::options()))];
    for (behaviour, _) in BEHAVIOURS {
        let path = if behaviour == "send" { "silent" } else { "" };
        let options =
            json!({"Behaviour": behaviour, "Url": format!("https://upstream.example.com/{path}"), "Secret": "s"});
        instances.push((behaviour, NewInstance::new("hostile", behaviour, options)));
    }
    for (tenant, instance) in instances {
        let instance = admin.create_instance("s", instance).await.unwrap();
        assert!(instance.valid, "{:?}", instance.problems);
        admin.set_assignments("s", &instance.id, vec![Assignment::tenant(tenant)]).await.unwrap();
    }
    engine
}

/// The recipients of calls, each with a different number.
#[derive(Clone)]
struct Calls {
    engine: TwoFactor,
    next: Arc<AtomicU32>,
}

impl Calls {
    async fn start(&self, tenant: &str) -> Result<twofactor::Challenge, twofactor::Error> {
        let number = format!("+4179{:07}", 1_000_000 + self.next.fetch_add(1, Ordering::Relaxed));
        self.engine.start(NewChallenge::new(SignIn::new("s").tenant(tenant).user(&number)).phone(&number)).await
    }

    /// Returns the time that each message takes, counted from when it was due.
    async fn good(&self) -> Vec<Duration> {
        let mut due = interval(EVERY);
        due.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut messages = JoinSet::new();
        for _ in 0..EACH {
            let (begin, calls) = (due.tick().await, self.clone());
            messages.spawn(async move {
                calls.start("good").await.unwrap();
                begin.elapsed()
            });
        }
        messages.join_all().await
    }

    /// Makes calls of the misbehaving provider until it is stopped. Returns their number.
    async fn hostile(&self, behaviour: &'static str, stop: Arc<AtomicBool>) -> u32 {
        let mut callers = JoinSet::new();
        for n in 0..HOSTILE_AT_ONCE {
            let (calls, stop) = (self.clone(), stop.clone());
            callers.spawn(async move {
                let mut due = interval(EVERY * HOSTILE_AT_ONCE);
                due.set_missed_tick_behavior(MissedTickBehavior::Delay);
                due.reset_at(Instant::now() + EVERY * n);
                let mut made = 0;
                while !stop.load(Ordering::Relaxed) {
                    due.tick().await;
                    assert!(calls.start(behaviour).await.is_err(), "{behaviour}");
                    made += 1;
                }
                made
            });
        }
        callers.join_all().await.into_iter().sum()
    }
}

fn p99(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    setup::percentile(times, 99)
}

pub(crate) async fn rows() {
    let calls = Calls { engine: engine().await, next: Arc::default() };
    calls.good().await;
    for (behaviour, words) in BEHAVIOURS {
        let (mut alone, mut beside) = (Vec::new(), Vec::new());
        let mut made = 0;
        for _ in 0..ROUNDS {
            alone.extend(calls.good().await);
            let stop = Arc::new(AtomicBool::new(false));
            let hostile = tokio::spawn({
                let (calls, stop) = (calls.clone(), stop.clone());
                async move { calls.hostile(behaviour, stop).await }
            });
            beside.extend(calls.good().await);
            stop.store(true, Ordering::Relaxed);
            // A call in flight is not alone.
            made += hostile.await.unwrap();
        }
        let samples = alone.len();
        let p50 = |times: &[Duration]| setup::percentile(times, 50).as_secs_f64() * 1e3;
        let (alone_p99, beside_p99) = (p99(&mut alone), p99(&mut beside));
        let ratio = beside_p99.as_secs_f64() / alone_p99.as_secs_f64();
        row(
            &format!("a neighbour's p99 beside a provider that {words}, against alone"),
            format!(
                "{ratio:.3}   {:.2} ms against {:.2} ms, p50 {:.2} against {:.2}; {samples} messages each, beside {made} calls",
                beside_p99.as_secs_f64() * 1e3,
                alone_p99.as_secs_f64() * 1e3,
                p50(&beside),
                p50(&alone),
            ),
            "< 1.1",
            ratio < 1.1,
        );
    }
}
