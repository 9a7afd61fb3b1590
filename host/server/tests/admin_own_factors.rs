//! The second factors that administrators hold themselves: added and removed on the account's page, asked for at logins.

use crate::{common, factors, site};
use common::visitor::{PASSWORD, Page, Visitor};
use factors::Stage;
use serde_json::json;
use twofactor::accounts::{AccountChange, AccountState, NewAccount};
use twofactor::token::Role;
use twofactor::{Actor, Assignment};

const ACCOUNT: &str = "/admin/account";
const LOGIN: &str = "/admin/login?to=%2Fadmin";
const SECOND: &str = "/admin/second-factor?to=%2Fadmin";
const FORM: [(&str, &str); 2] = [("email", "anna@example.com"), ("password", PASSWORD)];
const BECAUSE: (&str, &str) = ("reason", "Lost phone");

/// An administrator with an app and recovery codes.
struct Anna {
    visitor: Visitor,
    id: String,
    secret: String,
    codes: Vec<String>,
}

fn actor() -> Actor {
    Actor::new("test")
}

/// Returns a stage whose instances serve logins, and its first administrator, logged in.
async fn start() -> (Stage, Visitor, String) {
    let stage = Stage::start().await;
    let accounts = stage.site.engine.accounts();
    let invitation = accounts.first_invitation().await.unwrap().unwrap();
    let mut visitor = Visitor::at(&stage.site.url);
    let form = [("name", "Anna"), FORM[0], FORM[1]];
    assert_eq!(visitor.post(&invitation.path(), &form).await.leads_to(), "/admin");
    let page = visitor.get(ACCOUNT).await;
    assert!(!page.text.contains("second factors"), "{}", page.text);
    for id in [&stage.totp, &stage.fido, &stage.recovery] {
        let logins: Assignment =
            serde_json::from_value(json!({"kind": "client_application", "id": "twofactor-admin"})).unwrap();
        stage.site.admin().set_assignments("shop", id, vec![Assignment::tenant("main"), logins]).await.unwrap();
    }
    accounts.set_second_factor(&actor(), Some("shop".to_owned()), false, None).await.unwrap();
    let id = accounts.find("anna@example.com").await.unwrap().id;
    (stage, visitor, id)
}

/// Returns the secret that a page shows.
fn secret(page: &Page) -> String {
    page.value("<code class=\"secret\">").split('<').next().unwrap().replace(' ', "")
}

async fn begin(visitor: &mut Visitor, two_factor: &str) -> String {
    let form = [("two_factor", two_factor), ("password", PASSWORD)];
    let begun = visitor.post(&format!("{ACCOUNT}/factors"), &form).await;
    begun.leads_to().to_owned()
}

