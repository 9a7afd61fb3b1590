//! A person adds factors on the hosted page and signs in with them, in a real browser with a virtual authenticator, over TLS.

use std::path::PathBuf;

use crate::{authenticator, chromium, common, factor_site};
use authenticator::{Authenticator, Properties};
use chromium::{BrowserSettings, Chromium, ENTER, axe, needs, skipped};
use common::visitor::PASSWORD;
use factor_site::FactorSite;
use serde_json::json;
use twofactor::factor::FactorStatus;
use twofactor::sign_in::VisitOutcome;
use twofactor::{Actor, Assignment, NewInstance};

/// Takes a picture, and fails on whatever axe-core finds.
async fn look(browser: &Chromium, axe: Option<&PathBuf>, name: &str) {
    browser.picture(name).await;
    if let Some(axe) = axe {
        let violations = browser.violations(axe).await;
        assert!(violations.is_empty(), "{name}: {violations:#?}");
    }
}

/// Presses the button of the list that adds a factor.
async fn press_add(browser: &Chromium, two_factor: &str) {
    browser.click(&format!("form.add:has(input[value='{two_factor}']) button")).await;
}

async fn add_passkey(site: &FactorSite, browser: &Chromium, name: &str) {
    press_add(browser, &site.passkeys).await;
    browser.sees("h1", "Add a passkey").await;
    browser.fill("#label", name).await;
    browser.click("button.main").await;
    browser.sees("[role=status]", "Added.").await;
    browser.sees("ul.factors", name).await;
}

/// Adds an app; returns its secret.
async fn add_app(site: &FactorSite, browser: &Chromium) -> String {
    press_add(browser, &site.apps).await;
    browser.sees("h1", "Add an authenticator app").await;
    let secret = browser.text(".key").await;
    browser.fill("#code", &site.totp(&secret)).await;
    browser.click("button.main").await;
    browser.sees("[role=status]", "Added.").await;
    secret
}

