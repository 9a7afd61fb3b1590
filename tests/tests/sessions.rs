//! A session of an account is new at each login and over in time, or at once.

use std::time::Duration;

use twofactor::accounts::{AccountChange, AccountState};
use twofactor::clock::ManualClock;
use twofactor::token::Role;
use twofactor::{Actor, TwoFactor};
use twofactor_tests::accounts::{OTHER, PASSWORD, active, client, is_open, log_in, session};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

async fn engine() -> (TwoFactor, ManualClock) {
    let clock = ManualClock::new("2026-11-24T12:00:00Z".parse().unwrap());
    (TwoFactor::builder().clock(clock.clone()).build().await.unwrap(), clock)
}

#[tokio::test]
async fn each_login_has_a_new_secret_and_a_made_up_one_opens_nothing() {
    let (engine, _) = engine().await;
    let accounts = engine.accounts();
    let (account, first) = active(&accounts, "alice").await;
    let second = log_in(&accounts, &account).await;
    assert_ne!(first.secret, second.secret);
    assert_ne!(first.session.id, second.session.id);
    let secret = second.secret.expose();
    let mut altered = secret.to_owned();
    altered.replace_range(10..11, if &secret[10..11] == "x" { "y" } else { "x" });
    let id = format!("tfs_{}", second.session.id);
    for wrong in ["", "tfs_", &altered, &secret[4..], &format!("{secret} "), &secret.to_lowercase(), &id] {
        assert!(accounts.session(wrong).await.unwrap().is_none(), "{wrong}");
    }
    let found = accounts.session(secret).await.unwrap().unwrap();
    assert_eq!((&found.account.id, &found.account.role), (&account.id, &Role::SystemAdmin));
    assert!(!found.second_factor);
}

#[tokio::test]
async fn a_session_that_is_not_used_for_half_an_hour_has_expired_for_good() {
    let (engine, clock) = engine().await;
    let accounts = engine.accounts();
    let (_, opened) = active(&accounts, "alice").await;
    let started = twofactor::clock::Clock::now(&clock);
    for _ in 0..10 {
        clock.advance(30 * MINUTE - Duration::from_millis(1));
        assert!(is_open(&accounts, &opened).await);
    }
    clock.advance(30 * MINUTE);
    assert!(accounts.sessions(&opened.session).await.unwrap().is_empty());
    assert!(!is_open(&accounts, &opened).await);
    clock.set(started);
    assert!(!is_open(&accounts, &opened).await);
}

#[tokio::test]
async fn the_last_use_is_noted_at_most_once_a_minute() {
    let (engine, clock) = engine().await;
    let accounts = engine.accounts();
    let (_, opened) = active(&accounts, "alice").await;
    let last_use = async || accounts.sessions(&opened.session).await.unwrap()[0].last_used_at;
    let begun = last_use().await;
    clock.advance(MINUTE - Duration::from_millis(1));
    assert!(is_open(&accounts, &opened).await);
    assert_eq!(last_use().await, begun);
    clock.advance(Duration::from_millis(1));
    assert!(is_open(&accounts, &opened).await);
    assert_eq!(last_use().await, begun + MINUTE);
}

#[tokio::test]
async fn a_session_ends_after_twelve_hours_however_much_it_is_used_or_renewed() {
    let (engine, clock) = engine().await;
    let accounts = engine.accounts();
    let (account, mut opened) = active(&accounts, "alice").await;
    for n in 0..48 {
        assert!(is_open(&accounts, &opened).await, "{n}");
        if n == 20 {
            opened = accounts.reauthenticate(&opened.session, PASSWORD, &client(1)).await.unwrap();
        }
        if n == 40 {
            opened = accounts.change_password(&opened.session, PASSWORD, OTHER, &client(1)).await.unwrap();
        }
        clock.advance(15 * MINUTE);
    }
    assert!(!is_open(&accounts, &opened).await);
    // A new login gives twelve more hours.
    let next = session(accounts.log_in(&account.email, OTHER, &client(1)).await.unwrap());
    assert_eq!(next.session.ends_at, twofactor::clock::Clock::now(&clock) + 12 * HOUR);
}

#[tokio::test]
async fn both_times_are_settings() {
    let clock = ManualClock::new("2026-11-24T12:00:00Z".parse().unwrap());
    let builder = TwoFactor::builder().clock(clock.clone()).session_times(2 * MINUTE, 3 * MINUTE);
    let accounts = builder.build().await.unwrap().accounts();
    let (account, opened) = active(&accounts, "alice").await;
    clock.advance(2 * MINUTE);
    assert!(!is_open(&accounts, &opened).await);
    let opened = log_in(&accounts, &account).await;
    clock.advance(MINUTE + MINUTE / 2);
    assert!(is_open(&accounts, &opened).await);
    clock.advance(MINUTE + MINUTE / 2);
    assert!(!is_open(&accounts, &opened).await);
}

#[tokio::test]
async fn logging_out_ends_the_session_alone() {
    let (engine, _) = engine().await;
    let accounts = engine.accounts();
    let (account, first) = active(&accounts, "alice").await;
    let second = log_in(&accounts, &account).await;
    accounts.log_out(&first.session, &client(1)).await.unwrap();
    assert!(!is_open(&accounts, &first).await && is_open(&accounts, &second).await);
    // An ended session can do nothing.
    assert!(accounts.reauthenticate(&first.session, PASSWORD, &client(1)).await.unwrap_err().is_closed());
    assert!(accounts.change_password(&first.session, PASSWORD, OTHER, &client(1)).await.unwrap_err().is_closed());
    log_in(&accounts, &account).await;
}

