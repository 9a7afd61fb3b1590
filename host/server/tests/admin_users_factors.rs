//! The pages of users' factors in the admin UI: each action, its permissions, and its refusals.

use crate::{common, factors, site};
use common::visitor::{PASSWORD, Page, Visitor};
use factors::Stage;
use serde_json::{Value, json};
use twofactor::Actor;
use twofactor::accounts::NewAccount;
use twofactor::admin::InstanceChange;
use twofactor::challenge::{Answer, Recipient};
use twofactor::factor::{NewAddress, Proof};
use twofactor::instance::SignIn;
use twofactor::token::Role;

const USERS: &str = "/admin/subscriptions/shop/users";
const ALICE: &str = "/admin/subscriptions/shop/users?user=alice";
const BECAUSE: (&str, &str) = ("reason", "Lost phone, identity verified in person");

/// Returns the first administrator, logged in.
async fn first(stage: &Stage) -> Visitor {
    let invitation = stage.site.engine.accounts().first_invitation().await.unwrap().unwrap();
    let mut visitor = Visitor::at(&stage.site.url);
    let form = [("name", "Anna"), ("email", "anna@example.com"), ("password", PASSWORD)];
    assert_eq!(visitor.post(&invitation.path(), &form).await.leads_to(), "/admin");
    visitor
}

/// Returns another person with a role, logged in, and the id of the account.
async fn somebody(stage: &Stage, email: &str, role: Role) -> (Visitor, String) {
    let new = NewAccount { name: "Somebody".to_owned(), email: email.to_owned(), phone: None, role };
    let (account, invitation) = stage.site.engine.accounts().create(&Actor::new("test"), new).await.unwrap();
    let mut visitor = Visitor::at(&stage.site.url);
    assert_eq!(visitor.post(&invitation.path(), &[("password", PASSWORD)]).await.leads_to(), "/admin");
    (visitor, account.id)
}

fn hides(page: &Page, text: &str) {
    assert!(!page.text.contains(text), "{text} is in {}", page.text);
}

/// Returns the details of all entries of the audit log with this action, the oldest first.
async fn audited(stage: &Stage, action: &str) -> Vec<String> {
    let all = stage.site.admin().audit_log(0, 1000).await.unwrap();
    all.into_iter().filter(|line| line.action == action).map(|line| line.detail).collect()
}

#[tokio::test]
async fn a_factor_is_shown_suspended_resumed_and_removed() {
    let stage = Stage::start().await;
    let mut anna = first(&stage).await;
    anna.get("/admin/subscriptions/shop").await.shows("href=\"/admin/subscriptions/shop/users\"");
    anna.get(USERS).await.shows("Users’ factors").shows("name=\"user\"");
    anna.get(ALICE).await.shows("Nothing is known about this user.");
    let app = stage.app("alice", json!({})).await;
    let proof = stage.proof("alice", &app).await;
    let codes = stage.begin("alice", &stage.recovery, json!({"proof": proof})).await.expect(201);
    stage.finish(&codes, json!({})).await.expect(201);
    let page = anna.get(ALICE).await.shows("Authenticator app").shows("Recovery codes").shows("10 codes left");
    let page = page.shows("badge good\">Active").shows("Recent events").shows("No active pass.");
    let link = page.value(&format!("{}/factor?user=alice&amp;factor=", USERS).replace("/admin", "href=\"/admin"));
    assert!(page.text.contains(&link));

    let one = format!("{USERS}/factor?user=alice&factor={}", app.factor);
    let page = anna.get(&one).await.shows("Authenticator app").shows("Suspend");
    hides(&page, "value=\"resume\"");
    let path = format!("{USERS}/factor");
    let form = async |anna: &mut Visitor, what: &str, reason: &str| {
        let fields = [("user", "alice"), ("factor", &*app.factor), ("do", what), ("reason", reason)];
        anna.post(&path, &fields).await
    };
    // Without a reason nothing changes, and the same page asks for it.
    form(&mut anna, "suspend", "")
        .await
        .shows("must be a single line of 1 to 200 characters")
        .shows("value=\"suspend\"");
    let long = "x".repeat(201);
    form(&mut anna, "suspend", &long).await.shows(&long);
    form(&mut anna, "explode", BECAUSE.1).await.leads_to();
    assert!(audited(&stage, "factor.suspend").await.is_empty());

    let done = form(&mut anna, "suspend", BECAUSE.1).await;
    assert_eq!(done.leads_to(), format!("{ALICE}&done=suspended"));
    anna.get(done.leads_to()).await.shows("Factor suspended.").shows("badge warn\">Suspended");
    assert_ne!(stage.challenge("alice", &stage.totp, json!({})).await.status, 201);
    form(&mut anna, "suspend", BECAUSE.1).await.shows("Nothing was changed");
    form(&mut anna, "resume", BECAUSE.1).await.leads_to();
    stage.challenge("alice", &stage.totp, json!({})).await.expect(201);

    // Recovery codes are only a fallback: they end with the app.
    form(&mut anna, "remove", BECAUSE.1).await.leads_to();
    let page = anna.get(ALICE).await.shows("This user has no factors.").shows("Former factors (2)").shows("Removed");
    hides(&page, "badge good\">Active");
    let page = anna.get(&one).await.shows("badge off\">Ended");
    hides(&page, "value=\"remove\"");
    form(&mut anna, "remove", BECAUSE.1).await.shows("Nothing was changed");
    for action in ["factor.suspend", "factor.resume", "factor.remove"] {
        let details = audited(&stage, action).await;
        assert_eq!(details.len(), 1, "{action}: {details:?}");
        assert!(details[0].contains(BECAUSE.1), "{details:?}");
    }
    anna.get("/admin/audit").await.shows("Factor suspended").shows("Factor resumed").shows("Factor removed");
}

