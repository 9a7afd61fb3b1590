//! The other pages of the admin UI, which `admin_browser.rs` does not visit, checked by axe-core.

use std::path::Path;

use crate::{chromium, common, totp};
use chromium::{BrowserSettings, Chromium, axe, skipped};
use common::Server;
use common::second_factor::Guarded;
use common::visitor::PASSWORD;
use serde_json::json;

async fn look(browser: &Chromium, axe: Option<&Path>, name: &str) {
    browser.picture(&format!("admin-{name}")).await;
    if let Some(axe) = axe {
        let violations = browser.violations(axe).await;
        assert!(violations.is_empty(), "{name}: {violations:#?}");
    }
}

async fn become_first_administrator(browser: &Chromium, server: &Server) {
    browser.open(server.said["first_administrator"].as_str().unwrap()).await;
    browser.fill("#name", "Anna Muster").await;
    browser.fill("#email", "anna@example.com").await;
    browser.fill("#password", PASSWORD).await;
    browser.click("button.main").await;
    browser.sees("h1", "Overview").await;
}

#[tokio::test]
async fn a_provider_is_previewed_and_installed() {
    if skipped("a_provider_is_previewed_and_installed") {
        return;
    }
    let axe = axe("a_provider_is_previewed_and_installed");
    let demo = Server::demo();
    let browser = Chromium::start(BrowserSettings::default()).await;
    become_first_administrator(&browser, &demo).await;
    let folder = tempfile::tempdir().unwrap();
    let upload = async |name: &str, component: &[u8]| {
        let file = folder.path().join(name);
        std::fs::write(&file, component).unwrap();
        browser.open(&format!("{}/admin/providers", demo.url)).await;
        browser.fill("#component", file.to_str().unwrap()).await;
        browser.click("form.card button.main").await;
    };
    upload("notes.wasm", b"no component").await;
    browser.sees(".notice.bad", "not a valid WebAssembly component").await;
    look(&browser, axe.as_deref(), "provider-refused").await;

    let mut mail = twofactor_bundle::ECALL.to_vec();
    let name = b"ecalleCall SMS";
    let at = mail.windows(name.len()).position(|bytes| bytes == name).unwrap();
    mail[at..at + 5].copy_from_slice(b"email");
    upload("mail.wasm", &mail).await;
    browser.sees("h1", "Install this provider?").await;
    look(&browser, axe.as_deref(), "provider-shown").await;
    // An instance is valid with the component before, and would not be with this one.
    browser.click("input[name=allow_invalid]").await;
    browser.click("form[action$=approval] button.main").await;
    browser.sees(".notice.good", "Provider installed.").await;
    look(&browser, axe.as_deref(), "provider-installed").await;
}

#[tokio::test]
async fn removals_need_a_confirmation() {
    if skipped("removals_need_a_confirmation") {
        return;
    }
    let axe = axe("removals_need_a_confirmation");
    let demo = Server::demo();
    let browser = Chromium::start(BrowserSettings::default()).await;
    become_first_administrator(&browser, &demo).await;
    let admin = demo.token("admin_token");
    let ben =
        json!({"name": "Ben", "email": "ben@example.com", "role": "subscription_admin", "subscriptions": ["demo"]});
    let ben = demo.call("POST", "/v1/accounts", admin, ben).await.expect(201);
    let account = format!("/accounts/{}", ben["id"].as_str().unwrap());
    browser.open(&format!("{}/admin{account}", demo.url)).await;
    look(&browser, axe.as_deref(), "account-of-somebody").await;
    browser.open(&format!("{}/admin{account}/remove", demo.url)).await;
    look(&browser, axe.as_deref(), "account-remove").await;
    browser.click("button.bad").await;
    browser.sees(".notice.good", "Account deleted.").await;

    browser.open(&format!("{}/admin/tokens", demo.url)).await;
    browser.fill("#name", "Shop").await;
    browser.click("form.card button.main").await;
    browser.sees(".secret", "tf_").await;
    look(&browser, axe.as_deref(), "token-issued").await;
    browser.click("td a[href$=revoke]").await;
    browser.sees("h1", "Revoke this token?").await;
    look(&browser, axe.as_deref(), "token-revoke").await;
    browser.click("button.bad").await;
    browser.sees("td .badge", "Revoked").await;

    browser.open(&format!("{}/admin/two-factors", demo.url)).await;
    browser.click("td a").await;
    browser.sees(".badges", "").await;
    browser.click("a.button.bad").await;
    browser.sees("h1", "Delete this instance?").await;
    look(&browser, axe.as_deref(), "instance-remove").await;
    browser.click("button.bad").await;
    browser.sees(".notice.good", "Instance deleted.").await;
}

