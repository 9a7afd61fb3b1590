//! Tests of what is only visible from inside: the cost of a login, what is stored, what `Debug`
//! shows.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::cmp::Ordering;

use argon2::Params;

use super::refusals::{By, LEFT_OUT, RECORDED};
use super::*;
use crate::TwoFactor;
use crate::clock::ManualClock;
use crate::secret_kind::SecretKind;
use crate::store::Charge;

const PASSWORD: &str = "korrekt pferd batterie";

async fn accounts() -> Accounts {
    let clock = ManualClock::new("2026-11-24T12:00:00Z".parse().unwrap());
    TwoFactor::builder().clock(clock).build().await.unwrap().accounts()
}

fn alice() -> NewAccount {
    NewAccount {
        name: "Alice Canary".to_owned(),
        email: "Alice.Canary@Example.com".to_owned(),
        phone: Some("+41 79 123 45 67".to_owned()),
        role: Role::SystemAdmin,
    }
}

async fn active(accounts: &Accounts) -> OpenedSession {
    let (_, invitation) = accounts.create(&Actor::new("test"), alice()).await.unwrap();
    let done = accounts.accept_invitation(invitation.secret.expose(), PASSWORD, &Client::default()).await.unwrap();
    let LoginOutcome::Session(opened) = done else { panic!("{done:?}") };
    opened
}

#[tokio::test]
async fn failed_logins_have_the_same_answer_and_the_same_cost() {
    let accounts = accounts().await;
    let actor = Actor::new("test");
    let mut answers = Vec::new();
    let mut attempt = async |email: &str, password: &str| {
        let before = accounts.passwords.runs();
        let error = accounts.log_in(email, password, &Client::default()).await.unwrap_err();
        assert!(error.is_invalid_credentials(), "{error:?}");
        answers.push((format!("{error:?}"), accounts.passwords.runs() - before));
    };
    attempt("nobody@example.com", PASSWORD).await;
    let stays = NewAccount { email: "stays@example.com".to_owned(), ..alice() };
    let (_, invitation) = accounts.create(&actor, stays).await.unwrap();
    accounts.accept_invitation(invitation.secret.expose(), PASSWORD, &Client::default()).await.unwrap();
    attempt("no address\0 at all", PASSWORD).await;
    let (account, _) = accounts.create(&actor, alice()).await.unwrap();
    // Invited.
    attempt(&account.email, PASSWORD).await;
    let invitation = accounts.invite(&actor, &account.id).await.unwrap();
    accounts.accept_invitation(invitation.secret.expose(), PASSWORD, &Client::default()).await.unwrap();
    attempt(&account.email, "ein anderes Passwort").await;
    attempt(&account.email, "").await;
    attempt(&account.email, &"x".repeat(100_000)).await;
    let disabled = AccountChange { state: Some(AccountState::Disabled), ..AccountChange::default() };
    accounts.update(&actor, &account.id, disabled, None).await.unwrap();
    attempt(&account.email, PASSWORD).await;
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
    assert_eq!(answers[0].1, 1);
    // Every spelling of the address finds the same account.
    let enabled = AccountChange { state: Some(AccountState::Active), ..AccountChange::default() };
    accounts.update(&actor, &account.id, enabled, None).await.unwrap();
    accounts.log_in(" ALICE.canary@EXAMPLE.com ", PASSWORD, &Client::default()).await.unwrap();
}

#[tokio::test]
async fn strangers_add_so_many_entries_to_the_audit_log_and_hide_no_login_to_an_account() {
    let clock = ManualClock::new("2026-11-24T12:00:00Z".parse().unwrap());
    let accounts = TwoFactor::builder().clock(clock.clone()).build().await.unwrap().accounts();
    let account = active(&accounts).await.session.account;
    let guess = async |email: &str| {
        let error = accounts.log_in(email, "ein anderes Passwort", &Client::default()).await.unwrap_err();
        assert!(error.is_invalid_credentials(), "{error:?}");
    };
    let recorded = async |subject: &str| {
        let log = accounts.audit.read(0, 1000).await.unwrap();
        let of_it = log.into_iter().filter(|one| one.subject == subject && one.action == "account.login-refused");
        of_it.map(|one| one.detail).collect::<Vec<_>>()
    };
    for _ in 1..RECORDED {
        assert_eq!(accounts.refusals.count(By::Password, clock.now()), Ordering::Less);
    }
    for _ in 0..4 {
        guess("nobody@example.com").await;
    }
    assert_eq!(recorded("unknown").await, ["", LEFT_OUT]);
    // What is left out is as much work.
    let counted = Charge { limit: 2, ..accounts.left_out() };
    let reached = accounts.store.reached_limits([9; 16], accounts.limits.person(), vec![counted], clock.now()).await;
    assert_eq!(reached.unwrap().charges.len(), 1);
    guess(&account.email).await;
    assert_eq!(recorded(&account.id).await, [""]);
    // Nor does it hide what an identity provider reports.
    let stranger = ExternalIdentity {
        issuer: "https://id.example.com".to_owned(),
        subject: "1".to_owned(),
        name: None,
        email: None,
        role: None,
        second_factor: false,
    };
    accounts.log_in_external(stranger, &Client::default()).await.unwrap_err();
    assert_eq!(recorded("unknown").await.len(), 3);
    clock.advance(Duration::from_secs(3600));
    guess("nobody@example.com").await;
    assert_eq!(recorded("unknown").await.len(), 4);
}

