//! A misbehaving upstream causes a bounded error of the right kind, and other providers continue to
//! work.

use std::time::Duration;

use serde_json::json;
use twofactor::admin::TestReport;
use twofactor_tests::hostile::Neighbourhood;
use twofactor_tests::spellings::GRANTED;
use twofactor_tests::upstream::Upstream;
use twofactor_tests::vendors::tls::Authority;
use twofactor_tests::vendors::trusting;
use twofactor_tests::wire::{Trick, Wire};

/// Returns a neighbourhood whose hostile instance is granted a server of this kind.
async fn place(trick: Trick) -> (Wire, Neighbourhood) {
    let authority = Authority::default();
    let wire = Wire::start(&authority, GRANTED, trick).await;
    let upstream = Upstream::start().await;
    let network = trusting(&authority)
        .resolve(GRANTED, wire.address)
        .override_endpoint("https://api.twilio.com", upstream.address)
        .timeout(Duration::from_millis(1500));
    let place = Neighbourhood::on(network.build().unwrap(), upstream).await;
    (wire, place)
}

async fn send(place: &Neighbourhood) -> TestReport {
    place.attempt(json!({"Behaviour": "send", "Url": format!("https://{GRANTED}/x")})).await
}

/// Checks that a request that was read has an unknown outcome. Returns the error.
async fn is_of_unknown_outcome(trick: Trick) -> String {
    let (wire, place) = place(trick).await;
    let report = send(&place).await;
    assert_eq!(
        (&*report.outcome, &*report.code),
        ("outcome-unknown", "outcome-unknown"),
        "{trick:?}: {}",
        report.detail
    );
    assert!(report.detail.len() < 200, "{trick:?}: {}", report.detail);
    // Nothing is sent twice automatically.
    assert_eq!(wire.requests(), 1, "{trick:?}");
    report.detail
}

#[tokio::test]
async fn an_answer_that_comes_byte_by_byte_ends_at_the_deadline() {
    let detail = is_of_unknown_outcome(Trick::Drip).await;
    assert!(detail.contains("in time"), "{detail}");
}

#[tokio::test]
async fn endless_bodies_and_headers_are_cut_off() {
    for trick in [Trick::EndlessHeaders, Trick::EndlessHeader] {
        let detail = is_of_unknown_outcome(trick).await;
        assert!(!detail.contains("in time"), "{trick:?}: {detail}");
    }
    for trick in [Trick::EndlessBody, Trick::HugeChunk] {
        let detail = is_of_unknown_outcome(trick).await;
        assert!(detail.contains("longer than 1048576 bytes"), "{trick:?}: {detail}");
    }
}

#[tokio::test]
async fn a_flood_of_interim_answers_ends() {
    for trick in [Trick::Continue, Trick::EarlyHints] {
        is_of_unknown_outcome(trick).await;
    }
}

#[tokio::test]
async fn a_wrong_length_is_detected() {
    for trick in [Trick::Short, Trick::TwoLengths] {
        is_of_unknown_outcome(trick).await;
    }
}

#[tokio::test]
async fn a_connection_that_is_cut_after_the_request_leaves_the_outcome_unknown() {
    for trick in [Trick::CutAfterRequest, Trick::CutInHead] {
        is_of_unknown_outcome(trick).await;
    }
}

#[tokio::test]
async fn a_connection_that_closes_before_the_request_was_read_is_not_retried_endlessly() {
    let (wire, place) = place(Trick::CutAtOnce).await;
    let report = send(&place).await;
    // The client cannot tell what was read.
    assert!(["outcome-unknown", "retry-later"].contains(&&*report.outcome), "{} {}", report.outcome, report.detail);
    assert_eq!(wire.requests(), 0);
}

#[tokio::test]
async fn a_refused_http2_stream_is_not_retried_automatically() {
    for trick in [Trick::GoAway, Trick::Refuse, Trick::Settings] {
        is_of_unknown_outcome(trick).await;
    }
}

#[tokio::test]
async fn a_compressed_body_that_cannot_be_read_is_refused_by_the_name_of_its_coding() {
    for coding in ["gzip", "deflate", "br", "zstd"] {
        let detail = is_of_unknown_outcome(Trick::Compressed(coding)).await;
        assert!(detail.contains(&format!("compressed ({coding})")), "{detail}");
    }
    // Decompressed once, it would still hide what it contains.
    let detail = is_of_unknown_outcome(Trick::Compressed("gzip, gzip")).await;
    assert!(detail.contains("compressed (more than one coding)"), "{detail}");
    let detail = is_of_unknown_outcome(Trick::Bomb).await;
    assert!(detail.contains("compressed (gzip)"), "{detail}");
}

#[tokio::test]
async fn a_compressed_body_is_read_even_if_it_was_not_requested() {
    let (_wire, place) = place(Trick::Gzip).await;
    let report = place.attempt(json!({"Behaviour": "echo", "Url": format!("https://{GRANTED}/x")})).await;
    assert_eq!((&*report.outcome, &*report.code), ("rejected-message", r#"{"a":1}"#), "{}", report.detail);
    assert!(!report.detail.contains("content-encoding"), "{}", report.detail);
}

#[tokio::test]
async fn an_unsolicited_response_is_ignored() {
    let (wire, place) = place(Trick::Twice).await;
    for status in ["201", "202", "203"] {
        let report = send(&place).await;
        assert_eq!((&*report.outcome, &*report.code), ("delivered", status), "{}", report.detail);
    }
    assert_eq!(wire.requests(), 3);
}
