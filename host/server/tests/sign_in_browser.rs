//! A person signs in with a real browser, through the application in `examples/shop`.

use std::net::SocketAddr;

use crate::{chromium, shop, site};
use chromium::{BrowserSettings, Chromium, DOWN, ENTER, TAB, axe, skipped};
use serde_json::{Value, json};
use shop::Shop;
use site::{Browser, PHONE, Site};
use tokio::net::TcpListener;
use twofactor_tests::ecall::wrong;

/// Returns the example application, for a person with a phone number and an email address.
async fn open_shop(site: &Site, settings: Value) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    // Another host than TwoFactor's: cookies know no ports.
    let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    let recipient = json!({"phone": PHONE, "email": "alice@example.com"});
    let mut shop = Shop::new(&site.url, &site.application, &url, recipient);
    shop.tenant = "main".to_owned();
    let routes = shop.routes().into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let mut page = json!({"return_urls": [format!("{url}/signed-in")]});
    page.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    site.set(page).await;
    url
}

#[track_caller]
fn none(violations: Vec<String>) {
    assert!(violations.is_empty(), "{violations:#?}");
}

#[tokio::test]
async fn a_person_signs_in_with_scripts_on() {
    if skipped("a_person_signs_in_with_scripts_on") {
        return;
    }
    let axe = axe("a_person_signs_in_with_scripts_on");
    let site = Site::start().await;
    let shop = open_shop(&site, json!({})).await;
    let browser = Chromium::start(BrowserSettings::default()).await;
    browser.open(&shop).await;
    browser.click("button").await;
    browser.sees("h1", "Confirm it’s you").await;
    browser.picture("choice").await;
    if let Some(axe) = &axe {
        none(browser.violations(axe).await);
    }
    browser.click("input[value]:not([checked])[type=radio]").await;
    let second = browser.run("return document.querySelector(':checked').parentElement.innerText", json!([])).await;
    assert!(second.as_str().unwrap().contains("Text message"), "{second}");
    browser.click("button.main").await;
    browser.sees("h1", "Enter your code").await;
    // The field has the focus, and a new code must wait.
    assert_eq!(browser.focused("id").await, "code");
    assert!(!browser.enabled(".resend button").await);
    let waits = browser.text(".wait").await;
    browser.until("the countdown", async |browser| browser.text(".wait").await != waits).await;
    browser.picture("code").await;
    if let Some(axe) = &axe {
        none(browser.violations(axe).await);
    }
    let code = site.ecall.code();
    browser.keys(&format!("{}{ENTER}", wrong(&code))).await;
    browser.sees("[role=alert]", "Incorrect code. You have 4 attempts left.").await;
    assert_eq!(browser.focused("aria-describedby").await, "error lead");
    browser.picture("wrong").await;
    if let Some(axe) = &axe {
        none(browser.violations(axe).await);
    }
    // A refresh shows the page again and sends nothing.
    browser.open(&browser.url().await).await;
    assert_eq!(site.ecall.codes().len(), 1);
    let paste = "const data = new DataTransfer(); data.setData('text', arguments[0]); const code = document.getElementById('code');
        code.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true })); return code.value";
    let pasted = browser.run(paste, json!([format!(" {} {}\n", &code[..3], &code[3..])])).await;
    assert_eq!(pasted, code);
    browser.keys(ENTER).await;
    browser.sees("#welcome", "Signed in as alice").await;
    browser.until("the return", async |browser| browser.url().await == format!("{shop}/")).await;
}

#[tokio::test]
async fn a_person_signs_in_with_scripts_off_on_a_phone_in_german() {
    if skipped("a_person_signs_in_with_scripts_off_on_a_phone_in_german") {
        return;
    }
    let site = Site::start().await;
    let shop = open_shop(&site, json!({})).await;
    let browser = Chromium::start(BrowserSettings {
        language: "de-CH",
        scripts: false,
        phone: true,
        ..BrowserSettings::default()
    })
    .await;
    browser.open(&shop).await;
    browser.click("button").await;
    browser.sees("h1", "Bestätigen Sie, dass Sie es sind").await;
    browser.picture("choice-phone-de").await;
    browser.click("button.main").await;
    browser.sees("#lead", "Wir haben einen 6-stelligen Code per E‑Mail an a•••@e•••.com gesendet.").await;
    browser.picture("code-phone-de").await;
    browser.click(".more a").await;
    browser.sees("h1", "Bestätigen Sie").await;
    browser.click(".way:nth-of-type(2)").await;
    browser.click("button.main").await;
    browser.sees("#lead", "per SMS").await;
    // Without a script the button says how long to wait once it is pressed.
    assert!(browser.enabled(".resend button").await);
    browser.click(".resend button").await;
    browser.sees("[role=alert]", "Zu viele Anfragen. Versuchen Sie es in 30 Sekunden erneut.").await;
    browser.picture("early-phone-de").await;
    site.advance(30);
    browser.click(".resend button").await;
    browser.sees("[role=status]", "Ein neuer Code ist unterwegs.").await;
    browser.picture("resent-phone-de").await;
    browser.click("#code").await;
    let code = site.ecall.code();
    browser.keys(&format!("{} {}", &code[..3], &code[3..])).await;
    browser.click("button.main").await;
    browser.sees("#welcome", "Signed in as alice").await;
}

