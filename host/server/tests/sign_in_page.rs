//! The sign-in page over HTTP: what a person meets on it, step by step.

use std::time::Duration;

use crate::site;
use serde_json::{Value, json};
use site::{Browser, PHONE, RETURN_URL, Site};
use twofactor::SignIn;
use twofactor::admin::InstanceChange;
use twofactor::challenge::RateLimits;
use twofactor::instance::Policy;
use twofactor::sign_in::{NewHostedSignIn, VisitOutcome};
use twofactor_tests::ecall::{Answer, wrong};

#[tokio::test]
async fn a_person_gets_a_code_types_it_and_goes_back_with_state_and_a_handle() {
    let site = Site::start().await;
    let begun = site.begin(json!({})).await;
    assert_eq!(site.report(&begun).await["status"], "pending");
    let browser = Browser::at(&begun.url);
    let page = browser.get("").await;
    page.says(200, "Confirm it’s you");
    page.says(200, "Shop &amp; Sons");
    page.says(200, "+41 ••• •• 67");
    assert!(!page.html.contains("type=\"radio\""));
    assert!(site.ecall.codes().is_empty());

    let started = browser.post("/start", &page.start()).await;
    assert!(started.location().starts_with("/sign-in/"), "{}", started.location());
    let page = browser.get("").await;
    page.says(200, "We texted a 6-digit code to ");
    for attribute in ["autocomplete=\"one-time-code\"", "inputmode=\"numeric\"", "<label for=\"code\">", "autofocus"] {
        page.says(200, attribute);
    }
    // As people copy it.
    let code = site.ecall.code();
    let done = browser.answer(&format!(" {} {} ", &code[..3], &code[3..])).await;
    assert!(done.location().starts_with(RETURN_URL), "{}", done.location());
    assert_eq!(done.brings("from").unwrap(), "twofactor");
    assert_eq!(done.brings("state").unwrap(), "st&te");
    assert!(done.brings("result").is_none() && done.brings("error").is_none());
    let result = site.redeem(&begun, &done.brings("handle").unwrap()).await.expect(200);
    assert_eq!((&result["status"], &result["user"]), (&json!("verified"), &json!("alice")));
    assert_eq!((&result["amr"], &result["purpose"]), (&json!(["otp", "sms"]), &json!("sign-in")));
    assert!(result["verified_at"].is_string() && result["two_factor"].is_string());
}

#[tokio::test]
async fn a_reload_a_second_click_and_a_link_preview_send_nothing() {
    let site = Site::start().await;
    let begun = site.begin(json!({})).await;
    let previewer = Browser::at(&begun.url).saying("sec-purpose", "prefetch");
    assert_eq!(previewer.head().await.status, 200);
    previewer.get("").await.says(200, "Send code");
    assert!(previewer.cookie.lock().unwrap().is_none());

    let browser = Browser::at(&begun.url);
    let page = browser.get("").await;
    for path in ["", "/choose", "/start", "/resend", "/answer", "/cancel"] {
        browser.get(path).await;
    }
    assert!(site.ecall.codes().is_empty());
    let form = page.start();
    let both = tokio::join!(browser.post("/start", &form), browser.post("/start", &form));
    assert_eq!((both.0.status, both.1.status), (303, 303));
    browser.post("/start", &form).await.location();
    // Of the same page as it stands now, and again of the choice.
    browser.post("/start", &browser.get("/choose").await.start()).await.location();
    browser.get("").await.says(200, "Enter your code");
    assert_eq!(site.ecall.codes().len(), 1);
    browser.answer(&site.ecall.code()).await.brings("handle").unwrap();
}

