//! The admin UI without a browser: what its pages do, and what is tried against them. `admin_browser.rs` is the same with one.

use crate::common;
use common::Server;
use common::second_factor::Guarded;
use common::visitor::{CASES, Case, PASSWORD, SMTP_SAMPLE, Visitor, options as stored};
use serde_json::{Value, json};

/// Creates, configures, tests and assigns an instance of each type and signs in with it, as on the
/// seed's pages.
#[tokio::test]
async fn an_instance_of_each_type_is_created_configured_tested_assigned_and_delivers_a_code() {
    let demo = Server::demo();
    let mut anna = Visitor::first(&demo).await;
    for Case { type_id, options, kind, recipient } in CASES {
        let path = anna.create(type_id, &format!("Our {type_id}")).await;
        anna.get(&path).await.shows("Invalid").shows("is required").shows("Not assigned");
        let sample: &[_] = if type_id == "email" { &[("/MailServerConfig#json", SMTP_SAMPLE)] } else { &[] };
        anna.save(&path, &[options, sample].concat()).await.leads_to();
        anna.get(&path).await.shows("Allowed connections").shows("assign it to a tenant");
        anna.post(&format!("{path}/test"), &[(kind, recipient)]).await.shows("The upstream accepted the message.");
        let assigned =
            anna.post(&format!("{path}/assignments"), &[("kind", "user"), ("id", type_id), ("do", "add")]).await;
        assert!(assigned.leads_to().starts_with(&path));

        let body = json!({"user": type_id, "recipient": {kind: recipient}});
        let token = demo.token("application_token");
        let started = demo.call("POST", "/v1/challenges", token, body).await.expect(201);
        assert!(path.ends_with(started["two_factor"].as_str().unwrap()));
        let verify = format!("/v1/challenges/{}/verify", started["id"].as_str().unwrap());
        let code = json!({"code": demo.code(recipient).await});
        demo.call("POST", &verify, token, code.clone()).await.expect(200);
        demo.call("POST", &verify, token, code).await.problem(410, "challenge-closed");
    }
    anna.get("/admin").await.shows("Our email").shows("100%");
    anna.get("/admin/audit").await.shows("instance.create").shows(">Anna</a>");
}

#[tokio::test]
async fn nobody_sees_a_page_without_logging_in_and_comes_back_to_it_afterwards() {
    let demo = Server::demo();
    let mut anna = Visitor::first(&demo).await;
    let mut nobody = Visitor::at(&demo.url);
    for path in [
        "/admin",
        "/admin/two-factors",
        "/admin/base-settings",
        "/admin/providers",
        "/admin/tokens",
        "/admin/accounts",
        "/admin/audit",
        "/admin/account",
    ] {
        let page = nobody.get(path).await;
        assert_eq!(page.leads_to(), format!("/admin/login?to={}", path.replace('/', "%2F")));
        assert_eq!(anna.get(path).await.status, 200, "{path}");
    }
    let form = [("email", "anna@example.com"), ("password", PASSWORD)];
    let back = nobody.post("/admin/login?to=%2Fadmin%2Ftokens", &form).await;
    assert_eq!(back.leads_to(), "/admin/tokens");
    assert_eq!(nobody.get("/admin/tokens").await.status, 200);
    nobody.post("/admin/logout", &[]).await.leads_to();
    assert_eq!(nobody.get("/admin/tokens").await.status, 303);
}

#[tokio::test]
async fn a_login_leads_to_no_other_site() {
    let demo = Server::demo();
    let _anna = Visitor::first(&demo).await;
    let form = [("email", "anna@example.com"), ("password", PASSWORD)];
    for to in [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/admin\\@evil.example",
        "/admin.evil.example",
        "javascript:alert(1)",
        "/admin/\r\nx: y",
        "evil",
    ] {
        let mut visitor = Visitor::at(&demo.url);
        let query: String = url::form_urlencoded::byte_serialize(to.as_bytes()).collect();
        let page = visitor.post(&format!("/admin/login?to={query}"), &form).await;
        assert_eq!(page.leads_to(), "/admin", "{to}");
    }
    let language =
        Visitor::at(&demo.url).request("GET", "/admin/language/de").header("referer", "https://evil.example/elsewhere");
    assert_eq!(Visitor::at(&demo.url).send(language).await.leads_to(), "/admin");
}

