//! Where passkeys can be used: the settings of a subscription over REST, and what follows from them.

use std::net::SocketAddr;

use crate::{common, site};
use common::Answer;
use serde_json::{Value, json};
use site::{RETURN_URL, Site};
use tempfile::TempDir;
use twofactor::SqliteStore;
use twofactor::admin::as_code::Document;
use twofactor::store::{AddFactor, FactorAdded, FactorRecord, FactorStatus, FactorStore as _};
use twofactor::token::Role;
use twofactor_server::{PublicUrl, router_at};

const PUBLIC_URL: &str = "https://login.example.com";

const PAGE: &str = "/v1/subscriptions/shop/sign-in-page";

/// A server that people reach at [`PUBLIC_URL`], with a store that the test can write to.
struct Stage {
    site: Site,
    token: String,
    folder: TempDir,
}

impl Stage {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("db")).unwrap();
        let site = Site::with(|builder| builder.store(store).public_url(PUBLIC_URL)).await;
        let (_, token) = site.admin().issue_token("admin", Role::SystemAdmin, None).await.unwrap();
        Self { site, token, folder }
    }

    async fn put(&self, query: &str, more: Value) -> Answer {
        let mut body =
            json!({"return_urls": [RETURN_URL], "application_name": null, "logo": null, "support_url": null});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let request = reqwest::Client::new().put(format!("{}{PAGE}{query}", self.site.url));
        Answer::of(request.bearer_auth(&self.token).body(body.to_string())).await
    }

    /// Puts a factor with a unique id, as passkeys have, into the store.
    async fn add_passkey(&self) {
        let store = SqliteStore::open(self.folder.path().join("db")).unwrap();
        let now = jiff::Timestamp::now();
        let factor = FactorRecord {
            id: "f".to_owned(),
            subscription: "shop".to_owned(),
            user: [7; 16],
            instance: "i".to_owned(),
            type_id: "fido".to_owned(),
            unique_id: Some([5; 32]),
            status: FactorStatus::Active,
            fallback: false,
            details: vec![1],
            state: vec![1],
            revision: 1,
            created_at: now,
            last_used_at: None,
            ended_at: None,
        };
        let request =
            AddFactor { factor, enrolment: None, changes: None, replaces_earlier: false, max_per_user: 1, now };
        assert_eq!(store.add_factor(request).await.unwrap(), FactorAdded::Added(Vec::new()));
    }
}

#[tokio::test]
async fn the_default_is_the_public_url_and_settings_are_returned_as_they_were_given() {
    let stage = Stage::start().await;
    let default = stage.site.engine.site("shop").await.unwrap();
    assert_eq!((&*default.rp_id, &*default.name), ("login.example.com", "Shop & Sons"));
    assert_eq!(default.origins, [PUBLIC_URL]);
    let given = json!({"rp_id": "example.com", "origins": [PUBLIC_URL, "https://shop.example.com"],
        "related_origins": ["https://example.ch"], "top_origins": ["https://portal.example.org"]});
    let set = stage.put("", given.clone()).await.expect(200);
    for (name, value) in given.as_object().unwrap() {
        assert_eq!(&set[name], value, "{name}");
    }
    let site = stage.site.engine.site("shop").await.unwrap();
    assert_eq!(site.rp_id, "example.com");
    assert_eq!(site.origins, [PUBLIC_URL, "https://shop.example.com", "https://example.ch"]);
}

#[tokio::test]
async fn what_is_wrong_is_named_with_its_place() {
    let stage = Stage::start().await;
    for (more, pointer) in [
        (json!({"rp_id": "co.uk"}), "/rp_id"),
        (json!({"rp_id": "192.0.2.1"}), "/rp_id"),
        (json!({"rp_id": "example.org"}), "/origins"),
        (json!({"origins": ["https://login.example.com/"]}), "/origins/0"),
        (json!({"origins": [PUBLIC_URL, "https://evil-login.example.com"]}), "/origins/1"),
        (json!({"related_origins": ["https://a.login.example.com"]}), "/related_origins/0"),
        (json!({"top_origins": ["http://portal.example.org"]}), "/top_origins/0"),
    ] {
        let problem = stage.put("", more.clone()).await.problem(400, "invalid-input");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{more}: {problem}");
    }
    stage.put("?confirm=everything", json!({})).await.problem(400, "invalid-input");
}