#[tokio::test]
async fn an_auditor_looks_at_everything() {
    if skipped("an_auditor_looks_at_everything") {
        return;
    }
    let axe = axe("an_auditor_looks_at_everything");
    let demo = Server::demo();
    let admin = demo.token("admin_token");
    let new = json!({"name": "Aude Lauscher", "email": "aude@example.com", "role": "auditor"});
    let invited = demo.call("POST", "/v1/accounts", admin, new).await.expect(201);
    let browser = Chromium::start(BrowserSettings::default()).await;
    browser.open(&format!("{}{}", demo.url, invited["invitation"]["path"].as_str().unwrap())).await;
    browser.fill("#password", PASSWORD).await;
    browser.click("button.main").await;
    browser.sees("h1", "Overview").await;
    let account = format!("/accounts/{}", invited["id"].as_str().unwrap());
    let instances =
        demo.call("GET", "/v1/subscriptions/demo/two-factors", admin, serde_json::Value::Null).await.expect(200);
    let all = instances["two_factors"].as_array().unwrap();
    let mail = all.iter().find(|one| one["type"] == "email").unwrap()["id"].as_str().unwrap();
    let instance = format!("/two-factors/demo/{mail}");
    for (path, name) in [
        ("/two-factors", "auditor-instances"),
        (&*instance, "auditor-instance"),
        ("/base-settings/email", "auditor-base-settings"),
        ("/providers", "auditor-providers"),
        ("/tokens", "auditor-tokens"),
        ("/accounts", "auditor-accounts"),
        (&*account, "auditor-account"),
        ("/audit", "auditor-audit"),
        ("/two-factors/new", "auditor-refused"),
    ] {
        browser.open(&format!("{}/admin{path}", demo.url)).await;
        look(&browser, axe.as_deref(), name).await;
    }
    browser.sees("h1", "Access denied").await;
}

#[tokio::test]
async fn a_subscription_is_set_up_and_the_directory_is_searched() {
    if skipped("a_subscription_is_set_up_and_the_directory_is_searched") {
        return;
    }
    let axe = axe("a_subscription_is_set_up_and_the_directory_is_searched");
    let demo = Server::demo();
    let admin = demo.token("admin_token");
    let browser = Chromium::start(BrowserSettings::default()).await;
    become_first_administrator(&browser, &demo).await;
    browser.open(&format!("{}/admin/subscriptions", demo.url)).await;
    browser.fill("#id", "shop").await;
    browser.fill("#name", "Shop").await;
    look(&browser, axe.as_deref(), "subscriptions").await;
    browser.click("button.main").await;
    browser.sees(".notice.good", "Subscription created.").await;
    browser.fill("#return_urls", "https://shop.example.com/signed-in").await;
    browser.fill("#accent", "#24307a").await;
    let folder = tempfile::tempdir().unwrap();
    let logo = folder.path().join("logo.png");
    // A picture of one blue point.
    let point = "89504e470d0a1a0a0000000d49484452000000010000000108020000009077 53de0000000c49444154789c63504830070001bb00f9e2d3a1590000000049454e44ae426082";
    let point = point.replace(' ', "");
    let bytes: Vec<u8> =
        (0..point.len()).step_by(2).map(|n| u8::from_str_radix(&point[n..n + 2], 16).unwrap()).collect();
    std::fs::write(&logo, bytes).unwrap();
    browser.fill("#logo", logo.to_str().unwrap()).await;
    browser.click("form.card button.main").await;
    browser.sees(".notice.good", "Saved.").await;
    look(&browser, axe.as_deref(), "subscription").await;
    browser.fill("#accent", "#ffff00").await;
    browser.click("form.card button.main").await;
    browser.sees(".notice.bad", "choose a darker color").await;

    let names = ["Ada Lovelace", "Grace Hopper", "Edsger Dijkstra"];
    let entry = |(n, name): (usize, &&str)| json!({"kind": "user", "id": format!("u{n}"), "name": name});
    let entries: Vec<_> = names.iter().enumerate().map(entry).collect();
    demo.call("PUT", "/v1/subscriptions/demo/directory", admin, json!(entries)).await.expect(200);
    browser.open(&format!("{}/admin/two-factors?subscription=demo", demo.url)).await;
    browser.click("td a").await;
    browser.click("a[href$=directory]").await;
    browser.sees("h1", "Directory").await;
    look(&browser, axe.as_deref(), "directory").await;
    browser.fill("#search", "grace").await;
    browser.click("form.filter button").await;
    browser.sees("td code", "u1").await;
    browser.fill("td input[type=text]", "Grace M. Hopper").await;
    browser.click("td form.inline button").await;
    browser.sees(".notice.good", "Name saved.").await;
    browser.click("button[value=add]").await;
    browser.sees(".assigned", "Grace M. Hopper").await;
}

