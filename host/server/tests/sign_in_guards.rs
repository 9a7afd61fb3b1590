//! Attacks on the sign-in page.

use crate::{common, site};
use serde_json::{Value, json};
use site::{Browser, RETURN_URL, Site};
use twofactor::Actor;
use twofactor::challenge::RateLimits;

#[tokio::test]
async fn a_link_works_in_the_browser_that_opened_it_first_and_nowhere_else() {
    let site = Site::start().await;
    let begun = site.begin(json!({})).await;
    let (own, other) = (Browser::at(&begun.url), Browser::at(&begun.url));
    let page = own.get("").await;
    let cookie = page.header("set-cookie").to_owned();
    for attribute in ["; HttpOnly", "; SameSite=Lax", "; Path=/", "; Max-Age=1800"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let elsewhere = "This link is open in another browser";
    other.get("").await.says(403, elsewhere);
    other.post("/start", &page.start()).await.says(403, elsewhere);
    own.post("/start", &page.start()).await.location();
    let code = site.ecall.code();
    other.answer(&code).await.says(403, elsewhere);
    other.post("/cancel", &[]).await.says(403, elsewhere);
    *other.cookie.lock().unwrap() =
        Some(cookie.split(';').next().unwrap().replace(value(&cookie), "AAAAAAAAAAAAAAAAAAAAAAAA"));
    other.answer(&code).await.says(403, elsewhere);
    assert_eq!(other.get("/logo").await.status, 404);
    own.answer(&code).await.brings("handle").unwrap();
    other.get("").await.says(403, elsewhere);
    own.get("").await.says(410, "You’re already signed in");
    assert!(own.get("").await.header("set-cookie").is_empty());
}

/// Returns the value of a cookie, with or without its attributes.
fn value(cookie: &str) -> &str {
    cookie.split_once('=').unwrap().1.split(';').next().unwrap()
}

#[tokio::test]
async fn nothing_is_done_for_a_browser_that_never_opened_the_page() {
    let site = Site::start().await;
    let begun = site.begin(json!({})).await;
    let browser = Browser::at(&begun.url);
    let way = &site.engine.available(&twofactor::SignIn::new("shop").tenant("main")).await.unwrap()[0].id;
    browser.post("/start", &[("two_factor", way), ("step", "0")]).await.says(403, "another browser");
    browser.post("/cancel", &[]).await.says(403, "another browser");
    assert!(site.ecall.codes().is_empty() && site.outbox.mails().is_empty());
    assert_eq!(site.report(&begun).await["status"], "pending");
}

#[tokio::test]
async fn a_form_of_another_site_does_nothing() {
    let site = Site::start().await;
    let (begun, browser) = site.at_code().await;
    let cookie = browser.cookie.lock().unwrap().clone();
    let from = |name: &'static str, value: &str, origin: &str| {
        let forged = Browser::at(&begun.url).saying("origin", origin).saying(name, value);
        *forged.cookie.lock().unwrap() = cookie.clone();
        forged
    };
    let code = site.ecall.code();
    for forged in [
        from("sec-fetch-site", "cross-site", "https://evil.example"),
        from("sec-fetch-site", "same-site", "https://evil.example.com"),
        from("sec-fetch-site", "none", "null"),
        // A page cannot set this header, but may make a browser send only `Origin`.
        from("sec-fetch-site", "", "https://evil.example"),
        from("sec-fetch-site", "", "null"),
        from("sec-fetch-site", "", ""),
        from("sec-fetch-site", "", &format!("{}.evil.example", site.url)),
    ] {
        for path in ["/answer", "/start", "/resend", "/cancel"] {
            forged.post(path, &[("code", &code)]).await.says(403, "Request blocked");
        }
    }
    assert_eq!(site.report(&begun).await["status"], "pending");
    // A browser without `Sec-Fetch-Site`.
    from("sec-fetch-site", "", &site.url).answer(&code).await.brings("handle").unwrap();
}

