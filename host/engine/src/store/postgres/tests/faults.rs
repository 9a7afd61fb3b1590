//! Lost connections, and databases that do not respond.

use std::time::{Duration, Instant};

use futures::future::join_all;

use super::proxy::{Link, Proxy};
use super::*;

/// A store that reaches its database through a proxy, and the name of the database.
async fn behind_a_proxy(call: Duration) -> Option<(&'static Cluster, String, Proxy, PostgresStore)> {
    let cluster = Cluster::shared()?;
    let name = cluster.new_database_name().await;
    let proxy = Proxy::start(cluster.port).await;
    let url = cluster.url(&name).replace(&cluster.port.to_string(), &proxy.port.to_string());
    let options = PostgresOptions::parse(&url).unwrap().connections(4).call_timeout(call);
    let store = PostgresStore::connect(options).await.unwrap();
    Some((cluster, name, proxy, store))
}

const SECOND: Duration = Duration::from_secs(1);

/// Terminates all connections of a store to its database.
async fn terminate(cluster: &Cluster, name: &str) {
    let sql = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
    cluster.sql("postgres", &sql).await;
}

#[tokio::test]
async fn a_terminated_connection_is_replaced() {
    let Some((cluster, name, _proxy, store)) = behind_a_proxy(10 * SECOND).await else { return };
    store.open_challenge(opening("a", noon())).await.unwrap();
    for _ in 0..5 {
        terminate(cluster, &name).await;
        assert!(store.challenge("s", "a").await.unwrap().is_some());
        terminate(cluster, &name).await;
        // This call recognizes its own first try.
        store.charge_attempt(Attempt { person: PERSON, ..attempt("a", noon()) }).await.unwrap();
    }
}

/// Loses the response to what is done, but not that to its second try.
async fn whose_response_is_lost<T>(proxy: &Proxy, act: impl Future<Output = Result<T>>) -> Result<T> {
    proxy.set(Link::LosesAnswers);
    let (answer, ()) = tokio::join!(act, async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        proxy.set(Link::Open);
    });
    answer
}

fn is_unknown(error: &StoreError) -> bool {
    error.kind() == StoreErrorKind::OutcomeUnknown
}

#[tokio::test]
async fn a_right_code_whose_response_is_lost_is_repeated_and_accepted_once() {
    let Some((_, _, proxy, store)) = behind_a_proxy(10 * SECOND).await else { return };
    for (id, attempts) in [("a", 5), ("b", 1)] {
        let challenge = ChallengeRecord { max_attempts: attempts, ..challenge(id, noon()) };
        store.open_challenge(OpenChallenge { challenge, ..opening(id, noon()) }).await.unwrap();
        let answer = whose_response_is_lost(&proxy, store.answer_challenge(right(id, noon()))).await;
        // Accepted, or unknown; never refused.
        assert!(answer.as_ref().map_or_else(is_unknown, Answered::is_right), "{answer:?}");
        assert_eq!(store.answer_challenge(right(id, noon())).await.unwrap(), Answered::Closed);
    }
}

#[tokio::test]
async fn a_right_code_that_is_sent_again_while_its_first_try_still_runs_is_accepted_once_and_counted_once() {
    let Some((cluster, name, proxy, store)) = behind_a_proxy(10 * SECOND).await else { return };
    let charge = Charge { key: [9; 16], amount: 1, limit: 2, window_ms: 3_600_000 };
    for charges in [vec![charge], Vec::new()] {
        let id = if charges.is_empty() { "b" } else { "a" };
        store.open_challenge(opening(id, noon())).await.unwrap();
        let answer = CodeAnswer { attempt: Attempt { charges, ..attempt(id, noon()) }, ..right(id, noon()) };
        let mut client = cluster.client(&name).await;
        let holds = client.transaction().await.unwrap();
        holds.execute("SELECT FROM challenges WHERE id = $1 FOR UPDATE", &[&id]).await.unwrap();
        let (answered, ()) = tokio::join!(store.answer_challenge(answer), async {
            cluster.waits_for_locks(&name, 1).await;
            proxy.close_connections();
            cluster.waits_for_locks(&name, 2).await;
            holds.rollback().await.unwrap();
        });
        let answered = answered.unwrap();
        assert!(answered.is_right(), "{answered:?}");
        let reached = store.reached_limits([1; 16], PERSON, vec![charge], noon()).await.unwrap();
        assert!(reached.charges.is_empty(), "it was counted twice");
    }
}

