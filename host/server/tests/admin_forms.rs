//! Forms of the admin UI: each is answered by a redirect, and nothing that was typed is lost.

use crate::common;
use common::Server;
use common::visitor::{PASSWORD, Visitor, options as stored};
use serde_json::{Value, json};

const SESSION: &str = "__Host-twofactor-session";

/// Returns the page that a form led to, loaded again.
async fn reload(visitor: &mut Visitor, led_to: &str) -> common::visitor::Page {
    visitor.get(led_to.split('#').next().unwrap()).await
}

#[tokio::test]
async fn a_token_is_issued_once_and_shown_once_however_often_the_page_is_loaded() {
    let demo = Server::demo();
    let mut anna = Visitor::first(&demo).await;
    let form = [("name", "Shop"), ("subscription", "demo")];
    let led_to = anna.post_alone("/admin/tokens", &form).await.leads_to().to_owned();
    reload(&mut anna, &led_to).await.shows("will not be shown again").shows("tf_");
    let again = reload(&mut anna, &led_to).await;
    assert!(!again.text.contains("tf_"));
    assert_eq!(again.text.matches("Shop").count(), 1);
    // Nor does anybody else see it.
    let led_to = anna.post_alone("/admin/tokens", &form).await.leads_to().to_owned();
    let ben = [("name", "Ben"), ("email", "ben@example.com"), ("role", "system_admin")];
    let invited = anna.post("/admin/accounts", &ben).await.shows("shown only once");
    let link = invited.text.split("/admin/invitation/").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let mut ben = Visitor::at(&demo.url);
    ben.post(&format!("/admin/invitation/{link}"), &[("password", PASSWORD)]).await.leads_to();
    assert!(!reload(&mut ben, &led_to).await.text.contains("tf_"));
    reload(&mut anna, &led_to).await.shows("tf_");
}

#[tokio::test]
async fn what_was_typed_survives_the_end_of_a_session_secrets_included() {
    let demo = Server::demo();
    let mut anna = Visitor::first(&demo).await;
    let path = anna.create("ecall", "Mine").await;
    let revision = anna.get(&path).await.value("name=\"revision\" value=\"");
    let mut late = Visitor::at(&demo.url);
    late.cookies = anna.cookies.clone();
    anna.post("/admin/logout", &[]).await.leads_to();
    let form = [
        ("revision", &*revision),
        ("name", "Typed late"),
        ("active", "yes"),
        ("/ECallAccountName", "account"),
        ("/ECallAccountPassword", "a secret & more"),
        ("phone", "+41791112233"),
    ];
    let to_login = late.post_alone(&path, &form).await.leads_to().to_owned();
    assert!(to_login.starts_with("/admin/login?to="), "{to_login}");
    late.get(&to_login).await.shows("Log in");
    // Somebody else who logs in at this browser sees nothing of it.
    let admin = demo.token("admin_token");
    let new = json!({"name": "Ben", "email": "ben@example.com", "role": "system_admin"});
    let invited = demo.call("POST", "/v1/accounts", admin, new).await.expect(201);
    let mut ben = Visitor::at(&demo.url);
    let link = invited["invitation"]["path"].as_str().unwrap();
    ben.post(link, &[("password", PASSWORD)]).await.leads_to();
    let ben_back = ben.post_alone(&to_login, &[("email", "ben@example.com"), ("password", PASSWORD)]).await;
    let ben_back = ben_back.leads_to().to_owned();
    assert!(!ben.get(&ben_back).await.text.contains("Typed late"));

    let back = late.post_alone(&to_login, &[("email", "anna@example.com"), ("password", PASSWORD)]).await;
    let back = back.leads_to().to_owned();
    let page = late.get(&back).await.shows("Your session expired").shows("Typed late").shows("+41791112233");
    assert_eq!(page.value("name=\"/ECallAccountPassword\" type=\"password\" value=\""), "a secret &amp; more");
    assert_eq!(stored(&demo, &path).await, json!({}));
    // Saved, and the recipient that was typed for a test is still there.
    late.post(&path, &form).await.shows("Saved.").shows("+41791112233");
    assert_eq!(stored(&demo, &path).await["ECallAccountName"], "account");
}

