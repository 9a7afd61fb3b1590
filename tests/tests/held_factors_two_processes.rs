//! Factors in two processes on one store, and in one that is killed: nothing is accepted twice. This test starts itself as the second process.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use twofactor::challenge::RateLimits;
use twofactor::clock::{Clock as _, ManualClock};
use twofactor::{Answer, EnrolmentAnswer, NewChallenge, NewEnrolment, Proof, TwoFactor};
use twofactor_fido::testing::{Algorithm, Authenticator, ORIGIN, flag};
use twofactor_tests::ecall::Place;
use twofactor_tests::held_factors::{SUBSCRIPTION, engine, enrol_app, enrol_codes, instance, sign_in, start};
use twofactor_tests::second_process::SecondProcess;

const FOLDER: &str = "TWOFACTOR_TEST_HELD_FACTORS_IN";
const TIME: &str = "TWOFACTOR_TEST_HELD_FACTORS_AT";
const NOON: &str = "2026-11-24T12:00:00Z";
const STEP: Duration = Duration::from_secs(30);

async fn open(folder: &Path, clock: &ManualClock) -> TwoFactor {
    // No limit is reached, but wrong answers are counted: without any limit they are not.
    let limits = RateLimits { wrong_answers_per_day: 100_000, lockout_threshold: 100_000, ..RateLimits::none() };
    engine(Place::new(folder).builder().clock(clock.clone()).rate_limits(limits)).await
}

/// Returns how many wrong answers of all users are counted for this day.
fn counted(folder: &Path) -> usize {
    let database = rusqlite::Connection::open(Place::new(folder).database()).unwrap();
    let sql = "SELECT coalesce(sum(day_wrong), 0) FROM persons";
    let count: u32 = database.query_row(sql, [], |row| row.get(0)).unwrap();
    usize::try_from(count).unwrap()
}

/// Answers that are given at the same time.
#[derive(Serialize, Deserialize)]
struct Answers {
    now: jiff::Timestamp,
    /// Each with its challenge.
    all: Vec<(String, Given)>,
}

#[derive(Clone, Serialize, Deserialize)]
enum Given {
    Code(String),
    Credential(String),
}

impl Answers {
    /// One code for many challenges.
    fn code(clock: &ManualClock, code: &str, challenges: &[String]) -> Self {
        let all = challenges.iter().map(|id| (id.clone(), Given::Code(code.to_owned()))).collect();
        Self { now: clock.now(), all }
    }
}

/// Returns how many answers are accepted.
async fn accepted(engine: &TwoFactor, answers: Answers) -> usize {
    let verify = |(id, given): (String, Given)| {
        let engine = engine.clone();
        tokio::spawn(async move {
            let answer = match &given {
                Given::Code(code) => Answer::new(&id, code),
                Given::Credential(credential) => Answer::credential(&id, credential),
            };
            engine.verify(SUBSCRIPTION, answer).await
        })
    };
    let all: Vec<_> = answers.all.into_iter().map(verify).collect();
    let mut accepted = 0;
    for one in all {
        match one.await.unwrap() {
            Ok(_) => accepted += 1,
            Err(error) => assert!(error.is_code_rejected() || error.is_closed(), "{error:?}"),
        }
    }
    accepted
}

/// The second process: each line it reads is answers to give.
#[test]
fn second_process() {
    let (Some(folder), Ok(time)) = (std::env::var_os(FOLDER), std::env::var(TIME)) else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let clock = ManualClock::new(time.parse().unwrap());
    let engine = runtime.block_on(open(&PathBuf::from(folder), &clock));
    println!("\nready");
    for line in std::io::stdin().lines() {
        let answers: Answers = serde_json::from_str(&line.unwrap()).unwrap();
        clock.advance(answers.now.duration_since(clock.now()).unsigned_abs());
        let accepted = runtime.block_on(accepted(&engine, answers));
        println!("\naccepted {accepted}");
    }
}

/// Starts the second process. Its clock has the same time: one that starts with an earlier time than the store has seen ends what is open.
fn second_at(now: jiff::Timestamp, folder: &Path) -> SecondProcess {
    SecondProcess::start(module_path!(), &[(FOLDER, folder.as_os_str()), (TIME, now.to_string().as_ref())])
}

/// Has the second process give answers.
fn answer(second: &mut SecondProcess, answers: &Answers) {
    second.say(&serde_json::to_string(answers).unwrap());
}

/// Returns how many answers the second process accepted. Nothing if it ended before it said so.
fn heard(second: &mut SecondProcess) -> Option<usize> {
    second.hear("accepted ").map(|count| count.parse().unwrap())
}

