//! Limits protect people without locking them out.

use std::net::IpAddr;
use std::time::Duration;

use tokio::task::JoinSet;
use twofactor::admin::{Administration, MessageQuery, TestMessage};
use twofactor::challenge::RateLimits;
use twofactor::clock::ManualClock;
use twofactor::sandbox::SandboxLimits;
use twofactor::{Actor, Answer, Assignment, NewChallenge, NewInstance, Recipient, SignIn, TwoFactor};
use twofactor_tests::compiled;
use twofactor_tests::ecall::{Answer as Reply, Ecall, start, start_for, wrong};

#[tokio::test]
async fn a_locked_user_is_reported_at_the_start_looks_closed_otherwise_and_can_be_unlocked() {
    let ecall = Ecall::start().await;
    let limits = RateLimits { lockout_threshold: 3, ..RateLimits::default() };
    let engine = ecall.engine(compiled::builder().rate_limits(limits)).await;
    let admin = engine.administration(Actor::new("test"));
    let challenge = engine.start(start()).await.unwrap();
    let code = ecall.code();
    for _ in 0..3 {
        let error = engine.verify("demo", Answer::new(&challenge.id, wrong(&code))).await.unwrap_err();
        assert!(error.is_code_rejected(), "{error:?}");
    }
    assert!(engine.verify("demo", Answer::new(&challenge.id, &code)).await.unwrap_err().is_closed());
    let error = engine.start(start()).await.unwrap_err();
    assert!(error.is_locked() && error.is_rate_limited() && !error.is_retryable(), "{error:?}");
    assert_eq!(error.retry_after(), None);
    // No other one is.
    engine.start(start_for("bob", "+41791234567")).await.unwrap();

    assert!(admin.unlock_user("nowhere", "alice").await.unwrap_err().is_not_found());
    admin.unlock_user("demo", "alice").await.unwrap();
    engine.verify("demo", Answer::new(&challenge.id, &code)).await.unwrap();
    let log = admin.audit_log(0, 100).await.unwrap();
    let line = log.last().unwrap();
    assert_eq!((&*line.action, &*line.subject, &*line.detail), ("user.unlock", "demo", "alice"));
}

#[tokio::test]
async fn a_prefix_whose_codes_are_verified_after_a_resend_is_not_stopped() {
    let ecall = Ecall::start().await;
    let limits = RateLimits { prefix_per_hour: 2, ..RateLimits::default() };
    let clock = ManualClock::new("2026-11-24T12:00:00Z".parse().unwrap());
    let engine = ecall.engine(compiled::builder().rate_limits(limits).clock(clock.clone())).await;
    for _ in 0..3 {
        let challenge = engine.start(start()).await.unwrap();
        clock.advance(Duration::from_secs(31));
        engine.resend("demo", &challenge.id).await.unwrap();
        engine.verify("demo", Answer::new(&challenge.id, &ecall.code())).await.unwrap();
    }
    for n in 0..2 {
        engine.start(start_for(&n.to_string(), &format!("+4179123456{n}"))).await.unwrap();
    }
    assert!(engine.start(start()).await.unwrap_err().is_rate_limited());
}

#[tokio::test]
async fn no_subscription_can_use_up_anothers_limits_and_a_total_protects_the_recipient() {
    let ecall = Ecall::start().await;
    let limits = RateLimits { recipient_per_hour: 2, recipient_total_per_hour: 3, ..RateLimits::default() };
    let engine = ecall.engine(compiled::builder().rate_limits(limits)).await;
    let admin = add_other(&engine).await;
    let other = |user: &str| NewChallenge::new(SignIn::new("other").tenant("t").user(user)).phone("+41 79 123 45 67");

    for user in ["a", "b"] {
        engine.start(start_for(user, "+41791234567")).await.unwrap();
    }
    assert!(engine.start(start_for("c", "+41791234567")).await.unwrap_err().is_rate_limited());
    engine.start(other("d")).await.unwrap();
    assert!(engine.start(other("e")).await.unwrap_err().is_rate_limited());
    assert_eq!(ecall.codes().len(), 3);
    // What others sent to a person shows only to those who administer or audit the whole installation.
    let query = MessageQuery::Recipient("+41791234567".to_owned());
    for (admin, is_shown) in
        [(admin.clone(), true), (admin.clone().of_auditor(), true), (admin.of_subscriptions(), false)]
    {
        let limits = admin.messages("other", &query).await.unwrap().limits;
        assert_eq!(limits.iter().any(|one| one.limit == "recipient-total"), is_shown, "{limits:?}");
    }
}

