//! Accounts of two processes on one database: this test starts itself as the second one.

use std::path::Path;

use twofactor::accounts::Accounts;
use twofactor::challenge::RateLimits;
use twofactor::{Actor, Builder};
use twofactor_tests::accounts::{OTHER, PASSWORD, active, client, is_open, log_in, new};
use twofactor_tests::ecall::Place;
use twofactor_tests::second_process::SecondProcess;

const FOLDER: &str = "TWOFACTOR_TEST_FOLDER";

fn builder(folder: &Path) -> Builder {
    Place::new(folder).builder().rate_limits(RateLimits { passwords_per_account_per_hour: 10, ..RateLimits::none() })
}

/// Returns how many of this many concurrent wrong passwords were checked.
async fn guess(accounts: &Accounts, times: usize) -> usize {
    let all: Vec<_> = (0..times)
        .map(|_| {
            let accounts = accounts.clone();
            tokio::spawn(async move { accounts.log_in("alice@example.com", OTHER, &client(7)).await.unwrap_err() })
        })
        .collect();
    let mut looked_at = 0;
    for one in all {
        let error = one.await.unwrap();
        assert!(error.is_invalid_credentials() || error.is_rate_limited(), "{error:?}");
        looked_at += usize::from(error.is_invalid_credentials());
    }
    looked_at
}

async fn accept(accounts: &Accounts, link: &str) -> usize {
    usize::from(accounts.accept_invitation(link, PASSWORD, &client(7)).await.is_ok())
}

/// The second process: each line it reads is what to do and with which secret.
#[test]
fn second_process() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let accounts = runtime.block_on(builder(folder.as_ref()).build()).unwrap().accounts();
    println!("\nready");
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let (what, secret) = line.split_once(' ').unwrap();
        let done = runtime.block_on(async {
            match what {
                "session" => usize::from(accounts.session(secret).await.unwrap().is_some()),
                "accept" => accept(&accounts, secret).await,
                "guess" => guess(&accounts, secret.parse().unwrap()).await,
                "logout" => {
                    let session = accounts.session(secret).await.unwrap().unwrap();
                    accounts.log_out(&session, &client(7)).await.unwrap();
                    1
                }
                other => panic!("{other}"),
            }
        });
        println!("done {done}");
    }
}

struct Second(SecondProcess);

impl Second {
    fn start(folder: &Path) -> Self {
        Self(SecondProcess::start(module_path!(), &[(FOLDER, folder.as_os_str())]))
    }

    fn done(&mut self) -> usize {
        self.0.hear("done").unwrap().parse().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn share_sessions_links_and_limits() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = builder(folder.path()).build().await.unwrap().accounts();
    let mut second = Second::start(folder.path());

    // A session of one is a session of the other, and ends there.
    let (account, opened) = active(&accounts, "alice").await;
    let secret = opened.secret.expose();
    second.0.say(&format!("session {secret}"));
    assert_eq!(second.done(), 1);
    second.0.say(&format!("logout {secret}"));
    assert_eq!(second.done(), 1);
    assert!(!is_open(&accounts, &opened).await);
    let again = log_in(&accounts, &account).await;
    accounts.log_out(&again.session, &client(1)).await.unwrap();
    second.0.say(&format!("session {}", again.secret.expose()));
    assert_eq!(second.done(), 0);

    // A link that both use at once sets one password.
    for n in 0..3 {
        let (_, invitation) = accounts.create(&Actor::new("test"), new(&format!("bob{n}"), None)).await.unwrap();
        let link = invitation.secret.expose();
        second.0.say(&format!("accept {link}"));
        assert_eq!(accept(&accounts, link).await + second.done(), 1);
    }

    // Guesses add up.
    second.0.say("guess 20");
    let looked_at = guess(&accounts, 20).await + second.done();
    assert_eq!(looked_at, 10);
}
