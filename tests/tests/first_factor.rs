//! Some of a user's wrong answers are reserved for sign-ins that have passed the first factor: a
//! stranger who knows only a name cannot use them up, and nobody has more answers than before.

use std::time::Duration;

use twofactor::challenge::RateLimits;
use twofactor::clock::ManualClock;
use twofactor::instance::Policy;
use twofactor::{Answer, Challenge, Error, NewChallenge, SignIn, TwoFactor};
use twofactor_tests::accounts::{PASSWORD, accept, assign_to_accounts, client, new, pending};
use twofactor_tests::compiled;
use twofactor_tests::ecall::{Ecall, wrong};

const PHONE: &str = "+41791234567";

struct World {
    ecall: Ecall,
    engine: TwoFactor,
    clock: ManualClock,
}

/// Returns where nothing but wrong answers is limited, as usual.
async fn world(limits: RateLimits) -> World {
    let (ecall, clock) = (Ecall::start().await, ManualClock::new("2026-11-24T12:00:00Z".parse().unwrap()));
    let policy = Policy { attempts: 5, ..Policy::default() };
    let builder = compiled::builder().clock(clock.clone()).rate_limits(limits).policy(policy);
    let engine = ecall.engine(builder.second_factor_for_accounts("demo")).await;
    World { ecall, engine, clock }
}

fn usual() -> RateLimits {
    let RateLimits { wrong_answers_per_day, lockout_threshold, .. } = RateLimits::default();
    RateLimits { wrong_answers_per_day, lockout_threshold, ..RateLimits::none() }
}

impl World {
    async fn start(&self, first_factor: bool) -> Result<Challenge, Error> {
        let mut start = NewChallenge::new(SignIn::new("demo").tenant("demo").user("alice")).phone(PHONE);
        start.first_factor = first_factor;
        self.engine.start(start).await
    }

    /// Returns how many wrong answers are checked before the rate limit is reached.
    async fn wrong_answers(&self, first_factor: bool) -> u32 {
        let mut looked_at = 0;
        while let Ok(challenge) = self.start(first_factor).await {
            let code = self.ecall.code();
            for _ in 0..5 {
                match self.engine.verify("demo", Answer::new(&challenge.id, wrong(&code))).await {
                    Err(error) if error.is_code_rejected() => looked_at += 1,
                    Err(error) if error.is_rate_limited() || error.is_closed() => return looked_at,
                    other => panic!("{other:?}"),
                }
            }
        }
        looked_at
    }

    async fn succeed(&self, first_factor: bool) {
        let challenge = self.start(first_factor).await.unwrap();
        self.engine.verify("demo", Answer::new(&challenge.id, &self.ecall.code())).await.unwrap();
    }
}

#[tokio::test]
async fn without_the_first_factor_a_fifth_of_the_days_wrong_answers_stays_reserved() {
    let world = world(usual()).await;
    assert_eq!(world.wrong_answers(false).await, 40);
    assert!(world.start(false).await.unwrap_err().is_rate_limited());
    // The owner, who knows the password, is not locked out, however often strangers come back; and gives them nothing by it.
    for _ in 0..3 {
        world.succeed(true).await;
        assert_eq!(world.wrong_answers(false).await, 0);
    }
    assert_eq!(world.wrong_answers(true).await, 10, "all in all no more than 50 in a day");
    assert!(world.start(true).await.unwrap_err().is_rate_limited());
    world.clock.advance(Duration::from_secs(24 * 3600));
    world.succeed(false).await;
}

#[tokio::test]
async fn percentages_in_a_row_always_sum_to_a_hundred() {
    let world = world(RateLimits { wrong_answers_per_day: u32::MAX, ..usual() }).await;
    assert_eq!(world.wrong_answers(false).await, 80);
    assert_eq!(world.wrong_answers(true).await, 20);
    assert!(world.start(true).await.unwrap_err().is_locked() && world.start(false).await.unwrap_err().is_locked());
    // Nobody is locked out for good.
    world.clock.advance(Duration::from_secs(24 * 3600));
    world.succeed(true).await;
    assert_eq!(world.wrong_answers(true).await, 100);
}

#[tokio::test]
async fn a_challenge_started_before_the_first_factor_stays_so_for_answers_and_resends() {
    let world = world(usual()).await;
    let before = world.start(false).await.unwrap();
    assert_eq!(world.wrong_answers(false).await, 40);
    assert!(world.engine.verify("demo", Answer::new(&before.id, "000000")).await.unwrap_err().is_rate_limited());
    world.clock.advance(Duration::from_secs(30));
    assert!(world.engine.resend("demo", &before.id).await.unwrap_err().is_rate_limited());
}

#[tokio::test]
async fn an_application_cannot_use_up_the_answers_of_an_administrator() {
    let world = world(usual()).await;
    let accounts = world.engine.accounts();
    let (alice, _) = accounts.create(&twofactor::Actor::new("test"), new("alice", Some(PHONE))).await.unwrap();
    accept(&accounts, &alice).await;
    assign_to_accounts(&world.engine).await;
    // An application of the same subscription, which may claim anything.
    let sign_in = SignIn::new("demo").client_application("twofactor-admin").user(&alice.id);
    for _ in 0..10 {
        let start = NewChallenge::new(sign_in.clone()).phone("+41797654321").after_first_factor();
        let challenge = world.engine.start(start).await.unwrap();
        let code = world.ecall.code();
        for _ in 0..5 {
            world.engine.verify("demo", Answer::new(&challenge.id, wrong(&code))).await.unwrap_err();
        }
    }
    let again = NewChallenge::new(sign_in).phone(PHONE).after_first_factor();
    assert!(world.engine.start(again).await.unwrap_err().is_rate_limited());
    let (secret, _) = pending(accounts.log_in(&alice.email, PASSWORD, &client(1)).await.unwrap());
    accounts.second_factor(&secret, &world.ecall.code_to(PHONE), &client(1)).await.unwrap();
}
