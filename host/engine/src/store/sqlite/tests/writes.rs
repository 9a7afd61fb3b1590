//! How many rows a challenge writes: each of them is a page of the disk.

use jiff::Timestamp;

use super::super::threads::Step;
use super::super::{challenges, clock, prepare};
use super::*;

/// Opens a challenge and answers it, wrong first, each in a transaction as the writing thread makes them.
fn travel(c: &Connection, id: &str, charges: &[Charge], person: PersonLimits, now: Timestamp) {
    let within = |act: &dyn Fn()| {
        c.execute_batch("BEGIN IMMEDIATE").unwrap();
        clock::record(c, now).unwrap();
        act();
        c.execute_batch("COMMIT").unwrap();
    };
    within(&|| {
        let opening = OpenChallenge { charges: charges.to_vec(), person, ..opening(id, now) };
        assert!(matches!(challenges::open(c, &opening).unwrap(), Step::Keep(Opened::Open)));
    });
    let wrong = CodeMac { mac: [0; 32], ..CODE };
    for (code, is_right) in [(wrong, false), (CODE, true)] {
        within(&|| {
            let attempt = Attempt { person, ..attempt(id, now) };
            let answered = challenges::answer(c, &CodeAnswer { attempt, ..answer(id, code, now) }).unwrap();
            let Step::Keep(answered) = answered else { panic!() };
            assert_eq!(answered.is_right(), is_right);
        });
    }
}

/// Returns the rows that 100 challenges write, 10 milliseconds apart.
fn rows_of_100(charges: &[Charge], person: PersonLimits) -> u64 {
    let mut c = Connection::open_in_memory().unwrap();
    prepare(&mut c).unwrap();
    let before = c.total_changes();
    for n in 0..100_u64 {
        travel(&c, &n.to_string(), charges, person, noon() + Duration::from_millis(10 * n + 5));
    }
    c.total_changes() - before
}

#[test]
fn the_time_is_written_once_a_second_and_not_with_each_challenge() {
    let charge = |n| Charge { key: [n; 16], amount: 1, limit: 1000, window_ms: 3_600_000 };
    // Two counters and the challenge; challenge and person; challenge and person. The first of them writes the time.
    assert_eq!(rows_of_100(&[charge(1), charge(2)], PersonLimits { daily: 1000, ..PERSON }), 100 * 7 + 1);
}

#[test]
fn nothing_is_written_for_limits_that_do_not_limit() {
    let unlimited = PersonLimits { consecutive: u32::MAX, daily: u32::MAX, ..PERSON };
    assert_eq!(rows_of_100(&[], unlimited), 100 * 3 + 1);
}

#[tokio::test]
async fn nothing_is_stored_of_a_person_whose_answers_were_right() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("it.db")).unwrap();
    let reached = async || store.reached_limits([7; 16], PERSON, Vec::new(), noon()).await.unwrap();
    for (n, is_known) in [("a", false), ("b", true)] {
        store.open_challenge(opening(n, noon())).await.unwrap();
        for _ in 0..=u8::from(is_known) {
            let charged = store.charge_attempt(attempt(n, noon())).await.unwrap();
            assert!(matches!(charged, Charged::Compare(_)));
        }
        assert!(store.consume_challenge(consume(n, noon())).await.unwrap().is_done());
        assert_eq!(reached().await.is_known, is_known);
    }
    store.unlock_person([7; 16]).await.unwrap();
    for (n, is_known) in [("c", false), ("d", true)] {
        store.open_challenge(opening(n, noon())).await.unwrap();
        if is_known {
            let wrong = answer(n, CodeMac { mac: [0; 32], ..CODE }, noon());
            assert!(!store.answer_challenge(wrong).await.unwrap().is_right());
        }
        assert!(store.answer_challenge(right(n, noon())).await.unwrap().is_right());
        assert_eq!(reached().await.is_known, is_known);
    }
}