#[tokio::test]
async fn a_change_of_the_rp_id_that_ends_passkeys_is_confirmed() {
    let stage = Stage::start().await;
    let other = json!({"rp_id": "example.com"});
    // Nobody has one yet.
    stage.put("", other.clone()).await.expect(200);
    stage.put("", json!({})).await.expect(200);
    stage.add_passkey().await;
    stage.put("", other.clone()).await.problem(409, "conflict");
    // What stays the same needs no confirmation, even if it was implied before.
    stage.put("", json!({"rp_id": "login.example.com", "top_origins": ["https://a.example.org"]})).await.expect(200);

    let document: Document = serde_json::from_value(json!({"twofactor": 1, "subscriptions": {"shop": {
        "name": "Shop & Sons", "sign_in_page": {"return_urls": [RETURN_URL], "rp_id": "example.com"}}}}))
    .unwrap();
    let admin = stage.site.admin();
    let resolve = |_: &_| Err(String::new());
    let planned = admin.plan_import(&document, false, &resolve).await.unwrap();
    assert!(planned[0].ends_passkeys && planned[0].to_string().contains("existing passkeys stop working"));
    let refused = admin.import(&document, (false, false), &resolve).await.unwrap_err();
    assert_eq!(refused.field_errors()[0].pointer, "/subscriptions/shop/sign_in_page");

    let set = stage.put("?confirm=rp-id", other).await.expect(200);
    assert_eq!(set["rp_id"], "example.com");
}

/// Otherwise they could let their own pages use the passkeys of another subscription, or push its related origins out of the list.
#[tokio::test]
async fn only_system_administrators_add_related_origins_to_an_rp_id_that_subscriptions_share() {
    let stage = Stage::start().await;
    let admin = stage.site.admin();
    let own = admin.clone().of_subscriptions();
    let mut page = own.sign_in_page("shop").await.unwrap().0;
    page.related_origins = vec!["https://example.ch".to_owned()];
    // No other subscription has this RP ID.
    own.set_sign_in_page("shop", page.clone(), None).await.unwrap();
    admin.create_subscription("other", "Other").await.unwrap();
    let mut others = own.sign_in_page("other").await.unwrap().0;
    others.related_origins = vec!["https://aaa.example".to_owned()];
    let refused = own.set_sign_in_page("other", others.clone(), None).await.unwrap_err();
    assert!(refused.is_forbidden() && refused.to_string().contains("other subscriptions use this RP ID"), "{refused}");
    // What is listed already stays, and may become less.
    page.application_name = Some("Shop".to_owned());
    own.set_sign_in_page("shop", page.clone(), None).await.unwrap();
    page.related_origins.clear();
    own.set_sign_in_page("shop", page, None).await.unwrap();
    admin.set_sign_in_page("other", others, None).await.unwrap();
}

#[tokio::test]
async fn related_origins_are_listed_at_the_rp_id_only() {
    let stage = Stage::start().await;
    let related = json!(["https://example.ch", "https://example.org"]);
    stage.put("", json!({"related_origins": related})).await.expect(200);
    for (public, status) in [(PUBLIC_URL, 200), ("https://other.example.com", 404), ("https://192.0.2.1", 404)] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/.well-known/webauthn", listener.local_addr().unwrap());
        let router = router_at(stage.site.engine.clone(), Vec::new(), Some(PublicUrl::parse(public).unwrap()));
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        let answer = Answer::of(reqwest::Client::new().get(url)).await;
        assert_eq!(answer.status, status, "{public}");
        if status == 200 {
            assert_eq!(answer.headers["content-type"], "application/json");
            assert_eq!(answer.json, json!({"origins": related}));
        }
    }
}