#[tokio::test]
async fn a_person_adds_a_passkey_an_app_and_codes_and_signs_in_with_each() {
    let test = "a_person_adds_a_passkey_an_app_and_codes_and_signs_in_with_each";
    if skipped(test) || needs(test, "oathtool") {
        return;
    }
    let axe = axe(test);
    let site = FactorSite::start().await;
    let browser = site.browser(BrowserSettings::default()).await;
    let authenticator = Authenticator::add(&browser, Properties::default()).await;

    site.open_factors(&browser).await;
    browser.sees("h1", "Your sign-in methods").await;
    browser.sees("main", "You haven’t added any yet.").await;
    look(&browser, axe.as_ref(), "factors-none").await;
    press_add(&browser, &site.passkeys).await;
    browser.sees("h1", "Add a passkey").await;
    look(&browser, axe.as_ref(), "factors-add-passkey").await;
    browser.fill("#label", "Laptop").await;
    browser.click("button.main").await;
    browser.sees("[role=status]", "Added.").await;
    assert_eq!(authenticator.credentials().await.len(), 1);

    // A reload of the page of an app shows the same secret.
    press_add(&browser, &site.apps).await;
    browser.sees("h1", "Add an authenticator app").await;
    let secret = browser.text(".key").await;
    assert!(secret.split(' ').all(|group| group.len() == 4) && secret.len() == 39, "{secret}");
    browser.open(&browser.url().await).await;
    assert_eq!(browser.text(".key").await, secret);
    look(&browser, axe.as_ref(), "factors-add-app").await;
    browser.fill("#code", "000 000").await;
    browser.click("form.answer button.main").await;
    browser.sees("[role=alert]", "Incorrect code.").await;
    look(&browser, axe.as_ref(), "factors-add-app-wrong").await;
    browser.fill("#label", "Phone").await;
    let code = site.totp(&secret);
    browser.fill("#code", &format!("{} {}", &code[..3], &code[3..])).await;
    browser.click("form.answer button.main").await;
    browser.sees("[role=status]", "Added.").await;

    press_add(&browser, &site.recovery).await;
    browser.sees("h1", "Save your recovery codes").await;
    look(&browser, axe.as_ref(), "factors-add-codes").await;
    let script = "return [...document.querySelectorAll('#codes code')].map((one) => one.textContent)";
    let codes = browser.run(script, json!([])).await;
    assert_eq!(codes.as_array().unwrap().len(), 10);
    let file = browser
        .run(
            "return fetch(document.querySelector('[download]').href).then((it) => it.text()).catch(() => 'refused')",
            json!([]),
        )
        .await;
    // The page's policy lets its script fetch nothing; the browser downloads the file all the same.
    assert_eq!(file, "refused");
    browser.click("button.main").await;
    browser.sees("[role=status]", "Your recovery codes are active.").await;
    for text in ["Passkey – Laptop", "Authenticator app – Phone", "Recovery codes", "10 codes left"] {
        browser.sees("ul.factors", text).await;
    }
    look(&browser, axe.as_ref(), "factors-list").await;
    browser.pictures("factors-list").await;
    browser.click("main > form:last-of-type button").await;
    browser.sees("h1", "Back").await;

    // With the passkey: the page asks the browser at once.
    let begun = site.open_sign_in(&browser).await;
    browser.sees("h1", "Confirm it’s you").await;
    look(&browser, axe.as_ref(), "sign-in-choice-factors").await;
    browser.pictures("sign-in-choice-factors").await;
    let first = browser.run("return document.querySelector('main form button').textContent", json!([])).await;
    assert_eq!(first, "Use your passkey");
    let last = browser.run("return [...document.querySelectorAll('.way strong')].at(-1).textContent", json!([])).await;
    assert_eq!(last, "Recovery code");
    browser.click("button.main").await;
    let result = site.redeem(&browser, &begun).await;
    assert_eq!((&result["two_factor"], &result["user"]), (&json!(site.passkeys), &json!("alice")));
    assert_eq!(result["acr"], "phr");

    // With the app, whose code of the enrolment was spent there.
    let begun = site.open_sign_in(&browser).await;
    browser.click(&format!("input[value='{}'][type=radio]", site.apps)).await;
    browser.click("fieldset + button").await;
    browser.sees("h1", "Enter your code").await;
    look(&browser, axe.as_ref(), "sign-in-app").await;
    browser.keys(&format!("{code}{ENTER}")).await;
    browser.sees("[role=alert]", "Incorrect code. You have 4 attempts left.").await;
    site.advance(30);
    browser.fill("#code", &site.totp(&secret)).await;
    browser.keys(ENTER).await;
    let result = site.redeem(&browser, &begun).await;
    assert_eq!((&result["two_factor"], &result["amr"]), (&json!(site.apps), &json!(["otp"])));

    // With a recovery code, typed in small letters and without separators, once.
    let recovery = codes[0].as_str().unwrap().replace('-', "").to_lowercase();
    let begun = site.open_sign_in(&browser).await;
    browser.click(&format!("input[value='{}'][type=radio]", site.recovery)).await;
    browser.click("fieldset + button").await;
    browser.sees("h1", "Enter a recovery code").await;
    look(&browser, axe.as_ref(), "sign-in-recovery").await;
    browser.keys(&format!("{recovery}{ENTER}")).await;
    assert_eq!(site.redeem(&browser, &begun).await["two_factor"], site.recovery);
    site.open_sign_in(&browser).await;
    browser.click(&format!("input[value='{}'][type=radio]", site.recovery)).await;
    browser.click("fieldset + button").await;
    browser.sees("h1", "Enter a recovery code").await;
    browser.keys(&format!("{recovery}{ENTER}")).await;
    browser.sees("[role=alert]", "Incorrect code.").await;
}

