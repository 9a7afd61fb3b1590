//! The pages of the admin UI that each role sees, and whose forms count: role × page × own and
//! foreign. The pages are taken from the router's own lines, so none can be forgotten.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::common;
use common::role::Role;
use common::visitor::{PASSWORD, Page, Visitor};
use common::{Answer, Server};
use serde_json::{Value, json};

/// As the form of an account posts it.
fn posted(role: Role) -> Vec<(&'static str, &'static str)> {
    match role {
        Role::SystemAdmin => vec![("role", "system_admin")],
        Role::SubscriptionAdmin => vec![("role", "subscription_admin"), ("subscription", "demo")],
        // What was selected under another choice does not count.
        Role::Auditor => vec![("role", "auditor"), ("subscription", "demo"), ("audited", "demo")],
        Role::SubscriptionAuditor => {
            vec![("role", "subscription_auditor"), ("subscription", "other"), ("audited", "demo")]
        }
        Role::Application => panic!("no account has this role"),
    }
}

/// The roles that a page is for.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Rule {
    /// Somebody who is not logged in, or not yet.
    Nobody,
    /// Everybody who is.
    Everybody,
    /// Those of the whole installation.
    System,
    /// Those of a subscription.
    Own,
}

/// Returns whom a page is for, and whether it exists to change something even when it is read.
fn rule(path: &str) -> (Rule, bool) {
    let asks = path.ends_with("/new")
        || path.ends_with("/remove")
        || path.ends_with("/revoke")
        || path.ends_with("/reset")
        || path.ends_with("/roll-back");
    let rule = match path {
        "/admin/login"
        | "/admin/login/oidc"
        | "/admin/login/oidc/back"
        | "/admin/second-factor"
        | "/admin/second-factor/other"
        | "/admin/second-factor/resend"
        | "/admin/invitation/{secret}"
        | "/admin/language/{tag}" => Rule::Nobody,
        "/admin"
        | "/admin/two-factors"
        | "/admin/two-factors/new"
        | "/admin/tokens"
        | "/admin/account"
        | "/admin/account/password"
        | "/admin/account/sessions"
        | "/admin/account/factors"
        | "/admin/account/factors/{id}/remove"
        | "/admin/account/enrolments/{id}"
        | "/admin/messages"
        | "/admin/logout" => Rule::Everybody,
        "/admin/messages/unlock" => Rule::Everybody,
        "/admin/providers" | "/admin/providers/approval" | "/admin/providers/bundled" | "/admin/subscriptions" => {
            Rule::Everybody
        }
        "/admin/base-settings"
        | "/admin/base-settings/{type}"
        | "/admin/accounts"
        | "/admin/accounts/{id}"
        | "/admin/accounts/{id}/invitation"
        | "/admin/accounts/{id}/remove"
        | "/admin/providers/{type}/roll-back"
        | "/admin/settings/second-factor"
        | "/admin/audit" => Rule::System,
        "/admin/two-factors/{subscription}/{id}"
        | "/admin/two-factors/{subscription}/{id}/test"
        | "/admin/two-factors/{subscription}/{id}/remove"
        | "/admin/two-factors/{subscription}/{id}/assignments"
        | "/admin/two-factors/{subscription}/{id}/directory"
        | "/admin/subscriptions/{subscription}"
        | "/admin/subscriptions/{subscription}/logo"
        | "/admin/subscriptions/{subscription}/users"
        | "/admin/subscriptions/{subscription}/users/factor"
        | "/admin/subscriptions/{subscription}/users/reset"
        | "/admin/subscriptions/{subscription}/users/pass"
        | "/admin/subscriptions/{subscription}/users/pass/revoke"
        | "/admin/subscriptions/{subscription}/users/browsers"
        | "/admin/tokens/{id}/revoke" => Rule::Own,
        unknown => panic!("{unknown} is a new page: say whom it is for"),
    };
    (rule, asks)
}

/// The forms that everybody may send.
const ONESELF: [&str; 7] = [
    "/admin/account/password",
    "/admin/account/sessions",
    "/admin/account/factors",
    "/admin/account/factors/{id}/remove",
    "/admin/account/enrolments/{id}",
    "/admin/logout",
    "/admin/messages",
];

/// What everybody reads and those of the whole installation change.
const SYSTEM_CHANGES: [&str; 4] =
    ["/admin/providers", "/admin/providers/approval", "/admin/providers/bundled", "/admin/subscriptions"];

