//! The standard `wasi:http` obeys what `http.send` obeys: the same grants, credentials, quotas and deadlines.

use std::sync::atomic::Ordering;

use serde_json::json;
use twofactor_tests::hostile::{Neighbourhood, SECRET, WASI_HTTP, limits};
use twofactor_tests::spellings::{spellings, trap};

async fn place() -> Neighbourhood {
    Neighbourhood::of("wasi-http", WASI_HTTP).await
}

const URL: &str = "https://upstream.example.com/x";

#[tokio::test]
async fn a_delivery_arrives_with_the_hosts_credentials() {
    let place = place().await;
    let options = json!({"Behaviour": "send", "Url": "https://upstream.example.com/a?b=c", "Header": "x-own: 1"});
    let report = place.attempt_alone(options).await;
    assert_eq!((&*report.outcome, &*report.code), ("delivered", "201"), "{}", report.detail);
    let seen = &place.upstream.seen()[0];
    assert_eq!(seen.path, "/a");
    assert_eq!((seen.header("host"), seen.header("x-own")), (vec!["upstream.example.com"], vec!["1"]));
    let own = seen.header("authorization");
    assert!(own.len() == 1 && own[0].starts_with("Basic ") && !own[0].contains(SECRET));
}

#[tokio::test]
async fn no_spelling_of_another_origin_is_reached() {
    let place = place().await;
    let (port, caught) = trap().await;
    let spellings = spellings(port, place.upstream.address.port());
    for url in &spellings {
        let report = place.attempt_alone(json!({"Behaviour": "send", "Url": url})).await;
        assert_eq!(report.outcome, "misconfigured", "{url:?}: {} {}", report.code, report.detail);
    }
    assert_eq!(caught.load(Ordering::SeqCst), 0);
    assert_eq!(place.upstream.seen().len(), 0);
    println!("{} spellings tried, none left", spellings.len());
}

#[tokio::test]
async fn a_header_that_only_the_host_may_set_is_refused() {
    let place = place().await;
    for header in [
        "authorization: Basic Zm9yZ2Vk",
        "Authorization: Bearer forged",
        "proxy-authorization: x",
        "cookie: x",
        "host: evil.example",
        "transfer-encoding: chunked",
        "connection: upgrade",
        "upgrade: h2c",
        "te: trailers",
        "x-forwarded-for: 192.0.2.1",
        "x_forwarded_host: evil.example",
        "forwarded: host=evil.example",
        "x-http-method-override: DELETE",
        "x-original-url: /admin",
        "x-rewrite-url: /admin",
        "x-real-ip: 192.0.2.1",
        "via: 1.1 evil.example",
        "accept-encoding: gzip",
        "x-a: b\r\nauthorization: forged",
    ] {
        let report = place.attempt_alone(json!({"Behaviour": "send", "Url": URL, "Header": header})).await;
        assert_eq!((&*report.outcome, &*report.code), ("misconfigured", "denied"), "{header:?}: {}", report.detail);
    }
    assert_eq!(place.upstream.seen().len(), 0);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let place = place().await;
    let (port, caught) = trap().await;
    for status in [301, 302, 303, 307, 308] {
        let url = format!("https://upstream.example.com/redirect/{status}/http://127.0.0.1:{port}/");
        let report = place.attempt_alone(json!({"Behaviour": "send", "Url": url})).await;
        assert_eq!(report.code, status.to_string(), "{}", report.detail);
    }
    assert_eq!(caught.load(Ordering::SeqCst), 0);
    assert_eq!(place.upstream.seen().len(), 5);
}

#[tokio::test]
async fn a_flood_of_calls_stops_at_its_quota() {
    let place = place().await;
    let url = "https://upstream.example.com/flood";
    let report = place.attempt(json!({"Behaviour": "call flood", "Url": url})).await;
    assert_eq!(report.outcome, "delivered", "{}", report.detail);
    let sent = place.upstream.seen().iter().filter(|seen| seen.path == "/flood").count();
    assert_eq!(sent, limits().host_calls as usize);
}

#[tokio::test]
async fn a_host_call_that_hangs_ends_at_the_calls_deadline_and_its_outcome_is_unknown() {
    let place = place().await;
    let report = place.attempt(json!({"Behaviour": "send", "Url": "https://upstream.example.com/silent"})).await;
    assert_eq!((&*report.outcome, &*report.code), ("outcome-unknown", "time-out"), "{}", report.detail);
}

#[tokio::test]
async fn a_message_that_was_sent_stays_sent_whatever_the_component_does_afterwards() {
    let place = place().await;
    let report = place.attempt(json!({"Behaviour": "send, be denied, trap", "Url": URL})).await;
    assert_eq!(report.outcome, "outcome-unknown", "{}", report.detail);
    assert_eq!(place.upstream.seen().iter().filter(|seen| seen.path == "/x").count(), 1);
    let report = place.attempt(json!({"Behaviour": "be denied, trap"})).await;
    assert_eq!(report.outcome, "misconfigured", "{}", report.detail);
}

/// The request runs concurrently with the component: that the component ends first says nothing
/// about it.
#[tokio::test]
async fn a_request_that_was_only_begun_counts_as_sent() {
    let place = place().await;
    for _ in 0..20 {
        let report = place.attempt_alone(json!({"Behaviour": "begin to send, trap", "Url": URL})).await;
        assert_eq!(report.outcome, "outcome-unknown", "{}", report.detail);
    }
}
