//! Administrators are invited, set a password and log in with it; guessing is slowed down.

use std::time::Duration;

use twofactor::accounts::{AccountChange, AccountState, Accounts};
use twofactor::challenge::RateLimits;
use twofactor::clock::ManualClock;
use twofactor::token::Role;
use twofactor::{Actor, TwoFactor};
use twofactor_tests::accounts::{OTHER, PASSWORD, active, audited, client, is_open, log_in, new, session};
use twofactor_tests::ecall::Place;

fn clock() -> ManualClock {
    ManualClock::new("2026-11-24T12:00:00Z".parse().unwrap())
}

async fn engine(limits: RateLimits, clock: &ManualClock) -> TwoFactor {
    TwoFactor::builder().rate_limits(limits).clock(clock.clone()).build().await.unwrap()
}

fn actor() -> Actor {
    Actor::new("test")
}

#[tokio::test]
async fn the_first_administrator_creates_the_account_with_a_link_that_works_once_and_for_no_one_else() {
    let engine = engine(RateLimits::default(), &clock()).await;
    let accounts = engine.accounts();
    assert!(accounts.log_in("alice@example.com", "", &client(1)).await.unwrap_err().is_invalid_credentials());
    let replaced = accounts.first_invitation().await.unwrap().unwrap();
    let invitation = accounts.first_invitation().await.unwrap().unwrap();
    assert!(invitation.path().starts_with("/admin/invitation/tfi_"));
    let link = invitation.secret.expose();
    assert!(accounts.invitation(link).await.unwrap().unwrap().account.is_none());
    let accept = async |link: &str, email: &str, password: &str| {
        accounts.accept_first_invitation(link, "Alice", email, password, &client(1)).await
    };
    assert!(accept(replaced.secret.expose(), "alice@example.com", PASSWORD).await.unwrap_err().is_closed());
    assert!(accept("tfi_x", "alice@example.com", PASSWORD).await.unwrap_err().is_closed());
    assert!(accounts.accept_invitation(link, PASSWORD, &client(1)).await.unwrap_err().is_closed());
    // Invalid input does not use up the link.
    assert!(accept(link, "alice", PASSWORD).await.unwrap_err().is_invalid_input());
    assert!(accept(link, "alice@example.com", "too short").await.unwrap_err().is_invalid_input());
    assert!(accept(link, "alice@example.com", "alice@example.com").await.unwrap_err().is_invalid_input());

    let opened = session(accept(link, "Alice@Example.com", PASSWORD).await.unwrap());
    let account = &opened.session.account;
    assert_eq!(
        (&account.role, account.state, &*account.email),
        (&Role::SystemAdmin, AccountState::Active, "alice@example.com")
    );
    assert!(is_open(&accounts, &opened).await);
    assert!(accept(link, "mallory@example.com", PASSWORD).await.unwrap_err().is_closed());
    assert!(accounts.first_invitation().await.unwrap().is_none());
    log_in(&accounts, account).await;
}

#[tokio::test]
async fn the_link_to_the_first_administrator_is_worth_nothing_once_somebody_else_is_active() {
    let engine = engine(RateLimits::default(), &clock()).await;
    let accounts = engine.accounts();
    let first = accounts.first_invitation().await.unwrap().unwrap();
    active(&accounts, "alice").await;
    assert!(accounts.invitation(first.secret.expose()).await.unwrap().is_none());
    let late =
        accounts.accept_first_invitation(first.secret.expose(), "M", "m@example.com", PASSWORD, &client(1)).await;
    assert!(late.unwrap_err().is_closed());
}