#[tokio::test]
async fn with_several_instances_a_person_chooses_and_may_change() {
    let site = Site::start().await;
    let other = site::add_sms(&site.admin(), "Spare SMS").await;
    let begun = site.begin(json!({"recipient": {"phone": PHONE, "email": "alice@example.com"}})).await;
    let browser = Browser::at(&begun.url);
    let page = browser.get("").await;
    assert_eq!(page.values("two_factor").len(), 3);
    for text in ["Email", "a•••@e•••.com", "Text message – SMS", "Text message – Spare SMS", "<fieldset>", "<legend>"]
    {
        page.says(200, text);
    }
    browser.post("/start", &page.start()).await.location();
    browser.get("").await.says(200, "We emailed a 6-digit code");
    assert_eq!((site.outbox.mails().len(), site.ecall.codes().len()), (1, 0));
    let mailed = site.outbox.mails()[0].text.lines().find(|line| line.len() == 6).unwrap().to_owned();

    let choice = browser.get("/choose").await;
    choice.says(200, "I have a code");
    let step = choice.values("step")[0];
    browser.post("/start", &[("two_factor", &other), ("step", step)]).await.location();
    browser.get("").await.says(200, "We texted a 6-digit code");
    // The code that was sent through the other instance is no longer valid.
    browser.answer(&mailed).await.says(200, "Incorrect code.");
    let handle = browser.answer(&site.ecall.code()).await.brings("handle").unwrap();
    assert_eq!(site.redeem(&begun, &handle).await.expect(200)["two_factor"], other);
}

#[tokio::test]
async fn a_wrong_answer_says_how_many_are_left_and_after_the_last_a_new_code_is_offered() {
    let site = Site::start().await;
    let (begun, browser) = site.at_code().await;
    let code = site.ecall.code();
    browser.answer(wrong(&code)).await.says(200, "You have 4 attempts left.");
    let page = browser.answer(wrong(&code)).await;
    page.says(200, "You have 3 attempts left.");
    for attribute in ["role=\"alert\"", "id=\"error\"", "aria-describedby=\"error lead\"", "aria-invalid=\"true\""] {
        page.says(200, attribute);
    }
    page.says(200, "<title>Error: ");
    // An invalid code is not counted.
    for text in ["12345", "1234567", "", "abcdef", &"1".repeat(1000)] {
        browser.answer(text).await.says(200, "Enter all 6 digits of the code.");
    }
    browser.answer(wrong(&code)).await.says(200, "You have 2 attempts left.");
    browser.answer(wrong(&code)).await.says(200, "You have 1 attempt left.");
    let page = browser.answer(wrong(&code)).await;
    page.says(200, "Request a new code");
    browser.answer(&code).await.says(200, "This code is no longer valid.");
    browser.get("").await.says(200, "This code is no longer valid.");
    browser.post("/start", &page.start()).await.location();
    browser.answer(&code).await.says(200, "You have 4 attempts left.");
    browser.answer(&site.ecall.code()).await.brings("handle").unwrap();
    assert_eq!(site.report(&begun).await["status"], "ended");
}

#[tokio::test]
async fn every_step_is_answered_by_a_redirect_and_a_reload_spends_no_attempt() {
    let site = Site::start().await;
    let (_, browser) = site.at_code().await;
    let code = site.ecall.code();
    let answered = browser.post_alone("/answer", &[("code", wrong(&code))]).await;
    let (_, query) = answered.location().split_once('?').unwrap();
    for _ in 0..3 {
        browser.get(&format!("?{query}")).await.says(200, "You have 4 attempts left.");
    }
    let early = browser.post_alone("/resend", &[]).await;
    let (_, query) = early.location().split_once('?').unwrap();
    browser.get(&format!("?{query}")).await.says(200, "Try again in 30");
    // A made-up URL can only show these sentences.
    let made_up = browser.get("?why=%3Cb%3Ecall+me&wait=999999999999").await;
    assert!(!made_up.html.contains("call me") && !made_up.html.contains("role=\"alert\""), "{}", made_up.html);
    assert_eq!(site.ecall.codes().len(), 1);
    browser.answer(&code).await.brings("handle").unwrap();
}

