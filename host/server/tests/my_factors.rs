//! The page of a person's own factors over HTTP, without scripts: an authenticator app and recovery codes.

use std::process::Command;

use crate::{common, site};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use site::{Begun, Browser, Page, RETURN_URL, Site};
use twofactor::admin::InstanceChange;
use twofactor::challenge::RateLimits;
use twofactor::clock::Clock as _;
use twofactor::{Assignment, Builder, NewInstance};

/// Returns a site that has the factors of these tests.
async fn start() -> Site {
    let factors = |builder: Builder| builder.bundled_provider("totp").unwrap().bundled_provider("recovery").unwrap();
    Site::with(|builder| factors(builder.rate_limits(RateLimits::none()))).await
}

/// Adds an instance of a type, assigned to the tenant `main`; returns its id.
async fn add(site: &Site, type_id: &str) -> String {
    let admin = site.admin();
    let instance = admin.create_instance("shop", NewInstance::new(type_id, type_id, json!({}))).await.unwrap();
    assert!(instance.valid, "{:?}", instance.problems);
    admin.set_assignments("shop", &instance.id, vec![Assignment::tenant("main")]).await.unwrap();
    instance.id
}

/// Returns a browser on the page of the factors of a user.
async fn open(site: &Site, more: Value) -> Browser {
    let mut body = json!({"page": "factors", "first_factor": true, "recipient": {}});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let browser = Browser::at(&site.begin(body).await.url);
    assert_eq!(browser.get("").await.status, 200);
    browser
}

fn totp(site: &Site, secret: &str) -> String {
    let now = site.clock.now().strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    let output =
        Command::new("oathtool").args(["--totp", "--base32", &secret.replace(' ', ""), "--now", &now]).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn skipped(test: &str) -> bool {
    let missing = Command::new("oathtool").arg("--version").output().is_err();
    if missing {
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), "SKIPPED {test}: oathtool is not installed");
    }
    missing
}

async fn enrol(browser: &Browser, two_factor: &str) -> Page {
    let page = browser.get("").await;
    let step = page.values("step").last().map(|step| (*step).to_owned()).unwrap_or_default();
    browser.post("/enrol", &[("two_factor", two_factor), ("step", &step)]).await.location();
    browser.get("").await
}

fn secret(page: &Page) -> String {
    let rest = page.html.split_once("<code class=\"key\"").unwrap().1.split_once('>').unwrap().1;
    rest.split('<').next().unwrap().to_owned()
}

async fn add_app(site: &Site, browser: &Browser, apps: &str) -> String {
    let secret = secret(&enrol(browser, apps).await);
    let code = totp(site, &secret);
    assert!(browser.post("/finish", &[("code", &code)]).await.location().contains("done=added"));
    secret
}

#[tokio::test]
async fn an_app_and_codes_are_added_without_scripts_and_every_page_is_small() {
    if skipped("an_app_and_codes_are_added_without_scripts_and_every_page_is_small") {
        return;
    }
    let site = start().await;
    let (apps, recovery) = (add(&site, "totp").await, add(&site, "recovery").await);
    let browser = open(&site, json!({})).await;
    let page = browser.get("").await;
    page.says(200, "Your sign-in methods");
    // Recovery codes are offered to those who have something to recover.
    assert!(page.html.contains("Add an authenticator app") && !page.html.contains("Create recovery codes"));
    let mut pages = vec![page];

    let page = enrol(&browser, &apps).await;
    for text in ["<svg", "otpauth://totp/", "Scan this code", "role=\"img\""] {
        page.says(200, text);
    }
    let key = secret(&page);
    // A reload shows the same secret, and nothing on it is cached.
    assert_eq!(secret(&browser.get("").await), key);
    assert_eq!(page.header("cache-control"), "no-store");
    pages.push(page);
    browser.post("/finish", &[("code", "000000")]).await.says(200, "Incorrect code.");
    browser.post("/finish", &[("code", "x")]).await.says(200, "Incorrect code.");
    let code = totp(&site, &key);
    let typed = format!("{} {}", &code[..3], &code[3..]);
    let done = browser.post("/finish", &[("code", &typed), ("label", "My phone")]).await;
    browser.get(&format!("?{}", done.location().split_once('?').unwrap().1)).await.says(200, "Added.");
    let page = browser.get("").await;
    page.says(200, "Authenticator app – My phone");
    assert!(!page.html.contains(&key.replace(' ', "")) && !page.html.contains(&key));
    pages.push(page);

    let page = enrol(&browser, &recovery).await;
    page.says(200, "Save your recovery codes");
    assert_eq!(page.html.matches("<li><code>").count(), 10);
    page.says(200, "download=\"recovery-codes.txt\"");
    pages.push(page);
    browser.post("/finish", &[]).await.location();
    let page = browser.get("").await;
    page.says(200, "10 codes left");
    assert!(!page.html.contains("<li><code>"));
    pages.push(page);
    // With scripts and styles.
    for page in &pages {
        let mut bytes = page.html.len();
        for file in page.html.split('"').filter(|text| text.starts_with("/sign-in-assets/")) {
            bytes += Browser::at(&format!("{}{file}", site.url)).get("").await.html.len();
        }
        assert!(bytes < 60_000, "{bytes} bytes: {}", page.html);
    }
    let left = browser.post("/leave", &[]).await;
    assert_eq!(left.location(), format!("{RETURN_URL}&state=st%26te"));
    browser.get("").await.says(410, "You’re done here");
}

