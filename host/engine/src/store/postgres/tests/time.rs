//! Only the database's clock ends anything.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::super::values::{ms, time, values};
use super::*;
use crate::store::conformance::factors::{beginning, enrolment};
use crate::store::conformance::passes::{guess, pass};
use crate::store::conformance::sign_ins::{sign_in, verified};

/// Returns a store in a database of its own, and the database's URL and name.
async fn own_database() -> Option<(String, String, PostgresStore)> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let cluster = Cluster::shared()?;
    let name = format!("time_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    cluster.sql("postgres", &format!("CREATE DATABASE {name}")).await;
    let url = cluster.url(&name);
    Some((name, url.clone(), connect(&url).await))
}

async fn store() -> Option<(String, PostgresStore)> {
    own_database().await.map(|(_, url, store)| (url, store))
}

#[tokio::test]
async fn a_process_whose_clock_is_an_hour_off_cannot_end_what_others_started() {
    let Some((url, store)) = store().await else { return };
    let now = Timestamp::now();
    store.resume(now).await.unwrap();
    store.open_challenge(opening("a", now)).await.unwrap();
    let request =
        AuthorizationRequestRecord { digest: [1; 32], return_to: "/admin".to_owned(), expires_at: now + 10 * MINUTE };
    store.insert_authorization_request(request, now).await.unwrap();
    for off in [now + HOUR, now - HOUR] {
        let other = connect(&url).await;
        let start = other.resume(off).await.unwrap();
        assert!(start.now.duration_since(now).abs() < jiff::SignedDuration::from_secs(60), "{start:?}");
        other.check_time(off).await.unwrap();
        // What expired a day ago, and what has just expired.
        other.purge(off + DAY).await.unwrap();
        other.purge(off).await.unwrap();
        assert!(other.challenge("s", "a").await.unwrap().unwrap().closed.is_none());
        // Another process, whose clock is right, starts after that.
        let third = connect(&url).await;
        third.resume(Timestamp::now()).await.unwrap();
        assert!(third.challenge("s", "a").await.unwrap().unwrap().closed.is_none());
    }
    assert!(matches!(store.charge_attempt(attempt("a", now)).await.unwrap(), Charged::Compare(_)));
    assert!(store.take_authorization_request(&[1; 32], now).await.unwrap().is_some());
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

const ONE_AN_HOUR: Charge = Charge { key: [9; 16], amount: 1, limit: 1, window_ms: 3_600_000 };

#[tokio::test]
async fn a_process_whose_clock_is_ahead_ends_no_window_and_no_lock() {
    let Some((_, store)) = store().await else { return };
    // The store keeps milliseconds.
    let now = time(ms(Timestamp::now()));
    let (behind, ahead, far) = (now - HOUR, now + HOUR + MINUTE, now + 2 * DAY);
    assert_eq!(store.charge(vec![ONE_AN_HOUR], now).await.unwrap(), None);
    for time in [ahead, now, behind, ahead] {
        let limited = store.charge(vec![ONE_AN_HOUR], time).await.unwrap();
        assert!(matches!(limited, Some(Limited::Until(until, 0)) if until == now + HOUR), "{limited:?}");
        let reached = store.reached_limits([1; 16], PERSON, vec![ONE_AN_HOUR], time).await.unwrap();
        assert_eq!(reached.charges.len(), 1);
    }
    // Nor does a process that is behind end what one that is ahead has begun.
    let other = Charge { key: [10; 16], ..ONE_AN_HOUR };
    assert_eq!(store.charge(vec![other], ahead).await.unwrap(), None);
    for time in [now, behind] {
        let limited = store.charge(vec![other], time).await.unwrap();
        assert!(matches!(limited, Some(Limited::Until(..))), "{limited:?}");
        assert_eq!(store.reached_limits([1; 16], PERSON, vec![other], time).await.unwrap().charges.len(), 1);
    }

    let limits = PersonLimits { consecutive: 2, ..PERSON };
    let answer = |time| Attempt { person: limits, ..attempt("a", time) };
    store.open_challenge(opening("a", now)).await.unwrap();
    // The second answer is given on the process that is ahead: the lock does not begin in the future.
    assert!(matches!(store.charge_attempt(answer(now)).await.unwrap(), Charged::Compare(_)));
    assert!(matches!(store.charge_attempt(answer(far)).await.unwrap(), Charged::Compare(_)));
    for time in [far, now, behind] {
        assert_eq!(store.charge_attempt(answer(time)).await.unwrap(), Charged::Limited(Limited::PersonLocked));
        let right = CodeAnswer { attempt: answer(time), ..right("a", time) };
        assert_eq!(store.answer_challenge(right).await.unwrap(), Answered::Limited(Limited::PersonLocked));
        let reached = store.reached_limits([7; 16], limits, Vec::new(), time).await.unwrap();
        assert!(reached.locked_until.is_some_and(|until| until < now + DAY + MINUTE), "{reached:?}");
    }
    // Wrong passes are counted for a person of their own.
    store.put_pass(pass(now), [8; 16]).await.unwrap();
    for (time, counted) in [(now, true), (far, true), (far, false), (now, false), (behind, false)] {
        let guess = PassAttempt { limits, ..guess(time) };
        let charged = store.charge_pass(guess).await.unwrap();
        assert_eq!(matches!(charged, ChargedPass::Compare(_)), counted, "{charged:?}");
    }
}

#[tokio::test]
async fn a_process_whose_clock_is_wrong_neither_shortens_nor_prolongs_a_challenge() {
    let Some((name, _, store)) = own_database().await else { return };
    let now = Timestamp::now();
    let wrong = [now + HOUR, now - HOUR];
    for (n, wrong) in wrong.into_iter().enumerate() {
        // Those of others accept its answers.
        let id = format!("of-others-{n}");
        let mut request = opening(&id, now);
        // For a process that is behind, the wait for another message ends a little later.
        request.challenge.resend_after = now - MINUTE;
        store.open_challenge(request).await.unwrap();
        assert!(matches!(store.charge_attempt(attempt(&id, wrong)).await.unwrap(), Charged::Compare(_)));
        let later = now + MINUTE;
        let resend = |now| Resend {
            subscription: "s".to_owned(),
            id: id.clone(),
            resends: 0,
            codes: vec![CODE],
            resend_after: now + MINUTE,
            charges: Vec::new(),
            person: PERSON,
            now,
        };
        assert_eq!(store.resend_challenge(resend(wrong)).await.unwrap(), Resent::Granted);
        for time in [now, wrong] {
            assert_eq!(store.resend_challenge(Resend { resends: 1, ..resend(time) }).await.unwrap(), Resent::Refused);
        }
        assert!(store.challenge("s", &id).await.unwrap().unwrap().resend_after < later + MINUTE);
        assert!(store.answer_challenge(right(&id, wrong)).await.unwrap().is_right());
        let since = |time: Timestamp| (time - MAX_PROOF_AGE, time);
        let (from, to) = since(wrong);
        assert!(store.use_challenge_as_proof("s", &id, None, from, to).await.unwrap());
        // Its own are those of a right clock.
        let id = format!("own-{n}");
        store.open_challenge(opening(&id, wrong)).await.unwrap();
        let own = store.challenge("s", &id).await.unwrap().unwrap();
        let life = own.expires_at.duration_since(now);
        assert!((290..=320).contains(&life.as_secs()), "{life}");
        // Others accept answers, also those whose clock is off in the other direction.
        for time in [now, now + HOUR, now - HOUR] {
            assert!(matches!(store.charge_attempt(attempt(&id, time)).await.unwrap(), Charged::Compare(_)));
        }
        assert!(store.close_challenge("s", &id, Closing::Cancelled, wrong).await.unwrap());
    }
    // What has expired accepts nothing, however late a process believes it is.
    store.open_challenge(opening("old", now)).await.unwrap();
    let expire = format!("UPDATE challenges SET expires_at = {} WHERE id = 'old'", ms(now) - 10_000);
    Cluster::shared().unwrap().sql(&name, &expire).await;
    for time in [now, now - HOUR] {
        assert_eq!(store.charge_attempt(attempt("old", time)).await.unwrap(), Charged::Closed);
        assert_eq!(store.consume_challenge(consume("old", time)).await.unwrap(), Consumed::Closed);
        assert_eq!(store.answer_challenge(right("old", time)).await.unwrap(), Answered::Closed);
        assert!(!store.close_challenge("s", "old", Closing::Cancelled, time).await.unwrap());
    }
}

#[tokio::test]
async fn a_process_whose_clock_is_wrong_shortens_and_prolongs_nothing_else() {
    let Some((_, store)) = store().await else { return };
    let now = Timestamp::now();
    let claim = IdempotencyClaim { key: [8; 16], request: [8; 32], until: now + DAY };
    let begin = |id: &str, time| BeginEnrolment {
        idempotency: Some(IdempotencyClaim { until: time + DAY, ..claim }),
        ..beginning(enrolment(id, time))
    };
    assert_eq!(store.begin_enrolment(begin("first", now)).await.unwrap(), EnrolmentBegun::Begun);
    for wrong in [now + 2 * DAY, now - 2 * DAY] {
        // A key is not forgotten early, and nobody keeps one for longer.
        assert!(matches!(store.begin_enrolment(begin("e", wrong)).await.unwrap(), EnrolmentBegun::Repeated(_)));
        assert!(store.idempotency([8; 16], wrong).await.unwrap().is_some());
        store.begin_enrolment(beginning(enrolment("e", wrong))).await.unwrap();
        let answer = EnrolmentAttempt { subscription: "s".to_owned(), id: "e".to_owned(), charges: Vec::new(), now };
        assert!(matches!(store.charge_enrolment(answer).await.unwrap(), EnrolmentCharged::Verify(_)));

        store.put_pass(pass(wrong), [8; 16]).await.unwrap();
        for time in [now, wrong] {
            let until = store.pass_until([7; 16], time).await.unwrap().unwrap();
            assert!(until.duration_since(now + HOUR).abs() < jiff::SignedDuration::from_secs(30), "{until}");
        }
        assert!(store.use_pass([7; 16], CODE, [8; 16], wrong).await.unwrap());

        let id = wrong.to_string();
        let (mut link, handle) = ([0; 32], [3; 32]);
        link[..8].copy_from_slice(&ms(wrong).to_be_bytes());
        store.insert_sign_in(HostedSignInRecord { link, ..sign_in(&id, wrong) }).await.unwrap();
        assert!(store.bind_sign_in(&id, [1; 32], now).await.unwrap());
        assert!(store.step_sign_in(&id, 0, None, wrong).await.unwrap());
        let SignInEnd::Verified { at, two_factor, amr, .. } = verified(wrong) else { panic!() };
        let end = SignInEnd::Verified { at, two_factor, amr, handle: Some(handle) };
        assert!(store.end_sign_in(&id, end, None, None).await.unwrap());
        assert!(store.redeem_sign_in("s", &id, handle, now - MINUTE, now).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_database_clock_that_goes_back_a_little_ends_nothing() {
    let Some((name, url, store)) = own_database().await else { return };
    let now = Timestamp::now();
    store.open_challenge(opening("a", now)).await.unwrap();
    // A process may be ahead by almost five seconds.
    store.check_time(now + Duration::from_millis(4900)).await.unwrap();
    let back = "CREATE OR REPLACE FUNCTION tf1_clock() RETURNS BIGINT LANGUAGE sql VOLATILE AS \
                'SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint - 2000'";
    Cluster::shared().unwrap().sql(&name, back).await;
    connect(&url).await.resume(now).await.unwrap();
    assert_eq!(store.challenge("s", "a").await.unwrap().unwrap().closed, None);
}
