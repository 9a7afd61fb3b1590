//! A person authenticated by an identity provider logs in without a password, and with a second factor where one is required.

use std::time::Duration;

use twofactor::accounts::{
    AccountChange, AccountState, Accounts, AuthorizationRequest, ExternalIdentity, LoginOutcome,
};
use twofactor::challenge::RateLimits;
use twofactor::clock::ManualClock;
use twofactor::token::Role;
use twofactor::{Actor, TwoFactor};
use twofactor_tests::accounts::{PASSWORD, assign_to_accounts, audited, client, is_open, pending, session};
use twofactor_tests::ecall::Ecall;

fn clock() -> ManualClock {
    ManualClock::new("2026-11-24T12:00:00Z".parse().unwrap())
}

async fn engine(clock: &ManualClock) -> TwoFactor {
    TwoFactor::builder().clock(clock.clone()).build().await.unwrap()
}

fn alice() -> ExternalIdentity {
    ExternalIdentity {
        issuer: "https://login.example.com".to_owned(),
        subject: "alice".to_owned(),
        name: Some("Alice".to_owned()),
        email: Some("Alice@Example.com".to_owned()),
        role: Some(Role::SystemAdmin),
        second_factor: false,
    }
}

async fn log_in(accounts: &Accounts, identity: ExternalIdentity) -> Result<LoginOutcome, twofactor::Error> {
    accounts.log_in_external(identity, &client(1)).await
}

#[tokio::test]
async fn a_browser_comes_back_once_within_ten_minutes_with_its_own_state() {
    let clock = clock();
    let engine = engine(&clock).await;
    let accounts = engine.accounts();
    let back = async |request: &AuthorizationRequest, state: &str| {
        accounts.complete_authorization(request.secret.expose(), state).await
    };
    let request = accounts.start_authorization("/admin/tokens", &client(1)).await.unwrap();
    let another = accounts.start_authorization("/admin", &client(1)).await.unwrap();
    for wrong in [&*another.state, "", &request.nonce, &request.state.to_lowercase(), &format!("{}x", request.state)] {
        assert!(back(&request, wrong).await.unwrap_err().is_closed());
    }
    clock.advance(Duration::from_secs(600) - Duration::from_millis(1));
    let (taken, aim) = back(&request, &request.state).await.unwrap();
    assert_eq!((&*aim, &taken.nonce, &taken.verifier), ("/admin/tokens", &request.nonce, &request.verifier));
    assert!(back(&request, &request.state).await.unwrap_err().is_closed());
    clock.advance(Duration::from_millis(1));
    assert!(back(&another, &another.state).await.unwrap_err().is_closed());
    let shown = format!("{request:?}");
    assert!(!shown.contains("tfe_") && !shown.contains(request.verifier.expose()), "{shown}");
}

#[tokio::test]
async fn redirects_that_lead_to_no_login_are_limited_by_client_address_for_an_hour() {
    let clock = clock();
    let limits = RateLimits { passwords_per_address_per_hour: 3, ..RateLimits::none() };
    let engine = TwoFactor::builder().clock(clock.clone()).rate_limits(limits).build().await.unwrap();
    let accounts = engine.accounts();
    // A login gives its redirect back.
    for _ in 0..5 {
        accounts.start_authorization("/admin", &client(1)).await.unwrap();
        log_in(&accounts, alice()).await.unwrap();
    }
    for _ in 0..3 {
        accounts.start_authorization("/admin", &client(1)).await.unwrap();
    }
    let refused = log_in(&accounts, ExternalIdentity { role: None, subject: "mallory".to_owned(), ..alice() }).await;
    assert!(refused.unwrap_err().is_invalid_credentials());
    assert!(accounts.start_authorization("/admin", &client(1)).await.unwrap_err().is_rate_limited());
    accounts.start_authorization("/admin", &client(2)).await.unwrap();
    clock.advance(Duration::from_secs(3600));
    accounts.start_authorization("/admin", &client(1)).await.unwrap();
}

#[tokio::test]
async fn an_account_belongs_to_one_subject_of_one_issuer() {
    let engine = engine(&clock()).await;
    let accounts = engine.accounts();
    let first = session(log_in(&accounts, alice()).await.unwrap()).session.account;
    assert_eq!((&*first.email, first.state, first.is_external()), ("alice@example.com", AccountState::Active, true));
    assert_eq!(session(log_in(&accounts, alice()).await.unwrap()).session.account.id, first.id);
    let others = [
        ExternalIdentity { issuer: "https://other.example.com".to_owned(), ..alice() },
        ExternalIdentity { subject: "Alice".to_owned(), ..alice() },
        // Neither name runs over into the other.
        ExternalIdentity { issuer: "https://login.example.coma".to_owned(), subject: "lice".to_owned(), ..alice() },
    ];
    for (n, other) in others.into_iter().enumerate() {
        assert!(log_in(&accounts, other.clone()).await.unwrap_err().is_invalid_credentials());
        let other = ExternalIdentity { email: Some(format!("{n}@example.com")), ..other };
        assert_ne!(session(log_in(&accounts, other).await.unwrap()).session.account.id, first.id);
    }
}

