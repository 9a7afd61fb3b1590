//! Time over restarts, and wrong clocks.

use super::*;

pub async fn a_clock_set_back_over_a_restart_revives_no_challenge(store: &dyn Store) {
    store.open_challenge(opening("a", noon())).await.unwrap();
    // Its end is seen.
    let over = store.charge_attempt(attempt("a", noon() + 6 * MINUTE)).await.unwrap();
    assert_eq!(over, Charged::Closed);
    // Restarted two minutes before that end.
    let back = noon() + 3 * MINUTE;
    assert_eq!(store.resume(back).await.unwrap().now, back);
    assert_eq!(store.charge_attempt(attempt("a", back)).await.unwrap(), Charged::Closed);
    assert_eq!(store.answer_challenge(right("a", back)).await.unwrap(), Answered::Closed);
    assert!(!store.consume_challenge(consume("a", back)).await.unwrap().is_done());
    // What begins from then on is good.
    store.open_challenge(opening("b", back)).await.unwrap();
    assert!(matches!(store.charge_attempt(attempt("b", back)).await.unwrap(), Charged::Compare(_)));
    assert!(store.answer_challenge(right("b", back)).await.unwrap().is_right());
    assert_eq!(store.resume(back).await.unwrap().now, back);
}

pub async fn a_clock_slightly_behind_continues_from_the_stored_time(store: &dyn Store) {
    assert_eq!(store.resume(noon()).await.unwrap().now, noon());
    store.open_challenge(opening("a", noon())).await.unwrap();
    let behind = noon() - Duration::from_secs(4);
    assert_eq!(store.resume(behind).await.unwrap().now, noon());
    assert!(matches!(store.charge_attempt(attempt("a", noon())).await.unwrap(), Charged::Compare(_)));
    assert_eq!(store.resume(noon() + MINUTE).await.unwrap().now, noon() + MINUTE);
}

fn limited(now: Timestamp) -> OpenChallenge {
    let charges = vec![Charge { key: [9; 16], amount: 1, limit: 2, window_ms: 3_600_000 }];
    OpenChallenge { charges, ..opening(&now.to_string(), now) }
}

pub async fn no_time_that_was_used_comes_again_after_a_restart(store: &dyn Store) {
    let used = |milliseconds| noon() + Duration::from_millis(milliseconds);
    // All within a second, of which the first is recorded for certain.
    for n in 0..10_u64 {
        store.open_challenge(opening(&n.to_string(), used(300 + n))).await.unwrap();
    }
    for restarted in [used(305), used(800)] {
        let start = store.resume(restarted).await.unwrap();
        assert!(start.now >= restarted && start.not_before >= used(309), "{start:?}");
        assert!(
            start.now <= start.not_before
                && start.not_before.duration_since(start.now) < jiff::SignedDuration::from_secs(1),
            "{start:?}"
        );
    }
    let later = noon() + MINUTE;
    assert_eq!(store.resume(later).await.unwrap(), TimeAtStart { now: later, not_before: later });
}

pub async fn the_time_of_the_store_is_that_of_no_process_that_is_behind(store: &dyn Store) {
    let first = store.check_time(noon()).await.unwrap();
    let second = store.check_time(noon()).await.unwrap();
    assert!(first >= noon() && second >= first);
    let ahead = store.check_time(noon() + HOUR).await.unwrap();
    let behind = store.check_time(noon()).await.unwrap();
    assert!(behind >= ahead, "{behind} {ahead}");
}

pub async fn a_window_begun_by_a_clock_that_was_ahead_does_not_last_longer(store: &dyn Store) {
    let ahead = noon() + 24 * 365 * HOUR;
    for n in 0..2 {
        let now = ahead + Duration::from_millis(n);
        assert_eq!(store.open_challenge(limited(now)).await.unwrap(), Opened::Open);
    }
    assert!(matches!(store.open_challenge(limited(ahead)).await.unwrap(), Opened::Limited(_)));
    for n in 0..2 {
        let now = noon() + Duration::from_millis(n);
        assert_eq!(store.open_challenge(limited(now)).await.unwrap(), Opened::Open);
    }
    let end = noon() + HOUR;
    assert_eq!(store.open_challenge(limited(noon() + MINUTE)).await.unwrap(), Opened::Limited(Limited::Until(end, 0)));
    assert_eq!(store.open_challenge(limited(end)).await.unwrap(), Opened::Open);
}

pub async fn processes_whose_clocks_differ_slightly_share_a_window(store: &dyn Store) {
    let behind = noon() - Duration::from_secs(4);
    assert_eq!(store.open_challenge(limited(noon())).await.unwrap(), Opened::Open);
    assert_eq!(store.open_challenge(limited(behind)).await.unwrap(), Opened::Open);
    assert!(matches!(store.open_challenge(limited(behind + MINUTE)).await.unwrap(), Opened::Limited(_)));
}

pub async fn a_day_begun_by_a_clock_that_was_ahead_does_not_block_a_person(store: &dyn Store) {
    let ahead = noon() + 24 * 365 * HOUR;
    let one_a_day = |now| Attempt { person: PersonLimits { daily: 1, ..PERSON }, ..attempt("a", now) };
    store.open_challenge(opening("a", ahead)).await.unwrap();
    assert!(matches!(store.charge_attempt(one_a_day(ahead)).await.unwrap(), Charged::Compare(_)));
    assert!(matches!(store.charge_attempt(one_a_day(ahead)).await.unwrap(), Charged::Limited(_)));
    store.open_challenge(opening("b", noon())).await.unwrap();
    let now = |now| Attempt { id: "b".to_owned(), ..one_a_day(now) };
    assert!(matches!(store.charge_attempt(now(noon())).await.unwrap(), Charged::Compare(_)));
    assert_eq!(
        store.charge_attempt(now(noon() + MINUTE)).await.unwrap(),
        Charged::Limited(Limited::PersonUntil(noon() + DAY))
    );
}
