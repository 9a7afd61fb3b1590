//! The outcome of a message is known to a repeated request, and nothing is sent twice.

use std::time::Duration;

use tokio::runtime::Runtime;
use twofactor::NewChallenge;
use twofactor::clock::ManualClock;
use twofactor_tests::compiled;
use twofactor_tests::ecall::{Answer, Ecall, Place, start};

fn keyed() -> NewChallenge {
    NewChallenge { idempotency_key: Some("key".to_owned()), ..start() }
}

#[tokio::test]
async fn when_the_caller_left_before_the_message_was_taken() {
    let ecall = Ecall::start().await;
    let engine = ecall.engine(compiled::builder()).await;
    ecall.answer(Answer::Later);
    let caller = tokio::spawn({
        let engine = engine.clone();
        async move { engine.start(keyed()).await }
    });
    ecall.received(1).await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    assert!(engine.start(keyed()).await.unwrap_err().is_conflict());

    ecall.answer(Answer::Taken);
    let challenge = loop {
        match engine.start(keyed()).await {
            Ok(challenge) => break challenge,
            Err(error) => assert!(error.is_conflict(), "{error}"),
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(ecall.codes().len(), 1);
    engine.verify("demo", twofactor::Answer::new(&challenge.id, &ecall.code())).await.unwrap();
}

#[tokio::test]
async fn when_the_challenge_cannot_be_closed() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new(folder.path());
    let ecall = Ecall::start().await;
    let engine = ecall.engine(place.builder()).await;
    rusqlite::Connection::open(place.database())
        .unwrap()
        .execute_batch(
            "CREATE TRIGGER fault BEFORE UPDATE OF closed ON challenges BEGIN SELECT RAISE(ABORT, 'on purpose'); END",
        )
        .unwrap();
    ecall.answer(Answer::Nothing);
    for _ in 0..3 {
        let error = engine.start(keyed()).await.unwrap_err();
        assert!(error.is_delivery_failed() && !error.is_retryable(), "{error:?}");
    }
    assert_eq!(ecall.codes().len(), 1);
}

#[tokio::test]
async fn as_unknown_when_its_process_ended_half_way() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new(folder.path());
    let clock = ManualClock::new("2026-11-24T12:00:00Z".parse().unwrap());
    let ecall = Ecall::start().await;
    ecall.answer(Answer::Later);
    let process = Runtime::new().unwrap();
    let first = process.spawn({
        let (ecall, builder) = (ecall.clone(), place.builder().clock(clock.clone()));
        async move { ecall.engine(builder).await.start(keyed()).await }
    });
    ecall.received(1).await;
    process.shutdown_background();
    assert!(first.await.is_err());

    ecall.answer(Answer::Taken);
    let engine = ecall.engine(place.builder().clock(clock.clone())).await;
    clock.advance(Duration::from_secs(119));
    assert!(engine.start(keyed()).await.unwrap_err().is_conflict());
    clock.advance(Duration::from_secs(1));
    let error = engine.start(keyed()).await.unwrap_err();
    assert!(error.is_delivery_failed() && !error.is_retryable(), "{error:?}");
    assert_eq!(ecall.codes().len(), 1);
}
