//! What surrounds the factors of a user: temporary passes, verified addresses, remembered browsers, resets, and what the user is told.

use std::time::Duration;

use serde_json::json;
use twofactor::challenge::RateLimits;
use twofactor::clock::{Clock as _, ManualClock};
use twofactor::factor::{AddressKind, NewAddress, Proof, RequiredFactor, SignInRequirements, UserEventKind};
use twofactor::sandbox::Outbox;
use twofactor::sign_in::{
    EnrolmentForm, HostedPage, NewHostedSignIn, NextStep, SignInPage, SubmittedAnswer, Visit, VisitOutcome,
};
use twofactor::store::{BeginEnrolment, FactorStore as _};
use twofactor::{
    Actor, Answer, Assignment, EnrolmentAnswer, Error, ErrorKind, Network, NewChallenge, NewEnrolment, NewInstance,
    Recipient, SignIn, SqliteStore, TwoFactor,
    admin::{Administration, InstanceChange},
};
use twofactor_tests::compiled;
use twofactor_tests::held_factors::App;

const ALICE: &str = "alice@example.com";
const SUPPORT: &str = "https://example.com/help";
const RETURN_URL: &str = "https://example.com/back";

struct World {
    outbox: Outbox,
    engine: TwoFactor,
    admin: Administration,
    clock: ManualClock,
    email: String,
}

async fn world(policy: serde_json::Value) -> World {
    limited_world(policy, RateLimits::default()).await
}

async fn limited_world(policy: serde_json::Value, limits: RateLimits) -> World {
    world_on(SqliteStore::in_memory().unwrap(), policy, limits).await
}

async fn world_on(store: SqliteStore, policy: serde_json::Value, limits: RateLimits) -> World {
    let (outbox, clock) = (Outbox::new(), ManualClock::new("2026-11-24T12:00:00Z".parse().unwrap()));
    let network = Network::builder().outbox(&outbox).build().unwrap();
    let builder =
        compiled::builder().store(store).network(network).clock(clock.clone()).bundled_provider("email").unwrap();
    let builder = builder.bundled_provider("totp").unwrap();
    let engine = builder.rate_limits(limits).build().await.unwrap();
    let admin = engine.administration(Actor::new("help desk"));
    admin.create_subscription("shop", "Shop").await.unwrap();
    let return_urls = vec![RETURN_URL.to_owned()];
    let page = SignInPage { support_url: Some(SUPPORT.to_owned()), return_urls, ..SignInPage::default() };
    admin.set_sign_in_page("shop", page, None).await.unwrap();
    let options = json!({"EMailSenderAddress": "codes@example.com", "MailServerConfig": {"MailType": "SMTP", "Host": "smtp.example.com",
        "Port": 465, "EnableSSL": true, "UserName": "u", "Password": "p", "Timeout": 20000}});
    let mut new = NewInstance::new("email", "Email", options);
    new.policy = Some(policy);
    let email = admin.create_instance("shop", new).await.unwrap().id;
    admin.set_assignments("shop", &email, vec![Assignment::tenant("main")]).await.unwrap();
    World { outbox, engine, admin, clock, email }
}

fn sign_in() -> SignIn {
    SignIn::new("shop").tenant("main").user("alice")
}

fn to_email(address: &str) -> Recipient {
    Recipient { email: Some(address.to_owned()), ..Recipient::default() }
}

impl World {
    /// Returns the code that was sent to an address last. Notices come in between.
    fn code(&self, address: &str) -> String {
        let is_code = |line: &&str| line.len() == 6 && line.bytes().all(|byte| byte.is_ascii_digit());
        let mails = self.outbox.mails().into_iter().rev().filter(|mail| mail.recipient == address);
        mails.into_iter().find_map(|mail| mail.text.lines().find(is_code).map(str::to_owned)).unwrap()
    }

    /// Starts and verifies a challenge. Returns its id.
    async fn verified(&self, start: NewChallenge, address: &str) -> String {
        let challenge = self.engine.start(start).await.unwrap();
        self.engine.verify("shop", Answer::new(&challenge.id, &self.code(address))).await.unwrap();
        challenge.id
    }

    /// Verifies an address of Alice.
    async fn with_address(&self, address: &str, proof: Proof) -> Result<String, Error> {
        let challenge = self.engine.add_address(NewAddress::new(sign_in(), to_email(address), proof)).await?;
        let answer = self.code(address);
        let added = self.engine.confirm_address("shop", Answer::new(&challenge.id, &answer)).await?;
        assert_eq!(added.kind, AddressKind::Email);
        Ok(added.id)
    }

    /// Starts to verify an address of Alice. Returns the challenge and its code.
    async fn parked(&self, address: &str, proof: Proof) -> (String, String) {
        let new = NewAddress::new(sign_in(), to_email(address), proof);
        let challenge = self.engine.add_address(new).await.unwrap();
        (challenge.id, self.code(address))
    }

    async fn confirm(&self, (challenge, code): &(String, String)) -> Result<(), Error> {
        self.engine.confirm_address("shop", Answer::new(challenge, code)).await.map(drop)
    }

    /// Returns a challenge of Alice whose code went to this address and was entered.
    async fn proof(&self, address: &str) -> Proof {
        Proof::Challenge(self.verified(NewChallenge::new(sign_in()).email(address), address).await)
    }

    /// Adds an instance for authenticator apps. Returns its id.
    async fn apps(&self, policy: serde_json::Value) -> String {
        let mut new = NewInstance::new("totp", "App", json!({}));
        new.policy = Some(policy);
        let id = self.admin.create_instance("shop", new).await.unwrap().id;
        self.admin.set_assignments("shop", &id, vec![Assignment::tenant("main")]).await.unwrap();
        id
    }

    /// Begins to enrol an app for Alice. Returns the answer that finishes it.
    async fn begun(&self, apps: &str, proof: Proof) -> Result<EnrolmentAnswer, Error> {
        let enrolment = self.engine.enrol(NewEnrolment::new(sign_in(), apps, proof)).await?;
        Ok(EnrolmentAnswer::code(&enrolment.id, App::scan(&enrolment).code(self.clock.now())))
    }

