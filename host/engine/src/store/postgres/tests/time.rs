//! Only the database's clock ends anything.

use super::super::values::{ms, values};
use super::*;

async fn store() -> Option<(String, PostgresStore)> {
    let cluster = Cluster::shared()?;
    let url = cluster.new_database().await;
    Some((url.clone(), connect(&url).await))
}

#[tokio::test]
async fn a_process_whose_clock_is_an_hour_off_cannot_end_what_others_started() {
    let Some((url, store)) = store().await else { return };
    let now = Timestamp::now();
    store.resume(now).await.unwrap();
    store.open_challenge(opening("a", now)).await.unwrap();
    for off in [now + HOUR, now - HOUR] {
        let other = connect(&url).await;
        let start = other.resume(off).await.unwrap();
        assert!(start.now.duration_since(now).abs() < jiff::SignedDuration::from_secs(60), "{start:?}");
        other.check_time(off).await.unwrap();
        other.purge(off).await.unwrap();
        assert!(other.challenge("s", "a").await.unwrap().unwrap().closed.is_none());
        // Another process, whose clock is right, starts after that.
        let third = connect(&url).await;
        third.resume(Timestamp::now()).await.unwrap();
        assert!(third.challenge("s", "a").await.unwrap().unwrap().closed.is_none());
    }
    assert!(matches!(store.charge_attempt(attempt("a", now)).await.unwrap(), Charged::Compare(_)));
}

#[tokio::test]
async fn the_time_of_the_store_is_the_clock_of_the_database() {
    let Some((_, store)) = store().await else { return };
    for off in [Timestamp::now() + HOUR, Timestamp::now() - HOUR] {
        let time = store.check_time(off).await.unwrap();
        assert!(time.duration_since(Timestamp::now()).abs() < jiff::SignedDuration::from_secs(5), "{time}");
    }
}

#[tokio::test]
async fn a_database_clock_that_was_set_back_ends_what_is_open() {
    let Some((url, store)) = store().await else { return };
    let now = Timestamp::now();
    store.open_challenge(opening("a", now)).await.unwrap();
    let ahead = ms(now) + 60_000;
    let write = move |session: Arc<Session>, _: bool| async move {
        session.execute("UPDATE clock SET newest = $1", values![ahead]).await
    };
    store.pool.run(Work::Write, write).await.unwrap();
    connect(&url).await.resume(now).await.unwrap();
    assert_eq!(store.challenge("s", "a").await.unwrap().unwrap().closed, Some(Closing::Cancelled));
}
