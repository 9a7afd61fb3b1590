//! The history of messages stays within its bounds.

use super::*;

pub(in crate::store) fn record(person: u8, n: u32) -> HistoryRecord {
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

async fn of(store: &dyn Store, person: u8) -> usize {
    let key = HistoryKey::Person([person; 16]);
    store.history("s", key, Timestamp::UNIX_EPOCH, 10_000).await.unwrap().len()
}

pub async fn the_newest_rows_of_a_person_are_kept_and_other_persons_lose_none(store: &dyn Store) {
    let bounds = HistoryBounds { rows_of_person: 20, ..BOUNDS };
    store.add_history(vec![record(1, 0)], bounds).await.unwrap();
    for n in 0..100 {
        store.add_history(vec![record(2, n)], bounds).await.unwrap();
    }
    assert_eq!((of(store, 1).await, of(store, 2).await), (1, 20));
    let newest = store.history("s", HistoryKey::Person([2; 16]), Timestamp::UNIX_EPOCH, 1).await.unwrap();
    assert_eq!(newest[0].challenge.as_deref(), Some("challenge-99"));
}

pub async fn rows_beyond_the_total_or_too_old_are_trimmed(store: &dyn Store) {
    for n in 0..100 {
        store.add_history(vec![record(n as u8, n)], BOUNDS).await.unwrap();
    }
    let bounds = HistoryBounds { rows: 60, ..BOUNDS };
    while store.trim_history(bounds).await.unwrap() > 0 {}
    let kept = async |store: &dyn Store| {
        let mut kept = 0;
        for person in 0..100 {
            kept += of(store, person).await;
        }
        kept
    };
    assert_eq!(kept(store).await, 60);
    let bounds = HistoryBounds { since: noon() + MINUTE * 90, ..BOUNDS };
    while store.trim_history(bounds).await.unwrap() > 0 {}
    assert_eq!(kept(store).await, 10);
}

pub async fn events_of_a_group_take_no_room_of_others(store: &dyn Store) {
    for n in 0..100 {
        let refused = HistoryRecord { group: Some([5; 16]), challenge: None, ..record(200, n) };
        store.add_history(vec![refused, record(n as u8, n)], BOUNDS).await.unwrap();
    }
    let bounds = HistoryBounds { rows: 60, ..BOUNDS };
    while store.trim_history(bounds).await.unwrap() > 0 {}
    let mut kept = 0;
    for person in 0..100 {
        kept += of(store, person).await;
    }
    assert_eq!(kept, 60);
}

pub async fn the_subscription_with_the_most_rows_loses_its_oldest(store: &dyn Store) {
    let small = HistoryRecord { subscription: "small".to_owned(), ..record(1, 0) };
    store.add_history(vec![small], BOUNDS).await.unwrap();
    for n in 0..100 {
        store.add_history(vec![record(n as u8, n)], BOUNDS).await.unwrap();
    }
    let bounds = HistoryBounds { rows: 60, ..BOUNDS };
    while store.trim_history(bounds).await.unwrap() > 0 {}
    let key = HistoryKey::Person([1; 16]);
    assert_eq!(store.history("small", key, Timestamp::UNIX_EPOCH, 10).await.unwrap().len(), 1);
    assert_eq!((of(store, 40).await, of(store, 41).await, of(store, 99).await), (0, 1, 1));
}

pub async fn refused_requests_of_a_group_are_one_row_of_their_subscription(store: &dyn Store) {
    for n in 0..10 {
        let refused = HistoryRecord { group: Some([5; 16]), count: 3, challenge: None, ..record(1, n) };
        store.add_history(vec![refused], BOUNDS).await.unwrap();
    }
    let found = store.history("s", HistoryKey::Recipient([1; 16]), Timestamp::UNIX_EPOCH, 10).await.unwrap();
    assert_eq!((found.len(), found[0].count, found[0].at), (1, 30, noon() + MINUTE * 9));
    assert!(store.history("other", HistoryKey::Recipient([1; 16]), noon(), 10).await.unwrap().is_empty());
}

pub async fn the_last_success_and_failure_of_an_upstream_are_kept_apart(store: &dyn Store) {
    let failed = UpstreamHealthRecord {
        failed_at: Some(noon()),
        outcome: "misconfigured".to_owned(),
        code: "401".to_owned(),
        accepted_at: None,
    };
    store.set_health(vec![("i".to_owned(), failed.clone())]).await.unwrap();
    let accepted = UpstreamHealthRecord { accepted_at: Some(noon() + MINUTE), ..UpstreamHealthRecord::default() };
    store.set_health(vec![("i".to_owned(), accepted)]).await.unwrap();
    let both = UpstreamHealthRecord { accepted_at: Some(noon() + MINUTE), ..failed };
    assert_eq!(store.health("i").await.unwrap(), Some(both));
    assert_eq!(store.health("other").await.unwrap(), None);
}