    /// Enrols an app for Alice. Returns the factor's id.
    async fn enrolled(&self, apps: &str, proof: Proof) -> Result<String, Error> {
        let answer = self.begun(apps, proof).await?;
        Ok(self.engine.finish_enrolment("shop", answer).await?.id)
    }

    /// Opens a link of a hosted sign-in.
    async fn visit(&self, secret: &str) -> Visit {
        match self.engine.hosted_sign_ins().visit(secret, None).await.unwrap() {
            VisitOutcome::Open(visit) => *visit,
            _ => panic!("it is not open"),
        }
    }

    /// Begins a hosted sign-in of Alice, or a visit to her own factors. Returns the secret of the link.
    async fn begun_page(&self, page: HostedPage) -> String {
        let new = NewHostedSignIn::new(sign_in(), RETURN_URL, "s").email(ALICE).after_first_factor().page(page);
        self.engine.hosted_sign_ins().begin(new).await.unwrap().secret
    }

    /// Begins a hosted sign-in of Alice, and answers it with a code, asking to remember the browser. Returns the secret of the link.
    async fn offered(&self) -> String {
        let sign_ins = self.engine.hosted_sign_ins();
        let new = NewHostedSignIn::new(sign_in(), RETURN_URL, "s").email(ALICE).after_first_factor();
        let secret = sign_ins.begin(new).await.unwrap().secret;
        sign_ins.start(&self.visit(&secret).await, &self.email, 0, None, None, "en").await.unwrap();
        let code = self.code(ALICE);
        let visit = self.visit(&secret).await;
        let answered = sign_ins.answer(&visit, SubmittedAnswer::Code(&code), Some("Firefox"), None).await.unwrap();
        assert!(answered == NextStep::Stay, "an app is offered");
        secret
    }

    /// Issues a pass for Alice, who is notified. Returns it as a proof.
    async fn pass(&self) -> Proof {
        let issued = self.admin.issue_pass("shop", "alice", Some(480), "lost phone").await.unwrap();
        Proof::Pass(issued.pass.expose().to_owned())
    }

    /// Returns how many notices were sent to an address.
    fn notices(&self, address: &str) -> usize {
        let is_notice = |text: &str| text.contains(SUPPORT);
        self.outbox.mails().iter().filter(|mail| mail.recipient == address && is_notice(&mail.text)).count()
    }

