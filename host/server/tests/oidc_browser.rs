//! A real browser goes to a real identity provider and back, with scripts and without.

use crate::{chromium, identity, real_provider};
use chromium::{BrowserSettings, Chromium, axe, skipped};
use identity::{SECRET, Setup, Site};
use real_provider::RealProvider;
use serde_json::json;

#[tokio::test]
async fn a_browser_goes_to_the_provider_and_comes_back_logged_in() {
    let test = "a_browser_goes_to_the_provider_and_comes_back_logged_in";
    if skipped(test) {
        return;
    }
    let Some(mut provider) = RealProvider::start(test) else { return };
    let axe = axe(test);
    let site = Site::start(&provider.issuer, &Setup::default());
    let client = json!({"client_id": "twofactor", "client_secret": SECRET, "redirect_uris": [site.redirect_uri()]});
    let person = json!({"sub": "anna-1", "email": "anna@example.com", "name": "Anna Muster", "groups": ["admins"]});
    provider.furnish(&json!({"client": client, "person": person}));
    for scripts in [true, false] {
        let browser = Chromium::start(BrowserSettings { scripts, ..BrowserSettings::default() }).await;
        browser.open(&format!("{}/admin/tokens", site.server.url)).await;
        browser.sees("a.button", "Log in with Example login").await;
        browser.picture("oidc-login").await;
        if let Some(axe) = axe.as_ref().filter(|_| scripts) {
            let violations = browser.violations(axe).await;
            assert!(violations.is_empty(), "{violations:#?}");
        }
        browser.click("a.button").await;
        browser.sees("div.person", "Anna Muster").await;
        browser.sees("h1", "Tokens").await;
    }
    assert_eq!(site.accounts().await.len(), 1);
}
