//! What is over is removed, what still counts is not.

use std::time::Instant;

use super::*;

#[tokio::test]
async fn what_is_over_goes_and_wrong_answers_are_remembered_for_a_month() {
    for (_folder, store) in both() {
        let charges = vec![Charge { key: [9; 16], amount: 1, limit: 2, window_ms: 3_600_000 }];
        let idempotency = Some(IdempotencyClaim { key: [8; 16], request: [8; 32], until: noon() + DAY });
        store.open_challenge(OpenChallenge { charges, idempotency, ..wish("a", noon()) }).await.unwrap();
        store.charge_attempt(attempt("a", noon())).await.unwrap();
        let end = noon() + 5 * MINUTE;
        for (at, removed) in [
            (end, 0),
            (end + MINUTE, 1),
            (noon() + 2 * HOUR, 1),
            (noon() + 2 * DAY, 1),
            (noon() + 30 * DAY, 0),
            (noon() + 31 * DAY, 1),
        ] {
            assert_eq!(store.purge(at).await.unwrap(), removed, "{at}");
        }
    }
}

/// Run by hand: `cargo test -p twofactor --lib --release -- --ignored --nocapture two_hundred_thousand`.
#[tokio::test]
#[ignore = "takes long and prints figures"]
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