/// Adds a subscription with an instance.
async fn add_other(engine: &TwoFactor) -> Administration {
    let admin = engine.administration(Actor::new("test"));
    admin.create_subscription("other", "Other").await.unwrap();
    let options = serde_json::json!({
        "ECallAccountName": "a", "ECallAccountPassword": "s", "ECallAccountFromNumber": "Example"
    });
    let instance = admin.create_instance("other", NewInstance::new("ecall", "SMS", options)).await.unwrap();
    let tenants = ["t", "t0", "t1", "t2", "t3", "t4", "t5"].map(Assignment::tenant).to_vec();
    admin.set_assignments("other", &instance.id, tenants).await.unwrap();
    admin
}

/// Returns the same in the other subscription.
fn in_other(mut start: NewChallenge) -> NewChallenge {
    start.sign_in.subscription = "other".to_owned();
    start
}

#[tokio::test]
async fn no_subscription_can_use_up_what_another_may_do_from_a_client_address() {
    let ecall = Ecall::start().await;
    let clock = ManualClock::new("2026-11-24T12:00:00Z".parse().unwrap());
    let address = apart(1).client_address;
    let from = |n: u32| NewChallenge { client_address: address, ..apart(n) };

    // Guesses at challenges that do not exist.
    let few =
        RateLimits { answers_per_address_per_hour: 2, answers_per_address_total_per_hour: 2, ..RateLimits::none() };
    let answers = engine(&ecall, few, &clock).await;
    add_other(&answers).await;
    let challenge = answers.start(from(0)).await.unwrap();
    let code = ecall.code();
    let guess = Answer::new("unknown", "000000").client_address(address);
    for _ in 0..2 {
        assert!(answers.verify("other", guess).await.unwrap_err().is_closed());
    }
    assert!(answers.verify("other", guess).await.unwrap_err().is_rate_limited());
    let answer = |code| Answer::new(&challenge.id, code).client_address(address);
    assert!(answers.verify("demo", answer(wrong(&code))).await.unwrap_err().is_code_rejected());
    answers.verify("demo", answer(&code)).await.unwrap();
    // Compared answers count in all subscriptions together.
    clock.advance(Duration::from_secs(3600));
    for start in [from(2), in_other(from(2))] {
        let subscription = start.sign_in.subscription.clone();
        let challenge = answers.start(start).await.unwrap();
        let answer = Answer::new(&challenge.id, wrong(&ecall.code())).client_address(address);
        assert!(answers.verify(&subscription, answer).await.unwrap_err().is_code_rejected());
    }
    let last = answers.start(from(3)).await.unwrap();
    let answer = Answer::new(&last.id, "000000").client_address(address);
    assert!(answers.verify("demo", answer).await.unwrap_err().is_rate_limited());

    // Messages.
    let few = RateLimits { address_per_hour: 2, address_total_per_hour: 3, ..RateLimits::none() };
    let messages = engine(&ecall, few, &clock).await;
    add_other(&messages).await;
    for n in 0..2 {
        messages.start(in_other(from(n))).await.unwrap();
    }
    assert!(messages.start(in_other(from(2))).await.unwrap_err().is_rate_limited());
    messages.start(from(0)).await.unwrap();
    assert!(messages.start(from(1)).await.unwrap_err().is_rate_limited(), "the total protects the installation");
}

