//! Stand-ins for the vendors, over real TLS and HTTP. They are ours, and strict: what a vendor documents that it refuses they
//! refuse, in the form the vendor documents. The components reach them by the vendors' own names.

pub mod asking;
pub mod bird;
pub mod ecall;
pub mod graph;
pub mod infobip;
pub mod lan_gateway;
pub mod matrix;
pub mod recorder;
pub mod sendgrid;
pub mod ses;
pub mod sigv4;
pub mod sinch;
pub mod slack;
pub mod telegram;
pub mod telnyx;
pub mod tls;
pub mod twilio;
pub mod twilio_calls;
pub mod twilio_verify;
pub mod vonage;
pub mod webhook;
pub mod whatsapp;

use crate::compiled;
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tls::Authority;
use twofactor::admin::{TestMessage, TestReport};
use twofactor::instance::Policy;
use twofactor::sandbox::NetworkBuilder;
use twofactor::{Actor, Answer, Assignment, Network, NewChallenge, NewInstance, Recipient, SignIn, TwoFactor};

/// Returns a network that trusts an authority of ours.
pub fn trusting(authority: &Authority) -> NetworkBuilder {
    Network::builder().trust_certificate_pem(authority.pem().as_bytes())
}

/// An engine with one instance.
pub struct Bench {
    pub engine: TwoFactor,
    pub instance: String,
}

impl Bench {
    pub async fn new(network: NetworkBuilder, type_id: &str, options: Value) -> Self {
        let policy = Policy { countries: ["*".to_owned()].into(), ..Policy::default() };
        let builder = compiled::builder().network(network.build().unwrap()).policy(policy);
        let builder = builder.bundled_provider(type_id).unwrap();
        let engine = builder.build().await.unwrap();
        let admin = engine.administration(Actor::new("test"));
        admin.create_subscription("s", "S").await.unwrap();
        let instance = admin.create_instance("s", NewInstance::new(type_id, "x", options)).await.unwrap();
        assert!(instance.valid, "{:?}", instance.problems);
        admin.set_assignments("s", &instance.id, vec![Assignment::tenant("t")]).await.unwrap();
        Self { engine, instance: instance.id }
    }

    /// Sends a test message.
    pub async fn test(&self, phone: &str, email: &str) -> TestReport {
        let recipient =
            Recipient { phone: Some(phone.to_owned()), email: Some(email.to_owned()), ..Recipient::default() };
        let admin = self.engine.administration(Actor::new("test"));
        admin.send_test("s", &self.instance, TestMessage::to(recipient)).await.unwrap()
    }

    /// Sends a code, and sees that it is accepted once. Returns its `amr`. `sent` gives the text that arrived.
    pub async fn a_code_travels(&self, phone: &str, email: &str, sent: impl Fn() -> String) -> Vec<String> {
        let start = NewChallenge::new(SignIn::new("s").tenant("t").user("u")).phone(phone).email(email);
        let challenge = self.engine.start(start).await.unwrap();
        let text = sent();
        let mut runs = text.split(|c: char| !c.is_ascii_digit());
        let code = runs.find(|run| run.len() == 6).unwrap();
        let verified = self.engine.verify("s", Answer::new(&challenge.id, code)).await.unwrap();
        assert!(self.engine.verify("s", Answer::new(&challenge.id, code)).await.unwrap_err().is_closed());
        verified.amr
    }
}

/// User and password of HTTP Basic (RFC 7617).
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let pair = STANDARD.decode(value.to_str().ok()?.strip_prefix("Basic ")?).ok()?;
    let pair = String::from_utf8(pair).ok()?;
    pair.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
}

/// Returns whether the content type of a body is this one, whatever its parameters.
fn is_of_type(headers: &HeaderMap, expected: &str) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim() == expected
}

/// E.164: a plus sign and up to fifteen digits, of which the first is not 0.
fn is_e164(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0')
}
