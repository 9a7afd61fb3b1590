//! An attacker starts a sign-in and sends its link to somebody else, who types the code on the
//! genuine page: the attacker is not signed in.

use std::net::SocketAddr;

use crate::{shop, site};
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE, USER_AGENT};
use serde_json::{Value, json};
use shop::Shop;
use site::{Begun, Browser, PHONE, Site};
use tokio::net::TcpListener;
use twofactor::SqliteStore;
use twofactor::clock::ManualClock;
use twofactor::keyring::Keyring;

/// Returns the example application on loopback.
async fn open_shop(site: &Site) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut shop = Shop::new(&site.url, &site.application, &url, json!({"phone": PHONE}));
    shop.tenant = "main".to_owned();
    site.set(json!({"return_urls": [format!("{url}/signed-in")]})).await;
    let routes = shop.routes().into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    url
}

/// A browser at the example application: its cookie, and what it is answered.
#[derive(Default)]
struct Customer {
    cookie: Option<String>,
}

impl Customer {
    async fn send(&mut self, method: &str, url: &str) -> (u16, Option<String>, String) {
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let mut request = client.request(method.parse().unwrap(), url);
        request = request.header(USER_AGENT, "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Firefox/132.0");
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, cookie);
        }
        let answer = request.send().await.unwrap();
        let text = |name| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        if let Some(cookie) = text(SET_COOKIE) {
            self.cookie = Some(cookie.split(';').next().unwrap().to_owned());
        }
        (answer.status().as_u16(), text(LOCATION), answer.text().await.unwrap())
    }

    async fn begin(&mut self, shop: &str) -> String {
        let (status, to, text) = self.send("POST", &format!("{shop}/sign-in")).await;
        assert_eq!(status, 303, "{text}");
        to.unwrap()
    }

    async fn is_signed_in(&mut self, shop: &str) -> bool {
        self.send("GET", shop).await.2.contains("Signed in as alice")
    }
}

/// Somebody types the code behind a link, and is sent back.
async fn confirm(site: &Site, link: &str) -> String {
    let browser = Browser::at(link);
    browser.post("/start", &browser.get("").await.start()).await.location();
    let back = browser.answer(&site.ecall.code()).await;
    assert!(back.brings("handle").is_some());
    back.location().to_owned()
}

#[tokio::test]
async fn a_victim_who_confirms_a_strangers_sign_in_signs_no_one_in() {
    let site = Site::start().await;
    let shop = open_shop(&site).await;
    let (mut attacker, mut victim) = (Customer::default(), Customer::default());
    let link = attacker.begin(&shop).await;
    // The victim is signed in to nothing, or about to sign in too.
    for is_signing_in in [false, true] {
        let link = if is_signing_in { attacker.begin(&shop).await } else { link.clone() };
        if is_signing_in {
            victim.begin(&shop).await;
        }
        let back = confirm(&site, &link).await;
        let (status, _, text) = victim.send("GET", &back).await;
        println!("the victim's browser comes back: {status} {text}");
        assert_eq!(status, 403);
        assert!(!attacker.is_signed_in(&shop).await && !victim.is_signed_in(&shop).await);
    }
    println!("the attacker's session afterwards: signed in: {}", attacker.is_signed_in(&shop).await);
}

#[tokio::test]
async fn polling_reveals_only_that_a_sign_in_has_ended() {
    let site = Site::start().await;
    let mut reports = Vec::new();
    for confirmed in [true, false] {
        let (begun, browser) = site.at_code().await;
        let back =
            if confirmed { browser.answer(&site.ecall.code()).await } else { browser.post("/cancel", &[]).await };
        assert!(back.location().contains(if confirmed { "handle=" } else { "error=" }));
        let mut report = site.report(&begun).await;
        println!("polled: {report}");
        assert_eq!(report.as_object_mut().unwrap().remove("id"), Some(json!(begun.id)));
        report.as_object_mut().unwrap().remove("expires_at");
        reports.push(report);
    }
    assert_eq!(reports, vec![json!({"status": "ended", "purpose": "sign-in"}); 2]);
}

#[tokio::test]
async fn the_browser_that_started_a_sign_in_is_signed_in_by_its_result_once() {
    let site = Site::start().await;
    let shop = open_shop(&site).await;
    let mut customer = Customer::default();
    let link = customer.begin(&shop).await;
    let back = confirm(&site, &link).await;
    let before = customer.cookie.clone();
    let (status, to, text) = customer.send("GET", &back).await;
    assert_eq!((status, to.as_deref()), (303, Some("/")), "{text}");
    assert_ne!(customer.cookie, before, "a session has a new id once it is worth more");
    assert!(customer.is_signed_in(&shop).await);
    assert_eq!(customer.send("GET", &back).await.0, 403);
    assert!(!Customer { cookie: before }.is_signed_in(&shop).await);
}

async fn handle(site: &Site) -> (Begun, String) {
    let (begun, browser) = site.at_code().await;
    let handle = browser.answer(&site.ecall.code()).await.brings("handle").unwrap();
    (begun, handle)
}