/// Returns how many answers the second process accepted.
fn accepted_by(second: &mut SecondProcess) -> usize {
    heard(second).expect("the second process ended")
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
    let mut second = second_at(clock.now(), folder.path());
    clock.advance(STEP);
    for (type_id, code) in [("totp", app.code(clock.now())), ("recovery", codes[0].clone())] {
        let all = challenges(&engine, "alice", type_id, 200).await;
        let (mine, theirs) = all.split_at(100);
        let before = counted(folder.path());
        answer(&mut second, &Answers::code(&clock, &code, theirs));
        let here = accepted(&engine, Answers::code(&clock, &code, mine)).await;
        let there = accepted_by(&mut second);
        println!("200 uses of one code of {type_id}: {here} accepted here, {there} there");
        assert_eq!(here + there, 1);
        assert_eq!(counted(folder.path()) - before, 199);
        assert_eq!(accepted(&engine, Answers::code(&clock, &code, mine)).await, 0);
    }
}

/// A count that loses answers lets those guess longer who send theirs to several servers at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn count_each_wrong_answer_once() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(NOON.parse().unwrap());
    let engine = open(folder.path(), &clock).await;
    let (app, _) = enrol_app(&engine, "alice", clock.now()).await;
    let mut second = second_at(clock.now(), folder.path());
    // It shows none of these for an hour.
    let shown: Vec<String> = (-120..=120).map(|n| app.code(clock.now() + SignedDuration::from_secs(30 * n))).collect();
    let wrong = (0..).map(|n| format!("{n:06}")).find(|code| !shown.contains(code)).unwrap();
    // A challenge accepts five answers, and each process gives two to each.
    let all = challenges(&engine, "alice", "totp", 40).await;
    let twice = [&all[..], &all[..]].concat();
    answer(&mut second, &Answers::code(&clock, &wrong, &twice));
    let here = accepted(&engine, Answers::code(&clock, &wrong, &twice)).await;
    let there = accepted_by(&mut second);
    assert_eq!((here, there, counted(folder.path())), (0, 0, 160));
}

/// Enrols the passkey of a device as the user's first factor.
async fn enrol_passkey(engine: &TwoFactor, user: &str, device: &Authenticator) {
    let fido = instance(engine, "fido").await;
    let enrolment = engine.enrol(NewEnrolment::new(sign_in(user), fido, Proof::FirstFactor)).await.unwrap();
    let credential = device.create(&enrolment.public, ORIGIN).answer(device);
    engine.finish_enrolment(SUBSCRIPTION, EnrolmentAnswer::credential(&enrolment.id, credential)).await.unwrap();
}

/// Starts a challenge and returns a right answer to it.
async fn assertion(engine: &TwoFactor, user: &str, device: &Authenticator) -> (String, Given) {
    let fido = instance(engine, "fido").await;
    let challenge = engine.start(NewChallenge::new(sign_in(user)).two_factor(fido)).await.unwrap();
    let credential = device.get(challenge.public.as_ref().unwrap(), ORIGIN).answer(device);
    (challenge.id, Given::Credential(credential))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accept_each_assertion_of_a_passkey_once() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(NOON.parse().unwrap());
    let engine = open(folder.path(), &clock).await;
    let mut second = second_at(clock.now(), folder.path());

    // One assertion, again and again. Both processes verify the same challenge.
    let synced = Authenticator {
        flags: flag::UP | flag::UV | flag::BE | flag::BS,
        ..Authenticator::new(Algorithm::Es256, "alice")
    };
    enrol_passkey(&engine, "alice", &synced).await;
    for _ in 0..5 {
        let one = assertion(&engine, "alice", &synced).await;
        let uses = || Answers { now: clock.now(), all: vec![one.clone(); 100] };
        answer(&mut second, &uses());
        let here = accepted(&engine, uses()).await;
        let there = accepted_by(&mut second);
        println!("200 uses of one assertion: {here} accepted here, {there} there");
        assert_eq!(here + there, 1);
        assert_eq!(accepted(&engine, uses()).await, 0);
    }

    // An assertion for each of many challenges, all with the same counter: copies of a device that cannot be copied.
    let mut device = Authenticator { sign_count: 5, ..Authenticator::new(Algorithm::Es256, "bob") };
    enrol_passkey(&engine, "bob", &device).await;
    device.sign_count = 6;
    let mut all = Vec::with_capacity(200);
    for _ in 0..200 {
        all.push(assertion(&engine, "bob", &device).await);
    }
    let theirs = all.split_off(100);
    answer(&mut second, &Answers { now: clock.now(), all: theirs });
    let here = accepted(&engine, Answers { now: clock.now(), all }).await;
    let there = accepted_by(&mut second);
    println!("200 assertions with one counter: {here} accepted here, {there} there");
    assert_eq!(here + there, 1);
}

