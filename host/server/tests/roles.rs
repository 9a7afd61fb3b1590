//! The calls that each role may make: role × call × own, foreign and unknown. The calls are taken
//! from the OpenAPI document, so none can be forgotten.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::{common, totp};
use common::role::Role;
use common::{Answer, Server};
use serde_json::{Value, json};

const ROLES: [Role; 5] =
    [Role::SystemAdmin, Role::SubscriptionAdmin, Role::Auditor, Role::SubscriptionAuditor, Role::Application];

/// Calls that read by POST, since no address of a person may be in a URL.
const SEARCHES: [&str; 1] = ["findMessages"];

/// The roles that a call is for.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Rule {
    /// An application, for what is its subscription's.
    Application,
    /// Reads of the installation.
    SystemReads,
    /// Changes the installation.
    SystemChanges,
    /// Reads of a subscription.
    OwnReads,
    /// Changes a subscription.
    OwnChanges,
    /// Reads what everybody may, narrowed to what is the caller's.
    AllRead,
}

/// Returns the rule of each call.
fn rule(call: &str) -> Rule {
    match call {
        "listAvailable" | "startChallenge" | "verifyChallenge" | "resendChallenge" | "cancelChallenge"
        | "beginSignIn" | "readSignIn" | "redeemSignIn" | "beginEnrolment" | "finishEnrolment" | "listFactors"
        | "renameFactor" | "removeFactor" | "addAddress" | "verifyAddress" | "listAddresses" | "removeAddress" => {
            Rule::Application
        }
        "listTwoFactors"
        | "readTwoFactor"
        | "listAssignments"
        | "readSubscription"
        | "listDirectory"
        | "readDirectoryEntry"
        | "readSignInPage"
        | "findMessages"
        | "listUserFactors"
        | "listRememberedDevices" => Rule::OwnReads,
        "createTwoFactor"
        | "replaceTwoFactor"
        | "changeTwoFactor"
        | "removeTwoFactor"
        | "replaceAssignments"
        | "testTwoFactor"
        | "changeSubscription"
        | "importDirectory"
        | "nameDirectoryEntry"
        | "removeDirectoryEntry"
        | "unlockUser"
        | "issuePass"
        | "issueUserPass"
        | "resetFactors"
        | "resetUserFactors"
        | "suspendUserFactor"
        | "resumeUserFactor"
        | "removeUserFactor"
        | "forgetRememberedDevices"
        | "replaceSignInPage"
        | "issueToken"
        | "revokeToken" => Rule::OwnChanges,
        "listSubscriptions" | "listProviders" | "listTokens" => Rule::AllRead,
        "listAudit" | "readBaseSettings" | "readSecondFactor" | "listAccounts" | "readAccount" => Rule::SystemReads,
        "checkBaseSettings"
        | "createAccount"
        | "changeAccount"
        | "removeAccount"
        | "inviteAccount"
        | "createSubscription"
        | "removeSubscription"
        | "addProvider"
        | "previewProvider"
        | "rollBackProvider"
        | "removeProvider"
        | "replaceSecondFactor"
        | "replaceBaseSettings" => Rule::SystemChanges,
        unknown => panic!("`{unknown}` is a new call: say whom it is for"),
    }
}

/// The owner of what a call names.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Whose {
    Own,
    /// Another subscription's, by its right path.
    Foreign,
    /// Another subscription's, as if it were in the own one.
    Claimed,
    Unknown,
    /// An unknown one, in the own subscription.
    UnknownInOwn,
}

/// What came of it.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Guard {
    Passes,
    Forbidden,
    NotThere,
}

impl Guard {
    fn of(answer: &Answer) -> Self {
        match answer.status {
            // The role may make the call.
            403 if answer.text.contains(":proof-required\"") => Self::Passes,
            401 | 403 => Self::Forbidden,
            404 | 410 => Self::NotThere,
            _ => Self::Passes,
        }
    }

    fn meant(rule: Rule, role: Role, whose: Whose) -> Self {
        let system = role.is_of_the_system();
        let reads = matches!(rule, Rule::SystemReads | Rule::OwnReads | Rule::AllRead);
        let may = match (rule, role) {
            (Rule::Application, _) => role == Role::Application,
            (_, Role::Application) => false,
            _ if role.is_auditor() && !reads => false,
            (Rule::SystemReads | Rule::SystemChanges, _) => system,
            _ => true,
        };
        match (may, whose) {
            (false, _) => Self::Forbidden,
            (true, Whose::Own) => Self::Passes,
            (true, Whose::Foreign) if system => Self::Passes,
            (true, _) => Self::NotThere,
        }
    }
}

