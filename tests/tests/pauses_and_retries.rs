//! An instance whose upstream accepts nothing pauses; a message that was certainly not sent is
//! retried.

use std::time::Duration;

use serde_json::json;
use twofactor::admin::TestMessage;
use twofactor::{Actor, Answer, Recipient};
use twofactor_tests::gateway::Place;
use twofactor_tests::gateway::Say::{Broken, Later, LaterBy, Refused, Taken};

#[tokio::test]
async fn an_instance_pauses_after_so_many_failures_in_a_row_and_one_message_ends_it() {
    let place = Place::new(json!({"pause_after": 3, "pause_seconds": 20, "retries": 0}), &[Later]).await;
    for n in 1..=3 {
        assert_eq!((place.waits().await, place.twilio.asked()), (None, n));
    }
    // Nothing is sent, and the error says for how long.
    assert_eq!((place.waits().await, place.twilio.asked()), (Some(20), 3));
    place.clock.advance(Duration::from_secs(15));
    assert_eq!((place.waits().await, place.twilio.asked()), (Some(5), 3));
    // One is tried and fails: the instance pauses immediately.
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
async fn rejected_messages_cause_no_pause_and_unknown_outcomes_do() {
    let policy = json!({"pause_after": 2, "pause_seconds": 20, "retries": 0});
    let place = Place::new(policy, &[Broken, Refused, Broken, Broken]).await;
    for _ in 0..4 {
        place.start().await.unwrap_err();
    }
    assert_eq!(place.twilio.asked(), 4);
    assert_eq!((place.waits().await, place.twilio.asked()), (Some(20), 4));
    // A test message and a change of options both reach the upstream.
    let admin = place.engine.administration(Actor::new("test"));
    let to = Recipient { phone: Some("+41791234567".to_owned()), ..Recipient::default() };
    admin.send_test("s", &place.instance, TestMessage::to(to)).await.unwrap();
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
    place.engine.verify("s", Answer::new(&challenge.id, code)).await.unwrap();
}

#[tokio::test]
async fn possibly_sent_messages_and_those_with_a_wait_are_not_retried() {
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
async fn a_code_stays_valid_while_no_other_can_be_sent() {
    for policy in [json!({"messages_per_day": 1}), json!({"pause_after": 1, "pause_seconds": 60, "retries": 0})] {
        let place = Place::new(policy, &[Taken, Later]).await;
        let challenge = place.start().await.unwrap();
        // The second one begins the pause.
        let _ = place.start().await;
        let asked = place.twilio.asked();
        place.clock.advance(Duration::from_secs(30));
        assert!(place.engine.resend("s", &challenge.id).await.unwrap_err().is_retryable());
        assert_eq!(place.twilio.asked(), asked);
        place.engine.verify("s", Answer::new(&challenge.id, &place.twilio.code(0))).await.unwrap();
    }
}

#[tokio::test]
async fn a_code_stays_valid_if_the_next_one_was_certainly_not_sent() {
    for (says, stays) in [(Later, true), (Broken, false)] {
        let place = Place::new(json!({"retries": 0}), &[Taken, says]).await;
        let challenge = place.start().await.unwrap();
        let code = place.twilio.code(0);
        place.clock.advance(Duration::from_secs(30));
        let error = place.engine.resend("s", &challenge.id).await.unwrap_err();
        assert_eq!((error.is_retryable(), place.twilio.asked()), (stays, 2));
        assert_eq!(place.engine.verify("s", Answer::new(&challenge.id, &code)).await.is_ok(), stays);
        assert_eq!(place.engine.verify("s", Answer::new(&challenge.id, &place.twilio.code(1))).await.is_ok(), !stays);
    }
}

#[tokio::test]
async fn a_challenge_that_ends_before_a_retry_gets_no_message() {
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