#[tokio::test]
async fn two_racers_have_one_success_and_the_link_is_dead_afterwards() {
    let site = Site::start().await;
    let (begun, browser) = site.at_code().await;
    let code = site.ecall.code();
    let both = tokio::join!(browser.answer(&code), browser.answer(&code), browser.answer(&code), browser.answer(&code));
    let pages = [both.0, both.1, both.2, both.3];
    assert_eq!(pages.iter().filter(|page| page.status == 303).count(), 1);
    assert!(pages.iter().filter(|page| page.status != 303).all(|page| page.status == 410), "{}", pages[0].html);
    for path in ["", "/choose"] {
        browser.get(path).await.says(410, "You’re already signed in");
    }
    for path in ["/answer", "/start", "/resend", "/cancel"] {
        let page = browser.post(path, &[("code", &code)]).await;
        page.says(410, "You’re already signed in");
        assert!(!page.html.contains("handle=") && !page.html.contains("shop.example.com"));
    }
    assert_eq!(site.report(&begun).await["status"], "ended");
    // A right answer and giving up at once: one of them.
    for _ in 0..5 {
        let (begun, browser) = site.at_code().await;
        let code = site.ecall.code();
        let (answered, gone) = tokio::join!(browser.answer(&code), browser.post("/cancel", &[]));
        let statuses = (answered.status, gone.status);
        let status = site.report(&begun).await["status"].clone();
        assert_eq!(status, "ended");
        let end = if answered.status == 303 { "handle" } else { "error" };
        match statuses {
            (303, 410) => answered.brings(end).unwrap(),
            (410, 303) => gone.brings(end).unwrap(),
            other => panic!("{other:?}"),
        };
    }
}

#[tokio::test]
async fn a_browser_is_sent_to_the_urls_that_are_set_and_to_no_other() {
    let site = Site::start().await;
    let begin = async |url: &str| {
        let body = json!({"tenant": "main", "user": "alice", "recipient": {"phone": site::PHONE}, "return_url": url, "state": "s"});
        site.call("POST", "/v1/sign-ins", body).await
    };
    begin(RETURN_URL).await.expect(201);
    for url in [
        "",
        "/",
        "https://shop.example.com/signed-in",
        "https://shop.example.com/signed-in?from=twofactor&x=1",
        "https://shop.example.com/signed-in?from=twofactor#x",
        "https://shop.example.com/signed-in/../evil?from=twofactor",
        "https://SHOP.example.com/signed-in?from=twofactor",
        "https://shop.example.com:443/signed-in?from=twofactor",
        "https://shop.example.com.evil.example/signed-in?from=twofactor",
        "https://shop.example.com@evil.example/signed-in?from=twofactor",
        "https://evil.example/?https://shop.example.com/signed-in?from=twofactor",
        "http://shop.example.com/signed-in?from=twofactor",
        " https://shop.example.com/signed-in?from=twofactor",
        "//evil.example",
        "javascript:alert(1)",
    ] {
        let answer = begin(url).await;
        assert!(answer.text.contains("`return_url` must be exactly one of"), "{url}: {}", answer.text);
        answer.problem(400, "invalid-input");
    }
    // Those of another subscription are its own.
    let admin = site.admin();
    admin.create_subscription("other", "Other").await.unwrap();
    let page = serde_json::from_value(json!({"return_urls": ["https://other.example.com/"]})).unwrap();
    admin.set_sign_in_page("other", page, None).await.unwrap();
    begin("https://other.example.com/").await.problem(400, "invalid-input");
    // Nothing in a path or after `?` leads elsewhere.
    let (_, browser) = site.at_code().await;
    for path in
        ["/answer?lang=//evil.example", "/answer?lang=x%0d%0aset-cookie:a=b", "/start?return_url=https://evil.example"]
    {
        let page = browser.get(path).await;
        assert!(page.location().starts_with("/sign-in/") && !page.location().contains("evil"), "{}", page.location());
        assert!(page.headers.get("set-cookie").is_none());
    }
    let strange = Browser::at(&format!("{}/sign-in/%2F%2Fevil.example%0d%0aa:b", site.url)).get("/answer").await;
    assert_eq!(strange.location(), "/sign-in/evilexampleab");
}

