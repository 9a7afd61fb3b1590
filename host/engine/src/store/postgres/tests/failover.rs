//! A standby is promoted, and the last second before that is lost. Each test opens a challenge that the standby knows, cuts the link
//! between the two, and gives the right code to the old primary and then to the new one.

use std::time::{Duration, Instant};

use futures::future::join_all;

use super::proxy::{Link, Proxy};
use super::*;
use crate::store::conformance::factors::{adding, using};

/// A primary and its standby, with a challenge that both know.
struct Pair {
    primary: Cluster,
    standby: Cluster,
    link: Proxy,
    name: String,
}

const SECOND: Duration = Duration::from_secs(1);

async fn pair(is_synchronous: bool) -> Option<Pair> {
    let primary = Cluster::start(&[])?;
    primary.sql("postgres", "CREATE DATABASE it").await;
    let store = connect(&primary.url("it")).await;
    let pair = follow(primary).await;
    if is_synchronous {
        let client = pair.primary.client("postgres").await;
        client.batch_execute("ALTER SYSTEM SET synchronous_standby_names = 's1'").await.unwrap();
        client.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    }
    store.open_challenge(opening("a", noon())).await.unwrap();
    pair.wait_for_the_standby(is_synchronous).await;
    Some(pair)
}

/// Starts a standby of a primary.
async fn follow(primary: Cluster) -> Pair {
    let link = Proxy::start(primary.port).await;
    // It copies the data directly, and replicates through the proxy.
    let (standby, primary) = {
        let port = link.port;
        tokio::task::spawn_blocking(move || (Cluster::standby(&primary, port), primary)).await.unwrap()
    };
    Pair { primary, standby, link, name: "it".to_owned() }
}

