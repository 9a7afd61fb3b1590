//! What belongs to a change happens even if the client disconnects, at whatever step of the call.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::json;
use twofactor::admin::InstanceChange;
use twofactor::challenge::RateLimits;
use twofactor::factor::{NewAddress, UserEventKind};
use twofactor::{Actor, Answer, NewChallenge, Proof, Recipient, SignIn, TwoFactor};
use twofactor_tests::accounts::{OTHER, active, audited, client};
use twofactor_tests::compiled;
use twofactor_tests::ecall::{Ecall, Place, start};
use twofactor_tests::held_factors::{SUBSCRIPTION, engine, enrol_app, instance, sign_in, use_factor};
use twofactor_tests::interleaved::given_up;

/// How long a call may go on by itself.
const PATIENCE: Duration = Duration::from_secs(60);

const MOMENT: Duration = Duration::from_millis(10);

/// Waits until something is so.
async fn becomes(what: &str, is_so: impl AsyncFn() -> bool) {
    let so = async {
        while !is_so().await {
            tokio::time::sleep(MOMENT).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, so).await.is_ok(), "{what}");
}

/// Returns how many events of a kind a user finds.
async fn events(engine: &TwoFactor, (subscription, user): (&str, &str), kind: UserEventKind) -> usize {
    let events = engine.user_events(subscription, user).await.unwrap();
    events.iter().filter(|event| event.kind == kind).count()
}

/// Waits until a user finds an event, and the audit log says what became of the notice.
async fn is_told(engine: &TwoFactor, whom: (&str, &str), kind: UserEventKind) {
    let (admin, subject) = (engine.administration(Actor::new("test")), format!("{}/{}", whom.0, whom.1));
    let is_noticed = async || {
        let log = admin.audit_log(0, 10_000).await.unwrap();
        let mut notices = log.iter().filter(|line| line.action == "user.notice" && line.subject == subject);
        notices.any(|line| line.detail.starts_with(kind.name()))
    };
    let what = format!("{subject}: {}", kind.name());
    becomes(&what, async || events(engine, whom, kind).await > 0 && is_noticed().await).await;
}

