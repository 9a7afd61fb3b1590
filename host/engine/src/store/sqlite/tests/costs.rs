//! Measurements, run by hand.

use std::time::Instant;

use super::super::{history, prepare};
use super::*;
use crate::store::conformance::history::record;

/// Run by hand: `cargo test -p twofactor --lib -- --ignored --nocapture what_a_row_costs`.
#[test]
#[ignore = "prints measurements"]
#[allow(clippy::print_stdout, reason = "prints measurements")]
fn what_a_row_costs_the_thread_that_writes() {
    let folder = tempfile::tempdir().unwrap();
    let mut c = Connection::open(folder.path().join("it.db")).unwrap();
    prepare(&mut c).unwrap();
    let key =
        |n: u32| -> [u8; 16] { u128::from(n).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835).to_be_bytes() };
    let mut n = 0;
    for size in [10_000_u32, 100_000, 300_000] {
        let begin = Instant::now();
        let first = n;
        while n < size {
            c.execute_batch("BEGIN IMMEDIATE").unwrap();
            let rows: Vec<_> = (n..n + 64)
                .map(|n| HistoryRecord {
                    person: key(n / 5),
                    recipient: Some(key(n / 5 + 1_000_000)),
                    challenge: Some(format!("{:032x}", u128::from_be_bytes(key(n + 2_000_000)))),
                    ..record(1, n)
                })
                .collect();
            history::add(&c, &rows, 500).unwrap();
            c.execute_batch("COMMIT").unwrap();
            n += 64;
        }
        let each = begin.elapsed() / (n - first);
        println!(
            "{n} rows: {each:?} a row, {} bytes",
            std::fs::metadata(folder.path().join("it.db")).unwrap().len() / u64::from(n)
        );
    }
}

/// Run by hand: `cargo test -p twofactor --lib --release -- --ignored --nocapture two_hundred_thousand`.
#[tokio::test]
#[ignore = "takes long and prints measurements"]
#[allow(clippy::print_stdout, reason = "its purpose")]
async fn two_hundred_thousand_challenges_go_in_short_commits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it.db");
    let store = SqliteStore::open(&path).unwrap();
    let mut other = Connection::open(&path).unwrap();
    let all = other.transaction().unwrap();
    all.execute_batch(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
         INSERT INTO challenges SELECT hex(randomblob(12)), 's', 'i', randomblob(16), randomblob(300), randomblob(36),
         1, 5, 0, 3, 0, 0, 1000 + i, 0 FROM n;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600000)
         INSERT INTO buckets SELECT randomblob(16), 1000 + i, 1 FROM n;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
         INSERT INTO persons SELECT randomblob(16), 0, 1000 + i, 1000 + i, 0 FROM n;",
    )
    .unwrap();
    all.commit().unwrap();
    let (begun, mut longest, mut removed) = (Instant::now(), Duration::ZERO, 0);
    loop {
        let one = Instant::now();
        let now = store.purge(noon()).await.unwrap();
        longest = longest.max(one.elapsed());
        removed += now;
        if now == 0 {
            break;
        }
    }
    println!("{removed} rows in {:?}, the longest commit {longest:?}", begun.elapsed());
    assert_eq!(removed, 1_000_000);
}
