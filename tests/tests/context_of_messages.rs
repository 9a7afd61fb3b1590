//! Each message says when it is and in which country its recipient is: gateways need the one for a message's expiry, and the other for the
//! sender that a country accepts.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use twofactor::admin::TestMessage;
use twofactor::clock::{Clock as _, ManualClock};
use twofactor::instance::Policy;
use twofactor::sandbox::RecipientKind;
use twofactor::{Actor, Answer, Assignment, Network, NewChallenge, NewInstance, Recipient, SignIn};
use twofactor_tests::upstream::code;
use twofactor_tests::vendors::recorder::{Recorder, Reply};
use twofactor_tests::{compiled, sample, wrong};

#[test]
fn the_country_is_that_of_a_phone_number_and_nothing_else_has_one() {
    for (recipient, kind, country) in [
        ("+41791234567", RecipientKind::PhoneNumber, Some("CH")),
        // Two countries with one calling code.
        ("+12025550123", RecipientKind::PhoneNumber, Some("US")),
        ("+16135550101", RecipientKind::PhoneNumber, Some("CA")),
        // It belongs to no country.
        ("+80012345678", RecipientKind::PhoneNumber, None),
        ("+41791234567", RecipientKind::Handle, None),
        ("alice@example.com", RecipientKind::EmailAddress, None),
    ] {
        let message = sample::message(recipient, "012345").with_context(1_767_225_600, kind);
        let mut expected = vec![("now".to_owned(), "1767225600".to_owned())];
        expected.extend(country.map(|country| ("recipient-country".to_owned(), country.to_owned())));
        assert_eq!(message.extra, expected, "{recipient} {kind:?}");
    }
}

/// Waits for the next message, and returns its text and its entries of `extra`.
async fn next(arrived: &mut UnboundedReceiver<Value>) -> (String, Value) {
    let message = tokio::time::timeout(Duration::from_secs(60), arrived.recv()).await.unwrap().unwrap();
    (message["text"].as_str().unwrap().to_owned(), message["extra"].clone())
}

#[tokio::test]
async fn codes_test_messages_and_notices_have_the_engines_time_and_the_recipients_country() {
    let (send, mut arrived) = unbounded_channel();
    let upstream = Recorder::start_plain(|_| Reply::accepts(200, &json!({}))).await;
    upstream.watch(move |seen| send.send(serde_json::from_slice(&seen.body).unwrap()).unwrap());
    let network = Network::builder().override_endpoint("https://upstream.example.com", upstream.address());
    let clock = ManualClock::new("2026-11-24T12:00:00Z".parse().unwrap());
    let policy = Policy { countries: ["*".to_owned()].into(), ..Policy::default() };
    let builder = compiled::builder().network(network.build().unwrap()).clock(clock.clone()).policy(policy);
    let engine = builder.provider(wrong::component("it passes extra on")).build().await.unwrap();
    let admin = engine.administration(Actor::new("test"));
    admin.create_subscription("s", "S").await.unwrap();
    let options = json!({"Sender": "Shop", "Key": "k3y"});
    let instance = admin.create_instance("s", NewInstance::new("wrong", "x", options)).await.unwrap();
    admin.set_assignments("s", &instance.id, vec![Assignment::tenant("t")]).await.unwrap();
    let expected = |country: &str| json!({"now": clock.now().as_second().to_string(), "recipient-country": country});

    let start = NewChallenge::new(SignIn::new("s").tenant("t").user("alice")).phone("+16135550101");
    let challenge = engine.start(start).await.unwrap();
    assert_eq!(next(&mut arrived).await.1, expected("CA"));
    clock.advance(Duration::from_secs(60));
    engine.resend("s", &challenge.id).await.unwrap();
    let (text, extra) = next(&mut arrived).await;
    assert_eq!(extra, expected("CA"));
    engine.verify("s", Answer::new(&challenge.id, code(&text).unwrap())).await.unwrap();

    clock.advance(Duration::from_secs(60));
    let recipient = Recipient { phone: Some("+41791234567".to_owned()), ..Recipient::default() };
    let report = admin.send_test("s", &instance.id, TestMessage::to(recipient)).await.unwrap();
    assert_eq!(report.outcome, "delivered", "{}", report.detail);
    assert_eq!(next(&mut arrived).await.1, expected("CH"));

    clock.advance(Duration::from_secs(60));
    admin.issue_pass("s", "alice", None, "lost phone").await.unwrap();
    let (notice, extra) = next(&mut arrived).await;
    assert_eq!(extra, expected("CA"), "{notice}");
}
