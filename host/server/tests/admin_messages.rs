//! Administrators and auditors find out on a page, or by a call, why a user got no code, each
//! within their own subscriptions.

use crate::common;
use common::visitor::Visitor;
use common::{Server, sign_in};
use serde_json::{Value, json};

const PHONE: &str = "+41791234567";
const SEARCH: &str = "/v1/subscriptions/demo/messages/search";

async fn search(demo: &Server, token: &str, body: Value) -> Value {
    demo.call("POST", SEARCH, token, body).await.expect(200)
}

#[tokio::test]
async fn a_call_tells_what_became_of_a_message_without_its_code_and_its_address() {
    let demo = Server::demo();
    let (admin, application) = (demo.token("admin_token"), demo.token("application_token"));
    let started = demo.call("POST", "/v1/challenges", application, sign_in(json!({"phone": PHONE}))).await.expect(201);
    let code = demo.code(PHONE).await;
    for by in [json!({"user": "alice"}), json!({"recipient": "0041 79 123 45 67"}), json!({"challenge": started["id"]})]
    {
        let found = search(&demo, admin, by).await;
        let event = &found["events"][0];
        assert_eq!(
            (&event["outcome"], &event["user"], &event["count"]),
            (&json!("accepted"), &json!("alice"), &json!(1))
        );
        assert_eq!((&event["challenge"], &event["two_factor"]), (&started["id"], &started["two_factor"]));
        assert!(!event["code"].as_str().unwrap().is_empty(), "the upstream's reference: {event}");
        let text = found.to_string();
        assert!(!text.contains("791234567") && !text.contains(&code), "{text}");
        assert_eq!((&found["limits"], &found["days"]), (&json!([]), &json!(7)));
    }
    let asked = search(&demo, admin, json!({"challenge": started["id"]})).await;
    assert_eq!((&asked["challenge"]["state"], &asked["challenge"]["answers"]), (&json!("open"), &json!(0)));
    for wrong in [json!({}), json!({"user": "a", "recipient": "b"}), json!({"user": null})] {
        demo.call("POST", SEARCH, admin, wrong).await.problem(400, "invalid-input");
    }
    let unlock = async |user: &str| {
        let path = format!("/v1/subscriptions/demo/users/{user}/unlock");
        demo.call("POST", &path, admin, Value::Null).await.expect(200)["seen"].clone()
    };
    assert_eq!((unlock("alice").await, unlock("alcie").await), (json!(true), json!(false)));
}

#[tokio::test]
async fn the_page_finds_what_was_refused_and_says_so_in_the_readers_language() {
    let demo = Server::demo();
    let application = demo.token("application_token");
    let lost = json!({"tenant": "nowhere", "user": "lost", "recipient": {"phone": PHONE}});
    demo.call("POST", "/v1/challenges", application, lost).await.problem(409, "not-available");
    let mut anna = Visitor::first(&demo).await;
    let form = [("by", "recipient"), ("text", "+41 79 123 45 67"), ("subscription", "")];
    let answer = anna.post_alone("/admin/messages", &form).await;
    let address = answer.leads_to();
    assert!(
        address.starts_with("/admin/messages?kept=") && !address.contains("791234567"),
        "a number stands in no address: {address}"
    );
    let found = anna.follow(answer).await.shows("Not sent: no instance available");
    let found = found.shows("lost").shows("No limit currently applies.");
    // What was typed is in its field again, and nowhere else.
    assert_eq!(found.text.matches("123 45 67").count(), 1, "{}", found.text);
    anna.cookies.insert("twofactor-language".to_owned(), "de".to_owned());
    anna.get("/admin/messages?user=lost").await.shows("Nicht gesendet: keine Instanz verfügbar");
    anna.get("/admin/messages?user=unknown").await.shows("Keine Ergebnisse im Aufbewahrungszeitraum.");
    let unlocked = anna.post("/admin/messages/unlock", &[("subscription", "demo"), ("user", "lots")]).await;
    let to = unlocked.leads_to().to_owned();
    anna.get(&to).await.shows("Kein Benutzer mit dieser ID");
    anna.get("/admin/audit?what=user.unlock").await.shows("Benutzer entsperrt").shows("lots");
}
