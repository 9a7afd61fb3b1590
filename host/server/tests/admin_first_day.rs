//! The first day in a real browser: from the first link, in an empty store, to a test code that was delivered. What a person has to
//! click and to type on the way is counted.

use std::net::SocketAddr;

use crate::chromium;
use chromium::{BrowserSettings, Chromium, ENTER, axe, skipped};
use twofactor::instance::Policy;
use twofactor::sandbox::Outbox;
use twofactor::{Network, TwoFactor};
use twofactor_server::{PublicUrl, router_at};

/// The maximum for a person who does it for the first time.
const CLICKS: usize = 12;
const KEYS: usize = 60;

/// Returns a server with an empty store whose emails stay here.
async fn empty(outbox: &Outbox) -> (String, TwoFactor) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let network = Network::builder().outbox(outbox).build().unwrap();
    let policy = Policy { application_name: "Shop".to_owned(), ..Policy::default() };
    let engine = TwoFactor::builder().network(network).policy(policy).bundled_providers().build().await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = router_at(engine.clone(), Vec::new(), Some(PublicUrl::parse(&url).unwrap()));
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    (url, engine)
}

/// Somebody who counts. A field that has not the focus is clicked first.
struct Person<'a> {
    browser: &'a Chromium,
    clicks: usize,
    keys: usize,
}

impl Person<'_> {
    async fn clicks(&mut self, selector: &str) {
        self.clicks += 1;
        self.browser.click(selector).await;
    }

    async fn types(&mut self, id: &str, text: &str) {
        if self.browser.focused("id").await != id {
            self.clicks(&format!("[id='{id}']")).await;
        }
        self.keys += text.chars().count();
        self.browser.keys(text).await;
    }
}

#[tokio::test]
async fn from_the_first_link_to_a_delivered_test_code_takes_at_most_12_clicks_and_60_keys() {
    let test = "from_the_first_link_to_a_delivered_test_code_takes_at_most_12_clicks_and_60_keys";
    if skipped(test) {
        return;
    }
    let axe = axe(test);
    let outbox = Outbox::new();
    let (url, engine) = empty(&outbox).await;
    let invitation = engine.accounts().first_invitation().await.unwrap().unwrap();
    let browser = Chromium::start(BrowserSettings::default()).await;
    let look = async |name: &str| {
        browser.picture(&format!("first-day-{name}")).await;
        if let Some(axe) = &axe {
            let violations = browser.violations(axe).await;
            assert!(violations.is_empty(), "{name}: {violations:#?}");
        }
    };
    browser.open(&format!("{url}{}", invitation.path())).await;
    let mut anna = Person { browser: &browser, clicks: 1, keys: 0 };
    anna.types("name", "Anna").await;
    anna.types("email", "anna@example.com").await;
    anna.types("password", "blau-9-ducks").await;
    anna.types("password", ENTER).await;
    browser.sees("#first-steps", "Getting started").await;
    look("first-steps").await;
    anna.clicks("#first-steps a.button.main").await;
    browser.sees("h1", "Create TwoFactor Instance").await;
    look("new").await;
    anna.types("email/MailServerConfig/SMTP/Host", "smtp.example.com").await;
    anna.types("email/MailServerConfig/SMTP/UserName", "anna").await;
    anna.types("email/MailServerConfig/SMTP/Password", "pass").await;
    anna.types("email/MailServerConfig/SMTP/Password", ENTER).await;
    browser.sees("#test .notice", "The upstream accepted the message.").await;
    look("tested").await;
    let mails = outbox.mails();
    assert_eq!(mails.len(), 1);
    assert!(anna.clicks <= CLICKS && anna.keys <= KEYS, "{} clicks and {} keys", anna.clicks, anna.keys);

    // The rest of the first steps is one link or one form away.
    browser.open(&format!("{url}/admin")).await;
    browser.sees("#first-steps .count", "4 / 8").await;
    anna.clicks("#first-steps li.next a").await;
    browser.sees("#assignments", "Assign").await;
    browser.fill("#target", "acme").await;
    browser.click(".assign button").await;
    browser.sees(".assigned", "acme").await;
    browser.open(&format!("{url}/admin")).await;
    browser.sees("#first-steps li.next", "Create a token").await;
    look("most-done").await;
}

#[tokio::test]
async fn the_first_day_looks_well_made_on_a_phone() {
    let test = "the_first_day_looks_well_made_on_a_phone";
    if skipped(test) {
        return;
    }
    let outbox = Outbox::new();
    let (url, engine) = empty(&outbox).await;
    let invitation = engine.accounts().first_invitation().await.unwrap().unwrap();
    let browser = Chromium::start(BrowserSettings {
        phone: true,
        language: "de-CH",
        scripts: false,
        ..BrowserSettings::default()
    })
    .await;
    browser.open(&format!("{url}{}", invitation.path())).await;
    browser.picture("first-day-phone-invitation").await;
    browser.fill("#name", "Anna").await;
    browser.fill("#email", "anna@example.com").await;
    browser.fill("#password", "blau-9-ducks").await;
    browser.click("button.main").await;
    browser.sees("#first-steps", "Erste Schritte").await;
    browser.picture("first-day-phone-first-steps").await;
    browser.click("#first-steps a.button.main").await;
    browser.sees("h1", "TwoFactor-Instanz erstellen").await;
    browser.picture("first-day-phone-new").await;
    browser.fill("[id='email/MailServerConfig/SMTP/Host']", "smtp.example.com").await;
    browser.click("button.main").await;
    browser.sees("#test .notice", "Der Mailserver oder SMS-Anbieter hat die Nachricht angenommen.").await;
    browser.picture("first-day-phone-tested").await;
    // Nothing sticks out of the page at the side.
    for path in ["/admin", "/admin/two-factors/new", "/admin/two-factors"] {
        browser.open(&format!("{url}{path}")).await;
        let size = browser.devtools("Page.getLayoutMetrics", serde_json::json!({})).await;
        assert_eq!(size["cssContentSize"]["width"], 390, "{path}");
    }
}
