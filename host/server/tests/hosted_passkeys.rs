//! Passkeys on the hosted pages over HTTP. An authenticator in software takes the place of the browser's.

use crate::{factors, site};
use factors::{ORIGIN, Stage};
use serde_json::{Value, json};
use site::{Browser, Page};
use twofactor_tests::held_factors::passkeys::{Algorithm, Authenticator};

/// Returns an authenticator whose passkey cannot be copied.
fn authenticator(seed: &str) -> Authenticator {
    Authenticator::new(Algorithm::Es256, seed)
}

/// Adds a passkey of Alice over REST. Returns its id.
async fn add_passkey(stage: &Stage, proof: Value, device: &Authenticator) -> String {
    let begun = stage.begin("alice", &stage.fido, json!({"proof": proof})).await.expect(201);
    let credential: Value = serde_json::from_str(&device.create(&begun["public"], ORIGIN).answer(device)).unwrap();
    let added = stage.finish(&begun, json!({"credential": credential})).await.expect(201);
    added["factor"]["id"].as_str().unwrap().to_owned()
}

/// Returns what a page gives to the browser in an attribute.
fn data(page: &Page, name: &str) -> Value {
    let rest = page.html.split_once(&format!("{name}=\"")).unwrap_or_else(|| panic!("no {name}: {}", page.html)).1;
    let text = rest.split('"').next().unwrap().replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">");
    serde_json::from_str(&text.replace("&amp;", "&")).unwrap()
}

/// Starts the only way to confirm, a passkey, and answers. Returns where that leads.
async fn confirm(browser: &Browser, device: &Authenticator) -> Page {
    let page = browser.get("").await;
    browser.post("/start", &page.start()).await.location();
    let asked = data(&browser.get("").await, "data-options");
    browser.post("/answer", &[("credential", &device.get(&asked, ORIGIN).answer(device))]).await
}

/// Begins to add a passkey on a page. Returns the page that asks the browser for it.
async fn begin_on_page(stage: &Stage, browser: &Browser) -> Page {
    let step = browser.get("").await.values("step")[0].to_owned();
    browser.post("/enrol", &[("two_factor", &stage.fido), ("step", &step)]).await.location();
    browser.get("").await
}

/// Adds a passkey on a page. Returns where that leads.
async fn add_on_page(stage: &Stage, browser: &Browser, device: &Authenticator) -> Page {
    let asked = data(&begin_on_page(stage, browser).await, "data-options");
    browser.post("/finish", &[("credential", &device.create(&asked, ORIGIN).answer(device))]).await
}

