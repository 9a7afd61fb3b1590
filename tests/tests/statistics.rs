//! Challenges and deliveries are counted by the hour.

use twofactor::{Actor, TwoFactor};
use twofactor_tests::ecall::{Answer, Ecall, Place, start, wrong};

async fn counts(engine: &TwoFactor) -> Vec<(String, String, u64)> {
    let admin = engine.administration(Actor::new("test"));
    let all = admin.statistics("demo", "2026-01-01T00:00:00Z".parse().unwrap()).await.unwrap();
    let mut sums: Vec<(String, String, u64)> = Vec::new();
    // The duration of a delivery varies.
    for one in all.into_iter().filter(|one| one.event != "duration") {
        match sums.iter_mut().find(|(event, label, _)| (event, label) == (&one.event, &one.label)) {
            Some(sum) => sum.2 += one.count,
            None => sums.push((one.event, one.label, one.count)),
        }
    }
    sums.sort();
    sums
}

fn rows(rows: &[(&str, &str, u64)]) -> Vec<(String, String, u64)> {
    rows.iter().map(|(event, label, count)| ((*event).to_owned(), (*label).to_owned(), *count)).collect()
}

#[tokio::test]
async fn with_the_country_and_the_outcome_and_they_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new(folder.path());
    let ecall = Ecall::start().await;
    let engine = ecall.engine(place.builder()).await;
    let challenge = engine.start(start()).await.unwrap();
    let code = ecall.code();
    engine.verify("demo", twofactor::Answer::new(&challenge.id, wrong(&code))).await.unwrap_err();
    engine.verify("demo", twofactor::Answer::new(&challenge.id, &code)).await.unwrap();
    let counted = rows(&[("delivered", "", 1), ("started", "CH", 1), ("verified", "CH", 1), ("wrong-answer", "", 1)]);
    assert_eq!(counts(&engine).await, counted);

    ecall.answer(Answer::Nothing);
    engine.start(start()).await.unwrap_err();
    engine.flush().await.unwrap();
    drop(engine);
    let engine = ecall.engine(place.builder()).await;
    let counted = rows(&[
        ("delivered", "", 1),
        ("outcome-unknown", "", 1),
        ("started", "CH", 2),
        ("verified", "CH", 1),
        ("wrong-answer", "", 1),
    ]);
    assert_eq!(counts(&engine).await, counted);
}