#[tokio::test]
async fn one_subscription_of_several_uses_up_only_its_part_of_the_total() {
    let ecall = Ecall::start().await;
    let clock = ManualClock::new("2026-11-24T12:00:00Z".parse().unwrap());
    let limits = RateLimits { total_per_hour: 6, subscription_share_percent: 20, ..RateLimits::none() };
    // A single one may use everything.
    let alone = engine(&ecall, limits.clone(), &clock).await;
    for n in 0..6 {
        alone.start(apart(n)).await.unwrap();
    }
    assert!(alone.start(apart(6)).await.unwrap_err().is_rate_limited());
    // One of two, the half: an equal part is more than a fifth.
    let shared = engine(&ecall, limits, &clock).await;
    add_other(&shared).await;
    for n in 0..3 {
        shared.start(in_other(apart(n))).await.unwrap();
    }
    assert!(shared.start(in_other(apart(3))).await.unwrap_err().is_rate_limited());
    for n in 0..3 {
        shared.start(apart(n)).await.unwrap();
    }
    assert!(shared.start(apart(3)).await.unwrap_err().is_rate_limited());
}

#[tokio::test]
async fn an_earlier_code_that_the_policy_keeps_is_accepted_after_a_resend() {
    let ecall = Ecall::start().await;
    let clock = ManualClock::new("2026-11-24T12:00:00Z".parse().unwrap());
    let policy = twofactor::instance::Policy { keep_earlier_codes: true, ..twofactor::instance::Policy::default() };
    let engine = ecall.engine(compiled::builder().policy(policy).clock(clock.clone())).await;
    let challenge = engine.start(start()).await.unwrap();
    let first = ecall.code();
    clock.advance(Duration::from_secs(31));
    engine.resend("demo", &challenge.id).await.unwrap();
    engine.verify("demo", Answer::new(&challenge.id, &first)).await.unwrap();
    assert!(engine.verify("demo", Answer::new(&challenge.id, &ecall.code())).await.unwrap_err().is_closed());
}

/// Returns a sign-in that shares nothing with another of these but the subscription.
fn apart(n: u32) -> NewChallenge {
    let sign_in = SignIn::new("demo").tenant(format!("t{n}")).user(format!("u{n}"));
    let mut start = NewChallenge::new(sign_in).phone(format!("+4179{n}123456"));
    start.client_address = Some(IpAddr::from([192, 0, 2, u8::try_from(n).unwrap()]));
    start
}

async fn engine(ecall: &Ecall, limits: RateLimits, clock: &ManualClock) -> TwoFactor {
    let engine = ecall.engine(compiled::builder().rate_limits(limits).clock(clock.clone())).await;
    let admin = engine.administration(Actor::new("test"));
    let instance = admin.instances("demo").await.unwrap().remove(0);
    let tenants = (0..10).map(|n| Assignment::tenant(format!("t{n}"))).collect();
    admin.set_assignments("demo", &instance.id, tenants).await.unwrap();
    engine
}

