//! Who may log in through an identity provider, and with which role.

use crate::{common, own_provider};
use common::visitor::{PASSWORD, Page, Visitor};
use own_provider::World;
use serde_json::{Value, json};

impl World {
    async fn log_in(&self, changes: Value) -> Visitor {
        let (visitor, page) = self.own.log_in(&self.site, changes).await;
        assert_eq!(page.leads_to(), "/admin");
        visitor
    }

    /// All refused people see the same message.
    async fn refused(&self, changes: Value) {
        let (visitor, page): (Visitor, Page) = self.own.log_in(&self.site, changes).await;
        assert_eq!(page.status, 403);
        page.shows("Example login logged you in, but you have no access here. Contact a system administrator.");
        assert!(visitor.cookies.is_empty());
    }

    async fn change(&self, account: &Value, body: Value) {
        let path = format!("/v1/accounts/{}", account["id"].as_str().unwrap());
        let tag = format!("\"{}\"", account["revision"]);
        let request = self.site.server.request("PATCH", &path, &self.site.token()).header("if-match", tag);
        common::Answer::of(request.body(body.to_string())).await.expect(200);
    }
}

#[tokio::test]
async fn the_first_claim_that_fits_gives_the_role_and_without_one_nobody_gets_in() {
    let world = World::new().await;
    world.site.make_shop().await;
    for groups in [
        json!(null),
        json!([]),
        json!("people"),
        json!(["Admins"]),
        json!({"admins": true}),
        json!([["admins"]]),
        json!(true),
    ] {
        world.refused(json!({"groups": groups})).await;
    }
    assert!(world.site.accounts().await.is_empty());
    let many = [
        (json!({"sub": "1", "email": "1@example.com", "groups": "admins"}), "system_admin"),
        (json!({"sub": "2", "email": "2@example.com", "groups": ["x", "admins"], "team": "shop"}), "system_admin"),
        (json!({"sub": "3", "email": "3@example.com", "groups": null, "team": ["shop"]}), "subscription_admin"),
    ];
    for (claims, role) in many {
        world.log_in(claims).await;
        assert_eq!(world.site.accounts().await.last().unwrap()["role"], role);
    }
    let accounts = world.site.accounts().await;
    assert_eq!(accounts[2]["subscriptions"], json!(["shop"]));
    // A person without a name is shown by address.
    world.log_in(json!({"sub": "4", "email": "4@example.com", "name": null})).await;
    assert_eq!(world.site.accounts().await[3]["name"], "4@example.com");
}

#[tokio::test]
async fn a_role_that_changed_at_the_provider_changes_here_and_ends_what_was_open() {
    let world = World::new().await;
    world.site.make_shop().await;
    // Another administrator with full rights exists.
    world.log_in(json!({"sub": "bob-1", "email": "bob@example.com"})).await;
    let mut before = world.log_in(json!({})).await;
    let mut after = world.log_in(json!({"groups": [], "team": "shop"})).await;
    assert_eq!(before.get("/admin").await.status, 303);
    assert_eq!(after.get("/admin").await.status, 200);
    assert_eq!(after.get("/admin/accounts").await.status, 403);
    let accounts = world.site.accounts().await;
    assert_eq!((accounts.len(), &accounts[1]["role"]), (2, &json!("subscription_admin")));
    // A role that stays ends nothing.
    let mut again = world.log_in(json!({"groups": [], "team": "shop"})).await;
    assert_eq!(after.get("/admin").await.status, 200);
    // A person who lost the role is out at once, everywhere.
    world.refused(json!({"groups": []})).await;
    assert_eq!(after.get("/admin").await.status, 303);
    assert_eq!(again.get("/admin").await.status, 303);
    let login = "account: account.login without a second factor";
    let expected = [
        "identity provider: account.create system_admin",
        login,
        "identity provider: account.create system_admin",
        login,
        r#"identity provider: account.update {"/role":["system_admin","subscription_admin"],"/subscriptions":[null,["shop"]]}"#,
        login,
        login,
        "identity provider: account.update role removed; sessions ended",
        "nobody: account.login-refused the identity provider's claims grant no role",
    ];
    assert_eq!(world.site.audited().await, expected);
}