#[tokio::test]
async fn changes_need_a_factor_and_a_removed_passkey_signs_no_one_in() {
    let test = "changes_need_a_factor_and_a_removed_passkey_signs_no_one_in";
    if skipped(test) || needs(test, "oathtool") {
        return;
    }
    let axe = axe(test);
    let site = FactorSite::start().await;
    let browser = site.browser(BrowserSettings::default()).await;
    let authenticator = Authenticator::add(&browser, Properties::default()).await;
    site.open_factors(&browser).await;
    add_passkey(&site, &browser, "Laptop").await;
    let secret = add_app(&site, &browser).await;

    // Another session: whoever has only the first factor sees and changes nothing.
    site.open_factors(&browser).await;
    browser.sees("h1", "Confirm it’s you").await;
    browser.sees("main", "first confirm that it’s you").await;
    look(&browser, axe.as_ref(), "factors-confirm").await;
    browser.click("button.main").await;
    browser.sees("h1", "Your sign-in methods").await;

    // A name.
    browser.click("ul.factors li:first-child summary").await;
    browser.fill("ul.factors li:first-child input[name=label]", "Work laptop").await;
    browser.click("ul.factors li:first-child details button").await;
    browser.sees("[role=status]", "Name saved.").await;
    browser.sees("ul.factors", "Passkey – Work laptop").await;

    // The same authenticator is not added twice.
    press_add(&browser, &site.passkeys).await;
    browser.sees("h1", "Add a passkey").await;
    browser.click("button.main").await;
    browser.sees("[role=alert]", "already has a passkey for you").await;
    look(&browser, axe.as_ref(), "factors-known").await;
    browser.click(".more .quiet").await;
    browser.sees("h1", "Your sign-in methods").await;

    // Removed here, and no longer accepted there.
    browser.click("ul.factors li:first-child .does > form button").await;
    browser.sees("h1", "Remove “Passkey – Work laptop”?").await;
    look(&browser, axe.as_ref(), "factors-remove").await;
    browser.click("button.main").await;
    browser.sees("[role=status]", "Removed.").await;
    // It was used to confirm: the next change needs another one.
    browser.sees("h1", "Confirm it’s you").await;
    assert!(!browser.text("main").await.contains("asskey"));
    site.advance(30);
    let begun = site.open_sign_in(&browser).await;
    browser.sees("h1", "Confirm it’s you").await;
    assert!(!browser.text("main").await.contains("asskey"));
    browser.click("button.main").await;
    browser.sees("h1", "Enter your code").await;
    browser.keys(&format!("{}{ENTER}", site.totp(&secret))).await;
    assert_eq!(site.redeem(&browser, &begun).await["two_factor"], site.apps);
    drop(authenticator);

    // The proof is good for ten minutes.
    site.open_factors(&browser).await;
    browser.click("button.main").await;
    browser.sees("h1", "Enter your code").await;
    site.advance(30);
    browser.keys(&format!("{}{ENTER}", site.totp(&secret))).await;
    browser.sees("h1", "Your sign-in methods").await;
    site.advance(601);
    browser.click("ul.factors li:first-child .does > form button").await;
    browser.sees("h1", "Confirm it’s you").await;
}

#[tokio::test]
async fn a_first_passkey_is_added_within_a_sign_in_and_signs_in_the_next_time() {
    let test = "a_first_passkey_is_added_within_a_sign_in_and_signs_in_the_next_time";
    if skipped(test) {
        return;
    }
    let axe = axe(test);
    let site = FactorSite::start().await;
    site.set_policy(&site.passkeys, json!({"pass_signs_in": true, "enrol_in_sign_in": true})).await;
    let browser = site.browser(BrowserSettings::default()).await;
    let authenticator = Authenticator::add(&browser, Properties::default()).await;
    let begun = site.open_sign_in(&browser).await;
    browser.sees("h1", "Enter your temporary pass").await;
    browser.fill("#code", &site.pass().await).await;
    browser.click("button.main").await;
    browser.sees("h1", "Add a sign-in method?").await;
    look(&browser, axe.as_ref(), "sign-in-offer").await;
    press_add(&browser, &site.passkeys).await;
    browser.sees("h1", "Add a passkey").await;
    // Changes of mind lead back to the offer.
    browser.click(".more button").await;
    browser.sees("h1", "Add a sign-in method?").await;
    press_add(&browser, &site.passkeys).await;
    browser.sees("h1", "Add a passkey").await;
    browser.click("button.main").await;
    browser.sees("h1", "Save your recovery codes").await;
    browser.sees("[role=status]", "Added.").await;
    assert_eq!(authenticator.credentials().await.len(), 1);
    look(&browser, axe.as_ref(), "sign-in-offer-codes").await;
    browser.click("button.main").await;
    browser.sees("[role=status]", "Your recovery codes are active.").await;
    look(&browser, axe.as_ref(), "sign-in-offer-done").await;
    browser.click("button.main").await;
    // The pass signed in, and not the passkey.
    let result = site.redeem(&browser, &begun).await;
    assert_eq!((&result["amr"], result.get("acr")), (&json!(["otp"]), None));
    assert_eq!(result["assurance"]["aal"], "aal1");

    let begun = site.open_sign_in(&browser).await;
    browser.sees("h1", "Confirm it’s you").await;
    browser.click("button.main").await;
    let result = site.redeem(&browser, &begun).await;
    assert_eq!((&result["two_factor"], &result["acr"]), (&json!(site.passkeys), &json!("phr")));
}