#[tokio::test]
async fn a_link_is_good_once_for_a_day_until_a_newer_one_and_not_while_the_account_is_disabled() {
    let clock = clock();
    let engine = engine(RateLimits::default(), &clock).await;
    let accounts = engine.accounts();
    active(&accounts, "somebody-who-stays").await;
    let (account, invitation) = accounts.create(&actor(), new("alice", None)).await.unwrap();
    let accept = async |link: &str| accounts.accept_invitation(link, PASSWORD, &client(1)).await;
    assert_eq!(account.state, AccountState::Invited);
    let renewed = accounts.invite(&actor(), &account.id).await.unwrap();
    assert!(accept(invitation.secret.expose()).await.unwrap_err().is_closed());
    let day = Duration::from_secs(24 * 3600);
    clock.advance(day - Duration::from_millis(1));
    let shown = accounts.invitation(renewed.secret.expose()).await.unwrap().unwrap();
    assert_eq!(shown.account.unwrap().id, account.id);
    session(accept(renewed.secret.expose()).await.unwrap());
    assert!(accept(renewed.secret.expose()).await.unwrap_err().is_closed());
    assert!(accounts.invitation(renewed.secret.expose()).await.unwrap().is_none());

    let late = accounts.invite(&actor(), &account.id).await.unwrap();
    clock.advance(day);
    assert!(accounts.invitation(late.secret.expose()).await.unwrap().is_none());
    assert!(accept(late.secret.expose()).await.unwrap_err().is_closed());

    let last = accounts.invite(&actor(), &account.id).await.unwrap();
    let state = async |state| {
        let change = AccountChange { state: Some(state), ..AccountChange::default() };
        accounts.update(&actor(), &account.id, change, None).await.unwrap();
    };
    state(AccountState::Disabled).await;
    assert!(accept(last.secret.expose()).await.unwrap_err().is_closed());
    assert!(accounts.invite(&actor(), &account.id).await.unwrap_err().is_conflict());
    state(AccountState::Active).await;
    assert!(accept(last.secret.expose()).await.unwrap_err().is_closed());
    log_in(&accounts, &account).await;
}

#[tokio::test]
async fn a_link_to_an_account_with_a_password_sets_another_and_ends_all_sessions() {
    let engine = engine(RateLimits::default(), &clock()).await;
    let accounts = engine.accounts();
    let (account, before) = active(&accounts, "alice").await;
    let invitation = accounts.invite(&actor(), &account.id).await.unwrap();
    // Until it is used nothing has changed.
    let also = log_in(&accounts, &account).await;
    let after = session(accounts.accept_invitation(invitation.secret.expose(), OTHER, &client(1)).await.unwrap());
    assert!(!is_open(&accounts, &before).await && !is_open(&accounts, &also).await);
    assert!(is_open(&accounts, &after).await);
    assert!(accounts.log_in(&account.email, PASSWORD, &client(1)).await.unwrap_err().is_invalid_credentials());
    session(accounts.log_in(&account.email, OTHER, &client(1)).await.unwrap());
}

/// Tries this many wrong passwords and checks that each is refused as wrong.
async fn guess(accounts: &Accounts, times: u32, email: &str, from: u8) {
    for _ in 0..times {
        let error = accounts.log_in(email, OTHER, &client(from)).await.unwrap_err();
        assert!(error.is_invalid_credentials(), "{error:?}");
    }
}

