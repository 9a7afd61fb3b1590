//! The history of messages stays within its bounds, whatever comes.

use std::time::Instant;

use super::super::prepare;
use super::*;

fn record(person: u8, n: u32) -> HistoryRecord {
    HistoryRecord {
        subscription: "s".to_owned(),
        at: noon() + MINUTE * n,
        person: [person; 16],
        recipient: Some([person; 16]),
        challenge: Some(format!("challenge-{n}")),
        group: None,
        outcome: "accepted".to_owned(),
        count: 1,
        sealed: vec![0; 150],
    }
}

const BOUNDS: HistoryBounds = HistoryBounds { since: Timestamp::UNIX_EPOCH, rows: 1_000_000, rows_of_person: 500 };

async fn of(store: &SqliteStore, person: u8) -> usize {
    let key = HistoryKey::Person([person; 16]);
    store.history("s", key, Timestamp::UNIX_EPOCH, 10_000).await.unwrap().len()
}

#[tokio::test]
async fn of_one_person_the_newest_rows_are_kept_and_others_lose_none() {
    for (_folder, store) in both() {
        let bounds = HistoryBounds { rows_of_person: 20, ..BOUNDS };
        store.add_history(vec![record(1, 0)], bounds).await.unwrap();
        for n in 0..100 {
            store.add_history(vec![record(2, n)], bounds).await.unwrap();
        }
        assert_eq!((of(&store, 1).await, of(&store, 2).await), (1, 20));
        let newest = store.history("s", HistoryKey::Person([2; 16]), Timestamp::UNIX_EPOCH, 1).await.unwrap();
        assert_eq!(newest[0].challenge.as_deref(), Some("challenge-99"));
    }
}

#[tokio::test]
async fn in_all_no_more_rows_are_kept_than_so_many_and_none_that_is_too_old() {
    for (_folder, store) in both() {
        for n in 0..100 {
            store.add_history(vec![record(n as u8, n)], BOUNDS).await.unwrap();
        }
        let bounds = HistoryBounds { rows: 60, ..BOUNDS };
        while store.trim_history(bounds).await.unwrap() > 0 {}
        let kept = async |store: &SqliteStore| {
            let mut kept = 0;
            for person in 0..100 {
                kept += of(store, person).await;
            }
            kept
        };
        assert_eq!(kept(&store).await, 60);
        let bounds = HistoryBounds { since: noon() + MINUTE * 90, ..BOUNDS };
        while store.trim_history(bounds).await.unwrap() > 0 {}
        assert_eq!(kept(&store).await, 10);
    }
}

#[tokio::test]
async fn refused_requests_of_one_group_are_one_row_and_nobody_else_sees_them() {
    for (_folder, store) in both() {
        for n in 0..10 {
            let refused = HistoryRecord { group: Some([5; 16]), count: 3, challenge: None, ..record(1, n) };
            store.add_history(vec![refused], BOUNDS).await.unwrap();
        }
        let found = store.history("s", HistoryKey::Recipient([1; 16]), Timestamp::UNIX_EPOCH, 10).await.unwrap();
        assert_eq!((found.len(), found[0].count, found[0].at), (1, 30, noon() + MINUTE * 9));
        assert!(store.history("other", HistoryKey::Recipient([1; 16]), noon(), 10).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn the_last_answers_of_an_upstream_are_kept_apart() {
    for (_folder, store) in both() {
        let failed = UpstreamHealthRecord {
            failed_at: Some(noon()),
            outcome: "misconfigured".to_owned(),
            code: "401".to_owned(),
            accepted_at: None,
        };
        store.note_health(vec![("i".to_owned(), failed.clone())]).await.unwrap();
        let accepted = UpstreamHealthRecord { accepted_at: Some(noon() + MINUTE), ..UpstreamHealthRecord::default() };
        store.note_health(vec![("i".to_owned(), accepted)]).await.unwrap();
        let both = UpstreamHealthRecord { accepted_at: Some(noon() + MINUTE), ..failed };
        assert_eq!(store.health("i").await.unwrap(), Some(both));
        assert_eq!(store.health("other").await.unwrap(), None);
    }
}

/// Run by hand: `cargo test -p twofactor --lib -- --ignored --nocapture what_a_row_costs`.
#[test]
#[ignore = "prints figures"]
#[allow(clippy::print_stdout, reason = "the figures are what one looks for")]
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
            super::super::history::add(&c, &rows, 500).unwrap();
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
