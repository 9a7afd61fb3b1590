//! An engine that sends mail through one instance of `email`.

use std::time::Duration;

use serde_json::{Value, json};
use twofactor::admin::{TestMessage, TestReport};
use twofactor::challenge::RateLimits;
use twofactor::instance::Policy;
use twofactor::sandbox::{NetworkBuilder, SandboxLimits};
use twofactor::{Actor, Assignment, Network, NewChallenge, NewInstance, Recipient, SignIn, TwoFactor};

use crate::certificates::Authority;
use crate::compiled;

pub const USER: &str = "codes@example.com";
pub const PASSWORD: &str = "correct horse";

/// Returns the server's part of the options.
pub fn server(host: &str, port: u16) -> Value {
    json!({"MailType": "SMTP", "Host": host, "Port": port, "EnableSSL": true, "UserName": USER, "Password": PASSWORD,
        "Timeout": 20000})
}

pub fn options(server: Value) -> Value {
    json!({"EMailSenderAddress": "codes@example.com", "MailServerConfig": server})
}

/// Returns a network that trusts this authority in addition to the public ones.
pub fn trusting(authority: &Authority) -> NetworkBuilder {
    Network::builder().trust_certificate_pem(authority.pem().as_bytes())
}

pub struct Post {
    pub engine: TwoFactor,
    instance: String,
}

impl Post {
    pub async fn new(network: NetworkBuilder, options: Value) -> Self {
        Self::with_policy(network, options, Policy::default()).await
    }

    pub async fn with_policy(network: NetworkBuilder, options: Value, policy: Policy) -> Self {
        // An exchange that exceeds an instance's own timeout ends here, and is noticed.
        let mut limits = SandboxLimits::default();
        limits.deliver_time = Duration::from_secs(30);
        let builder = compiled::builder().network(network.build().unwrap()).provider(twofactor_bundle::EMAIL);
        let builder = builder.policy(policy).limits(limits).rate_limits(RateLimits::none());
        let engine = builder.build().await.unwrap();
        let admin = engine.administration(Actor::new("test"));
        admin.create_subscription("demo", "Demo").await.unwrap();
        let instance = admin.create_instance("demo", NewInstance::new("email", "Email", options)).await.unwrap();
        assert!(instance.valid, "{:?}", instance.problems);
        admin.set_assignments("demo", &instance.id, vec![Assignment::tenant("demo")]).await.unwrap();
        Self { engine, instance: instance.id }
    }

    /// Sends a test message, with the instance's own options or with others.
    pub async fn test(&self, to: &str, options: Option<Value>) -> TestReport {
        let recipient = Recipient { email: Some(to.to_owned()), ..Recipient::default() };
        let admin = self.engine.administration(Actor::new("test"));
        admin.send_test("demo", &self.instance, TestMessage { options, ..TestMessage::to(recipient) }).await.unwrap()
    }
}

/// Returns a sign-in of the person with this address.
pub fn start(email: &str) -> NewChallenge {
    NewChallenge::new(SignIn::new("demo").tenant("demo").user(email)).email(email)
}

/// Returns the line of an email's text that is a code.
pub fn code_in(text: &str) -> String {
    let is_code = |line: &&str| line.len() == 6 && line.bytes().all(|b| b.is_ascii_digit());
    text.lines().find(is_code).unwrap().to_owned()
}
