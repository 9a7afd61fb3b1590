//! `fetch` of a component in JavaScript obeys the same rules as the host's own HTTP. A name
//! resolves to loopback here and may be dialled, so that only the grants protect the trap.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use twofactor::admin::TestReport;
use twofactor::keyring::Keyring;
use twofactor::sandbox::Resolver;
use twofactor::{Builder, Network, TwoFactor};
use twofactor_tests::hostile::{Neighbourhood, SECRET, limits};
use twofactor_tests::languages::javascript_guest;
use twofactor_tests::spellings::{GRANTED, spellings, trap};
use twofactor_tests::upstream::Upstream;
use url::Url;

/// The guest, and where it is kept compiled.
static GUEST: OnceCell<Option<Guest>> = OnceCell::const_new();

struct Guest {
    component: Vec<u8>,
    keyring: Keyring,
    cache: TempDir,
}

impl Guest {
    /// `None` if that cannot be done here.
    async fn build() -> Option<Self> {
        let component = javascript_guest("fetch-guest", &Path::new(env!("CARGO_TARGET_TMPDIR")).join("languages"))?;
        let (keyring, cache) = (Keyring::generate().unwrap(), tempfile::tempdir().unwrap());
        let guest = Self { component, keyring, cache };
        guest.engine().provider(guest.component.clone()).build().await.unwrap();
        Some(guest)
    }

    fn engine(&self) -> Builder {
        TwoFactor::builder().limits(limits()).keyring(self.keyring.clone()).cache_dir(self.cache.path())
    }
}

/// All ways to pass a URL to `fetch`.
const WAYS: [&str; 5] =
    ["send", "send a URL", "send a Request", "send a Request of a Request", "send a Request with more"];

/// A resolver for whom every name leads to loopback, and who keeps what it was asked.
#[derive(Clone, Default)]
struct ToLoopback(Arc<Mutex<Vec<String>>>);

#[async_trait]
impl Resolver for ToLoopback {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        self.0.lock().unwrap().push(host.to_owned());
        Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()])
    }
}

struct Place {
    neighbourhood: Neighbourhood,
    names: ToLoopback,
    port: u16,
    caught: Arc<AtomicUsize>,
}

impl Place {
    /// `None` without the guest.
    async fn new() -> Option<Self> {
        let guest = GUEST.get_or_init(Guest::build).await.as_ref()?;
        let (port, caught) = trap().await;
        let (names, upstream) = (ToLoopback::default(), Upstream::start().await);
        let mut network = Network::builder().resolver(names.clone());
        for anywhere in ["0.0.0.0/0", "::/0"] {
            network = network.allow_network(anywhere.parse().unwrap());
        }
        for origin in ["https://upstream.example.com", "https://api.twilio.com"] {
            network = network.override_endpoint(origin, upstream.address);
        }
        let builder = guest.engine().network(network.build().unwrap());
        let neighbourhood = Neighbourhood::with(builder, upstream, "fetch", &guest.component).await;
        Some(Self { neighbourhood, names, port, caught })
    }

    async fn fetch(&self, way: &str, url: &str, init: Value) -> TestReport {
        let options = json!({"Behaviour": way, "Url": url, "Init": init.to_string()});
        self.neighbourhood.attempt_alone(options).await
    }

    /// Returns how many requests came, each of which is as the host made it.
    fn arrived(&self) -> usize {
        let seen = self.neighbourhood.upstream.seen();
        for request in &seen {
            let own = request.header("authorization");
            assert!(own.len() == 1 && own[0].starts_with("Basic ") && !own[0].contains(SECRET), "{own:?}");
            assert_eq!(request.header("host"), [GRANTED]);
        }
        seen.len()
    }

    fn nobody_else_was_reached(&self) {
        assert_eq!(self.caught.load(Ordering::SeqCst), 0);
        assert_eq!(*self.names.0.lock().unwrap(), Vec::<String>::new());
    }
}

/// Returns whether a browser would read this as the origin that is granted.
fn is_granted(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| url.origin().ascii_serialization() == format!("https://{GRANTED}"))
}

#[tokio::test]
async fn no_spelling_of_another_origin_is_reached() {
    let Some(place) = Place::new().await else { return };
    let spellings = spellings(place.port, place.neighbourhood.upstream.address.port());
    let (mut tried, mut expected) = (0, 0);
    for way in WAYS {
        for url in &spellings {
            let report = place.fetch(way, url, json!({})).await;
            // `fetch` corrects the spelling as browsers do before the host sees it: then it is the granted one.
            if report.code == "201" && is_granted(url) {
                expected += 1;
            } else {
                assert_eq!(
                    (&*report.outcome, &*report.code),
                    ("rejected-message", "threw"),
                    "{way} {url:?}: {report:?}"
                );
            }
            tried += 1;
            assert_eq!(place.arrived(), expected, "{way} {url:?}");
        }
    }
    let report = place.fetch("send a Blob's URL", "", json!({})).await;
    assert_ne!(report.outcome, "delivered", "{report:?}");
    place.nobody_else_was_reached();
    println!(
        "{} spellings in {} ways, {tried} tried: none left, {expected} were the granted origin after all",
        spellings.len(),
        WAYS.len()
    );

    let report = place.fetch("send", "https://upstream.example.com/a?b=c", json!({"headers": [["x-own", "1"]]})).await;
    assert_eq!(report.code, "201", "{report:?}");
    let last = place.neighbourhood.upstream.seen().pop().unwrap();
    assert_eq!((&*last.path, last.header("x-own")), ("/a", vec!["1"]));
}

