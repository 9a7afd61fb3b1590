//! Time over restarts and wrong clocks.

use super::*;

#[tokio::test]
async fn a_clock_set_back_over_a_restart_revives_no_challenge() {
    for (_folder, store) in both() {
        store.open_challenge(wish("a", noon())).await.unwrap();
        // Its end is seen.
        let over = store.charge_attempt(attempt("a", noon() + 6 * MINUTE)).await.unwrap();
        assert_eq!(over, Charged::Closed);
        // Restarted two minutes before that end.
        let back = noon() + 3 * MINUTE;
        assert_eq!(store.resume(back).await.unwrap(), back);
        assert_eq!(store.charge_attempt(attempt("a", back)).await.unwrap(), Charged::Closed);
        assert!(!store.consume_challenge(consume("a", back)).await.unwrap());
        // What begins from then on is good.
        store.open_challenge(wish("b", back)).await.unwrap();
        assert!(matches!(store.charge_attempt(attempt("b", back)).await.unwrap(), Charged::Compare(_)));
        assert_eq!(store.resume(back).await.unwrap(), back);
    }
}

#[tokio::test]
async fn a_clock_a_little_behind_goes_on_where_the_time_was() {
    for (_folder, store) in both() {
        assert_eq!(store.resume(noon()).await.unwrap(), noon());
        store.open_challenge(wish("a", noon())).await.unwrap();
        let behind = noon() - Duration::from_secs(4);
        assert_eq!(store.resume(behind).await.unwrap(), noon());
        assert!(matches!(store.charge_attempt(attempt("a", noon())).await.unwrap(), Charged::Compare(_)));
        assert_eq!(store.resume(noon() + MINUTE).await.unwrap(), noon() + MINUTE);
    }
}

fn limited(now: Timestamp) -> OpenChallenge {
    let charges = vec![Charge { key: [9; 16], amount: 1, limit: 2, window_ms: 3_600_000 }];
    OpenChallenge { charges, ..wish(&now.to_string(), now) }
}

#[tokio::test]
async fn a_window_begun_by_a_clock_that_was_ahead_does_not_outlast_its_length() {
    for (_folder, store) in both() {
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
        assert_eq!(
            store.open_challenge(limited(noon() + MINUTE)).await.unwrap(),
            Opened::Limited(Limited::Until(end, 0))
        );
        assert_eq!(store.open_challenge(limited(end)).await.unwrap(), Opened::Open);
    }
}

#[tokio::test]
async fn nodes_whose_clocks_differ_a_little_share_a_window() {
    for (_folder, store) in both() {
        let behind = noon() - Duration::from_secs(4);
        assert_eq!(store.open_challenge(limited(noon())).await.unwrap(), Opened::Open);
        assert_eq!(store.open_challenge(limited(behind)).await.unwrap(), Opened::Open);
        assert!(matches!(store.open_challenge(limited(behind + MINUTE)).await.unwrap(), Opened::Limited(_)));
    }
}

#[tokio::test]
async fn a_day_begun_by_a_clock_that_was_ahead_does_not_hold_a_person_up() {
    for (_folder, store) in both() {
        let ahead = noon() + 24 * 365 * HOUR;
        let one_a_day = |now| Attempt { person: PersonLimits { daily: 1, ..PERSON }, ..attempt("a", now) };
        store.open_challenge(wish("a", ahead)).await.unwrap();
        assert!(matches!(store.charge_attempt(one_a_day(ahead)).await.unwrap(), Charged::Compare(_)));
        assert!(matches!(store.charge_attempt(one_a_day(ahead)).await.unwrap(), Charged::Limited(_)));
        store.open_challenge(wish("b", noon())).await.unwrap();
        let now = |now| Attempt { id: "b".to_owned(), ..one_a_day(now) };
        assert!(matches!(store.charge_attempt(now(noon())).await.unwrap(), Charged::Compare(_)));
        assert_eq!(
            store.charge_attempt(now(noon() + MINUTE)).await.unwrap(),
            Charged::Limited(Limited::PersonUntil(noon() + DAY))
        );
    }
}