#[tokio::test]
async fn an_unauthenticated_client_makes_the_server_store_nothing() {
    let demo = Server::demo();
    let _anna = Visitor::first(&demo).await;
    let mut nobody = Visitor::at(&demo.url);
    for session in ["", "tfs_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        nobody.cookies.insert(SESSION.to_owned(), session.to_owned());
        let led_to = nobody.post_alone("/admin/tokens", &[("name", "x")]).await.leads_to().to_owned();
        assert_eq!(led_to, "/admin/login?to=%2Fadmin%2Ftokens");
    }
}

#[tokio::test]
async fn what_both_changed_is_chosen_field_by_field_and_the_rest_is_brought_together() {
    let demo = Server::demo();
    let mut anna = Visitor::first(&demo).await;
    let path = anna.create("ecall", "Mine").await;
    let opened = anna.get(&path).await;
    let (revision, was) = (opened.value("name=\"revision\" value=\""), opened.value("name=\"was\" value=\""));
    let was = was.replace("&quot;", "\"");
    anna.save(&path, &[("/ECallAccountName", "theirs"), ("/ECallAccountFromNumber", "Their")]).await.leads_to();
    let late = [
        ("revision", &*revision),
        ("was", &*was),
        ("name", "My name"),
        ("active", "yes"),
        ("/ECallAccountName", "mine"),
        ("/ECallAccountPassword", "my secret"),
    ];
    let page = anna.post(&path, &late).await.shows("Another user changed this").shows("theirs").shows("mine");
    // What only the other changed, and what only this one did, needs no choice.
    assert_eq!(page.text.matches("value=\"theirs\"").count(), 1, "{}", page.text);
    assert_eq!(page.value("name=\"/ECallAccountFromNumber\" type=\"text\" value=\""), "Their");
    assert_eq!(page.value("id=\"name\" name=\"name\" type=\"text\" maxlength=\"100\" value=\""), "My name");
    assert!(page.text.contains("choose:/options/ECallAccountName"));
    let shown = page.text.split("class=\"conflict\"").nth(1).unwrap().split("</fieldset>").next().unwrap();
    assert!(!shown.contains("my secret"));
    let (now, was) = (page.value("name=\"revision\" value=\""), page.value("name=\"was\" value=\""));
    let was = was.replace("&quot;", "\"");
    let chosen = [
        ("revision", &*now),
        ("was", &*was),
        ("name", "My name"),
        ("active", "yes"),
        ("/ECallAccountName", "mine"),
        ("/ECallAccountPassword", "my secret"),
        ("/ECallAccountFromNumber", "Their"),
        ("choose:/options/ECallAccountName", "theirs"),
    ];
    anna.post(&path, &chosen).await.leads_to();
    let options = stored(&demo, &path).await;
    assert_eq!((&options["ECallAccountName"], &options["ECallAccountFromNumber"]), (&json!("theirs"), &json!("Their")));
    anna.get(&path).await.shows("My name");
}

#[tokio::test]
async fn a_test_uses_and_keeps_what_was_typed_and_says_that_it_is_a_test() {
    let demo = Server::demo();
    let mut anna = Visitor::first(&demo).await;
    anna.cookies.insert("twofactor-language".to_owned(), "de".to_owned());
    let path = anna.create("ecall", "Mine").await;
    let revision = anna.get(&path).await.value("name=\"revision\" value=\"");
    let form = [
        ("revision", &*revision),
        ("name", "Typed"),
        ("active", "yes"),
        ("/ECallAccountName", "account"),
        ("/ECallAccountPassword", "secret"),
        ("/ECallAccountFromNumber", "Shop"),
        ("policy/application_name", "Laden"),
        ("phone", "+41791112299"),
        ("kind", "user"),
        ("id", "half typed"),
    ];
    let led_to = anna.post_alone(&format!("{path}/test"), &form).await.leads_to().to_owned();
    for _ in 0..2 {
        let page =
            reload(&mut anna, &led_to).await.shows("Der Mailserver oder SMS-Anbieter hat die Nachricht angenommen.");
        for typed in ["Typed", "account", "secret", "Laden", "+41791112299", "half typed"] {
            assert!(page.text.contains(typed), "{typed}");
        }
    }
    let messages = demo.messages().await;
    let sent: Vec<_> = messages.iter().filter(|message| message["to"] == "+41791112299").collect();
    assert_eq!(sent.len(), 1);
    assert!(sent[0]["text"].as_str().unwrap().starts_with("Dies ist eine Testnachricht von Laden."), "{}", sent[0]);
    // Nothing of it is saved.
    assert_eq!(stored(&demo, &path).await, json!({}));
    // The test uses what was typed, as if it was saved.
    let wrong = [&form[..5], &[("phone", "+41791112299")]].concat();
    anna.post(&format!("{path}/test"), &wrong).await.shows("ECallAccountFromNumber").shows("Typed").shows("account");
    let closed = [&form[..6], &[("policy/countries", "DE"), ("phone", "+41791112299")]].concat();
    anna.post(&format!("{path}/test"), &closed).await.shows("CH").shows("Typed");
    assert_eq!(demo.messages().await.len(), messages.len());
}

