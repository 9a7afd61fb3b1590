//! The races that must be exact, between three processes with 64 tasks each: this test program starts itself three times.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use futures::future::join_all;

use super::*;

/// The environment variable that gives a process the URL of its database.
const DATABASE: &str = "TWOFACTOR_TEST_DATABASE";

const PROCESSES: u32 = 3;

/// The tasks of each process.
const TASKS: u32 = 64;

/// How many challenges the cap allows, and how many each process asks for.
const CAP: u32 = 1000;
const REQUESTS: u32 = 1000;

/// How many answers the processes give to one challenge.
const ANSWERS: u32 = 320;

/// One of the processes.
struct Process {
    child: Child,
    output: Lines<BufReader<ChildStdout>>,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    fn start(url: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::postgres::tests::processes::one_of_three_processes", "--nocapture"])
            .env(DATABASE, url)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, output }
    }

    fn say(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    fn hear(&mut self, word: &str) -> String {
        let line = self.output.by_ref().map(Result::unwrap).find_map(|line| Some(line.strip_prefix(word)?.to_owned()));
        line.unwrap_or_else(|| panic!("the process ended"))
    }
}

/// Gives each process a line, and returns the sum of the numbers that they answer.
fn sum(processes: &mut [Process], line: impl Fn(usize) -> Option<String>) -> u32 {
    let mut asked = Vec::new();
    for (n, process) in processes.iter_mut().enumerate() {
        if let Some(line) = line(n) {
            process.say(&line);
            asked.push(n);
        }
    }
    asked.into_iter().map(|n| processes[n].hear("result ").parse::<u32>().unwrap()).sum()
}

/// Runs a task many times at once, and returns how often it succeeded.
async fn count<F>(store: &Arc<PostgresStore>, times: u32, act: impl Fn(Arc<PostgresStore>, u32) -> F) -> u32
where
    F: Future<Output = bool> + Send + 'static,
{
    let (next, act) = (Arc::new(AtomicU32::new(0)), &act);
    let tasks = (0..TASKS).map(|_| {
        let next = next.clone();
        async move {
            let mut succeeded = 0;
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= times {
                    return succeeded;
                }
                succeeded += u32::from(tokio::spawn(act(store.clone(), n)).await.unwrap());
            }
        }
    });
    join_all(tasks).await.into_iter().sum()
}

fn administrator(id: &str) -> AccountRecord {
    let mut hash = [0; 16];
    hash[..id.len()].copy_from_slice(id.as_bytes());
    AccountRecord {
        seq: 0,
        id: id.to_owned(),
        email: hash,
        sealed: vec![1],
        role: r#"{"role":"system_admin"}"#.to_owned(),
        password: None,
        identity: Some(hash),
        disabled: false,
        generation: 1,
        revision: 1,
        created_at: noon(),
        last_login_at: None,
    }
}

/// A process: each line it reads is something to do, and it answers how often that succeeded.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_three_processes() {
    let Ok(url) = std::env::var(DATABASE) else { return };
    let store = Arc::new(connect(&url).await);
    // Its connections are open before it begins.
    count(&store, 4 * TASKS, |store, _| async move { store.challenge("s", "none").await.unwrap().is_none() }).await;
    println!("\nready");
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        let succeeded = match *words {
            ["open", prefix] => {
                let prefix = prefix.to_owned();
                count(&store, REQUESTS, move |store, n| open(store, format!("{prefix}-{n}"))).await
            }
            ["answer", id, times] => {
                let id = id.to_owned();
                count(&store, times.parse().unwrap(), move |store, _| answer(store, id.clone())).await
            }
            ["accept", id, times] => {
                let id = id.to_owned();
                count(&store, times.parse().unwrap(), move |store, _| accept(store, id.clone())).await
            }
            ["disable", id] => {
                let account = AccountRecord { disabled: true, generation: 2, revision: 2, ..administrator(id) };
                match store.update_account(account, 1).await.unwrap() {
                    AccountUpdate::Applied => 1,
                    AccountUpdate::LastSystemAdmin => 0,
                    other => panic!("{other:?}"),
                }
            }
            _ => panic!("{line}"),
        };
        println!("\nresult {succeeded}");
    }
}

async fn open(store: Arc<PostgresStore>, id: String) -> bool {
    let charge = |byte, limit| Charge { key: [byte; 16], amount: 1, limit, window_ms: 3_600_000 };
    let charges = vec![charge(1, u32::MAX), charge(2, CAP)];
    match store.open_challenge(OpenChallenge { charges, ..opening(&id, noon()) }).await.unwrap() {
        Opened::Open => true,
        Opened::Limited(Limited::Until(..)) => false,
        other => panic!("{other:?}"),
    }
}

async fn answer(store: Arc<PostgresStore>, id: String) -> bool {
    let person = PersonLimits { consecutive: u32::MAX, daily: u32::MAX, ..PERSON };
    let wrong = CodeMac { mac: [0; 32], ..CODE };
    let attempt = Attempt { person, ..attempt(&id, noon()) };
    match store.answer_challenge(CodeAnswer { attempt, ..super::answer(&id, wrong, noon()) }).await.unwrap() {
        Answered::Wrong(_) => true,
        Answered::Closed => false,
        other => panic!("{other:?}"),
    }
}

async fn accept(store: Arc<PostgresStore>, id: String) -> bool {
    match store.answer_challenge(right(&id, noon())).await.unwrap() {
        Answered::Right(_) => true,
        Answered::Closed => false,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_processes_with_64_tasks_each_exceed_no_limit_and_accept_no_code_twice() {
    let Some(cluster) = Cluster::shared() else { return };
    let name = cluster.new_database_name().await;
    let url = cluster.url(&name);
    let store = connect(&url).await;
    let mut processes: Vec<_> = (0..PROCESSES).map(|_| Process::start(&url)).collect();
    for process in &mut processes {
        process.hear("ready");
    }

    let begun = Instant::now();
    let opened = sum(&mut processes, |n| Some(format!("open {n}")));
    println!("{opened} opened of {} requests, in {:?}", PROCESSES * REQUESTS, begun.elapsed());
    assert_eq!(opened, CAP);
    let client = cluster.client(&name).await;
    let stored = "SELECT count(*), (SELECT sum(count)::bigint FROM buckets) FROM challenges";
    let row = client.query_one(stored, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (i64::from(CAP), 2 * i64::from(CAP)));

    let share = |n: usize| (ANSWERS + u32::try_from(n).unwrap()) / PROCESSES;
    assert_eq!((0..3).map(share).sum::<u32>(), ANSWERS);
    for round in 0..5 {
        let (many, right) = (format!("many-{round}"), format!("right-{round}"));
        for id in [&many, &right] {
            store.open_challenge(opening(id, noon())).await.unwrap();
        }
        let compared = sum(&mut processes, |n| Some(format!("answer {many} {}", share(n))));
        let accepted = sum(&mut processes, |n| Some(format!("accept {right} {}", share(n))));
        println!("{compared} compared of {ANSWERS} answers, {accepted} accepted of {ANSWERS} right ones");
        assert_eq!((compared, accepted), (5, 1));
    }

    for round in 0..20 {
        let pair = [format!("{round}-a"), format!("{round}-b")];
        for id in &pair {
            store.insert_external_account(administrator(id)).await.unwrap();
        }
        // Each of two processes disables the administrator of the other.
        let disabled = sum(&mut processes, |n| Some(format!("disable {}", pair.get(n)?)));
        assert_eq!(disabled, 1, "round {round}");
        client.batch_execute("DELETE FROM accounts").await.unwrap();
    }
}
