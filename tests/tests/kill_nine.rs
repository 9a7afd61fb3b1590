//! A process that is killed at any moment: no code is accepted twice, no challenge that was acknowledged is lost, and the store
//! opens. This test starts itself as that process.

use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};

use twofactor::Answer;
use twofactor::challenge::RateLimits;
use twofactor_tests::ecall::{Ecall, Place, network, start_for};
use twofactor_tests::second_process::SecondProcess;

const FOLDER: &str = "TWOFACTOR_TEST_KILLED_IN";
const UPSTREAM: &str = "TWOFACTOR_TEST_KILLED_UPSTREAM";

const ROUNDS: usize = 200;
/// Challenges begun in each round, all at once.
const BURST: usize = 8;

fn number(n: usize) -> String {
    format!("+4179{n:07}")
}

/// The process: each line it reads is started immediately and answered by a line when it is done.
#[test]
fn second_process() {
    let (Some(folder), Ok(upstream)) = (std::env::var_os(FOLDER), std::env::var(UPSTREAM)) else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let builder = Place::new(PathBuf::from(folder)).builder().bundled_providers().rate_limits(RateLimits::none());
    let engine = runtime.block_on(builder.network(network(upstream.parse().unwrap())).build()).unwrap();
    println!("\nready");
    for line in std::io::stdin().lines() {
        let (line, engine) = (line.unwrap(), engine.clone());
        runtime.spawn(async move {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["start", n] => {
                    let n: usize = n.parse().unwrap();
                    let challenge = engine.start(start_for(&format!("u{n}"), &number(n))).await.unwrap();
                    println!("\nstarted {n} {}", challenge.id);
                }
                ["verify", n, id, code] => match engine.verify("demo", Answer::new(id, code)).await {
                    Ok(_) => println!("\nverified {n}"),
                    Err(error) => {
                        assert!(error.is_closed(), "{error:?}");
                        println!("\nclosed {n}");
                    }
                },
                _ => panic!("{line}"),
            }
        });
    }
}

struct Process(SecondProcess);

impl Process {
    fn start(folder: &Path, ecall: &Ecall) -> Self {
        let upstream = ecall.address().to_string();
        Self(SecondProcess::start(module_path!(), &[(FOLDER, folder.as_os_str()), (UPSTREAM, upstream.as_ref())]))
    }

    /// Returns its next line, or `None` after it has ended.
    fn hear(&mut self) -> Option<Vec<String>> {
        self.0.hear_one_of(&["started", "verified", "closed"])
    }

    /// Lets it do one thing.
    fn ask(&mut self, line: &str) -> String {
        self.0.say(line);
        self.hear().unwrap().remove(0)
    }
}

/// What is known of a challenge when its process is killed.
struct Known {
    n: usize,
    id: String,
    code: String,
    asked: bool,
    verified: bool,
}

impl Known {
    fn verify(&self) -> String {
        format!("verify {} {} {}", self.n, self.id, self.code)
    }
}

/// Starts and answers challenges until this many answers have arrived, and kills the process.
fn round(mut process: Process, ecall: &Ecall, first: usize, answers: usize) -> Vec<Known> {
    for n in first..first + BURST {
        process.0.say(&format!("start {n}"));
    }
    let mut known: Vec<Known> = Vec::new();
    let mut heard = 0;
    loop {
        if heard == answers {
            process.0.kill();
        }
        let Some(words) = process.hear() else { return known };
        heard += 1;
        let n: usize = words[1].parse().unwrap();
        match &*words[0] {
            "started" => {
                let asked = heard < answers && !n.is_multiple_of(4);
                let code = ecall.code_to(&number(n));
                let challenge = Known { n, id: words[2].clone(), code, asked, verified: false };
                if asked {
                    process.0.say(&challenge.verify());
                }
                known.push(challenge);
            }
            "verified" => known.iter_mut().find(|known| known.n == n).unwrap().verified = true,
            other => panic!("{other} {n}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_is_killed_200_times_accepts_no_code_twice_and_loses_no_challenge_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let ecall = Ecall::start().await;
    // Makes the store and compiles the components.
    drop(ecall.engine(Place::new(folder.path()).builder()).await);
    let random = RandomState::new();
    let (mut lost, mut never, mut unanswered_used, mut unanswered_open, mut answered) = (0, 0, 0, 0, 0);
    let mut leftovers: Vec<Known> = Vec::new();
    for n in 0..=ROUNDS {
        let mut process = Process::start(folder.path(), &ecall);
        for left in &leftovers {
            let first = process.ask(&left.verify());
            match (left.asked, left.verified, &*first) {
                (false, _, "verified") => never += 1,
                (_, true, "closed") => answered += 1,
                (true, false, "closed") => unanswered_used += 1,
                (true, false, "verified") => unanswered_open += 1,
                _ => lost += 1,
            }
            assert_eq!(process.ask(&left.verify()), "closed");
        }
        assert_eq!(lost, 0, "round {n}");
        if n < ROUNDS {
            // Up to 8 starts and 6 answers are reported.
            let answers = (random.hash_one(n) % 15) as usize;
            leftovers = round(process, &ecall, n * BURST, answers);
        }
    }
    println!(
        "{ROUNDS} kills: {answered} codes accepted before and refused after, {never} not given before and accepted after; \
         of those pending {unanswered_used} were used and {unanswered_open} still good; 0 lost, 0 accepted twice"
    );
    assert!(answered > 0 && never > 0);
}