const RETURN_URL: &str = "https://shop.example.com/signed-in";

fn begin() -> Value {
    json!({"tenant": "demo", "user": "alice", "recipient": {"phone": "+41791234567"}, "return_url": RETURN_URL, "state": "s"})
}

fn address_of(user: &str, phone: &str) -> Value {
    json!({"tenant": "demo", "user": user, "recipient": {"phone": phone}, "proof": {"first_factor": true}})
}

/// A server with two subscriptions, `demo` and `other`, and a token of each role for `demo`.
struct Stage {
    server: Server,
    system: String,
    tokens: Vec<String>,
    others_application: String,
    /// The instances of authenticator apps, by subscription.
    apps: BTreeMap<String, String>,
}

impl Stage {
    async fn new() -> Self {
        let server = Server::demo();
        let system = server.token("admin_token").to_owned();
        let application = server.token("application_token").to_owned();
        let mut stage =
            Self { server, system, tokens: Vec::new(), others_application: String::new(), apps: BTreeMap::new() };
        stage.make("/v1/subscriptions", json!({"id": "other", "name": "Other"})).await;
        let mut tokens = vec![stage.system.clone()];
        for (role, subscriptions) in
            [("subscription_admin", json!(["demo"])), ("auditor", Value::Null), ("auditor", json!(["demo"]))]
        {
            tokens.push(stage.issue(json!({"name": "x", "role": role, "subscriptions": subscriptions})).await.1);
        }
        tokens.push(application);
        stage.tokens = tokens;
        let new = json!({"name": "x", "role": "application", "subscriptions": ["other"]});
        stage.others_application = stage.issue(new).await.1;
        let instance = stage.instance("other").await;
        let path = format!("/v1/subscriptions/other/two-factors/{instance}/assignments");
        let tenant = json!([{"kind": "tenant", "id": "demo"}]);
        stage.server.call("PUT", &path, &stage.system, tenant.clone()).await.expect(200);
        for subscription in ["demo", "other"] {
            let app = json!({"type": "totp", "name": "App", "options": {}});
            let made = stage.make(&format!("/v1/subscriptions/{subscription}/two-factors"), app).await;
            let app = made["id"].as_str().unwrap().to_owned();
            let path = format!("/v1/subscriptions/{subscription}/two-factors/{app}/assignments");
            stage.server.call("PUT", &path, &stage.system, tenant.clone()).await.expect(200);
            stage.apps.insert(subscription.to_owned(), app);
        }
        stage
    }

    async fn make(&self, path: &str, body: Value) -> Value {
        self.server.call("POST", path, &self.system, body).await.expect(201)
    }

    /// Returns a token's id and the token.
    async fn issue(&self, body: Value) -> (String, String) {
        let issued = self.make("/v1/tokens", body).await;
        (issued["id"].as_str().unwrap().to_owned(), issued["token"].as_str().unwrap().to_owned())
    }

    async fn instance(&self, subscription: &str) -> String {
        let options = json!({"ECallAccountName": "a", "ECallAccountPassword": "p", "ECallAccountFromNumber": "Shop"});
        let body = json!({"type": "ecall", "name": "x", "options": options});
        let made = self.make(&format!("/v1/subscriptions/{subscription}/two-factors"), body).await;
        made["id"].as_str().unwrap().to_owned()
    }

    /// In a directory.
    async fn entry(&self, subscription: &str) -> String {
        let body = json!([{"kind": "user", "id": format!("bob-of-{subscription}"), "name": "Bob"}]);
        self.server
            .call("PUT", &format!("/v1/subscriptions/{subscription}/directory"), &self.system, body)
            .await
            .expect(200);
        format!("bob-of-{subscription}")
    }

    async fn account(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let email = format!("a{}@example.com", NEXT.fetch_add(1, Ordering::Relaxed));
        let made = self.make("/v1/accounts", json!({"name": "A", "email": email, "role": "system_admin"})).await;
        made["id"].as_str().unwrap().to_owned()
    }