#[tokio::test]
async fn a_browser_that_refuses_or_has_no_passkey_says_so_and_another_way_is_open() {
    let test = "a_browser_that_refuses_or_has_no_passkey_says_so_and_another_way_is_open";
    if skipped(test) || needs(test, "oathtool") {
        return;
    }
    let axe = axe(test);
    let site = FactorSite::start().await;
    let browser = site.browser(BrowserSettings::default()).await;
    let authenticator = Authenticator::add(&browser, Properties::default()).await;
    site.open_factors(&browser).await;
    add_passkey(&site, &browser, "Laptop").await;
    let secret = add_app(&site, &browser).await;

    // The browser has lost the passkey.
    let credential = authenticator.credentials().await[0]["credentialId"].as_str().unwrap().to_owned();
    authenticator.forget(&credential).await;
    let begun = site.open_sign_in(&browser).await;
    browser.sees("h1", "Confirm it’s you").await;
    browser.click("button.main").await;
    browser.sees("h1", "Use your passkey").await;
    browser.click("button.main").await;
    browser.sees("[data-say=failed]", "Your passkey wasn’t used.").await;
    look(&browser, axe.as_ref(), "sign-in-passkey-failed").await;
    browser.click(".more a").await;
    browser.click(&format!("input[value='{}']", site.apps)).await;
    browser.click("form:has(input:checked) button").await;
    browser.sees("h1", "Enter your code").await;
    site.advance(30);
    browser.keys(&format!("{}{ENTER}", site.totp(&secret))).await;
    assert_eq!(site.redeem(&browser, &begun).await["two_factor"], site.apps);

    // A browser that knows no passkeys, or not enough of them.
    let old = site.browser(BrowserSettings::default()).await;
    let script = "delete PublicKeyCredential.parseRequestOptionsFromJSON";
    old.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": script})).await;
    site.open_sign_in(&old).await;
    old.click("button.main").await;
    old.sees("[data-say=unsupported]", "This browser can’t use passkeys here.").await;
    look(&old, axe.as_ref(), "sign-in-passkey-unsupported").await;

    // Without scripts there is a sentence, and codes work.
    let plain = site
        .browser(BrowserSettings { scripts: false, language: "de-CH", phone: true, ..BrowserSettings::default() })
        .await;
    let begun = site.open_sign_in(&plain).await;
    plain.sees("h1", "Bestätigen Sie, dass Sie es sind").await;
    plain.picture("sign-in-choice-factors-phone-de").await;
    plain.click("button.main").await;
    plain.sees("noscript", "Passkeys brauchen JavaScript.").await;
    plain.picture("sign-in-passkey-plain-phone-de").await;
    plain.click(".more a").await;
    plain.click(&format!("label:has(input[value='{}'])", site.apps)).await;
    plain.click("fieldset + button").await;
    plain.sees("h1", "Code eingeben").await;
    site.advance(30);
    let code = site.totp(&secret);
    plain.fill("#code", &format!("{}-{}", &code[..3], &code[3..])).await;
    plain.click("button.main").await;
    assert_eq!(site.redeem(&plain, &begun).await["two_factor"], site.apps);
}