#[tokio::test]
async fn a_pass_is_shown_once_and_revoked() {
    let stage = Stage::start().await;
    let mut anna = first(&stage).await;
    stage.app("alice", json!({})).await;
    let path = format!("{USERS}/pass");
    for (minutes, reason, why) in [
        ("9", BECAUSE.1, "must be 10 to 480"),
        ("481", BECAUSE.1, "must be 10 to 480"),
        ("ten", BECAUSE.1, "must be 10 to 480"),
        ("30", "", "must be a single line"),
    ] {
        let form = [("user", "alice"), ("minutes", minutes), ("reason", reason)];
        let page = anna.post(&path, &form).await.shows(why).shows(&format!("value=\"{minutes}\""));
        assert!(page.text.contains("<details class=\"policy\" open"), "{}", page.text);
    }
    assert!(audited(&stage, "pass.issue").await.is_empty());

    let form = [("user", "alice"), ("minutes", "30"), BECAUSE];
    let issued = anna.post_alone(&path, &form).await;
    let shown = issued.leads_to().to_owned();
    let page = anna.get(&shown).await.shows("badge warn\">Active");
    let pass = page.value("<code class=\"secret\">").split('<').next().unwrap().to_owned();
    assert_eq!(pass.len(), 19, "{pass}");
    hides(&anna.get(&shown).await, &pass);
    hides(&anna.get(ALICE).await, &pass);
    let with = |pass: &str| json!({"proof": {"pass": pass}});
    stage.app("alice", with(&pass)).await;
    let page = anna.get(ALICE).await.shows("No active pass.").shows("Temporary pass used");
    hides(&page, "pass/revoke");

    // The next pass is revoked before it is used.
    let issued = anna.post(&path, &form).await;
    let pass = issued.value("<code class=\"secret\">").split('<').next().unwrap().to_owned();
    let revoke = format!("{USERS}/pass/revoke");
    anna.get(&format!("{revoke}?user=alice")).await.shows("Revoke the temporary pass?");
    anna.post(&revoke, &[("user", "alice")]).await.shows("must be a single line").shows("Revoke the temporary pass?");
    let done = anna.post(&revoke, &[("user", "alice"), BECAUSE]).await;
    anna.get(done.leads_to()).await.shows("Temporary pass revoked.").shows("No active pass.");
    stage.begin("alice", &stage.recovery, with(&pass)).await.problem(403, "proof-required");
    assert_eq!((audited(&stage, "pass.issue").await.len(), audited(&stage, "pass.end").await.len()), (2, 1));
}