#[tokio::test]
async fn a_session_from_before_the_login_is_invalid_after_it() {
    let demo = Server::demo();
    let anna = Visitor::first(&demo).await;
    let form = [("email", "anna@example.com"), ("password", PASSWORD)];
    let mut fixed = Visitor::at(&demo.url);
    let planted = "tfs_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    fixed.cookies.insert("__Host-twofactor-session".to_owned(), planted.to_owned());
    let page = fixed.post("/admin/login", &form).await;
    let cookie = page.headers.get_all("set-cookie").iter().next().unwrap().to_str().unwrap();
    for part in ["__Host-twofactor-session=tfs_", "; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
        assert!(cookie.contains(part) && !cookie.contains("Domain"), "{cookie}");
    }
    let own = fixed.cookies["__Host-twofactor-session"].clone();
    assert!(own != planted && own != anna.cookies["__Host-twofactor-session"]);
    fixed.cookies.insert("__Host-twofactor-session".to_owned(), planted.to_owned());
    assert_eq!(fixed.get("/admin").await.status, 303);
}

#[tokio::test]
async fn no_form_of_another_site_changes_anything() {
    let demo = Server::demo();
    let mut anna = Visitor::first(&demo).await;
    let path = anna.create("ecall", "Mine").await;
    let (before, lines) = (stored(&demo, &path).await, anna.get("/admin/audit").await.text);
    let forms = [
        "/admin/two-factors/new".to_owned(),
        path.clone(),
        format!("{path}/test"),
        format!("{path}/remove"),
        format!("{path}/assignments"),
        "/admin/base-settings/ecall".to_owned(),
        "/admin/tokens".to_owned(),
        "/admin/accounts".to_owned(),
        "/admin/account/password".to_owned(),
        "/admin/account/sessions".to_owned(),
        "/admin/logout".to_owned(),
        "/admin/login".to_owned(),
        "/admin/second-factor".to_owned(),
    ];
    for form in &forms {
        for (name, value) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("x-nothing", ""),
        ] {
            let request = anna.request("POST", form).header(name, value).body("name=x&type=ecall&subscription=demo");
            assert_eq!(anna.send(request).await.status, 403, "{form} {name}: {value}");
        }
    }
    assert_eq!(stored(&demo, &path).await, before);
    assert_eq!(anna.get("/admin/audit").await.text, lines);
}

#[tokio::test]
async fn pages_keep_to_themselves_and_are_small() {
    let demo = Server::demo();
    let mut anna = Visitor::first(&demo).await;
    let instance = anna.create("email", "Mail").await;
    let new = "/admin/two-factors/new".to_owned();
    let pages = [
        "/admin",
        "/admin/two-factors",
        "/admin/base-settings",
        "/admin/base-settings/email",
        "/admin/providers",
        "/admin/tokens",
        "/admin/accounts",
        "/admin/account",
        "/admin/audit",
        "/admin/login",
        "/admin/nowhere",
    ];
    for path in pages.into_iter().map(str::to_owned).chain([new, format!("{instance}/remove"), instance]) {
        let page = anna.get(&path).await;
        if path.ends_with("nowhere") {
            assert_eq!(page.status, 404);
            continue;
        }
        assert_eq!(page.status, 200, "{path}");
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'self'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"));
        assert_eq!(page.headers["x-frame-options"], "DENY");
        assert_eq!(page.headers["x-content-type-options"], "nosniff");
        assert_eq!(page.headers["cache-control"], "no-store");
        assert!(page.text.len() < 60_000, "{path}: {} bytes", page.text.len());
        // The page contains nothing that the content security policy would refuse.
        for inline in
            ["<style", " style=", " onclick", " onload", "javascript:", "src=\"http", "stylesheet\" href=\"http"]
        {
            assert!(!page.text.contains(inline), "{path}: {inline}");
        }
        assert_eq!(page.text.matches("<script").count(), 1, "{path}");
    }
}

