//! Neither the log nor an error nor the database shows a secret, a code or a state of a factor.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::time::Duration;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use twofactor::clock::{Clock as _, ManualClock};
use twofactor::factor::Reveal;
use twofactor::{Answer, EnrolmentAnswer, Proof};
use twofactor_tests::canaries::Canaries;
use twofactor_tests::ecall::Place;
use twofactor_tests::held_factors::{App, SUBSCRIPTION, begin_app, engine, enrol_codes, start, use_factor};
use twofactor_tests::log::Log;

#[tokio::test]
async fn neither_log_nor_errors_nor_database_show_a_secret_or_a_code() {
    let log = Log::default();
    let writer = log.clone();
    let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(move || writer.clone());
    let targets = Targets::new().with_target("twofactor", LevelFilter::TRACE);
    let _logging = tracing_subscriber::registry().with(targets).with(layer).set_default();

    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new("2026-11-24T12:00:00Z".parse().unwrap());
    let engine = engine(Place::new(folder.path()).builder().clock(clock.clone())).await;
    let mut shown = String::new();
    let enrolment = begin_app(&engine, "alice", Proof::FirstFactor).await.unwrap();
    shown.push_str(&format!("{enrolment:?}"));
    let Some(Reveal::Otpauth { secret, uri }) = &enrolment.reveal else { panic!("no secret") };
    let mut canaries = Canaries::default();
    canaries.add("secret", secret);
    canaries.add("URI", uri);
    let app = App::scan(&enrolment);
    let code = app.code(clock.now());
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let answer = EnrolmentAnswer::code(&enrolment.id, wrong);
    shown.push_str(&format!("{answer:?}"));
    shown.push_str(&format!("{:?}", engine.finish_enrolment(SUBSCRIPTION, answer).await.unwrap_err()));
    let factor = engine.finish_enrolment(SUBSCRIPTION, EnrolmentAnswer::code(&enrolment.id, &code)).await.unwrap();
    shown.push_str(&format!("{factor:?}"));

    clock.advance(Duration::from_secs(30));
    let (codes, _) = enrol_codes(&engine, "alice", &app.code(clock.now())).await;
    codes.iter().for_each(|code| canaries.add("recovery code", code));
    codes.iter().for_each(|code| canaries.add("recovery code without dashes", &code.replace('-', "")));
    let (_, verified) = use_factor(&engine, "alice", "recovery", &codes[0]).await;
    shown.push_str(&format!("{:?}", verified.unwrap()));
    let (_, again) = use_factor(&engine, "alice", "recovery", &codes[0]).await;
    shown.push_str(&format!("{:?}", again.unwrap_err()));
    let challenge = start(&engine, "alice", "totp").await;
    let error = engine.verify(SUBSCRIPTION, Answer::new(&challenge, &codes[1])).await.unwrap_err();
    shown.push_str(&format!("{error:?} {error}"));
    engine.flush().await.unwrap();
    drop(engine);

    let search = canaries.search();
    assert_eq!(search.found_in(shown.as_bytes()), Vec::<String>::new());
    assert!(log.text().contains("a factor changed"), "the log is on");
    assert_eq!(search.found_in(log.text().as_bytes()), Vec::<String>::new());
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            assert_eq!(search.found_in(&fs::read(&path).unwrap()), Vec::<String>::new(), "{}", path.display());
        }
    }
}