#[tokio::test]
async fn an_assignment_keeps_what_is_typed_in_the_form_beside_it() {
    let demo = Server::demo();
    let mut anna = Visitor::first(&demo).await;
    let path = anna.create("ecall", "Mine").await;
    let revision = anna.get(&path).await.value("name=\"revision\" value=\"");
    let form = [("revision", &*revision), ("name", "Typed"), ("/ECallAccountName", "account"), ("kind", "tenant")];
    let add = [&form[..], &[("id", "acme"), ("do", "add")]].concat();
    let page = anna.post(&format!("{path}/assignments"), &add).await.shows("Typed").shows("account").shows("acme");
    assert_eq!(
        page.value(
            "id=\"target\" name=\"id\" form=\"edit\" type=\"text\" maxlength=\"256\" autocomplete=\"off\" value=\""
        ),
        ""
    );
    // One that is refused keeps its own fields too.
    let long = "x".repeat(300);
    let refused = [&form[..], &[("id", &*long), ("do", "add")]].concat();
    anna.post(&format!("{path}/assignments"), &refused).await.shows("Typed").shows(&long);
    let remove = [&form[..], &[("id", ""), ("remove", "tenant:acme")]].concat();
    let page = anna.post(&format!("{path}/assignments"), &remove).await.shows("Typed");
    assert!(!page.text.contains("acme") && page.text.contains("Not assigned"));
    assert_eq!(stored(&demo, &path).await, json!({}));
}

#[tokio::test]
async fn a_form_that_is_refused_comes_back_as_it_was_typed() {
    let demo = Server::demo();
    let mut anna = Visitor::first(&demo).await;
    let account = [("name", "Eve Typed"), ("email", "no address"), ("role", "auditor")];
    anna.post("/admin/accounts", &account).await.shows("Eve Typed").shows("value=\"no address\"");
    let new = [
        ("type", "ecall"),
        ("subscription", "demo"),
        ("name", &*"n".repeat(101)),
        ("ecall/ECallAccountName", "typed name"),
    ];
    anna.post("/admin/two-factors/new", &new).await.shows("typed name").shows(&"n".repeat(101));
    let login = [("email", "anna@example.com"), ("password", "not the password")];
    let mut again = Visitor::at(&demo.url);
    let led_to = again.post_alone("/admin/login", &login).await.leads_to().to_owned();
    let page =
        again.get(&led_to).await.shows("Incorrect email address or password.").shows("value=\"anna@example.com\"");
    assert!(!page.text.contains("not the password"));
    assert!(!again.get(&led_to).await.text.contains("Incorrect"));
}

#[tokio::test]
async fn unknown_paths_show_a_page_to_people_and_a_problem_to_programs() {
    let demo = Server::demo();
    let mut nobody = Visitor::at(&demo.url);
    let page = async |nobody: &mut Visitor, path: &str, accept: &str| {
        let request = nobody.request("GET", path).header("accept", accept);
        nobody.send(request).await
    };
    const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    assert_eq!(page(&mut nobody, "/", BROWSER).await.leads_to(), "/admin");
    for path in ["/nowhere", "/admin/nowhere", "/admin/two-factors/a/b/c/d"] {
        let found = page(&mut nobody, path, BROWSER).await;
        assert_eq!((found.status, found.headers["x-frame-options"].to_str().unwrap()), (404, "DENY"), "{path}");
        found.shows("Not found").shows("href=\"/admin\"");
    }
    for (path, accept) in [("/", "*/*"), ("/nowhere", "application/json"), ("/v1/nowhere", BROWSER)] {
        let found = page(&mut nobody, path, accept).await;
        let problem: Value = serde_json::from_str(&found.text).unwrap();
        assert_eq!((found.status, &problem["type"]), (404, &json!("urn:problem-type:twofactor:not-found")), "{path}");
    }
}