#[tokio::test]
async fn a_person_signs_in_with_the_keyboard_alone_on_a_dark_page_of_the_subscriptions_own_look() {
    if skipped("a_person_signs_in_with_the_keyboard_alone_on_a_dark_page_of_the_subscriptions_own_look") {
        return;
    }
    let axe = axe("a_person_signs_in_with_the_keyboard_alone_on_a_dark_page_of_the_subscriptions_own_look");
    let site = Site::start().await;
    let logo = format!("data:image/png;base64,{LOGO}");
    let look = json!({"application_name": "Alpine Outfitters", "support_url": "https://help.example.com/", "logo": logo,
        "colors": {"accent": "#0b5c3a", "background": "#eef5f0"}});
    let shop = open_shop(&site, look).await;
    for dark in [false, true] {
        let browser = Chromium::start(BrowserSettings { dark, ..BrowserSettings::default() }).await;
        let name = if dark { "own-look-dark" } else { "own-look" };
        browser.open(&shop).await;
        browser.click("button").await;
        browser.sees("h1", "Confirm it’s you").await;
        browser.keys(TAB).await;
        assert_eq!(browser.focused("name").await, "two_factor");
        browser.keys(DOWN).await;
        browser.picture(&format!("{name}-choice")).await;
        if let Some(axe) = &axe {
            none(browser.violations(axe).await);
        }
        browser.keys(ENTER).await;
        browser.sees("#lead", "We texted a 6-digit code").await;
        browser.keys("1").await;
        browser.keys(ENTER).await;
        browser.sees("[role=alert]", "Enter all 6 digits of the code.").await;
        browser.picture(&format!("{name}-code")).await;
        if let Some(axe) = &axe {
            none(browser.violations(axe).await);
        }
        browser.keys(&format!("{}{ENTER}", site.ecall.code())).await;
        browser.sees("#welcome", "Signed in as alice").await;
    }
}

#[tokio::test]
async fn a_code_from_an_sms_fills_itself_in() {
    if skipped("a_code_from_an_sms_fills_itself_in") {
        return;
    }
    let site = Site::start().await;
    let shop = open_shop(&site, json!({})).await;
    let browser = Chromium::start(BrowserSettings { phone: true, ..BrowserSettings::default() }).await;
    // No SMS reaches this machine: the test supplies what the browser would.
    let script = "window.OTPCredential = class {}; navigator.credentials.get = (asked) =>
        new Promise((give) => { window.asked = asked; window.sms = (code) => give({ code }); });";
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": script})).await;
    browser.open(&shop).await;
    browser.click("button").await;
    browser.sees("h1", "Confirm it’s you").await;
    browser.click(".way:nth-of-type(2)").await;
    browser.click("button.main").await;
    browser.sees("h1", "Enter your code").await;
    let asked = browser.run("return window.asked.otp.transport", json!([])).await;
    assert_eq!(asked, json!(["sms"]));
    browser.run("window.sms(arguments[0])", json!([site.ecall.code()])).await;
    browser.until("the return", async |browser| browser.url().await == format!("{shop}/")).await;
    browser.sees("#welcome", "Signed in as alice").await;
}

#[tokio::test]
async fn cancelling_returns_not_signed_in_and_notice_pages_are_accessible() {
    if skipped("cancelling_returns_not_signed_in_and_notice_pages_are_accessible") {
        return;
    }
    let axe = axe("cancelling_returns_not_signed_in_and_notice_pages_are_accessible");
    let site = Site::start().await;
    let shop = open_shop(&site, json!({})).await;
    let browser = Chromium::start(BrowserSettings::default()).await;
    browser.open(&shop).await;
    browser.click("button").await;
    browser.sees("h1", "Confirm it’s you").await;
    let link = browser.url().await;
    browser.click(".quiet").await;
    browser.sees("body", "Not signed in: access_denied").await;
    let look = async |name: &str, title: &str| {
        browser.sees("h1", title).await;
        browser.picture(name).await;
        if let Some(axe) = &axe {
            none(browser.violations(axe).await);
        }
    };
    browser.open(&link).await;
    look("cancelled", "Sign-in cancelled").await;
    browser.open(&format!("{}/sign-in/unknown", site.url)).await;
    look("unknown", "Link not found").await;

    let return_url = format!("{shop}/signed-in");
    let begun = site.begin(json!({"return_url": return_url})).await;
    Browser::at(&begun.url).get("").await;
    browser.open(&begun.url).await;
    look("elsewhere", "This link is open in another browser").await;
    let begun = site.begin(json!({"return_url": return_url})).await;
    browser.open(&begun.url).await;
    look("one-way", "Confirm it’s you").await;
    site.advance(600);
    browser.open(&begun.url).await;
    look("expired", "This sign-in has expired").await;
    browser.sees("a.main", "Back to Shop & Sons").await;
    browser.click("a.main").await;
    browser.until("the return", async |browser| browser.url().await.starts_with(&return_url)).await;
}

