//! Secrets of people and browsers are stored nowhere else: not in the log at its most verbose
//! level, the audit log or the database.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use tracing_subscriber::filter::LevelFilter;
use twofactor::token::Role;
use twofactor::{Actor, TwoFactor};
use twofactor_tests::accounts::{OTHER, PASSWORD, assign_to_accounts, client, new, pending};
use twofactor_tests::ecall::{Ecall, Place, wrong};
use twofactor_tests::log::Log;

const PHONE: &str = "+41791234567";

/// Everything an account can do, right and wrong, and the secrets that came up.
async fn a_life(ecall: &Ecall, engine: &TwoFactor) -> Vec<String> {
    let accounts = engine.accounts();
    let at = client(77);
    let first = accounts.first_invitation().await.unwrap().unwrap().secret.expose().to_owned();
    let done = accounts.accept_first_invitation(&first, "Canary of Mine", "canary@example.com", PASSWORD, &at).await;
    let opened = twofactor_tests::accounts::session(done.unwrap());
    let mut secrets = vec![first, opened.secret.expose().to_owned()];
    accounts.log_out(&opened.session, &at).await.unwrap();

    assign_to_accounts(engine).await;
    let mallory = "mallory@example.com";
    for (email, password) in [("canary@example.com", OTHER), (mallory, PASSWORD), (PASSWORD, PASSWORD)] {
        let error = accounts.log_in(email, password, &at).await.unwrap_err();
        assert!(!format!("{error:?} {error}").contains("canary"));
    }
    let (account, invitation) = accounts.create(&Actor::new("test"), new("alice-canary", Some(PHONE))).await.unwrap();
    let link = invitation.secret.expose();
    accounts.accept_invitation(link, "short", &at).await.unwrap_err();
    let (waiting, _) = pending(accounts.accept_invitation(link, PASSWORD, &at).await.unwrap());
    let code = ecall.code_to(PHONE);
    accounts.second_factor(&waiting, wrong(&code), &at).await.unwrap_err();
    let opened = accounts.second_factor(&waiting, &code, &at).await.unwrap();
    secrets.extend([link.to_owned(), waiting, opened.secret.expose().to_owned()]);
    let again = accounts.reauthenticate(&opened.session, PASSWORD, &at).await.unwrap();
    let changed = accounts.change_password(&again.session, PASSWORD, OTHER, &at).await.unwrap();
    accounts.change_password(&changed.session, OTHER, "canary", &at).await.unwrap_err();
    secrets.extend([again, changed].map(|opened| opened.secret.expose().to_owned()));
    let link = accounts.invite(&Actor::new("test"), &account.id).await.unwrap();
    secrets.push(link.secret.expose().to_owned());
    for secret in &secrets {
        accounts.session(secret).await.unwrap();
        accounts.invitation(secret).await.unwrap();
        let _ = accounts.second_factor(secret, &code, &at).await;
    }
    assert_eq!(accounts.get(&account.id).await.unwrap().role, Role::SystemAdmin);
    secrets
}

#[tokio::test]
async fn no_password_link_or_session_is_found_in_the_log_the_audit_log_or_the_database() {
    let log = Log::default();
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer({
            let log = log.clone();
            move || log.clone()
        })
        .init();
    let folder = tempfile::tempdir().unwrap();
    let ecall = Ecall::start().await;
    let builder = Place::new(folder.path()).builder().second_factor_for_accounts("demo");
    let engine = ecall.engine(builder).await;
    let secrets = a_life(&ecall, &engine).await;
    assert!(secrets.len() >= 8);

    let mut canaries = vec![PASSWORD.to_owned(), OTHER.to_owned(), "argon2id".to_owned()];
    // Also without the prefix that all of their kind have.
    canaries.extend(secrets.iter().map(|secret| secret[4..].to_owned()));
    let people = ["canary", "mallory", PHONE, "Canary of Mine"].map(str::to_owned);
    let audit = engine.administration(Actor::new("test")).audit_log(0, 1000).await.unwrap();
    let mut places = vec![
        ("the log".to_owned(), log.text().into_bytes()),
        ("the audit log".to_owned(), format!("{audit:?}").into_bytes()),
    ];
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            places.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    // The search finds what is there.
    assert!(find(&places[0].1, "delivered") && find(&places[1].1, "account.login-refused"));
    assert!(
        places.iter().any(|(_, bytes)| find(bytes, "account.change-password") && find(bytes, "CREATE TABLE accounts"))
    );
    for (place, bytes) in &places {
        for canary in canaries.iter().chain(&people) {
            assert!(!find(bytes, canary), "{canary} in {place}");
        }
    }
}

fn find(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
