//! The address of a name is checked when it is dialled, and the server must prove its name by its
//! certificate: otherwise nothing is sent.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use rustls::ServerConfig;
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use twofactor::admin::TestReport;
use twofactor::sandbox::{NetworkBuilder, Resolver};
use twofactor_tests::hostile::{Neighbourhood, SECRET};
use twofactor_tests::spellings::GRANTED;
use twofactor_tests::upstream::Upstream;
use twofactor_tests::vendors::tls::{self, Authority, TlsListener};
use twofactor_tests::vendors::trusting;

/// Returns a neighbourhood whose neighbour is where it always is.
async fn place(network: NetworkBuilder) -> Neighbourhood {
    let upstream = Upstream::start().await;
    let network = network.override_endpoint("https://api.twilio.com", upstream.address);
    Neighbourhood::on(network.build().unwrap(), upstream).await
}

async fn send(place: &Neighbourhood, origin: &str) -> TestReport {
    place.attempt(json!({"Behaviour": "send", "Origin": origin, "Url": format!("{origin}/x")})).await
}

/// Counts how often its application is reached.
fn counting(listener: TlsListener) -> Arc<AtomicUsize> {
    let reached = Arc::new(AtomicUsize::new(0));
    let count = reached.clone();
    listener.serve(Router::new().fallback(async move || {
        count.fetch_add(1, Ordering::SeqCst);
        (axum::http::StatusCode::CREATED, "{}")
    }));
    reached
}

/// Sends to a server with these settings; the outcome, and how often it was dialled and its application reached.
async fn sent_to(authority: &Authority, config: ServerConfig) -> (TestReport, usize, usize) {
    let listener = TlsListener::bind(config).await;
    let (dialled, address) = (listener.dialled(), listener.address());
    let reached = counting(listener);
    let place = place(trusting(authority).resolve(GRANTED, address)).await;
    let report = send(&place, &format!("https://{GRANTED}")).await;
    (report, dialled.load(Ordering::SeqCst), reached.load(Ordering::SeqCst))
}

#[tokio::test]
async fn nothing_is_sent_to_a_server_whose_certificate_does_not_prove_its_name() {
    let authority = Authority::default();
    let over = |params: &mut rcgen::CertificateParams| params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let to_come = |params: &mut rcgen::CertificateParams| params.not_before = rcgen::date_time_ymd(2200, 1, 1);
    for (what, config) in [
        ("wrong name", authority.server(&["other.example.com"])),
        ("a name within it", authority.server(&["sub.upstream.example.com"])),
        ("a name it ends", authority.server(&["evil-upstream.example.com"])),
        ("no name", authority.server(&[])),
        ("its address", authority.server(&["127.0.0.1"])),
        ("expired", authority.server_with(&[GRANTED], over)),
        ("not yet valid", authority.server_with(&[GRANTED], to_come)),
        ("self-signed", tls::self_signed(&[GRANTED])),
        ("unknown authority", Authority::default().server(&[GRANTED])),
    ] {
        let (report, dialled, reached) = sent_to(&authority, config).await;
        assert_eq!((&*report.outcome, &*report.code), ("retry-later", "not-sent"), "{what}: {}", report.detail);
        assert!(report.detail.contains("certificate"), "{what}: {}", report.detail);
        assert!(dialled > 0, "{what}");
        assert_eq!(reached, 0, "{what}");
    }
    let (report, _, reached) = sent_to(&authority, authority.server(&[GRANTED])).await;
    assert_eq!((&*report.outcome, reached), ("delivered", 1), "{}", report.detail);
}

#[tokio::test]
async fn nothing_is_sent_to_a_server_that_speaks_no_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ear = heard.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let ear = ear.clone();
            tokio::spawn(async move {
                let mut bytes = [0; 4096];
                let n = stream.read(&mut bytes).await.unwrap_or(0);
                ear.lock().unwrap().extend(&bytes[..n]);
                let _ = stream.try_write(b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}");
            });
        }
    });
    let place = place(trusting(&Authority::default()).resolve(GRANTED, address)).await;
    let report = send(&place, &format!("https://{GRANTED}")).await;
    assert_eq!((&*report.outcome, &*report.code), ("retry-later", "not-sent"), "{}", report.detail);
    let heard = heard.lock().unwrap().clone();
    // A record of a TLS handshake, and no more.
    assert_eq!(heard[0], 22);
    let text = String::from_utf8_lossy(&heard);
    assert!(!text.contains("POST") && !text.contains("authorization") && !text.contains(SECRET));
}