#[tokio::test]
async fn a_new_code_may_be_asked_for_after_a_while_and_the_page_says_how_long() {
    let site = Site::start().await;
    let (_, browser) = site.at_code().await;
    let first = site.ecall.code();
    let page = browser.get("").await;
    page.says(200, "data-wait=\"30\"");
    page.says(200, "You can request a new code in 30\u{a0}seconds.");
    let early = browser.post("/resend", &[]).await;
    early.says(200, "Try again in 30\u{a0}seconds.");
    assert_eq!(site.ecall.codes().len(), 1);
    site.advance(30);
    assert!(!browser.get("").await.html.contains("data-wait"));
    let again = browser.post("/resend", &[]).await;
    let base = site.url.clone();
    let rest = again.location().to_owned();
    let page = reqwest::Url::parse(&base).unwrap().join(&rest).unwrap();
    assert_eq!(page.query(), Some("sent=again"));
    browser.get("?sent=again").await.says(200, "A new code is on its way.");
    assert_eq!(site.ecall.codes().len(), 2);
    if first != site.ecall.code() {
        browser.answer(&first).await.says(200, "Incorrect code.");
    }
    browser.answer(&site.ecall.code()).await.brings("handle").unwrap();
}

#[tokio::test]
async fn the_page_says_that_a_code_has_expired_and_an_expired_sign_in_leads_back() {
    let site = Site::start().await;
    let (begun, browser) = site.at_code().await;
    site.advance(300);
    browser.get("").await.says(200, "This code is no longer valid. Request a new one.");
    browser.answer(&site.ecall.code()).await.says(200, "This code is no longer valid.");
    site.advance(300);
    let page = browser.get("").await;
    page.says(410, "This sign-in has expired");
    page.says(410, "https://shop.example.com/signed-in?from=twofactor&amp;state=st%26te&amp;error=access_denied");
    browser.post("/start", &[]).await.says(410, "This sign-in has expired");
    assert_eq!(site.report(&begun).await["status"], "expired");
    assert_eq!(site.ecall.codes().len(), 1);
    site.advance(2 * 86_400);
    while site.engine.hosted_sign_ins().status("shop", &begun.id).await.is_ok() {
        // Expired ones are removed when others start.
        site.begin(json!({})).await;
        let start = twofactor::NewChallenge::new(SignIn::new("shop").tenant("main").user("bob")).phone(PHONE);
        site.engine.start(start).await.unwrap();
    }
    site.call("GET", &format!("/v1/sign-ins/{}", begun.id), Value::Null).await.problem(404, "not-found");
    browser.get("").await.says(404, "Link not found");
}

#[tokio::test]
async fn cancelling_returns_an_error_and_invalidates_the_code() {
    let site = Site::start().await;
    let (begun, browser) = site.at_code().await;
    let gone = browser.post("/cancel", &[]).await;
    assert!(gone.location().starts_with(RETURN_URL));
    assert_eq!(
        (gone.brings("error").unwrap(), gone.brings("state").unwrap()),
        ("access_denied".into(), "st&te".into())
    );
    assert!(gone.brings("handle").is_none());
    assert_eq!(site.report(&begun).await["status"], "ended");
    browser.get("").await.says(410, "Sign-in cancelled");
    browser.answer(&site.ecall.code()).await.says(410, "Sign-in cancelled");
}

#[tokio::test]
async fn an_unsent_message_is_reported_and_one_that_may_have_been_sent_is_not_repeated() {
    let site = Site::start().await;
    let begun = site.begin(json!({})).await;
    let browser = Browser::at(&begun.url);
    let page = browser.get("").await;
    site.ecall.answer(Answer::Busy);
    let failed = browser.post("/start", &page.start()).await;
    failed.says(200, "The code wasn’t sent. Please try again");
    site.ecall.answer(Answer::Nothing);
    let unknown = browser.post("/start", &failed.start()).await;
    unknown.says(200, "not sure the code was sent");
    let so_far = site.ecall.codes().len();
    // The form as it was before: a reload.
    browser.post("/start", &failed.start()).await.location();
    assert_eq!(site.ecall.codes().len(), so_far);
    site.ecall.answer(Answer::Taken);
    browser.post("/start", &unknown.start()).await.location();
    browser.answer(&site.ecall.code()).await.brings("handle").unwrap();
}