/// Returns the link of a sign-in that another person starts, in another browser.
async fn begin_elsewhere(shop: &str) -> String {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0";
    let begun = client.post(format!("{shop}/sign-in")).header("user-agent", agent).send().await.unwrap();
    begun.headers()["location"].to_str().unwrap().to_owned()
}

/// Goes to the field for a code that comes by SMS.
async fn to_code(browser: &Chromium) {
    browser.sees("h1", "Confirm it’s you").await;
    browser.click(".way:nth-of-type(2)").await;
    browser.click("button.main").await;
    browser.sees("#lead", "We texted a 6-digit code").await;
}

#[tokio::test]
async fn a_forwarded_link_shows_its_origin_and_signs_no_one_else_in() {
    let name = "a_forwarded_link_shows_its_origin_and_signs_no_one_else_in";
    if skipped(name) {
        return;
    }
    let axe = axe(name);
    let site = Site::start().await;
    let shop = open_shop(&site, json!({})).await;
    let attacker = begin_elsewhere(&shop).await;
    let victim = Chromium::start(BrowserSettings { phone: true, ..BrowserSettings::default() }).await;
    victim.open(&attacker).await;
    victim.sees("h1", "Confirm it’s you").await;
    victim.sees(".facts", "Signing in").await;
    victim.sees(".facts", "less than a minute ago").await;
    victim.sees(".facts", "Firefox, Linux, 127.0.0.*").await;
    victim.sees(".facts", "If you didn’t start this yourself, cancel.").await;
    victim.picture("facts-phone").await;
    if let Some(axe) = &axe {
        none(victim.violations(axe).await);
    }
    to_code(&victim).await;
    victim.keys(&format!("{}{ENTER}", site.ecall.code())).await;
    victim.sees("body", "Not signed in: this browser started no sign-in").await;
}

#[tokio::test]
async fn two_sign_ins_in_two_tabs_of_one_browser_both_end_well() {
    if skipped("two_sign_ins_in_two_tabs_of_one_browser_both_end_well") {
        return;
    }
    let site = Site::start().await;
    let shop = open_shop(&site, json!({})).await;
    let browser = Chromium::start(BrowserSettings::default()).await;
    let mut tabs = Vec::new();
    for _ in 0..2 {
        browser.open(&shop).await;
        browser.click("button").await;
        to_code(&browser).await;
        tabs.push((browser.url().await, site.ecall.code()));
    }
    for (tab, code) in tabs {
        browser.open(&tab).await;
        browser.sees("h1", "Enter your code").await;
        browser.keys(&format!("{code}{ENTER}")).await;
        browser.sees("#welcome", "Signed in as alice").await;
    }
}

/// Two mountains on nothing, 96 by 96.
const LOGO: &str = "iVBORw0KGgoAAAANSUhEUgAAAGAAAABgCAYAAADimHc4AAABN0lEQVR42u3awU1DQRBEQd/JhQAIBZEKsRtxsAQIY2zD9uxMtbQJvBr90z8czMzMzMzMzMzMzMzMzGzhHl6ejioAmBv/9NQAMDc+BADiQwAgPgQA4kMAID4EAOJDACA+hALxIQAQH0IjgMfX56P4QQQAQYD3+Kcn/mKEj/FbIwBoHv8WhO/it0SoCPBT/FYIK+NfgwAgCPCb+C0QEvEvIVwTf3sEAEPjn0O4Jf6WCBXif0W4J/52CADE//T+Iv42CJ3jl0fofv0ACsQvizApfkkEAOIvjV8KYWr8EgjT48cRAAQBxA8jiB9EcP0AysVfhiB+EMGnB0D5+P+GIH4YAUAQQPwwgvhBBNcPYOv4dyGIH0YAEAQQP4wgfhDB9Q8H6Bz/IoL4QQTxh/3WYmZmZmZmZmZmNm1vqLAx4ORBVvUAAAAASUVORK5CYII=";
