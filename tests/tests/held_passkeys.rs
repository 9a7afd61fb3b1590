//! Passkeys with the real component and an authenticator in software: enrolling, using, signing in without a user's name.

use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use twofactor::challenge::RateLimits;
use twofactor::factor::{Aal, AnswerKind, FactorStatus, RequiredFactor};
use twofactor::sandbox::Outbox;
use twofactor::{
    Actor, Answer, Assignment, Builder, Challenge, ChallengeKind, EnrolmentAnswer, Error, ErrorKind, Network,
    NewChallenge, NewEnrolment, NewInstance, Proof, SignIn, TwoFactor, UserFactor, Verified,
};
use twofactor_fido::testing::{Algorithm, Authenticator, flag};
use twofactor_tests::accounts::{PASSWORD, active, client, log_in, pending};
use twofactor_tests::ecall::Place;
use twofactor_tests::held_factors::{
    App, SUBSCRIPTION, begin_app, engine, instance, offered_on_page, sign_in, use_factor,
};

const ORIGIN: &str = "https://login.example.com";

/// Returns an engine at whose site passkeys can be used.
async fn world(change: impl FnOnce(Builder) -> Builder) -> (TwoFactor, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let builder = Place::new(folder.path()).builder();
    (engine(change(builder)).await, folder)
}

fn authenticator(seed: &str) -> Authenticator {
    Authenticator { flags: flag::UP | flag::UV | flag::BE | flag::BS, ..Authenticator::new(Algorithm::Es256, seed) }
}

async fn enrol(engine: &TwoFactor, user: &str, device: &Authenticator) -> Result<UserFactor, Error> {
    let fido = instance(engine, "fido").await;
    let mut new = NewEnrolment::new(sign_in(user), fido, Proof::FirstFactor);
    new.passwordless = true;
    let enrolment = engine.enrol(new).await?;
    assert_eq!((enrolment.kind, &enrolment.reveal), (AnswerKind::WebauthnCreate, &None));
    let credential = device.create(&enrolment.public, ORIGIN).answer(device);
    engine.finish_enrolment(SUBSCRIPTION, EnrolmentAnswer::credential(&enrolment.id, credential)).await
}

async fn start(engine: &TwoFactor, user: &str) -> Challenge {
    let fido = instance(engine, "fido").await;
    engine.start(NewChallenge::new(sign_in(user)).two_factor(fido)).await.unwrap()
}

fn answer(challenge: &Challenge, device: &Authenticator, handle: Option<Vec<u8>>) -> String {
    let mut assertion = device.get(challenge.public.as_ref().unwrap(), ORIGIN);
    assertion.user_handle = handle;
    assertion.answer(device)
}

async fn verify(engine: &TwoFactor, challenge: &Challenge, credential: &str) -> Result<Verified, Error> {
    engine.verify(SUBSCRIPTION, Answer::credential(&challenge.id, credential)).await
}

