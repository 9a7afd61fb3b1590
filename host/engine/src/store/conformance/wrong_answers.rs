//! Wrong answers of a person add up, and a lock ends.

use super::*;

const THREE: PersonLimits = PersonLimits { consecutive: 3, daily: 100, ..PERSON };

async fn start(store: &dyn Store, id: &str, now: Timestamp) -> Opened {
    store.open_challenge(OpenChallenge { person: THREE, ..opening(id, now) }).await.unwrap()
}

async fn answer(store: &dyn Store, id: &str, now: Timestamp) -> Charged {
    store.charge_attempt(Attempt { person: THREE, ..attempt(id, now) }).await.unwrap()
}

/// Three wrong answers over two challenges, the last at `noon`.
async fn locked(store: &dyn Store) {
    for id in ["a", "b"] {
        assert_eq!(start(store, id, noon()).await, Opened::Open);
    }
    for id in ["a", "b", "a"] {
        assert!(matches!(answer(store, id, noon()).await, Charged::Compare(_)));
    }
    assert_eq!(answer(store, "b", noon()).await, Charged::Limited(Limited::PersonLocked));
    assert_eq!(start(store, "c", noon()).await, Opened::Limited(Limited::PersonLocked));
}

pub async fn a_lock_ends_a_day_after_the_last_wrong_answer(store: &dyn Store) {
    locked(store).await;
    let almost = noon() + DAY - Duration::from_millis(1);
    assert_eq!(start(store, "c", almost).await, Opened::Limited(Limited::PersonLocked));
    let later = noon() + DAY;
    assert_eq!(start(store, "c", later).await, Opened::Open);
    for _ in 0..3 {
        assert!(matches!(answer(store, "c", later).await, Charged::Compare(_)));
    }
    assert_eq!(answer(store, "c", later).await, Charged::Limited(Limited::PersonLocked));
}

pub async fn a_person_can_be_unlocked_at_once(store: &dyn Store) {
    locked(store).await;
    store.unlock_person([7; 16]).await.unwrap();
    assert_eq!(start(store, "c", noon()).await, Opened::Open);
    assert!(matches!(answer(store, "b", noon()).await, Charged::Compare(_)));
}

pub async fn a_right_answer_resets_the_row_but_not_the_count_of_the_day(store: &dyn Store) {
    let two_a_day = |id, now| Attempt { person: PersonLimits { daily: 2, ..THREE }, ..attempt(id, now) };
    for id in ["a", "b"] {
        assert_eq!(start(store, id, noon()).await, Opened::Open);
    }
    for _ in 0..2 {
        assert!(matches!(store.charge_attempt(two_a_day("a", noon())).await.unwrap(), Charged::Compare(_)));
    }
    assert!(store.consume_challenge(consume("a", noon())).await.unwrap().is_done());
    assert!(matches!(store.charge_attempt(two_a_day("b", noon())).await.unwrap(), Charged::Compare(_)));
    let over = store.charge_attempt(two_a_day("b", noon())).await.unwrap();
    assert_eq!(over, Charged::Limited(Limited::PersonUntil(noon() + DAY)));
}
