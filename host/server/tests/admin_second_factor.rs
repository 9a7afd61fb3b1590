//! The second factor of administrators, over the admin UI, the API and the command line.

use crate::common;
use common::second_factor::Guarded;
use common::visitor::{PASSWORD, Visitor, api_path};
use serde_json::{Value, json};

const NUMBER: &str = "+41791112233";
const LOGIN: &str = "/admin/login?to=%2Fadmin";
const SETTINGS: &str = "/admin/settings/second-factor";

/// What the first administrator logs in with.
const FORM: [(&str, &str); 2] = [("email", "anna@example.com"), ("password", PASSWORD)];

fn command(guarded: &Guarded, more: &[&str]) -> Value {
    let config = guarded.config();
    let output = common::run(&[more, &["--config", config.to_str().unwrap()]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Gives the first administrator a phone number.
async fn add_number(anna: &mut Visitor) {
    let id = anna.get("/admin/accounts").await.value("href=\"/admin/accounts/");
    let path = format!("/admin/accounts/{id}");
    let revision = anna.get(&path).await.value("name=\"revision\" value=\"");
    let fields =
        [("revision", &*revision), ("name", "Anna"), ("phone", NUMBER), ("role", "system_admin"), ("enabled", "yes")];
    anna.post(&path, &fields).await.leads_to();
}

/// Sets up an instance that delivers the second factor. Returns its page.
async fn set_up(anna: &mut Visitor) -> String {
    let sms = anna.create("ecall", "SMS").await;
    let options = [("/ECallAccountName", "a"), ("/ECallAccountPassword", "p"), ("/ECallAccountFromNumber", "Shop")];
    anna.save(&sms, &options).await.leads_to();
    let assignment = [("kind", "client_application"), ("id", "twofactor-admin"), ("do", "add")];
    anna.post(&format!("{sms}/assignments"), &assignment).await.leads_to();
    sms
}

#[tokio::test]
async fn the_banner_says_what_to_do_and_goes_away_when_it_is_done() {
    let guarded = Guarded::start();
    let mut anna = Visitor::first(&guarded.server).await;
    let banner = "You logged in without a second factor.";
    let system = json!({"id": "demo", "name": "Ours"});
    guarded.server.call("POST", "/v1/subscriptions", &guarded.admin, system).await.expect(201);
    anna.get("/admin").await.shows(banner).shows("assigned to the client application").shows("subscription=demo");
    set_up(&mut anna).await;
    anna.get("/admin").await.shows(banner).shows("no phone number");
    add_number(&mut anna).await;
    assert!(!anna.get("/admin").await.text.contains(banner));
    anna.get(SETTINGS).await.shows("at your next login");
}

#[tokio::test]
async fn a_second_factor_that_worked_and_broke_keeps_everybody_out_until_the_command_line_lets_in() {
    let guarded = Guarded::start();
    let Guarded { server, demo, admin, .. } = &guarded;
    let mut anna = Visitor::first(server).await;
    server.call("POST", "/v1/subscriptions", admin, json!({"id": "demo", "name": "Ours"})).await.expect(201);
    let sms = set_up(&mut anna).await;
    add_number(&mut anna).await;
    assert_eq!(command(&guarded, &["account", "second-factor"])["required"], false);
    let mut again = Visitor::at(&server.url);
    again.post(LOGIN, &FORM).await.leads_to();
    let code = demo.code(NUMBER).await;
    assert_eq!(again.post("/admin/second-factor?to=%2Fadmin", &[("code", &*code)]).await.leads_to(), "/admin");
    again.get(SETTINGS).await.shows("Required since");
    assert_eq!(command(&guarded, &["account", "second-factor"])["required"], true);

    server.call("PATCH", &api_path(&sms), admin, json!({"active": false})).await.expect(200);
    let mut late = Visitor::at(&server.url);
    let refused = late.post(LOGIN, &FORM).await.shows("A second factor is required");
    assert_eq!((refused.status, late.get("/admin").await.status), (200, 303));
    let invite = ["account", "invite", "--email", "anna@example.com", "--without-second-factor"];
    let link = command(&guarded, &invite)["invitation"].as_str().unwrap().to_owned();
    let (_, secret) = link.split_once("/admin/invitation/").unwrap();
    assert_eq!(late.post(&format!("/admin/invitation/{secret}"), &[("password", PASSWORD)]).await.leads_to(), "/admin");
    late.get("/admin").await.shows("You logged in without a second factor.").shows("Assign instance");
    Visitor::at(&server.url).post(LOGIN, &FORM).await.shows("A second factor is required");

    let off = command(&guarded, &["account", "second-factor", "--off"]);
    assert_eq!((&off["required"], &off["subscription"]), (&json!(false), &json!("demo")));
    assert_eq!(Visitor::at(&server.url).post(LOGIN, &FORM).await.leads_to(), "/admin");
    let log = server.call("GET", "/v1/audit?limit=1000", admin, Value::Null).await;
    assert!(log.text.contains("no second factor required") && log.text.contains("second-factor.set"));
}

#[tokio::test]
async fn the_subscription_is_chosen_by_a_system_administrator_and_its_guards_are_touched_by_no_other() {
    let guarded = Guarded::start();
    let Guarded { server, admin, .. } = &guarded;
    let mut anna = Visitor::first(server).await;
    for id in ["demo", "guards"] {
        server.call("POST", "/v1/subscriptions", admin, json!({"id": id, "name": id})).await.expect(201);
    }
    let sms = set_up(&mut anna).await;
    let page = anna.get(SETTINGS).await;
    let revision = page.value("name=\"revision\" value=\"");
    let choose = |subscription: &'static str, revision: &str| {
        [("subscription".to_owned(), subscription.to_owned()), ("revision".to_owned(), revision.to_owned())]
    };
    let post = async |anna: &mut Visitor, fields: &[(String, String)]| {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        anna.post(SETTINGS, &fields).await
    };
    assert!(post(&mut anna, &choose("guards", &revision)).await.leads_to().ends_with("done=saved"));
    // Somebody who opened the page before; and what would lock everybody out.
    assert_eq!(post(&mut anna, &choose("demo", &revision)).await.shows("Another user changed this").status, 200);
    let revision = anna.get(SETTINGS).await.value("name=\"revision\" value=\"");
    let demanded = [&choose("guards", &revision)[..], &[("demanded".to_owned(), "yes".to_owned())]].concat();
    assert_eq!(post(&mut anna, &demanded).await.shows("Not saved").status, 200);
    assert!(post(&mut anna, &choose("demo", &revision)).await.leads_to().ends_with("done=saved"));
    assert_eq!(command(&guarded, &["account", "second-factor"])["subscription"], "demo");

    let issue = json!({"name": "own", "role": "subscription_admin", "subscriptions": ["demo"]});
    let own = server.call("POST", "/v1/tokens", admin, issue).await.expect(201);
    let own = own["token"].as_str().unwrap();
    let path = api_path(&sms);
    for (method, more, body) in [
        ("PATCH", "", json!({"active": false})),
        ("PUT", "", json!({"name": "x", "active": true, "options": {}})),
        ("DELETE", "", Value::Null),
        ("PUT", "/assignments", json!([])),
    ] {
        let problem = server.call(method, &format!("{path}{more}"), own, body).await.problem(403, "forbidden");
        assert!(problem["detail"].as_str().unwrap().contains("only a system administrator"), "{problem}");
    }
    let body = json!({"type": "ecall", "name": "hers", "active": true, "options": {}});
    let hers = server.call("POST", "/v1/subscriptions/demo/two-factors", own, body).await.expect(201);
    let hers = format!("/v1/subscriptions/demo/two-factors/{}/assignments", hers["id"].as_str().unwrap());
    let guarding = json!([{"kind": "client_application", "id": "twofactor-admin"}]);
    server.call("PUT", &hers, own, guarding).await.problem(403, "forbidden");
    server.call("PUT", &hers, own, json!([{"kind": "tenant", "id": "t"}])).await.expect(200);

    // Nor does somebody with an account of that role.
    let invite =
        json!({"name": "Ben", "email": "ben@example.com", "role": "subscription_admin", "subscriptions": ["demo"]});
    let invited = server.call("POST", "/v1/accounts", admin, invite).await.expect(201);
    let mut ben = Visitor::at(&server.url);
    ben.post(invited["invitation"]["path"].as_str().unwrap(), &[("password", PASSWORD)]).await.leads_to();
    assert_eq!(ben.get(SETTINGS).await.status, 403);
    assert_eq!(post(&mut ben, &choose("guards", "2")).await.status, 403);
    let remove = [("kind", "client_application"), ("id", "twofactor-admin"), ("do", "remove")];
    assert_eq!(ben.post(&format!("{sms}/assignments"), &remove).await.status, 403);
    assert_eq!(ben.post(&format!("{sms}/remove"), &[]).await.status, 403);
}