#[tokio::test]
async fn a_passkey_is_enrolled_and_each_assertion_is_accepted_once() {
    let (engine, _folder) = world(|builder| builder).await;
    let device = authenticator("alice");
    let factor = enrol(&engine, "alice", &device).await.unwrap();
    assert_eq!((factor.facts.device_bound, factor.status), (Some(false), FactorStatus::Active));
    // The same authenticator is nobody else's.
    assert_eq!(enrol(&engine, "bob", &device).await.unwrap_err().kind(), ErrorKind::Conflict);

    let challenge = start(&engine, "alice").await;
    assert_eq!((challenge.kind, &*challenge.channel), (ChallengeKind::WebauthnGet, "webauthn-get"));
    assert_eq!((challenge.code_length, challenge.recipient_hint.as_deref()), (None, None));
    let credential = answer(&challenge, &device, None);
    let verified = verify(&engine, &challenge, &credential).await.unwrap();
    assert_eq!(verified.amr, ["swk", "user"]);
    assert_eq!((verified.acr.as_deref(), verified.assurance.aal), (Some("phr"), Aal::Aal2));
    assert!(verified.assurance.phishing_resistant && verified.assurance.user_verified);
    assert!(verify(&engine, &challenge, &credential).await.unwrap_err().is_closed());
    // For another challenge it is wrong.
    let other = start(&engine, "alice").await;
    assert!(verify(&engine, &other, &credential).await.unwrap_err().is_code_rejected());
    // A code is not how it is answered, and what is not a credential is not counted.
    for code in ["123456", "abc"] {
        let error = engine.verify(SUBSCRIPTION, Answer::new(&other.id, code)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    for _ in 0..10 {
        assert_eq!(verify(&engine, &other, "{}").await.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    verify(&engine, &other, &answer(&other, &device, None)).await.unwrap();
}

#[tokio::test]
async fn an_acr_that_is_asked_for_is_answered_truthfully() {
    let (engine, _folder) = world(|builder| builder).await;
    let device = authenticator("alice");
    enrol(&engine, "alice", &device).await.unwrap();
    let challenge = engine.start(NewChallenge::new(sign_in("alice")).acr("phr")).await.unwrap();
    let verified = verify(&engine, &challenge, &answer(&challenge, &device, None)).await.unwrap();
    assert_eq!(verified.acr.as_deref(), Some("phr"));
    for (start, requirement) in [
        (NewChallenge::new(sign_in("alice")).acr("phrh"), "attested"),
        (NewChallenge::new(sign_in("alice")).required(RequiredFactor::DeviceBound), "device-bound"),
    ] {
        assert_eq!(engine.start(start).await.unwrap_err().requirement(), Some(requirement));
    }
}

#[tokio::test]
async fn a_passkey_that_cannot_be_copied_comes_before_one_that_can() {
    let (engine, _folder) = world(|builder| builder).await;
    let admin = engine.administration(Actor::new("test"));
    let passkeys = instance(&engine, "fido").await;
    let synced = authenticator("synced");
    enrol(&engine, "alice", &synced).await.unwrap();
    let challenge = start(&engine, "alice").await;
    verify(&engine, &challenge, &answer(&challenge, &synced, None)).await.unwrap();
    let keys = admin.create_instance(SUBSCRIPTION, NewInstance::new("fido", "keys", json!({}))).await.unwrap().id;
    admin.set_assignments(SUBSCRIPTION, &keys, vec![Assignment::tenant("t")]).await.unwrap();
    let proof = Proof::Challenge(challenge.id);
    let enrolment = engine.enrol(NewEnrolment::new(sign_in("alice"), &keys, proof)).await.unwrap();
    let bound = Authenticator { flags: flag::UP | flag::UV, ..authenticator("bound") };
    let credential = bound.create(&enrolment.public, ORIGIN).answer(&bound);
    let finish = EnrolmentAnswer::credential(&enrolment.id, credential);
    engine.finish_enrolment(SUBSCRIPTION, finish).await.unwrap();
    // The other one was used, and this one never.
    let picked = engine.start(NewChallenge::new(sign_in("alice"))).await.unwrap();
    assert_eq!(picked.two_factor, keys);
    assert_eq!(offered_on_page(&engine, "alice").await, [keys, passkeys]);
}

#[tokio::test]
async fn a_passkey_signs_in_a_user_whom_nobody_named() {
    let (engine, _folder) = world(|builder| builder).await;
    let (alices, strangers) = (authenticator("alice"), authenticator("stranger"));
    enrol(&engine, "alice", &alices).await.unwrap();
    let fido = instance(&engine, "fido").await;
    let unknown = || NewChallenge::new(SignIn::new(SUBSCRIPTION).tenant("t")).two_factor(&fido);
    let handle = user_handle(&engine, "alice").await;
    // Not where the user is missing by mistake, and not by an app.
    let totp = instance(&engine, "totp").await;
    for nobody in [NewChallenge::new(SignIn::new(SUBSCRIPTION).tenant("t")), unknown().two_factor(&totp)] {
        let refused = engine.start(nobody).await.unwrap_err();
        assert_eq!(refused.field_errors()[0].pointer, "/user");
    }
    let challenge = engine.start(unknown()).await.unwrap();
    // A credential that nobody enrolled, and one without the user's handle.
    let nobodys = answer(&challenge, &strangers, Some(handle.clone()));
    assert!(verify(&engine, &challenge, &nobodys).await.unwrap_err().is_code_rejected());
    let without = answer(&challenge, &alices, None);
    assert!(verify(&engine, &challenge, &without).await.is_err());
    let verified = verify(&engine, &challenge, &answer(&challenge, &alices, Some(handle))).await.unwrap();
    assert_eq!(verified.user.as_deref(), Some("alice"));
    assert_eq!(verified.assurance.aal, Aal::Aal2);
}

/// Returns what an authenticator learned at the enrolment of another passkey of this user.
async fn user_handle(engine: &TwoFactor, user: &str) -> Vec<u8> {
    use base64::Engine as _;
    let challenge = start(engine, user).await;
    let device = authenticator(user);
    verify(engine, &challenge, &answer(&challenge, &device, None)).await.unwrap();
    let fido = instance(engine, "fido").await;
    let new = NewEnrolment::new(sign_in(user), fido, Proof::Challenge(challenge.id));
    let enrolment = engine.enrol(new).await.unwrap();
    assert_eq!(enrolment.public["excludeCredentials"].as_array().map(Vec::len), Some(1));
    let Value::String(id) = &enrolment.public["user"]["id"] else { panic!("no handle") };
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(id).unwrap()
}

/// Otherwise an application could fill the store: handles stay for ever.
#[tokio::test]
async fn an_enrolment_that_is_refused_leaves_no_handle() {
    let limits = RateLimits { total_per_hour: 1, ..RateLimits::none() };
    let (engine, folder) = world(|builder| builder.rate_limits(limits)).await;
    let fido = instance(&engine, "fido").await;
    let handles = || -> u32 {
        let database = rusqlite::Connection::open(Place::new(folder.path()).database()).unwrap();
        database.query_row("SELECT count(*) FROM user_handles", [], |row| row.get(0)).unwrap()
    };
    let begin = async |user: &str, proof| engine.enrol(NewEnrolment::new(sign_in(user), &fido, proof)).await;
    let before = handles();
    let unproven = begin("mallory", Proof::Challenge("unknown".to_owned())).await.unwrap_err();
    assert_eq!((unproven.kind(), handles()), (ErrorKind::ProofRequired, before));
    begin("alice", Proof::FirstFactor).await.unwrap();
    assert_eq!(handles(), before + 1);
    let limited = begin("bob", Proof::FirstFactor).await.unwrap_err();
    assert!(limited.is_rate_limited(), "{limited:?}");
    assert_eq!(handles(), before + 1);
}

#[tokio::test]
async fn enrolments_of_a_new_user_that_begin_at_once_have_one_handle() {
    let (engine, _folder) = world(|builder| builder).await;
    let fido = instance(&engine, "fido").await;
    let begin = || engine.enrol(NewEnrolment::new(sign_in("alice"), &fido, Proof::FirstFactor));
    let begun = futures::future::join_all((0..8).map(|_| begin())).await;
    let handles: Vec<_> = begun.into_iter().map(|one| one.unwrap().public["user"]["id"].clone()).collect();
    assert!(handles[0].is_string() && handles.iter().all(|one| *one == handles[0]), "{handles:?}");
    // It stays the same.
    let later = begin().await.unwrap().public;
    assert_eq!(later["user"]["id"], handles[0]);
}

#[tokio::test]
async fn a_counter_that_goes_back_suspends_the_passkey_and_the_caller_does_not_learn_why() {
    let (engine, _folder) = world(|builder| builder).await;
    let mut device = Authenticator { flags: flag::UP | flag::UV, sign_count: 5, ..authenticator("alice") };
    enrol(&engine, "alice", &device).await.unwrap();
    device.sign_count = 3;
    let challenge = start(&engine, "alice").await;
    let error = verify(&engine, &challenge, &answer(&challenge, &device, None)).await.unwrap_err();
    assert_eq!((error.kind(), &*error.to_string()), (ErrorKind::CodeRejected, "incorrect code"));
    let listed = engine.factors(SUBSCRIPTION, "alice").await.unwrap();
    assert_eq!(listed[0].status, FactorStatus::Suspended);
    let log = engine.administration(Actor::new("test")).audit_log(0, 100).await.unwrap();
    assert!(log.iter().any(|entry| entry.action == "factor.suspend" && entry.detail.contains("counter went back")));
    device.sign_count = 9;
    let again = verify(&engine, &challenge, &answer(&challenge, &device, None)).await;
    assert!(again.unwrap_err().is_code_rejected());
    // A suspended factor still counts as held: nobody enrols another one with a first factor only.
    let error = begin_app(&engine, "alice", Proof::FirstFactor).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ProofRequired);
}

const ALICE: &str = "alice@example.com";

/// Adds an instance that sends emails, and lets an application send a code to Alice: from then on her address is known.
async fn know_address(engine: &TwoFactor, outbox: &Outbox) {
    let admin = engine.administration(Actor::new("test"));
    let server = json!({"MailType": "SMTP", "Host": "smtp.example.com", "Port": 465, "EnableSSL": true,
        "UserName": "u", "Password": "p", "Timeout": 20000});
    let options = json!({"EMailSenderAddress": "codes@example.com", "MailServerConfig": server});
    let email = admin.create_instance(SUBSCRIPTION, NewInstance::new("email", "Email", options)).await.unwrap();
    assert!(email.valid, "{:?}", email.problems);
    admin.set_assignments(SUBSCRIPTION, &email.id, vec![Assignment::tenant("t")]).await.unwrap();
    let challenge = engine.start(NewChallenge::new(sign_in("alice")).email(ALICE)).await.unwrap();
    let mail = outbox.newest(ALICE).unwrap();
    let is_code = |line: &&str| line.len() == 6 && line.bytes().all(|byte| byte.is_ascii_digit());
    let code = mail.text.lines().find(is_code).unwrap();
    engine.verify(SUBSCRIPTION, Answer::new(&challenge.id, code)).await.unwrap();
}

/// Returns how many passkeys were suspended for their counters, as the metrics of this process say.
async fn suspended(metrics: &str) -> u64 {
    let text = reqwest::get(metrics).await.unwrap().text().await.unwrap();
    let labels = ["type=\"fido\"", "reason=\"counter-went-back\""];
    let is_it = |line: &&str| {
        line.starts_with("twofactor_factors_suspended_total{") && labels.iter().all(|label| line.contains(label))
    };
    text.lines().find(is_it).map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

#[tokio::test]
async fn a_passkey_that_may_have_been_copied_is_counted_and_its_owner_is_notified() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let outbox = Outbox::new();
    let network = Network::builder().outbox(&outbox).build().unwrap();
    let (engine, _folder) = world(|builder| builder.network(network).bundled_provider("email").unwrap()).await;
    let router = twofactor_server::router(engine.clone(), Vec::new());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let metrics = format!("http://{}/metrics", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    know_address(&engine, &outbox).await;
    let mut device = Authenticator { flags: flag::UP | flag::UV, sign_count: 5, ..authenticator("alice") };
    enrol(&engine, "alice", &device).await.unwrap();
    let before = suspended(&metrics).await;

    device.sign_count = 3;
    let challenge = start(&engine, "alice").await;
    assert!(verify(&engine, &challenge, &answer(&challenge, &device, None)).await.is_err());
    // Other tests of this process may suspend some, too.
    assert!(suspended(&metrics).await > before);
    let admin = engine.administration(Actor::new("test"));
    let mut notified = None;
    for _ in 0..500 {
        let log = admin.audit_log(0, 1000).await.unwrap();
        notified = log.into_iter().find(|line| line.action == "user.notice" && line.detail.starts_with("suspended"));
        if notified.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(notified.unwrap().detail, "suspended; sent by email: 1, by phone: 0");
    let is_notice = |text: &str| text.contains("Suspended: passkey");
    assert!(outbox.mails().iter().any(|mail| mail.recipient == ALICE && is_notice(&mail.text)));
}

#[tokio::test]
async fn typing_wrong_codes_never_locks_a_passkey_nor_the_reverse() {
    let limits = RateLimits { wrong_answers_per_day: 5, lockout_threshold: 5, ..RateLimits::none() };
    let (engine, _folder) = world(|builder| builder.rate_limits(limits)).await;
    let now = || jiff::Timestamp::now();
    for user in ["alice", "bob"] {
        let device = authenticator(user);
        enrol(&engine, user, &device).await.unwrap();
        let challenge = start(&engine, user).await;
        verify(&engine, &challenge, &answer(&challenge, &device, None)).await.unwrap();
        let enrolment = begin_app(&engine, user, Proof::Challenge(challenge.id)).await.unwrap();
        let app = App::scan(&enrolment);
        let finish = EnrolmentAnswer::code(&enrolment.id, app.code(now()));
        engine.finish_enrolment(SUBSCRIPTION, finish).await.unwrap();
        let next = now() + jiff::SignedDuration::from_secs(30);
        if user == "alice" {
            // Typed codes until the app is locked.
            loop {
                let totp = instance(&engine, "totp").await;
                match engine.start(NewChallenge::new(sign_in(user)).two_factor(totp)).await {
                    Ok(challenge) => drop(engine.verify(SUBSCRIPTION, Answer::new(&challenge.id, "000000")).await),
                    Err(error) => break assert!(error.is_rate_limited(), "{error:?}"),
                }
            }
            let challenge = start(&engine, user).await;
            verify(&engine, &challenge, &answer(&challenge, &device, None)).await.unwrap();
        } else {
            // Wrong credentials until passkeys are locked.
            let other = Authenticator { id: device.id.clone(), ..authenticator("other") };
            loop {
                let fido = instance(&engine, "fido").await;
                match engine.start(NewChallenge::new(sign_in(user)).two_factor(fido)).await {
                    Ok(challenge) => drop(verify(&engine, &challenge, &answer(&challenge, &other, None)).await),
                    Err(error) => break assert!(error.is_rate_limited(), "{error:?}"),
                }
            }
            let (_, verified) = use_factor(&engine, user, "totp", &app.code(next)).await;
            verified.unwrap();
        }
    }
}

#[tokio::test]
async fn a_locked_passkey_keeps_no_administrator_out_who_also_has_an_app() {
    let limits = RateLimits { lockout_threshold: 3, ..RateLimits::none() };
    let (engine, _folder) = world(|builder| builder.rate_limits(limits)).await;
    let (admin, accounts) = (engine.administration(Actor::new("test")), engine.accounts());
    let (account, _) = active(&accounts, "anna").await;
    let kind = twofactor::store::AssignmentKind::ClientApplication;
    let logins = Assignment { kind, id: "twofactor-admin".to_owned() };
    let [fido, totp] = [instance(&engine, "fido").await, instance(&engine, "totp").await];
    for id in [&fido, &totp] {
        admin.set_assignments(SUBSCRIPTION, id, vec![Assignment::tenant("t"), logins.clone()]).await.unwrap();
    }
    accounts.set_second_factor(&Actor::new("test"), Some(SUBSCRIPTION.to_owned()), false, None).await.unwrap();
    let (device, session) = (authenticator("anna"), log_in(&accounts, &account).await.session);
    let enrolment = accounts.enrol_own_factor(&session, &fido, PASSWORD, &client(1)).await.unwrap();
    let credential = device.create(&enrolment.public, ORIGIN).answer(&device);
    let finish = EnrolmentAnswer::credential(&enrolment.id, credential);
    let session = accounts.finish_own_enrolment(&session, finish, &client(1)).await.unwrap().session.unwrap().session;
    let enrolment = accounts.enrol_own_factor(&session, &totp, PASSWORD, &client(1)).await.unwrap();
    let app = App::scan(&enrolment);
    let finish = EnrolmentAnswer::code(&enrolment.id, app.code(jiff::Timestamp::now()));
    accounts.finish_own_enrolment(&session, finish, &client(1)).await.unwrap();

    // Somebody who knows the password answers for the passkey until it is locked.
    let other = Authenticator { id: device.id.clone(), ..authenticator("other") };
    for _ in 0..3 {
        let (secret, challenge) = pending(accounts.log_in(&account.email, PASSWORD, &client(2)).await.unwrap());
        assert_eq!(challenge.kind, ChallengeKind::WebauthnGet);
        let wrong = answer(&challenge, &other, None);
        assert!(accounts.second_factor_credential(&secret, &wrong, &client(2)).await.is_err());
    }
    let (secret, challenge) = pending(accounts.log_in(&account.email, PASSWORD, &client(1)).await.unwrap());
    assert_eq!((challenge.kind, &challenge.two_factor), (ChallengeKind::TypedCode, &totp));
    let next = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(30);
    accounts.second_factor(&secret, &app.code(next), &client(1)).await.unwrap();
}

#[tokio::test]
async fn challenges_for_passkeys_in_one_subscription_leave_those_of_another() {
    let limits = RateLimits { total_per_hour: 4, subscription_share_percent: 20, ..RateLimits::none() };
    let (engine, _folder) = world(|builder| builder.rate_limits(limits)).await;
    let admin = engine.administration(Actor::new("test"));
    admin.create_subscription("other", "Other").await.unwrap();
    let other = admin.create_instance("other", NewInstance::new("fido", "fido", json!({}))).await.unwrap().id;
    admin.set_assignments("other", &other, vec![Assignment::tenant("t")]).await.unwrap();
    let fido = instance(&engine, "fido").await;
    // Nobody is named, and no address.
    let start = |subscription: &str, id: &str| {
        engine.start(NewChallenge::new(SignIn::new(subscription).tenant("t")).two_factor(id))
    };
    for _ in 0..2 {
        start("other", &other).await.unwrap();
    }
    assert!(start("other", &other).await.unwrap_err().is_rate_limited());
    for _ in 0..2 {
        start(SUBSCRIPTION, &fido).await.unwrap();
    }
    assert!(start(SUBSCRIPTION, &fido).await.unwrap_err().is_rate_limited());
}
