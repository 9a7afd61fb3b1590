//! A browser that was sent to the identity provider comes back once, is the same browser, and brings what belongs to it.

use crate::{common, identity, own_provider};
use common::visitor::Visitor;
use identity::{Sent, Setup, Site, leave};
use own_provider::{CODE, DISCOVERY, OwnProvider, Reply, World, changed};
use serde_json::json;

const COOKIE: &str = "__Host-twofactor-authorization";
const SESSION: &str = "__Host-twofactor-session";

impl World {
    /// Returns a browser that is at the provider, which has a good token for it.
    async fn away(&self) -> (Visitor, Sent) {
        let mut visitor = self.site.visitor();
        let sent = leave(&mut visitor, "/admin").await;
        self.own.hands_out(&sent, &self.own.sign(&self.own.claims(&sent)));
        (visitor, sent)
    }
}

#[tokio::test]
async fn a_browser_takes_along_what_the_protocol_asks_for_and_no_secret() {
    let world = World::new().await;
    let (visitor, sent) = world.away().await;
    assert!(sent.url.as_str().starts_with(&format!("{}/authorize?own=1&", world.own.issuer)));
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "twofactor"),
        ("redirect_uri", &*world.site.redirect_uri()),
        ("scope", "openid email profile"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(sent.asks(name), value);
    }
    let all = ["state", "nonce", "code_challenge"].map(|name| sent.asks(name));
    assert!(all.iter().all(|value| value.len() == 43) && all[0] != all[1] && all[1] != all[2] && all[0] != all[2]);
    assert!(!sent.url.as_str().contains("secret") && !sent.url.as_str().contains(&visitor.cookies[COOKIE]));
    let (_, another) = world.away().await;
    assert!(all.iter().all(|value| !another.url.as_str().contains(value)));
}

#[tokio::test]
async fn a_return_link_works_once() {
    let world = World::new().await;
    let (mut anna, sent) = world.away().await;
    let held = anna.cookies.clone();
    let back = sent.back(&[("code", CODE)]);
    assert_eq!(anna.get(&back).await.leads_to(), "/admin");
    let mut replayed = world.site.visitor();
    replayed.cookies = held;
    let page = replayed.get(&back).await;
    assert_eq!(page.status, 410);
    page.shows("This login has expired. Please log in again.");
    assert!(!replayed.cookies.contains_key(SESSION));
    assert_eq!(world.own.exchanges(), 1);
}

#[tokio::test]
async fn one_browser_is_not_logged_in_with_what_belongs_to_another() {
    let world = World::new().await;
    let (mut mallory, _) = world.away().await;
    let (mut anna, sent) = world.away().await;
    let back = sent.back(&[("code", CODE)]);
    // Nobody's browser, and one that is on its own way.
    let mut nobody = world.site.visitor();
    assert_eq!(nobody.get(&back).await.status, 410);
    assert_eq!(mallory.get(&back).await.status, 410);
    let secret = anna.cookies[COOKIE].clone();
    for (held, query) in [
        (secret.clone(), format!("code={CODE}&state=")),
        (secret.clone(), format!("code={CODE}")),
        (secret.clone(), format!("code={CODE}&state={}x", sent.asks("state"))),
        (secret.replace("tfe_", "tfl_"), format!("code={CODE}&state={}", sent.asks("state"))),
        (String::new(), format!("code={CODE}&state={}", sent.asks("state"))),
    ] {
        let mut forged = world.site.visitor();
        forged.cookies.insert(COOKIE.to_owned(), held);
        assert_eq!(forged.get(&format!("{}?{query}", identity::BACK)).await.status, 410, "{query}");
        assert!(!forged.cookies.contains_key(SESSION));
    }
    assert_eq!(world.own.exchanges(), 0);
    // None of that has ended Anna's own way.
    assert_eq!(anna.get(&back).await.leads_to(), "/admin");
}

#[tokio::test]
async fn each_session_has_a_new_secret() {
    let world = World::new().await;
    let (mut anna, sent) = world.away().await;
    let planted = format!("tfs_{}", "A".repeat(43));
    anna.cookies.insert(SESSION.to_owned(), planted.clone());
    let page = anna.get(&sent.back(&[("code", CODE)])).await;
    page.leads_to();
    assert_ne!(anna.cookies[SESSION], planted);
    assert_eq!(anna.get("/admin").await.status, 200);
    let set = page.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap());
    for cookie in set {
        for attribute in ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
    }
    // Each login has its own.
    let before = anna.cookies[SESSION].clone();
    let sent = leave(&mut anna, "/admin").await;
    world.own.hands_out(&sent, &world.own.sign(&world.own.claims(&sent)));
    anna.get(&sent.back(&[("code", CODE)])).await.leads_to();
    assert_ne!(anna.cookies[SESSION], before);
}