#[tokio::test]
async fn a_right_answer_of_a_factor_whose_response_is_lost_is_repeated_and_accepted_once() {
    let Some((_, _, proxy, store)) = behind_a_proxy(10 * SECOND).await else { return };
    store.open_challenge(opening("a", noon())).await.unwrap();
    let answer = whose_response_is_lost(&proxy, store.consume_challenge(consume("a", noon()))).await;
    assert!(answer.as_ref().map_or_else(is_unknown, |one| one.is_done()));
    assert_eq!(store.consume_challenge(consume("a", noon())).await.unwrap(), Consumed::Closed);
}

#[tokio::test]
async fn a_wrong_code_whose_response_is_lost_is_never_accepted() {
    let Some((_, _, proxy, store)) = behind_a_proxy(10 * SECOND).await else { return };
    let challenge = ChallengeRecord { max_attempts: 1, ..challenge("a", noon()) };
    store.open_challenge(OpenChallenge { challenge, ..opening("a", noon()) }).await.unwrap();
    let wrong = answer("a", CodeMac { mac: [0; 32], ..CODE }, noon());
    let answered = whose_response_is_lost(&proxy, store.answer_challenge(wrong)).await;
    assert!(answered.as_ref().map_or_else(is_unknown, |one| matches!(one, Answered::Wrong(_))), "{answered:?}");
    assert_eq!(store.answer_challenge(right("a", noon())).await.unwrap(), Answered::Closed);
}

#[tokio::test]
async fn an_opening_whose_response_is_lost_leaves_one_challenge_and_one_count() {
    let Some((_, _, proxy, store)) = behind_a_proxy(10 * SECOND).await else { return };
    store.challenge("s", "a").await.unwrap();
    let charge = Charge { key: [9; 16], amount: 1, limit: 2, window_ms: 3_600_000 };
    let claim = IdempotencyClaim { key: [8; 16], request: [8; 32], until: noon() + DAY };
    let request = OpenChallenge { charges: vec![charge], idempotency: Some(claim), ..opening("a", noon()) };
    proxy.set(Link::LosesAnswers);
    let (opened, ()) = tokio::join!(store.open_challenge(request), async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        proxy.set(Link::Open);
    });
    assert!(
        opened.as_ref().map_or_else(|error| error.kind() == StoreErrorKind::OutcomeUnknown, |one| *one == Opened::Open)
    );
    let reached = store.reached_limits([1; 16], PERSON, vec![charge], noon()).await.unwrap();
    assert!(reached.charges.is_empty(), "it was counted twice");
}

#[tokio::test]
async fn a_call_that_does_not_recognize_its_own_first_try_has_an_unknown_outcome() {
    let Some((_, _, proxy, store)) = behind_a_proxy(10 * SECOND).await else { return };
    store.open_challenge(opening("a", noon())).await.unwrap();
    proxy.set(Link::LosesAnswers);
    let error = store.close_challenge("s", "a", Closing::Cancelled, noon()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::OutcomeUnknown, "{error}");
    proxy.set(Link::Open);
    // What the server still computes is seen once it is committed.
    let closed = async || store.challenge("s", "a").await.unwrap().unwrap().closed;
    while closed().await.is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(closed().await, Some(Closing::Cancelled));
}

