//! An identity provider that is down, slow, or sends huge or invalid responses blocks nobody from
//! the login with a password.

use crate::{common, identity, own_provider};
use common::visitor::{PASSWORD, Visitor};
use identity::{Setup, Site, leave};
use own_provider::{CODE, DISCOVERY, KEYS, OwnProvider, Reply, TOKEN, changed};
use serde_json::json;

const IMPATIENT: Setup<'static> =
    Setup { oidc: "", accounts: "", tables: "[network]\ntimeout_seconds = 1", public: false };

/// The page says that the login failed and offers the password; the log says why.
async fn the_password_still_works(site: Site, why: &str) {
    let _anna = Visitor::first(&site.server).await;
    let mut visitor = site.visitor();
    let page = visitor.get("/admin/login/oidc").await;
    assert_eq!(page.status, 502);
    page.shows("Login failed. Please try again later: Example login.").shows("name=\"password\"");
    assert!(visitor.cookies.is_empty());
    let form = [("email", "anna@example.com"), ("password", PASSWORD)];
    assert_eq!(visitor.post("/admin/login?to=%2Fadmin", &form).await.leads_to(), "/admin");
    let log = String::from_utf8(site.server.into_log()).unwrap();
    assert!(log.contains(why), "`{why}` is not in {log}");
}

#[tokio::test]
async fn a_provider_that_cannot_be_asked_who_it_is_gets_no_browser() {
    let not_https = "contains an endpoint that does not use https:";
    let otherwise = "differs from `accounts.oidc.issuer`";
    let nobody = OwnProvider::start().await;
    let discovery = |changes| Reply::Json(changed(nobody.discovery(), changes));
    for (reply, why) in [
        (Reply::Status(500), "the discovery document of the identity provider responded with status 500"),
        (Reply::Silence, "cannot be reached"),
        (Reply::Huge(nobody.discovery()), "responded with too much data"),
        (Reply::Elsewhere(format!("{}/elsewhere", nobody.issuer)), "responded with status 307"),
        (Reply::Text("<html>"), "the discovery document of the identity provider is not valid"),
        (discovery(json!({"issuer": "https://another.example"})), otherwise),
        (discovery(json!({"issuer": format!("{}/", nobody.issuer)})), otherwise),
        (discovery(json!({"issuer": null})), "the discovery document of the identity provider is not valid"),
        (discovery(json!({"token_endpoint": "http://192.0.2.1/token"})), not_https),
        (discovery(json!({"authorization_endpoint": "javascript:alert(1)"})), not_https),
        (discovery(json!({"jwks_uri": "file:///etc/passwd"})), not_https),
    ] {
        nobody.reply("/elsewhere", discovery(json!({})));
        nobody.reply(DISCOVERY, reply);
        the_password_still_works(Site::start(&nobody.issuer, &IMPATIENT), why).await;
    }
    // Nothing listens there.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    the_password_still_works(Site::start(&format!("http://{gone}"), &IMPATIENT), "cannot be reached").await;
}

#[tokio::test]
async fn an_identity_provider_that_breaks_off_logs_no_one_in() {
    let own = OwnProvider::start().await;
    let site = Site::start(&own.issuer, &IMPATIENT);
    let keys = json!({"keys": [own_provider::jwk(&own.key, "1")]});
    let token = json!({"access_token": "a", "token_type": "Bearer"});
    for (path, reply) in [
        (TOKEN, Reply::Silence),
        (TOKEN, Reply::Huge(token.clone())),
        (TOKEN, Reply::Status(400)),
        (TOKEN, Reply::Json(token)),
        (TOKEN, Reply::Elsewhere(format!("{}/elsewhere", own.issuer))),
        (KEYS, Reply::Silence),
        (KEYS, Reply::Huge(keys.clone())),
        (KEYS, Reply::Text("[]")),
        (KEYS, Reply::Elsewhere(format!("{}/elsewhere", own.issuer))),
    ] {
        own.reply("/elsewhere", Reply::Json(keys.clone()));
        own.reply(KEYS, Reply::Json(keys.clone()));
        let mut visitor = site.visitor();
        let sent = leave(&mut visitor, "/admin").await;
        own.hands_out(&sent, &own.sign(&own.claims(&sent)));
        own.reply(path, reply);
        let page = visitor.get(&sent.back(&[("code", CODE)])).await;
        assert_eq!(page.status, 502, "{path}");
        page.shows("Login failed.");
        assert!(visitor.cookies.is_empty());
    }
    own.reply(KEYS, Reply::Json(keys));
    assert_eq!(own.log_in(&site, json!({})).await.1.leads_to(), "/admin");
}

#[tokio::test]
async fn without_a_provider_there_is_no_button_and_nothing_behind_it() {
    let demo = common::Server::demo();
    let mut visitor = Visitor::at(&demo.url);
    assert!(!visitor.get("/admin/login").await.text.contains("oidc"));
    for path in ["/admin/login/oidc", "/admin/login/oidc/back?code=a&state=b"] {
        assert_eq!(visitor.get(path).await.status, 404);
    }
}
