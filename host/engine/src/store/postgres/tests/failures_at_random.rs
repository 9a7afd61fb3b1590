//! Connections are cut, stalled and terminated at random moments while codes are verified. Some outcomes become unknown, but the totals
//! that the callers learned stay within the limits.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;

use super::proxy::{Link, Proxy};
use super::*;

/// The results that the callers got for one challenge.
#[derive(Default)]
struct Learned {
    opened: AtomicBool,
    compared: AtomicU32,
    accepted: AtomicU32,
}

/// The cap on challenges.
const CAP: u32 = 150;

const ATTEMPTED: usize = 400;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_total_is_exceeded_whichever_connection_fails_at_any_moment() {
    let Some(cluster) = Cluster::shared() else { return };
    assert!(no_total_is_exceeded(cluster, 7).await >= 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes"]
async fn no_total_is_exceeded_whichever_connection_fails_at_three_hundred_moments() {
    let Some(cluster) = Cluster::shared() else { return };
    let (mut failures, mut rounds) = (0, 0);
    while failures < 300 {
        failures += no_total_is_exceeded(cluster, 7 + rounds).await;
        rounds += 1;
    }
    println!("{failures} failures in {rounds} rounds");
}

/// Returns how often a connection failed while three processes opened and answered challenges.
async fn no_total_is_exceeded(cluster: &Cluster, mut random: u32) -> u32 {
    let name = cluster.new_database_name().await;
    let (mut stores, mut links) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let proxy = Proxy::start(cluster.port).await;
        let url = cluster.url(&name).replace(&cluster.port.to_string(), &proxy.port.to_string());
        let options = PostgresOptions::parse(&url).unwrap().connections(8).call_timeout(Duration::from_secs(1));
        stores.push(Arc::new(PostgresStore::connect(options).await.unwrap()));
        links.push(proxy);
    }
    let learned: Arc<Vec<Learned>> = Arc::new((0..ATTEMPTED).map(|_| Learned::default()).collect());
    let next = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let done = AtomicBool::new(false);
    let load = (0..24).map(|n| {
        let (stores, learned, next) = (stores.clone(), learned.clone(), next.clone());
        tokio::spawn(async move {
            loop {
                let one = next.fetch_add(1, Ordering::Relaxed);
                if one >= ATTEMPTED {
                    return;
                }
                travel(&stores, n, &format!("c{one}"), &learned[one]).await;
            }
        })
    });
    let load: Vec<_> = load.collect();
    let chaos = async {
        let client = cluster.client("postgres").await;
        let terminate = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND random() < 0.5"
        );
        let (begun, mut failures) = (Instant::now(), 0_u32);
        while !done.load(Ordering::Relaxed) && begun.elapsed() < Duration::from_secs(30) {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let link = &links[(random >> 8) as usize % links.len()];
            match (random >> 16) % 4 {
                0 => link.set(Link::Cut),
                1 => link.set(Link::LosesAnswers),
                2 => link.set(Link::Stalled),
                _ => drop(client.query(&terminate, &[]).await.unwrap()),
            }
            failures += 1;
            tokio::time::sleep(Duration::from_millis(u64::from(random >> 24) / 8)).await;
            link.set(Link::Open);
            tokio::time::sleep(Duration::from_millis(u64::from((random >> 4) & 0xff) / 8)).await;
        }
        for link in &links {
            link.set(Link::Open);
        }
        failures
    };
    let load = async {
        join_all(load).await.into_iter().for_each(Result::unwrap);
        done.store(true, Ordering::Relaxed);
    };
    let ((), failures) = tokio::join!(load, chaos);

    let client = cluster.client(&name).await;
    let rows = client.query("SELECT id, attempts, closed = 0 FROM challenges", &[]).await.unwrap();
    assert!(rows.len() <= CAP as usize, "{} were opened", rows.len());
    let stored = |n: usize| rows.iter().find(|row| row.get::<_, String>(0) == format!("c{n}"));
    let mut accepted = 0;
    for (n, one) in learned.iter().enumerate() {
        let row = stored(n);
        assert!(!one.opened.load(Ordering::Relaxed) || row.is_some(), "an acknowledged challenge is missing");
        let compared = one.compared.load(Ordering::Relaxed);
        let counted = row.map_or(0, |row| row.get::<_, i64>(1));
        assert!(compared <= 5 && i64::from(compared) <= counted, "{compared} of {counted}");
        let times = one.accepted.load(Ordering::Relaxed);
        assert!(times <= 1, "accepted {times} times");
        assert!(times == 0 || row.is_some_and(|row| row.get::<_, Option<bool>>(2) == Some(true)));
        accepted += times;
    }
    assert!(accepted > 20, "{accepted}");
    failures
}

/// Opens a challenge and gives eight right answers to it at the same time, to all processes.
async fn travel(stores: &[Arc<PostgresStore>], first: usize, id: &str, learned: &Learned) {
    let store = |n: usize| &stores[(first + n) % stores.len()];
    let charge = Charge { key: [9; 16], amount: 1, limit: CAP, window_ms: 3_600_000 };
    let unlimited = PersonLimits { consecutive: u32::MAX, daily: u32::MAX, ..PERSON };
    let request = OpenChallenge { charges: vec![charge], person: unlimited, ..opening(id, noon()) };
    if matches!(store(0).open_challenge(request).await, Ok(Opened::Open)) {
        learned.opened.store(true, Ordering::Relaxed);
    }
    join_all((0..8).map(|n| async move {
        let attempt = Attempt { person: unlimited, ..attempt(id, noon()) };
        // Half of the answers are judged by somebody else, as those of factors are.
        if n % 2 == 0 {
            if matches!(
                store(n).answer_challenge(CodeAnswer { attempt, ..right(id, noon()) }).await,
                Ok(Answered::Right(_))
            ) {
                learned.compared.fetch_add(1, Ordering::Relaxed);
                learned.accepted.fetch_add(1, Ordering::Relaxed);
            }
            return;
        }
        if !matches!(store(n).charge_attempt(attempt).await, Ok(Charged::Compare(_))) {
            return;
        }
        learned.compared.fetch_add(1, Ordering::Relaxed);
        if matches!(store(n + 1).consume_challenge(consume(id, noon())).await, Ok(Consumed::Done)) {
            learned.accepted.fetch_add(1, Ordering::Relaxed);
        }
    }))
    .await;
}
