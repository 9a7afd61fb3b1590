//! Races between several processes on one database, in which READ COMMITTED alone would be wrong.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;

use super::*;
use crate::store::conformance::factors::{adding, beginning, enrolment};
use crate::store::conformance::remembered_browsers::browser;
use crate::store::conformance::revisions::furnished;
use crate::store::conformance::sign_ins::{sign_in, verified};
use crate::store::postgres::challenges::close_all;

/// Returns three processes that share a new database.
async fn processes() -> Option<Vec<Arc<PostgresStore>>> {
    let url = Cluster::shared()?.new_database().await;
    let stores = join_all((0..3).map(|_| connect(&url))).await;
    Some(stores.into_iter().map(Arc::new).collect())
}

/// Runs `count` tasks, spread over the processes, and returns their results.
async fn at_once<T, F>(
    stores: &[Arc<PostgresStore>],
    count: usize,
    act: impl Fn(Arc<PostgresStore>, usize) -> F,
) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks = (0..count).map(|n| tokio::spawn(act(stores[n % stores.len()].clone(), n)));
    join_all(tasks.collect::<Vec<_>>()).await.into_iter().map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cap_of_a_thousand_opens_exactly_a_thousand_of_three_thousand() {
    let Some(stores) = processes().await else { return };
    let charge = |byte, limit| Charge { key: [byte; 16], amount: 1, limit, window_ms: 3_600_000 };
    let opened = Arc::new(AtomicUsize::new(0));
    let next = Arc::new(AtomicUsize::new(0));
    // The narrow limit comes first, as in a request. It must not count what the wide limit refused.
    at_once(&stores, 64 * 3, |store, _| {
        let (opened, next) = (opened.clone(), next.clone());
        async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= 3000 {
                    return;
                }
                let request = OpenChallenge {
                    charges: vec![charge(1, u32::MAX), charge(2, 1000)],
                    ..opening(&format!("c{n}"), noon())
                };
                match store.open_challenge(request).await.unwrap() {
                    Opened::Open => opened.fetch_add(1, Ordering::Relaxed),
                    Opened::Limited(Limited::Until(until, 1)) => {
                        assert_eq!(until, noon() + HOUR);
                        0
                    }
                    other => panic!("{other:?}"),
                };
            }
        }
    })
    .await;
    assert_eq!(opened.load(Ordering::Relaxed), 1000);
    let reached = |limit| {
        let charges = vec![charge(1, limit), charge(2, limit)];
        stores[0].reached_limits([9; 16], PERSON, charges, noon())
    };
    assert_eq!(reached(1000).await.unwrap().charges.len(), 2);
    assert_eq!(reached(1001).await.unwrap().charges.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_concurrent_wrong_answers_only_the_allowed_number_is_compared() {
    let Some(stores) = processes().await else { return };
    let all = PersonLimits { consecutive: u32::MAX, daily: 1000, ..PERSON };
    stores[0].open_challenge(opening("a", noon())).await.unwrap();
    let compared = at_once(&stores, 320, move |store, _| async move {
        let attempt = Attempt { person: all, ..attempt("a", noon()) };
        matches!(store.charge_attempt(attempt).await.unwrap(), Charged::Compare(_))
    })
    .await;
    assert_eq!(compared.into_iter().filter(|compared| *compared).count(), 5);
    let wrong = |daily| stores[0].reached_limits([7; 16], PersonLimits { daily, ..PERSON }, Vec::new(), noon());
    assert!(wrong(5).await.unwrap().day_until.is_some());
    assert!(wrong(6).await.unwrap().day_until.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_allowed_answer_of_a_person_is_given_once() {
    let Some(stores) = processes().await else { return };
    let limits = PersonLimits { consecutive: 100, daily: u32::MAX, ..PERSON };
    join_all((0..110).map(|n| stores[0].open_challenge(opening(&format!("c{n}"), noon())))).await;
    let compared = at_once(&stores, 110, move |store, n| async move {
        let attempt = Attempt { person: limits, ..attempt(&format!("c{n}"), noon()) };
        match store.charge_attempt(attempt).await.unwrap() {
            Charged::Compare(_) => 1,
            Charged::Limited(Limited::PersonLocked) => 0,
            other => panic!("{other:?}"),
        }
    })
    .await;
    assert_eq!(compared.into_iter().sum::<u32>(), 100);
    // Refused answers were not counted as attempts either.
    let attempts = join_all((0..110).map(|n| {
        let (store, id) = (&stores[0], format!("c{n}"));
        async move { store.challenge("s", &id).await.unwrap().unwrap().attempts }
    }))
    .await;
    assert_eq!(attempts.into_iter().sum::<u32>(), 100);
}

/// Otherwise somebody who answers many challenges of a person at the same moment would have more answers compared than the limit
/// allows: each would see that none was wrong yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_answer_waits_for_the_answers_of_its_person_that_came_before_it() {
    let Some(cluster) = Cluster::shared() else { return };
    let name = cluster.new_database_name().await;
    let store = connect(&cluster.url(&name)).await;
    let three = PersonLimits { consecutive: 3, ..PERSON };
    let answer = |id| CodeAnswer { attempt: Attempt { person: three, ..attempt(id, noon()) }, ..right(id, noon()) };
    for id in ["a", "b"] {
        store.open_challenge(opening(id, noon())).await.unwrap();
    }
    let now = store.challenge("s", "a").await.unwrap().unwrap().created_at.as_millisecond();
    let mut client = cluster.client(&name).await;
    for (id, commits) in [("a", false), ("b", true)] {
        // Three wrong answers at other challenges of the person, not committed yet.
        let others = client.transaction().await.unwrap();
        let person: &[u8] = &[7; 16];
        let sql = "INSERT INTO persons (person, consecutive, last, day_started, day_wrong) VALUES ($1, 3, $2, $2, 3)";
        others.execute(sql, &[&person, &now]).await.unwrap();
        let (answered, ()) = tokio::join!(store.answer_challenge(answer(id)), async {
            cluster.waits_for_locks(&name, 1).await;
            match commits {
                true => others.commit().await.unwrap(),
                false => others.rollback().await.unwrap(),
            }
        });
        match commits {
            true => {
                assert_eq!(answered.unwrap(), Answered::Limited(Limited::PersonLocked));
                let untouched = store.challenge("s", id).await.unwrap().unwrap();
                assert_eq!((untouched.closed, untouched.attempts), (None, 0));
            }
            false => {
                assert!(answered.unwrap().is_right());
                cluster.sql(&name, "DELETE FROM persons").await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_right_answers_to_several_processes_one_is_accepted() {
    let Some(stores) = processes().await else { return };
    stores[0].open_challenge(opening("b", noon())).await.unwrap();
    let answers =
        at_once(&stores, 320, |store, _| async move { store.answer_challenge(right("b", noon())).await.unwrap() });
    assert_eq!(answers.await.into_iter().filter(Answered::is_right).count(), 1);
    stores[0].open_challenge(opening("a", noon())).await.unwrap();
    let accepted =
        at_once(&stores, 320, |store, _| async move { store.consume_challenge(consume("a", noon())).await.unwrap() })
            .await;
    assert_eq!(accepted.into_iter().filter(|accepted| accepted.is_done()).count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_requests_with_one_key_one_opens_its_challenge_and_all_get_it() {
    let Some(stores) = processes().await else { return };
    let claim = IdempotencyClaim { key: [8; 16], request: [8; 32], until: noon() + DAY };
    let results = at_once(&stores, 96, move |store, n| async move {
        let request = OpenChallenge { idempotency: Some(claim), ..opening(&format!("c{n}"), noon()) };
        match store.open_challenge(request).await.unwrap() {
            Opened::Open => 1,
            Opened::Repeated(record) => {
                assert_eq!(record.request, [8; 32]);
                0
            }
            other => panic!("{other:?}"),
        }
    })
    .await;
    assert_eq!(results.into_iter().sum::<u32>(), 1);
}

fn administrator(n: u8) -> AccountRecord {
    AccountRecord {
        seq: 0,
        id: format!("a{n}"),
        email: [n; 16],
        sealed: Vec::new(),
        role: r#"{"role":"system_admin"}"#.to_owned(),
        password: None,
        identity: Some([100 + n; 16]),
        disabled: false,
        generation: 1,
        revision: 1,
        created_at: noon(),
        last_login_at: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_administrators_who_disable_each_other_leave_one() {
    let Some(stores) = processes().await else { return };
    for round in 0..20_u8 {
        for n in 0..2 {
            stores[0].insert_external_account(administrator(round * 2 + n)).await.unwrap();
        }
        let disable = |store: Arc<PostgresStore>, n: usize| {
            let account = AccountRecord {
                disabled: true,
                generation: 2,
                revision: 2,
                ..administrator(round * 2 + u8::try_from(n).unwrap())
            };
            async move { store.update_account(account, 1).await.unwrap() }
        };
        let mut results = at_once(&stores, 2, disable).await;
        results.sort_by_key(|update| *update != AccountUpdate::Applied);
        assert_eq!(results, [AccountUpdate::Applied, AccountUpdate::LastSystemAdmin]);
        // The next round must start without accounts.
        stores[0]
            .pool
            .run(Work::Write, |session, _| async move { session.batch("DELETE FROM accounts").await })
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statistics_in_any_order_add_up_without_a_deadlock() {
    let Some(stores) = processes().await else { return };
    let record = |n: usize| StatisticRecord {
        hour: noon(),
        subscription: "s".to_owned(),
        instance: format!("i{n}"),
        event: "started".to_owned(),
        label: String::new(),
        count: 1,
        last: noon(),
    };
    at_once(&stores, 48, |store, n| {
        let mut records: Vec<_> = (0..50).map(record).collect();
        records.rotate_left(n);
        if n % 2 == 0 {
            records.reverse();
        }
        async move { store.add_statistics(records).await.unwrap() }
    })
    .await;
    let sums = stores[0].statistics("s", noon()).await.unwrap();
    assert_eq!(sums.len(), 50);
    assert!(sums.iter().all(|one| one.count == 48));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_deletes_no_window_that_has_just_begun() {
    let Some(stores) = processes().await else { return };
    let charge = Charge { key: [9; 16], amount: 1, limit: u32::MAX, window_ms: 1 };
    for round in 0..50 {
        let now = noon() + Duration::from_millis(10 * round);
        stores[0].charge(vec![charge], now).await.unwrap();
        // The next window begins while the last one is purged.
        let later = now + Duration::from_millis(5);
        let day = Charge { window_ms: 86_400_000, ..charge };
        let (charged, purged) = tokio::join!(stores[1].charge(vec![day], later), stores[2].purge(later + DAY));
        charged.unwrap();
        purged.unwrap();
        let full = Charge { limit: 1, ..day };
        let reached = stores[0].reached_limits([1; 16], PERSON, vec![full], later).await.unwrap();
        assert_eq!(reached.charges.len(), 1, "round {round}");
        stores[0]
            .pool
            .run(Work::Write, |session, _| async move { session.batch("DELETE FROM buckets").await })
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_log_of_several_processes_has_no_gap() {
    let Some(stores) = processes().await else { return };
    at_once(&stores, 12, |store, n| async move {
        let mut written = 0;
        while written < 5 {
            let seq = store.audit_head().await.unwrap().map_or(0, |head| head.seq) + 1;
            let record = AuditRecord {
                seq,
                at: noon(),
                actor: format!("actor {n}"),
                action: "instance.update".to_owned(),
                subject: String::new(),
                detail: String::new(),
                key: 1,
                mac: [1; 32],
            };
            let head = AuditHead { seq, mac: [1; 32], key: 1, seal: [1; 32] };
            written += u32::from(store.append_audit(record, head).await.unwrap().is_applied());
        }
    })
    .await;
    let lines = stores[0].audit(0, 1000).await.unwrap();
    assert_eq!(lines.iter().map(|line| line.seq).collect::<Vec<_>>(), (1..=60).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_invitations_of_the_first_administrator_the_later_one_is_left() {
    let Some(stores) = processes().await else { return };
    at_once(&stores, 24, |store, n| async move {
        let invitation = InvitationRecord {
            digest: [u8::try_from(n).unwrap(); 32],
            account: None,
            expires_at: noon() + DAY,
            without_second_factor: false,
        };
        assert!(store.put_invitation(invitation, noon()).await.unwrap());
    })
    .await;
    let found = join_all((0..24).map(|n| {
        let store = &stores[0];
        async move { store.invitation(&[n; 32]).await.unwrap() }
    }))
    .await;
    assert_eq!(found.into_iter().flatten().count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_use_of_a_factor_is_stored_once() {
    let Some(stores) = processes().await else { return };
    let factor = FactorRecord {
        id: "f".to_owned(),
        subscription: "s".to_owned(),
        user: [7; 16],
        instance: "i".to_owned(),
        type_id: "totp".to_owned(),
        unique_id: None,
        status: FactorStatus::Active,
        fallback: false,
        details: vec![1],
        state: vec![1],
        revision: 1,
        created_at: noon(),
        last_used_at: None,
        ended_at: None,
    };
    let request =
        AddFactor { factor, enrolment: None, changes: None, replaces_earlier: false, max_per_user: 1, now: noon() };
    assert_eq!(stores[0].add_factor(request).await.unwrap(), FactorAdded::Added(Vec::new()));
    join_all((0..48).map(|n| stores[0].open_challenge(opening(&format!("c{n}"), noon())))).await;
    // The same code of an app answers many challenges.
    let results = at_once(&stores, 48, |store, n| async move {
        let used = FactorUse { factor: "f".to_owned(), revision: 1, state: vec![2] };
        store.consume_challenge(Consume { factor: Some(used), ..consume(&format!("c{n}"), noon()) }).await.unwrap()
    })
    .await;
    assert_eq!(results.iter().filter(|one| one.is_done()).count(), 1);
    assert_eq!(results.iter().filter(|one| **one == Consumed::FactorChanged).count(), 47);
    let open = join_all((0..48).map(|n| {
        let (store, id) = (&stores[0], format!("c{n}"));
        async move { store.challenge("s", &id).await.unwrap().unwrap().closed.is_none() }
    }))
    .await;
    assert_eq!(open.into_iter().filter(|open| *open).count(), 47);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_administrators_do_not_disable_each_other_where_snapshots_are_the_default() {
    let Some(cluster) = Cluster::shared() else { return };
    let name = cluster.new_database_name().await;
    let url = cluster.url(&name);
    let stores: Vec<_> = join_all((0..2).map(|_| connect(&url))).await;
    let change = format!("ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'");
    cluster.sql("postgres", &change).await;
    for n in 0..2 {
        stores[0].insert_external_account(administrator(n)).await.unwrap();
    }
    // Both wait for the guard before either looks.
    let client = cluster.client(&name).await;
    client.batch_execute("BEGIN; SELECT 1 FROM guards WHERE what = 'configuration' FOR UPDATE").await.unwrap();
    let disable = |n: u8| AccountRecord { disabled: true, generation: 2, revision: 2, ..administrator(n) };
    let (first, second, ()) =
        tokio::join!(stores[0].update_account(disable(0), 1), stores[1].update_account(disable(1), 1), async {
            cluster.waits_for_locks(&name, 2).await;
            client.batch_execute("COMMIT").await.unwrap();
        });
    let mut results = [first.unwrap(), second.unwrap()];
    results.sort_by_key(|update| *update != AccountUpdate::Applied);
    assert_eq!(results, [AccountUpdate::Applied, AccountUpdate::LastSystemAdmin]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_enrolment_begun_while_a_suspension_waits_does_not_survive_it() {
    let Some(cluster) = Cluster::shared() else { return };
    let name = cluster.new_database_name().await;
    let store = Arc::new(connect(&cluster.url(&name)).await);
    store.add_factor(adding("f", noon())).await.unwrap();
    store.add_remembered_browser(browser("d", noon()), 10, 1).await.unwrap();
    // The suspension gets as far as the remembered browsers: it has ended the enrolments.
    let client = cluster.client(&name).await;
    client.batch_execute("BEGIN; SELECT 1 FROM remembered_devices FOR UPDATE").await.unwrap();
    let suspending = store.clone();
    let suspended = tokio::spawn(async move {
        suspending.set_factor_status("s", "f", FactorStatus::Active, FactorStatus::Suspended).await.unwrap()
    });
    cluster.waits_for_locks(&name, 1).await;
    let begun = store.begin_enrolment(beginning(enrolment("e", noon())));
    tokio::pin!(begun);
    let is_before = tokio::time::timeout(Duration::from_millis(500), &mut begun).await.is_ok();
    client.batch_execute("COMMIT").await.unwrap();
    assert!(suspended.await.unwrap());
    if is_before {
        assert_eq!(store.enrolment("s", "e").await.unwrap(), None);
    } else {
        assert_eq!(begun.await.unwrap(), EnrolmentBegun::Begun);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_factor_waits_for_a_change_that_does_not_lock_the_guard_of_its_user() {
    let Some(cluster) = Cluster::shared() else { return };
    let name = cluster.new_database_name().await;
    let store = Arc::new(connect(&cluster.url(&name)).await);
    // As where an instance with factors of many users is removed.
    let client = cluster.client(&name).await;
    let sql = format!("BEGIN; INSERT INTO user_changes VALUES ('\\x{}', 1)", "07".repeat(16));
    client.batch_execute(&sql).await.unwrap();
    let adding_one = store.clone();
    let added = tokio::spawn(async move {
        adding_one.add_factor(AddFactor { changes: Some(0), ..adding("f", noon()) }).await.unwrap()
    });
    cluster.waits_for_locks(&name, 1).await;
    client.batch_execute("COMMIT").await.unwrap();
    assert_eq!(added.await.unwrap(), FactorAdded::Closed);
}

/// Otherwise recovery codes would be left alone: each of the two changes would see a factor that stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recovery_codes_do_not_stay_if_the_last_two_other_factors_end_at_once() {
    let Some(cluster) = Cluster::shared() else { return };
    let name = cluster.new_database_name().await;
    let store = Arc::new(connect(&cluster.url(&name)).await);
    furnished(&*store).await;
    for (id, instance, fallback) in [("f", "i", false), ("g", "j", false), ("r", "k", true)] {
        let mut new = adding(id, noon());
        (new.factor.instance, new.factor.fallback) = (instance.to_owned(), fallback);
        assert_eq!(store.add_factor(new).await.unwrap(), FactorAdded::Added(Vec::new()));
    }
    // The user removes one of them, which is not committed yet.
    let client = cluster.client(&name).await;
    let sql = "BEGIN; UPDATE user_changes SET count = count + 1; UPDATE factors SET status = 2 WHERE id = 'g'";
    client.batch_execute(sql).await.unwrap();
    let deleting = store.clone();
    let deleted = tokio::spawn(async move { deleting.delete_instance("i", 1, noon()).await.unwrap() });
    cluster.waits_for_locks(&name, 1).await;
    client.batch_execute("COMMIT").await.unwrap();
    assert!(deleted.await.unwrap().is_applied());
    assert_eq!(store.factors([7; 16], false).await.unwrap(), []);
}

/// Otherwise whoever gave the answer could add a factor after the reset.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_a_reset_waits_for_proves_nothing_after_it() {
    let Some(cluster) = Cluster::shared() else { return };
    let name = cluster.new_database_name().await;
    let store = Arc::new(connect(&cluster.url(&name)).await);
    let charge = Charge { key: [9; 16], amount: 1, limit: 9, window_ms: 3_600_000 };
    assert_eq!(store.charge(vec![charge], noon()).await.unwrap(), None);
    let client = cluster.client(&name).await;
    for (id, is_of_all) in [("a", false), ("b", true)] {
        store.open_challenge(opening(id, noon())).await.unwrap();
        // The answer is right, and waits for the count that it takes back.
        client.batch_execute("BEGIN; SELECT 1 FROM buckets FOR UPDATE").await.unwrap();
        let answering = store.clone();
        let answer = CodeAnswer { release: vec![charge.key], ..right(id, noon()) };
        let answered = tokio::spawn(async move { answering.answer_challenge(answer).await.unwrap() });
        cluster.waits_for_locks(&name, 1).await;
        let resetting = store.clone();
        let reset = tokio::spawn(async move {
            if is_of_all {
                // As after a clock that was wrong.
                let close = |c: Arc<Session>, _: Arc<()>| async move {
                    close_all(&c, noon().as_millisecond()).await.map(Step::Keep)
                };
                resetting.transaction(BEGIN_UNGUARDED.to_owned(), (), close).await.unwrap();
            } else {
                let reset = FactorReset { user: [7; 16], persons: vec![[7; 16]], account: None, now: noon() };
                resetting.reset_factors(reset).await.unwrap();
            }
        });
        cluster.waits_for_locks(&name, 2).await;
        client.batch_execute("COMMIT").await.unwrap();
        assert!(answered.await.unwrap().is_right());
        reset.await.unwrap();
        assert!(!store.use_challenge_as_proof("s", id, None, noon() - MINUTE, noon()).await.unwrap(), "{id}");
    }
}

/// Otherwise the code would be accepted after the reset, from an address that is no longer the user's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_challenge_to_an_address_that_was_read_before_a_reset_is_not_opened_after_it() {
    let Some(cluster) = Cluster::shared() else { return };
    let name = cluster.new_database_name().await;
    let store = Arc::new(connect(&cluster.url(&name)).await);
    let client = cluster.client(&name).await;
    // Of the first user something has changed before, of the second one nothing.
    store.reset_factors(FactorReset { user: [7; 16], persons: Vec::new(), account: None, now: noon() }).await.unwrap();
    for (id, user, count) in [("a", [7_u8; 16], 1), ("b", [6; 16], 0)] {
        // The reset has counted itself, and is not committed yet.
        let sql = "INSERT INTO user_changes AS u VALUES ($1, 1) ON CONFLICT (person) DO UPDATE SET count = u.count + 1";
        client.batch_execute("BEGIN").await.unwrap();
        client.execute(sql, &[&user.as_slice()]).await.unwrap();
        let opening_one = store.clone();
        let late = OpenChallenge { changes: Some((user, count)), ..opening(id, noon()) };
        let opened = tokio::spawn(async move { opening_one.open_challenge(late).await.unwrap() });
        cluster.waits_for_locks(&name, 1).await;
        client.batch_execute("COMMIT").await.unwrap();
        assert_eq!(opened.await.unwrap(), Opened::Changed, "{id}");
        assert_eq!(store.challenge("s", id).await.unwrap(), None, "{id}");
    }
}

/// Otherwise a sign-in would succeed after a reset, with what somebody proved before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_waits_for_a_sign_in_that_has_compared_the_changes_of_its_user() {
    let Some(cluster) = Cluster::shared() else { return };
    let name = cluster.new_database_name().await;
    let store = Arc::new(connect(&cluster.url(&name)).await);
    store.insert_sign_in(sign_in("a", noon())).await.unwrap();
    // It has compared the count, and has not ended yet.
    let client = cluster.client(&name).await;
    client.batch_execute("BEGIN; SELECT 1 FROM sign_ins FOR UPDATE").await.unwrap();
    let ending = store.clone();
    let ended =
        tokio::spawn(async move { ending.end_sign_in("a", verified(noon()), None, Some(([7; 16], 0))).await.unwrap() });
    cluster.waits_for_locks(&name, 1).await;
    let reset = store.reset_factors(FactorReset { user: [7; 16], persons: Vec::new(), account: None, now: noon() });
    tokio::pin!(reset);
    let is_reset_before = tokio::time::timeout(Duration::from_millis(500), &mut reset).await.is_ok();
    client.batch_execute("COMMIT").await.unwrap();
    assert_eq!(ended.await.unwrap(), !is_reset_before);
    if !is_reset_before {
        reset.await.unwrap();
    }
    assert_eq!(store.user_changes([7; 16]).await.unwrap(), 1);
    // Of somebody of whom nothing has changed, nothing is stored.
    store.insert_sign_in(sign_in("b", noon())).await.unwrap();
    assert!(store.end_sign_in("b", verified(noon()), None, Some(([6; 16], 0))).await.unwrap());
    let rows = client.query("SELECT 1 FROM user_changes", &[]).await.unwrap();
    assert_eq!(rows.len(), 1);
}

/// As above, for a user of whom something has changed before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_waits_for_a_sign_in_even_if_its_user_has_changed_before() {
    let Some(cluster) = Cluster::shared() else { return };
    let name = cluster.new_database_name().await;
    let store = Arc::new(connect(&cluster.url(&name)).await);
    let reset = || FactorReset { user: [7; 16], persons: Vec::new(), account: None, now: noon() };
    store.reset_factors(reset()).await.unwrap();
    store.insert_sign_in(sign_in("a", noon())).await.unwrap();
    let client = cluster.client(&name).await;
    client.batch_execute("BEGIN; SELECT 1 FROM sign_ins FOR UPDATE").await.unwrap();
    let ending = store.clone();
    let ended =
        tokio::spawn(async move { ending.end_sign_in("a", verified(noon()), None, Some(([7; 16], 1))).await.unwrap() });
    cluster.waits_for_locks(&name, 1).await;
    let second = store.reset_factors(reset());
    tokio::pin!(second);
    let is_reset_before = tokio::time::timeout(Duration::from_millis(500), &mut second).await.is_ok();
    client.batch_execute("COMMIT").await.unwrap();
    assert_eq!(ended.await.unwrap(), !is_reset_before);
    if !is_reset_before {
        second.await.unwrap();
    }
    assert_eq!(store.user_changes([7; 16]).await.unwrap(), 2);
}