#[tokio::test]
async fn an_administrator_adds_a_passkey_and_logs_in_with_it() {
    let test = "an_administrator_adds_a_passkey_and_logs_in_with_it";
    if skipped(test) {
        return;
    }
    let axe = axe(test);
    let site = FactorSite::start().await;
    let (accounts, admin) = (site.engine.accounts(), site.admin());
    for id in [&site.passkeys, &site.recovery] {
        let logins = serde_json::from_value(json!({"kind": "client_application", "id": "twofactor-admin"})).unwrap();
        admin.set_assignments("shop", id, vec![logins]).await.unwrap();
    }
    accounts.set_second_factor(&Actor::new("test"), Some("shop".to_owned()), false, None).await.unwrap();
    let browser = site.browser(BrowserSettings::default()).await;
    let authenticator = Authenticator::add(&browser, Properties::default()).await;
    let path = accounts.first_invitation().await.unwrap().unwrap().path();
    browser.open(&format!("{}{path}", site.url)).await;
    browser.fill("#name", "Anna Muster").await;
    browser.fill("#email", "anna@example.com").await;
    browser.fill("#password", PASSWORD).await;
    browser.click("button.main").await;
    browser.sees(".notice.warn", "Add a second factor").await;
    browser.click(".notice.warn a").await;
    browser.sees("h2#factors", "Your second factors").await;
    look(&browser, axe.as_ref(), "admin-own-factors-none").await;
    browser.fill("form[action$=factors] input[type=password]", PASSWORD).await;
    browser.click("form[action$=factors] button").await;
    browser.sees("h1", "Add a passkey").await;
    look(&browser, axe.as_ref(), "admin-own-passkey").await;
    browser.fill("#label", "Laptop").await;
    browser.click("button.main").await;
    browser.sees("h1", "Your recovery codes").await;
    look(&browser, axe.as_ref(), "admin-own-codes").await;
    browser.click("form button.main").await;
    browser.sees(".notice.good", "Second factor added.").await;
    look(&browser, axe.as_ref(), "admin-own-factors").await;
    assert_eq!(authenticator.credentials().await.len(), 1);

    let log_in = async || {
        browser.click(".person button").await;
        browser.sees("h1", "Log in").await;
        browser.fill("#email", "anna@example.com").await;
        browser.fill("#password", PASSWORD).await;
        browser.click("button.main").await;
    };
    // The script asks at once.
    log_in().await;
    browser.sees("h1", "Overview").await;
    // Without the authenticator there is the page, and a way on.
    authenticator.remove().await;
    log_in().await;
    browser.sees("h1", "Use your passkey").await;
    look(&browser, axe.as_ref(), "admin-login-passkey").await;
    browser.click("form.again button").await;
    browser.sees("h1", "Enter your code").await;
    browser.sees("main", "recovery codes").await;
}

