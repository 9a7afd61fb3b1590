//! Limits that processes take in parts.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;

use super::*;

/// A limit of 50 a second, of which parts of 3 are taken.
const HIGH: Charge = Charge { key: [9; 16], amount: 1, limit: 3000, window_ms: 60_000 };

async fn own_database(name: &str, processes: usize) -> Option<Vec<Arc<PostgresStore>>> {
    let cluster = Cluster::shared()?;
    cluster.sql("postgres", &format!("CREATE DATABASE {name}")).await;
    let url = cluster.url(name);
    let mut stores = Vec::new();
    for _ in 0..processes {
        stores.push(Arc::new(connect(&url).await));
    }
    Some(stores)
}

/// Returns the count in the row of a limit.
async fn row(name: &str, charge: Charge) -> i64 {
    let client = Cluster::shared().unwrap().client(name).await;
    let sql = "SELECT coalesce((SELECT count FROM buckets WHERE key = $1), 0)";
    client.query_one(sql, &[&&charge.key[..]]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_several_processes_grant_never_passes_a_high_limit() {
    let name = "leases_cap";
    let Some(stores) = own_database(name, 3).await else { return };
    let (limit, part) = (200_000, 200);
    let granted = Arc::new(AtomicU32::new(0));
    let tasks = (0..48_usize).map(|task| {
        let (store, granted) = (stores[task % 3].clone(), granted.clone());
        tokio::spawn(async move {
            let mut refused = 0;
            // Amounts above a part are counted in the row itself.
            for amount in (1..=part + 1).cycle().step_by(7).skip(task) {
                let charge = Charge { key: [9; 16], amount, limit, window_ms: 3_600_000 };
                match store.charge(vec![charge], Timestamp::now()).await.unwrap() {
                    None => drop(granted.fetch_add(amount, Ordering::Relaxed)),
                    Some(Limited::Until(_, 0)) => refused += 1,
                    other => panic!("{other:?}"),
                }
                if refused == 20 {
                    return;
                }
            }
        })
    });
    join_all(tasks.collect::<Vec<_>>()).await.into_iter().for_each(Result::unwrap);
    let granted = granted.load(Ordering::Relaxed);
    assert!(granted <= limit, "{granted} of {limit}");
    // What processes still hold, and an amount that did not fit.
    assert!(granted >= limit - 4 * part - 1, "{granted} of {limit}");
    assert_eq!(row(name, HIGH).await, i64::from(limit));
}

#[tokio::test]
async fn a_refused_call_gives_back_what_it_counted_in_memory() {
    let name = "leases_refused";
    let Some(stores) = own_database(name, 1).await else { return };
    let store = &stores[0];
    let now = Timestamp::now();
    let narrow = Charge { key: [8; 16], amount: 1, limit: 1, window_ms: 3_600_000 };
    let open = |id: &str| OpenChallenge { charges: vec![HIGH, narrow], ..opening(id, now) };
    assert_eq!(store.open_challenge(open("a")).await.unwrap(), Opened::Open);
    // The caller learns which of its own limits is reached.
    for id in ["b", "c", "d", "e"] {
        assert!(matches!(store.open_challenge(open(id)).await.unwrap(), Opened::Limited(Limited::Until(_, 1))));
    }
    assert_eq!(row(name, HIGH).await, 3);
    for expected in [3, 3, 6] {
        assert_eq!(store.charge(vec![HIGH], now).await.unwrap(), None);
        assert_eq!(row(name, HIGH).await, expected);
    }
    // Whether anything is left is asked in memory, too.
    let any = Charge { amount: 0, limit: 0, ..HIGH };
    assert_eq!(store.charge(vec![any], now).await.unwrap(), None);
    let reached = store.reached_limits([1; 16], PERSON, vec![Charge { limit: 6, ..HIGH }], now).await.unwrap();
    assert!(reached.charges.is_empty(), "{reached:?}");
}

#[tokio::test]
async fn a_verified_code_releases_its_count_in_memory() {
    let name = "leases_released";
    let Some(stores) = own_database(name, 1).await else { return };
    let store = &stores[0];
    let now = Timestamp::now();
    for n in 0..10 {
        let id = format!("c{n}");
        store.open_challenge(OpenChallenge { charges: vec![HIGH], ..opening(&id, now) }).await.unwrap();
        let release = Consume { release: vec![HIGH.key], ..consume(&id, now) };
        assert!(store.consume_challenge(release).await.unwrap().is_done());
    }
    assert_eq!(row(name, HIGH).await, 3);
    // Nothing is released that was not counted.
    store.release(vec![HIGH.key]).await.unwrap();
    assert_eq!(row(name, HIGH).await, 2);
}

#[tokio::test]
async fn the_part_of_a_process_that_ended_is_missing_until_the_window_ends() {
    let name = "leases_lost";
    let Some(mut stores) = own_database(name, 2).await else { return };
    let now = Timestamp::now();
    assert_eq!(stores.remove(0).charge(vec![HIGH], now).await.unwrap(), None);
    let mut granted = 0;
    while stores[0].charge(vec![HIGH], now).await.unwrap().is_none() {
        granted += 1;
    }
    assert_eq!(granted, 3000 - 3);
    // The end of the window is that of the row, and the next window is a new one.
    let end = Cluster::shared().unwrap();
    end.sql(name, "UPDATE buckets SET ends = tf1_clock() - 1").await;
    // A limit that was reached is not asked for again for a moment.
    let until = Instant::now() + Duration::from_secs(10);
    while stores[0].charge(vec![HIGH], Timestamp::now()).await.unwrap().is_some() {
        assert!(Instant::now() < until, "the next window does not begin");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(row(name, HIGH).await, 3);
}

/// Opens challenges that all count against one limit, with the latency of a synchronous standby at each commit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement of half a minute"]
async fn measure_what_one_row_for_all_costs() {
    let settings = ["fsync=on", "commit_delay=2000", "commit_siblings=0"];
    let Some(cluster) = Cluster::start(&settings) else { return };
    cluster.sql("postgres", "CREATE DATABASE it").await;
    let mut stores = Vec::new();
    for _ in 0..4 {
        stores.push(Arc::new(connect(&cluster.url("it")).await));
    }
    for round in 0..2 {
        // The same limit, below and above what is taken in parts; and no common limit.
        for (what, limit, window_ms) in [
            ("one row", u32::MAX, 3_600_000),
            ("in parts", 1_000_000_000, 3_600_000),
            ("no common limit", 0, 3_600_000),
        ] {
            let next = Arc::new(AtomicU32::new(0));
            let begun = Instant::now();
            let tasks = (0..64_usize).map(|task| {
                let (store, next) = (stores[task % 4].clone(), next.clone());
                tokio::spawn(async move {
                    while begun.elapsed() < Duration::from_secs(5) {
                        let n = next.fetch_add(1, Ordering::Relaxed);
                        let now = Timestamp::now();
                        let charges = if limit > 0 {
                            vec![Charge { key: [9; 16], amount: 1, limit, window_ms }]
                        } else {
                            Vec::new()
                        };
                        let id = format!("{round}-{what}-{n}");
                        let mut request = OpenChallenge { charges, ..opening(&id, now) };
                        request.challenge.person[..4].copy_from_slice(&n.to_be_bytes());
                        assert_eq!(store.open_challenge(request).await.unwrap(), Opened::Open);
                    }
                })
            });
            join_all(tasks.collect::<Vec<_>>()).await.into_iter().for_each(Result::unwrap);
            let rate = f64::from(next.load(Ordering::Relaxed)) / begun.elapsed().as_secs_f64();
            println!("{what}: {rate:.0} challenges a second");
        }
    }
}
