//! Why a person got no code is found by user, recipient and challenge: the outcome of each message,
//! and the limits that currently apply.

use std::time::Duration;

use twofactor::admin::{Administration, ChallengeState, MessageHistory, MessageQuery};
use twofactor::challenge::{HistoryLimits, MessageOutcome, RateLimits};
use twofactor::clock::ManualClock;
use twofactor::{Actor, Builder, TwoFactor};
use twofactor_tests::compiled;
use twofactor_tests::ecall::{Answer, Ecall, start, start_for, wrong};

const PHONE: &str = "+41791234567";

struct Bench {
    ecall: Ecall,
    engine: TwoFactor,
    clock: ManualClock,
}

impl Bench {
    async fn with(limits: RateLimits, more: impl FnOnce(Builder) -> Builder) -> Self {
        let (ecall, clock) = (Ecall::start().await, ManualClock::new("2026-11-24T12:10:00Z".parse().unwrap()));
        let builder = compiled::builder().rate_limits(limits).clock(clock.clone());
        let engine = ecall.engine(more(builder)).await;
        Self { ecall, engine, clock }
    }

    fn admin(&self) -> Administration {
        self.engine.administration(Actor::new("test"))
    }

    async fn of_user(&self, user: &str) -> MessageHistory {
        self.admin().messages("demo", &MessageQuery::User(user.to_owned())).await.unwrap()
    }

    async fn to(&self, recipient: &str) -> MessageHistory {
        self.admin().messages("demo", &MessageQuery::Recipient(recipient.to_owned())).await.unwrap()
    }
}

fn outcomes(history: &MessageHistory) -> Vec<(MessageOutcome, u32)> {
    history.events.iter().map(|event| (event.outcome, event.count)).collect()
}

#[tokio::test]
async fn a_message_is_found_by_its_user_by_any_spelling_of_its_recipient_and_by_its_challenge() {
    let bench = Bench::with(RateLimits::default(), |builder| builder).await;
    let challenge = bench.engine.start(start()).await.unwrap();
    let by_challenge = bench.admin().messages("demo", &MessageQuery::Challenge(challenge.id.clone())).await.unwrap();
    assert_eq!(by_challenge.challenge.as_ref().unwrap().state, ChallengeState::Open);
    for history in
        [bench.of_user("alice").await, bench.to(PHONE).await, bench.to("0041 79 123 45 67").await, by_challenge]
    {
        assert_eq!(outcomes(&history), [(MessageOutcome::Accepted, 1)]);
        let event = &history.events[0];
        assert_eq!((event.user.as_deref(), event.challenge.as_ref()), (Some("alice"), Some(&challenge.id)));
        assert_eq!((&*event.type_id, &event.instance), ("ecall", &challenge.two_factor));
        // Neither the address nor the code.
        let told = format!("{history:?}");
        assert!(!told.contains("791234567") && !told.contains(&bench.ecall.code()), "{told}");
        assert!(history.limits.is_empty());
    }
    assert!(bench.of_user("bob").await.events.is_empty() && bench.to("+41791234568").await.events.is_empty());

    let code = bench.ecall.code();
    bench.engine.verify("demo", twofactor::Answer::new(&challenge.id, &code)).await.unwrap();
    let used = bench.admin().messages("demo", &MessageQuery::Challenge(challenge.id)).await.unwrap();
    assert_eq!(used.challenge.unwrap().state, ChallengeState::Used);
}

#[tokio::test]
async fn a_request_that_led_to_no_message_is_found_and_says_why() {
    let bench = Bench::with(RateLimits::default(), |builder| builder).await;
    bench.engine.start(start_for("abroad", "+14155552671")).await.unwrap_err();
    let abroad = bench.to("+1 415 555 2671").await;
    assert_eq!(outcomes(&abroad), [(MessageOutcome::CountryNotEnabled, 1)]);
    assert_eq!((&*abroad.events[0].code, abroad.events[0].user.as_deref()), ("US", Some("abroad")));

    bench.engine.start(start_for("typo", "12")).await.unwrap_err();
    assert_eq!(outcomes(&bench.of_user("typo").await), [(MessageOutcome::RecipientMalformed, 1)]);

    let mut nowhere = start_for("lost", PHONE);
    nowhere.sign_in.tenant = Some("nowhere".to_owned());
    bench.engine.start(nowhere).await.unwrap_err();
    assert_eq!(outcomes(&bench.of_user("lost").await), [(MessageOutcome::NoInstance, 1)]);
}

