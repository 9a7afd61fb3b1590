//! A passkey of one site on the sign-in page in another domain (WebAuthn Level 3, section 5.11), in a real browser over TLS.

use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::{authenticator, chromium, factor_site};
use authenticator::{Authenticator, Properties};
use chromium::{BrowserSettings, Chromium, skipped};
use factor_site::{Begun, FactorSite};

/// Adds a passkey on the page at the RP ID.
async fn add_passkey(site: &FactorSite, browser: &Chromium) {
    site.open_factors(browser).await;
    browser.click(&format!("form.add:has(input[value='{}']) button", site.passkeys)).await;
    browser.sees("h1", "Add a passkey").await;
    browser.click("button.main").await;
    browser.sees("[role=status]", "Added.").await;
}

/// Opens a sign-in in the other domain, and chooses the passkey.
async fn use_elsewhere(site: &FactorSite, browser: &Chromium) -> Begun {
    let begun = site.begin(json!({})).await;
    browser.open(&begun.url.replacen(&site.url, &site.elsewhere, 1)).await;
    browser.sees("h1", "Confirm it’s you").await;
    assert!(browser.url().await.starts_with(&site.elsewhere));
    browser.click("button.main").await;
    begun
}

/// Returns how often the passkey of a browser was used, at its enrolment as well.
async fn uses(authenticator: &Authenticator<'_>) -> u64 {
    authenticator.credentials().await[0]["signCount"].as_u64().unwrap()
}

async fn status(site: &FactorSite, begun: &Begun) -> Value {
    site.call("GET", &format!("/v1/sign-ins/{}", begun.id), Value::Null).await.expect(200)["status"].clone()
}

#[tokio::test]
async fn a_passkey_signs_in_on_a_page_in_another_domain_that_the_site_lists() {
    if skipped("a_passkey_signs_in_on_a_page_in_another_domain_that_the_site_lists") {
        return;
    }
    let site = FactorSite::start().await;
    site.set_related_origins(json!([site.elsewhere])).await;
    let browser = site.browser(BrowserSettings::default()).await;
    let authenticator = Authenticator::add(&browser, Properties::default()).await;
    add_passkey(&site, &browser).await;
    assert_eq!(authenticator.credentials().await[0]["rpId"], "login.shop.test");
    let begun = use_elsewhere(&site, &browser).await;
    let result = site.redeem(&browser, &begun).await;
    assert_eq!((&result["user"], &result["two_factor"]), (&json!("alice"), &json!(site.passkeys)));
    assert_eq!(result["acr"], "phr");
}

#[tokio::test]
async fn a_browser_uses_no_passkey_on_a_page_in_another_domain_that_the_site_does_not_list() {
    if skipped("a_browser_uses_no_passkey_on_a_page_in_another_domain_that_the_site_does_not_list") {
        return;
    }
    // The list has another origin: the browser reads it, and does not find this one.
    let site = FactorSite::start().await;
    site.set_related_origins(json!(["https://login.market.test"])).await;
    let browser = site.browser(BrowserSettings::default()).await;
    let authenticator = Authenticator::add(&browser, Properties::default()).await;
    add_passkey(&site, &browser).await;
    let before = uses(&authenticator).await;
    let begun = use_elsewhere(&site, &browser).await;
    browser.sees("h1", "Use your passkey").await;
    browser.click("button.main").await;
    browser.sees("[data-say=failed]", "Your passkey wasn’t used.").await;
    assert_eq!((uses(&authenticator).await, status(&site, &begun).await), (before, json!("pending")));

    // At home it works.
    let begun = site.open_sign_in(&browser).await;
    browser.sees("h1", "Confirm it’s you").await;
    browser.click("button.main").await;
    assert_eq!(site.redeem(&browser, &begun).await["two_factor"], site.passkeys);
}

/// Whoever answers at the RP ID could tell browsers anything, such as a list that is out of date.
#[tokio::test]
async fn a_passkey_that_a_browser_used_in_a_domain_that_is_not_in_the_settings_is_refused() {
    if skipped("a_passkey_that_a_browser_used_in_a_domain_that_is_not_in_the_settings_is_refused") {
        return;
    }
    let site = FactorSite::start().await;
    let list = json!({"origins": [site.elsewhere]});
    let lists_it = Router::new().route("/.well-known/webauthn", get(async move || Json(list)));
    let port = site.serve(lists_it).await;
    let browser = site.browser_with(port, BrowserSettings::default()).await;
    let authenticator = Authenticator::add(&browser, Properties::default()).await;
    add_passkey(&site, &browser).await;
    let before = uses(&authenticator).await;
    let begun = use_elsewhere(&site, &browser).await;
    browser.sees("[role=alert]", "This passkey wasn’t accepted.").await;
    assert!(uses(&authenticator).await > before, "the browser did not use it");
    assert_eq!(status(&site, &begun).await, "pending");
}
