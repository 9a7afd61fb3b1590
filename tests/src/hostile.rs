//! An engine with a hostile instance and a neighbour that behaves.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use twofactor::admin::{TestMessage, TestReport};
use twofactor::instance::Policy;
use twofactor::sandbox::SandboxLimits;
use twofactor::{
    Actor, Answer, Assignment, Builder, Error, Network, NewChallenge, NewInstance, Recipient, SignIn, TwoFactor,
};

use crate::compiled;
use crate::upstream::Upstream;

/// A component that misbehaves as its options say: see `tests/hostile`.
pub const HOSTILE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/twofactor_hostile_guest.wasm"));

/// A component that misbehaves through `wasi:http`: see `tests/wasi-http-guest`.
pub const WASI_HTTP: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/twofactor_wasi_http_guest.wasm"));

/// A component whose upstream verifies answers: see `tests/verifying`.
pub const VERIFYING: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/twofactor_verifying_guest.wasm"));

/// The secret of the hostile instance, which it must not see.
pub const SECRET: &str = "s3cret-canary-of-the-hostile-instance";

/// Bounds small enough for what exceeds them to be seen soon.
pub fn limits() -> SandboxLimits {
    let mut limits = SandboxLimits::default();
    limits.running_time = Duration::from_millis(200);
    limits.configure_time = Duration::from_secs(2);
    // Only a call that hangs takes so long; others end at another limit first, also on a busy machine.
    limits.deliver_time = Duration::from_secs(10);
    limits
}

pub struct Neighbourhood {
    pub engine: TwoFactor,
    pub upstream: Upstream,
    hostile: String,
    next: AtomicU32,
}

impl Neighbourhood {
    pub async fn new() -> Self {
        Self::of("hostile", HOSTILE).await
    }

    /// Creates one with another component as the hostile one.
    pub async fn of(type_id: &str, component: &[u8]) -> Self {
        let upstream = Upstream::start().await;
        let network = Network::builder()
            .override_endpoint("https://upstream.example.com", upstream.address)
            .override_endpoint("https://api.twilio.com", upstream.address)
            .build()
            .unwrap();
        Self::with(compiled::builder().network(network).limits(limits()), upstream, type_id, component).await
    }

    pub async fn on(network: Network, upstream: Upstream) -> Self {
        Self::with(compiled::builder().network(network).limits(limits()), upstream, "hostile", HOSTILE).await
    }

    /// Creates one on an engine with other settings.
    pub async fn with(builder: Builder, upstream: Upstream, type_id: &str, component: &[u8]) -> Self {
        let builder = builder.provider(twofactor_bundle::TWILIO).provider(component);
        // The memory of a component is searched for them, and tables of its language have most runs of six digits.
        let policy = Policy { code_length: 10, ..Policy::default() };
        let engine = builder.policy(policy).build().await.unwrap();
        let admin = engine.administration(Actor::new("test"));
        admin.create_subscription("s", "S").await.unwrap();
        let options = json!({"TwilioAccountSid": "AC0123456789abcdef0123456789abcdef", "TwilioAuthToken": "x",
            "TwilioSmsFromNumber": "+15005550006"});
        let twilio = admin.create_instance("s", NewInstance::new("twilio", "SMS", options)).await.unwrap();
        admin.set_assignments("s", &twilio.id, vec![Assignment::tenant("good")]).await.unwrap();
        let hostile = NewInstance::new(type_id, "Hostile", json!({"Behaviour": "send", "Secret": SECRET}));
        let hostile = admin.create_instance("s", hostile).await.unwrap();
        assert!(hostile.valid, "{:?}", hostile.problems);
        admin.set_assignments("s", &hostile.id, vec![Assignment::tenant("bad")]).await.unwrap();
        Self { engine, upstream, hostile: hostile.id, next: AtomicU32::new(0) }
    }

    /// Sends a test message through the hostile instance. During the call and after it, the other
    /// provider must work as usual.
    pub async fn attempt(&self, options: Value) -> TestReport {
        let (report, ()) = tokio::join!(self.attempt_alone(options), self.neighbour_works());
        self.neighbour_works().await;
        report
    }

    pub async fn attempt_alone(&self, options: Value) -> TestReport {
        self.try_alone(options).await.unwrap()
    }

    /// Returns where there may be no turn for it.
    pub async fn try_alone(&self, mut options: Value) -> Result<TestReport, Error> {
        options["Secret"] = SECRET.into();
        let admin = self.engine.administration(Actor::new("test"));
        let recipient = Recipient { phone: Some("+41791110000".to_owned()), ..Recipient::default() };
        let test = TestMessage { options: Some(options), ..TestMessage::to(recipient) };
        admin.send_test("s", &self.hostile, test).await
    }

    /// Returns what the hostile instance finds wrong with its options.
    pub async fn problems(&self, behaviour: &str) -> Vec<String> {
        let admin = self.engine.administration(Actor::new("test"));
        let options = json!({"Behaviour": behaviour, "Url": "https://upstream.example.com/", "Secret": SECRET});
        let validate = async { admin.create_instance("s", NewInstance::new("hostile", "x", options)).await.unwrap() };
        let (instance, ()) = tokio::join!(validate, self.neighbour_works());
        self.neighbour_works().await;
        assert!(!instance.valid, "{behaviour}");
        instance.problems.into_iter().map(|problem| problem.detail).collect()
    }

    pub async fn neighbour_works(&self) {
        let number = format!("+4179{:07}", 2_000_000 + self.next.fetch_add(1, Ordering::Relaxed));
        let start = NewChallenge::new(SignIn::new("s").tenant("good").user(&number)).phone(&number);
        let challenge = self.engine.start(start).await.unwrap();
        self.engine.verify("s", Answer::new(&challenge.id, &self.upstream.code(&number))).await.unwrap();
    }
}
