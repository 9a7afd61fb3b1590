//! The admin UI in a real browser, page by page as the documentation of the system that we
//! re-implement: log in, create a TwoFactor instance of each type, configure it, send a test,
//! assign it; at the end a person signs in through it.

use crate::{chromium, common};
use chromium::{BrowserSettings, Chromium, axe, skipped};
use common::Server;
use common::visitor::{CASES, Case, PASSWORD, SMTP_SAMPLE};
use serde_json::json;

async fn become_first_administrator(browser: &Chromium, demo: &Server, email: &str) {
    browser.open(demo.said["first_administrator"].as_str().unwrap()).await;
    browser.fill("#name", "Anna Muster").await;
    browser.fill("#email", email).await;
    browser.fill("#password", PASSWORD).await;
    browser.click("button.main").await;
}

/// Creates, configures, tests and assigns an instance. Passwords and tests differ in nothing between scripts on and off.
async fn set_up(browser: &Chromium, demo: &Server, case: &Case) {
    browser.open(&format!("{}/admin/two-factors", demo.url)).await;
    browser.click("a.button.main").await;
    browser.click(&format!("input[value={}]", case.type_id)).await;
    browser.fill("#name", &format!("Our {}", case.type_id)).await;
    browser.click("button.main").await;
    browser.sees(".badges", "").await;
    for (option, value) in case.options {
        browser.fill(&format!("[name='{option}']"), value).await;
    }
    if case.type_id == "email" {
        browser.click(".paste summary").await;
        browser.fill("[name='/MailServerConfig#json']", SMTP_SAMPLE).await;
    }
    browser.click("form.card button.main").await;
    // Only a valid instance can be tried.
    browser.sees("#test label", "").await;
    browser.fill("#recipient", case.recipient).await;
    browser.click("#test button").await;
    browser.sees("#test", "delivered").await;
    browser.click("#kind option[value=user]").await;
    browser.fill("#target", case.type_id).await;
    browser.click(".assign button").await;
    browser.sees(".assigned", case.type_id).await;
}

async fn sign_in(demo: &Server, case: &Case) {
    let body = json!({"user": case.type_id, "recipient": {case.kind: case.recipient}});
    let token = demo.token("application_token");
    let started = demo.call("POST", "/v1/challenges", token, body).await.expect(201);
    let verify = format!("/v1/challenges/{}/verify", started["id"].as_str().unwrap());
    let code = json!({"code": demo.code(case.recipient).await});
    assert_eq!(demo.call("POST", &verify, token, code).await.expect(200)["user"], case.type_id);
}

#[tokio::test]
async fn an_instance_of_each_type_is_set_up_and_delivers_a_code() {
    if skipped("an_instance_of_each_type_is_set_up_and_delivers_a_code") {
        return;
    }
    let axe = axe("an_instance_of_each_type_is_set_up_and_delivers_a_code");
    let demo = Server::demo();
    let browser = Chromium::start(BrowserSettings::default()).await;
    let look = async |name: &str| {
        browser.picture(&format!("admin-{name}")).await;
        if let Some(axe) = &axe {
            let violations = browser.violations(axe).await;
            assert!(violations.is_empty(), "{name}: {violations:#?}");
        }
    };
    browser.open(demo.said["first_administrator"].as_str().unwrap()).await;
    look("invitation").await;
    become_first_administrator(&browser, &demo, "anna@bücher.example").await;
    look("overview-empty").await;
    browser.open(&format!("{}/admin/two-factors/new", demo.url)).await;
    look("new").await;
    for case in &CASES {
        set_up(&browser, &demo, case).await;
        look(&format!("instance-{}", case.type_id)).await;
        sign_in(&demo, case).await;
    }
    for (path, name) in [
        ("", "overview"),
        ("/two-factors", "instances"),
        ("/base-settings", "base-settings"),
        ("/base-settings/email", "base-settings-email"),
        ("/providers", "providers"),
        ("/tokens", "tokens"),
        ("/accounts", "accounts"),
        ("/account", "account"),
        ("/audit", "audit"),
    ] {
        browser.open(&format!("{}/admin{path}", demo.url)).await;
        look(name).await;
    }
    browser.click(".person button").await;
    browser.sees("h1", "Log in").await;
    look("login").await;
    // Whatever the browser makes of a domain beyond ASCII, it is the same address as in the invitation.
    browser.fill("#email", "Anna@BÜCHER.example").await;
    browser.fill("#password", PASSWORD).await;
    browser.click("button.main").await;
    browser.sees("h1", "Overview").await;
}

#[tokio::test]
async fn everything_works_with_scripts_off_in_german_on_a_phone_in_the_dark() {
    if skipped("everything_works_with_scripts_off_in_german_on_a_phone_in_the_dark") {
        return;
    }
    let demo = Server::demo();
    let settings =
        BrowserSettings { language: "de-CH", scripts: false, dark: true, phone: true, ..BrowserSettings::default() };
    let browser = Chromium::start(settings).await;
    become_first_administrator(&browser, &demo, "anna@example.com").await;
    browser.sees("h1", "Übersicht").await;
    for case in &CASES {
        set_up(&browser, &demo, case).await;
        sign_in(&demo, case).await;
    }
    browser.picture("admin-phone-instance").await;
    // The fields of the alternative that is chosen show, and no others.
    browser.open(&format!("{}/admin/base-settings/email", demo.url)).await;
    browser.click("input[value=M365]").await;
    browser.fill("[name='/MailServerConfig/M365/ClientId']", "an-id").await;
    browser.picture("admin-phone-union").await;
    browser.click("button.main").await;
    // The other options of the alternative are missing: the page says so, and asks.
    browser.sees("#check", "MailServerConfig/TenantId").await;
    browser.click("input[name=confirmed]").await;
    browser.click("button.main").await;
    browser.sees(".notice.good", "Gespeichert").await;
    browser.open(&format!("{}/admin", demo.url)).await;
    browser.picture("admin-phone-overview").await;
    browser.click("a[hreflang=en]").await;
    browser.sees("h1", "Overview").await;
}