#[tokio::test]
async fn whoever_holds_a_factor_must_use_it_before_anything_is_shown_or_changed() {
    if skipped("whoever_holds_a_factor_must_use_it_before_anything_is_shown_or_changed") {
        return;
    }
    let site = start().await;
    let (apps, recovery) = (add(&site, "totp").await, add(&site, "recovery").await);
    let browser = open(&site, json!({})).await;
    let key = add_app(&site, &browser, &apps).await;
    let factor = browser.get("").await.values("factor")[0].to_owned();

    let other = open(&site, json!({"recipient": {"phone": site::PHONE}})).await;
    let page = other.get("").await;
    page.says(200, "first confirm that it’s you");
    // A code that is sent to a phone is weaker than the factor: it is not offered.
    assert!(!page.html.contains("Text message") && !page.html.contains("My phone") && !page.html.contains(&factor));
    for (path, form) in [
        ("/enrol", [("two_factor", &*apps), ("step", "0")]),
        ("/enrol", [("two_factor", &*recovery), ("step", "0")]),
        ("/rename", [("factor", &*factor), ("label", "Mine")]),
        ("/remove", [("factor", &*factor), ("x", "")]),
        ("/finish", [("code", "123456"), ("x", "")]),
    ] {
        other.post(path, &form).await;
        other.get("").await.says(200, "first confirm that it’s you");
    }
    let held = site.engine.factors("shop", "alice").await.unwrap();
    assert_eq!((held.len(), held[0].label.as_deref()), (1, None));

    // Used here, it permits changes for ten minutes.
    site.advance(30);
    let page = other.get("").await;
    other.post("/start", &page.start()).await.location();
    other.get("").await.says(200, "Open your authenticator app");
    other.post("/answer", &[("code", &totp(&site, &key))]).await.location();
    other.post("/rename", &[("factor", &factor), ("label", "Mine")]).await.location();
    other.get("").await.says(200, "Authenticator app – Mine");
    site.advance(600);
    other.post("/remove", &[("factor", &factor)]).await;
    assert_eq!(site.engine.factors("shop", "alice").await.unwrap().len(), 1);
    other.get("").await.says(200, "first confirm that it’s you");
}

#[tokio::test]
async fn without_the_first_factor_a_first_one_is_not_added() {
    let site = start().await;
    let apps = add(&site, "totp").await;
    let browser = open(&site, json!({"first_factor": false})).await;
    let page = browser.get("").await;
    page.says(200, "You can’t add a method here.");
    browser.post("/enrol", &[("two_factor", &apps), ("step", "0")]).await;
    assert!(site.engine.factors("shop", "alice").await.unwrap().is_empty());
}

/// Otherwise somebody who knew the password could keep a link until the user is reset, and add the first factor then.
#[tokio::test]
async fn a_link_that_rests_on_the_first_factor_adds_nothing_after_a_reset() {
    if skipped("a_link_that_rests_on_the_first_factor_adds_nothing_after_a_reset") {
        return;
    }
    let site = start().await;
    let apps = add(&site, "totp").await;
    let owner = open(&site, json!({})).await;
    add_app(&site, &owner, &apps).await;
    let thief = open(&site, json!({})).await;
    site.admin().reset_factors("shop", "alice", "phone stolen").await.unwrap();
    thief.get("").await.says(200, "You can’t add a method here.");
    thief.post("/enrol", &[("two_factor", &apps), ("step", "0")]).await;
    assert!(!thief.get("").await.html.contains("<code class=\"key\""));
    // A link that is made now serves as the first one did.
    add_app(&site, &open(&site, json!({})).await, &apps).await;
    assert_eq!(site.engine.factors("shop", "alice").await.unwrap().len(), 1);
}