    /// The id of a subscription that was deleted cannot be used again.
    async fn empty_subscription(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let id = format!("empty-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.server.call("POST", "/v1/subscriptions", &self.system, json!({"id": id, "name": "x"})).await.expect(201);
        id
    }

    async fn challenge(&self, subscription: &str) -> String {
        let token = if subscription == "demo" { &self.tokens[4] } else { &self.others_application };
        let body = common::sign_in(json!({"email": "a@example.org", "phone": "+41791234567"}));
        let started = self.server.call("POST", "/v1/challenges", token, body).await.expect(201);
        started["id"].as_str().unwrap().to_owned()
    }

    fn application(&self, subscription: &str) -> &str {
        if subscription == "demo" { &self.tokens[4] } else { &self.others_application }
    }

    /// Begins to enrol an authenticator app.
    async fn enrolment(&self, subscription: &str, user: &str) -> Value {
        let body = json!({"tenant": "demo", "user": user, "two_factor": self.apps[subscription], "proof": {"first_factor": true}});
        self.server.call("POST", "/v1/enrolments", self.application(subscription), body).await.expect(201)
    }

    /// Returns a user, and the authenticator app that the user holds.
    async fn factor(&self, subscription: &str) -> (String, String) {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let user = format!("holder-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let begun = self.enrolment(subscription, &user).await;
        let code = totp::code(&begun["reveal"]["secret"].as_str().unwrap().replace(' ', ""), jiff::Timestamp::now());
        let path = format!("/v1/enrolments/{}/finish", begun["id"].as_str().unwrap());
        let finished = self.server.call("POST", &path, self.application(subscription), json!({"code": code})).await;
        let factor = finished.expect(201)["factor"]["id"].as_str().unwrap().to_owned();
        (user, factor)
    }

    /// Sends a code to an address of a new user. Returns the user, the address, and the id of its challenge.
    async fn address_to_verify(&self, subscription: &str) -> (String, String, String) {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let (user, phone) = (format!("reachable-{n}"), format!("+4179123{n:04}"));
        let (token, body) = (self.application(subscription), address_of(&user, &phone));
        let begun = self.server.call("POST", "/v1/addresses", token, body).await.expect(201);
        (user, phone, begun["id"].as_str().unwrap().to_owned())
    }

    /// Returns a user, and a verified address of the user.
    async fn address(&self, subscription: &str) -> (String, String) {
        let (user, phone, id) = self.address_to_verify(subscription).await;
        let (path, code) = (format!("/v1/addresses/{id}/verify"), json!({"code": self.server.code(&phone).await}));
        let added = self.server.call("POST", &path, self.application(subscription), code).await.expect(201);
        (user, added["address"]["id"].as_str().unwrap().to_owned())
    }

    /// Returns a sign-in at the sign-in page.
    async fn sign_in(&self, subscription: &str) -> String {
        let page = json!({"return_urls": [RETURN_URL]});
        let path = format!("/v1/subscriptions/{subscription}/sign-in-page");
        self.server.call("PUT", &path, &self.system, page).await.expect(200);
        let token = if subscription == "demo" { &self.tokens[4] } else { &self.others_application };
        let begun = self.server.call("POST", "/v1/sign-ins", token, begin()).await.expect(201);
        begun["id"].as_str().unwrap().to_owned()
    }

    /// Path and body of a call, for something newly made: what a call removes is not missed by the next.
    async fn aim(&self, name: &str, path: &str, whose: Whose) -> (String, Value) {
        let home = if matches!(whose, Whose::Foreign | Whose::Claimed) { "other" } else { "demo" };
        let subscription = match whose {
            Whose::Own | Whose::Claimed | Whose::UnknownInOwn => "demo",
            Whose::Foreign => "other",
            Whose::Unknown => "nowhere",
        };
        let unknown = matches!(whose, Whose::Unknown | Whose::UnknownInOwn);
        let subscription = match (name, whose) {
            ("removeSubscription", Whose::Own | Whose::Foreign) => &*self.empty_subscription().await,
            _ => subscription,
        };
        let mut user = "alice".to_owned();
        let id = match name {
            _ if !path.contains("{id}") || unknown => "AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
            "nameDirectoryEntry" => "alice".to_owned(),
            _ if path.contains("/directory/") => self.entry(home).await,
            "revokeToken" => {
                let of = json!({"name": "x", "role": "application", "subscriptions": [home]});
                self.issue(of).await.0
            }
            _ if path.starts_with("/v1/accounts") => self.account().await,
            _ if path.starts_with("/v1/sign-ins") => self.sign_in(home).await,
            _ if path.starts_with("/v1/challenges") => self.challenge(home).await,
            "finishEnrolment" => self.enrolment(home, "alice").await["id"].as_str().unwrap().to_owned(),
            "verifyAddress" => self.address_to_verify(home).await.2,
            "removeAddress" => {
                let address;
                (user, address) = self.address(home).await;
                address
            }
            _ if path.contains("/factors/{id}") => {
                let factor;
                (user, factor) = self.factor(home).await;
                if name == "resumeUserFactor" {
                    let path = format!("/v1/subscriptions/{home}/users/{user}/factors/{factor}/suspend");
                    let because = json!({"reason": "a test"});
                    self.server.call("POST", &path, &self.system, because).await.expect(204);
                }
                factor
            }
            _ => self.instance(home).await,
        };
        if matches!(name, "rollBackProvider" | "removeProvider") {
            let system = self.server.token("admin_token");
            let add = self.server.request("POST", "/v1/providers", system).body(twofactor_bundle::ECALL);
            Answer::of(add).await.expect(201);
        }
        let kind = if unknown { "none" } else { "ecall" };
        let path = path
            .replace("{subscription}", subscription)
            .replace("{type}", kind)
            .replace("{user}", &user)
            .replace("{kind}", "user")
            .replace("{id}", &id);
        let body = match name {
            "startChallenge" if unknown => json!({"tenant": "demo", "two_factor": id, "recipient": {}}),
            "startChallenge" => {
                json!({"tenant": "demo", "two_factor": self.instance(home).await, "recipient": {"phone": "+41791234567"}})
            }
            "beginSignIn" => begin(),
            "beginEnrolment" => {
                json!({"tenant": "demo", "user": "alice", "two_factor": self.apps["demo"], "proof": {"first_factor": true}})
            }
            "addAddress" => address_of("alice", "+41791234567"),
            "verifyAddress" => json!({"code": "000000"}),
            "finishEnrolment" => json!({"code": "000000"}),
            "renameFactor" => json!({"label": "Phone"}),
            "removeFactor" | "removeAddress" => json!({"proof": {"first_factor": true}}),
            "issuePass" | "resetFactors" => json!({"subscription": subscription, "reason": "a test"}),
            "issueUserPass" | "resetUserFactors" | "suspendUserFactor" | "resumeUserFactor" | "removeUserFactor" => {
                json!({"reason": "a test"})
            }
            "replaceSignInPage" => json!({"return_urls": [RETURN_URL]}),
            "verifyChallenge" => json!({"code": "000000"}),
            "redeemSignIn" => json!({"handle": "AAAAAAAAAAAAAAAAAAAAAAAA"}),
            "findMessages" => json!({"user": "alice"}),
            "createSubscription" => json!({"id": "demo", "name": "Demo"}),
            "changeAccount" => json!({}),
            "createAccount" => json!({"name": "", "email": "", "role": "system_admin"}),
            "changeSubscription" | "nameDirectoryEntry" => json!({"name": "x"}),
            "importDirectory" => json!([{"kind": "user", "id": "u", "name": "x"}]),
            "createTwoFactor" => json!({"type": "ecall", "name": "x"}),
            "replaceTwoFactor" => json!({"name": "x", "active": true, "options": {}}),
            "changeTwoFactor" => json!({"name": "y"}),
            "replaceAssignments" => json!([{"kind": "tenant", "id": "t"}]),
            "testTwoFactor" => json!({"recipient": {"phone": "+41791234567"}}),
            "replaceBaseSettings" | "checkBaseSettings" => json!({"ECallAccountName": "a"}),
            "replaceSecondFactor" => json!({"subscription": null, "required": false}),
            "issueToken" => json!({"name": "x", "role": "application", "subscriptions": [subscription]}),
            _ => Value::Null,
        };
        (path, body)
    }
}

/// Returns everything in a response that must not reveal whether something exists.
fn seen(answer: &Answer) -> String {
    let mut headers: Vec<String> = answer
        .headers
        .iter()
        .filter(|(name, _)| !["x-request-id", "date"].contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    headers.sort();
    format!("{} {headers:?} {}", answer.status, answer.text)
}

#[tokio::test]
#[allow(clippy::print_stdout, reason = "prints measurements")]
async fn every_call_is_for_the_roles_meant_and_what_is_foreign_looks_like_what_is_not_there() {
    let stage = Stage::new().await;
    let document = stage.server.call("GET", "/openapi.json", "", Value::Null).await.expect(200);
    let (mut calls, mut made, mut pairs) = (0, 0, 0);
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, call) in methods.as_object().unwrap().iter().filter(|(_, call)| call["operationId"].is_string()) {
            let name = call["operationId"].as_str().unwrap();
            let rule = rule(name);
            let reads = matches!(rule, Rule::AllRead | Rule::OwnReads | Rule::SystemReads);
            assert_eq!(
                reads,
                (method == "get" || SEARCHES.contains(&name)) && rule != Rule::Application,
                "{name}: reading is GET or a search, and nothing else is"
            );
            let method = method.to_uppercase();
            // A user of the own subscription is nobody's but the application's.
            let named = path.contains('{') && !["listAddresses", "listFactors"].contains(&name)
                || ["startChallenge", "issueToken"].contains(&name);
            let within = path.contains("{id}") && path.contains("{subscription}") && name != "nameDirectoryEntry";
            calls += 1;

            for role in ROLES {
                let token = &stage.tokens[ROLES.iter().position(|one| *one == role).unwrap()];
                let call = async |whose: Whose| {
                    let (path, body) = stage.aim(name, path, whose).await;
                    let anonymous = stage.server.call(&method, &path, "", body.clone()).await;
                    anonymous.problem(401, "unauthorized");
                    let answer = stage.server.call(&method, &path, token, body).await;
                    let meant = match Guard::meant(rule, role, whose) {
                        // No instance by this id is available, which is the answer if there is none at all as well.
                        Guard::NotThere if name == "startChallenge" => Guard::Passes,
                        // A handle that nobody was given looks like one of another's sign-in.
                        Guard::Passes if name == "redeemSignIn" => Guard::NotThere,
                        // To somebody of the whole installation the body is wrong, not the path.
                        Guard::NotThere if name == "issueToken" && role == Role::SystemAdmin => Guard::Passes,
                        meant => meant,
                    };
                    let got = Guard::of(&answer);
                    assert_eq!(got, meant, "{role:?} {whose:?} {method} {path}: {} {}", answer.status, answer.text);
                    seen(&answer)
                };
                call(Whose::Own).await;
                made += 1;
                if !named {
                    continue;
                }
                let (foreign, unknown) = (call(Whose::Foreign).await, call(Whose::Unknown).await);
                made += 2;
                if !role.is_of_the_system() {
                    assert_eq!(foreign, unknown, "{role:?} {name}");
                    pairs += 1;
                }
                if within {
                    let (claimed, unknown) = (call(Whose::Claimed).await, call(Whose::UnknownInOwn).await);
                    made += 2;
                    assert_eq!(claimed, unknown, "{role:?} {name}");
                    pairs += 1;
                }
            }
        }
    }
    println!("{calls} calls, {made} made by {} roles, {pairs} pairs of foreign and unknown alike", ROLES.len());
    assert!(calls >= 25, "{calls}");
}

#[tokio::test]
async fn an_administrator_of_a_subscription_sees_and_gives_no_more_than_its_own() {
    let demo = Server::demo();
    let system = demo.token("admin_token");
    demo.call("POST", "/v1/subscriptions", system, json!({"id": "other", "name": "Other"})).await.expect(201);
    let body = json!({"name": "own", "role": "subscription_admin", "subscriptions": ["other"]});
    let issued = demo.call("POST", "/v1/tokens", system, body).await.expect(201);
    let own = issued["token"].as_str().unwrap();

    let listed = demo.call("GET", "/v1/subscriptions", own, Value::Null).await.expect(200);
    assert_eq!(listed["subscriptions"].as_array().unwrap().len(), 1);
    assert_eq!(demo.call("GET", "/v1/tokens", own, Value::Null).await.expect(200)["tokens"], json!([]));
    let issue = async |body: Value| demo.call("POST", "/v1/tokens", own, body).await;
    issue(json!({"name": "x", "role": "system_admin"})).await.problem(403, "forbidden");
    issue(json!({"name": "x", "role": "subscription_admin", "subscriptions": ["other"]}))
        .await
        .problem(403, "forbidden");
    issue(json!({"name": "x", "role": "application", "subscriptions": ["demo"]})).await.problem(404, "not-found");
    issue(json!({"name": "x", "role": "application", "subscriptions": ["other"]})).await.expect(201);
    issue(json!({"name": "x", "role": "application", "subscriptions": []})).await.problem(400, "invalid-input");

    // An instance of another subscription is not there, also by its right id under the own subscription.
    let all = demo.call("GET", "/v1/subscriptions/demo/two-factors", system, Value::Null).await.expect(200);
    let id = all["two_factors"][0]["id"].as_str().unwrap();
    let path = format!("/v1/subscriptions/other/two-factors/{id}");
    demo.call("GET", &path, own, Value::Null).await.problem(404, "not-found");
    demo.call("PATCH", &path, own, json!({"active": false})).await.problem(404, "not-found");
    demo.call("DELETE", &path, own, Value::Null).await.problem(404, "not-found");
}

#[tokio::test]
async fn an_application_of_another_subscription_cannot_touch_a_challenge() {
    let demo = Server::demo();
    let system = demo.token("admin_token");
    demo.call("POST", "/v1/subscriptions", system, json!({"id": "other", "name": "Other"})).await.expect(201);
    let body = json!({"name": "x", "role": "application", "subscriptions": ["other"]});
    let issued = demo.call("POST", "/v1/tokens", system, body).await.expect(201);
    let other = issued["token"].as_str().unwrap();
    let body = common::sign_in(json!({"email": "a@example.org"}));
    let started = demo.call("POST", "/v1/challenges", demo.token("application_token"), body).await.expect(201);
    let path = format!("/v1/challenges/{}", started["id"].as_str().unwrap());
    let code = demo.code("a@example.org").await;
    let body = json!({"code": code});
    demo.call("POST", &format!("{path}/verify"), other, body.clone()).await.problem(410, "challenge-closed");
    demo.call("POST", &format!("{path}/resend"), other, Value::Null).await.problem(410, "challenge-closed");
    demo.call("DELETE", &path, other, Value::Null).await.problem(410, "challenge-closed");
    let own = demo.token("application_token");
    demo.call("POST", &format!("{path}/verify"), own, body).await.expect(200);
}

#[tokio::test]
async fn an_auditor_sees_secrets_masked_and_only_its_subscriptions_and_is_never_of_everything_by_mistake() {
    let stage = Stage::new().await;
    let (whole, one) = (&*stage.tokens[2], &*stage.tokens[3]);
    let get = async |path: &str, token: &str| stage.server.call("GET", path, token, Value::Null).await;
    for token in [whole, one] {
        let all = get("/v1/subscriptions/demo/two-factors", token).await;
        assert!(!all.text.contains("\"TwilioAuthToken\":\"demo\""), "{}", all.text);
        assert!(all.text.contains("\"TwilioAuthToken\":\"********\""), "{}", all.text);
        all.expect(200);
    }
    let names = async |token: &str| {
        let listed = get("/v1/subscriptions", token).await.expect(200);
        let all = listed["subscriptions"].as_array().unwrap().iter();
        all.map(|one| one["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        (names(whole).await, names(one).await),
        (vec!["demo".to_owned(), "other".to_owned()], vec!["demo".to_owned()])
    );
    // Of tokens it sees those of its applications.
    let tokens = get("/v1/tokens", one).await.expect(200);
    assert!(
        tokens["tokens"].as_array().unwrap().iter().all(|token| token["subscriptions"] == json!(["demo"])),
        "{tokens}"
    );
    assert_eq!(get("/v1/tokens", whole).await.expect(200)["tokens"].as_array().unwrap().len(), 6);
    get("/v1/audit", whole).await.expect(200);
    get("/v1/audit", one).await.problem(403, "forbidden");

    let empty = json!({"name": "x", "role": "auditor", "subscriptions": []});
    stage.server.call("POST", "/v1/tokens", &stage.system, empty).await.problem(400, "invalid-input");
}