/// A resolver that returns one result after the other and repeats the last.
#[derive(Clone)]
struct Rebinding(Arc<(Mutex<VecDeque<Vec<IpAddr>>>, AtomicUsize)>);

impl Rebinding {
    fn new(answers: &[&[&str]]) -> Self {
        let answers = answers.iter().map(|all| all.iter().map(|one| one.parse().unwrap()).collect());
        Self(Arc::new((Mutex::new(answers.collect()), AtomicUsize::new(0))))
    }

    fn asked(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Resolver for Rebinding {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        assert_eq!(host, GRANTED);
        self.0.1.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.0.0.lock().unwrap();
        let answer = answers.front().cloned().unwrap();
        if answers.len() > 1 {
            answers.pop_front();
        }
        Ok(answer)
    }
}

/// Counts who is dialled at an address; it never answers.
async fn ear(address: SocketAddr) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(address).await.unwrap();
    let (address, caught) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let count = caught.clone();
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    (address, caught)
}

#[tokio::test]
async fn a_name_that_resolves_to_a_private_address_is_not_dialled() {
    let (at, caught) = ear(SocketAddr::from(([127, 0, 0, 1], 0))).await;
    let origin = format!("https://{GRANTED}:{}", at.port());
    for answer in [
        &["127.0.0.1"][..],
        &["::1"],
        &["::ffff:127.0.0.1"],
        &["10.0.0.1", "192.168.1.1"],
        &["169.254.169.254"],
        &["fd00:ec2::254"],
        &["0.0.0.0"],
        &[],
    ] {
        let resolver = Rebinding::new(&[answer]);
        let place = place(trusting(&Authority::default()).resolver(resolver.clone())).await;
        let report = send(&place, &origin).await;
        assert_eq!((&*report.outcome, &*report.code), ("retry-later", "not-sent"), "{answer:?}: {}", report.detail);
        let why = if answer.is_empty() { "has no address" } else { "does not resolve to a public address" };
        assert!(report.detail.contains(why), "{answer:?}: {}", report.detail);
        assert_eq!(resolver.asked(), 1);
    }
    assert_eq!(caught.load(Ordering::SeqCst), 0);
}

/// A name that is rebound: each lookup returns another address. One address of loopback is allowed
/// and represents the public ones; the other represents internal ones.
#[tokio::test]
async fn the_address_that_was_checked_is_the_address_that_is_dialled() {
    let authority = Authority::default();
    let listener = TlsListener::bind(authority.server(&[GRANTED])).await;
    let outside = listener.address();
    let reached = counting(listener);
    let (_, caught) = ear(SocketAddr::new("127.0.0.2".parse().unwrap(), outside.port())).await;
    let (within, without) = ("127.0.0.2", "127.0.0.1");
    let origin = format!("https://{GRANTED}:{}", outside.port());
    let on = async |resolver: &Rebinding| {
        place(trusting(&authority).resolver(resolver.clone()).allow_network("127.0.0.1/32".parse().unwrap())).await
    };

    // Vetted and dialled are one look.
    let resolver = Rebinding::new(&[&[without], &[within]]);
    let first = on(&resolver).await;
    assert_eq!(send(&first, &origin).await.outcome, "delivered");
    assert_eq!((resolver.asked(), reached.load(Ordering::SeqCst)), (1, 1));
    // Rebound afterwards, it is refused; of several only those that may be are dialled.
    let second = on(&Rebinding::new(&[&[within]])).await;
    assert_eq!(send(&second, &origin).await.outcome, "retry-later");
    let third = on(&Rebinding::new(&[&[within, "::1", without]])).await;
    assert_eq!(send(&third, &origin).await.outcome, "delivered");
    assert_eq!((reached.load(Ordering::SeqCst), caught.load(Ordering::SeqCst)), (2, 0));
}