#[tokio::test]
async fn each_limit_on_messages_trips_alone_and_lets_go_by_itself() {
    let ecall = Ecall::start().await;
    let hour = Duration::from_secs(3600);
    type Lower = fn(&mut RateLimits);
    type Share = fn(&mut NewChallenge);
    let cases: [(&str, Lower, Share, Duration); 8] = [
        ("recipient", |l| l.recipient_per_hour = 2, |s| s.recipient.phone = apart(9).recipient.phone, hour),
        (
            "recipient in all",
            |l| l.recipient_total_per_hour = 2,
            |s| s.recipient.phone = apart(9).recipient.phone,
            hour,
        ),
        ("user", |l| l.user_per_hour = 2, |s| s.sign_in.user = apart(9).sign_in.user, hour),
        ("address", |l| l.address_per_hour = 2, |s| s.client_address = apart(9).client_address, hour),
        ("tenant", |l| l.tenant_per_hour = 2, |s| s.sign_in.tenant = apart(9).sign_in.tenant, hour),
        (
            "prefix",
            |l| l.prefix_per_hour = 2,
            |s| {
                let last = s.sign_in.user.as_ref().unwrap().replace('u', "");
                s.recipient.phone = Some(format!("+4176123456{last}"));
            },
            hour,
        ),
        ("phones", |l| l.phone_per_day = 2, |_| {}, hour * 24),
        ("total", |l| l.total_per_hour = 2, |_| {}, hour),
    ];
    for (name, set, share, window) in cases {
        let clock = ManualClock::new("2026-11-24T12:00:00Z".parse().unwrap());
        let mut limits = RateLimits::none();
        set(&mut limits);
        let engine = engine(&ecall, limits, &clock).await;
        let alike = |n: u32| {
            let mut start = apart(n);
            share(&mut start);
            start
        };
        for n in 0..2 {
            engine.start(alike(n)).await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        }
        let error = engine.start(alike(2)).await.unwrap_err();
        assert!(error.is_rate_limited() && !error.is_locked(), "{name}: {error:?}");
        assert_eq!(error.retry_after(), Some(window), "{name}");
        // Another person of the same subscription is not affected, unless the limit counts
        // subscriptions.
        assert_eq!(engine.start(apart(3)).await.is_ok(), !["phones", "total"].contains(&name), "{name}");
        clock.advance(window);
        engine.start(alike(2)).await.unwrap_or_else(|error| panic!("{name}, later: {error:?}"));
    }
}