#[tokio::test]
async fn what_comes_from_outside_is_text_on_every_page() {
    let site = Site::start().await;
    let hostile = "\"'><img src=x onerror=alert(1)><script>alert(1)</script>{{7*7}}&amp;";
    let short = "<i onclick=\"a\">'&";
    site.admin().create_subscription("x", short).await.unwrap();
    site.set(json!({"return_urls": [RETURN_URL], "application_name": "<b>\"'><script>alert(1)</script>",
        "support_url": "https://help.example.com/?a=\"><script>alert(1)</script>"}))
        .await;
    let name = "<u>\"><script>";
    site::add_sms(&site.admin(), name).await;
    let begun =
        site.begin(json!({"user": hostile, "state": hostile, "locale": "<b>", "client_application": hostile})).await;
    let browser = Browser::at(&begun.url).saying("accept-language", "<script>");
    let mut pages = vec![browser.get("?lang=<script>\"&sent=<b>").await];
    let start = browser.post("/start", &pages[0].start()).await;
    start.location();
    pages.push(browser.get("").await);
    pages.push(browser.post("/answer", &[("code", hostile), ("lang", hostile)]).await);
    pages.push(browser.get("/choose").await);
    site.advance(600);
    pages.push(browser.get("").await);
    pages.push(Browser::at(&format!("{}/sign-in/%3Cscript%3Ealert(1)", site.url)).get("").await);
    let mut nonces = std::collections::BTreeSet::new();
    for page in pages {
        let scripts = page.html.matches("<script").count();
        assert_eq!(scripts, 1, "{}", page.html);
        for tag in ["<img src=x", "<b>", "<u>", "<i ", "javascript:", "style=", " onerror=alert(1)>"] {
            assert!(!page.html.contains(tag), "`{tag}` is in {}", page.html);
        }
        let nonce = page.html.split("nonce=\"").nth(1).unwrap().split('"').next().unwrap();
        assert!(page.header("content-security-policy").contains(&format!("script-src 'nonce-{nonce}';")));
        assert!(nonces.insert(nonce.to_owned()), "{nonce}");
    }
    // In the redirect it stays one value.
    let begun = site.begin(json!({"state": hostile})).await;
    let browser = Browser::at(&begun.url);
    browser.get("").await;
    let gone = browser.post("/cancel", &[]).await;
    assert_eq!(gone.brings("state").unwrap(), hostile);
    assert!(gone.location().starts_with(RETURN_URL));
}

#[tokio::test]
async fn every_answer_keeps_other_sites_away_from_it() {
    let site = Site::start().await;
    let (_, browser) = site.at_code().await;
    let unknown = Browser::at(&format!("{}/sign-in/x", site.url)).get("").await;
    let pages = [
        browser.get("").await,
        browser.get("/choose").await,
        browser.answer("1").await,
        browser.get("/answer").await,
        browser.get("/theme.css").await,
        browser.post("/cancel", &[]).await,
        browser.get("").await,
        unknown,
    ];
    for page in &pages {
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
        for (name, value) in [
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(page.header(name), value);
        }
    }
    for part in ["frame-ancestors 'none'", "base-uri 'none'", "form-action 'self' https:;", "style-src 'self'"] {
        assert!(pages[0].header("content-security-policy").contains(part), "{part}");
    }
    for part in ["publickey-credentials-get=(self)", "publickey-credentials-create=(self)", "camera=()"] {
        assert!(pages[0].header("permissions-policy").contains(part), "{part}");
    }
    // The page loads nothing from elsewhere, and its files may be cached forever.
    let html = &pages[0].html;
    for file in html.split('"').filter(|text| text.starts_with("/sign-in-assets/")) {
        let answer = Browser::at(&format!("{}{file}", site.url)).get("").await;
        assert_eq!((answer.status, answer.header("x-content-type-options")), (200, "nosniff"));
        assert!(answer.header("cache-control").contains("immutable"));
        assert!(!answer.html.contains("http"), "{file}");
    }
    assert!(!html.contains("http") && html.matches("/sign-in-assets/").count() == 2, "{html}");
}

#[tokio::test]
async fn neither_link_nor_code_nor_recipient_is_in_the_store_or_the_audit_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it.db");
    let store = twofactor::SqliteStore::open(&path).unwrap();
    let site = Site::with(|builder| builder.store(store)).await;
    let begun = site.begin(json!({"user": "canary-user", "state": "canary-state"})).await;
    let browser = Browser::at(&begun.url);
    browser.post("/start", &browser.get("").await.start()).await.location();
    browser.answer("000000").await;
    let secret = begun.url.rsplit_once('/').unwrap().1;
    let cookie = browser.cookie.lock().unwrap().clone().unwrap();
    let cookie = value(&cookie).to_owned();
    let mut bytes = Vec::new();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        bytes.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds(&begun.id) && holds("shop.example.com"));
    for canary in [secret, &cookie, "canary-user", "canary-state", "79123", "from=twofactor&"] {
        assert!(!holds(canary), "{canary}");
    }
}

#[tokio::test]
async fn a_logo_and_colors_are_served_from_a_path_of_their_own_and_are_no_document() {
    let site = Site::start().await;
    let (_, browser) = site.at_code().await;
    assert_eq!(browser.get("/logo").await.status, 404);
    let png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII=";
    site.set(json!({"return_urls": [RETURN_URL], "logo": format!("data:image/png;base64,{png}"),
        "colors": {"accent": "#0b5c3a", "background": "#eef5f0"}}))
        .await;
    let page = browser.get("").await;
    page.says(200, "/logo\" alt=\"Shop &amp; Sons\"");
    page.says(200, "/theme.css");
    let logo = browser.get("/logo").await;
    assert_eq!((logo.status, logo.header("content-type")), (200, "image/png"));
    assert_eq!(logo.header("content-security-policy"), "default-src 'none'; sandbox");
    let theme = browser.get("/theme.css").await;
    theme.says(200, "--page:#eef5f0;--accent:#0b5c3a;");
    assert_eq!(theme.header("content-type"), "text/css; charset=utf-8");
}