#[tokio::test]
async fn a_reset_ends_everything_and_no_address_stays_verified() {
    let stage = Stage::start().await;
    let mut anna = first(&stage).await;
    let (admin, engine) = (stage.site.admin(), &stage.site.engine);
    let sms = admin.instances("shop").await.unwrap().into_iter().find(|one| one.type_id == "ecall").unwrap();
    let policy = InstanceChange { policy: Some(Some(json!({"remembered_days": 7}))), ..InstanceChange::default() };
    admin.update_instance("shop", &sms.id, policy, None).await.unwrap();
    let sign_in = SignIn::new("shop").tenant("main").user("alice");
    let recipient = Recipient { phone: Some(site::PHONE.to_owned()), ..Recipient::default() };
    let challenge = engine.add_address(NewAddress::new(sign_in.clone(), recipient, Proof::FirstFactor)).await.unwrap();
    let code = stage.site.ecall.code();
    engine.confirm_address("shop", Answer::new(&challenge.id, &code)).await.unwrap();
    anna.get(ALICE).await.shows("Phone number").shows("67</td>").shows("This user has no factors.");
    anna.post(&format!("{USERS}/pass"), &[("user", "alice"), ("minutes", "60"), BECAUSE]).await;
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0";
    for agent in [Some(agent), Some("Your bank: type the code"), None] {
        engine.remembered_browsers().remember(&sign_in, &sms.id, agent).await.unwrap().unwrap();
    }

    // Browsers are forgotten one by one, and all at once.
    let page = anna.get(ALICE).await.shows("Firefox, Linux").shows("Unknown browser").shows("Forget all browsers");
    hides(&page, "Your bank");
    let browser = page.value("name=\"browser\" value=\"");
    let forget = format!("{USERS}/browsers");
    let form = [("user", "alice"), ("browser", &*browser)];
    let done = anna.post(&forget, &form).await;
    anna.get(done.leads_to()).await.shows("Browser forgotten.");
    anna.post(&forget, &form).await.shows("Nothing was changed");
    assert_eq!(engine.remembered_browsers().list("shop", "alice").await.unwrap().len(), 2);
    let done = anna.post(&forget, &[("user", "alice")]).await;
    anna.get(done.leads_to()).await.shows("All remembered browsers forgotten.");
    assert!(engine.remembered_browsers().list("shop", "alice").await.unwrap().is_empty());

    engine.remembered_browsers().remember(&sign_in, &sms.id, None).await.unwrap().unwrap();
    let reset = format!("{USERS}/reset");
    anna.get(&format!("{reset}?user=alice")).await.shows("Reset all factors?");
    anna.post(&reset, &[("user", "alice")]).await.shows("must be a single line").shows("Reset all factors?");
    assert_eq!(engine.remembered_browsers().list("shop", "alice").await.unwrap().len(), 1);
    let done = anna.post(&reset, &[("user", "alice"), BECAUSE]).await;
    let page = anna.get(done.leads_to()).await.shows("All factors reset.").shows("No active pass.");
    hides(&page, "Forget");
    hides(&page, "67</td>");
    assert!(audited(&stage, "factor.reset").await[0].contains(BECAUSE.1));
}

#[tokio::test]
async fn administrators_change_and_auditors_read_only_their_subscriptions() {
    let stage = Stage::start().await;
    let mut anna = first(&stage).await;
    stage.site.admin().create_subscription("other", "Other").await.unwrap();
    let app = stage.app("alice", json!({})).await;
    let of = |id: &str| vec![id.to_owned()];
    let (mut own, own_id) =
        somebody(&stage, "own@example.com", Role::SubscriptionAdmin { subscriptions: of("shop") }).await;
    let (mut foreign, _) =
        somebody(&stage, "foreign@example.com", Role::SubscriptionAdmin { subscriptions: of("other") }).await;
    let (mut auditor, _) =
        somebody(&stage, "auditor@example.com", Role::Auditor { subscriptions: Some(of("shop")) }).await;
    let one = format!("{USERS}/factor?user=alice&factor={}", app.factor);
    let forms: [(&str, &[(&str, &str)]); 5] = [
        ("/factor", &[("do", "suspend"), ("factor", &app.factor)]),
        ("/reset", &[]),
        ("/pass", &[]),
        ("/pass/revoke", &[]),
        ("/browsers", &[]),
    ];

    // An auditor can read, and finds no form except the search.
    for path in [ALICE, &one] {
        let page = auditor.get(path).await.shows("Authenticator app");
        let searches = page.text.matches("<form class=\"filter\"").count();
        assert_eq!(page.text.matches("<form").count(), searches + 1, "to log out: {}", page.text);
        hides(&page, "/reset?");
    }
    for path in ["/reset?user=alice", "/pass/revoke?user=alice"] {
        assert_eq!(auditor.get(&format!("{USERS}{path}")).await.status, 403, "{path}");
    }
    for (path, fields) in forms {
        let fields = [&[("user", "alice"), BECAUSE], fields].concat();
        let path = format!("{USERS}{path}");
        assert_eq!(auditor.post(&path, &fields).await.status, 403, "{path}");
        assert_eq!(foreign.post(&path, &fields).await.status, 404, "{path}");
    }
    for path in [ALICE, &one, &format!("{USERS}/reset?user=alice")] {
        assert_eq!(foreign.get(path).await.status, 404, "{path}");
        assert_eq!(anna.get(&path.replace("/shop/", "/nowhere/")).await.status, 404, "{path}");
    }
    let listed = stage.call("GET", "/v1/users/alice/factors", Value::Null).await.expect(200);
    assert_eq!(listed["factors"][0]["status"], "active", "nothing was changed");

    // Only system administrators change administrators' accounts, and nobody can issue a pass for their own account.
    let pass = |user: &str| [("user".to_owned(), user.to_owned()), (BECAUSE.0.to_owned(), BECAUSE.1.to_owned())];
    let send = async |who: &mut Visitor, user: &str| {
        let fields = pass(user);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        who.post(&format!("{USERS}/pass"), &fields).await
    };
    send(&mut own, &own_id).await.shows("only a system administrator can change its factors");
    let accounts = stage.site.engine.accounts().list(0, 10).await.unwrap();
    let anna_id = accounts.iter().find(|account| account.email == "anna@example.com").unwrap().id.clone();
    send(&mut anna, &anna_id).await.shows("administrators cannot issue a temporary pass for their own account");
    send(&mut anna, &own_id).await.shows("<code class=\"secret\">");
    send(&mut own, "alice").await.shows("<code class=\"secret\">");

    // A cross-site form, as an attacker's page would send it.
    let body = format!("user=alice&do=suspend&reason=x&factor={}", app.factor);
    let request = anna.request("POST", &format!("{USERS}/factor")).header("sec-fetch-site", "cross-site").body(body);
    assert_eq!(anna.send(request).await.status, 403);
    assert!(audited(&stage, "factor.suspend").await.is_empty());
}