#[tokio::test]
async fn a_handle_is_redeemed_once_for_its_own_sign_in_and_subscription_within_two_minutes() {
    let site = Site::start().await;
    let closed = async |begun: &Begun, handle: &str| {
        let problem = site.redeem(begun, handle).await.problem(410, "sign-in-closed");
        assert!(problem.get("user").is_none());
        problem
    };
    let (begun, good) = handle(&site).await;
    let pending = site.begin(json!({})).await;
    let unknown = Begun { id: "A".repeat(24), url: String::new() };
    let refusals = [
        closed(&pending, &good).await,
        closed(&unknown, &good).await,
        closed(&begun, "").await,
        closed(&begun, &"A".repeat(24)).await,
        closed(&begun, &begun.id).await,
        closed(&begun, begun.url.rsplit_once('/').unwrap().1).await,
    ];
    assert!(refusals.iter().all(|one| *one == refusals[0]), "{refusals:?}");
    let admin = site.admin();
    admin.create_subscription("other", "Other").await.unwrap();
    let sign_ins = site.engine.hosted_sign_ins();
    assert!(sign_ins.redeem("other", &begun.id, &good).await.unwrap_err().is_closed());

    site.advance(119);
    let all = (0..8).map(|_| {
        let (sign_ins, id, good) = (sign_ins.clone(), begun.id.clone(), good.clone());
        tokio::spawn(async move { sign_ins.redeem("shop", &id, &good).await })
    });
    let mut redeemed = 0;
    for one in all.collect::<Vec<_>>() {
        redeemed += usize::from(one.await.unwrap().is_ok());
    }
    assert_eq!(redeemed, 1);
    closed(&begun, &good).await;

    let (begun, late) = handle(&site).await;
    site.advance(120);
    closed(&begun, &late).await;
}

#[tokio::test]
async fn with_two_servers_on_one_store_a_handle_is_redeemed_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it.db");
    let keyring = Keyring::generate().unwrap();
    let one = Site::with(|builder| builder.keyring(keyring.clone()).store(SqliteStore::open(&path).unwrap())).await;
    let clock = ManualClock::new(jiff::Timestamp::now());
    let builder = twofactor::TwoFactor::builder().keyring(keyring).store(SqliteStore::open(&path).unwrap());
    let two = builder.clock(clock).build().await.unwrap();
    let (begun, first) = handle(&one).await;
    let result = two.hosted_sign_ins().redeem("shop", &begun.id, &first).await.unwrap();
    assert_eq!((result.sign_in.user.as_deref(), &*result.purpose), (Some("alice"), "sign-in"));
    one.redeem(&begun, &first).await.problem(410, "sign-in-closed");
    let (begun, second) = handle(&one).await;
    let (here, there) = (one.engine.hosted_sign_ins(), two.hosted_sign_ins());
    let both = tokio::join!(here.redeem("shop", &begun.id, &second), there.redeem("shop", &begun.id, &second));
    assert_eq!(usize::from(both.0.is_ok()) + usize::from(both.1.is_ok()), 1);
}

#[tokio::test]
async fn the_page_shows_what_is_confirmed_and_when_and_where_it_was_started() {
    let site = Site::start().await;
    let from = json!({"client_address": "203.0.113.77", "purpose": "payment",
        "user_agent": "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/131.0.0.0 Safari/537.36"});
    let begun = site.begin(from).await;
    let browser = Browser::at(&begun.url).saying("x-forwarded-for", "203.0.113.9");
    let page = browser.get("").await;
    for text in ["Shop &amp; Sons", "alice", "payment", "less than a minute ago", "Chrome, Windows, 203.0.113.*"] {
        page.says(200, text);
    }
    page.says(200, "If you didn’t start this yourself, cancel.");
    assert!(!page.html.contains("203.0.113.77") && !page.html.contains("a different network"));
    site.advance(180);
    browser.post("/start", &page.start()).await.location();
    let page = browser.get("").await;
    page.says(200, "Enter your code");
    page.says(200, "3\u{a0}minutes ago");
    // Seen from another network, and in another language.
    let begun = site.begin(json!({"client_address": "203.0.113.77", "user_agent": "<b>Call your bank</b>"})).await;
    let elsewhere = Browser::at(&begun.url).saying("x-forwarded-for", "198.51.100.4");
    let page = elsewhere.get("?lang=de").await;
    page.says(200, "aus einem anderen Netzwerk");
    page.says(200, "Anmeldung");
    assert!(!page.html.contains("Call your bank"));
    // Nothing is known of a browser that has addresses of both families.
    let begun = site.begin(json!({"client_address": "2001:db8:1:2::3"})).await;
    let page = Browser::at(&begun.url).saying("x-forwarded-for", "198.51.100.4").get("").await;
    page.says(200, "2001:db8:1:*");
    assert!(!page.html.contains("a different network"));
    let long = json!({"tenant": "main", "user": "alice", "recipient": {"phone": PHONE}, "state": "s",
        "return_url": site::RETURN_URL, "user_agent": "x".repeat(1025)});
    let refused: Value = site.call("POST", "/v1/sign-ins", long).await.problem(400, "invalid-input");
    assert_eq!(refused["errors"][0]["pointer"], "/user_agent");
}

#[tokio::test]
async fn two_sign_ins_in_two_tabs_of_one_browser_do_not_end_each_other() {
    let site = Site::start().await;
    let (begun, first) = site.at_code().await;
    let code = site.ecall.code();
    let second = site.begin(json!({})).await;
    let tab = first.tab(&second.url);
    tab.post("/start", &tab.get("").await.start()).await.location();
    let handle = first.answer(&code).await.brings("handle").unwrap();
    site.redeem(&begun, &handle).await.expect(200);
    let handle = tab.answer(&site.ecall.code()).await.brings("handle").unwrap();
    site.redeem(&second, &handle).await.expect(200);
    // However many there are, a browser's requests stay short: the oldest give way.
    let mut tabs = Vec::new();
    for _ in 0..12 {
        let tab = first.tab(&site.begin(json!({})).await.url);
        tab.get("").await.says(200, "Confirm it’s you");
        tabs.push(tab);
    }
    assert_eq!(first.cookie.lock().unwrap().as_ref().unwrap().split("; ").count(), 10);
    tabs[11].get("").await.says(200, "Confirm it’s you");
    tabs[0].get("").await.says(403, "another browser");
}