#[tokio::test]
async fn each_limit_on_passwords_trips_alone_for_unknown_accounts_too_and_lets_go_by_itself() {
    type Set = fn(&mut RateLimits);
    // Whether the same account from another address, and another account from the same address, are limited as well.
    let cases: [(&str, Set, bool, bool); 3] = [
        ("account and address", |l| l.passwords_per_account_and_address_per_hour = 2, false, false),
        ("address", |l| l.passwords_per_address_per_hour = 2, false, true),
        ("account", |l| l.passwords_per_account_per_hour = 2, true, false),
    ];
    for (name, set, elsewhere, others) in cases {
        for known in [true, false] {
            let clock = clock();
            let mut limits = RateLimits::none();
            set(&mut limits);
            let accounts = engine(limits, &clock).await.accounts();
            if known {
                active(&accounts, "alice").await;
            }
            active(&accounts, "bob").await;
            guess(&accounts, 2, "alice@example.com", 7).await;
            for password in [OTHER, PASSWORD] {
                let error = accounts.log_in(" Alice@EXAMPLE.com", password, &client(7)).await.unwrap_err();
                assert!(error.is_rate_limited() && !error.is_locked(), "{name}: {error:?}");
                assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)), "{name}");
            }
            let right = async |email: &str, from: u8| accounts.log_in(email, PASSWORD, &client(from)).await;
            let limited = |done: Result<_, twofactor::Error>| done.is_err_and(|error| error.is_rate_limited());
            assert_eq!(limited(right("alice@example.com", 8).await), elsewhere, "{name} {known}");
            assert_eq!(limited(right("bob@example.com", 7).await), others, "{name} {known}");
            clock.advance(Duration::from_secs(3600));
            assert_eq!(right("alice@example.com", 7).await.is_ok(), known, "{name} {known}");
        }
    }
}

#[tokio::test]
async fn right_passwords_do_not_count_and_do_not_give_guesses_back() {
    let limits =
        RateLimits { passwords_per_account_per_hour: 3, passwords_per_browser_per_hour: 3, ..RateLimits::none() };
    let accounts = engine(limits, &clock()).await.accounts();
    let (account, opened) = active(&accounts, "alice").await;
    for _ in 0..5 {
        log_in(&accounts, &account).await;
    }
    for from in 0..3 {
        log_in(&accounts, &account).await;
        guess(&accounts, 1, &account.email, from).await;
    }
    assert!(accounts.log_in(&account.email, PASSWORD, &client(1)).await.unwrap_err().is_rate_limited());
    // Strangers cannot lock anybody out of an open session, and a person in it gets no more guesses
    // than anybody else.
    let opened = accounts.reauthenticate(&opened.session, PASSWORD, &client(1)).await.unwrap();
    for _ in 0..3 {
        let error = accounts.reauthenticate(&opened.session, OTHER, &client(1)).await.unwrap_err();
        assert!(error.is_invalid_credentials(), "{error:?}");
    }
    let error = accounts.reauthenticate(&opened.session, PASSWORD, &client(1)).await.unwrap_err();
    assert!(error.is_rate_limited(), "{error:?}");
    let error = accounts.change_password(&opened.session, PASSWORD, OTHER, &client(1)).await.unwrap_err();
    assert!(error.is_rate_limited(), "{error:?}");
}

#[tokio::test]
async fn what_is_done_to_an_account_is_in_the_audit_log_with_who_and_from_where() {
    let engine = engine(RateLimits::default(), &clock()).await;
    let accounts = engine.accounts();
    active(&accounts, "somebody-who-stays").await;
    let (account, opened) = active(&accounts, "alice").await;
    guess(&accounts, 1, &account.email, 9).await;
    guess(&accounts, 1, "typed-by-mistake@example.com", 9).await;
    let opened = accounts.change_password(&opened.session, PASSWORD, OTHER, &client(1)).await.unwrap();
    let opened = accounts.reauthenticate(&opened.session, OTHER, &client(1)).await.unwrap();
    accounts.reauthenticate(&opened.session, PASSWORD, &client(1)).await.unwrap_err();
    accounts.end_other_sessions(&opened.session, &client(1)).await.unwrap();
    accounts.log_out(&opened.session, &client(1)).await.unwrap();
    accounts.delete(&opened.session.actor(None), &account.id).await.unwrap();
    let who = format!("account {}", account.id);
    let own = |what: &str| format!("{who} from 192.0.2.1: account.{what}");
    assert_eq!(
        audited(&engine, &account.id).await,
        [
            "test: account.create system_admin".to_owned(),
            "test: account.invite".to_owned(),
            own("accept-invitation"),
            own("login without a second factor"),
            "nobody from 192.0.2.9: account.login-refused".to_owned(),
            own("change-password"),
            own("reauthenticate"),
            "nobody from 192.0.2.1: account.password-refused".to_owned(),
            own("end-session all others"),
            own("logout"),
            format!("{who}: account.delete"),
        ]
    );
    assert_eq!(audited(&engine, "unknown").await, ["nobody from 192.0.2.9: account.login-refused"]);
    assert_eq!(engine.administration(actor()).verify_audit_log().await.unwrap().problem, None);
}