#[tokio::test]
async fn user_ids_can_be_any_text() {
    let stage = Stage::start().await;
    let mut anna = first(&stage).await;
    for user in ["..", "a/b&c=d#e", "<i>x</i>", "Zoë ☂"] {
        let app = stage.app(user, json!({})).await;
        let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("user", user).finish();
        let page = anna.get(&format!("{USERS}?{query}")).await.shows("Authenticator app");
        hides(&page, "<i>x");
        let link = page.value(&format!("href=\"{USERS}/factor?")).replace("&amp;", "&");
        anna.get(&format!("{USERS}/factor?{link}")).await.shows("Suspend");
        let fields = [("user", user), ("factor", &*app.factor), ("do", "suspend"), BECAUSE];
        let done = anna.post(&format!("{USERS}/factor"), &fields).await;
        anna.get(done.leads_to()).await.shows("badge warn\">Suspended");
    }
    let long = format!("{USERS}?user={}", "x".repeat(300));
    assert_eq!(anna.get(&long).await.shows("notice bad").status, 200);
    anna.get(&format!("{USERS}?user=%E2%80%AEalice")).await.shows("notice bad");
    for path in ["/factor", "/reset", "/pass", "/pass/revoke", "/browsers"] {
        let fields = [("user", ""), ("do", "remove"), BECAUSE];
        anna.post(&format!("{USERS}{path}"), &fields).await.shows("notice bad");
    }
    assert_eq!(anna.get(&format!("{USERS}/factor?user=alice&factor=none")).await.status, 404);
    anna.cookies.insert("twofactor-language".to_owned(), "de".to_owned());
    anna.get(ALICE).await.shows("Faktoren der Benutzer").shows("Über diesen Benutzer ist nichts bekannt.");
}

#[tokio::test]
async fn a_form_from_an_expired_session_is_restored_after_login() {
    let stage = Stage::start().await;
    let mut anna = first(&stage).await;
    stage.app("alice", json!({})).await;
    anna.get(ALICE).await.shows("Authenticator app");
    stage.site.advance(3600);
    let form = [("user", "alice"), ("minutes", "45"), BECAUSE];
    let refused = anna.post_alone(&format!("{USERS}/pass"), &form).await;
    let login = refused.leads_to().to_owned();
    assert!(login.starts_with("/admin/login?to="), "{login}");
    let page = anna.post(&login, &[("email", "anna@example.com"), ("password", PASSWORD)]).await;
    // The login redirects to the target of the form, which redirects to the page.
    let page = if page.status == 303 { anna.get(page.leads_to()).await } else { page };
    page.shows("Your session expired").shows("value=\"45\"").shows(BECAUSE.1).shows("<code>alice</code>");
}
