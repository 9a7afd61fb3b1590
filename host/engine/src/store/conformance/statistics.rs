//! Statistics.

use super::*;

fn record(hour: Timestamp, event: &str, count: u64, last: Timestamp) -> StatisticRecord {
    let (subscription, instance) = ("s".to_owned(), "i".to_owned());
    StatisticRecord { hour, subscription, instance, event: event.to_owned(), label: "CH".to_owned(), count, last }
}

pub async fn statistics_of_several_processes_add_up_within_their_hour(store: &dyn Store) {
    let (hour, later) = (noon(), noon() + HOUR);
    store.add_statistics(vec![record(hour, "started", 2, hour + 2 * MINUTE)]).await.unwrap();
    let more = vec![record(hour, "started", 3, hour + MINUTE), record(later, "verified", 1, later)];
    store.add_statistics(more).await.unwrap();
    let sum = record(hour, "started", 5, hour + 2 * MINUTE);
    assert_eq!(store.statistics("s", hour).await.unwrap(), [sum, record(later, "verified", 1, later)]);
    assert_eq!(store.statistics("s", later).await.unwrap().len(), 1);
    assert_eq!(store.statistics("other", hour).await.unwrap(), []);
}

pub async fn statistics_are_purged_after_ninety_days(store: &dyn Store) {
    store.add_statistics(vec![record(noon(), "started", 1, noon())]).await.unwrap();
    assert_eq!(store.purge(noon() + 90 * DAY - HOUR).await.unwrap(), 0);
    assert_eq!(store.purge(noon() + 90 * DAY + HOUR).await.unwrap(), 1);
    assert_eq!(store.statistics("s", noon()).await.unwrap(), []);
}
