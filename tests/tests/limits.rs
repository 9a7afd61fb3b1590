//! Limits protect people without locking them out.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::Duration;

use twofactor::{Actor, Assignment, ManualClock, NewInstance, RateLimits, SignIn, Start, TwoFactor};
use twofactor_tests::ecall::{Ecall, start, start_for, wrong};

#[tokio::test]
async fn a_locked_user_is_told_so_at_the_start_looks_closed_otherwise_and_can_be_unlocked() {
    let ecall = Ecall::start().await;
    let limits = RateLimits { wrong_in_a_row: 3, ..RateLimits::default() };
    let engine = ecall.engine(TwoFactor::builder().rate_limits(limits)).await;
    let admin = engine.administration(Actor::new("test"));
    let challenge = engine.start(start()).await.unwrap();
    let code = ecall.code();
    for _ in 0..3 {
        let error = engine.verify("demo", &challenge.id, wrong(&code), None).await.unwrap_err();
        assert!(error.is_code_rejected(), "{error:?}");
    }
    assert!(engine.verify("demo", &challenge.id, &code, None).await.unwrap_err().is_closed());
    let error = engine.start(start()).await.unwrap_err();
    assert!(error.is_locked() && error.is_limited() && !error.is_retryable(), "{error:?}");
    assert_eq!(error.retry_after(), None);
    // Nobody else is.
    engine.start(start_for("bob", "+41791234567")).await.unwrap();

    assert!(admin.unlock_user("nowhere", "alice").await.unwrap_err().is_not_found());
    admin.unlock_user("demo", "alice").await.unwrap();
    engine.verify("demo", &challenge.id, &code, None).await.unwrap();
    let log = admin.audit_log(0, 100).await.unwrap();
    let line = log.last().unwrap();
    assert_eq!((&*line.action, &*line.subject, &*line.detail), ("user.unlock", "demo", "alice"));
}

#[tokio::test]
async fn a_prefix_whose_codes_are_verified_after_a_resend_is_not_stopped() {
    let ecall = Ecall::start().await;
    let limits = RateLimits { prefix_per_hour: 2, ..RateLimits::default() };
    let clock = ManualClock::new("2026-11-24T12:00:00Z".parse().unwrap());
    let engine = ecall.engine(TwoFactor::builder().rate_limits(limits).clock(clock.clone())).await;
    for _ in 0..3 {
        let challenge = engine.start(start()).await.unwrap();
        clock.advance(Duration::from_secs(31));
        engine.resend("demo", &challenge.id).await.unwrap();
        engine.verify("demo", &challenge.id, &ecall.code(), None).await.unwrap();
    }
    for n in 0..2 {
        engine.start(start_for(&n.to_string(), &format!("+4179123456{n}"))).await.unwrap();
    }
    assert!(engine.start(start()).await.unwrap_err().is_limited());
}

#[tokio::test]
async fn no_subscription_alone_keeps_anothers_user_waiting_and_all_together_spare_a_victim() {
    let ecall = Ecall::start().await;
    let limits = RateLimits { recipient_per_hour: 2, recipient_in_all_per_hour: 3, ..RateLimits::default() };
    let engine = ecall.engine(TwoFactor::builder().rate_limits(limits)).await;
    let admin = engine.administration(Actor::new("test"));
    admin.create_subscription("other", "Other").await.unwrap();
    let options = serde_json::json!({
        "ECallAccountName": "a", "ECallAccountPassword": "s", "ECallAccountFromNumber": "Example"
    });
    let instance = admin.create_instance("other", NewInstance::new("ecall", "SMS", options)).await.unwrap();
    admin.set_assignments("other", &instance.id, vec![Assignment::tenant("t")]).await.unwrap();
    let other = |user: &str| Start::new(SignIn::new("other").tenant("t").user(user)).phone("+41 79 123 45 67");

    for user in ["a", "b"] {
        engine.start(start_for(user, "+41791234567")).await.unwrap();
    }
    assert!(engine.start(start_for("c", "+41791234567")).await.unwrap_err().is_limited());
    engine.start(other("d")).await.unwrap();
    assert!(engine.start(other("e")).await.unwrap_err().is_limited());
    assert_eq!(ecall.codes().len(), 3);
}

#[tokio::test]
async fn an_earlier_code_that_the_policy_keeps_is_accepted_after_a_resend() {
    let ecall = Ecall::start().await;
    let clock = ManualClock::new("2026-11-24T12:00:00Z".parse().unwrap());
    let policy = twofactor::Policy { keep_earlier_codes: true, ..twofactor::Policy::default() };
    let engine = ecall.engine(TwoFactor::builder().policy(policy).clock(clock.clone())).await;
    let challenge = engine.start(start()).await.unwrap();
    let first = ecall.code();
    clock.advance(Duration::from_secs(31));
    engine.resend("demo", &challenge.id).await.unwrap();
    engine.verify("demo", &challenge.id, &first, None).await.unwrap();
    assert!(engine.verify("demo", &challenge.id, &ecall.code(), None).await.unwrap_err().is_closed());
}