#[tokio::test]
async fn a_sign_in_that_nobody_can_satisfy_is_refused_as_a_challenge_is() {
    let stage = Stage::start().await;
    stage.app("alice", json!({})).await;
    let with = |mut body: Value, more: &Value| {
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let challenge = || json!({"tenant": "main", "user": "alice", "recipient": {"phone": site::PHONE}});
    let sign_in = || with(challenge(), &json!({"return_url": site::RETURN_URL, "state": "s"}));
    for (more, requirement) in [
        (json!({"acr": "phr"}), "phishing-resistant"),
        (json!({"acr": "phrh"}), "attested"),
        (json!({"acr": "aal3"}), "acr"),
        (json!({"required": "device-bound"}), "device-bound"),
        // Bob holds nothing, and could only get a code.
        (json!({"acr": "phr", "user": "bob"}), "phishing-resistant"),
    ] {
        let refused = stage.call("POST", "/v1/challenges", with(challenge(), &more)).await;
        let refused = refused.problem(422, "requirement-unmet");
        assert_eq!(refused["requirement"], requirement);
        let alike = stage.call("POST", "/v1/sign-ins", with(sign_in(), &more)).await;
        assert_eq!(alike.problem(422, "requirement-unmet"), refused);
    }
    let page = with(sign_in(), &json!({"page": "factors", "acr": "aal3"}));
    stage.call("POST", "/v1/sign-ins", page).await.problem(422, "requirement-unmet");
    // The same where only the policy requires more.
    for id in [&stage.fido, &stage.totp, &stage.recovery] {
        let path = format!("/v1/subscriptions/shop/two-factors/{id}");
        let policy = json!({"policy": {"required_factor": "device-bound"}});
        stage.call_as(&stage.admin, "PATCH", &path, policy).await.expect(200);
    }
    let nowhere = json!({"recipient": {}, "idp": "x", "tenant": null});
    let path = format!("/v1/subscriptions/shop/two-factors/{}/assignments", stage.fido);
    let assigned = stage.call_as(&stage.admin, "PUT", &path, json!([{"kind": "idp", "id": "x"}])).await;
    assert_eq!(assigned.status, 200, "{}", assigned.text);
    let refused = stage.call("POST", "/v1/challenges", with(challenge(), &nowhere)).await;
    let refused = refused.problem(422, "requirement-unmet");
    assert_eq!(refused["requirement"], "device-bound");
    let alike = stage.call("POST", "/v1/sign-ins", with(sign_in(), &nowhere)).await;
    assert_eq!(alike.problem(422, "requirement-unmet"), refused);
}

#[tokio::test]
async fn a_page_offers_only_what_satisfies_its_sign_in_and_says_if_nothing_does() {
    let stage = Stage::start().await;
    let app = stage.app("alice", json!({})).await;
    let device = authenticator("alice");
    let passkey = add_passkey(&stage, stage.proof("alice", &app).await, &device).await;
    let proof = stage.proof("alice", &app).await;
    let codes = stage.begin("alice", &stage.recovery, json!({"proof": proof})).await.expect(201);
    stage.finish(&codes, json!({})).await.expect(201);
    let others = ["Authenticator app", "Recovery code", "Text message"];
    let open = async |more: Value| {
        let begun = stage.site.begin(more).await;
        (Browser::at(&begun.url), begun)
    };

    let (browser, _) = open(json!({})).await;
    let page = browser.get("").await;
    page.says(200, "Use your passkey");
    others.iter().for_each(|other| page.says(200, other));
    let (browser, begun) = open(json!({"acr": "phr"})).await;
    let page = browser.get("").await;
    page.says(200, "Use your passkey");
    assert!(others.iter().all(|other| !page.html.contains(other)), "{}", page.html);
    let handle = confirm(&browser, &device).await.brings("handle").unwrap();
    assert_eq!(stage.site.redeem(&begun, &handle).await.expect(200)["acr"], "phr");

    let (browser, _) = open(json!({"required": "device-bound"})).await;
    let page = browser.get("").await;
    page.says(200, "Use your passkey");
    assert!(others.iter().all(|other| !page.html.contains(other)), "{}", page.html);
    // A stronger class counts as well.
    let more = json!({"tenant": "main", "user": "alice", "return_url": site::RETURN_URL, "state": "s",
        "required": "device-bound", "acr": "phrh"});
    let refused = stage.call("POST", "/v1/sign-ins", more).await.problem(422, "requirement-unmet");
    assert_eq!(refused["requirement"], "attested");

    // The passkey is suspended while the page is open.
    let (browser, _) = open(json!({"acr": "phr"})).await;
    assert_eq!(browser.get("").await.status, 200);
    stage.site.admin().suspend_factor("shop", "alice", &passkey, "lost").await.unwrap();
    for (language, text) in [
        ("en", "None of your sign-in methods meets the requirements here."),
        ("de", "Keine Ihrer Anmeldemethoden erfüllt die Anforderungen hier."),
        ("fr", "Aucune de vos méthodes de connexion ne remplit les exigences."),
        ("it", "Nessuno dei Suoi metodi di accesso soddisfa i requisiti."),
    ] {
        let page = browser.get(&format!("?lang={language}")).await;
        page.says(200, text);
        assert!(page.values("two_factor").is_empty(), "{}", page.html);
    }
    // On the page of the person's own factors, a temporary pass still helps.
    let (browser, _) = open(json!({"page": "factors", "acr": "phr"})).await;
    let page = browser.get("").await;
    page.says(200, "None of your sign-in methods meets the requirements here.");
    page.says(200, "I have a temporary pass");
    assert!(page.values("two_factor").is_empty(), "{}", page.html);
}

#[tokio::test]
async fn a_passkey_that_does_not_satisfy_the_policy_is_not_offered_and_a_code_does_not_replace_it_for_changes() {
    let stage = Stage::start().await;
    let app = stage.app("alice", json!({})).await;
    let proof = stage.proof("alice", &app).await;
    let path = format!("/v1/users/alice/factors/{}", app.factor);
    let device = authenticator("alice");
    add_passkey(&stage, proof, &device).await;
    let proof = stage.proof("alice", &app).await;
    stage.call("DELETE", &path, json!({"proof": proof})).await.expect(200);
    let policy = json!({"policy": {"required_factor": "attested"}});
    let path = format!("/v1/subscriptions/shop/two-factors/{}", stage.fido);
    stage.call_as(&stage.admin, "PATCH", &path, policy).await.expect(200);

    // A sign-in can be confirmed with a code.
    let page = Browser::at(&stage.site.begin(json!({})).await.url).get("").await;
    assert!(page.html.contains("Text message") && !page.html.contains("Use your passkey"), "{}", page.html);
    let page = Browser::at(&stage.site.begin(json!({"page": "factors", "first_factor": true})).await.url).get("").await;
    page.says(200, "None of your sign-in methods meets the requirements here.");
    assert!(!page.html.contains("Text message"), "{}", page.html);
}

#[tokio::test]
async fn what_is_added_on_a_page_must_satisfy_the_policy() {
    let stage = Stage::start().await;
    let policy = json!({"policy": {"required_factor": "attested"}});
    let path = format!("/v1/subscriptions/shop/two-factors/{}", stage.fido);
    stage.call_as(&stage.admin, "PATCH", &path, policy).await.expect(200);
    let browser = Browser::at(&stage.site.begin(json!({"page": "factors", "first_factor": true})).await.url);
    let page = begin_on_page(&stage, &browser).await;
    let asked = data(&page, "data-options");
    assert_eq!(asked["attestation"], "direct");
    let device = authenticator("alice");
    let credential = device.create(&asked, ORIGIN).answer(&device);
    let page = browser.post("/finish", &[("credential", &credential)]).await;
    page.says(200, "This one doesn’t meet the requirements here.");
    assert!(stage.site.engine.factors("shop", "alice").await.unwrap().is_empty());
}

#[tokio::test]
async fn the_browser_learns_of_a_removed_passkey_on_whatever_page_follows_and_not_after_another_change() {
    let stage = Stage::start().await;
    let body = json!({"page": "factors", "first_factor": true, "recipient": {}});
    let browser = Browser::at(&stage.site.begin(body.clone()).await.url);
    let device = authenticator("alice");
    assert!(add_on_page(&stage, &browser, &device).await.location().contains("done=added"));
    let page = browser.get("").await;
    assert!(!page.html.contains("data-signals"), "{}", page.html);
    let passkey = page.values("factor")[0].to_owned();
    browser.post("/remove", &[("factor", &passkey)]).await.location();
    // It was the only factor.
    let page = browser.get("").await;
    page.says(200, "You can’t add a method here.");
    let signals = data(&page, "data-signals");
    assert_eq!(signals[0]["kind"], "unknown-credential");
    assert_eq!(signals[1]["argument"]["allAcceptedCredentialIds"], json!([]));
    assert_eq!(page.html.matches(".js\"").count(), 2, "the script that tells the browser: {}", page.html);

    // The one that was used to confirm; another one is left.
    let app = stage.app("alice", json!({})).await;
    let device = authenticator("phone");
    let passkey = add_passkey(&stage, stage.proof("alice", &app).await, &device).await;
    let browser = Browser::at(&stage.site.begin(body).await.url);
    let page = browser.get("").await;
    let step = page.values("step")[0].to_owned();
    browser.post("/start", &[("two_factor", &stage.fido), ("step", &step)]).await.location();
    let asked = data(&browser.get("").await, "data-options");
    browser.post("/answer", &[("credential", &device.get(&asked, ORIGIN).answer(&device))]).await.location();
    browser.post("/remove", &[("factor", &passkey)]).await.location();
    let page = browser.get("").await;
    page.says(200, "first confirm that it’s you");
    assert_eq!(data(&page, "data-signals")[0]["kind"], "unknown-credential");
    // With another passkey, the list of those that are accepted is out of date.
    browser.post("/start", &page.start()).await.location();
    browser.post("/answer", &[("code", &stage.code(&app.secret))]).await.location();
    assert!(browser.get("").await.html.contains("data-signals"));
    assert!(add_on_page(&stage, &browser, &authenticator("key")).await.location().contains("done=added"));
    assert!(!browser.get("").await.html.contains("data-signals"));
}