#[tokio::test]
async fn all_spellings_of_one_number_and_all_addresses_of_one_client_share_a_limit() {
    let ecall = Ecall::start().await;
    let clock = ManualClock::new("2026-11-24T12:00:00Z".parse().unwrap());
    let numbers = engine(&ecall, RateLimits { recipient_per_hour: 1, ..RateLimits::none() }, &clock).await;
    let to = |n: u32, number: &str| apart(n).phone(number);
    numbers.start(to(0, "+41 79 123 45 67")).await.unwrap();
    for number in ["+41791234567", "0041791234567", "+41 (0)79 123 45 67", " +41-79-123.45.67 "] {
        assert!(numbers.start(to(1, number)).await.unwrap_err().is_rate_limited(), "{number}");
    }

    let clients = engine(&ecall, RateLimits { address_per_hour: 1, ..RateLimits::none() }, &clock).await;
    let from = |n: u32, address: &str| NewChallenge { client_address: Some(address.parse().unwrap()), ..apart(n) };
    for (n, (first, again, other)) in
        [("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"), ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:2::1")]
            .into_iter()
            .enumerate()
    {
        let n = 3 * u32::try_from(n).unwrap();
        clients.start(from(n, first)).await.unwrap();
        assert!(clients.start(from(n + 1, again)).await.unwrap_err().is_rate_limited(), "{again}");
        clients.start(from(n + 2, other)).await.unwrap();
    }
}

#[tokio::test]
async fn answers_are_limited_by_client_address_and_by_day_whatever_successes_lie_between() {
    let ecall = Ecall::start().await;
    let clock = ManualClock::new("2026-11-24T12:00:00Z".parse().unwrap());
    let by_address = engine(&ecall, RateLimits { answers_per_address_per_hour: 2, ..RateLimits::none() }, &clock).await;
    let address = apart(1).client_address;
    let challenge = by_address.start(apart(0)).await.unwrap();
    let code = ecall.code();
    for id in [&*challenge.id, "unknown"] {
        assert!(
            !by_address
                .verify("demo", Answer::new(id, wrong(&code)).client_address(address))
                .await
                .unwrap_err()
                .is_rate_limited()
        );
    }
    assert!(
        by_address
            .verify("demo", Answer::new(&challenge.id, &code).client_address(address))
            .await
            .unwrap_err()
            .is_rate_limited()
    );
    by_address.verify("demo", Answer::new(&challenge.id, &code).client_address(apart(2).client_address)).await.unwrap();

    let by_day = engine(&ecall, RateLimits { wrong_answers_per_day: 3, ..RateLimits::none() }, &clock).await;
    for _ in 0..3 {
        let challenge = by_day.start(apart(0)).await.unwrap();
        let code = ecall.code();
        by_day.verify("demo", Answer::new(&challenge.id, wrong(&code))).await.unwrap_err();
        // The third wrong answer is the day's last: the right one after it is no longer checked.
        if by_day.verify("demo", Answer::new(&challenge.id, &code)).await.is_err() {
            break;
        }
    }
    let error = by_day.start(apart(0)).await.unwrap_err();
    assert!(error.is_rate_limited() && !error.is_locked(), "{error:?}");
    clock.advance(Duration::from_secs(24 * 3600));
    let challenge = by_day.start(apart(0)).await.unwrap();
    by_day.verify("demo", Answer::new(&challenge.id, &ecall.code())).await.unwrap();
}

#[tokio::test]
async fn deliveries_of_one_subscription_that_hang_leave_turns_for_another() {
    let ecall = Ecall::start().await;
    let mut limits = SandboxLimits::default();
    (limits.calls_of_one_provider, limits.queue_time) = (4, Duration::from_millis(300));
    let engine = ecall.engine(compiled::builder().limits(limits).rate_limits(RateLimits::none())).await;
    add_other(&engine).await;
    // Longer than any machine takes: a failing test does not hang.
    let patience = Duration::from_secs(60);
    ecall.answer(Reply::Later);
    let mut hanging = JoinSet::new();
    for n in 0..4 {
        let engine = engine.clone();
        hanging.spawn(async move { engine.start(in_other(apart(n))).await });
    }
    // One of two subscriptions has the half of the turns.
    for _ in 0..2 {
        let refused = tokio::time::timeout(patience, hanging.join_next()).await.unwrap().unwrap().unwrap();
        refused.unwrap_err();
    }
    assert_eq!(ecall.codes().len(), 2);
    let own = tokio::spawn(async move { engine.start(start()).await });
    tokio::time::timeout(patience, ecall.received(3)).await.unwrap();
    ecall.answer(Reply::Taken);
    own.await.unwrap().unwrap();
    while let Some(delivered) = hanging.join_next().await {
        delivered.unwrap().unwrap();
    }
}

#[tokio::test]
async fn test_messages_of_one_subscription_that_hang_leave_turns_for_another() {
    let ecall = Ecall::start().await;
    let mut limits = SandboxLimits::default();
    (limits.calls_of_one_provider, limits.queue_time) = (4, Duration::from_millis(300));
    let engine = ecall.engine(compiled::builder().limits(limits).rate_limits(RateLimits::none())).await;
    let admin = add_other(&engine).await.of_subscriptions();
    let instance = admin.instances("other").await.unwrap().remove(0).id;
    // Longer than any machine takes: a failing test does not hang.
    let patience = Duration::from_secs(60);
    ecall.answer(Reply::Later);
    let mut hanging = JoinSet::new();
    for _ in 0..4 {
        let (admin, instance) = (admin.clone(), instance.clone());
        let to = Recipient { phone: Some("+41791234567".to_owned()), ..Recipient::default() };
        hanging.spawn(async move { admin.send_test("other", &instance, TestMessage::to(to)).await });
    }
    // One of two subscriptions has the half of the turns.
    for _ in 0..2 {
        let tested = tokio::time::timeout(patience, hanging.join_next()).await.unwrap().unwrap().unwrap();
        let refused = tested.unwrap();
        assert_eq!((&*refused.outcome, &*refused.code), ("retry-later", "busy"));
    }
    assert_eq!(ecall.codes().len(), 2);
    let own = tokio::spawn(async move { engine.start(start()).await });
    tokio::time::timeout(patience, ecall.received(3)).await.unwrap();
    ecall.answer(Reply::Taken);
    own.await.unwrap().unwrap();
    while let Some(tested) = hanging.join_next().await {
        assert_eq!(tested.unwrap().unwrap().outcome, "delivered");
    }
}
