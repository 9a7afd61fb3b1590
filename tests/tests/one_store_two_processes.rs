//! Two processes on one database and one key file: this test starts itself as the second one.

use std::path::{Path, PathBuf};

use twofactor::{Answer, TwoFactor};
use twofactor_tests::ecall::{Ecall, Place, start, wrong};
use twofactor_tests::second_process::SecondProcess;

const FOLDER: &str = "TWOFACTOR_TEST_FOLDER";

/// The results of concurrent answers.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    accepted: usize,
    rejected: usize,
    closed: usize,
}

async fn answer_at_once(engine: &TwoFactor, id: &str, code: &str, times: usize) -> Tally {
    let all: Vec<_> = (0..times)
        .map(|_| {
            let (engine, id, code) = (engine.clone(), id.to_owned(), code.to_owned());
            tokio::spawn(async move { engine.verify("demo", Answer::new(&id, &code)).await })
        })
        .collect();
    let mut tally = Tally::default();
    for one in all {
        match one.await.unwrap() {
            Ok(_) => tally.accepted += 1,
            Err(error) if error.is_code_rejected() => tally.rejected += 1,
            Err(error) if error.is_closed() => tally.closed += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    tally
}

/// The second process: each line it reads is a challenge, a code and how many times to answer with it.
#[test]
fn second_process() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let builder = Place::new(PathBuf::from(folder)).builder().bundled_providers();
    let engine = runtime.block_on(builder.build()).unwrap();
    println!("\nready");
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        let [id, code, times] = words[..] else { panic!("{line}") };
        let tally = runtime.block_on(answer_at_once(&engine, id, code, times.parse().unwrap()));
        println!("tally {} {} {}", tally.accepted, tally.rejected, tally.closed);
    }
}

struct Second(SecondProcess);

impl Second {
    fn start(folder: &Path) -> Self {
        Self(SecondProcess::start(module_path!(), &[(FOLDER, folder.as_os_str())]))
    }

    /// Lets both processes answer concurrently, this many times each.
    async fn both(&mut self, engine: &TwoFactor, id: &str, code: &str, times: usize) -> Tally {
        self.0.say(&format!("{id} {code} {times}"));
        let mine = answer_at_once(engine, id, code, times).await;
        let heard = self.0.hear("tally").unwrap();
        let theirs: Vec<usize> = heard.split(' ').map(|n| n.parse().unwrap()).collect();
        assert_eq!(theirs.iter().sum::<usize>(), times);
        Tally {
            accepted: mine.accepted + theirs[0],
            rejected: mine.rejected + theirs[1],
            closed: mine.closed + theirs[2],
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accept_a_code_once_and_look_at_five_answers_in_all() {
    let folder = tempfile::tempdir().unwrap();
    let ecall = Ecall::start().await;
    let engine = ecall.engine(Place::new(folder.path()).builder()).await;
    let mut second = Second::start(folder.path());

    for _ in 0..3 {
        let challenge = engine.start(start()).await.unwrap();
        let tally = second.both(&engine, &challenge.id, &ecall.code(), 100).await;
        println!("200 right answers: {tally:?}");
        assert_eq!(tally.accepted, 1);
        // A correct answer that came second may have been checked, but is answered like any later
        // one.
        assert_eq!(tally, Tally { accepted: 1, rejected: 0, closed: 199 });
    }

    let challenge = engine.start(start()).await.unwrap();
    let code = ecall.code();
    let tally = second.both(&engine, &challenge.id, wrong(&code), 500).await;
    println!("1000 wrong answers: {tally:?}");
    assert_eq!(tally, Tally { accepted: 0, rejected: 5, closed: 995 });
    assert_eq!(second.both(&engine, &challenge.id, &code, 1).await, Tally { closed: 2, ..Tally::default() });
}

#[test]
fn that_start_first_at_once_end_with_one_key_and_one_store() {
    let folder = tempfile::tempdir().unwrap();
    let here = [(FOLDER, folder.path().as_os_str())];
    let all: Vec<SecondProcess> = (0..4).map(|_| SecondProcess::spawn(module_path!(), &here)).collect();
    for mut process in all {
        process.hear("ready").unwrap();
    }
    let keys = std::fs::read_to_string(folder.path().join("key")).unwrap();
    assert_eq!(keys.lines().filter(|line| !line.starts_with('#')).count(), 1);
}
