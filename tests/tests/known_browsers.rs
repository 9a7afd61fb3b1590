//! A browser with an earlier login has its own limit on wrong passwords: strangers cannot lock the
//! owner out in it, and are limited as before.

use std::net::{IpAddr, Ipv6Addr};

use twofactor::accounts::{Account, Accounts, Client, OpenedSession};
use twofactor::clock::ManualClock;
use twofactor_tests::accounts::{OTHER, PASSWORD, active, client, session};
use twofactor_tests::compiled;
use twofactor_tests::ecall::{Ecall, Place};

struct World {
    accounts: Accounts,
    clock: ManualClock,
    alice: Account,
}

/// Returns an administrator, and a stranger who knows the email address.
async fn world() -> World {
    let clock = ManualClock::new("2026-11-24T12:00:00Z".parse().unwrap());
    let engine = Ecall::start().await.engine(compiled::builder().clock(clock.clone())).await;
    let accounts = engine.accounts();
    let (alice, _) = active(&accounts, "alice").await;
    World { accounts, clock, alice }
}

impl World {
    async fn log_in(&self, client: &Client) -> Result<OpenedSession, twofactor::Error> {
        self.accounts.log_in(&self.alice.email, PASSWORD, client).await.map(session)
    }

    /// Returns a login that is to succeed, and a client in the same browser afterwards.
    async fn known(&self) -> Client {
        let opened = self.log_in(&client(1)).await.unwrap();
        in_browser(client(1), &opened)
    }

    /// Sends 100 wrong passwords from 100 networks. Returns how many were checked.
    async fn attack(&self) -> u32 {
        let mut looked_at = 0;
        for n in 0..100 {
            let network = Ipv6Addr::new(0x2001, 0xdb8, 0, n, 0, 0, 0, 1);
            let stranger = Client::at(IpAddr::from(network));
            let error = self.accounts.log_in(&self.alice.email, OTHER, &stranger).await.unwrap_err();
            assert!(error.is_invalid_credentials() || error.is_rate_limited());
            looked_at += u32::from(error.is_invalid_credentials());
        }
        looked_at
    }
}

fn in_browser(client: Client, opened: &OpenedSession) -> Client {
    let secret = opened.browser.as_ref().unwrap().expose().to_owned();
    Client { browsers: vec![secret], ..client }
}

#[tokio::test]
async fn a_hundred_wrong_passwords_lock_out_strangers_and_not_the_owner() {
    let world = world().await;
    let known = world.known().await;
    assert_eq!(world.attack().await, 100);
    assert_eq!(world.attack().await, 0, "strangers are limited as ever");
    assert!(world.log_in(&client(9)).await.unwrap_err().is_rate_limited(), "and so is a browser that nobody knows");
    // Again and again.
    for _ in 0..3 {
        let opened = world.log_in(&known).await.unwrap();
        assert!(opened.browser.is_none(), "it has its secret already");
        world.clock.advance(std::time::Duration::from_secs(3600));
        world.attack().await;
    }
    // Nor do they keep a session from changing its password, and this browser is known afterwards.
    let opened = world.log_in(&known).await.unwrap();
    let changed = world.accounts.change_password(&opened.session, PASSWORD, OTHER, &known).await.unwrap();
    let known = in_browser(client(1), &changed);
    world.accounts.log_in(&world.alice.email, OTHER, &known).await.unwrap();
}

#[tokio::test]
async fn wrong_passwords_in_a_known_browser_count_there_alone() {
    let world = world().await;
    let (known, other) = (world.known().await, world.known().await);
    for _ in 0..20 {
        let error = world.accounts.log_in(&world.alice.email, OTHER, &known).await.unwrap_err();
        assert!(error.is_invalid_credentials(), "{error:?}");
    }
    assert!(world.log_in(&known).await.unwrap_err().is_rate_limited());
    world.log_in(&other).await.unwrap();
    world.log_in(&client(1)).await.unwrap();
    world.clock.advance(std::time::Duration::from_secs(3600));
    world.log_in(&known).await.unwrap();
}

#[tokio::test]
async fn a_browsers_token_is_for_one_account_and_opens_nothing_by_itself() {
    let world = world().await;
    let known = world.known().await;
    let (bob, opened) = active(&world.accounts, "bob").await;
    let of_bob = in_browser(client(2), &opened);
    world.attack().await;
    for browsers in [of_bob.browsers.clone(), vec!["tfb_".to_owned()], vec![known.browsers[0].replace("tfb_", "tfs_")]]
    {
        let client = Client { browsers, ..client(3) };
        assert!(world.log_in(&client).await.unwrap_err().is_rate_limited());
    }
    let secret = &known.browsers[0];
    assert!(world.accounts.session(secret).await.unwrap().is_none());
    assert!(world.accounts.session(&secret.replace("tfb_", "tfs_")).await.unwrap().is_none());
    // A browser that two people use brings both.
    let both = Client { browsers: [of_bob.browsers.clone(), known.browsers.clone()].concat(), ..client(4) };
    world.log_in(&both).await.unwrap();
    world.accounts.log_in(&bob.email, PASSWORD, &both).await.unwrap();
}

#[tokio::test]
async fn an_account_has_ten_known_browsers_and_a_new_password_forgets_them() {
    let world = world().await;
    let mut all = Vec::new();
    for _ in 0..11 {
        world.clock.advance(std::time::Duration::from_secs(1));
        all.push(world.known().await);
    }
    world.attack().await;
    assert!(world.log_in(&all[0]).await.unwrap_err().is_rate_limited(), "the oldest gave way");
    for known in &all[1..] {
        world.log_in(known).await.unwrap();
    }
    // However many secrets a request has, few are looked up.
    let many = Client {
        browsers: vec!["tfb_x".to_owned(); 10_000].into_iter().chain(all[1].browsers.clone()).collect(),
        ..client(5)
    };
    assert!(world.log_in(&many).await.unwrap_err().is_rate_limited());
    let opened = world.log_in(&all[1]).await.unwrap();
    world.accounts.change_password(&opened.session, PASSWORD, OTHER, &all[1]).await.unwrap();
    for known in &all[1..] {
        let stale = world.accounts.log_in(&world.alice.email, OTHER, known).await;
        assert!(stale.is_err_and(|error| error.is_rate_limited()));
    }
}

#[tokio::test]
async fn two_processes_on_one_store_know_the_same_browsers_and_count_for_them_together() {
    let folder = tempfile::tempdir().unwrap();
    let (place, ecall) = (Place::new(folder.path()), Ecall::start().await);
    let (one, two) = (ecall.engine(place.builder()).await.accounts(), ecall.engine(place.builder()).await.accounts());
    let (alice, opened) = active(&one, "alice").await;
    let known = in_browser(client(1), &opened);
    for n in 0..20 {
        let accounts = if n % 2 == 0 { &one } else { &two };
        assert!(accounts.log_in(&alice.email, OTHER, &known).await.unwrap_err().is_invalid_credentials());
    }
    for accounts in [&one, &two] {
        assert!(accounts.log_in(&alice.email, PASSWORD, &known).await.unwrap_err().is_rate_limited());
    }
    session(two.log_in(&alice.email, PASSWORD, &client(1)).await.unwrap());
}