#[tokio::test]
async fn what_people_and_providers_write_arrives_inert_on_every_page() {
    let demo = Server::demo();
    let admin = demo.token("admin_token");
    let mut anna = Visitor::first(&demo).await;
    let evil = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}";
    demo.call("POST", "/v1/subscriptions", admin, json!({"id": "evil", "name": evil})).await.expect(201);
    let path = anna.create("ecall", evil).await;
    let form = [
        ("/ECallAccountName", evil),
        ("/ECallAccountPassword", evil),
        ("/ECallAccountFromNumber", evil),
        ("policy/application_name", evil),
    ];
    anna.save(&path, &form[..3]).await.leads_to();
    // A refused policy is in the form again.
    let refused = anna.save(&path, &form).await;
    anna.post(&format!("{path}/assignments"), &[("kind", "tenant"), ("id", evil), ("do", "add")]).await.leads_to();
    anna.post("/admin/tokens", &[("name", evil), ("subscription", "demo")]).await;
    let invited = [("name", evil), ("email", "eve@example.com"), ("role", "system_admin")];
    let account = anna.post("/admin/accounts", &invited).await;
    anna.post("/admin/base-settings/ecall", &[("/ECallAccountFromNumber", evil), ("confirmed", "yes")])
        .await
        .leads_to();
    let mut pages = vec![refused, account];
    for path in [
        "/admin",
        "/admin/two-factors",
        "/admin/two-factors/new",
        &path,
        &format!("{path}/remove"),
        "/admin/tokens",
        "/admin/accounts",
        "/admin/base-settings",
        "/admin/base-settings/ecall",
        "/admin/audit",
        "/admin/login?to=%22%3E%3Cscript%3E",
    ] {
        pages.push(anna.get(path).await);
    }
    let login = [("email", evil), ("password", evil)];
    pages.push(Visitor::at(&demo.url).post("/admin/login", &login).await);
    for page in pages {
        assert!(
            !page.text.contains("<script>") && !page.text.contains("<img") && !page.text.contains("&gt;49"),
            "{}",
            page.text
        );
        assert_eq!(page.text.matches("<script").count(), 1);
    }
}

#[tokio::test]
async fn a_stored_secret_never_comes_back_and_goes_to_no_other_server() {
    let demo = Server::demo();
    let mut anna = Visitor::first(&demo).await;
    let path = anna.create("email", "Mail").await;
    let server = |host: &'static str, password: &'static str| {
        [
            ("/EMailSenderAddress", "codes@example.com"),
            ("/MailServerConfig", "SMTP"),
            ("/MailServerConfig/SMTP/Host", host),
            ("/MailServerConfig/SMTP/Port", "465"),
            ("/MailServerConfig/SMTP/EnableSSL", "true"),
            ("/MailServerConfig/SMTP/UserName", "u"),
            ("/MailServerConfig/SMTP/Password", password),
        ]
    };
    anna.save(&path, &server("smtp.example.com", "s3cret-canary")).await.leads_to();
    let page = anna.get(&path).await;
    assert!(!page.text.contains("s3cret-canary") && page.text.contains("Stored; leave empty to keep"));
    // If left empty, it stays, also when something else changes.
    anna.save(&path, &[&server("smtp.example.com", "")[..], &[("/EMailSenderName", "Shop")]].concat()).await.leads_to();
    assert_eq!(stored(&demo, &path).await["MailServerConfig"]["Password"], "********");
    // A typed mask is not a secret either.
    anna.save(&path, &server("smtp.example.com", "********")).await.leads_to();
    let swapped = anna.save(&path, &server("smtp.evil.example", "")).await;
    assert_eq!(swapped.status, 200);
    assert!(swapped.text.contains("enter the secret again") && !swapped.text.contains("s3cret-canary"));
    assert_eq!(stored(&demo, &path).await["MailServerConfig"]["Host"], "smtp.example.com");
    anna.save(&path, &server("smtp.evil.example", "its-own")).await.leads_to();
}