/// Adds an app and recovery codes.
async fn enrolled() -> (Stage, Anna) {
    let (stage, mut visitor, id) = start().await;
    let page = begin(&mut visitor, &stage.totp).await;
    let secret = secret(&visitor.get(&page).await);
    let added = visitor.post(&page, &[("code", &*stage.code(&secret)), ("label", "Phone")]).await;
    let page = added.leads_to().to_owned();
    let shown = visitor.get(&page).await.shows("Your recovery codes");
    let codes: Vec<String> =
        shown.text.split("<li><code>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()).collect();
    assert_eq!(codes.len(), 10);
    visitor.get(&page).await.shows(&codes[9]);
    let done = visitor.post(&page, &[]).await;
    visitor.get(done.leads_to()).await.shows("Second factor added.").shows("10 codes left").shows("Phone");
    stage.site.advance(30);
    (stage, Anna { visitor, id, secret, codes })
}

/// Passes the first step of a login.
async fn at_second_factor(stage: &Stage) -> Visitor {
    let mut visitor = Visitor::at(&stage.site.url);
    assert_eq!(visitor.post(LOGIN, &FORM).await.leads_to(), SECOND);
    visitor
}

#[tokio::test]
async fn an_app_is_added_with_recovery_codes_and_asked_for_at_the_next_login() {
    let (stage, mut anna, _) = start().await;
    anna.get("/admin").await.shows("You logged in without a second factor.").shows("Add a second factor");
    let page = anna.get(ACCOUNT).await.shows("Your second factors").shows("Passkey").shows("Authenticator app");
    assert!(!page.text.contains("Recovery codes"), "they need another factor: {}", page.text);
    let mut other = Visitor::at(&stage.site.url);
    assert_eq!(other.post(LOGIN, &FORM).await.leads_to(), "/admin");

    let add = format!("{ACCOUNT}/factors");
    let form = [("two_factor", &*stage.totp), ("password", "wrong")];
    anna.post(&add, &form).await.shows("The password is incorrect.");
    for unfit in [&*stage.recovery, "unknown", ""] {
        let form = [("two_factor", unfit), ("password", PASSWORD)];
        anna.post(&add, &form).await.shows("notice bad");
    }
    let page = begin(&mut anna, &stage.totp).await;
    let key = secret(&anna.get(&page).await.shows("<svg"));
    assert_eq!(secret(&anna.get(&page).await), key, "a reload shows the same");
    let wrong = common::wrong(&stage.code(&key));
    anna.post(&page, &[("code", &*wrong)]).await.shows("Incorrect code. Attempts left");
    let added = anna.post(&page, &[("code", &*stage.code(&key))]).await;
    let codes = added.leads_to().to_owned();
    assert!(codes.starts_with("/admin/account/enrolments/") && codes != page, "{codes}");
    assert_eq!(anna.get(&page).await.leads_to(), "/admin/account?done=enrolment-closed");
    assert_eq!(other.get("/admin").await.status, 303, "other sessions end with the first factor");
    let home = anna.get("/admin").await;
    assert!(!home.text.contains("without a second factor"), "this session proved one: {}", home.text);

    // The login asks for the app; the code that confirmed the enrolment is used up.
    let mut late = at_second_factor(&stage).await;
    late.get(SECOND).await.shows("Enter the code that your authenticator app shows.");
    late.post(SECOND, &[("code", &*stage.code(&key))]).await.shows("Incorrect code.");
    stage.site.advance(30);
    assert_eq!(late.post(SECOND, &[("code", &*stage.code(&key))]).await.leads_to(), "/admin");
    late.get(ACCOUNT).await.shows("Authenticator app").shows("<option value=").shows("Recovery codes");
    let state = stage.site.engine.accounts().second_factor_settings().await.unwrap();
    assert!(state.demanded_since.is_none(), "one person's factor does not show that everybody has one");
}

#[tokio::test]
async fn recovery_codes_come_last_and_work_once_each() {
    let (stage, anna) = enrolled().await;
    let mut late = at_second_factor(&stage).await;
    let page = late.get(SECOND).await.shows("authenticator app shows").shows("Use a recovery code instead");
    let recovery = page.value("name=\"two_factor\" value=\"");
    assert_eq!(recovery, stage.recovery);
    let other = "/admin/second-factor/other?to=%2Fadmin";
    assert_eq!(late.post(other, &[("two_factor", &*recovery)]).await.leads_to(), SECOND);
    late.get(SECOND).await.shows("Enter one of your recovery codes.").shows("Use your authenticator app instead");
    assert_eq!(late.post(SECOND, &[("code", &*anna.codes[0])]).await.leads_to(), "/admin");
    late.get(ACCOUNT).await.shows("9 codes left");

    let mut again = at_second_factor(&stage).await;
    again.post(other, &[("two_factor", &*recovery)]).await.leads_to();
    again.post(SECOND, &[("code", &*anna.codes[0])]).await.shows("Incorrect code.");
    assert_eq!(again.post(SECOND, &[("code", &*anna.codes[1])]).await.leads_to(), "/admin");
    // Nobody switches to what the account does not hold.
    let mut strange = at_second_factor(&stage).await;
    strange.post(other, &[("two_factor", &*stage.fido)]).await.shows("This login has expired.");
}

#[tokio::test]
async fn a_factor_is_removed_with_password_and_second_factor() {
    let (stage, mut anna) = enrolled().await;
    let engine = &stage.site.engine;
    let held = async || engine.factors("shop", &anna.id).await.unwrap();
    let app = held().await.into_iter().find(|one| one.type_id == "totp").unwrap().id;
    let remove = format!("{ACCOUNT}/factors/{app}/remove");

    // A session without a second factor, which only the operator can give, changes nothing.
    let invitation = engine.accounts().invite_without_second_factor(&actor(), &anna.id).await.unwrap();
    let mut weak = Visitor::at(&stage.site.url);
    assert_eq!(weak.post(&invitation.path(), &[("password", PASSWORD)]).await.leads_to(), "/admin");
    let add = [("two_factor", &*stage.totp), ("password", PASSWORD)];
    weak.post(&format!("{ACCOUNT}/factors"), &add).await.shows("log in again, with a second factor");
    weak.post(&remove, &[("password", PASSWORD)]).await.shows("log in again, with a second factor");
    assert_eq!(held().await.len(), 2);

    // The link ended all sessions.
    anna.visitor = at_second_factor(&stage).await;
    anna.visitor.post(SECOND, &[("code", &*stage.code(&anna.secret))]).await.leads_to();
    anna.visitor.get(&remove).await.shows("Remove this second factor?").shows("Phone");
    anna.visitor.post(&remove, &[("password", "wrong")]).await.shows("The password is incorrect.");
    let done = anna.visitor.post(&remove, &[("password", PASSWORD)]).await;
    anna.visitor.get(done.leads_to()).await.shows("Second factor removed.").shows("You have not added any.");
    assert!(held().await.is_empty(), "the recovery codes end with the last other factor");
    assert_eq!(anna.visitor.get(&remove).await.status, 404);
    assert_eq!(Visitor::at(&stage.site.url).post(LOGIN, &FORM).await.leads_to(), "/admin");
}

#[tokio::test]
async fn applications_bind_nothing_to_an_administrators_account() {
    let (stage, anna) = enrolled().await;
    stage.begin(&anna.id, &stage.totp, json!({})).await.problem(403, "proof-required");
    // Not even with a code of the app, which somebody may have been tricked into typing.
    let challenge = stage.challenge(&anna.id, &stage.totp, json!({})).await.expect(201);
    stage.verify(&challenge, json!({"code": stage.code(&anna.secret)})).await.expect(200);
    let proof = json!({"proof": {"challenge": challenge["id"]}});
    stage.begin(&anna.id, &stage.totp, proof.clone()).await.problem(403, "proof-required");
    let factors = stage.site.engine.factors("shop", &anna.id).await.unwrap();
    let path = format!("/v1/users/{}/factors/{}", anna.id, factors[0].id);
    stage.call("DELETE", &path, proof).await.problem(403, "proof-required");
    stage.call("PATCH", &path, json!({"label": "Mine"})).await.problem(403, "proof-required");
    // Nor with a temporary pass, nor on the hosted page.
    let pass = stage.site.admin().issue_pass("shop", &anna.id, None, BECAUSE.1).await.unwrap();
    let proof = json!({"proof": {"pass": pass.pass.expose()}});
    stage.begin(&anna.id, &stage.totp, proof).await.problem(403, "proof-required");
    let page = json!({"page": "factors", "client_application": "twofactor-admin", "user": anna.id, "state": "s",
        "return_url": site::RETURN_URL});
    stage.call("POST", "/v1/sign-ins", page).await.problem(403, "proof-required");
    // Subscription administrators change nothing, and cannot issue a pass.
    let own = stage.site.admin().of_subscriptions();
    assert!(own.issue_pass("shop", &anna.id, None, BECAUSE.1).await.unwrap_err().is_forbidden());
    assert!(own.reset_factors("shop", &anna.id, BECAUSE.1).await.unwrap_err().is_forbidden());
    assert!(own.forget_devices("shop", &anna.id, None).await.unwrap_err().is_forbidden());
    assert_eq!(stage.site.engine.factors("shop", &anna.id).await.unwrap().len(), 2);
    // Nor before the account has a factor.
    let new = NewAccount {
        name: "Ben".to_owned(),
        email: "ben@example.com".to_owned(),
        phone: None,
        role: Role::SystemAdmin,
    };
    let (ben, _) = stage.site.engine.accounts().create(&actor(), new).await.unwrap();
    stage.begin(&ben.id, &stage.totp, json!({})).await.problem(403, "proof-required");
}

#[tokio::test]
async fn a_reset_ends_logins_in_progress_and_sessions_and_a_suspended_factor_lets_no_one_in() {
    let (stage, mut anna) = enrolled().await;
    let (engine, admin) = (&stage.site.engine, stage.site.admin());
    let mut factors = engine.factors("shop", &anna.id).await.unwrap();
    factors.sort_by_key(|factor| factor.fallback);
    // Recovery codes still let in while the app is suspended, and nothing does when both are.
    admin.suspend_factor("shop", &anna.id, &factors[0].id, BECAUSE.1).await.unwrap();
    let mut late = at_second_factor(&stage).await;
    late.get(SECOND).await.shows("Enter one of your recovery codes.");
    admin.suspend_factor("shop", &anna.id, &factors[1].id, BECAUSE.1).await.unwrap();
    Visitor::at(&stage.site.url).post(LOGIN, &FORM).await.shows("A second factor is required");
    for factor in &factors {
        admin.resume_factor("shop", &anna.id, &factor.id, BECAUSE.1).await.unwrap();
    }

    let mut pending = at_second_factor(&stage).await;
    let reset = admin.reset_factors("shop", &anna.id, BECAUSE.1).await.unwrap();
    assert_eq!(reset.factors.len(), 2);
    assert!(reset.challenges >= 2, "those of logins, too: {reset:?}");
    pending.post(SECOND, &[("code", &*stage.code(&anna.secret))]).await.shows("This login has expired.");
    assert!(pending.get(SECOND).await.leads_to().starts_with("/admin/login"));
    assert_eq!(anna.visitor.get("/admin").await.status, 303, "sessions end");
    assert_eq!(Visitor::at(&stage.site.url).post(LOGIN, &FORM).await.leads_to(), "/admin");
}

#[tokio::test]
async fn a_new_password_does_not_replace_a_factor_and_a_removed_account_keeps_none() {
    let (stage, anna) = enrolled().await;
    let accounts = stage.site.engine.accounts();
    let mut pending = at_second_factor(&stage).await;
    let invitation = accounts.invite(&actor(), &anna.id).await.unwrap();
    let mut reset = Visitor::at(&stage.site.url);
    let next = reset.post(&invitation.path(), &[("password", "a wholly different sentence")]).await;
    assert!(next.leads_to().starts_with("/admin/second-factor"), "{}", next.leads_to());
    pending.post(SECOND, &[("code", &*stage.code(&anna.secret))]).await.shows("This login has expired.");
    assert_eq!(reset.post(SECOND, &[("code", &*stage.code(&anna.secret))]).await.leads_to(), "/admin");

    let new = NewAccount {
        name: "Ben".to_owned(),
        email: "ben@example.com".to_owned(),
        phone: None,
        role: Role::SystemAdmin,
    };
    let (_, invitation) = accounts.create(&actor(), new).await.unwrap();
    Visitor::at(&stage.site.url).post(&invitation.path(), &[("password", PASSWORD)]).await.leads_to();
    stage.site.advance(30);
    let different = [FORM[0], ("password", "a wholly different sentence")];
    let mut disabled = Visitor::at(&stage.site.url);
    assert_eq!(disabled.post(LOGIN, &different).await.leads_to(), SECOND);
    let change = AccountChange { state: Some(AccountState::Disabled), ..AccountChange::default() };
    accounts.update(&actor(), &anna.id, change, None).await.unwrap();
    disabled.post(SECOND, &[("code", &*stage.code(&anna.secret))]).await.shows("This login has expired.");
    accounts.delete(&actor(), &anna.id).await.unwrap();
    assert!(stage.site.engine.factors("shop", &anna.id).await.unwrap().is_empty());
}

#[tokio::test]
async fn only_system_administrators_change_where_administrators_use_passkeys() {
    let (stage, mut anna, _) = start().await;
    let own = stage.site.admin().of_subscriptions();
    let (page, revision) = own.sign_in_page("shop").await.unwrap();
    let mut moved = page.clone();
    moved.rp_id = Some("example.com".to_owned());
    moved.origins = vec!["https://evil.example.com".to_owned()];
    let refused = own.set_sign_in_page("shop", moved.clone(), Some(revision)).await.unwrap_err();
    assert!(refused.is_forbidden(), "{refused:?}");
    assert!(own.set_sign_in_page_and_end_passkeys("shop", moved.clone(), None).await.unwrap_err().is_forbidden());
    let mut renamed = page.clone();
    renamed.application_name = Some("Another name".to_owned());
    own.set_sign_in_page("shop", renamed, None).await.unwrap();
    // Related origins are published for all subscriptions with the same RP ID.
    stage.site.admin().create_subscription("other", "Other").await.unwrap();
    let mut related = own.sign_in_page("other").await.unwrap().0;
    related.related_origins = vec!["https://evil.example.org".to_owned()];
    assert!(own.set_sign_in_page("other", related.clone(), None).await.unwrap_err().is_forbidden());
    related.rp_id = Some("example.net".to_owned());
    related.origins = vec!["https://login.example.net".to_owned()];
    own.set_sign_in_page("other", related, None).await.unwrap();
    // Passkeys are not offered to administrators where they could not use them.
    stage.site.admin().set_sign_in_page("shop", moved, None).await.unwrap();
    let page = anna.get(ACCOUNT).await.shows("Authenticator app");
    assert!(!page.text.contains("Passkey"), "{}", page.text);
}

#[tokio::test]
async fn the_owner_is_notified_by_email_of_each_change() {
    let (stage, mut anna, id) = start().await;
    let admin = stage.site.admin();
    let mail = admin.instances("shop").await.unwrap().into_iter().find(|one| one.type_id == "email").unwrap();
    let logins = serde_json::from_value(json!({"kind": "client_application", "id": "twofactor-admin"})).unwrap();
    admin.set_assignments("shop", &mail.id, vec![logins]).await.unwrap();
    let page = begin(&mut anna, &stage.totp).await;
    let key = secret(&anna.get(&page).await);
    anna.post(&page, &[("code", &*stage.code(&key))]).await.leads_to();
    let noticed = async |number: usize| {
        let to_anna = || stage.site.outbox.mails().into_iter().filter(|mail| mail.recipient == "anna@example.com");
        for _ in 0..500 {
            if let Some(mail) = to_anna().nth(number) {
                return mail.text;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("no notice")
    };
    let added = noticed(0).await;
    assert!(added.to_lowercase().contains("authenticator app"), "{added}");
    // Also of what an administrator does.
    admin.reset_factors("shop", &id, BECAUSE.1).await.unwrap();
    assert_ne!(noticed(1).await, added);
}

#[tokio::test]
async fn a_delivered_code_opens_nothing_once_the_owner_has_a_factor() {
    let (stage, mut anna, _) = start().await;
    let admin = stage.site.admin();
    let mail = admin.instances("shop").await.unwrap().into_iter().find(|one| one.type_id == "email").unwrap();
    let logins = serde_json::from_value(json!({"kind": "client_application", "id": "twofactor-admin"})).unwrap();
    admin.set_assignments("shop", &mail.id, vec![logins]).await.unwrap();
    let mut other = at_second_factor(&stage).await;
    let text = stage.site.outbox.newest("anna@example.com").unwrap().text;
    let code = text.lines().find(|line| line.len() == 6 && line.bytes().all(|byte| byte.is_ascii_digit())).unwrap();
    let page = begin(&mut anna, &stage.totp).await;
    let key = secret(&anna.get(&page).await);
    anna.post(&page, &[("code", &*stage.code(&key))]).await.leads_to();
    other.post(SECOND, &[("code", code)]).await.shows("This login has expired.");
    assert_eq!(other.get("/admin").await.status, 303);
}