#[tokio::test]
async fn the_last_system_administrator_who_can_log_in_cannot_be_taken_away_and_the_log_says_that_it_was_tried() {
    let engine = engine(RateLimits::default(), &clock()).await;
    engine.administration(actor()).create_subscription("s", "S").await.unwrap();
    let accounts = engine.accounts();
    let (alice, opened) = active(&accounts, "alice").await;
    // A token of that role logs in nowhere, and who has no password neither.
    engine.administration(actor()).issue_token("t", Role::SystemAdmin, None).await.unwrap();
    let (bob, invitation) = accounts.create(&actor(), new("bob", None)).await.unwrap();
    let role = Role::SubscriptionAdmin { subscriptions: vec!["s".to_owned()] };
    let changes = [
        AccountChange { role: Some(role.clone()), ..AccountChange::default() },
        AccountChange { state: Some(AccountState::Disabled), ..AccountChange::default() },
    ];
    for change in &changes {
        let error = accounts.update(&actor(), &alice.id, change.clone(), None).await.unwrap_err();
        assert!(error.is_conflict() && !error.is_revision_conflict() && error.to_string().contains("invite another"));
    }
    assert!(accounts.delete(&actor(), &alice.id).await.unwrap_err().is_conflict());
    assert!(is_open(&accounts, &opened).await);
    let log = audited(&engine, &alice.id).await;
    let refused = log.iter().filter(|line| line.contains("not applied: this is the last system administrator"));
    assert_eq!(refused.count(), 3);

    session(accounts.accept_invitation(invitation.secret.expose(), PASSWORD, &client(1)).await.unwrap());
    accounts.update(&actor(), &alice.id, changes[0].clone(), None).await.unwrap();
    assert!(accounts.delete(&actor(), &bob.id).await.unwrap_err().is_conflict());
}

#[tokio::test]
async fn an_emptied_audit_log_is_not_restarted_if_accounts_exist() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new(folder.path());
    let engine = place.builder().build().await.unwrap();
    let accounts = engine.accounts();
    let (account, _) = active(&accounts, "alice").await;
    let around = rusqlite::Connection::open(place.database()).unwrap();
    around.execute_batch("DELETE FROM audit; DELETE FROM audit_head").unwrap();
    // A change that cannot be audited does not happen.
    for error in [
        accounts.log_in(&account.email, PASSWORD, &client(1)).await.unwrap_err(),
        accounts.invite(&actor(), &account.id).await.unwrap_err(),
        accounts.delete(&actor(), &account.id).await.unwrap_err(),
    ] {
        assert!(error.operator_detail().unwrap().contains("the audit log cannot continue"), "{error:?}");
    }
    assert!(engine.administration(actor()).verify_audit_log().await.unwrap().problem.is_some());
}

/// After a first factor, no later change would end them.
#[tokio::test]
async fn other_sessions_end_even_if_the_audit_log_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new(folder.path());
    let engine = place.builder().build().await.unwrap();
    let accounts = engine.accounts();
    let (account, own) = active(&accounts, "alice").await;
    let other = log_in(&accounts, &account).await;
    let around = rusqlite::Connection::open(place.database()).unwrap();
    around.execute_batch("DELETE FROM audit; DELETE FROM audit_head").unwrap();
    let error = accounts.end_other_sessions(&own.session, &client(1)).await.unwrap_err();
    assert!(error.operator_detail().unwrap().contains("the audit log cannot continue"), "{error:?}");
    assert!(is_open(&accounts, &own).await && !is_open(&accounts, &other).await);
}