#[tokio::test]
async fn a_call_that_only_conflicts_is_busy_but_its_outcome_is_unknown_if_its_first_try_was_lost() {
    let Some((_, _, _proxy, store)) = behind_a_proxy(10 * SECOND).await else { return };
    for (loses_first, kind) in [(false, StoreErrorKind::Busy), (true, StoreErrorKind::OutcomeUnknown)] {
        let call = move |session: Arc<Session>, is_repeated: bool| async move {
            match loses_first && !is_repeated {
                true => session.batch("SELECT pg_terminate_backend(pg_backend_pid())").await,
                false => session.batch("DO 'BEGIN RAISE deadlock_detected; END'").await,
            }
        };
        let error = store.pool.run(Work::Repeatable, call).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
}

#[tokio::test]
async fn calls_to_a_stalled_database_time_out_and_work_again_later() {
    let Some((_, _, proxy, store)) = behind_a_proxy(SECOND).await else { return };
    store.open_challenge(opening("a", noon())).await.unwrap();
    proxy.set(Link::Stalled);
    let begun = Instant::now();
    let error = store.consume_challenge(consume("a", noon())).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::OutcomeUnknown, "{error}");
    assert!(begun.elapsed() < 3 * SECOND, "{:?}", begun.elapsed());
    let error = store.challenge("s", "a").await.unwrap_err();
    assert!(error.is_unavailable(), "{error}");
    proxy.set(Link::Open);
    let recovered = Instant::now();
    while store.challenge("s", "a").await.is_err() {
        assert!(recovered.elapsed() < 2 * SECOND);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn while_the_database_is_gone_calls_fail_at_once_and_few_connect() {
    let Some((_, _, proxy, store)) = behind_a_proxy(SECOND).await else { return };
    store.open_challenge(opening("a", noon())).await.unwrap();
    proxy.set(Link::Cut);
    let (before, begun) = (proxy.accepted(), Instant::now());
    let results = join_all((0..200).map(|_| store.challenge("s", "a"))).await;
    assert!(results.iter().all(|one| one.as_ref().unwrap_err().is_unavailable()));
    assert!(begun.elapsed() < 2 * SECOND, "{:?}", begun.elapsed());
    // At most four connect at once. The pauses between are 50 ms and more, and each is twice as long as the one before: there are at most
    // five of them in two seconds, and one attempt before.
    let tried = proxy.accepted() - before;
    assert!((1..=4 * 6).contains(&tried), "{tried}");
    proxy.set(Link::Open);
    let recovered = Instant::now();
    while store.challenge("s", "a").await.is_err() {
        assert!(recovered.elapsed() < 2 * SECOND);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn calls_that_cannot_wait_are_refused_and_the_queue_does_not_grow() {
    let Some((cluster, name, _proxy, store)) = behind_a_proxy(10 * SECOND).await else { return };
    store.open_challenge(opening("a", noon())).await.unwrap();
    // Another connection holds the row that all of them need.
    let other = cluster.client(&name).await;
    other.batch_execute("BEGIN; SELECT 1 FROM challenges FOR UPDATE").await.unwrap();
    let calls = (0..300).map(|_| store.charge_attempt(attempt("a", noon())));
    let release = async {
        tokio::time::sleep(SECOND).await;
        other.batch_execute("ROLLBACK").await.unwrap();
    };
    let (results, ()) = tokio::join!(join_all(calls), release);
    let refused = results.iter().filter(|one| one.as_ref().is_err_and(StoreError::is_busy)).count();
    // Four calls run, and 32 wait for each of them.
    assert_eq!(refused, 300 - 4 - 4 * 32);
    let compared = results.iter().filter(|one| matches!(one, Ok(Charged::Compare(_)))).count();
    assert_eq!(compared, 5);
}

#[tokio::test]
async fn a_caller_that_gives_up_leaves_no_transaction_open() {
    let Some((cluster, name, _proxy, store)) = behind_a_proxy(10 * SECOND).await else { return };
    let subscription =
        |n: u32| Subscription { id: format!("s{n}"), name: "S".to_owned(), revision: 1, created_at: noon() };
    for n in 0..20 {
        let change = vec![ConfigurationChange::CreateSubscription(subscription(n))];
        let gave_up =
            tokio::time::timeout(Duration::from_micros(200 * u64::from(n)), store.apply_changes(change, 1)).await;
        drop(gave_up);
    }
    let until = Instant::now() + 5 * SECOND;
    while store.subscriptions(None, Part::whole()).await.unwrap().len() < 20 {
        assert!(Instant::now() < until);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let client = cluster.client("postgres").await;
    let sql = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}' AND state LIKE 'idle in%'");
    assert_eq!(client.query_one(&sql, &[]).await.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test]
async fn calls_that_wait_long_for_a_lock_are_busy() {
    let Some((cluster, name, _proxy, store)) = behind_a_proxy(20 * SECOND).await else { return };
    store.open_challenge(opening("a", noon())).await.unwrap();
    let other = cluster.client(&name).await;
    other.batch_execute("BEGIN; LOCK TABLE challenges IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let begun = Instant::now();
    let error = store.charge_attempt(attempt("a", noon())).await.unwrap_err();
    assert!(error.is_busy(), "{error}");
    assert!(begun.elapsed() < 8 * SECOND, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn errors_contain_no_values() {
    let Some((_, _, _proxy, store)) = behind_a_proxy(10 * SECOND).await else { return };
    let subscription =
        Subscription { id: "secret-id".to_owned(), name: "S".to_owned(), revision: 1, created_at: noon() };
    store.create_subscription(subscription.clone()).await.unwrap();
    let error = store.create_subscription(subscription).await.unwrap_err();
    assert!(error.is_conflict());
    let mut texts = format!("{error} {error:?}");
    let mut source = std::error::Error::source(&error);
    while let Some(one) = source {
        texts.push_str(&format!("{one} {one:?}"));
        source = one.source();
    }
    assert!(!texts.contains("secret-id"), "{texts}");
}

#[tokio::test]
async fn a_repeated_answer_that_finds_no_attempt_left_is_unknown_and_not_wrong() {
    let Some((_, _, proxy, store)) = behind_a_proxy(10 * SECOND).await else { return };
    let mut request = opening("a", noon());
    request.challenge.max_attempts = 1;
    store.open_challenge(request).await.unwrap();
    proxy.set(Link::LosesAnswers);
    let (answer, ()) = tokio::join!(store.charge_attempt(attempt("a", noon())), async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        proxy.set(Link::Open);
    });
    // If nothing was lost, the answer is compared.
    let is_unknown = answer.as_ref().is_err_and(|error| error.kind() == StoreErrorKind::OutcomeUnknown);
    assert!(is_unknown || matches!(answer, Ok(Charged::Compare(_))), "{answer:?}");
}

#[tokio::test]
async fn an_opening_that_is_repeated_while_its_first_try_still_runs_is_recognized() {
    let Some((cluster, name, proxy, store)) = behind_a_proxy(10 * SECOND).await else { return };
    let charge = Charge { key: [9; 16], amount: 1, limit: 3, window_ms: 3_600_000 };
    store.charge(vec![charge], noon()).await.unwrap();
    // Both tries wait for this row: the first one, which nobody listens to, gets it first.
    let other = cluster.client(&name).await;
    other.batch_execute("BEGIN; SELECT 1 FROM buckets FOR UPDATE").await.unwrap();
    let open = store.open_challenge(OpenChallenge { charges: vec![charge], ..opening("a", noon()) });
    let (opened, ()) = tokio::join!(open, async {
        cluster.waits_for_locks(&name, 1).await;
        proxy.close_connections();
        cluster.waits_for_locks(&name, 2).await;
        other.batch_execute("COMMIT").await.unwrap();
    });
    assert_eq!(opened.unwrap(), Opened::Open);
    let reached = store.reached_limits([1; 16], PERSON, vec![charge], noon()).await.unwrap();
    assert!(reached.charges.is_empty(), "it was counted twice");
}

#[tokio::test]
async fn a_database_that_stalls_while_a_process_starts_does_not_hang_it() {
    let Some((cluster, name, proxy, _store)) = behind_a_proxy(10 * SECOND).await else { return };
    let url = cluster.url(&name).replace(&cluster.port.to_string(), &proxy.port.to_string());
    let options = PostgresOptions::parse(&url).unwrap().call_timeout(SECOND / 4);
    let session = options.connect().await.unwrap();
    proxy.set(Link::Stalled);
    let begun = Instant::now();
    let error = prepare(&session, &options).await.unwrap_err();
    assert!(error.is_unavailable(), "{error}");
    let error = migrations::migrate(&session, migrations::MIGRATIONS, SECOND / 4).await.unwrap_err();
    assert!(error.is_unavailable(), "{error}");
    assert!(begun.elapsed() < 2 * SECOND, "{:?}", begun.elapsed());
}
