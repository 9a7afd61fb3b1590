//! A preview of base service settings shows their effects before they are saved: over REST, on
//! their page, and for an imported document.

use crate::common;
use common::Server;
use common::visitor::Visitor;
use serde_json::{Value, json};

/// Returns an instance of email that is complete by itself.
async fn complete(server: &Server) -> Value {
    let server_config =
        json!({"MailType": "SMTP", "Host": "mail.example.com", "Port": 465, "EnableSSL": true, "Timeout": 20000});
    let options = json!({"EMailSenderAddress": "codes@example.com", "MailServerConfig": server_config});
    let body = json!({"type": "email", "name": "Our mail", "active": true, "options": options});
    let made = server.call("POST", "/v1/subscriptions/demo/two-factors", server.token("admin_token"), body).await;
    let made = made.expect(201);
    assert_eq!(made["valid"], true, "{made}");
    made
}

#[tokio::test]
async fn over_rest_they_name_their_problems_and_the_instances_they_make_invalid() {
    let demo = Server::demo();
    let made = complete(&demo).await;
    let admin = demo.token("admin_token");
    let before = demo.call("GET", "/v1/base-settings/email", admin, Value::Null).await.expect(200);
    let options = json!({"EMailSenderName": 7});
    let checked = demo.call("POST", "/v1/base-settings/email/check", admin, options).await.expect(200);
    assert_eq!(checked["problems"][0]["option"], "/EMailSenderName", "{checked}");
    let instances = checked["instances"].as_array().unwrap();
    let ours = instances.iter().find(|instance| instance["id"] == made["id"]).unwrap();
    assert_eq!((&ours["name"], &ours["valid"]), (&json!("Our mail"), &json!(false)), "{checked}");
    assert_eq!(demo.call("GET", "/v1/base-settings/email", admin, Value::Null).await.expect(200), before);
    let fine = json!({"EMailSenderName": "Shop"});
    let checked = demo.call("POST", "/v1/base-settings/email/check", admin, fine).await.expect(200);
    assert_eq!(checked, json!({"problems": [], "instances": []}));
}

#[tokio::test]
async fn their_page_names_the_instances_and_saves_only_when_it_is_confirmed() {
    let demo = Server::demo();
    complete(&demo).await;
    let mut anna = Visitor::first(&demo).await;
    let long = "x".repeat(200);
    let revision =
        async |anna: &mut Visitor| anna.get("/admin/base-settings/email").await.value("name=\"revision\" value=\"");
    let shown = revision(&mut anna).await;
    let form = [("/EMailSenderName", &*long), ("revision", &*shown)];
    let asked = anna.post("/admin/base-settings/email", &form).await.shows("Not saved yet");
    assert!(asked.text.contains("Our mail") && asked.text.contains("name=\"confirmed\""), "{}", asked.text);
    assert!(asked.text.contains(&long), "what was typed is lost: {}", asked.text);
    let admin = demo.token("admin_token");
    let stored = async || demo.call("GET", "/v1/base-settings/email", admin, Value::Null).await.expect(200);
    assert_eq!(stored().await["EMailSenderName"], Value::Null);
    anna.post("/admin/base-settings/email", &[form[0], form[1], ("confirmed", "yes")]).await.leads_to();
    assert_eq!(stored().await["EMailSenderName"], *long);
    // A change that invalidates nothing is saved at once.
    let shown = revision(&mut anna).await;
    anna.post("/admin/base-settings/email", &[("/EMailSenderName", "Shop"), ("revision", &*shown)]).await.leads_to();
}