#[tokio::test]
async fn a_refused_login_purges_what_has_expired() {
    let clock = ManualClock::new("2026-11-24T12:00:00Z".parse().unwrap());
    let accounts = TwoFactor::builder().clock(clock.clone()).build().await.unwrap().accounts();
    let (_, invitation) = accounts.create(&Actor::new("test"), alice()).await.unwrap();
    let digest = SecretKind::Invitation.digest(invitation.secret.expose()).unwrap();
    clock.advance(Duration::from_secs(60 * 86_400));
    accounts.log_in("nobody@example.com", PASSWORD, &Client::default()).await.unwrap_err();
    let purged = async {
        while accounts.store.invitation(&digest).await.unwrap().is_some() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), purged).await.unwrap();
}

#[tokio::test]
async fn a_hash_with_an_old_cost_is_replaced() {
    let mut accounts = accounts().await;
    let account = active(&accounts).await.session.account;
    let kept = async |accounts: &Accounts| {
        let record = accounts.record(&account.id).await.unwrap();
        (accounts.password(&record).unwrap().unwrap().to_string(), record.revision)
    };
    let (before, revision) = kept(&accounts).await;
    assert!(before.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{before}");
    accounts.passwords = Passwords::costing(Params::new(64, 1, 1, None).unwrap());
    accounts.log_in(&account.email, "ein anderes Passwort", &Client::default()).await.unwrap_err();
    assert_eq!(kept(&accounts).await.0, before);
    accounts.log_in(&account.email, PASSWORD, &Client::default()).await.unwrap();
    let (after, same) = kept(&accounts).await;
    assert!(after.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{after}");
    assert_eq!(same, revision);
    accounts.log_in(&account.email, PASSWORD, &Client::default()).await.unwrap();
    assert_eq!(kept(&accounts).await.0, after);
}

#[tokio::test]
async fn what_is_sealed_for_one_account_does_not_open_for_another() {
    let accounts = accounts().await;
    active(&accounts).await;
    let other = NewAccount { email: "bob@example.com".to_owned(), ..alice() };
    let (other, _) = accounts.create(&Actor::new("test"), other).await.unwrap();
    let [alice, mut bob] = <[_; 2]>::try_from(accounts.store.accounts(0, 9).await.unwrap()).unwrap();
    assert_eq!(bob.id, other.id);
    bob.password = alice.password;
    bob.sealed = alice.sealed;
    assert!(accounts.password(&bob).unwrap_err().is_unavailable());
    assert!(accounts.person(&bob).is_err());
}

#[tokio::test]
async fn debug_output_shows_no_secret_and_no_person() {
    let accounts = accounts().await;
    let client = Client::at("192.0.2.77".parse().unwrap());
    let (account, invitation) = accounts.create(&Actor::new("test"), alice()).await.unwrap();
    let invited = accounts.invitation(invitation.secret.expose()).await.unwrap();
    let link = invitation.secret.expose().to_owned();
    let mut shown = format!("{account:?} {invitation:?} {invited:?} {:?} {client:?}", alice());
    let done = accounts.accept_invitation(&link, PASSWORD, &client).await.unwrap();
    shown += &format!("{done:?}");
    let LoginOutcome::Session(opened) = done else { panic!("{done:?}") };
    let listed = accounts.sessions(&opened.session).await.unwrap();
    let change = AccountChange { name: Some("Alice Canary".to_owned()), ..AccountChange::default() };
    let stored = accounts.store.session(&SecretKind::Session.digest(opened.secret.expose()).unwrap()).await.unwrap();
    shown += &format!("{opened:?} {listed:?} {change:?} {stored:?}");
    let lower = shown.to_lowercase();
    for canary in ["canary", "41791234567", "tfi_", "tfs_", "192.0.2.77", "argon2", PASSWORD, opened.secret.expose()] {
        assert!(!lower.contains(&canary.to_lowercase()), "{canary} in {shown}");
    }
    assert!(shown.contains(&account.id));
}

#[tokio::test]
async fn a_domain_beyond_ascii_is_one_mailbox_in_every_spelling() {
    let accounts = accounts().await;
    let actor = Actor::new("test");
    let new = |email: &str| NewAccount { email: email.to_owned(), ..alice() };
    let (_, invitation) = accounts.create(&actor, new("anna@Bücher.example")).await.unwrap();
    accounts.accept_invitation(invitation.secret.expose(), PASSWORD, &Client::default()).await.unwrap();
    // Browsers send the third of the typed spellings as the first.
    for email in
        ["anna@bücher.example", "Anna@BÜCHER.example", "anna@xn--bcher-kva.example", "anna@bu\u{308}cher.example"]
    {
        accounts.log_in(email, PASSWORD, &Client::default()).await.unwrap();
        let error = accounts.create(&actor, new(email)).await.unwrap_err();
        assert!(error.is_conflict(), "{email}: {error:?}");
    }
}