#[tokio::test]
async fn one_sign_in_has_no_more_than_a_few_codes() {
    let site = Site::start().await;
    let (begun, browser) = site.at_code().await;
    for _ in 1..6 {
        site.advance(1);
        let code = site.ecall.code();
        for _ in 0..5 {
            browser.answer(wrong(&code)).await;
        }
        let page = browser.get("").await;
        browser.post("/start", &page.start()).await.location();
    }
    assert_eq!(site.ecall.codes().len(), 6);
    for _ in 0..5 {
        browser.answer(wrong(&site.ecall.code())).await;
    }
    let page = browser.get("").await;
    page.says(200, "the maximum number of codes");
    assert!(page.values("two_factor").is_empty() && page.html.contains("/cancel"));
    let way = site.engine.available(&SignIn::new("shop").tenant("main")).await.unwrap();
    for one in way {
        browser
            .post("/start", &[("two_factor", &one.id), ("step", "6")])
            .await
            .says(200, "the maximum number of codes");
    }
    assert_eq!(site.ecall.codes().len(), 6);
    assert_eq!(site.report(&begun).await["status"], "pending");
}

#[tokio::test]
async fn limits_and_a_lock_are_explained() {
    let limits = RateLimits { user_per_hour: 1, ..RateLimits::default() };
    let site = Site::with(|builder| builder.rate_limits(limits)).await;
    let (_, browser) = site.at_code().await;
    browser.post("/cancel", &[]).await.location();
    let begun = site.begin(json!({})).await;
    let browser = Browser::at(&begun.url);
    let limited = browser.post("/start", &browser.get("").await.start()).await;
    limited.says(200, "Too many requests. Try again in 60\u{a0}minutes.");

    let limits = RateLimits { lockout_threshold: 2, ..RateLimits::default() };
    let site = Site::with(|builder| builder.rate_limits(limits)).await;
    let (_, browser) = site.at_code().await;
    for _ in 0..2 {
        browser.answer(wrong(&site.ecall.code())).await;
    }
    browser.answer(&site.ecall.code()).await.says(200, "Request a new one.");
    let begun = site.begin(json!({})).await;
    let browser = Browser::at(&begun.url);
    let locked = browser.post("/start", &browser.get("").await.start()).await;
    locked.says(200, "signing in with codes is blocked for 24 hours");
}

#[tokio::test]
async fn what_an_administrator_takes_away_is_gone_at_once() {
    let site = Site::start().await;
    let (_, browser) = site.at_code().await;
    for instance in site.admin().instances("shop").await.unwrap() {
        site.admin().set_assignments("shop", &instance.id, Vec::new()).await.unwrap();
    }
    browser.answer(&site.ecall.code()).await.says(200, "We can’t send you a code right now");
    site.advance(300);
    let page = browser.get("").await;
    page.says(200, "We can’t send you a code right now.");
    browser.post("/cancel", &[]).await.brings("error").unwrap();
}

#[tokio::test]
async fn a_sent_code_is_accepted_if_its_instance_is_no_longer_valid() {
    let site = Site::start().await;
    let (_, browser) = site.at_code().await;
    let admin = site.admin();
    let all = admin.instances("shop").await.unwrap();
    let sms = all.iter().find(|one| one.type_id == "ecall").unwrap();
    let change = InstanceChange { options: Some(json!({"ECallAccountName": "a"})), ..Default::default() };
    assert!(!admin.update_instance("shop", &sms.id, change, None).await.unwrap().valid);
    browser.answer(&site.ecall.code()).await.brings("handle").unwrap();
}

#[tokio::test]
async fn a_message_sent_after_its_caller_left_belongs_to_its_sign_in() {
    let site = Site::start().await;
    let sign_ins = site.engine.hosted_sign_ins();
    let sign_in = SignIn::new("shop").tenant("main").user("alice");
    let new = NewHostedSignIn::new(sign_in, RETURN_URL, "s").phone(PHONE).after_first_factor();
    let begun = sign_ins.begin(new).await.unwrap();
    let visit = async || match sign_ins.visit(&begun.secret, None).await.unwrap() {
        VisitOutcome::Open(visit) => visit,
        _ => panic!("it is open"),
    };
    let before = visit().await;
    site.ecall.answer(Answer::Later);
    tokio::select! {
        _ = sign_ins.start(&before, &before.delivery_options[0].two_factor, 0, None, None, "en") => panic!("the message is on its way"),
        () = site.ecall.received(1) => {}
    }
    site.ecall.answer(Answer::Taken);
    let arrived = async {
        loop {
            let after = visit().await;
            if after.challenge.is_some() {
                return after;
            }
            tokio::task::yield_now().await;
        }
    };
    // Longer than any machine takes: a failing test does not hang.
    let after = tokio::time::timeout(Duration::from_secs(120), arrived).await.unwrap();
    assert_eq!(after.step(), 1);
    sign_ins.answer(&after, twofactor::sign_in::SubmittedAnswer::Code(&site.ecall.code()), None, None).await.unwrap();
}