#[tokio::test]
async fn a_person_sees_and_ends_its_own_sessions_and_nobody_elses() {
    let (engine, clock) = engine().await;
    let accounts = engine.accounts();
    let (alice, first) = active(&accounts, "alice").await;
    clock.advance(MINUTE);
    let second = log_in(&accounts, &alice).await;
    let third = log_in(&accounts, &alice).await;
    let (_, bobs) = active(&accounts, "bob").await;
    let seen = accounts.sessions(&second.session).await.unwrap();
    assert_eq!(seen.len(), 3);
    assert_eq!(seen.last().unwrap().id, first.session.id);
    let current: Vec<_> = seen.iter().filter(|one| one.current).map(|one| &*one.id).collect();
    assert_eq!(current, [&*second.session.id]);
    assert_eq!(seen[0].from.as_deref(), Some("192.0.2.1"));

    let end = async |id: &str| accounts.end_session(&second.session, id, &client(1)).await;
    assert!(end(&bobs.session.id).await.unwrap_err().is_not_found());
    end(&first.session.id).await.unwrap();
    assert!(end(&first.session.id).await.unwrap_err().is_not_found());
    assert!(!is_open(&accounts, &first).await && is_open(&accounts, &third).await);
    assert_eq!(accounts.end_other_sessions(&second.session, &client(1)).await.unwrap(), 1);
    assert!(!is_open(&accounts, &third).await);
    assert!(is_open(&accounts, &second).await && is_open(&accounts, &bobs).await);
}

#[tokio::test]
async fn another_password_ends_all_sessions_and_the_one_it_was_set_in_goes_on_under_a_new_secret() {
    let (engine, _) = engine().await;
    let accounts = engine.accounts();
    let (account, first) = active(&accounts, "alice").await;
    let second = log_in(&accounts, &account).await;
    let link = accounts.invite(&Actor::new("test"), &account.id).await.unwrap();
    let change =
        async |current: &str, new: &str| accounts.change_password(&first.session, current, new, &client(1)).await;
    assert!(change(OTHER, OTHER).await.unwrap_err().is_invalid_credentials());
    assert!(change(PASSWORD, "short").await.unwrap_err().is_invalid_input());
    assert!(change(PASSWORD, "alice@example.com").await.unwrap_err().is_invalid_input());
    assert!(is_open(&accounts, &first).await && is_open(&accounts, &second).await);

    let after = change(PASSWORD, OTHER).await.unwrap();
    assert!(is_open(&accounts, &after).await);
    assert!(!is_open(&accounts, &first).await && !is_open(&accounts, &second).await);
    assert!(accounts.log_in(&account.email, PASSWORD, &client(1)).await.unwrap_err().is_invalid_credentials());
    assert!(accounts.invitation(link.secret.expose()).await.unwrap().is_none());
}

#[tokio::test]
async fn another_role_disabling_and_removal_end_all_sessions_at_once_and_another_name_none() {
    let (engine, _) = engine().await;
    engine.administration(Actor::new("test")).create_subscription("s", "S").await.unwrap();
    let accounts = engine.accounts();
    active(&accounts, "somebody-who-stays").await;
    let (account, mut opened) = active(&accounts, "alice").await;
    let update = async |change: AccountChange| {
        accounts.update(&Actor::new("test"), &account.id, change, None).await.unwrap();
    };
    let role = Role::SubscriptionAdmin { subscriptions: vec!["s".to_owned()] };
    let same =
        AccountChange { role: Some(Role::SystemAdmin), name: Some("Bea".to_owned()), ..AccountChange::default() };
    update(same).await;
    assert_eq!(accounts.session(opened.secret.expose()).await.unwrap().unwrap().account.name, "Bea");

    update(AccountChange { role: Some(role.clone()), ..AccountChange::default() }).await;
    assert!(!is_open(&accounts, &opened).await);
    opened = log_in(&accounts, &account).await;
    assert_eq!(opened.session.account.role, role);

    update(AccountChange { state: Some(AccountState::Disabled), ..AccountChange::default() }).await;
    assert!(!is_open(&accounts, &opened).await);
    assert!(accounts.log_in(&account.email, PASSWORD, &client(1)).await.unwrap_err().is_invalid_credentials());
    update(AccountChange { state: Some(AccountState::Active), ..AccountChange::default() }).await;
    // An ended session stays ended.
    assert!(!is_open(&accounts, &opened).await);
    opened = log_in(&accounts, &account).await;
    accounts.delete(&Actor::new("test"), &account.id).await.unwrap();
    assert!(!is_open(&accounts, &opened).await);
    assert!(accounts.log_in(&account.email, PASSWORD, &client(1)).await.unwrap_err().is_invalid_credentials());
}

#[tokio::test]
async fn a_session_is_fresh_for_a_while_after_the_password_and_again_when_it_was_asked_for() {
    let (engine, clock) = engine().await;
    let accounts = engine.accounts();
    let (_, opened) = active(&accounts, "alice").await;
    let fresh = async |secret: &str| accounts.session(secret).await.unwrap().unwrap().is_fresh(5 * MINUTE);
    clock.advance(5 * MINUTE);
    assert!(fresh(opened.secret.expose()).await);
    clock.advance(Duration::from_millis(1));
    assert!(!fresh(opened.secret.expose()).await);
    assert!(accounts.reauthenticate(&opened.session, OTHER, &client(1)).await.unwrap_err().is_invalid_credentials());
    assert!(!fresh(opened.secret.expose()).await);
    let again = accounts.reauthenticate(&opened.session, PASSWORD, &client(1)).await.unwrap();
    assert!(fresh(again.secret.expose()).await);
    assert_eq!(again.session.created_at, opened.session.created_at);
    assert!(!is_open(&accounts, &opened).await);
    assert!(accounts.reauthenticate(&opened.session, PASSWORD, &client(1)).await.unwrap_err().is_closed());
}