    /// Waits for a line of the audit log about notices, and returns the newest one.
    async fn noticed(&self, lines: usize) -> String {
        for _ in 0..500 {
            let all = self.admin.audit_log(0, 1000).await.unwrap();
            let mut of_notices = all.into_iter().filter(|line| line.action == "user.notice");
            if let Some(line) = of_notices.nth(lines - 1) {
                return line.detail;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no notice");
    }
}

#[tokio::test]
async fn a_notice_of_a_change_goes_to_the_addresses_that_an_application_passed_in_the_persons_language() {
    let world = world(json!({"application_name": "Example"})).await;
    let mut start = NewChallenge::new(sign_in()).email(ALICE);
    start.locale = Some("de-CH".to_owned());
    world.verified(start, ALICE).await;
    world.admin.issue_pass("shop", "alice", None, "lost phone").await.unwrap();
    assert_eq!(world.noticed(1).await, "pass-issued; sent by email: 1, by phone: 0");
    let mail = world.outbox.newest(ALICE).unwrap();
    assert_eq!(mail.subject, "Example: Ihre Anmeldemethoden wurden geändert");
    assert!(mail.text.contains("Temporärer Zugangscode von einem Administrator ausgestellt"), "{}", mail.text);
    assert!(mail.text.contains(SUPPORT) && mail.text.contains("24.11.2026, 12:00 UTC"), "{}", mail.text);

    // Months later, when no challenge is known any longer, the address still is.
    world.clock.advance(Duration::from_secs(90 * 24 * 3600));
    world.admin.reset_factors("shop", "alice", "account taken over").await.unwrap();
    assert_eq!(world.noticed(2).await, "reset; sent by email: 1, by phone: 0");
    assert!(world.outbox.newest(ALICE).unwrap().text.contains("lle von einem Administrator entfernt"));
    let events = world.engine.user_events("shop", "alice").await.unwrap();
    let kinds: Vec<UserEventKind> = events.into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [UserEventKind::Reset, UserEventKind::PassIssued]);
    // Reasons are for the audit log, addresses for nobody.
    let log = format!("{:?}", world.admin.audit_log(0, 1000).await.unwrap());
    assert!(log.contains("reason: account taken over") && !log.contains(ALICE), "{log}");
}

#[tokio::test]
async fn an_address_is_verified_by_a_code_and_then_needs_no_recipient() {
    let world = world(json!({})).await;
    let without = || NewChallenge::new(sign_in());
    assert!(world.engine.start(without()).await.unwrap_err().is_invalid_input());
    let id = world.with_address(ALICE, Proof::FirstFactor).await.unwrap();
    let addresses = world.engine.addresses("shop", "alice").await.unwrap();
    assert_eq!((addresses.len(), &addresses[0].id), (1, &id));
    assert!(!addresses[0].hint.contains("alice@"));
    assert!(world.engine.addresses("shop", "bob").await.unwrap().is_empty());
    let proof = world.verified(without(), ALICE).await;

    // The first factor alone adds nothing now, and a code that went elsewhere does not either.
    let error = world.with_address("second@example.com", Proof::FirstFactor).await.unwrap_err();
    assert!(error.is_proof_required());
    let elsewhere = world.verified(without().email("evil@example.com"), "evil@example.com").await;
    let error = world.with_address("evil@example.com", Proof::Challenge(elsewhere)).await.unwrap_err();
    assert!(error.is_proof_required());
    // A proof is used once. The address that was verified last is the one that codes go to. Later notices of one kind wait.
    world.clock.advance(Duration::from_secs(300));
    world.with_address("second@example.com", Proof::Challenge(proof.clone())).await.unwrap();
    let error = world.with_address("third@example.com", Proof::Challenge(proof)).await.unwrap_err();
    assert!(error.is_proof_required());

    // What is removed is told as well.
    assert!(
        world.engine.remove_address("shop", "alice", &id, &Proof::FirstFactor).await.unwrap_err().is_proof_required()
    );
    world.clock.advance(Duration::from_secs(60));
    let proof = Proof::Challenge(world.verified(without(), "second@example.com").await);
    world.noticed(2).await;
    world.engine.remove_address("shop", "alice", &id, &proof).await.unwrap();
    world.noticed(3).await;
    let mails = world.outbox.mails();
    let told: Vec<&str> = mails
        .iter()
        .filter(|mail| mail.text.contains("Removed: email address"))
        .map(|mail| mail.recipient.as_str())
        .collect();
    // Before all others.
    assert_eq!(told[..2], [ALICE, "second@example.com"]);
    assert_eq!(world.engine.addresses("shop", "alice").await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_challenge_that_an_application_starts_verifies_no_address() {
    let world = world(json!({})).await;
    let mut start = NewChallenge::new(sign_in()).email(ALICE);
    start.purpose = Some("factors".to_owned());
    let challenge = world.engine.start(start).await.unwrap();
    let code = world.code(ALICE);
    assert!(world.engine.confirm_address("shop", Answer::new(&challenge.id, &code)).await.unwrap_err().is_closed());
    assert!(world.engine.addresses("shop", "alice").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_proof_is_fresh_of_its_user_and_was_typed_for_a_sign_in() {
    let world = world(json!({})).await;
    world.with_address(ALICE, Proof::FirstFactor).await.unwrap();
    let refused = async |id: String| {
        let error = world.with_address("second@example.com", Proof::Challenge(id)).await.unwrap_err();
        assert!(error.is_proof_required());
    };
    let of_bob = NewChallenge::new(SignIn::new("shop").tenant("main").user("bob")).email(ALICE);
    refused(world.verified(of_bob, ALICE).await).await;
    let mut payment = NewChallenge::new(sign_in());
    payment.purpose = Some("payment".to_owned());
    refused(world.verified(payment, ALICE).await).await;
    refused(world.engine.start(NewChallenge::new(sign_in())).await.unwrap().id).await;
    refused("unknown".to_owned()).await;
    let old = world.verified(NewChallenge::new(sign_in()), ALICE).await;
    world.clock.advance(Duration::from_secs(601));
    refused(old).await;
    // A reset ends what was proved.
    let fresh = world.verified(NewChallenge::new(sign_in()), ALICE).await;
    let open = world.engine.start(NewChallenge::new(sign_in())).await.unwrap();
    let reset = world.admin.reset_factors("shop", "alice", "test").await.unwrap();
    assert_eq!(reset.challenges, 1);
    refused(fresh).await;
    let code = world.code(ALICE);
    assert!(world.engine.verify("shop", Answer::new(&open.id, &code)).await.unwrap_err().is_closed());
}

#[tokio::test]
async fn a_first_enrolment_with_the_first_factor_ends_where_the_policy_says() {
    let closed = json!({"first_enrolment_until": "2026-11-24T11:00:00Z"});
    for policy in [json!({"first_enrolment": "pass"}), closed] {
        let world = world(policy).await;
        assert!(world.with_address(ALICE, Proof::FirstFactor).await.unwrap_err().is_proof_required());
        let delivered = world.verified(NewChallenge::new(sign_in()).email(ALICE), ALICE).await;
        assert!(world.with_address(ALICE, Proof::Challenge(delivered)).await.unwrap_err().is_proof_required());
        let pass = world.admin.issue_pass("shop", "alice", None, "new employee").await.unwrap().pass;
        let pass = Proof::Pass(pass.expose().to_owned());
        world.with_address(ALICE, pass.clone()).await.unwrap();
        assert!(world.with_address("second@example.com", pass).await.unwrap_err().is_proof_required());
    }
    let world = world(json!({})).await;
    world.with_address(ALICE, Proof::FirstFactor).await.unwrap();
}

#[tokio::test]
async fn a_pass_signs_in_only_where_a_policy_says_so_and_proves_little() {
    let world = world(json!({})).await;
    let pass = world.admin.issue_pass("shop", "alice", Some(10), "lost phone").await.unwrap().pass;
    let error = world.engine.sign_in_with_pass(&sign_in(), pass.expose(), None).await.unwrap_err();
    assert!(error.is_no_instance_available());
    let change = InstanceChange { policy: Some(Some(json!({"pass_signs_in": true}))), ..InstanceChange::default() };
    world.admin.update_instance("shop", &world.email, change, None).await.unwrap();
    assert_eq!(world.engine.pass_signs_in(&sign_in()).await.unwrap().as_deref(), Some(&*world.email));
    let other = SignIn::new("shop").tenant("main").user("bob");
    assert!(world.engine.sign_in_with_pass(&other, pass.expose(), None).await.unwrap_err().is_closed());
    let verified = world.engine.sign_in_with_pass(&sign_in(), pass.expose(), None).await.unwrap();
    assert_eq!(
        (verified.user.as_deref(), &*verified.amr, verified.acr),
        (Some("alice"), &["otp".to_owned()][..], None)
    );
    assert_eq!(verified.assurance.aal.name(), "aal1");
    assert!(world.engine.sign_in_with_pass(&sign_in(), pass.expose(), None).await.unwrap_err().is_closed());
}

#[tokio::test]
async fn a_pass_is_issued_for_a_reason_and_never_to_oneself() {
    let world = world(json!({})).await;
    for reason in ["", " ", "two\nlines", &"x".repeat(201)] {
        let error = world.admin.issue_pass("shop", "alice", None, reason).await.unwrap_err();
        assert!(error.is_invalid_input(), "{reason:?}");
    }
    for minutes in [0, 9, 481] {
        assert!(world.admin.issue_pass("shop", "alice", Some(minutes), "test").await.unwrap_err().is_invalid_input());
    }
    assert!(world.admin.issue_pass("nowhere", "alice", None, "test").await.unwrap_err().is_not_found());
    let alice = world.engine.administration(Actor::new("account alice"));
    assert!(alice.issue_pass("shop", "alice", None, "test").await.unwrap_err().is_forbidden());
    alice.issue_pass("shop", "bob", None, "test").await.unwrap();
    let issued = world.admin.issue_pass("shop", "alice", None, "lost phone").await.unwrap();
    let log = format!("{:?}", world.admin.audit_log(0, 1000).await.unwrap());
    assert!(log.contains("for 60 minutes; reason: lost phone"), "{log}");
    assert!(!log.contains(issued.pass.expose()) && !format!("{issued:?}").contains(issued.pass.expose()));
    assert!(world.admin.end_pass("shop", "alice", "found").await.unwrap());
    assert!(!world.admin.end_pass("shop", "alice", "found").await.unwrap());
}

#[tokio::test]
async fn a_remembered_browser_is_recognized_for_its_user_and_says_that_no_factor_was_used() {
    let world = world(json!({"remembered_days": 7})).await;
    let browsers = world.engine.remembered_browsers();
    assert_eq!(browsers.days(&sign_in(), &world.email).await.unwrap(), Some(7));
    let secret = browsers.remember(&sign_in(), &world.email, Some("Firefox")).await.unwrap().unwrap();
    let secrets = vec!["tfr_other".to_owned(), secret.expose().to_owned()];
    let recognized =
        browsers.recognize(&sign_in(), SignInRequirements::default(), &secrets).await.unwrap().unwrap().verified;
    assert!(recognized.amr.is_empty() && recognized.acr.is_none() && recognized.assurance.remembered);
    let bob = SignIn::new("shop").tenant("main").user("bob");
    for (who, secrets) in [(&bob, &secrets[..]), (&sign_in(), &secrets[..1]), (&sign_in(), &[][..])] {
        assert!(browsers.recognize(who, SignInRequirements::default(), secrets).await.unwrap().is_none());
    }
    let elsewhere = SignIn::new("shop").tenant("other").user("alice");
    assert!(
        browsers.recognize(&elsewhere, SignInRequirements::default(), &secrets).await.unwrap().is_none(),
        "the instance is not available there"
    );
    let listed = browsers.list("shop", "alice").await.unwrap();
    assert_eq!(listed[0].user_agent.as_deref(), Some("Firefox"));
    let looked = browsers.peek(&sign_in(), SignInRequirements::default(), &secrets).await.unwrap();
    assert_eq!(looked.as_deref(), Some(&*listed[0].id));

    // Whoever demands more than an ordinary sign-in gets an answer that was given now.
    for demand in [
        SignInRequirements { acr: Some("phr"), ..SignInRequirements::default() },
        SignInRequirements { acr: Some("anything"), ..SignInRequirements::default() },
        SignInRequirements { required: RequiredFactor::PhishingResistant, ..SignInRequirements::default() },
        SignInRequirements { purpose: Some("payment"), ..SignInRequirements::default() },
    ] {
        assert!(browsers.recognize(&sign_in(), demand, &secrets).await.unwrap().is_none(), "{demand:?}");
    }
    let sign_in_only = SignInRequirements { purpose: Some("sign-in"), ..SignInRequirements::default() };
    assert!(browsers.recognize(&sign_in(), sign_in_only, &secrets).await.unwrap().is_some());

    // A stricter policy counts at once, and it expires.
    let change = |policy| InstanceChange { policy: Some(Some(policy)), ..InstanceChange::default() };
    world.clock.advance(Duration::from_secs(2 * 24 * 3600));
    world.admin.update_instance("shop", &world.email, change(json!({"remembered_days": 2})), None).await.unwrap();
    assert!(browsers.recognize(&sign_in(), SignInRequirements::default(), &secrets).await.unwrap().is_none());
    let more = json!({"remembered_days": 30, "required_factor": "phishing-resistant"});
    world.admin.update_instance("shop", &world.email, change(more), None).await.unwrap();
    assert!(browsers.recognize(&sign_in(), SignInRequirements::default(), &secrets).await.unwrap().is_none());
    world.admin.update_instance("shop", &world.email, change(json!({"remembered_days": 30})), None).await.unwrap();
    assert!(browsers.recognize(&sign_in(), SignInRequirements::default(), &secrets).await.unwrap().is_some());
    world.clock.advance(Duration::from_secs(5 * 24 * 3600));
    assert!(browsers.recognize(&sign_in(), SignInRequirements::default(), &secrets).await.unwrap().is_none());
}

#[tokio::test]
async fn remembered_browsers_are_off_by_default_and_end_with_a_reset() {
    let off = world(json!({})).await;
    let browsers = off.engine.remembered_browsers();
    assert_eq!(browsers.days(&sign_in(), &off.email).await.unwrap(), None);
    assert!(browsers.remember(&sign_in(), &off.email, None).await.unwrap().is_none());

    let world = world(json!({"remembered_days": 30})).await;
    let browsers = world.engine.remembered_browsers();
    let mut secrets = Vec::new();
    for _ in 0..3 {
        secrets.push(browsers.remember(&sign_in(), &world.email, None).await.unwrap().unwrap().expose().to_owned());
    }
    let listed = world.admin.remembered_browsers("shop", "alice").await.unwrap();
    world.admin.forget_devices("shop", "alice", Some(&listed[0].id)).await.unwrap();
    assert!(world.admin.forget_devices("shop", "alice", Some(&listed[0].id)).await.unwrap_err().is_not_found());
    assert!(world.admin.forget_devices("shop", "bob", Some(&listed[1].id)).await.unwrap_err().is_not_found());
    assert_eq!(world.admin.reset_factors("shop", "alice", "lost phone").await.unwrap().remembered_browsers, 2);
    assert!(browsers.recognize(&sign_in(), SignInRequirements::default(), &secrets).await.unwrap().is_none());
}

#[tokio::test]
async fn concurrent_repeats_with_one_proof_verify_an_address_once_or_are_a_conflict() {
    let world = limited_world(json!({}), RateLimits::none()).await;
    world.with_address(ALICE, Proof::FirstFactor).await.unwrap();
    for n in 0..20 {
        let proof = world.proof(ALICE).await;
        let mut new = NewAddress::new(sign_in(), to_email(&format!("alice{n}@example.net")), proof);
        new.idempotency_key = Some(format!("key {n}"));
        let all = futures::future::join_all((0..3).map(|_| world.engine.add_address(new.clone()))).await;
        let mut started = Vec::new();
        for one in all {
            match one {
                Ok(challenge) => started.push(challenge.id),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict, "{error:?}"),
            }
        }
        let again = world.engine.add_address(new).await.unwrap();
        assert!(!started.is_empty() && started.iter().all(|id| *id == again.id), "{started:?}");
        let sent = world.outbox.mails().into_iter().filter(|mail| mail.recipient == format!("alice{n}@example.net"));
        assert_eq!(sent.count(), 1);
    }
}

#[tokio::test]
async fn a_code_that_verifies_an_address_does_not_sign_anyone_in() {
    let world = world(json!({})).await;
    let new = NewAddress::new(sign_in(), to_email(ALICE), Proof::FirstFactor);
    let challenge = world.engine.add_address(new).await.unwrap();
    let code = world.code(ALICE);
    let answer = || Answer::new(&challenge.id, &code);
    assert!(world.engine.verify("shop", answer()).await.unwrap_err().is_closed());
    world.engine.confirm_address("shop", answer()).await.unwrap();
}

#[tokio::test]
async fn changes_of_one_kind_are_told_at_once_and_then_together() {
    let world = limited_world(json!({}), RateLimits { notice_interval_seconds: 1, ..RateLimits::default() }).await;
    world.verified(NewChallenge::new(sign_in()).email(ALICE), ALICE).await;
    world.pass().await;
    world.noticed(1).await;
    assert_eq!(world.notices(ALICE), 1);
    // These wait for the end of the interval. Another kind does not.
    for _ in 0..5 {
        world.pass().await;
    }
    world.admin.reset_factors("shop", "alice", "test").await.unwrap();
    world.noticed(2).await;
    assert_eq!(world.notices(ALICE), 2);
    assert_eq!(world.noticed(3).await, "pass-issued; sent by email: 1, by phone: 0");
    assert_eq!(world.notices(ALICE), 3);
    assert_eq!(world.engine.user_events("shop", "alice").await.unwrap().len(), 7);
    world.clock.advance(Duration::from_secs(2));
    world.pass().await;
    world.noticed(4).await;
    assert_eq!(world.notices(ALICE), 4);
}

#[tokio::test]
async fn notices_flood_no_mailbox_and_their_limit_blocks_no_change() {
    let limits = RateLimits { recipient_per_hour: 3, notice_interval_seconds: 0, ..RateLimits::default() };
    let world = limited_world(json!({}), limits).await;
    world.verified(NewChallenge::new(sign_in()).email(ALICE), ALICE).await;
    for _ in 0..6 {
        world.pass().await;
    }
    world.noticed(6).await;
    assert_eq!(world.notices(ALICE), 3);
    let log = format!("{:?}", world.admin.audit_log(0, 1000).await.unwrap());
    assert!(log.contains("pass-issued; sent by email: 0, by phone: 0; throttled: 1"), "{log}");
    // Codes have limits of their own, in both directions.
    world.engine.start(NewChallenge::new(sign_in()).email(ALICE)).await.unwrap();
    world.clock.advance(Duration::from_secs(3600));
    world.pass().await;
    world.noticed(7).await;
    assert_eq!(world.notices(ALICE), 4);
}

#[tokio::test]
async fn a_limit_that_is_reached_uses_up_no_proof() {
    let limits = RateLimits { recipient_per_hour: 1, ..RateLimits::default() };
    let world = limited_world(json!({}), limits).await;
    let pass = world.pass().await;
    world.engine.start(NewChallenge::new(sign_in()).email(ALICE)).await.unwrap();
    assert!(world.with_address(ALICE, pass.clone()).await.unwrap_err().is_rate_limited());
    // Nor an address to which nothing can be delivered.
    let add = NewAddress::new(
        sign_in(),
        Recipient { phone: Some("+41791234567".to_owned()), ..Recipient::default() },
        pass.clone(),
    );
    world.engine.add_address(add).await.unwrap_err();
    world.clock.advance(Duration::from_secs(3601));
    world.with_address(ALICE, pass).await.unwrap();
}

#[tokio::test]
async fn of_addresses_that_are_confirmed_at_once_one_is_verified_and_a_user_has_at_most_five() {
    let world = world(json!({})).await;
    let verified = async || world.engine.addresses("shop", "alice").await.unwrap().len();
    let mut started = Vec::new();
    for n in 0..4 {
        started.push(world.parked(&format!("a{n}@example.com"), Proof::FirstFactor).await);
    }
    let confirm = |(id, code): (String, String)| {
        let engine = world.engine.clone();
        tokio::spawn(async move { engine.confirm_address("shop", Answer::new(&id, &code)).await })
    };
    let confirmed: Vec<_> = started.into_iter().map(confirm).collect();
    let mut refused = 0;
    for one in confirmed {
        if let Err(error) = one.await.unwrap() {
            assert!(error.is_closed());
            refused += 1;
        }
    }
    assert_eq!((refused, verified().await), (3, 1));
    for n in 4..8 {
        world.with_address(&format!("a{n}@example.com"), world.pass().await).await.unwrap();
    }
    let error = world.with_address("a8@example.com", world.pass().await).await.unwrap_err();
    assert_eq!((error.kind(), verified().await), (ErrorKind::Conflict, 5));
}

#[tokio::test]
async fn a_reset_leaves_no_address_verified_and_tells_each() {
    let world = world(json!({})).await;
    world.with_address(ALICE, Proof::FirstFactor).await.unwrap();
    let proof = Proof::Challenge(world.verified(NewChallenge::new(sign_in()), ALICE).await);
    // Whoever has taken over an account adds an address of their own.
    world.with_address("evil@example.com", proof).await.unwrap();
    let reset = world.admin.reset_factors("shop", "alice", "taken over").await.unwrap();
    assert_eq!(reset.addresses, 2);
    assert!(world.engine.addresses("shop", "alice").await.unwrap().is_empty());
    for address in [ALICE, "evil@example.com"] {
        let mut told = 0;
        while told == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            told = world
                .outbox
                .mails()
                .iter()
                .filter(|mail| mail.recipient == address && mail.text.contains("ll removed by an administrator"))
                .count();
        }
    }
    // Nothing that goes there proves anything now.
    assert!(world.engine.start(NewChallenge::new(sign_in())).await.unwrap_err().is_invalid_input());
    let elsewhere = world.verified(NewChallenge::new(sign_in()).email("evil@example.com"), "evil@example.com").await;
    world.with_address(ALICE, world.pass().await).await.unwrap();
    let error = world.with_address("evil@example.com", Proof::Challenge(elsewhere)).await.unwrap_err();
    assert!(error.is_proof_required());
}

#[tokio::test]
async fn a_challenge_of_an_address_ends_when_a_factor_of_its_user_is_added_or_removed() {
    let world = world(json!({})).await;
    let apps = world.apps(json!({})).await;
    // Somebody who knows the password parks an address.
    let parked = world.parked("thief@example.com", Proof::FirstFactor).await;
    let app = world.enrolled(&apps, Proof::FirstFactor).await.unwrap();
    assert!(world.confirm(&parked).await.unwrap_err().is_closed());
    // The same with a pass, before a removal.
    let parked = world.parked("thief@example.com", world.pass().await).await;
    world.admin.remove_user_factor("shop", "alice", &app, "lost").await.unwrap();
    assert!(world.confirm(&parked).await.unwrap_err().is_closed());
    assert!(world.engine.addresses("shop", "alice").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_revoked_or_newer_pass_ends_the_verification_of_an_address_that_rests_on_it() {
    for newer in [true, false] {
        let world = world(json!({})).await;
        let parked = world.parked("thief@example.com", world.pass().await).await;
        match newer {
            true => drop(world.pass().await),
            false => drop(world.admin.end_pass("shop", "alice", "stolen").await.unwrap()),
        }
        assert!(world.confirm(&parked).await.unwrap_err().is_closed());
        assert!(world.engine.addresses("shop", "alice").await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn what_began_on_the_first_factor_ends_when_an_address_is_verified() {
    let world = world(json!({})).await;
    let apps = world.apps(json!({})).await;
    // Somebody who knows the password is first, but does not finish.
    let enrolment = world.begun(&apps, Proof::FirstFactor).await.unwrap();
    let parked = world.parked("thief@example.com", Proof::FirstFactor).await;
    world.with_address(ALICE, Proof::FirstFactor).await.unwrap();
    assert!(world.engine.finish_enrolment("shop", enrolment).await.unwrap_err().is_enrolment_closed());
    assert!(world.confirm(&parked).await.unwrap_err().is_closed());
    assert!(world.engine.factors("shop", "alice").await.unwrap().is_empty());
    assert_eq!(world.engine.addresses("shop", "alice").await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_began_with_a_code_to_an_address_ends_when_an_address_is_removed() {
    let world = world(json!({})).await;
    let apps = world.apps(json!({})).await;
    let taken = world.with_address("taken@example.com", world.pass().await).await.unwrap();
    world.with_address(ALICE, world.pass().await).await.unwrap();
    // Whoever has taken over one mailbox is about to add an app and a mailbox.
    let enrolment = world.begun(&apps, world.proof("taken@example.com").await).await.unwrap();
    let parked = world.parked("thief@example.com", world.proof("taken@example.com").await).await;
    let proof = world.proof(ALICE).await;
    world.engine.remove_address("shop", "alice", &taken, &proof).await.unwrap();
    assert!(world.engine.finish_enrolment("shop", enrolment).await.unwrap_err().is_enrolment_closed());
    assert!(world.confirm(&parked).await.unwrap_err().is_closed());
    assert!(world.engine.factors("shop", "alice").await.unwrap().is_empty());
    assert_eq!(world.engine.addresses("shop", "alice").await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_enrolment_adds_nothing_if_it_is_stored_after_a_change_that_its_proof_preceded() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("it.db");
    let world = world_on(SqliteStore::open(&file).unwrap(), json!({}), RateLimits::default()).await;
    let apps = world.apps(json!({})).await;
    let other = SqliteStore::open(&file).unwrap();
    for reset in [true, false] {
        let answer = world.begun(&apps, Proof::FirstFactor).await.unwrap();
        let enrolment = other.enrolment("shop", &answer.enrolment).await.unwrap().unwrap();
        match reset {
            true => drop(world.admin.reset_factors("shop", "alice", "stolen").await.unwrap()),
            false => drop(world.with_address(ALICE, Proof::FirstFactor).await.unwrap()),
        }
        assert!(other.enrolment("shop", &answer.enrolment).await.unwrap().is_none());
        // Its transaction was slower.
        let late = BeginEnrolment { enrolment, charges: Vec::new(), idempotency: None, pass: None };
        other.begin_enrolment(late).await.unwrap();
        assert!(world.engine.finish_enrolment("shop", answer).await.unwrap_err().is_enrolment_closed());
        assert!(world.engine.factors("shop", "alice").await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn the_code_that_verified_an_address_proves_no_other_change() {
    let world = world(json!({})).await;
    let apps = world.apps(json!({})).await;
    let parked = world.parked(ALICE, Proof::FirstFactor).await;
    world.confirm(&parked).await.unwrap();
    let proof = Proof::Challenge(parked.0);
    let refused = world.enrolled(&apps, proof.clone()).await.unwrap_err();
    assert!(refused.is_proof_required());
    let id = world.engine.addresses("shop", "alice").await.unwrap()[0].id.clone();
    assert!(world.engine.remove_address("shop", "alice", &id, &proof).await.unwrap_err().is_proof_required());
}

#[tokio::test]
async fn an_address_that_the_first_factor_verified_proves_no_more_than_that() {
    let until = json!({"first_enrolment_until": "2026-11-24T11:00:00Z"});
    for policy in [json!({"first_enrolment": "pass", "enrol_in_sign_in": true}), until] {
        // The instance that delivers trusts the first factor, as by default.
        let world = world(json!({})).await;
        let apps = world.apps(policy).await;
        let refused = async |proof: Proof| {
            assert!(world.enrolled(&apps, proof).await.unwrap_err().is_proof_required());
        };
        refused(Proof::FirstFactor).await;
        // Somebody who knows the password verifies an address, and with this another one.
        let first = world.with_address("thief@example.com", Proof::FirstFactor).await.unwrap();
        refused(world.proof("thief@example.com").await).await;
        let proof = world.proof("thief@example.com").await;
        world.with_address("thief2@example.com", proof).await.unwrap();
        refused(world.proof("thief2@example.com").await).await;
        // So it is for one that is verified with a code while there is none.
        world.admin.reset_factors("shop", "alice", "taken over").await.unwrap();
        let proof = world.proof("thief@example.com").await;
        world.with_address("thief@example.com", proof).await.unwrap();
        refused(world.proof("thief@example.com").await).await;

        // The owner has a pass. The address that it verifies proves everything; the other one removes only its like.
        let own = world.with_address(ALICE, world.pass().await).await.unwrap();
        let remove = async |id: &str, proof: Proof| world.engine.remove_address("shop", "alice", id, &proof).await;
        assert!(remove(&own, world.proof("thief@example.com").await).await.unwrap_err().is_proof_required());
        remove(&first, world.proof("thief@example.com").await).await.unwrap();
        world.enrolled(&apps, world.proof(ALICE).await).await.unwrap();
    }
    // Where policy trusts the first factor, such an address is enough.
    let world = world(json!({})).await;
    let apps = world.apps(json!({})).await;
    world.with_address(ALICE, Proof::FirstFactor).await.unwrap();
    world.enrolled(&apps, world.proof(ALICE).await).await.unwrap();
}

#[tokio::test]
async fn a_sign_in_that_waits_on_its_page_ends_with_a_reset_or_a_new_factor_and_remembers_no_browser() {
    for reset in [true, false] {
        let world = world(json!({"remembered_days": 30})).await;
        let apps = world.apps(json!({"enrol_in_sign_in": true})).await;
        let sign_ins = world.engine.hosted_sign_ins();
        let change = async || match reset {
            true => drop(world.admin.reset_factors("shop", "alice", "stolen").await.unwrap()),
            false => drop(world.enrolled(&apps, Proof::FirstFactor).await.unwrap()),
        };
        let secret = world.offered().await;
        assert!(world.visit(&secret).await.is_proved());
        // Seen before the change, and gone on after it.
        let racing = world.offered().await;
        let racing = world.visit(&racing).await;
        change().await;
        let late = world.visit(&secret).await;
        assert!(!late.is_proved());
        assert!(sign_ins.proceed(&late).await.err().unwrap().is_closed());
        assert!(sign_ins.proceed(&racing).await.err().unwrap().is_closed());
        assert!(world.engine.remembered_browsers().list("shop", "alice").await.unwrap().is_empty());
    }
    // Nothing changed: the browser is remembered.
    let world = world(json!({"remembered_days": 30})).await;
    world.apps(json!({"enrol_in_sign_in": true})).await;
    let secret = world.offered().await;
    let proceeded = world.engine.hosted_sign_ins().proceed(&world.visit(&secret).await).await.unwrap();
    assert!(matches!(proceeded, NextStep::Return { remembered: Some(_), .. }));
}

/// What the trigger does, somebody may do while the proof is checked.
#[tokio::test]
async fn a_change_that_comes_while_a_proof_is_checked_keeps_the_address() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("it.db");
    let world = world_on(SqliteStore::open(&file).unwrap(), json!({}), RateLimits::default()).await;
    let id = world.with_address(ALICE, Proof::FirstFactor).await.unwrap();
    let proof = world.proof(ALICE).await;
    let sql = "CREATE TRIGGER overtaken AFTER UPDATE OF verified_at ON challenges WHEN new.verified_at IS NULL \
               BEGIN UPDATE user_changes SET count = count + 1; END";
    rusqlite::Connection::open(&file).unwrap().execute_batch(sql).unwrap();
    let refused = world.engine.remove_address("shop", "alice", &id, &proof).await.unwrap_err();
    assert!(refused.is_proof_required(), "{refused:?}");
    assert_eq!(world.engine.addresses("shop", "alice").await.unwrap().len(), 1);
}

/// What the trigger does, a reset may do after the address was read.
#[tokio::test]
async fn a_challenge_to_a_verified_address_is_not_started_if_its_user_changes_in_the_meantime() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("it.db");
    let world = world_on(SqliteStore::open(&file).unwrap(), json!({}), RateLimits::default()).await;
    world.with_address(ALICE, Proof::FirstFactor).await.unwrap();
    world.engine.start(NewChallenge::new(sign_in())).await.unwrap();
    let sql = "CREATE TRIGGER overtaken AFTER UPDATE ON buckets BEGIN UPDATE user_changes SET count = count + 1; END";
    rusqlite::Connection::open(&file).unwrap().execute_batch(sql).unwrap();
    let refused = world.engine.start(NewChallenge::new(sign_in())).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict, "{refused:?}");
    // The application is responsible for the address that it gives.
    world.engine.start(NewChallenge::new(sign_in()).email(ALICE)).await.unwrap();
}

/// What the triggers do, a reset may do between the use and the end.
#[tokio::test]
async fn a_sign_in_with_a_pass_or_in_a_remembered_browser_ends_only_if_nothing_has_changed_since() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("it.db");
    let policy = json!({"pass_signs_in": true, "remembered_days": 30});
    let world = world_on(SqliteStore::open(&file).unwrap(), policy, RateLimits::default()).await;
    let (sign_ins, browsers) = (world.engine.hosted_sign_ins(), world.engine.remembered_browsers());
    for overtaken in [false, true] {
        if overtaken {
            let sql = ["passes", "remembered_devices"].map(|table| {
                format!(
                    "CREATE TRIGGER overtaken_{table} AFTER UPDATE ON {table} \
                     BEGIN UPDATE user_changes SET count = count + 1; END;"
                )
            });
            rusqlite::Connection::open(&file).unwrap().execute_batch(&sql.concat()).unwrap();
        }
        let Proof::Pass(pass) = world.pass().await else { panic!("it is a pass") };
        let visit = world.visit(&world.begun_page(HostedPage::SignIn).await).await;
        let by_pass = sign_ins.use_pass(&visit, &pass, None).await;
        let secret = browsers.remember(&sign_in(), &world.email, None).await.unwrap().unwrap();
        let visit = world.visit(&world.begun_page(HostedPage::SignIn).await).await;
        let remembered = sign_ins.proceed_remembered(&visit, secret.expose()).await;
        for (what, done) in [("a pass", by_pass), ("a browser", remembered)] {
            if overtaken {
                assert!(done.err().unwrap().is_closed(), "{what}");
            } else {
                assert!(matches!(done, Ok(NextStep::Return { .. })), "{what}");
            }
        }
    }
}

/// Otherwise a page that was loaded before a reset would add the first factor after it.
#[tokio::test]
async fn a_page_that_was_seen_before_a_reset_adds_no_first_factor_after_it() {
    let world = world(json!({})).await;
    let apps = world.apps(json!({})).await;
    let sign_ins = world.engine.hosted_sign_ins();
    let secret = world.begun_page(HostedPage::Factors).await;
    let seen = world.visit(&secret).await;
    world.admin.reset_factors("shop", "alice", "stolen").await.unwrap();
    sign_ins.enrol(&seen, &apps, seen.step(), None, "en").await.unwrap();
    let visit = world.visit(&secret).await;
    let Some(EnrolmentForm::Secret { secret: key, .. }) = visit.enrolment.as_ref().map(|open| &open.form) else {
        panic!("it is not open")
    };
    let code = App::with_secret(key).code(world.clock.now());
    let finished = sign_ins.finish_enrolment(&visit, (Some(code), None, None), None).await;
    assert!(finished.err().unwrap().is_enrolment_closed());
    assert!(world.engine.factors("shop", "alice").await.unwrap().is_empty());
}

/// As above, with a code, which stays a proof when a pass is issued.
#[tokio::test]
async fn a_page_on_which_a_code_was_entered_before_a_pass_was_issued_adds_no_first_factor_after_it() {
    let world = world(json!({})).await;
    let apps = world.apps(json!({})).await;
    let sign_ins = world.engine.hosted_sign_ins();
    let secret = world.begun_page(HostedPage::Factors).await;
    sign_ins.start(&world.visit(&secret).await, &world.email, 0, None, None, "en").await.unwrap();
    let code = world.code(ALICE);
    sign_ins.answer(&world.visit(&secret).await, SubmittedAnswer::Code(&code), None, None).await.unwrap();
    let seen = world.visit(&secret).await;
    assert!(seen.may_change);
    world.pass().await;
    sign_ins.enrol(&seen, &apps, seen.step(), None, "en").await.unwrap();
    let visit = world.visit(&secret).await;
    assert!(!visit.may_change);
    let Some(EnrolmentForm::Secret { secret: key, .. }) = visit.enrolment.as_ref().map(|open| &open.form) else {
        panic!("it is not open")
    };
    let code = App::with_secret(key).code(world.clock.now());
    let finished = sign_ins.finish_enrolment(&visit, (Some(code), None, None), None).await;
    assert!(finished.err().unwrap().is_enrolment_closed());
    assert!(world.engine.factors("shop", "alice").await.unwrap().is_empty());
}

/// The link may name an address of whoever had taken over the account.
#[tokio::test]
async fn a_sign_in_whose_link_was_made_before_a_reset_offers_no_first_factor_after_it() {
    let world = world(json!({})).await;
    world.apps(json!({"enrol_in_sign_in": true})).await;
    let sign_ins = world.engine.hosted_sign_ins();
    let secret = world.begun_page(HostedPage::SignIn).await;
    world.admin.reset_factors("shop", "alice", "stolen").await.unwrap();
    sign_ins.start(&world.visit(&secret).await, &world.email, 0, None, None, "en").await.unwrap();
    let (visit, code) = (world.visit(&secret).await, world.code(ALICE));
    let answered = sign_ins.answer(&visit, SubmittedAnswer::Code(&code), None, None).await.unwrap();
    assert!(matches!(answered, NextStep::Return { .. }), "an app is offered");
    // One whose link is made now does.
    world.offered().await;
}

#[tokio::test]
async fn the_audit_log_says_which_factors_a_user_names_and_which_browsers_are_remembered_and_forgotten() {
    let world = world(json!({"remembered_days": 30})).await;
    let apps = world.apps(json!({})).await;
    let factor = world.enrolled(&apps, Proof::FirstFactor).await.unwrap();
    world.engine.rename_factor("shop", "alice", &factor, Some("My phone")).await.unwrap();
    let browsers = world.engine.remembered_browsers();
    for _ in 0..2 {
        world.clock.advance(Duration::from_secs(1));
        browsers.remember(&sign_in(), &world.email, Some("Firefox")).await.unwrap().unwrap();
    }
    let [newer, older] = <[_; 2]>::try_from(browsers.list("shop", "alice").await.unwrap()).unwrap();
    for is_there in [true, false] {
        assert_eq!(browsers.forget("shop", "alice", &newer.id).await.is_ok(), is_there);
    }
    for count in [1, 0] {
        assert_eq!(browsers.forget_all("shop", "alice").await.unwrap(), count);
    }
    let log = world.admin.audit_log(0, 1000).await.unwrap();
    let of_user = log.iter().filter(|line| line.action.starts_with("device.") || line.action == "factor.rename");
    let lines = of_user.map(|line| format!("{}, {}: {} {}", line.actor, line.subject, line.action, line.detail));
    let by_alice = |what: String| format!("user alice, shop/alice: {what}");
    let expected = [
        format!("factor.rename factor {factor} of type totp"),
        format!("device.remember browser {}", older.id),
        format!("device.remember browser {}", newer.id),
        format!("device.forget browser {}", newer.id),
        "device.forget all".to_owned(),
    ];
    assert_eq!(lines.collect::<Vec<_>>(), expected.map(by_alice));
}