#[tokio::test]
async fn the_page_speaks_four_languages_and_can_be_switched() {
    let site = Site::start().await;
    for (tag, text) in
        [("de", "Code senden"), ("fr", "Envoyer le code"), ("it", "Invia il codice"), ("en", "Send code")]
    {
        let begun = site.begin(json!({"locale": tag})).await;
        let browser = Browser::at(&begun.url).saying("accept-language", "xx, en;q=0.5");
        let page = browser.get("").await;
        page.says(200, text);
        page.says(200, &format!("<html lang=\"{tag}\">"));
        assert!(page.html.len() < 60 << 10, "{}", page.html.len());
    }
    let begun = site.begin(json!({})).await;
    let browser = Browser::at(&begun.url).saying("accept-language", "fr-CH, fr;q=0.9");
    browser.get("").await.says(200, "Envoyer le code");
    let page = browser.get("?lang=it").await;
    page.says(200, "Invia il codice");
    assert_eq!(page.values("lang"), ["it", "it"]);
    let form = [&page.start()[..], &[("lang", "it")]].concat();
    assert!(browser.post("/start", &form).await.location().ends_with("?lang=it"));
    let wrong = browser.post("/answer", &[("code", "1"), ("lang", "it")]).await;
    wrong.says(200, "Inserisca tutte le 6 cifre del codice.");
    // The message is in the language of the page that its code is typed on.
    assert!(site.ecall.text().contains("il Suo codice"), "{}", site.ecall.text());
    assert!(browser.get("/answer?lang=de").await.location().ends_with("?lang=de"));
}

#[tokio::test]
async fn an_eight_digit_code_is_asked_for_as_such() {
    let policy = Policy { code_length: 8, ..Policy::default() };
    let site = Site::with(|builder| builder.policy(policy)).await;
    let begun = site.begin(json!({"recipient": {"email": "alice@example.com"}})).await;
    let browser = Browser::at(&begun.url);
    browser.post("/start", &browser.get("").await.start()).await.location();
    browser.get("").await.says(200, "8-digit code");
    browser.answer("123456").await.says(200, "Enter all 8 digits of the code.");
}

#[tokio::test]
async fn a_sign_in_that_could_not_succeed_is_refused() {
    let site = Site::start().await;
    let begin = async |more: Value| {
        let mut body = json!({"tenant": "main", "user": "alice", "recipient": {"phone": PHONE},
            "return_url": RETURN_URL, "state": "s"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        site.call("POST", "/v1/sign-ins", body).await
    };
    begin(json!({"state": "x".repeat(512)})).await.expect(201);
    begin(json!({"state": "x".repeat(513)})).await.problem(400, "invalid-input");
    begin(json!({"state": ""})).await.problem(400, "invalid-input");
    begin(json!({"user": ""})).await.problem(400, "invalid-input");
    begin(json!({"user": null})).await.problem(400, "invalid-input");
    begin(json!({"purpose": "a b"})).await.problem(400, "invalid-input");
    begin(json!({"tenant": "elsewhere"})).await.problem(409, "not-available");
    begin(json!({"recipient": {"phone": "+1 415 555 2671"}})).await.problem(422, "recipient-rejected");
    begin(json!({"recipient": {}})).await.problem(400, "invalid-input");
    begin(json!({"admin": true})).await.problem(400, "invalid-input");
    site.call("GET", "/v1/sign-ins/AAAAAAAAAAAAAAAAAAAAAAAA", Value::Null).await.problem(404, "not-found");
}
