//! Factors in two processes on one store, and in one that is killed: nothing is accepted twice. This test starts itself as the second process.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test fails by panicking and may print")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use twofactor::challenge::RateLimits;
use twofactor::clock::{Clock as _, ManualClock};
use twofactor::{Answer, TwoFactor};
use twofactor_tests::ecall::Place;
use twofactor_tests::held::{SUBSCRIPTION, engine, enrol_app, enrol_codes, start};
use twofactor_tests::second_process::SecondProcess;

const FOLDER: &str = "TWOFACTOR_TEST_HELD_FACTORS_IN";
const NOON: &str = "2026-11-24T12:00:00Z";
const STEP: Duration = Duration::from_secs(30);

async fn open(folder: &Path, clock: &ManualClock) -> TwoFactor {
    engine(Place::new(folder).builder().clock(clock.clone()).rate_limits(RateLimits::none())).await
}

/// Returns how many challenges are answered with a code; all of them are at the same time.
async fn accepted(engine: &TwoFactor, code: &str, challenges: &[&str]) -> usize {
    let all: Vec<_> = challenges
        .iter()
        .map(|id| {
            let (engine, id, code) = (engine.clone(), (*id).to_owned(), code.to_owned());
            tokio::spawn(async move { engine.verify(SUBSCRIPTION, Answer::new(&id, &code)).await })
        })
        .collect();
    let mut accepted = 0;
    for one in all {
        match one.await.unwrap() {
            Ok(_) => accepted += 1,
            Err(error) => assert!(error.is_code_rejected() || error.is_closed(), "{error:?}"),
        }
    }
    accepted
}

/// The second process: each line it reads is the time, a code, and the challenges to answer with it.
#[test]
fn second_process() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let clock = ManualClock::new(NOON.parse().unwrap());
    let engine = runtime.block_on(open(&PathBuf::from(folder), &clock));
    println!("\nready");
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        let [time, code, challenges @ ..] = &words[..] else { panic!("{line}") };
        let ahead = time.parse::<jiff::Timestamp>().unwrap().duration_since(clock.now());
        clock.advance(ahead.unsigned_abs());
        let accepted = runtime.block_on(accepted(&engine, code, challenges));
        println!("\naccepted {accepted}");
    }
}

/// Has the second process answer challenges with a code.
fn answer(second: &mut SecondProcess, clock: &ManualClock, code: &str, challenges: &[String]) {
    second.say(&format!("{} {code} {}", clock.now(), challenges.join(" ")));
}

/// Returns how many answers the second process accepted, as far as it said so.
fn accepted_by(second: &mut SecondProcess) -> usize {
    second.hear("accepted ").map_or(0, |count| count.parse().unwrap())
}

async fn challenges(engine: &TwoFactor, user: &str, type_id: &str, count: usize) -> Vec<String> {
    let mut all = Vec::with_capacity(count);
    for _ in 0..count {
        all.push(start(engine, user, type_id).await);
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accept_each_code_of_a_factor_once() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(NOON.parse().unwrap());
    let engine = open(folder.path(), &clock).await;
    let (app, _) = enrol_app(&engine, "alice", clock.now()).await;
    clock.advance(STEP);
    let (codes, _) = enrol_codes(&engine, "alice", &app.code(clock.now())).await;
    let mut second = SecondProcess::start(FOLDER, folder.path());
    clock.advance(STEP);
    for (type_id, code) in [("totp", app.code(clock.now())), ("recovery", codes[0].clone())] {
        let all = challenges(&engine, "alice", type_id, 200).await;
        let (mine, theirs) = all.split_at(100);
        answer(&mut second, &clock, &code, theirs);
        let mine: Vec<&str> = mine.iter().map(String::as_str).collect();
        let here = accepted(&engine, &code, &mine).await;
        let there = accepted_by(&mut second);
        println!("200 uses of one code of {type_id}: {here} accepted here, {there} there");
        assert_eq!(here + there, 1);
        assert_eq!(accepted(&engine, &code, &mine).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_is_killed_leaves_no_code_to_be_accepted_twice() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(NOON.parse().unwrap());
    let engine = open(folder.path(), &clock).await;
    let (app, _) = enrol_app(&engine, "alice", clock.now()).await;
    let (mut used, mut unused) = (0, 0);
    for round in 0..20_u64 {
        let mut second = SecondProcess::start(FOLDER, folder.path());
        clock.advance(STEP);
        let code = app.code(clock.now());
        let all = challenges(&engine, "alice", "totp", 9).await;
        answer(&mut second, &clock, &code, &all[..8]);
        // At any moment between the first answer and the last.
        std::thread::sleep(Duration::from_micros(700 * round * round));
        second.kill();
        let said = accepted_by(&mut second);
        let after = accepted(&engine, &code, &[&all[8]]).await;
        assert!(said + after <= 1, "round {round}: {said} before and {after} after");
        assert_eq!(accepted(&engine, &code, &[&all[0]]).await, 0, "round {round}: it has been used by now");
        if after == 0 { used += 1 } else { unused += 1 }
    }
    println!("20 kills: the code was used before {used}, and not yet {unused}");
}