#[tokio::test]
async fn a_return_link_leads_to_no_other_site() {
    let world = World::new().await;
    for to in ["https://evil.example/", "//evil.example", "/\\evil.example", "/admin\\@evil.example", "/admin.evil"] {
        let mut anna = world.site.visitor();
        let sent = leave(&mut anna, &url::form_urlencoded::byte_serialize(to.as_bytes()).collect::<String>()).await;
        assert!(!sent.url.as_str().contains("evil"));
        world.own.hands_out(&sent, &world.own.sign(&world.own.claims(&sent)));
        assert_eq!(anna.get(&sent.back(&[("code", CODE)])).await.leads_to(), "/admin", "{to}");
    }
}

#[tokio::test]
async fn what_a_redirect_stores_is_short() {
    let world = World::new().await;
    let long = format!("/admin/audit?actor={}", "a".repeat(238));
    for (to, leads_to) in [(&long[..256], &long[..256]), (&long[..], "/admin")] {
        let mut anna = world.site.visitor();
        let to: String = url::form_urlencoded::byte_serialize(to.as_bytes()).collect();
        let sent = leave(&mut anna, &to).await;
        world.own.hands_out(&sent, &world.own.sign(&world.own.claims(&sent)));
        assert_eq!(anna.get(&sent.back(&[("code", CODE)])).await.leads_to(), leads_to);
    }
}

#[tokio::test]
async fn a_client_has_as_many_redirects_as_wrong_passwords() {
    let world = World::new().await;
    let mut nobody = world.site.visitor();
    for _ in 0..60 {
        assert_eq!(nobody.get("/admin/login/oidc").await.status, 303);
    }
    let page = nobody.get("/admin/login/oidc").await;
    assert_eq!(page.status, 429);
    page.shows("name=\"password\"");
}

#[tokio::test]
async fn an_error_of_the_identity_provider_is_explained_without_repeating_it() {
    let world = World::new().await;
    let (mut anna, sent) = world.away().await;
    let error = [("error", "access_denied"), ("error_description", "<script>alert(1)</script>")];
    let page = anna.get(&sent.back(&error)).await;
    assert_eq!(page.status, 403);
    assert!(!page.text.contains("<script>alert") && !page.text.contains("access_denied"));
    page.shows("The login was cancelled or refused by").shows("Log in with Example login");
    assert!(anna.cookies.is_empty());
    // With a code beside the error as well.
    let (mut anna, sent) = world.away().await;
    assert_eq!(anna.get(&sent.back(&[("error", "x"), ("code", CODE)])).await.status, 502);
    let (mut anna, sent) = world.away().await;
    assert_eq!(anna.get(&sent.back(&[])).await.status, 502);
    let (mut anna, sent) = world.away().await;
    assert_eq!(anna.get(&sent.back(&[("code", &"x".repeat(5000))])).await.status, 502);
    assert_eq!(world.own.exchanges(), 0);
}

#[tokio::test]
async fn an_answer_of_another_issuer_is_not_taken_and_one_that_should_name_its_issuer_must() {
    let world = World::new().await;
    let issuer = world.own.issuer.clone();
    let (mut anna, sent) = world.away().await;
    assert_eq!(anna.get(&sent.back(&[("code", CODE), ("iss", "https://evil.example")])).await.status, 502);
    let (mut anna, sent) = world.away().await;
    assert_eq!(anna.get(&sent.back(&[("code", CODE), ("iss", &issuer)])).await.leads_to(), "/admin");
    assert_eq!(world.own.exchanges(), 1);

    let own = OwnProvider::start().await;
    let says = json!({"authorization_response_iss_parameter_supported": true});
    own.reply(DISCOVERY, Reply::Json(changed(own.discovery(), says)));
    let site = Site::start(&own.issuer, &Setup::default());
    let world = World { own, site };
    let (mut anna, sent) = world.away().await;
    assert_eq!(anna.get(&sent.back(&[("code", CODE)])).await.status, 502);
    let (mut anna, sent) = world.away().await;
    assert_eq!(anna.get(&sent.back(&[("code", CODE), ("iss", &world.own.issuer)])).await.leads_to(), "/admin");
    assert_eq!(world.own.exchanges(), 1);
}

#[tokio::test]
async fn a_page_of_another_site_does_not_use_up_how_often_a_browser_may_begin() {
    let world = World::new().await;
    let mut anna = world.site.visitor();
    for site in ["cross-site", "same-site"] {
        for _ in 0..70 {
            let asked = anna.request("GET", "/admin/login/oidc").header("sec-fetch-site", site);
            anna.send(asked).await.shows("Log in with");
        }
    }
    let asked = anna.request("GET", "/admin/login/oidc").header("sec-fetch-site", "same-origin");
    assert_eq!(anna.send(asked).await.status, 303);
}
