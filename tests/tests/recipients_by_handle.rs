//! A provider may deliver to names that only it understands.

use serde_json::{Value, json};
use twofactor::challenge::RateLimits;
use twofactor::{Actor, Answer, Assignment, Network, NewChallenge, NewInstance, SignIn, TwoFactor};
use twofactor_tests::compiled;
use twofactor_tests::upstream::{Upstream, code};
use twofactor_tests::wrong;

async fn place(limits: RateLimits) -> (TwoFactor, Upstream) {
    let upstream = Upstream::start().await;
    let network = Network::builder()
        .override_endpoint("https://upstream.example.com", upstream.address)
        .override_endpoint("https://api.twilio.com", upstream.address)
        .build()
        .unwrap();
    let builder = compiled::builder().network(network).rate_limits(limits).provider(twofactor_bundle::TWILIO);
    let engine = builder.provider(wrong::component("its recipients are handles")).build().await.unwrap();
    let admin = engine.administration(Actor::new("test"));
    admin.create_subscription("s", "S").await.unwrap();
    let twilio = json!({"TwilioAccountSid": "AC0123456789abcdef0123456789abcdef", "TwilioAuthToken": "x",
        "TwilioSmsFromNumber": "+15005550006"});
    for (type_id, name, options) in [("wrong", "1", json!({"Sender": "Shop", "Key": "k"})), ("twilio", "2", twilio)] {
        let instance = admin.create_instance("s", NewInstance::new(type_id, name, options)).await.unwrap();
        admin.set_assignments("s", &instance.id, vec![Assignment::tenant("t")]).await.unwrap();
    }
    (engine, upstream)
}

fn start(user: &str) -> NewChallenge {
    NewChallenge::new(SignIn::new("s").tenant("t").user(user))
}

#[tokio::test]
async fn a_code_goes_to_the_handle_unchanged_and_only_its_beginning_is_shown() {
    let (engine, upstream) = place(RateLimits::default()).await;
    let challenge = engine.start(start("u").handle(" @Alice:example.org ")).await.unwrap();
    assert_eq!(challenge.recipient_hint.as_deref(), Some("@•••"));
    let sent: Value = serde_json::from_str(&upstream.seen()[0].body).unwrap();
    assert_eq!(sent["to"], "@Alice:example.org");
    engine.verify("s", Answer::new(&challenge.id, code(sent["text"].as_str().unwrap()).unwrap())).await.unwrap();
}

#[tokio::test]
async fn the_first_instance_that_fits_the_recipient_is_chosen() {
    let (engine, upstream) = place(RateLimits::default()).await;
    let by_phone = engine.start(start("u").phone("+41791234567")).await.unwrap();
    let by_both = engine.start(start("v").phone("+41791234567").handle("alice")).await.unwrap();
    assert_eq!(by_phone.recipient_hint.as_deref(), Some("+41 ••• •• 67"));
    assert_eq!(by_both.recipient_hint.as_deref(), Some("a•••"));
    assert_eq!(upstream.seen().len(), 2);
    let error = engine.start(start("w").email("alice@example.com")).await.unwrap_err();
    assert!(error.is_invalid_input() && error.field_errors()[0].pointer == "/recipient/handle", "{error}");
}

#[tokio::test]
async fn spellings_of_a_handle_share_a_limit() {
    let mut limits = RateLimits::none();
    limits.recipient_per_hour = 1;
    let (engine, _upstream) = place(limits).await;
    engine.start(start("u").handle("Alice")).await.unwrap();
    assert!(engine.start(start("v").handle("ALICE")).await.unwrap_err().is_rate_limited());
    engine.start(start("w").handle("Bob")).await.unwrap();
}