/// The forms that name a subscription in a field.
const NAMING: [&str; 3] = ["/admin/two-factors/new", "/admin/tokens", "/admin/messages/unlock"];

/// Every page with its methods.
fn pages() -> Vec<(String, Vec<&'static str>)> {
    let routes = include_str!("../src/ui/mod.rs").split(".route(").skip(1);
    let mut pages = Vec::new();
    for route in routes {
        let path = match route.strip_prefix("links::SECOND_FACTOR") {
            Some(_) => "/admin/settings/second-factor",
            None => route.split('"').nth(1).unwrap(),
        };
        let methods: Vec<_> =
            [("get(", "GET"), ("post(", "POST")].into_iter().filter(|(call, _)| route.contains(call)).collect();
        if !path.ends_with(".css") && !path.ends_with(".js") {
            pages.push((path.to_owned(), methods.into_iter().map(|(_, method)| method).collect()));
        }
    }
    assert!(pages.len() >= 31, "{pages:?}");
    pages
}

/// A server with the subscriptions `demo` and `other`.
struct Stage {
    demo: Server,
}

impl Stage {
    async fn new() -> Self {
        let demo = Server::demo();
        let stage = Self { demo };
        stage.make("/v1/subscriptions", json!({"id": "other", "name": "FOREIGN subscription"})).await;
        let token = json!({"name": "FOREIGN token", "role": "application", "subscriptions": ["other"]});
        stage.make("/v1/tokens", token).await;
        let instance = json!({"type": "ecall", "name": "FOREIGN instance"});
        stage.make("/v1/subscriptions/other/two-factors", instance).await;
        let add = stage.demo.request("POST", "/v1/providers", stage.demo.token("admin_token"));
        Answer::of(add.body(twofactor_bundle::ECALL)).await.expect(201);
        stage
    }

    async fn make(&self, path: &str, body: Value) -> Value {
        self.demo.call("POST", path, self.demo.token("admin_token"), body).await.expect(201)
    }

    /// Somebody of a role for `demo`, invited by the form.
    async fn somebody(&self, anna: &mut Visitor, role: Role) -> Visitor {
        let email = format!("{role:?}@example.com").to_lowercase();
        let form = [vec![("name", "Somebody"), ("email", &*email)], posted(role)].concat();
        let invited = anna.post("/admin/accounts", &form).await;
        let link = invited.text.split("/admin/invitation/").nth(1).unwrap().split('<').next().unwrap().to_owned();
        let mut visitor = Visitor::at(&self.demo.url);
        let accepted = visitor.post(&format!("/admin/invitation/{link}"), &[("password", PASSWORD)]).await;
        assert_eq!(accepted.leads_to(), "/admin");
        visitor
    }

    /// Returns a path to something newly made: what a form removes is not missed by the next.
    async fn aim(&self, path: &str, subscription: &str) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let id = match path {
            _ if !path.contains("{id}") => String::new(),
            _ if path.starts_with("/admin/accounts") => {
                let email = format!("a{}@example.com", NEXT.fetch_add(1, Ordering::Relaxed));
                let body = json!({"name": "A", "email": email, "role": "auditor"});
                self.make("/v1/accounts", body).await["id"].as_str().unwrap().to_owned()
            }
            _ if path.starts_with("/admin/tokens") => {
                let body = json!({"name": "x", "role": "application", "subscriptions": [subscription]});
                self.make("/v1/tokens", body).await["id"].as_str().unwrap().to_owned()
            }
            _ => {
                let body = json!({"type": "ecall", "name": "x"});
                let made = self.make(&format!("/v1/subscriptions/{subscription}/two-factors"), body).await;
                made["id"].as_str().unwrap().to_owned()
            }
        };
        path.replace("{id}", &id).replace("{subscription}", subscription).replace("{type}", "ecall")
    }
}

fn is_for_changes(method: &str, path: &str, asks: bool) -> bool {
    (method == "POST" || asks) && !ONESELF.contains(&path)
}

