//! An engine whose users hold factors: authenticator apps, passkeys and recovery codes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::Duration;

use jiff::Timestamp;
use ring::hmac;
use serde_json::json;
use twofactor::factor::Reveal;
use twofactor::sandbox::SandboxLimits;
use twofactor::sign_in::{NewHostedSignIn, SignInPage, VisitOutcome};
use twofactor::{
    Actor, Answer, Assignment, Builder, Enrolment, EnrolmentAnswer, Error, NewChallenge, NewEnrolment, NewInstance,
    Proof, SignIn, TwoFactor, UserFactor, Verified,
};

/// Authenticators in software.
pub use twofactor_fido::testing as passkeys;

/// The subscription of all users.
pub const SUBSCRIPTION: &str = "s";

/// Returns the engine of a builder with the factors that users hold, and an instance of each, with the type as its name. The first engine
/// on a store makes them.
pub async fn engine(builder: Builder) -> TwoFactor {
    // A busy machine must not fail a test that counts what is accepted.
    let patient = Duration::from_secs(60);
    let mut limits = SandboxLimits::default();
    (limits.queue_time, limits.configure_time) = (patient, patient);
    (limits.factor_time, limits.factor_running_time) = (patient, patient);
    let builder = builder.limits(limits).provider(twofactor_bundle::TOTP).provider(twofactor_bundle::RECOVERY);
    let builder = builder.provider(twofactor_bundle::FIDO).public_url("https://login.example.com");
    let engine = builder.build().await.unwrap();
    let admin = engine.administration(Actor::new("test"));
    if admin.subscriptions().await.unwrap().is_empty() {
        admin.create_subscription(SUBSCRIPTION, "Example").await.unwrap();
        for type_id in ["totp", "recovery", "fido"] {
            let new = NewInstance::new(type_id, type_id, json!({}));
            let instance = admin.create_instance(SUBSCRIPTION, new).await.unwrap();
            assert!(instance.valid, "{:?}", instance.problems);
            admin.set_assignments(SUBSCRIPTION, &instance.id, vec![Assignment::tenant("t")]).await.unwrap();
        }
    }
    engine
}

/// Returns the id of the instance of a type.
pub async fn instance(engine: &TwoFactor, type_id: &str) -> String {
    let all = engine.available(&sign_in("anybody")).await.unwrap();
    all.into_iter().find(|one| one.type_id == type_id).unwrap().id
}

pub fn sign_in(user: &str) -> SignIn {
    SignIn::new(SUBSCRIPTION).tenant("t").user(user)
}

/// An authenticator app.
#[derive(Clone)]
pub struct App(Vec<u8>);

impl App {
    /// Scans what an enrolment reveals.
    pub fn scan(enrolment: &Enrolment) -> Self {
        let Some(Reveal::Otpauth { secret, .. }) = &enrolment.reveal else { panic!("no secret is revealed") };
        Self::with_secret(secret)
    }

    /// Reads a secret in base32 (RFC 4648 section 6).
    pub fn with_secret(secret: &str) -> Self {
        let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
        for c in secret.bytes() {
            let value = if c.is_ascii_uppercase() { c - b'A' } else { c - b'2' + 26 };
            bits = bits << 5 | u32::from(value);
            count += 5;
            if count >= 8 {
                count -= 8;
                bytes.push(u8::try_from(bits >> count & 0xff).unwrap());
            }
        }
        Self(bytes)
    }

    /// Returns the code that it shows at a time (RFC 6238, SHA-1, six digits, 30 seconds).
    pub fn code(&self, at: Timestamp) -> String {
        let step = u64::try_from(at.as_second() / 30).unwrap().to_be_bytes();
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let mac = hmac::sign(&key, &step);
        let mac = mac.as_ref();
        let offset = usize::from(mac[19] & 0xf);
        let number = u32::from_be_bytes(mac[offset..offset + 4].try_into().unwrap()) & 0x7fff_ffff;
        format!("{:06}", number % 1_000_000)
    }
}

/// Begins to enrol an authenticator app.
pub async fn begin_app(engine: &TwoFactor, user: &str, proof: Proof) -> Result<Enrolment, Error> {
    let totp = instance(engine, "totp").await;
    engine.enrol(NewEnrolment::new(sign_in(user), totp, proof)).await
}

/// Enrols an authenticator app of a user who holds none, with the code that it shows at a time.
pub async fn enrol_app(engine: &TwoFactor, user: &str, at: Timestamp) -> (App, UserFactor) {
    let enrolment = begin_app(engine, user, Proof::FirstFactor).await.unwrap();
    let app = App::scan(&enrolment);
    let answer = EnrolmentAnswer::code(&enrolment.id, app.code(at)).label("Phone");
    let factor = engine.finish_enrolment(SUBSCRIPTION, answer).await.unwrap();
    (app, factor)
}

/// Enrols recovery codes of a user who proves an app with the code that it shows at a time.
pub async fn enrol_codes(engine: &TwoFactor, user: &str, app_code: &str) -> (Vec<String>, UserFactor) {
    let (challenge, verified) = use_factor(engine, user, "totp", app_code).await;
    verified.unwrap();
    let recovery = instance(engine, "recovery").await;
    let new = NewEnrolment::new(sign_in(user), recovery, Proof::Challenge(challenge));
    let enrolment = engine.enrol(new).await.unwrap();
    let Some(Reveal::Codes(codes)) = &enrolment.reveal else { panic!("no codes are revealed") };
    let codes = codes.clone();
    let factor = engine.finish_enrolment(SUBSCRIPTION, EnrolmentAnswer::confirmed(&enrolment.id)).await.unwrap();
    (codes, factor)
}

/// Starts a challenge for a user's factor of a type.
pub async fn start(engine: &TwoFactor, user: &str, type_id: &str) -> String {
    let instance = instance(engine, type_id).await;
    engine.start(NewChallenge::new(sign_in(user)).two_factor(instance)).await.unwrap().id
}

/// Starts a challenge and answers it with a typed code. Returns its id, too.
pub async fn use_factor(
    engine: &TwoFactor,
    user: &str,
    type_id: &str,
    code: &str,
) -> (String, Result<Verified, Error>) {
    let challenge = start(engine, user, type_id).await;
    let verified = engine.verify(SUBSCRIPTION, Answer::new(&challenge, code)).await;
    (challenge, verified)
}

/// Returns the instances whose factors the sign-in page offers to a user, in the order of the page.
pub async fn offered_on_page(engine: &TwoFactor, user: &str) -> Vec<String> {
    let return_url = "https://example.com/back";
    let page = SignInPage { return_urls: vec![return_url.to_owned()], ..SignInPage::default() };
    engine.administration(Actor::new("test")).set_sign_in_page(SUBSCRIPTION, page, None).await.unwrap();
    let sign_ins = engine.hosted_sign_ins();
    let begun = sign_ins.begin(NewHostedSignIn::new(sign_in(user), return_url, "state")).await.unwrap();
    let VisitOutcome::Open(visit) = sign_ins.visit(&begun.secret, None).await.unwrap() else {
        panic!("it is not open");
    };
    visit.factor_options.iter().map(|one| one.two_factor.clone()).collect()
}