#[tokio::test]
async fn an_external_account_has_no_password_and_gets_none() {
    let engine = engine(&clock()).await;
    let accounts = engine.accounts();
    // Another administrator with full rights exists.
    let (subject, email) = ("bob".to_owned(), Some("bob@example.com".to_owned()));
    log_in(&accounts, ExternalIdentity { subject, email, ..alice() }).await.unwrap();
    let opened = session(log_in(&accounts, alice()).await.unwrap());
    let (account, actor) = (&opened.session.account, Actor::new("test"));
    for password in [PASSWORD, ""] {
        let refused = accounts.log_in(&account.email, password, &client(2)).await.unwrap_err();
        assert!(refused.is_invalid_credentials());
        let refused = accounts.change_password(&opened.session, password, PASSWORD, &client(2)).await.unwrap_err();
        assert!(refused.is_invalid_credentials());
        assert!(accounts.reauthenticate(&opened.session, password, &client(2)).await.is_err());
    }
    assert!(accounts.invite(&actor, &account.id).await.unwrap_err().is_conflict());
    // Disabled and enabled again, it needs no link.
    for (state, open) in [(AccountState::Disabled, false), (AccountState::Active, true)] {
        let change = AccountChange { state: Some(state), ..AccountChange::default() };
        assert_eq!(accounts.update(&actor, &account.id, change, None).await.unwrap().state, state);
        assert!(!is_open(&accounts, &opened).await);
        assert_eq!(log_in(&accounts, alice()).await.is_ok(), open);
    }
}

#[tokio::test]
async fn two_concurrent_first_logins_create_one_account() {
    let engine = engine(&clock()).await;
    let accounts = engine.accounts();
    let all = futures::future::join_all((0..20).map(|_| log_in(&accounts, alice()))).await;
    let opened: Vec<_> = all
        .into_iter()
        .filter_map(|one| one.map_err(|e| assert!(e.is_closed() || e.is_invalid_credentials())).ok())
        .collect();
    assert!(!opened.is_empty());
    assert_eq!(accounts.list(0, 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_second_factor_is_asked_for_unless_the_provider_did() {
    let ecall = Ecall::start().await;
    let builder = TwoFactor::builder().clock(clock()).second_factor_for_accounts("demo");
    let engine = ecall.engine(builder.require_second_factor_for_accounts(true)).await;
    let accounts = engine.accounts();
    let asked = ExternalIdentity { second_factor: true, ..alice() };
    // No instance is available yet: only a second factor of the identity provider lets people in.
    assert!(log_in(&accounts, alice()).await.unwrap_err().is_no_instance_available());
    let opened = session(log_in(&accounts, asked.clone()).await.unwrap());
    assert!(opened.session.second_factor);
    let id = opened.session.account.id;
    let phone = AccountChange { phone: Some(Some("+41791234567".to_owned())), ..AccountChange::default() };
    accounts.update(&Actor::new("test"), &id, phone, None).await.unwrap();
    assign_to_accounts(&engine).await;
    let (secret, _) = pending(log_in(&accounts, alice()).await.unwrap());
    assert!(accounts.session(&secret).await.unwrap().is_none());
    let opened = accounts.second_factor(&secret, &ecall.code_to("+41791234567"), &client(1)).await.unwrap();
    assert!(opened.session.second_factor);
    // A change of role in the meantime ends the pending login.
    let (secret, _) = pending(log_in(&accounts, alice()).await.unwrap());
    assert!(
        log_in(&accounts, ExternalIdentity { role: None, ..asked.clone() }).await.unwrap_err().is_invalid_credentials()
    );
    assert!(!is_open(&accounts, &opened).await);
    let code = ecall.code_to("+41791234567");
    assert!(accounts.second_factor(&secret, &code, &client(1)).await.unwrap_err().is_closed());
    session(log_in(&accounts, asked).await.unwrap());
    let lines = audited(&engine, &id).await;
    let by_provider = "account.login with the identity provider's second factor";
    assert_eq!(lines.iter().filter(|line| line.ends_with(by_provider)).count(), 2, "{lines:#?}");
    assert!(lines.iter().any(|line| line.ends_with("account.login with a second factor")));
}

#[tokio::test]
async fn debug_output_shows_no_person() {
    let shown = format!("{:?}", alice()).to_lowercase();
    assert!(!shown.contains("alice") && !shown.contains("@"), "{shown}");
}