#[tokio::test]
async fn a_pass_lets_a_person_begin_and_a_remembered_browser_is_not_asked_again() {
    let test = "a_pass_lets_a_person_begin_and_a_remembered_browser_is_not_asked_again";
    if skipped(test) || needs(test, "oathtool") {
        return;
    }
    let axe = axe(test);
    let site = FactorSite::start().await;
    site.set_policy(&site.apps, json!({"remembered_days": 30, "pass_signs_in": true})).await;
    let browser = site.browser(BrowserSettings::default()).await;

    // Without the first factor, only a pass lets a person in who holds nothing.
    browser.open(&site.begin(json!({"page": "factors", "first_factor": false})).await.url).await;
    browser.sees("[role=alert]", "You can’t add a method here.").await;
    browser.click(".more a").await;
    browser.sees("h1", "Enter your temporary pass").await;
    look(&browser, axe.as_ref(), "pass").await;
    let pass = site.pass().await;
    browser.keys(&format!("0000 0000 0000 0000{ENTER}")).await;
    browser.sees("[role=alert]", "This pass isn’t valid.").await;
    look(&browser, axe.as_ref(), "pass-wrong").await;
    browser.keys(&format!("123{ENTER}")).await;
    browser.sees("[role=alert]", "Enter all 16 letters and digits of the pass.").await;
    browser.keys(&format!("{}{ENTER}", pass.to_lowercase())).await;
    browser.sees("h1", "Your sign-in methods").await;
    let secret = add_app(&site, &browser).await;
    browser.sees("#held", "Rename").await;

    // A pass signs in once, at the lowest level of assurance.
    let pass = site.pass().await;
    let begun = site.open_sign_in(&browser).await;
    browser.click(".more a").await;
    browser.sees("h1", "Enter your temporary pass").await;
    browser.keys(&format!("{pass}{ENTER}")).await;
    let result = site.redeem(&browser, &begun).await;
    assert_eq!((&result["amr"], &result["assurance"]["aal"]), (&json!(["otp"]), &json!("aal1")));
    site.open_sign_in(&browser).await;
    browser.click(".more a").await;
    browser.sees("h1", "Enter your temporary pass").await;
    browser.keys(&format!("{pass}{ENTER}")).await;
    browser.sees("[role=alert]", "This pass isn’t valid.").await;

    // The person asks not to be asked again, and is not.
    site.advance(30);
    let begun = site.open_sign_in(&browser).await;
    browser.click("button.main").await;
    browser.sees(".remember", "Don’t ask again in this browser for 30 days").await;
    look(&browser, axe.as_ref(), "sign-in-remember").await;
    browser.fill("#code", &site.totp(&secret)).await;
    browser.click("[name=remember]").await;
    browser.click("button.main").await;
    assert_eq!(site.redeem(&browser, &begun).await["amr"], json!(["otp"]));
    let begun = site.open_sign_in(&browser).await;
    browser.sees("#lead", "You chose not to be asked again in this browser.").await;
    look(&browser, axe.as_ref(), "sign-in-remembered").await;
    browser.click("button.main").await;
    let result = site.redeem(&browser, &begun).await;
    assert_eq!((&result["amr"], &result["assurance"]["remembered"]), (&json!([]), &json!(true)));

    // Changes need a factor all the same. The list shows the browser and what happened, in the person's own time.
    site.open_factors(&browser).await;
    browser.sees("main", "first confirm that it’s you").await;
    browser.click("button.main").await;
    browser.sees("h1", "Enter your code").await;
    assert!(!browser.text("main").await.contains("Don’t ask again"));
    site.advance(30);
    browser.keys(&format!("{}{ENTER}", site.totp(&secret))).await;
    browser.sees("main", "This browser").await;
    for text in ["Browser remembered", "Temporary pass used", "Authenticator app added", "Temporary pass issued"] {
        browser.sees("ul.events", text).await;
    }
    assert!(!browser.text("ul.events time").await.contains("UTC"));
    look(&browser, axe.as_ref(), "factors-browsers").await;
    browser.pictures("factors-browsers").await;
    browser.click("form[action$='/forget'] button").await;
    browser.sees("[role=status]", "You’ll be asked to confirm again.").await;
    site.open_sign_in(&browser).await;
    browser.sees("main", "Confirm with:").await;
}