#[tokio::test]
async fn fields_that_are_not_in_a_form_change_nothing() {
    let demo = Server::demo();
    let mut anna = Visitor::first(&demo).await;
    let path = anna.create("ecall", "Mine").await;
    let more = [
        ("type", "twilio"),
        ("subscription", "other"),
        ("id", "x"),
        ("valid", "true"),
        ("created_at", "x"),
        ("policy", "{}"),
        ("/Unknown", "x"),
        ("options", "{}"),
    ];
    anna.save(&path, &more).await.shows("Saved.");
    let admin = demo.token("admin_token");
    let read = demo.call("GET", &common::visitor::api_path(&path), admin, Value::Null).await.expect(200);
    assert_eq!(
        (&read["type"], &read["subscription"], &read["options"], &read["policy"], &read["valid"]),
        (&json!("ecall"), &json!("demo"), &json!({}), &Value::Null, &json!(false))
    );
}

#[tokio::test]
async fn two_people_who_edit_at_once_do_not_undo_each_other() {
    let demo = Server::demo();
    let mut anna = Visitor::first(&demo).await;
    let path = anna.create("ecall", "Mine").await;
    let revision = anna.get(&path).await.value("name=\"revision\" value=\"");
    anna.save(&path, &[("/ECallAccountName", "of the first")]).await.leads_to();
    let late = [("revision", &*revision), ("name", "Mine"), ("active", "yes"), ("/ECallAccountName", "of the second")];
    let page = anna.post(&path, &late).await.shows("Another user changed this").shows("of the second");
    assert_eq!(stored(&demo, &path).await["ECallAccountName"], "of the first");
    // Knowing that, the second saves again.
    let now = page.value("name=\"revision\" value=\"");
    anna.post(&path, &[&[("revision", &*now)], &late[1..]].concat()).await.leads_to();
    assert_eq!(stored(&demo, &path).await["ECallAccountName"], "of the second");
}

#[tokio::test]
async fn an_administrator_of_a_subscription_finds_its_own_and_nothing_else() {
    let demo = Server::demo();
    let admin = demo.token("admin_token");
    let mut anna = Visitor::first(&demo).await;
    let foreign = anna.create("ecall", "Of demo").await;
    demo.call("POST", "/v1/subscriptions", admin, json!({"id": "other", "name": "Other"})).await.expect(201);
    let form =
        [("name", "Ben"), ("email", "ben@example.com"), ("role", "subscription_admin"), ("subscription", "other")];
    let invited = anna.post("/admin/accounts", &form).await;
    let link = invited.text.split("/admin/invitation/").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let mut ben = Visitor::at(&demo.url);
    ben.post(&format!("/admin/invitation/{link}"), &[("password", "another good long one")]).await.leads_to();

    let list = ben.get("/admin/two-factors").await;
    assert!(!list.text.contains("Of demo") && !list.text.contains("/admin/accounts\""));
    let unknown = foreign.rsplit_once('/').unwrap().0.to_owned() + "/AAAAAAAAAAAAAAAAAAAAAAAA";
    for (method, more) in [
        ("GET", ""),
        ("POST", ""),
        ("POST", "/test"),
        ("GET", "/remove"),
        ("POST", "/remove"),
        ("POST", "/assignments"),
    ] {
        let mut answers = Vec::new();
        for path in [&foreign, &unknown] {
            let request = ben.request(method, &format!("{path}{more}")).header("sec-fetch-site", "same-origin");
            let page = ben.send(request).await;
            answers.push((page.status, page.text));
        }
        assert_eq!(answers[0].0, 404, "{method} {more}");
        assert_eq!(answers[0], answers[1], "{method} {more}");
    }
    for path in ["/admin/base-settings", "/admin/base-settings/ecall", "/admin/accounts", "/admin/audit"] {
        assert_eq!(ben.get(path).await.status, 403, "{path}");
    }
    let token = [("name", "x"), ("subscription", "demo")];
    assert_eq!(ben.post("/admin/tokens", &token).await.status, 404);
    // The link was good once.
    let mut late = Visitor::at(&demo.url);
    assert_eq!(late.get(&format!("/admin/invitation/{link}")).await.status, 410);
}