#[tokio::test]
#[allow(clippy::print_stdout, reason = "prints measurements")]
async fn every_page_is_for_the_roles_meant_and_no_form_of_an_auditor_counts_but_for_the_own_account() {
    let stage = Stage::new().await;
    let mut anna = Visitor::first(&stage.demo).await;
    let mut asked = 0;
    for role in Role::OF_PEOPLE {
        let mut somebody = stage.somebody(&mut anna, role).await;
        for path in
            ["/admin/tokens", "/admin/subscriptions", "/admin/two-factors", "/admin/two-factors?subscription=other"]
        {
            let page = somebody.get(path).await;
            let foreign = page.text.contains("FOREIGN");
            assert_eq!(foreign, role.is_of_the_system(), "{role:?} {path}: {}", page.text);
        }
        for (path, methods) in pages() {
            let (rule, asks) = rule(&path);
            if rule == Rule::Nobody || path == "/admin/logout" {
                continue;
            }
            for method in methods {
                for home in ["demo", "other"] {
                    let aimed = stage.aim(&path, home).await;
                    let names = NAMING.contains(&&*path) && method == "POST";
                    let body = if names { format!("name=x&type=ecall&subscription={home}") } else { String::new() };
                    let request = somebody.request(method, &aimed).header("sec-fetch-site", "same-origin").body(body);
                    let page = somebody.send(request).await;
                    let changes = is_for_changes(method, &path, asks);
                    let system = rule == Rule::System || (changes && SYSTEM_CHANGES.contains(&&*path));
                    // A redirect reveals nothing about its target.
                    let leads = page.status == 303 && method == "GET" && !asks;
                    let meant = match () {
                        () if leads => page.status,
                        () if changes && role.is_auditor() => 403,
                        () if system && !role.is_of_the_system() => 403,
                        () if (rule == Rule::Own || names) && home == "other" && !role.is_of_the_system() => 404,
                        () => page.status,
                    };
                    assert_eq!(page.status, meant, "{role:?} {method} {aimed}: {}", page.text);
                    if meant == page.status && ![403, 404].contains(&meant) {
                        assert!(!page.headers.get("location").is_some_and(|to| to.to_str().unwrap().contains("login")));
                        assert!(
                            [200, 201, 303, 400, 422].contains(&page.status),
                            "{role:?} {method} {aimed}: {}",
                            page.status
                        );
                    }
                    asked += 1;
                }
            }
        }
        assert_eq!(somebody.post("/admin/logout", &[]).await.leads_to(), "/admin/login");
        assert_eq!(somebody.get("/admin").await.status, 303);
    }
    println!("{asked} pages and forms asked for by {} roles", Role::OF_PEOPLE.len());
}

/// Returns the forms of a page, without that for logging out.
fn forms(page: &Page) -> usize {
    page.text.matches("<form").count() - page.text.matches("action=\"/admin/logout\"").count()
}

#[tokio::test]
async fn an_auditor_reads_every_page_and_finds_no_form_and_no_button_and_leaves_no_trace() {
    let stage = Stage::new().await;
    let admin = stage.demo.token("admin_token");
    let mut anna = Visitor::first(&stage.demo).await;
    let mail = anna.create("email", "Our mail").await;
    let smtp = [
        ("/EMailSenderAddress", "codes@example.com"),
        ("/MailServerConfig", "SMTP"),
        ("/MailServerConfig/SMTP/Host", "smtp.example.com"),
        ("/MailServerConfig/SMTP/UserName", "u"),
        ("/MailServerConfig/SMTP/Password", "s3cret-canary"),
    ];
    anna.save(&mail, &smtp).await.leads_to();
    anna.post(&format!("{mail}/assignments"), &[("kind", "tenant"), ("id", "acme"), ("do", "add")]).await.leads_to();
    for role in [Role::Auditor, Role::SubscriptionAuditor] {
        let mut somebody = stage.somebody(&mut anna, role).await;
        let before = anna.get("/admin/audit").await.text;
        let own = somebody.get("/admin/account").await;
        assert!(own.text.contains("name=\"current\""), "the own password is everybody's to change");
        for (path, methods) in pages() {
            let (rule, asks) = rule(&path);
            let readable = methods.contains(&"GET") && !asks && path != "/admin/account";
            let may = rule != Rule::Nobody && (rule != Rule::System || role.is_of_the_system());
            if !readable || !may || path.contains("{id}") {
                continue;
            }
            let page = somebody.get(&path.replace("{type}", "ecall").replace("{subscription}", "demo")).await;
            // Lists are narrowed, and messages are searched, by forms that ask and change nothing.
            let narrows = page.text.matches("<form class=\"filter\"").count();
            assert_eq!(forms(&page), narrows, "{role:?} {path}: {}", page.text);
            let buttons = page.text.matches("<button").count() - narrows;
            assert!(buttons <= 1 && !page.text.contains("button main"), "{role:?} {path}: {}", page.text);
        }
        let page = somebody.get(&mail).await.shows("codes@example.com").shows("<fieldset disabled").shows("acme");
        assert_eq!(forms(&page), 0, "{}", page.text);
        assert!(!page.text.contains("s3cret-canary") && !page.text.contains("/remove"), "{}", page.text);
        assert_eq!(page.text.matches("<button").count(), 1, "to log out: {}", page.text);
        // Reading left no entry, and failed attempts changed nothing.
        for path in [mail.clone(), format!("{mail}/remove"), format!("{mail}/assignments"), "/admin/tokens".to_owned()]
        {
            let form = [("name", "x"), ("subscription", "demo"), ("kind", "tenant"), ("id", "x"), ("do", "add")];
            assert_eq!(somebody.post(&path, &form).await.status, 403, "{path}");
        }
        assert_eq!(anna.get("/admin/audit").await.text, before);
        // The own account is theirs.
        let change = [("current", PASSWORD), ("new", "a wholly different sentence")];
        assert_eq!(somebody.post("/admin/account/password", &change).await.leads_to(), "/admin/account?done=password");
    }
    let accounts = stage.demo.call("GET", "/v1/accounts", admin, Value::Null).await.expect(200);
    let bound = |email: &str| {
        let all = accounts["accounts"].as_array().unwrap();
        let one = all.iter().find(|one| one["email"] == email).unwrap();
        (one["role"].clone(), one["subscriptions"].clone())
    };
    assert_eq!(bound("auditor@example.com"), (json!("auditor"), json!([])));
    assert_eq!(bound("subscriptionauditor@example.com"), (json!("auditor"), json!(["demo"])));
}