#[tokio::test]
async fn a_disabled_account_stays_out_whatever_the_provider_says() {
    let world = World::new().await;
    // Another administrator with full rights exists.
    world.log_in(json!({"sub": "bob-1", "email": "bob@example.com"})).await;
    let mut anna = world.log_in(json!({})).await;
    let account = world.site.accounts().await.remove(1);
    world.change(&account, json!({"state": "disabled"})).await;
    assert_eq!(anna.get("/admin").await.status, 303);
    world.refused(json!({})).await;
    world.refused(json!({"groups": [], "team": "shop"})).await;
    let account = world.site.accounts().await.remove(1);
    assert_eq!((&account["state"], &account["role"]), (&json!("disabled"), &json!("system_admin")));
    world.change(&account, json!({"state": "active"})).await;
    world.log_in(json!({})).await;
}

#[tokio::test]
async fn an_email_address_takes_over_nobodys_account() {
    let world = World::new().await;
    let mut anna = Visitor::first(&world.site.server).await;
    // A subject of another issuer with Anna's address, in another spelling.
    world.refused(json!({"email": "ANNA@example.com"})).await;
    world.refused(json!({"email": null})).await;
    world.refused(json!({"email": "nowhere"})).await;
    assert_eq!(anna.get("/admin").await.status, 200);
    assert_eq!(world.site.accounts().await.len(), 1);
    // The subject identifies the person, not the address: a later address changes no second factor.
    world.log_in(json!({"email": "bob@example.com"})).await;
    world.log_in(json!({"email": "anna@example.com"})).await;
    world.refused(json!({"sub": "another", "email": "bob@example.com"})).await;
    let emails: Vec<_> = world.site.accounts().await.iter().map(|one| one["email"].clone()).collect();
    assert_eq!(emails, ["anna@example.com", "bob@example.com"]);
    // No password opens it, and none can be set.
    let mut mallory = world.site.visitor();
    let form = [("email", "bob@example.com"), ("password", PASSWORD)];
    mallory.post("/admin/login", &form).await.shows("Incorrect email address or password.");
    let bob = &world.site.accounts().await[1];
    let path = format!("/v1/accounts/{}/invitation", bob["id"].as_str().unwrap());
    world.site.server.call("POST", &path, &world.site.token(), Value::Null).await.problem(409, "conflict");
    let page = anna.get(&format!("/admin/accounts/{}", bob["id"].as_str().unwrap())).await;
    assert!(!page.text.contains("/invitation"));
    let log = String::from_utf8(world.site.server.into_log()).unwrap();
    assert_eq!(log.matches("the email address that the identity provider sent belongs to this account").count(), 2);
    assert_eq!(log.matches("the identity provider sent no email address").count(), 2);
    assert!(!log.contains("example.com") && !log.contains("anna-1"), "{log}");
}

#[tokio::test]
async fn the_last_system_administrator_keeps_the_role_and_does_not_get_in() {
    let world = World::new().await;
    world.site.make_shop().await;
    let mut before = world.log_in(json!({})).await;
    world.refused(json!({"groups": [], "team": "shop"})).await;
    assert_eq!(before.get("/admin").await.status, 303);
    assert_eq!(world.site.accounts().await[0]["role"], "system_admin");
    let told = world.site.audited().await;
    let last =
        "nobody: account.login-refused the identity provider would change the role of the last system administrator";
    assert!(
        told.ends_with(&[
            r#"identity provider: account.update {"/role":["system_admin","subscription_admin"],"/subscriptions":[null,["shop"]]}"#.to_owned(),
            "identity provider: account.update not applied: this is the last system administrator".to_owned(),
            "identity provider: account.update sessions ended".to_owned(),
            last.to_owned(),
        ]),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_role_for_a_subscription_that_does_not_exist_lets_no_one_in() {
    let world = World::new().await;
    world.refused(json!({"groups": [], "team": "shop"})).await;
    world.site.make_shop().await;
    world.log_in(json!({"groups": [], "team": "shop"})).await;
}
