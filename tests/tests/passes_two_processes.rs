//! A temporary pass is accepted once, by whichever process is first, and even if a process is killed. This test starts itself as the
//! second process.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use twofactor::challenge::RateLimits;
use twofactor::{Actor, Assignment, Error, NewInstance, SignIn, TwoFactor};
use twofactor_tests::ecall::Place;
use twofactor_tests::second_process::SecondProcess;

const FOLDER: &str = "TWOFACTOR_TEST_PASSES_IN";

async fn engine(folder: &Path) -> TwoFactor {
    let builder = Place::new(folder).builder().rate_limits(RateLimits::none());
    builder.bundled_provider("email").unwrap().build().await.unwrap()
}

/// Creates what a pass needs in the store.
async fn prepare(engine: &TwoFactor) {
    let admin = engine.administration(Actor::new("test"));
    admin.create_subscription("shop", "Shop").await.unwrap();
    let mut new = NewInstance::new("email", "Email", json!({}));
    new.policy = Some(json!({"pass_signs_in": true}));
    let email = admin.create_instance("shop", new).await.unwrap();
    admin.set_assignments("shop", &email.id, vec![Assignment::tenant("main")]).await.unwrap();
}

async fn use_pass(engine: &TwoFactor, pass: &str) -> bool {
    let sign_in = SignIn::new("shop").tenant("main").user("alice");
    match engine.sign_in_with_pass(&sign_in, pass, None).await {
        Ok(_) => true,
        Err(error) if Error::is_closed(&error) => false,
        Err(error) => panic!("{error:?}"),
    }
}

async fn use_at_once(engine: &TwoFactor, pass: &str, times: usize) -> usize {
    let all: Vec<_> = (0..times)
        .map(|_| {
            let (engine, pass) = (engine.clone(), pass.to_owned());
            tokio::spawn(async move { use_pass(&engine, &pass).await })
        })
        .collect();
    let mut used = 0;
    for one in all {
        used += usize::from(one.await.unwrap());
    }
    used
}

/// The second process: each line it reads is a pass, and how many times to use it.
#[test]
fn second_process() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let engine = runtime.block_on(engine(&PathBuf::from(folder)));
    println!("\nready");
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let (pass, times) = line.split_once(' ').unwrap();
        println!("\nused {}", runtime.block_on(use_at_once(&engine, pass, times.parse().unwrap())));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hundred_uses_by_two_processes_one_succeeds() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path()).await;
    prepare(&engine).await;
    let admin = engine.administration(Actor::new("test"));
    let mut second = SecondProcess::start(module_path!(), &[(FOLDER, folder.path().as_os_str())]);
    for round in 0..5 {
        let pass = admin.issue_pass("shop", "alice", None, "test").await.unwrap().pass;
        second.say(&format!("{} 100", pass.expose()));
        let here = use_at_once(&engine, pass.expose(), 100).await;
        let there: usize = second.hear("used ").unwrap().parse().unwrap();
        assert_eq!(here + there, 1, "round {round}");
        println!("round {round}: {here} here, {there} there, of 200");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_that_a_killed_process_used_is_not_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path()).await;
    prepare(&engine).await;
    let admin = engine.administration(Actor::new("test"));
    let mut used_before = 0;
    for round in 0..12_u64 {
        let mut second = SecondProcess::start(module_path!(), &[(FOLDER, folder.path().as_os_str())]);
        let pass = admin.issue_pass("shop", "alice", None, "test").await.unwrap().pass;
        second.say(&format!("{} 1", pass.expose()));
        tokio::time::sleep(Duration::from_millis(round)).await;
        second.kill();
        let told = second.hear("used ").is_some_and(|count| count == "1");
        let again = use_pass(&engine, pass.expose()).await;
        assert!(!(told && again), "used twice");
        used_before += u32::from(!again);
        assert!(!use_pass(&engine, pass.expose()).await);
    }
    println!("{used_before} of 12 passes were used by the process before it was killed");
}
