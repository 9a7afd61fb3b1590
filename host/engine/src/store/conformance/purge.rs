//! Expired rows are removed, and those that still count are not.

use super::*;

pub async fn expired_rows_are_purged_and_wrong_answers_are_kept_for_a_month(store: &dyn Store) {
    let charges = vec![Charge { key: [9; 16], amount: 1, limit: 2, window_ms: 3_600_000 }];
    let idempotency = Some(IdempotencyClaim { key: [8; 16], request: [8; 32], until: noon() + DAY });
    store.open_challenge(OpenChallenge { charges, idempotency, ..opening("a", noon()) }).await.unwrap();
    store.charge_attempt(attempt("a", noon())).await.unwrap();
    let end = noon() + 5 * MINUTE;
    for (at, removed) in [
        (end + DAY, 0),
        (end + DAY + MINUTE, 1),
        (noon() + DAY + 2 * HOUR, 1),
        (noon() + 3 * DAY, 1),
        (noon() + 30 * DAY, 0),
        (noon() + 31 * DAY, 1),
    ] {
        assert_eq!(store.purge(at).await.unwrap(), removed, "{at}");
    }
}