#[tokio::test]
async fn a_reached_limit_is_named_with_its_end_and_unlocking_ends_only_the_lock() {
    let limits = RateLimits { lockout_threshold: 2, recipient_per_hour: 2, ..RateLimits::default() };
    let bench = Bench::with(limits, |builder| builder).await;
    let challenge = bench.engine.start(start()).await.unwrap();
    for _ in 0..2 {
        bench
            .engine
            .verify("demo", twofactor::Answer::new(&challenge.id, wrong(&bench.ecall.code())))
            .await
            .unwrap_err();
    }
    assert!(bench.engine.start(start()).await.unwrap_err().is_locked());
    let locked = bench.of_user("alice").await;
    assert_eq!(outcomes(&locked), [(MessageOutcome::UserLocked, 1), (MessageOutcome::Accepted, 1)]);
    let limits: Vec<_> = locked.limits.iter().map(|one| (&*one.limit, one.ends_by_unlocking)).collect();
    assert_eq!(limits, [("lockout", true)]);
    assert_eq!(locked.limits[0].until, "2026-11-25T12:10:00Z".parse().unwrap());

    assert!(bench.admin().unlock_user("demo", "alice").await.unwrap());
    bench.engine.start(start()).await.unwrap();
    assert!(bench.engine.start(start()).await.unwrap_err().is_rate_limited());
    for history in [bench.of_user("alice").await, bench.to(PHONE).await] {
        let newest = &history.events[0];
        assert_eq!((newest.outcome, &*newest.code), (MessageOutcome::Limited, "recipient"));
        let limits: Vec<_> = history.limits.iter().map(|one| (&*one.limit, one.ends_by_unlocking)).collect();
        assert_eq!(limits, [("recipient", false)]);
        assert_eq!(Some(history.limits[0].until), newest.until);
    }
    // It ends by itself.
    bench.clock.advance(Duration::from_secs(3600));
    assert!(bench.of_user("alice").await.limits.is_empty());
}

#[tokio::test]
async fn unlocking_a_user_who_was_never_seen_says_so() {
    let bench = Bench::with(RateLimits::default(), |builder| builder).await;
    assert!(!bench.admin().unlock_user("demo", "alcie").await.unwrap());
    bench.engine.start(start()).await.unwrap();
    assert!(bench.admin().unlock_user("demo", "alice").await.unwrap());
}

#[tokio::test]
async fn a_flood_of_refused_requests_is_one_row_an_hour() {
    let bench = Bench::with(RateLimits::default(), |builder| builder).await;
    for _ in 0..3 {
        for _ in 0..1000 {
            bench.engine.start(start_for("abroad", "+14155552671")).await.unwrap_err();
        }
        // Also over several writes.
        bench.engine.flush().await.unwrap();
    }
    assert_eq!(outcomes(&bench.of_user("abroad").await), [(MessageOutcome::CountryNotEnabled, 3000)]);
    bench.clock.advance(Duration::from_secs(3600));
    bench.engine.start(start_for("abroad", "+14155552671")).await.unwrap_err();
    assert_eq!(bench.of_user("abroad").await.events.len(), 2);
}

#[tokio::test]
async fn what_is_older_than_the_days_that_are_kept_is_gone() {
    let bench =
        Bench::with(RateLimits::default(), |builder| builder.history(HistoryLimits { days: 2, ..Default::default() }))
            .await;
    bench.engine.start(start()).await.unwrap();
    bench.clock.advance(Duration::from_secs(2 * 86_400 - 1));
    assert_eq!(bench.of_user("alice").await.events.len(), 1);
    bench.clock.advance(Duration::from_secs(2));
    assert!(bench.of_user("alice").await.events.is_empty());
}

#[tokio::test]
async fn the_health_of_an_upstream_is_known_after_failures_and_after_it_recovers() {
    let bench = Bench::with(RateLimits::default(), |builder| builder).await;
    let instance = bench.admin().instances("demo").await.unwrap().remove(0).id;
    let health = async || bench.admin().upstream_health("demo", &instance).await.unwrap();
    assert!(!health().await.is_failing() && health().await.accepted_at.is_none());
    bench.ecall.answer(Answer::Busy);
    bench.engine.start(start()).await.unwrap_err();
    let failing = health().await;
    assert!(failing.is_failing() && failing.accepted_at.is_none());
    assert_eq!(failing.outcome, Some(MessageOutcome::RetryLater));
    bench.clock.advance(Duration::from_secs(60));
    bench.ecall.answer(Answer::Taken);
    bench.engine.start(start_for("bob", "+41791234560")).await.unwrap();
    let fine = health().await;
    assert!(!fine.is_failing() && fine.accepted_at > fine.failed_at, "{fine:?}");
}