#[tokio::test]
async fn a_user_is_notified_of_an_administrators_change_even_if_the_administrator_has_left() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(Place::new(folder.path()).builder().rate_limits(RateLimits::none())).await;
    let admin = engine.administration(Actor::new("test"));
    for kind in [UserEventKind::Suspended, UserEventKind::Removed, UserEventKind::Reset, UserEventKind::PassIssued] {
        for waits in 1.. {
            let user = format!("{}-{waits}", kind.name());
            let (_, factor) = enrol_app(&engine, &user, jiff::Timestamp::now()).await;
            let change = async {
                match kind {
                    UserEventKind::Suspended => admin.suspend_factor(SUBSCRIPTION, &user, &factor.id, "test").await,
                    UserEventKind::Removed => {
                        admin.remove_user_factor(SUBSCRIPTION, &user, &factor.id, "test").await.map(drop)
                    }
                    UserEventKind::Reset => admin.reset_factors(SUBSCRIPTION, &user, "test").await.map(drop),
                    _ => admin.issue_pass(SUBSCRIPTION, &user, None, "test").await.map(drop),
                }
            };
            let done = given_up(waits, change).await;
            is_told(&engine, (SUBSCRIPTION, &user), kind).await;
            if let Some(done) = done {
                done.unwrap();
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_user_is_notified_of_a_removal_even_if_the_caller_has_gone() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(Place::new(folder.path()).builder().rate_limits(RateLimits::none())).await;
    for waits in 1.. {
        let (user, now) = (format!("user-{waits}"), jiff::Timestamp::now());
        let (app, factor) = enrol_app(&engine, &user, now).await;
        let code = app.code(now + Duration::from_secs(30));
        let (challenge, verified) = use_factor(&engine, &user, "totp", &code).await;
        verified.unwrap();
        let proof = Proof::Challenge(challenge);
        let done = given_up(waits, engine.remove_factor(SUBSCRIPTION, &user, &factor.id, &proof)).await;
        is_told(&engine, (SUBSCRIPTION, &user), UserEventKind::Removed).await;
        if let Some(done) = done {
            done.unwrap();
            break;
        }
    }
}

#[tokio::test]
async fn a_verified_and_a_removed_address_are_both_notified_even_if_the_caller_has_gone() {
    let ecall = Ecall::start().await;
    let engine = ecall.engine(compiled::builder().rate_limits(RateLimits::none())).await;
    for waits in 1.. {
        let (user, phone) = (format!("user-{waits}"), format!("+4179123{:04}", 4000 + waits));
        let sign_in = SignIn::new("demo").tenant("demo").user(&user);
        let recipient = Recipient { phone: Some(phone.clone()), ..Recipient::default() };
        let new = NewAddress::new(sign_in.clone(), recipient, Proof::FirstFactor);
        let (challenge, code) = (engine.add_address(new).await.unwrap(), ecall.code_to(&phone));
        let confirmed = given_up(waits, engine.confirm_address("demo", Answer::new(&challenge.id, &code))).await;
        is_told(&engine, ("demo", &user), UserEventKind::Added).await;

        let address = engine.addresses("demo", &user).await.unwrap().remove(0);
        let challenge = engine.start(NewChallenge::new(sign_in)).await.unwrap();
        engine.verify("demo", Answer::new(&challenge.id, &ecall.code_to(&phone))).await.unwrap();
        let proof = Proof::Challenge(challenge.id);
        let removed = given_up(waits, engine.remove_address("demo", &user, &address.id, &proof)).await;
        is_told(&engine, ("demo", &user), UserEventKind::Removed).await;
        if let (Some(confirmed), Some(removed)) = (confirmed, removed) {
            confirmed.unwrap();
            removed.unwrap();
            break;
        }
    }
}

#[tokio::test]
async fn a_wrong_password_is_in_the_audit_log_even_if_the_caller_has_gone() {
    let engine = TwoFactor::builder().rate_limits(RateLimits::none()).build().await.unwrap();
    let accounts = engine.accounts();
    let (account, _) = active(&accounts, "alice").await;
    let refusals = async || {
        let lines = audited(&engine, &account.id).await;
        lines.iter().filter(|line| **line == "nobody from 192.0.2.2: account.login-refused").count()
    };
    for waits in 1.. {
        let stranger = client(2);
        let done = given_up(waits, accounts.log_in(&account.email, OTHER, &stranger)).await;
        becomes("recorded", async || refusals().await == waits).await;
        if let Some(done) = done {
            assert!(done.unwrap_err().is_invalid_credentials());
            break;
        }
    }
}

#[tokio::test]
async fn a_guess_at_no_challenge_counts_in_its_subscription_alone_although_nobody_waits_for_the_answer() {
    let ecall = Ecall::start().await;
    let limits = RateLimits { answers_per_address_total_per_hour: 1, ..RateLimits::none() };
    let engine = ecall.engine(compiled::builder().rate_limits(limits)).await;
    let address = IpAddr::from([192, 0, 2, 1]);
    let challenge = engine.start(start()).await.unwrap();
    let code = ecall.code();
    for waits in 1.. {
        let guess = Answer::new("unknown", "000000").client_address(address);
        if given_up(waits, engine.verify("other", guess)).await.is_some() {
            break;
        }
    }
    let answer = Answer::new(&challenge.id, &code).client_address(address);
    becomes("verified", async || match engine.verify("demo", answer).await {
        Ok(_) => true,
        Err(error) => {
            assert!(error.is_rate_limited(), "{error:?}");
            false
        }
    })
    .await;
}

#[tokio::test]
async fn a_repeat_finds_the_challenge_of_a_factor_even_if_the_first_caller_has_gone() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(Place::new(folder.path()).builder().rate_limits(RateLimits::none())).await;
    enrol_app(&engine, "alice", jiff::Timestamp::now()).await;
    let totp = instance(&engine, "totp").await;
    for waits in 1.. {
        let mut start = NewChallenge::new(sign_in("alice")).two_factor(&totp);
        start.idempotency_key = Some(format!("key {waits}"));
        let first = given_up(waits, engine.start(start.clone())).await;
        let repeated = async {
            loop {
                match engine.start(start.clone()).await {
                    Ok(challenge) => break challenge,
                    Err(error) => assert!(error.is_conflict(), "{error:?}"),
                }
                tokio::time::sleep(MOMENT).await;
            }
        };
        let repeated = tokio::time::timeout(PATIENCE, repeated).await.unwrap();
        if let Some(first) = first {
            assert_eq!(first.unwrap().id, repeated.id);
            break;
        }
    }
}

#[tokio::test]
async fn a_browser_that_is_remembered_or_forgotten_is_among_the_events_even_if_the_caller_has_gone() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(Place::new(folder.path()).builder().rate_limits(RateLimits::none())).await;
    let (totp, browsers) = (instance(&engine, "totp").await, engine.remembered_browsers());
    let policy = Some(Some(json!({"remembered_days": 30})));
    let change = InstanceChange { policy, ..InstanceChange::default() };
    engine.administration(Actor::new("test")).update_instance(SUBSCRIPTION, &totp, change, None).await.unwrap();
    let mut users = Vec::new();
    for waits in 1.. {
        let user = format!("user-{waits}");
        let done = given_up(waits, browsers.remember(&sign_in(&user), &totp, None)).await;
        users.push(user);
        if let Some(done) = done {
            done.unwrap().unwrap();
            break;
        }
    }
    for user in &users {
        becomes(user, async || {
            let remembered = browsers.list(SUBSCRIPTION, user).await.unwrap().len();
            events(&engine, (SUBSCRIPTION, user), UserEventKind::BrowserRemembered).await == remembered
        })
        .await;
    }
    for waits in 1.. {
        let user = format!("other-{waits}");
        browsers.remember(&sign_in(&user), &totp, None).await.unwrap().unwrap();
        let done = given_up(waits, browsers.forget_all(SUBSCRIPTION, &user)).await;
        let whom = (SUBSCRIPTION, &*user);
        becomes(&user, async || events(&engine, whom, UserEventKind::BrowserForgotten).await == 1).await;
        if let Some(done) = done {
            assert_eq!(done.unwrap(), 1);
            break;
        }
    }
}

#[tokio::test]
async fn the_audit_log_says_which_change_was_refused_even_if_the_caller_has_gone() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new(folder.path());
    let engine = engine(place.builder().rate_limits(RateLimits::none())).await;
    let admin = engine.administration(Actor::new("test"));
    // Somebody else is always first.
    let sql = "CREATE TRIGGER overtaken AFTER INSERT ON audit WHEN new.action = 'subscription.change' \
               BEGIN UPDATE subscriptions SET revision = revision + 1; END";
    rusqlite::Connection::open(place.database()).unwrap().execute_batch(sql).unwrap();
    for waits in 1.. {
        let done = given_up(waits, admin.rename_subscription(SUBSCRIPTION, "Other", None)).await;
        becomes("refused", async || {
            let log = admin.audit_log(0, 10_000).await.unwrap();
            let changes: Vec<_> = log.iter().filter(|line| line.action == "subscription.change").collect();
            changes.len() == 2 * changes.iter().filter(|line| line.detail.starts_with("not applied")).count()
        })
        .await;
        if let Some(done) = done {
            assert!(done.unwrap_err().is_revision_conflict());
            break;
        }
    }
}