#[tokio::test]
async fn base_service_settings_are_shown_only_to_those_of_the_whole_installation() {
    let stage = Stage::new().await;
    let mut anna = Visitor::first(&stage.demo).await;
    let settings = json!({"ECallAccountName": "canary-account", "ECallAccountPassword": "canary-password"});
    let admin = stage.demo.token("admin_token");
    stage.demo.call("PUT", "/v1/base-settings/ecall", admin, settings).await.expect(200);
    let own = anna.create("ecall", "Ours").await;
    for role in Role::OF_PEOPLE {
        let mut somebody = stage.somebody(&mut anna, role).await;
        let mut pages = vec![somebody.get(&own).await];
        if !role.is_auditor() {
            pages.push(somebody.get("/admin/two-factors/new").await);
        }
        for page in pages {
            assert_eq!(page.text.contains("canary-account"), role.is_of_the_system(), "{role:?}: {}", page.text);
            let only_that = page.text.contains("Base service settings: value set");
            assert_eq!(only_that, !role.is_of_the_system(), "{role:?}: {}", page.text);
            assert!(!page.text.contains("canary-password"), "{role:?}: {}", page.text);
        }
    }
}

#[tokio::test]
async fn an_auditor_of_no_subscription_cannot_read_everything() {
    let stage = Stage::new().await;
    let admin = stage.demo.token("admin_token");
    let mut anna = Visitor::first(&stage.demo).await;
    let form = [("name", "A"), ("email", "a@example.com"), ("role", "subscription_auditor")];
    anna.post("/admin/accounts", &form).await.shows("must name at least one subscription for an `auditor`");
    let body = json!({"name": "A", "email": "a@example.com", "role": "auditor", "subscriptions": []});
    stage.demo.call("POST", "/v1/accounts", admin, body).await.problem(400, "invalid-input");
    let body = json!({"name": "A", "email": "a@example.com", "role": "auditor", "subscriptions": ["none"]});
    stage.demo.call("POST", "/v1/accounts", admin, body).await.problem(400, "invalid-input");

    // The form keeps what an account is.
    let body = json!({"name": "A", "email": "a@example.com", "role": "auditor", "subscriptions": ["demo"]});
    let made = stage.make("/v1/accounts", body).await;
    let page = anna.get(&format!("/admin/accounts/{}", made["id"].as_str().unwrap())).await;
    page.shows("value=\"subscription_auditor\" checked").shows("name=\"audited\" value=\"demo\" checked");
    let body = json!({"name": "B", "email": "b@example.com", "role": "auditor"});
    let made = stage.make("/v1/accounts", body).await;
    let path = format!("/v1/accounts/{}", made["id"].as_str().unwrap());
    let narrowed = json!({"role": "auditor", "subscriptions": ["other"]});
    let narrowed = stage.demo.call("PATCH", &path, admin, narrowed).await.expect(200);
    assert_eq!(narrowed["subscriptions"], json!(["other"]));
}
