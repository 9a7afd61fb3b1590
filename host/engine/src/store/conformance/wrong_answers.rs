//! Wrong answers add up for a person, and a lock ends.

use super::*;

const THREE: PersonLimits = PersonLimits { consecutive: 3, daily: 100, ..PERSON };

async fn start(store: &SqliteStore, id: &str, now: Timestamp) -> Opened {
    store.open_challenge(OpenChallenge { person: THREE, ..wish(id, now) }).await.unwrap()
}

async fn answer(store: &SqliteStore, id: &str, now: Timestamp) -> Charged {
    store.charge_attempt(Attempt { person: THREE, ..attempt(id, now) }).await.unwrap()
}

/// Three wrong answers over two challenges, the last at `noon`.
async fn locked(store: &SqliteStore) {
    for id in ["a", "b"] {
        assert_eq!(start(store, id, noon()).await, Opened::Open);
    }
    for id in ["a", "b", "a"] {
        assert!(matches!(answer(store, id, noon()).await, Charged::Compare(_)));
    }
    assert_eq!(answer(store, "b", noon()).await, Charged::Limited(Limited::PersonLocked));
    assert_eq!(start(store, "c", noon()).await, Opened::Limited(Limited::PersonLocked));
}

#[tokio::test]
async fn a_lock_ends_a_day_after_the_last_wrong_answer_and_the_next_row_is_a_whole_one() {
    for (_folder, store) in both() {
        locked(&store).await;
        let almost = noon() + DAY - Duration::from_millis(1);
        assert_eq!(start(&store, "c", almost).await, Opened::Limited(Limited::PersonLocked));
        let later = noon() + DAY;
        assert_eq!(start(&store, "c", later).await, Opened::Open);
        for _ in 0..3 {
            assert!(matches!(answer(&store, "c", later).await, Charged::Compare(_)));
        }
        assert_eq!(answer(&store, "c", later).await, Charged::Limited(Limited::PersonLocked));
    }
}

#[tokio::test]
async fn somebody_can_unlock_a_person_at_once() {
    for (_folder, store) in both() {
        locked(&store).await;
        store.unlock_person([7; 16]).await.unwrap();
        assert_eq!(start(&store, "c", noon()).await, Opened::Open);
        assert!(matches!(answer(&store, "b", noon()).await, Charged::Compare(_)));
    }
}

#[tokio::test]
async fn a_right_answer_ends_the_row_but_not_the_days_count() {
    for (_folder, store) in both() {
        let two_a_day = |id, now| Attempt { person: PersonLimits { daily: 2, ..THREE }, ..attempt(id, now) };
        for id in ["a", "b"] {
            assert_eq!(start(&store, id, noon()).await, Opened::Open);
        }
        for _ in 0..2 {
            assert!(matches!(store.charge_attempt(two_a_day("a", noon())).await.unwrap(), Charged::Compare(_)));
        }
        assert!(store.consume_challenge(consume("a", noon())).await.unwrap());
        assert!(matches!(store.charge_attempt(two_a_day("b", noon())).await.unwrap(), Charged::Compare(_)));
        let over = store.charge_attempt(two_a_day("b", noon())).await.unwrap();
        assert_eq!(over, Charged::Limited(Limited::PersonUntil(noon() + DAY)));
    }
}
