//! A component reaches what its instance was granted and nothing else, however it spells it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::net::TcpListener;
use twofactor_tests::hostile::{Neighbourhood, SECRET};

/// A listener that must never be reached, on all addresses of this machine.
async fn trap() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("[::]:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let caught = Arc::new(AtomicUsize::new(0));
    let count = caught.clone();
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    (port, caught)
}

#[tokio::test]
async fn no_spelling_of_another_origin_is_reached() {
    let place = Neighbourhood::new().await;
    let (port, caught) = trap().await;
    let granted = "upstream.example.com";
    let own = place.upstream.address.port();
    let spellings = [
        // Other origins, plainly.
        format!("https://127.0.0.1:{port}/"),
        format!("http://127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
        format!("https://localhost:{port}/"),
        format!("http://127.0.0.1:{own}/"),
        "https://api.twilio.com/".to_owned(),
        "https://example.com/".to_owned(),
        "https://sub.upstream.example.com/".to_owned(),
        "https://upstream.example.com.evil.example/".to_owned(),
        // Another scheme or port of the granted host.
        format!("http://{granted}/"),
        format!("http://{granted}:443/"),
        format!("https://{granted}:{port}/"),
        format!("https://{granted}:80/"),
        format!("https://{granted}:0/"),
        format!("https://{granted}:65536/"),
        format!("ftp://{granted}/"),
        format!("ws://{granted}/"),
        "file:///etc/passwd".to_owned(),
        "data:text/plain,x".to_owned(),
        // Loopback in other words.
        format!("http://2130706433:{port}/"),
        format!("http://0x7f000001:{port}/"),
        format!("http://0x7f.0.0.1:{port}/"),
        format!("http://0177.0.0.1:{port}/"),
        format!("http://017700000001:{port}/"),
        format!("http://127.1:{port}/"),
        format!("http://127.0.1:{port}/"),
        format!("http://0:{port}/"),
        format!("http://0.0.0.0:{port}/"),
        format!("http://[::1]:{port}/"),
        format!("http://[::]:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://[::ffff:7f00:1]:{port}/"),
        format!("http://[64:ff9b::127.0.0.1]:{port}/"),
        format!("http://[2002:7f00:1::]:{port}/"),
        format!("http://①②⑦.⓪.⓪.①:{port}/"),
        format!("http://127。0。0。1:{port}/"),
        // The cloud's metadata.
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://[fd00:ec2::254]/".to_owned(),
        "http://metadata.google.internal/".to_owned(),
        // User information and what ends a host.
        format!("https://{granted}@127.0.0.1:{port}/"),
        format!("https://{granted}:x@127.0.0.1:{port}/"),
        format!("https://127.0.0.1:{port}\\@{granted}/"),
        format!("https://127.0.0.1:{port}#@{granted}/"),
        format!("https://127.0.0.1:{port}?@{granted}/"),
        format!("https://user@{granted}/"),
        format!("https://user:password@{granted}/"),
        // Other spellings of the granted name.
        format!("https://{granted}./"),
        "https://UPSTREAM.example.com/".to_owned(),
        "https://upstream.example.com:443/".to_owned(),
        "https://upstream.example.com:0443/".to_owned(),
        "https://upstream.example.com%00.evil.example/".to_owned(),
        "https://upstream.example.com%2eevil.example/".to_owned(),
        "https://upstreаm.example.com/".to_owned(),
        "https://xn--upstrem-5nf.example.com/".to_owned(),
        "https://upstream\u{ad}.example.com.evil.example/".to_owned(),
        // Not absolute.
        format!("//127.0.0.1:{port}/"),
        "/x".to_owned(),
        String::new(),
        format!("https:127.0.0.1:{port}"),
        format!("https:/\u{9}/127.0.0.1:{port}/"),
        format!("https://{granted} .evil.example/"),
        format!("https://{granted}\r\nHost: evil.example/"),
    ];
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
