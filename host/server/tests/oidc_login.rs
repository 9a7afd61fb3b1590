//! Administrators log in at a real identity provider.

use crate::{common, identity, real_provider};
use common::visitor::{PASSWORD, Page, Visitor};
use identity::{SECRET, Setup, Site, leave};
use real_provider::RealProvider;
use serde_json::{Value, json};
use url::Url;

fn furniture(site: &Site, algorithm: &str, method: &str, groups: &[&str]) -> Value {
    let mut client = json!({"client_id": "twofactor", "redirect_uris": [site.redirect_uri()],
        "token_endpoint_auth_method": method, "id_token_signed_response_alg": algorithm});
    if method != "none" {
        client["client_secret"] = SECRET.into();
    }
    let person = json!({"sub": "anna-1", "email": "anna@example.com", "name": "Anna Muster", "groups": groups});
    json!({"client": client, "person": person})
}

/// Goes to the identity provider and back as a browser does.
async fn travel(visitor: &mut Visitor, provider: &RealProvider, site: &Site, to: &str) -> Page {
    let mut there = Visitor::at(&provider.issuer);
    let mut next = leave(visitor, to).await.url;
    loop {
        let path = format!("{}?{}", next.path(), next.query().unwrap_or_default());
        if next.as_str().starts_with(&site.redirect_uri()) {
            return visitor.get(&path).await;
        }
        assert!(next.as_str().starts_with(&provider.issuer), "{next}");
        let page = there.get(&path).await;
        next = Url::parse(&provider.issuer).unwrap().join(page.leads_to()).unwrap();
    }
}

#[tokio::test]
async fn an_administrator_logs_in_at_a_real_provider_and_comes_to_the_page_that_was_wanted() {
    let Some(mut provider) = RealProvider::start("an_administrator_logs_in_at_a_real_provider") else { return };
    for (n, algorithm) in
        ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"].into_iter().enumerate()
    {
        let method = if n % 2 == 0 { "client_secret_basic" } else { "none" };
        let site = Site::start(&provider.issuer, &Setup { public: method == "none", ..Setup::default() });
        provider.furnish(&furniture(&site, algorithm, method, &["people", "admins"]));
        let mut anna = site.visitor();
        let back = travel(&mut anna, &provider, &site, "/admin/tokens").await;
        assert_eq!(back.leads_to(), "/admin/tokens", "{algorithm}");
        // Only the session stays with the browser.
        assert_eq!(anna.cookies.keys().collect::<Vec<_>>(), ["__Host-twofactor-session"]);
        anna.get("/admin/tokens").await.shows("Anna Muster");
        let own = anna.get("/admin/account").await.shows("You log in through your identity provider");
        assert!(!own.text.contains("name=\"new\""));
        // Another browser, the same account.
        let mut again = site.visitor();
        assert_eq!(travel(&mut again, &provider, &site, "/admin").await.leads_to(), "/admin");
        let accounts = site.accounts().await;
        assert_eq!(accounts.len(), 1);
        assert_eq!((&accounts[0]["email"], &accounts[0]["state"]), (&json!("anna@example.com"), &json!("active")));
        assert_eq!(accounts[0]["role"], "system_admin");
        let login = "account: account.login without a second factor";
        assert_eq!(site.audited().await, ["identity provider: account.create system_admin", login, login]);
        anna.post("/admin/logout", &[]).await.leads_to();
        assert_eq!(anna.get("/admin").await.status, 303);
        assert_eq!(again.get("/admin").await.status, 200);
    }
}

#[tokio::test]
async fn a_person_without_a_role_is_denied_after_the_identity_providers_login() {
    let Some(mut provider) = RealProvider::start("somebody_without_a_role") else { return };
    let site = Site::start(&provider.issuer, &Setup::default());
    provider.furnish(&furniture(&site, "RS256", "client_secret_basic", &["people"]));
    let mut anna = site.visitor();
    let page = travel(&mut anna, &provider, &site, "/admin").await;
    assert_eq!(page.status, 403);
    let page = page.shows("Example login logged you in, but you have no access here");
    // The form below the message still leads to the login.
    page.shows("action=\"/admin/login?to=");
    assert!(anna.cookies.is_empty());
    assert!(site.accounts().await.is_empty());
    let why = "nobody: account.login-refused the identity provider's claims grant no role";
    assert_eq!(site.audited().await, [why]);
}

#[tokio::test]
async fn the_password_of_others_goes_on_working_and_the_button_is_there_in_both_languages() {
    let Some(provider) = RealProvider::start("the_password_of_others_goes_on_working") else { return };
    let site = Site::start(&provider.issuer, &Setup::default());
    let _anna = Visitor::first(&site.server).await;
    let mut visitor = site.visitor();
    visitor.get("/admin/login").await.shows("Log in with Example login").shows("name=\"password\"");
    let form = [("email", "anna@example.com"), ("password", PASSWORD)];
    assert_eq!(visitor.post("/admin/login?to=%2Fadmin%2Ftokens", &form).await.leads_to(), "/admin/tokens");
    let german = site.visitor();
    let request = german.request("GET", "/admin/login").header("accept-language", "de");
    let page = request.send().await.unwrap().text().await.unwrap();
    assert!(page.contains("Anmelden mit Example login"), "{page}");
}