/// Answers of a process that is killed while it gives them, and one that is given here afterwards.
struct Killed {
    before: Answers,
    after: Answers,
    /// How long the process has: from the first answer on, a kill may come at any moment. None: until it has given all.
    pause: Option<Duration>,
}

impl Killed {
    /// Returns whether the process had used what all of them use: if not, the answer after it did.
    async fn used(self, engine: &TwoFactor, folder: &Path) -> bool {
        let mut second = second_at(self.before.now, folder);
        answer(&mut second, &self.before);
        let said = match self.pause {
            Some(pause) => {
                std::thread::sleep(pause);
                second.kill();
                heard(&mut second).unwrap_or(0)
            }
            None => {
                let said = accepted_by(&mut second);
                second.kill();
                said
            }
        };
        let after = accepted(engine, self.after).await;
        assert!(said + after <= 1, "{said} before and {after} after a kill after {:?}", self.pause);
        after == 0
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_is_killed_leaves_no_code_to_be_accepted_twice() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(NOON.parse().unwrap());
    let engine = open(folder.path(), &clock).await;
    let (app, _) = enrol_app(&engine, "alice", clock.now()).await;
    let mut used = 0;
    for round in 0..20_u64 {
        clock.advance(STEP);
        let code = app.code(clock.now());
        let all = challenges(&engine, "alice", "totp", 9).await;
        let (before, after) = all.split_at(8);
        let killed = Killed {
            before: Answers::code(&clock, &code, before),
            after: Answers::code(&clock, &code, after),
            pause: (round < 19).then(|| Duration::from_micros(700 * round * round)),
        };
        used += usize::from(killed.used(&engine, folder.path()).await);
        let again = accepted(&engine, Answers::code(&clock, &code, &all[..1])).await;
        assert_eq!(again, 0, "round {round}: it has been used by now");
    }
    println!("20 kills: the code was used before {used}, and not yet {}", 20 - used);
    // The first is killed at once, and the last once it has used the code.
    assert!((1..20).contains(&used), "{used}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_is_killed_leaves_no_recovery_code_to_be_accepted_twice_and_loses_none() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(NOON.parse().unwrap());
    let engine = open(folder.path(), &clock).await;
    let (app, _) = enrol_app(&engine, "alice", clock.now()).await;
    clock.advance(STEP);
    let (codes, factor) = enrol_codes(&engine, "alice", &app.code(clock.now())).await;
    clock.advance(STEP);
    let mut used = 0;
    for (code, round) in codes.iter().zip(0..5_u64) {
        let all = challenges(&engine, "alice", "recovery", 9).await;
        let (before, after) = all.split_at(8);
        let killed = Killed {
            before: Answers::code(&clock, code, before),
            after: Answers::code(&clock, code, after),
            pause: (round < 4).then(|| Duration::from_millis(4 * round * round)),
        };
        used += usize::from(killed.used(&engine, folder.path()).await);
        let again = accepted(&engine, Answers::code(&clock, code, &all[..1])).await;
        assert_eq!(again, 0, "round {round}: it has been used by now");
    }
    println!("5 kills: the recovery code was used before {used}, and not yet {}", 5 - used);
    assert!((1..5).contains(&used), "{used}");
    let listed = engine.factors(SUBSCRIPTION, "alice").await.unwrap();
    let left = listed.iter().find(|one| one.id == factor.id).unwrap().facts.uses_left;
    assert_eq!(left, Some(5), "each round used one of ten");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_is_killed_leaves_no_assertion_to_be_accepted_twice() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(NOON.parse().unwrap());
    let engine = open(folder.path(), &clock).await;
    // Without a counter: only the challenge knows that its assertion was used.
    let device = Authenticator::new(Algorithm::Es256, "alice");
    enrol_passkey(&engine, "alice", &device).await;
    let mut used = 0;
    for round in 0..5_u64 {
        let one = assertion(&engine, "alice", &device).await;
        // Five answers in all, which is as many as a challenge accepts.
        let uses = |count| Answers { now: clock.now(), all: vec![one.clone(); count] };
        let pause = (round < 4).then(|| Duration::from_millis(4 * round * round));
        let killed = Killed { before: uses(4), after: uses(1), pause };
        used += usize::from(killed.used(&engine, folder.path()).await);
        assert_eq!(accepted(&engine, uses(1)).await, 0, "round {round}: it has been used by now");
    }
    println!("5 kills: the assertion was used before {used}, and not yet {}", 5 - used);
    assert!((1..5).contains(&used), "{used}");
}