impl Pair {
    async fn wait_for_the_standby(&self, is_synchronous: bool) {
        let client = self.primary.client("postgres").await;
        let sql = format!(
            "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn >= pg_current_wal_lsn() AND sync_state = '{}'",
            if is_synchronous { "sync" } else { "async" }
        );
        let until = Instant::now() + 20 * SECOND;
        while client.query_one(&sql, &[]).await.unwrap().get::<_, i64>(0) == 0 {
            assert!(Instant::now() < until, "the standby does not replicate");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Connects to the old primary. Calls time out after two seconds.
    async fn old(&self) -> PostgresStore {
        let options = PostgresOptions::parse(&self.primary.url(&self.name)).unwrap();
        let store = PostgresStore::connect(options.call_timeout(2 * SECOND)).await.unwrap();
        // What follows writes nothing but what it is for.
        store.record_time(noon()).await.unwrap();
        store
    }

    /// Promotes the standby. It still has the old version of the row that the old primary changed: without the epoch, the code would be
    /// accepted again.
    async fn promote(&self) -> PostgresStore {
        self.standby.promote();
        let client = self.standby.client(&self.name).await;
        client.batch_execute("ALTER SYSTEM RESET synchronous_standby_names").await.unwrap();
        client.batch_execute("SELECT pg_reload_conf()").await.unwrap();
        let lost = client.query_one("SELECT closed IS NULL FROM challenges WHERE id = 'a'", &[]).await.unwrap();
        assert!(lost.get::<_, bool>(0), "nothing was lost");
        connect(&self.standby.url(&self.name)).await
    }
}

/// Checks that a challenge of the old timeline accepts nothing on the new one, and that a new challenge accepts its code.
async fn only_new_challenges_count(new: &PostgresStore) {
    assert_eq!(new.answer_challenge(right("a", noon())).await.unwrap(), Answered::Closed);
    assert_eq!(new.charge_attempt(attempt("a", noon())).await.unwrap(), Charged::Closed);
    assert_eq!(new.consume_challenge(consume("a", noon())).await.unwrap(), Consumed::Closed);
    assert_eq!(new.challenge("s", "a").await.unwrap().unwrap().closed, Some(Closing::Cancelled));
    new.open_challenge(opening("b", noon())).await.unwrap();
    assert!(new.answer_challenge(right("b", noon())).await.unwrap().is_right());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_accepted_and_lost_without_synchronous_replication_is_not_accepted_again() {
    let Some(pair) = pair(false).await else { return };
    let old = pair.old().await;
    pair.link.set(Link::Stalled);
    assert!(old.answer_challenge(right("a", noon())).await.unwrap().is_right());
    pair.link.set(Link::Cut);
    let new = pair.promote().await;
    only_new_challenges_count(&new).await;
    // The old primary was not stopped: it still accepts its own challenges, once.
    assert_eq!(old.answer_challenge(right("a", noon())).await.unwrap(), Answered::Closed);
    old.open_challenge(opening("c", noon())).await.unwrap();
    assert!(old.answer_challenge(right("c", noon())).await.unwrap().is_right());
    assert_eq!(new.answer_challenge(right("c", noon())).await.unwrap(), Answered::Closed);
    pair.primary.crash();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_synchronous_standby_is_gone_no_code_is_reported_as_right() {
    let Some(pair) = pair(true).await else { return };
    let old = pair.old().await;
    pair.link.set(Link::Stalled);
    let error = old.answer_challenge(right("a", noon())).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::OutcomeUnknown, "{error}");
    pair.link.set(Link::Cut);
    only_new_challenges_count(&pair.promote().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_timeout_does_not_make_a_waiting_commit_look_like_success() {
    let Some(pair) = pair(true).await else { return };
    pair.primary.sql("postgres", "ALTER DATABASE it SET statement_timeout = '1s'").await;
    let old = pair.old().await;
    pair.link.set(Link::Stalled);
    let error = old.answer_challenge(right("a", noon())).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::OutcomeUnknown, "{error}");
    pair.link.set(Link::Cut);
    only_new_challenges_count(&pair.promote().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_wait_is_cancelled_has_an_unknown_outcome() {
    let Some(pair) = pair(true).await else { return };
    let old = pair.old().await;
    pair.link.set(Link::Stalled);
    let administrator = pair.primary.client("postgres").await;
    let cancel = async {
        let sql = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        while administrator.query(sql, &[]).await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // The call is repeated on another connection, where it finds its own first try.
        while administrator.query(sql, &[]).await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let answer = tokio::select! {
        answer = old.answer_challenge(right("a", noon())) => answer,
        () = async { cancel.await; std::future::pending().await } => unreachable!(),
    };
    let error = answer.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::OutcomeUnknown, "{error}");
    pair.link.set(Link::Cut);
    only_new_challenges_count(&pair.promote().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_knows_both_hosts_continues_after_a_failover() {
    let Some(pair) = pair(false).await else { return };
    let url = format!(
        "postgres://postgres@127.0.0.1:{},127.0.0.1:{}/{}?sslmode=disable",
        pair.primary.port, pair.standby.port, pair.name
    );
    let store = connect(&url).await;
    assert!(matches!(store.charge_attempt(attempt("a", noon())).await.unwrap(), Charged::Compare(_)));
    let Pair { primary, standby, link, name: _ } = pair;
    link.set(Link::Cut);
    primary.crash();
    assert!(store.challenge("s", "a").await.unwrap_err().is_unavailable());
    standby.promote();
    let promoted = Instant::now();
    while store.challenge("s", "a").await.is_err() {
        assert!(promoted.elapsed() < 2 * SECOND, "{:?}", promoted.elapsed());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    only_new_challenges_count(&store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_of_an_app_that_was_used_and_lost_is_not_asked_for_until_it_has_expired() {
    let Some(pair) = pair(false).await else { return };
    let old = pair.old().await;
    old.add_factor(adding("f", noon())).await.unwrap();
    let asks = |id: &str, seconds| OpenChallenge { repeatable_for: Some(SECOND * seconds), ..opening(id, noon()) };
    // A new database has forgotten nothing.
    assert_eq!(old.open_challenge(asks("app", 3600)).await.unwrap(), Opened::Open);
    pair.wait_for_the_standby(false).await;
    pair.link.set(Link::Stalled);
    let used = Consume { factor: Some(using("f", 1)), ..consume("app", noon()) };
    assert!(old.consume_challenge(used).await.unwrap().is_done());
    // `promote` looks for a loss in this one.
    assert!(old.answer_challenge(right("a", noon())).await.unwrap().is_right());
    pair.link.set(Link::Cut);
    let new = pair.promote().await;
    assert_eq!(new.factor("s", "f").await.unwrap().unwrap().revision, 1, "the use was not lost");

    let promoted = Instant::now();
    let Opened::TooEarly(until) = new.open_challenge(asks("b", 2)).await.unwrap() else { panic!("opened") };
    assert!(until > Timestamp::now() && until <= Timestamp::now() + SECOND * 2, "{until}");
    // What answers to the challenge itself need not wait.
    assert_eq!(new.open_challenge(opening("passkey", noon())).await.unwrap(), Opened::Open);
    while new.open_challenge(asks("b", 2)).await.unwrap() != Opened::Open {
        assert!(promoted.elapsed() < 10 * SECOND);
        tokio::time::sleep(SECOND / 10).await;
    }
    assert!(promoted.elapsed() > SECOND, "{:?}", promoted.elapsed());
    // Another process knows when the timeline began.
    let other = connect(&pair.standby.url(&pair.name)).await;
    assert_eq!(other.open_challenge(asks("c", 2)).await.unwrap(), Opened::Open);
    assert!(matches!(other.open_challenge(asks("d", 3600)).await.unwrap(), Opened::TooEarly(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_three_failovers_in_a_row_no_code_is_accepted_twice() {
    no_code_is_accepted_twice_in(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes"]
async fn in_fifty_failovers_no_code_is_accepted_twice() {
    no_code_is_accepted_twice_in(50).await;
}

/// The standby is promoted again and again, each time after a moment of its primary was lost, and the old primary goes on for a while.
async fn no_code_is_accepted_twice_in(failovers: u64) {
    const CODES: u64 = 10;
    let Some(mut primary) = Cluster::start(&[]) else { return };
    primary.sql("postgres", "CREATE DATABASE it").await;
    drop(connect(&primary.url("it")).await);
    let (mut accepted, mut lost) = (0, 0);
    for round in 0..failovers {
        let pair = follow(primary).await;
        let id = |n: u64| format!("{round}-{n}");
        let old = pair.old().await;
        for n in 0..CODES {
            old.open_challenge(opening(&id(n), noon())).await.unwrap();
        }
        pair.wait_for_the_standby(false).await;
        let answers = join_all((0..CODES - 1).map(|n| {
            let (old, id) = (&old, id(n));
            async move {
                tokio::time::sleep(Duration::from_millis(5 * n)).await;
                old.answer_challenge(right(&id, noon())).await.unwrap().is_right()
            }
        }));
        let (mut first, ()) = tokio::join!(answers, async {
            tokio::time::sleep(Duration::from_millis(round * 7 % 50)).await;
            pair.link.set(Link::Stalled);
        });
        // At least this one is lost, however fast the others were.
        first.push(old.answer_challenge(right(&id(CODES - 1), noon())).await.unwrap().is_right());
        pair.link.set(Link::Cut);
        pair.standby.promote();
        let new = connect(&pair.standby.url(&pair.name)).await;
        let open = "SELECT count(*) FROM challenges WHERE id LIKE $1 AND closed IS NULL";
        let client = pair.standby.client(&pair.name).await;
        lost += client.query_one(open, &[&format!("{round}-%")]).await.unwrap().get::<_, i64>(0);
        for n in 0..CODES {
            let mut times = u32::from(first[usize::try_from(n).unwrap()]);
            for store in [&new, &old, &new] {
                times += u32::from(store.answer_challenge(right(&id(n), noon())).await.unwrap().is_right());
            }
            assert!(times <= 1, "{} was accepted {times} times", id(n));
            accepted += times;
        }
        let Pair { primary: abandoned, standby, .. } = pair;
        abandoned.crash();
        primary = standby;
    }
    println!("{failovers} failovers: {accepted} codes accepted, of which {lost} were lost and refused afterwards");
    assert!(lost >= i64::try_from(failovers).unwrap(), "{lost}");
}