/// Otherwise whoever had taken over the account, and had a link made that names an own address, could wait for the reset and add the first
/// factor with a code that goes there.
#[tokio::test]
async fn a_link_that_names_an_address_adds_nothing_after_a_reset_with_a_code_that_goes_there() {
    if skipped("a_link_that_names_an_address_adds_nothing_after_a_reset_with_a_code_that_goes_there") {
        return;
    }
    const OF_THIEF: &str = "+41797654321";
    let site = start().await;
    let apps = add(&site, "totp").await;
    let sms = site.admin().instances("shop").await.unwrap().into_iter().find(|one| one.type_id == "ecall").unwrap().id;
    let owner = open(&site, json!({})).await;
    add_app(&site, &owner, &apps).await;
    for first_factor in [true, false] {
        let thief = open(&site, json!({"first_factor": first_factor, "recipient": {"phone": OF_THIEF}})).await;
        site.admin().reset_factors("shop", "alice", "account taken over").await.unwrap();
        thief.get("").await.says(200, "You can’t add a method here.");
        // Nor with a code that the page does not offer.
        thief.post("/start", &[("two_factor", &sms), ("step", "0")]).await;
        thief.answer(&site.ecall.code_to(OF_THIEF)).await;
        thief.get("").await.says(200, "You can’t add a method here.");
        for step in ["0", "1", "2", "3"] {
            thief.post("/enrol", &[("two_factor", &apps), ("step", step)]).await;
        }
        assert!(!thief.get("").await.html.contains("<code class=\"key\""));
        assert!(site.engine.factors("shop", "alice").await.unwrap().is_empty());
    }
    // With a link that is made now, a code is enough as before.
    let owner = open(&site, json!({"first_factor": false, "recipient": {"phone": site::PHONE}})).await;
    let page = owner.get("").await;
    owner.post("/start", &page.start()).await.location();
    owner.answer(&site.ecall.code_to(site::PHONE)).await.location();
    add_app(&site, &owner, &apps).await;
    assert_eq!(site.engine.factors("shop", "alice").await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_form_of_another_site_or_browser_changes_nothing() {
    if skipped("a_form_of_another_site_or_browser_changes_nothing") {
        return;
    }
    let site = start().await;
    let (apps, _) = (add(&site, "totp").await, add(&site, "recovery").await);
    let begun = site.begin(json!({"page": "factors", "first_factor": true, "recipient": {}})).await;
    let browser = Browser::at(&begun.url);
    browser.get("").await;
    add_app(&site, &browser, &apps).await;
    let factor = browser.get("").await.values("factor")[0].to_owned();
    let forged = Browser::at(&begun.url).saying("sec-fetch-site", "cross-site");
    *forged.cookie.lock().unwrap() = browser.cookie.lock().unwrap().clone();
    let stranger = Browser::at(&begun.url);
    for path in ["/enrol", "/finish", "/drop", "/rename", "/remove", "/leave", "/proceed"] {
        let form = [("factor", &*factor), ("two_factor", &*apps), ("label", "x")];
        forged.post_alone(path, &form).await.says(403, "Request blocked");
        stranger.post_alone(path, &form).await.says(403, "This link is open in another browser");
        // A reload of what was a form is the page.
        assert_eq!(browser.get(path).await.status, 303);
    }
    let held = site.engine.factors("shop", "alice").await.unwrap();
    assert_eq!((held.len(), held[0].label.as_deref()), (1, None));
    browser.get("").await.says(200, "Your sign-in methods");
}

#[tokio::test]
async fn the_last_recovery_codes_lead_to_the_offer_of_new_ones() {
    if skipped("the_last_recovery_codes_lead_to_the_offer_of_new_ones") {
        return;
    }
    let site = start().await;
    let (apps, recovery) = (add(&site, "totp").await, add(&site, "recovery").await);
    let browser = open(&site, json!({})).await;
    add_app(&site, &browser, &apps).await;
    let page = enrol(&browser, &recovery).await;
    let codes: Vec<String> =
        page.html.split("<li><code>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()).collect();
    browser.post("/finish", &[]).await.location();
    for (used, code) in codes.iter().take(7).enumerate() {
        let begun = site.begin(json!({"recipient": {}})).await;
        let browser = Browser::at(&begun.url);
        let page = browser.get("").await;
        let step = page.values("step")[0].to_owned();
        browser.post("/start", &[("two_factor", &recovery), ("step", &step)]).await.location();
        browser.get("").await.says(200, "Enter a recovery code");
        let answered = browser.post("/answer", &[("code", code)]).await;
        if used < 6 {
            let handle = answered.brings("handle").unwrap();
            site.redeem(&begun, &handle).await.expect(200);
            continue;
        }
        // Three are left.
        assert!(answered.location().starts_with("/sign-in/"), "{}", answered.location());
        assert_eq!(site.report(&begun).await["status"], "pending");
        let page = browser.get("").await;
        page.says(200, "You have 3 recovery codes left.");
        page.says(200, "Not now");
        // Nothing but codes is added within a sign-in.
        browser.post("/enrol", &[("two_factor", &apps), ("step", page.values("step")[0])]).await;
        browser.get("").await.says(200, "Not now");
        enrol(&browser, &recovery).await.says(200, "your earlier codes stop working");
        browser.post("/finish", &[]).await.location();
        let page = browser.get("").await;
        assert!(!page.html.contains("Not now"));
        let handle = browser.post("/proceed", &[]).await.brings("handle").unwrap();
        let result = site.redeem(&begun, &handle).await.expect(200);
        assert_eq!((&result["two_factor"], &result["amr"]), (&json!(recovery), &json!(["otp"])));
    }
    // The old ones are gone.
    let begun = site.begin(json!({"recipient": {}})).await;
    let browser = Browser::at(&begun.url);
    let step = browser.get("").await.values("step")[0].to_owned();
    browser.post("/start", &[("two_factor", &recovery), ("step", &step)]).await.location();
    browser.post("/answer", &[("code", &codes[9])]).await.says(200, "Incorrect code.");
    assert_eq!(site.engine.factors("shop", "alice").await.unwrap().len(), 2);
}

#[tokio::test]
async fn the_page_is_there_in_four_languages() {
    let site = start().await;
    add(&site, "totp").await;
    for (language, title) in [
        ("en", "Your sign-in methods"),
        ("de", "Ihre Anmeldemethoden"),
        ("fr", "Vos méthodes de connexion"),
        ("it", "I Suoi metodi di accesso"),
    ] {
        open(&site, json!({"user": language})).await.get(&format!("?lang={language}")).await.says(200, title);
    }
}

/// Lets browsers be remembered in which an instance was used.
async fn remember(site: &Site, two_factor: &str, days: u32) {
    let policy = Some(Some(json!({"remembered_days": days})));
    let change = InstanceChange { policy, ..InstanceChange::default() };
    site.admin().update_instance("shop", two_factor, change, None).await.unwrap();
}

/// Signs in with the app in a browser; returns the result.
async fn sign_in(site: &Site, browser: &Browser, begun: &Begun, form: &[(&str, &str)]) -> Value {
    let page = browser.get("").await;
    browser.post("/start", &page.start()).await.location();
    let handle = browser.post("/answer", form).await.brings("handle").unwrap();
    site.redeem(begun, &handle).await.expect(200)
}

#[tokio::test]
async fn a_remembered_browser_is_recognized_at_ordinary_sign_ins_and_the_person_forgets_it() {
    if skipped("a_remembered_browser_is_recognized_at_ordinary_sign_ins_and_the_person_forgets_it") {
        return;
    }
    let site = start().await;
    let apps = add(&site, "totp").await;
    let browser = open(&site, json!({})).await.saying("user-agent", "Mozilla/5.0 (X11; Linux) Firefox/140.0");
    let key = add_app(&site, &browser, &apps).await;
    let next = async |more: Value| {
        site.advance(30);
        let mut body = json!({"recipient": {}});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let begun = site.begin(body).await;
        (browser.tab(&begun.url).saying("user-agent", "Mozilla/5.0 (X11; Linux) Firefox/140.0"), begun)
    };
    let asked = "Open your authenticator app";
    let question = "Don’t ask again in this browser";

    // Off by default: there is no question, and whoever sends an answer to it all the same gets nothing.
    let (tab, begun) = next(json!({})).await;
    let result = sign_in(&site, &tab, &begun, &[("code", &totp(&site, &key)), ("remember", "yes")]).await;
    assert_eq!((&result["amr"], &result["assurance"]["remembered"]), (&json!(["otp"]), &json!(false)));
    assert!(site.engine.remembered_browsers().list("shop", "alice").await.unwrap().is_empty());

    remember(&site, &apps, 30).await;
    let (tab, begun) = next(json!({})).await;
    let page = tab.get("").await;
    tab.post("/start", &page.start()).await.location();
    tab.get("").await.says(200, "Don’t ask again in this browser for 30 days");
    let answered = tab.post_alone("/answer", &[("code", &totp(&site, &key)), ("remember", "yes")]).await;
    let cookie = answered.header("set-cookie").to_owned();
    for part in ["twofactor-remembered-", "=tfr_", "; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("alice"));
    let result = site.redeem(&begun, &answered.brings("handle").unwrap()).await.expect(200);
    assert_eq!(result["amr"], json!(["otp"]));

    // The next sign-in asks for no factor, and says so. Nothing happens before the person goes on.
    let (tab, begun) = next(json!({})).await;
    let page = tab.get("").await;
    page.says(200, "You chose not to be asked again in this browser.");
    page.says(200, "What you’re confirming");
    assert_eq!(site.report(&begun).await["status"], "pending");
    let forged = tab.tab(&begun.url).saying("sec-fetch-site", "cross-site");
    forged.post_alone("/remembered", &[]).await.says(403, "Request blocked");
    let handle = tab.post("/remembered", &[]).await.brings("handle").unwrap();
    let result = site.redeem(&begun, &handle).await.expect(200);
    assert_eq!((&result["amr"], &result["two_factor"], &result["user"]), (&json!([]), &json!(apps), &json!("alice")));
    let assurance = json!({"aal": "aal1", "phishing_resistant": false, "user_verified": false, "device_bound": false,
        "attested": false, "remembered": true});
    assert_eq!(result["assurance"], assurance);
    assert!(result.get("acr").is_none());
    let claims = result["result"].as_str().unwrap().split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    assert_eq!((&claims["amr"], &claims["assurance"]), (&json!([]), &assurance));

    // Another way is still open.
    let (tab, _) = next(json!({})).await;
    tab.get("").await.says(200, "Try another way");
    let page = tab.get("/choose").await;
    tab.post("/start", &page.start()).await.location();
    tab.get("").await.says(200, asked);

    // Nobody else is recognized, and neither is whoever must confirm something else.
    let purposes = [json!({"purpose": "payment"}), json!({"page": "factors", "first_factor": true})];
    for more in purposes.into_iter().chain([json!({"user": "bob", "recipient": {"phone": site::PHONE}})]) {
        let (tab, begun) = next(more.clone()).await;
        let page = tab.get("").await;
        assert!(page.status == 200 && !page.html.contains("You chose not to be asked"), "{more} {}", page.html);
        tab.post("/remembered", &[]).await;
        assert_eq!(site.report(&begun).await["status"], "pending", "{more}");
    }
    let (tab, _) = next(json!({"purpose": "payment"})).await;
    let page = tab.get("").await;
    tab.post("/start", &page.start()).await.location();
    let page = tab.get("").await;
    assert!(page.html.contains(asked) && !page.html.contains(question));

    // The person sees it and forgets it.
    let (tab, _) = next(json!({"page": "factors", "first_factor": true})).await;
    let page = tab.get("").await;
    tab.post("/forget", &[]).await;
    assert_eq!(site.engine.remembered_browsers().list("shop", "alice").await.unwrap().len(), 1);
    tab.post("/start", &page.start()).await.location();
    tab.post("/answer", &[("code", &totp(&site, &key))]).await.location();
    let page = tab.get("").await;
    for text in ["Remembered browsers", "Firefox, Linux", "This browser", "Recent activity", "Browser remembered"] {
        page.says(200, text);
    }
    page.says(200, "Authenticator app added");
    page.says(200, " UTC</time>");
    for (language, texts) in [
        ("de", ["Gespeicherte Browser", "Letzte Aktivitäten", "Browser gespeichert", "Authenticator-App hinzugefügt"]),
        (
            "fr",
            [
                "Navigateurs mémorisés",
                "Activité récente",
                "Navigateur mémorisé",
                "Ajout\u{a0}: Application d’authentification",
            ],
        ),
        ("it", ["Browser memorizzati", "Attività recente", "Browser memorizzato", "Aggiunta: App di autenticazione"]),
    ] {
        let page = tab.get(&format!("?lang={language}")).await;
        texts.iter().for_each(|text| page.says(200, text));
    }
    let device = page.values("browser")[0].to_owned();
    tab.post("/forget", &[("browser", "unknown")]).await.location();
    assert!(tab.post("/forget", &[("browser", &device)]).await.location().contains("done=forgotten"));
    let page = tab.get("?done=forgotten").await;
    page.says(200, "You’ll be asked to confirm again.");
    assert!(!page.html.contains("Remembered browsers") && page.html.contains("Browser forgotten"));
    let (tab, begun) = next(json!({})).await;
    assert!(!tab.get("").await.html.contains("You chose not to be asked"));
    tab.post("/remembered", &[]).await.location();
    assert_eq!(site.report(&begun).await["status"], "pending");
}

#[tokio::test]
async fn a_remembered_browser_is_forgotten_with_any_change_of_factors() {
    if skipped("a_remembered_browser_is_forgotten_with_any_change_of_factors") {
        return;
    }
    let site = start().await;
    let (apps, recovery) = (add(&site, "totp").await, add(&site, "recovery").await);
    let owner = open(&site, json!({})).await;
    let key = add_app(&site, &owner, &apps).await;
    remember(&site, &apps, 1).await;
    site.advance(30);
    let begun = site.begin(json!({"recipient": {}})).await;
    let browser = Browser::at(&begun.url);
    let form = [("code", &*totp(&site, &key)), ("remember", "yes")];
    sign_in(&site, &browser, &begun, &form).await;
    let recognized = async || {
        let begun = site.begin(json!({"recipient": {}})).await;
        browser.tab(&begun.url).get("").await.html.contains("You chose not to be asked")
    };
    assert!(recognized().await);
    enrol(&owner, &recovery).await;
    owner.post("/finish", &[]).await.location();
    assert!(!recognized().await);
}

#[tokio::test]
async fn a_sign_in_without_a_user_needs_passkeys_whose_policy_allows_it() {
    let site = start().await;
    add(&site, "totp").await;
    for page in ["sign-in", "factors"] {
        let body = json!({"tenant": "main", "recipient": {"phone": site::PHONE}, "return_url": RETURN_URL, "state": "s",
            "page": page, "first_factor": true});
        let refused = site.call("POST", "/v1/sign-ins", body).await.problem(400, "invalid-input");
        assert_eq!(refused["errors"][0]["pointer"], "/user", "{refused}");
    }
}

/// Sets the policy of an instance.
async fn set_policy(site: &Site, two_factor: &str, policy: Value) {
    let change = InstanceChange { policy: Some(Some(policy)), ..InstanceChange::default() };
    site.admin().update_instance("shop", two_factor, change, None).await.unwrap();
}

/// Enters the code that was sent by SMS; returns where that leads.
async fn enter_code(site: &Site, browser: &Browser) -> String {
    browser.answer(&site.ecall.code()).await.location().to_owned()
}

const OFFER: &str = "Add a sign-in method?";

#[tokio::test]
async fn a_first_factor_is_offered_within_a_sign_in_whose_result_says_only_what_was_proved() {
    if skipped("a_first_factor_is_offered_within_a_sign_in_whose_result_says_only_what_was_proved") {
        return;
    }
    let site = start().await;
    let (apps, _recovery) = (add(&site, "totp").await, add(&site, "recovery").await);
    let ends = async |more: Value| {
        let (begun, browser) = site.at_code_for(more).await;
        let ended = enter_code(&site, &browser).await.starts_with(RETURN_URL);
        assert_eq!(site.report(&begun).await["status"], if ended { "ended" } else { "pending" });
        ended
    };
    assert!(ends(json!({})).await, "off by default");
    set_policy(&site, &apps, json!({"enrol_in_sign_in": true, "first_enrolment": "pass"})).await;
    assert!(ends(json!({})).await, "a code is not a pass");
    set_policy(&site, &apps, json!({"enrol_in_sign_in": true})).await;
    assert!(ends(json!({"purpose": "payment"})).await, "a code for something else proves no change");

    // Not now.
    let (begun, browser) = site.at_code().await;
    assert!(enter_code(&site, &browser).await.starts_with("/sign-in/"));
    let page = browser.get("").await;
    for text in [OFFER, "Add an authenticator app", "Not now"] {
        page.says(200, text);
    }
    assert!(!page.html.contains("Create recovery codes") && !page.html.contains("Use your passkey"));
    for (language, title) in [
        ("de", "Anmeldemethode hinzufügen?"),
        ("fr", "Ajouter une méthode de connexion\u{202f}?"),
        ("it", "Aggiungere un metodo di accesso?"),
    ] {
        browser.get(&format!("?lang={language}")).await.says(200, title);
    }
    let handle = browser.post("/proceed", &[]).await.brings("handle").unwrap();
    let plain = site.redeem(&begun, &handle).await.expect(200);

    // The person begins, gives up, begins again, and adds an app. Recovery codes come with it.
    let (begun, browser) = site.at_code().await;
    enter_code(&site, &browser).await;
    let first = secret(&enrol(&browser, &apps).await);
    browser.post("/drop", &[]).await.location();
    browser.get("").await.says(200, OFFER);
    let key = secret(&enrol(&browser, &apps).await);
    assert_ne!(first, key);
    browser.post("/finish", &[("code", &*common::wrong(&totp(&site, &key)))]).await.says(200, "Incorrect code.");
    assert!(browser.post("/finish", &[("code", &totp(&site, &key))]).await.location().contains("done=added"));
    let page = browser.get("?done=added").await;
    for text in ["Added.", "Save your recovery codes"] {
        page.says(200, text);
    }
    assert_eq!(page.html.matches("<li><code>").count(), 10);
    assert_eq!(site.report(&begun).await["status"], "pending");
    assert!(browser.post("/finish", &[]).await.location().contains("done=codes"));
    let page = browser.get("?done=codes").await;
    page.says(200, "Your recovery codes are active.");
    assert!(!page.html.contains("Not now") && !page.html.contains(OFFER));
    let handle = browser.post("/proceed", &[]).await.brings("handle").unwrap();
    let result = site.redeem(&begun, &handle).await.expect(200);
    for member in ["two_factor", "amr", "acr", "assurance", "user"] {
        assert_eq!(result.get(member), plain.get(member), "{member}");
    }
    let held = site.engine.factors("shop", "alice").await.unwrap();
    let mut held: Vec<_> = held.iter().map(|one| &*one.type_id).collect();
    held.sort_unstable();
    assert_eq!(held, ["recovery", "totp"]);

    // Whoever holds a factor is offered none, whatever was used.
    let begun = site.begin(json!({})).await;
    let browser = Browser::at(&begun.url);
    let page = browser.get("").await;
    let sms = site.admin().instances("shop").await.unwrap().into_iter().find(|one| one.type_id == "ecall").unwrap().id;
    browser.post("/start", &[("two_factor", &sms), ("step", page.values("step")[0])]).await.location();
    assert!(enter_code(&site, &browser).await.starts_with(RETURN_URL));
}

#[tokio::test]
async fn without_recovery_codes_a_first_factor_is_kept_and_the_code_adds_one_only() {
    if skipped("without_recovery_codes_a_first_factor_is_kept_and_the_code_adds_one_only") {
        return;
    }
    let site = start().await;
    let (apps, _) = (add(&site, "totp").await, add(&site, "recovery").await);
    let more = add(&site, "totp").await;
    for two_factor in [&apps, &more] {
        set_policy(&site, two_factor, json!({"enrol_in_sign_in": true, "remembered_days": 30})).await;
    }
    let (begun, browser) = site.at_code().await;
    enter_code(&site, &browser).await;
    // Two enrolments are open at once; only one of them ends with a factor.
    enrol(&browser, &apps).await;
    browser.post("/drop", &[]).await.location();
    let key = secret(&enrol(&browser, &more).await);
    browser.post("/finish", &[("code", &totp(&site, &key))]).await.location();
    browser.get("").await.says(200, "Save your recovery codes");
    browser.post("/drop", &[]).await.location();
    let page = browser.get("").await;
    for text in ["Create recovery codes", "Not now"] {
        page.says(200, text);
    }
    assert!(!page.html.contains("Add an authenticator app"));
    browser.post("/enrol", &[("two_factor", &apps), ("step", page.values("step")[0])]).await;
    let handle = browser.post("/proceed", &[]).await.brings("handle").unwrap();
    assert_eq!(site.redeem(&begun, &handle).await.expect(200)["amr"], json!(["otp", "sms"]));
    let held = site.engine.factors("shop", "alice").await.unwrap();
    assert_eq!(held.iter().map(|one| &*one.two_factor).collect::<Vec<_>>(), [&*more]);
}

#[tokio::test]
async fn a_reset_ends_what_a_sign_in_offered() {
    let site = start().await;
    let apps = add(&site, "totp").await;
    let sms = site.admin().instances("shop").await.unwrap().into_iter().find(|one| one.type_id == "ecall").unwrap().id;
    set_policy(&site, &sms, json!({"pass_signs_in": true})).await;
    set_policy(&site, &apps, json!({"enrol_in_sign_in": true, "first_enrolment": "pass"})).await;
    for newer in [true, false] {
        let begun = site.begin(json!({})).await;
        let browser = Browser::at(&begun.url);
        browser.get("").await;
        let pass = issue_pass(&site).await;
        assert!(browser.post_alone("/pass", &[("pass", &pass)]).await.location().starts_with("/sign-in/"));
        browser.get("").await.says(200, OFFER);
        let key = secret(&enrol(&browser, &apps).await);
        match newer {
            true => drop(issue_pass(&site).await),
            false => drop(site.admin().reset_factors("shop", "alice", "stolen").await.unwrap()),
        }
        // What rests on the pass has ended in the same transaction: the enrolment, and the sign-in.
        browser.post("/finish", &[("code", &totp(&site, &key))]).await;
        assert!(!browser.get("").await.html.contains(OFFER));
        browser.post("/enrol", &[("two_factor", &apps), ("step", "9")]).await;
        assert!(!browser.post_alone("/proceed", &[]).await.location().contains("handle="));
        assert!(site.engine.factors("shop", "alice").await.unwrap().is_empty());
        assert_eq!(site.report(&begun).await["status"], "pending");
    }
}

async fn issue_pass(site: &Site) -> String {
    site.admin().issue_pass("shop", "alice", None, "lost phone").await.unwrap().pass.expose().to_owned()
}

#[tokio::test]
async fn a_pass_permits_to_add_factors_and_to_change_none_until_it_is_replaced_or_the_user_is_reset() {
    if skipped("a_pass_permits_to_add_factors_and_to_change_none_until_it_is_replaced_or_the_user_is_reset") {
        return;
    }
    let site = start().await;
    let apps = add(&site, "totp").await;
    let owner = open(&site, json!({})).await;
    add_app(&site, &owner, &apps).await;
    let factor = owner.get("").await.values("factor")[0].to_owned();

    // The phone is lost: the person has a pass instead.
    let browser = open(&site, json!({})).await;
    browser.get("").await.says(200, "I have a temporary pass");
    browser.get("/pass").await.says(200, "Enter your temporary pass");
    let wrong = async |pass: &str, why: &str| {
        let page = browser.post_alone("/pass", &[("pass", pass)]).await;
        let (path, query) = page.location().split_once('?').unwrap();
        assert!(path.ends_with("/pass"), "{path}");
        browser.get(&format!("/pass?{query}")).await.says(200, why);
    };
    wrong("0000-0000-0000-0000", "This pass isn’t valid.").await;
    wrong("123456", "Enter all 16 letters and digits").await;
    let first = issue_pass(&site).await;
    let pass = issue_pass(&site).await;
    wrong(&first, "This pass isn’t valid.").await;
    browser.post_alone("/pass", &[("pass", &pass)]).await.location();
    let page = browser.get("").await;
    page.says(200, "Your sign-in methods");
    assert!(!page.html.contains("Rename") && !page.html.contains("I have a temporary pass"));
    browser.post("/rename", &[("factor", &factor), ("label", "Mine")]).await;
    browser.post("/remove", &[("factor", &factor)]).await;
    let held = site.engine.factors("shop", "alice").await.unwrap();
    assert_eq!((held.len(), held[0].label.as_deref()), (1, None));
    let other = open(&site, json!({})).await;
    other.post_alone("/pass", &[("pass", &pass)]).await;
    other.get("").await.says(200, "first confirm that it’s you");

    // An administrator who issues another one, or resets the user, ends that.
    for reset in [false, true] {
        let browser = open(&site, json!({"first_factor": false})).await;
        let pass = issue_pass(&site).await;
        browser.post_alone("/pass", &[("pass", &pass)]).await.location();
        browser.get("").await.says(200, "Your sign-in methods");
        match reset {
            false => drop(issue_pass(&site).await),
            true => drop(site.admin().reset_factors("shop", "alice", "stolen").await.unwrap()),
        }
        let page = browser.get("").await;
        page.says(200, if reset { "You can’t add a method here." } else { "first confirm that it’s you" });
    }
    // The pass of a sign-in is not accepted where no policy says so.
    let begun = site.begin(json!({"recipient": {"phone": site::PHONE}})).await;
    let browser = Browser::at(&begun.url);
    assert!(!browser.get("").await.html.contains("temporary pass"));
    browser.post_alone("/pass", &[("pass", &issue_pass(&site).await)]).await;
    assert_eq!(site.report(&begun).await["status"], "pending");
}
