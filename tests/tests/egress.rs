//! A component reaches what its instance was granted and nothing else, in any spelling.

use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use twofactor_tests::hostile::{Neighbourhood, SECRET};
use twofactor_tests::spellings::{spellings, trap};
use twofactor_tests::upstream::ACCESS_TOKEN;

#[tokio::test]
async fn no_spelling_of_another_origin_is_reached() {
    let place = Neighbourhood::new().await;
    let (port, caught) = trap().await;
    let spellings = spellings(port, place.upstream.address.port());
    assert!(spellings.len() >= 40);
    for url in &spellings {
        let report = place.attempt_alone(json!({"Behaviour": "send", "Url": url})).await;
        assert_eq!((&*report.outcome, &*report.code), ("misconfigured", "denied"), "{url:?}: {}", report.detail);
    }
    assert_eq!(caught.load(Ordering::SeqCst), 0);
    assert_eq!(place.upstream.seen().len(), 0);
    println!("{} spellings tried, none left", spellings.len());

    let report = place.attempt_alone(json!({"Behaviour": "send", "Url": "https://upstream.example.com/a?b=c"})).await;
    assert_eq!((&*report.outcome, &*report.code), ("delivered", "201"), "{}", report.detail);
    assert_eq!(place.upstream.seen()[0].path, "/a");
}

#[tokio::test]
async fn a_header_that_only_the_host_may_set_is_refused_and_the_hosts_own_is_sent() {
    let place = Neighbourhood::new().await;
    let url = "https://upstream.example.com/x";
    for header in [
        "authorization: Basic Zm9yZ2Vk",
        "Authorization: Bearer forged",
        "AUTHORIZATION: x",
        "proxy-authorization: x",
        "host: evil.example",
        "Host: evil.example",
        "transfer-encoding: chunked",
        "content-length: 0",
        "connection: upgrade",
        "upgrade: h2c",
        "te: trailers",
        "trailer: x",
        "x-forwarded-for: 192.0.2.1",
        "X-Forwarded-Host: evil.example",
        "x_forwarded_host: evil.example",
        "forwarded: host=evil.example",
        "x-http-method-override: DELETE",
        "x-method-override: DELETE",
        "x-http-method: DELETE",
        "x-original-url: /admin",
        "x-rewrite-url: /admin",
        "x-real-ip: 192.0.2.1",
        "via: 1.1 evil.example",
        "accept-encoding: gzip",
        "cookie: session=x",
        "x-a\r\nauthorization: forged",
        "x-a: b\r\nauthorization: forged",
        ": x",
        "x y: z",
    ] {
        let report = place.attempt_alone(json!({"Behaviour": "send", "Url": url, "Header": header})).await;
        assert_eq!((&*report.outcome, &*report.code), ("misconfigured", "denied"), "{header:?}: {}", report.detail);
    }
    assert_eq!(place.upstream.seen().len(), 0);

    let report = place.attempt_alone(json!({"Behaviour": "send", "Url": url, "Header": "x-own: 1"})).await;
    assert_eq!(report.outcome, "delivered");
    let seen = place.upstream.seen();
    let own = seen[0].header("authorization");
    assert_eq!(own.len(), 1);
    assert!(own[0].starts_with("Basic "));
    assert_eq!(seen[0].header("host"), ["upstream.example.com"]);
    assert_eq!(seen[0].header("x-own"), ["1"]);
    assert!(!seen[0].body.contains(SECRET));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let place = Neighbourhood::new().await;
    let (port, caught) = trap().await;
    for status in [301, 302, 303, 307, 308] {
        let url = format!("https://upstream.example.com/redirect/{status}/http://127.0.0.1:{port}/");
        let report = place.attempt_alone(json!({"Behaviour": "send", "Url": url})).await;
        assert_eq!(report.code, status.to_string());
    }
    assert_eq!(caught.load(Ordering::SeqCst), 0);
    assert_eq!(place.upstream.seen().len(), 5);
}

#[tokio::test]
async fn a_repeated_credential_is_redacted_before_the_component_reads_it() {
    let place = Neighbourhood::new().await;
    let report =
        place.attempt_alone(json!({"Behaviour": "echo", "Url": "https://upstream.example.com/credentials"})).await;
    assert_eq!(report.outcome, "rejected-message", "{report:?}");
    let read = format!("{} {}", report.code, report.detail);
    // The component reads the response: everything but the secret is there, in the body and in the
    // headers.
    assert!(report.code.starts_with("Basic ") && report.detail.contains("x-told"), "{read}");
    let pair = STANDARD.encode(format!("user:{SECRET}"));
    for secret in [SECRET, &pair, pair.trim_end_matches('=')] {
        assert!(!read.contains(secret), "{secret} is in {read}");
    }
    assert!(report.code.contains("***") && report.detail.contains("***"), "{read}");
}

#[tokio::test]
async fn what_an_upstream_repeats_of_an_access_token_is_covered_before_the_component_reads_it() {
    let place = Neighbourhood::new().await;
    let options = json!({"Behaviour": "echo", "Url": "https://upstream.example.com/credentials",
        "TokenUrl": "https://upstream.example.com/token"});
    let report = place.attempt_alone(options).await;
    let seen = place.upstream.seen();
    let sent = seen.iter().find(|seen| seen.path == "/credentials").unwrap().header("authorization");
    assert_eq!(sent, [format!("Bearer {ACCESS_TOKEN}")]);
    let stars = "*".repeat(ACCESS_TOKEN.len());
    assert_eq!(report.code.trim_end(), format!("Bearer {stars}"), "{report:?}");
    assert!(!report.detail.contains(ACCESS_TOKEN), "{report:?}");
}
