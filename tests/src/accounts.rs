//! People who administer, for tests of accounts.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::IpAddr;

use twofactor::accounts::{Account, Accounts, Client, LoginOutcome, NewAccount, OpenedSession};
use twofactor::token::Role;
use twofactor::{Actor, Assignment, TwoFactor};

/// A password that no account uses.
pub const PASSWORD: &str = "korrekt pferd batterie";

/// Another one.
pub const OTHER: &str = "klammer heft tacker 17";

/// Returns a client with its own address.
pub fn client(n: u8) -> Client {
    Client::at(IpAddr::from([192, 0, 2, n]))
}

/// Returns a system administrator by a name that is an address as well, reached at `phone`.
pub fn new(name: &str, phone: Option<&str>) -> NewAccount {
    NewAccount {
        name: format!("{name} of the tests"),
        email: format!("{name}@example.com"),
        phone: phone.map(str::to_owned),
        role: Role::SystemAdmin,
    }
}

/// Accepts an invitation of an account with `PASSWORD`.
pub async fn accept(accounts: &Accounts, account: &Account) -> LoginOutcome {
    let invitation = accounts.invite(&Actor::new("test"), &account.id).await.unwrap();
    accounts.accept_invitation(invitation.secret.expose(), PASSWORD, &client(1)).await.unwrap()
}

/// Somebody who can log in, and a session.
pub async fn active(accounts: &Accounts, name: &str) -> (Account, OpenedSession) {
    let (account, _) = accounts.create(&Actor::new("test"), new(name, None)).await.unwrap();
    let opened = session(accept(accounts, &account).await);
    (opened.session.account.clone(), opened)
}

/// Logs in with `PASSWORD`.
pub async fn log_in(accounts: &Accounts, account: &Account) -> OpenedSession {
    session(accounts.log_in(&account.email, PASSWORD, &client(1)).await.unwrap())
}

/// Returns the session that a login came to.
#[track_caller]
pub fn session(done: LoginOutcome) -> OpenedSession {
    match done {
        LoginOutcome::Session(opened) => opened,
        other => panic!("{other:?}"),
    }
}

/// Returns the secret of a login that waits for its second factor, and its challenge.
#[track_caller]
pub fn pending(done: LoginOutcome) -> (String, twofactor::Challenge) {
    match done {
        LoginOutcome::SecondFactor { pending, challenge } => (pending.expose().to_owned(), challenge),
        other => panic!("{other:?}"),
    }
}

/// Returns whether a session is open.
pub async fn is_open(accounts: &Accounts, opened: &OpenedSession) -> bool {
    accounts.session(opened.secret.expose()).await.unwrap().is_some()
}

/// Lets the instance of `demo` deliver second factors of accounts.
pub async fn assign_to_accounts(engine: &TwoFactor) {
    let admin = engine.administration(Actor::new("test"));
    let instance = admin.instances("demo").await.unwrap().remove(0);
    let kind = twofactor::store::AssignmentKind::ClientApplication;
    let assignment = Assignment { kind, id: "twofactor-admin".to_owned() };
    admin.set_assignments("demo", &instance.id, vec![Assignment::tenant("demo"), assignment]).await.unwrap();
}

/// Returns the entries of the audit log about an account.
pub async fn audited(engine: &TwoFactor, account: &str) -> Vec<String> {
    let log = engine.administration(Actor::new("test")).audit_log(0, 1000).await.unwrap();
    let own = log.into_iter().filter(|line| line.subject == account);
    own.map(|line| format!("{}: {} {}", line.actor, line.action, line.detail).trim_end().to_owned()).collect()
}