#[tokio::test]
async fn the_factors_of_a_user_are_shown_and_changed() {
    if skipped("the_factors_of_a_user_are_shown_and_changed") {
        return;
    }
    let axe = axe("the_factors_of_a_user_are_shown_and_changed");
    let demo = Server::demo();
    let (admin, application) = (demo.token("admin_token"), demo.token("application_token"));
    let instances =
        demo.call("GET", "/v1/subscriptions/demo/two-factors", admin, serde_json::Value::Null).await.expect(200);
    let all = instances["two_factors"].as_array().unwrap();
    let app = all.iter().find(|one| one["type"] == "totp").unwrap()["id"].as_str().unwrap();
    let new = json!({"tenant": "demo", "user": "alice", "two_factor": app, "proof": {"first_factor": true}});
    let begun = demo.call("POST", "/v1/enrolments", application, new).await.expect(201);
    let secret = begun["reveal"]["secret"].as_str().unwrap().replace(' ', "");
    let answer = json!({"code": totp::code(&secret, jiff::Timestamp::now()), "label": "Phone"});
    let finish = format!("/v1/enrolments/{}/finish", begun["id"].as_str().unwrap());
    demo.call("POST", &finish, application, answer).await.expect(201);

    let browser = Chromium::start(BrowserSettings::default()).await;
    become_first_administrator(&browser, &demo).await;
    browser.open(&format!("{}/admin/subscriptions/demo", demo.url)).await;
    browser.click("a[href$=users]").await;
    browser.sees("h1", "Users’ factors").await;
    look(&browser, axe.as_deref(), "users").await;
    browser.fill("#user", "alice").await;
    browser.click("form.filter button").await;
    browser.sees("td a", "Authenticator app – Phone").await;
    look(&browser, axe.as_deref(), "user").await;
    browser.click("details.policy summary").await;
    browser.fill("#reason", "Lost phone").await;
    browser.click("form[action$=pass] button").await;
    browser.sees(".secret", "-").await;
    look(&browser, axe.as_deref(), "user-pass").await;
    browser.click("a[href*=revoke]").await;
    browser.sees("h1", "Revoke the temporary pass?").await;
    look(&browser, axe.as_deref(), "user-pass-revoke").await;
    browser.fill("#reason", "Found again").await;
    browser.click("button.bad").await;
    browser.sees(".notice.good", "Temporary pass revoked.").await;

    browser.click("td a[href*=factor]").await;
    browser.sees("h1", "Authenticator app – Phone").await;
    look(&browser, axe.as_deref(), "user-factor").await;
    browser.fill("#reason", "Lost phone").await;
    browser.click("button[value=suspend]").await;
    browser.sees("td .badge", "Suspended").await;
    browser.click("a.button.bad").await;
    browser.sees("h1", "Reset all factors?").await;
    look(&browser, axe.as_deref(), "user-reset").await;
    browser.fill("#reason", "Lost phone").await;
    browser.click("button.bad").await;
    browser.sees(".notice.good", "All factors reset.").await;
    look(&browser, axe.as_deref(), "user-after-reset").await;
}

#[tokio::test]
async fn a_second_factor_is_asked_for_on_a_page_of_its_own() {
    if skipped("a_second_factor_is_asked_for_on_a_page_of_its_own") {
        return;
    }
    let axe = axe("a_second_factor_is_asked_for_on_a_page_of_its_own");
    let Guarded { server, demo, admin, .. } = &Guarded::start();
    let browser = Chromium::start(BrowserSettings::default()).await;
    become_first_administrator(&browser, server).await;
    let make = async |method: &str, path: &str, body: serde_json::Value| {
        let answer = server.call(method, path, admin, body).await;
        assert!([200, 201].contains(&answer.status), "{}", answer.text);
        answer.json
    };
    make("POST", "/v1/subscriptions", json!({"id": "demo", "name": "Ours"})).await;
    let accounts = make("GET", "/v1/accounts", serde_json::Value::Null).await;
    let anna = format!("/v1/accounts/{}", accounts["accounts"][0]["id"].as_str().unwrap());
    make("PATCH", &anna, json!({"phone": "+41791112233"})).await;
    let options = json!({"ECallAccountName": "a", "ECallAccountPassword": "p", "ECallAccountFromNumber": "Shop"});
    let sms = json!({"type": "ecall", "name": "SMS", "options": options});
    let sms = make("POST", "/v1/subscriptions/demo/two-factors", sms).await;
    let assignments = format!("/v1/subscriptions/demo/two-factors/{}/assignments", sms["id"].as_str().unwrap());
    make("PUT", &assignments, json!([{"kind": "client_application", "id": "twofactor-admin"}])).await;

    browser.click(".person button").await;
    browser.sees("h1", "Log in").await;
    browser.fill("#email", "anna@example.com").await;
    browser.fill("#password", PASSWORD).await;
    browser.click("button.main").await;
    browser.sees("h1", "Enter your code").await;
    look(&browser, axe.as_deref(), "second-factor").await;
    let code = demo.code("+41791112233").await;
    browser.fill("#code", &common::wrong(&code)).await;
    browser.click("button.main").await;
    browser.sees(".notice.bad", "Incorrect code.").await;
    look(&browser, axe.as_deref(), "second-factor-refused").await;
    browser.fill("#code", &code).await;
    browser.click("button.main").await;
    browser.sees("h1", "Overview").await;
}