#[tokio::test]
async fn a_header_that_only_the_host_may_set_does_not_leave() {
    let Some(place) = Place::new().await else { return };
    for way in WAYS {
        for header in [
            ["authorization", "Basic Zm9yZ2Vk"],
            ["Authorization", "Bearer forged"],
            ["AUTHORIZATION", "forged"],
            ["proxy-authorization", "forged"],
            ["cookie", "forged=1"],
            ["Cookie", "forged=1"],
            ["host", "forged.example"],
            ["Host", "forged.example"],
            ["transfer-encoding", "forged"],
            ["content-length", "7"],
            ["connection", "forged"],
            ["upgrade", "forged"],
            ["te", "forged"],
            ["trailer", "forged"],
            ["keep-alive", "forged"],
            ["x-a", "b\r\nauthorization: forged"],
            ["x-a\r\nauthorization", "forged"],
            ["", "forged"],
            ["x y", "forged"],
        ] {
            let before = place.arrived();
            let report = place.fetch(way, &format!("https://{GRANTED}/x"), json!({"headers": [header]})).await;
            for request in &place.neighbourhood.upstream.seen()[before..] {
                let headers = request.headers.iter();
                let forged = headers.filter(|(_, value)| value.contains("forged") || value.contains("Zm9yZ2Vk"));
                assert_eq!(forged.count(), 0, "{way} {header:?}: {:?} {report:?}", request.headers);
            }
        }
    }
    println!("{} requests left without them", place.arrived());
    place.nobody_else_was_reached();
}

#[tokio::test]
async fn no_redirect_is_followed_whatever_fetch_is_told() {
    let Some(place) = Place::new().await else { return };
    let mut sent = 0;
    for mode in ["follow", "manual", "error"] {
        for status in [301, 302, 303, 307, 308] {
            let url = format!("https://{GRANTED}/redirect/{status}/http://127.0.0.1:{}/", place.port);
            let report = place.fetch("send", &url, json!({"redirect": mode})).await;
            sent += 1;
            assert!([&*status.to_string(), "threw"].contains(&&*report.code), "{mode}: {report:?}");
            assert_eq!(place.arrived(), sent, "{mode}: {report:?}");
        }
    }
    place.nobody_else_was_reached();
}

#[tokio::test]
async fn no_setting_of_fetch_widens_what_is_granted() {
    let Some(place) = Place::new().await else { return };
    let elsewhere = format!("https://elsewhere.example.com:{}/", place.port);
    for init in [
        json!({"credentials": "include"}),
        json!({"credentials": "include", "mode": "no-cors"}),
        json!({"mode": "same-origin"}),
        json!({"mode": "navigate"}),
        json!({"referrer": format!("https://{GRANTED}/"), "referrerPolicy": "unsafe-url"}),
        json!({"cache": "only-if-cached"}),
        json!({"keepalive": true}),
        json!({"integrity": "sha256-x", "window": null, "duplex": "half"}),
        json!({"backend": "anything", "manualFramingHeaders": true}),
        json!({"method": "CONNECT"}),
        json!({"method": "TRACE"}),
        json!({"method": "GET"}),
    ] {
        let report = place.fetch("send", &elsewhere, init.clone()).await;
        assert_eq!(report.code, "threw", "{init}: {report:?}");
    }
    assert_eq!(place.arrived(), 0);
    // A method that the host does not send may be refused or corrected; it does not arrive.
    for method in ["CONNECT", "TRACE", "connect", "TrAcE", "GET / HTTP/1.1\r\nx:", "GET\u{0}", ""] {
        place.fetch("send", &format!("https://{GRANTED}/"), json!({"method": method})).await;
    }
    assert!(place.neighbourhood.upstream.seen().iter().all(|seen| ["GET", "POST"].contains(&&*seen.method)));
    let report = place.fetch("send", &format!("https://{GRANTED}/"), json!({"method": "PUT"})).await;
    assert_eq!(report.code, "201", "{report:?}");
    assert_eq!(place.neighbourhood.upstream.seen().pop().unwrap().method, "PUT");
    place.nobody_else_was_reached();
}

#[tokio::test]
async fn the_host_adds_what_fetch_cannot_tell() {
    let Some(place) = Place::new().await else { return };
    // Nothing was sent, and it is the operator who must do something.
    let report = place.fetch("send, and know nothing", "https://elsewhere.example.com/", json!({})).await;
    assert_eq!((&*report.outcome, &*report.code), ("misconfigured", "threw"), "{report:?}");
    // It was sent.
    let report = place.fetch("send, and know nothing", "https://upstream.example.com/", json!({})).await;
    assert_eq!((&*report.outcome, &*report.code), ("outcome-unknown", "201"), "{report:?}");
    place.nobody_else_was_reached();
}

/// ComponentizeJS runs a component once while it builds it. What it stores then must not be what `deliver` sees.
#[tokio::test]
async fn clocks_run_and_random_numbers_differ_between_calls() {
    let Some(place) = Place::new().await else { return };
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let mut numbers = BTreeSet::new();
    for _ in 0..3 {
        let before = now();
        let report = place.fetch("send the time", &format!("https://{GRANTED}/"), json!({})).await;
        assert_eq!(report.code, "201", "{report:?}");
        let seen = place.neighbourhood.upstream.seen().pop().unwrap();
        let time: u128 = seen.header("x-time")[0].parse().unwrap();
        assert!((before..=now()).contains(&time), "{time} is not between {before} and {}", now());
        numbers.insert(seen.header("x-random")[0].to_owned());
    }
    assert_eq!(numbers.len(), 3, "{numbers:?}");
}