#[tokio::test]
async fn a_change_of_the_page_is_in_the_audit_log_and_overwrites_no_other_change() {
    let site = Site::start().await;
    let (_, admin) = site.admin().issue_token("admin", twofactor::token::Role::SystemAdmin, None).await.unwrap();
    let path = format!("{}/v1/subscriptions/shop/sign-in-page", site.url);
    let client = reqwest::Client::new();
    let put = async |tag: &str, body: Value| {
        let request = client.put(&path).bearer_auth(&admin).header("if-match", tag).body(body.to_string());
        common::Answer::of(request).await
    };
    let read = common::Answer::of(client.get(&path).bearer_auth(&admin)).await;
    assert_eq!((read.headers["etag"].to_str().unwrap(), &read.json["return_urls"][0]), ("\"1\"", &json!(RETURN_URL)));
    let new = json!({"return_urls": ["https://new.example.com/"], "application_name": "New"});
    put("\"7\"", new.clone()).await.problem(412, "precondition-failed");
    put("\"nonsense\"", new.clone()).await.problem(412, "precondition-failed");
    assert_eq!(put("\"1\"", new.clone()).await.headers["etag"], "\"2\"");
    put("\"1\"", new.clone()).await.problem(412, "precondition-failed");
    let refused = put("\"2\"", json!({"return_urls": ["http://new.example.com/"]})).await;
    assert!(refused.text.contains("`https:`, or `http:` with a loopback address"), "{}", refused.text);
    refused.problem(400, "invalid-input");
    put("\"2\"", json!({"return_urls": [], "colors": {"accent": "#ffff00"}})).await.problem(400, "invalid-input");
    let log = site.engine.administration(Actor::new("test")).audit_log(0, 100).await.unwrap();
    let lines: Vec<_> = log.iter().filter(|line| line.action == "sign-in-page.set").collect();
    let of_the_change: Value = serde_json::from_str(&lines.last().unwrap().detail).unwrap();
    assert_eq!(lines.last().unwrap().subject, "shop");
    assert_eq!(of_the_change["/return_urls"], json!([[RETURN_URL], ["https://new.example.com/"]]));
    assert_eq!(of_the_change["/application_name"][1], "New");
    assert!(lines.iter().all(|line| !line.detail.contains("http://new")));
    // For a subscription that never had any.
    site.admin().create_subscription("other", "Other").await.unwrap();
    let path = path.replace("/shop/", "/other/");
    for (tag, status) in [("\"1\"", 412), ("\"0\"", 200), ("\"0\"", 412)] {
        let request = client.put(&path).bearer_auth(&admin).header("if-match", tag).body(new.to_string());
        assert_eq!(common::Answer::of(request).await.status, status, "{tag}");
    }
}

#[tokio::test]
async fn what_is_stored_of_a_sign_in_is_bounded() {
    let limits = RateLimits { sign_ins_per_user_per_hour: 3, total_per_hour: 5, ..RateLimits::none() };
    let site = Site::with(|builder| builder.rate_limits(limits)).await;
    let begin = async |more: Value| {
        let mut body =
            json!({"page": "factors", "tenant": "main", "user": "alice", "return_url": RETURN_URL, "state": "s"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        site.call("POST", "/v1/sign-ins", body).await
    };
    let long = "a".repeat(200_000);
    for more in [
        json!({"user_name": long}),
        json!({"locale": long}),
        json!({"purpose": long}),
        json!({"acr": long}),
        json!({"user": long}),
        json!({"tenant": long}),
        json!({"state": long}),
        json!({"user_agent": long}),
        json!({"recipient": {"email": long}}),
        json!({"recipient": {"phone": long}}),
        json!({"recipient": {"handle": long}}),
    ] {
        begin(more).await.problem(400, "invalid-input");
    }
    // Those were not counted.
    for _ in 0..3 {
        begin(json!({})).await.expect(201);
    }
    begin(json!({})).await.problem(429, "rate-limited");
    // Whoever knows only the name has not used up those of its owner; and the total holds for everybody.
    begin(json!({"first_factor": true})).await.expect(201);
    begin(json!({"user": "bob"})).await.expect(201);
    begin(json!({"user": "carol"})).await.problem(429, "rate-limited");
}