#[tokio::test]
async fn a_passkey_names_its_person_and_one_that_changed_its_nature_is_refused() {
    let test = "a_passkey_names_its_person_and_one_that_changed_its_nature_is_refused";
    if skipped(test) || needs(test, "oathtool") {
        return;
    }
    let axe = axe(test);
    let site = FactorSite::start().await;
    site.set_policy(&site.passkeys, json!({"passwordless": true})).await;
    let browser = site.browser(BrowserSettings::default()).await;
    let authenticator = Authenticator::add(&browser, Properties::default()).await;

    // Nobody has a passkey yet: the name that was typed goes back to the application.
    let nobody = json!({"user": null, "user_name": null});
    browser.open(&site.begin(nobody.clone()).await.url).await;
    browser.sees("h1", "Sign in").await;
    assert_eq!(browser.focused("autocomplete").await, "username webauthn");
    look(&browser, axe.as_ref(), "passkey-first").await;
    browser.pictures("passkey-first").await;
    browser.keys(&format!("älice{ENTER}")).await;
    browser.sees("h1", "Back").await;
    let url = browser.url().await;
    assert!(url.contains("error=login_required&login_hint=%C3%A4lice") && !url.contains("handle"), "{url}");

    site.open_factors(&browser).await;
    add_passkey(&site, &browser, "Laptop").await;
    let secret = add_app(&site, &browser).await;
    let credential = authenticator.credentials().await.remove(0);
    let id = credential["credentialId"].as_str().unwrap().to_owned();
    assert_eq!(credential["isResidentCredential"], true);

    // The browser offers it in the field, and the passkey says who signs in.
    let begun = site.begin(nobody.clone()).await;
    browser.open(&begun.url).await;
    let result = site.redeem(&browser, &begun).await;
    assert_eq!((&result["user"], &result["acr"]), (&json!("alice"), &json!("phr")));
    assert_eq!((&result["assurance"]["aal"], &result["two_factor"]), (&json!("aal2"), &json!(site.passkeys)));

    // In a frame of a listed origin it works, in any other there is no page.
    site.set_top_origins(json!([site.shop])).await;
    for (top, listed) in [(site.shop.clone(), true), (site.shop.replace("www.shop.test", "evil.test"), false)] {
        let begun = site.begin(json!({})).await;
        let path = begun.url.strip_prefix(&site.url).unwrap().to_owned();
        browser.open(&format!("{top}/frame{path}")).await;
        browser.sees("h1", "Frame").await;
        browser.enter_frame("iframe").await;
        if listed {
            browser.sees("h1", "Confirm it’s you").await;
            browser.click("button.main").await;
            assert_eq!(site.redeem(&browser, &begun).await["two_factor"], site.passkeys);
        } else {
            let text = browser.run("return document.body.innerText", json!([])).await;
            assert!(!text.as_str().unwrap_or_default().contains("Confirm"), "{text}");
            assert_eq!(
                site.call("GET", &format!("/v1/sign-ins/{}", begun.id), json!(null)).await.expect(200)["status"],
                "pending"
            );
        }
        browser.leave_frame().await;
    }

    // A passkey that becomes copyable is accepted, with an observation. One that stops being copyable is suspended.
    authenticator.set_backup(&id, true, true).await;
    let begun = site.open_sign_in(&browser).await;
    browser.click("button.main").await;
    let result = site.redeem(&browser, &begun).await;
    assert_eq!((&result["amr"], &result["assurance"]["device_bound"]), (&json!(["swk", "user"]), &json!(false)));
    authenticator.set_backup(&id, false, false).await;
    refused(&site, &browser).await;
    suspended_and_removed(&site, &authenticator, &id).await;

    // A counter that does not increase: there is a copy.
    site.open_factors(&browser).await;
    browser.click("button.main").await;
    browser.sees("h1", "Enter your code").await;
    site.advance(30);
    browser.keys(&format!("{}{ENTER}", site.totp(&secret))).await;
    browser.sees("h1", "Your sign-in methods").await;
    add_passkey(&site, &browser, "Key").await;
    let early = authenticator.credentials().await.remove(0);
    let begun = site.open_sign_in(&browser).await;
    browser.click("button.main").await;
    site.redeem(&browser, &begun).await;
    authenticator.restore(&early).await;
    refused(&site, &browser).await;
    suspended_and_removed(&site, &authenticator, early["credentialId"].as_str().unwrap()).await;

    // Whatever a browser asks for: only passkeys whose policy says so let in somebody who is not known.
    let new = NewInstance::new("fido", "Second factors", json!({}));
    let other = site.admin().create_instance("shop", new).await.unwrap().id;
    site.admin().set_assignments("shop", &other, vec![Assignment::tenant("main")]).await.unwrap();
    let begun = site.begin(nobody).await;
    let sign_ins = site.engine.hosted_sign_ins();
    let VisitOutcome::Open(visit) = sign_ins.visit(begun.url.rsplit('/').next().unwrap(), None).await.unwrap() else {
        panic!("it is not open");
    };
    for two_factor in [&other, &site.apps] {
        let refused = sign_ins.start(&visit, two_factor, visit.step(), None, None, "en").await.unwrap_err();
        assert!(refused.is_no_instance_available(), "{refused}");
    }
}

/// Tries to sign in with the passkey of the browser.
async fn refused(site: &FactorSite, browser: &Chromium) {
    site.open_sign_in(browser).await;
    browser.click("button.main").await;
    browser.sees("[role=alert]", "This passkey wasn’t accepted.").await;
    // It is suspended, and another way is open.
    browser.sees("main", "Authenticator app").await;
    assert!(!browser.text("main").await.contains("Use your passkey"));
}

/// Looks whether the passkey is suspended, and removes it here and there.
async fn suspended_and_removed(site: &FactorSite, authenticator: &Authenticator<'_>, credential: &str) {
    let held = site.engine.factors("shop", "alice").await.unwrap();
    let passkeys: Vec<_> = held.iter().filter(|factor| factor.two_factor == site.passkeys).collect();
    assert_eq!(passkeys.iter().map(|factor| factor.status).collect::<Vec<_>>(), [FactorStatus::Suspended]);
    site.admin().remove_user_factor("shop", "alice", &passkeys[0].id, "suspended").await.unwrap();
    authenticator.forget(credential).await;
}