#[tokio::test]
async fn a_login_with_a_second_factor_ends_with_the_code_and_not_without_it() {
    let Guarded { server, demo, admin, .. } = &Guarded::start();
    let mut anna = Visitor::first(server).await;
    anna.get("/admin").await.shows("without a second factor");
    server.call("POST", "/v1/subscriptions", admin, json!({"id": "demo", "name": "Ours"})).await.expect(201);
    let id = anna.get("/admin/accounts").await.value("href=\"/admin/accounts/");
    let path = format!("/admin/accounts/{id}");
    let revision = anna.get(&path).await.value("name=\"revision\" value=\"");
    let phone = [
        ("revision", &*revision),
        ("name", "Anna"),
        ("phone", "+41 79 111 22 33"),
        ("role", "system_admin"),
        ("enabled", "yes"),
    ];
    anna.post(&path, &phone).await.leads_to();
    let sms = anna.create("ecall", "SMS").await;
    anna.save(&sms, &[("/ECallAccountName", "a"), ("/ECallAccountPassword", "p"), ("/ECallAccountFromNumber", "Shop")])
        .await
        .leads_to();
    anna.post(
        &format!("{sms}/assignments"),
        &[("kind", "client_application"), ("id", "twofactor-admin"), ("do", "add")],
    )
    .await
    .leads_to();

    let mut again = Visitor::at(&server.url);
    let form = [("email", "anna@example.com"), ("password", PASSWORD)];
    let page = again.post("/admin/login?to=%2Fadmin%2Faudit", &form).await;
    assert_eq!(page.leads_to(), "/admin/second-factor?to=%2Fadmin%2Faudit");
    // The password alone opens nothing.
    assert_eq!(again.get("/admin/audit").await.status, 303);
    let code = demo.code("+41791112233").await;
    let answer = "/admin/second-factor?to=%2Fadmin%2Faudit";
    let wrong =
        again.post(answer, &[("code", &*common::wrong(&code))]).await.shows("Incorrect code. Attempts left: 4.");
    assert_eq!(wrong.status, 200);
    assert_eq!(again.get("/admin/audit").await.status, 303);
    assert_eq!(again.post(answer, &[("code", &*code)]).await.leads_to(), "/admin/audit");
    let audit = again.get("/admin/audit").await;
    assert!(!audit.text.contains("without a second factor:") && audit.text.contains("with a second factor"));
}

#[tokio::test]
async fn a_policy_to_reconsider_says_so_where_it_is_edited() {
    let demo = Server::demo();
    let mut anna = Visitor::first(&demo).await;
    let (short, everywhere) = ("Codes have fewer than the 6 digits", "Messages may go to every country.");
    let policy = [("policy/code_length", "4"), ("policy/countries", "*")];
    for (type_id, sends_to_phones) in [("ecall", true), ("email", false)] {
        let path = anna.create(type_id, "Codes").await;
        let before = anna.get(&path).await;
        assert!(!before.text.contains(short), "{}", before.text);
        anna.save(&path, &policy).await;
        let page = anna.get(&path).await.shows(short);
        assert_eq!(page.text.contains(everywhere), sends_to_phones, "{}", page.text);
    }
}
