//! What the policy of an instance requires of its factors, when they are enrolled and when they are used.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use tempfile::TempDir;
use twofactor::accounts::Session;
use twofactor::admin::{Instance, InstanceChange};
use twofactor::factor::RequiredFactor;
use twofactor::instance::Policy;
use twofactor::{
    Actor, Answer, Assignment, Challenge, EnrolmentAnswer, Error, NewChallenge, NewEnrolment, Proof, SignIn, TwoFactor,
    Verified,
};
use twofactor_fido::testing::{Algorithm, Authenticator, flag};
use twofactor_tests::accounts::{PASSWORD, active, client, log_in, pending};
use twofactor_tests::ecall::Place;
use twofactor_tests::held_factors::{self as held, SUBSCRIPTION, instance, sign_in};

const ORIGIN: &str = "https://login.example.com";

async fn world() -> (TwoFactor, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (held::engine(Place::new(folder.path()).builder()).await, folder)
}

/// Returns an authenticator whose passkey can be copied.
fn synced(seed: &str) -> Authenticator {
    Authenticator { flags: flag::UP | flag::UV | flag::BE | flag::BS, ..bound(seed) }
}

/// Returns an authenticator whose passkey cannot be copied.
fn bound(seed: &str) -> Authenticator {
    Authenticator { flags: flag::UP | flag::UV, ..Authenticator::new(Algorithm::Es256, seed) }
}

/// Sets what the policy of an instance requires.
async fn require(engine: &TwoFactor, id: &str, required: &str) -> Instance {
    let policy = Some(Some(json!({"required_factor": required})));
    let change = InstanceChange { policy, ..InstanceChange::default() };
    engine.administration(Actor::new("test")).update_instance(SUBSCRIPTION, id, change, None).await.unwrap()
}

/// Enrols a passkey of Alice. Returns her handle.
async fn enrol(engine: &TwoFactor, fido: &str, proof: Proof, device: &Authenticator) -> Result<Vec<u8>, Error> {
    let enrolment = engine.enrol(NewEnrolment::new(sign_in("alice"), fido, proof)).await?;
    let credential = device.create(&enrolment.public, ORIGIN).answer(device);
    engine.finish_enrolment(SUBSCRIPTION, EnrolmentAnswer::credential(&enrolment.id, credential)).await?;
    Ok(URL_SAFE_NO_PAD.decode(enrolment.public["user"]["id"].as_str().unwrap()).unwrap())
}

async fn verify(
    engine: &TwoFactor,
    challenge: &Challenge,
    device: &Authenticator,
    handle: Option<&[u8]>,
) -> Result<Verified, Error> {
    let mut assertion = device.get(challenge.public.as_ref().unwrap(), ORIGIN);
    assertion.user_handle = handle.map(<[u8]>::to_vec);
    engine.verify(SUBSCRIPTION, Answer::credential(&challenge.id, &assertion.answer(device))).await
}

#[tokio::test]
async fn a_policy_requires_as_much_of_enrolments_and_challenges_as_a_request_and_the_stronger_counts() {
    let (engine, _folder) = world().await;
    let fido = instance(&engine, "fido").await;
    assert!(require(&engine, &fido, "device-bound").await.valid);
    let refused = enrol(&engine, &fido, Proof::FirstFactor, &synced("phone")).await.unwrap_err();
    assert_eq!(refused.requirement(), Some("device-bound"));
    let key = bound("key");
    enrol(&engine, &fido, Proof::FirstFactor, &key).await.unwrap();
    let new = || NewChallenge::new(sign_in("alice"));
    for weaker in [RequiredFactor::Any, RequiredFactor::PhishingResistant] {
        let challenge = engine.start(new().required(weaker)).await.unwrap();
        verify(&engine, &challenge, &key, None).await.unwrap();
    }
    let stronger = engine.start(new().required(RequiredFactor::Attested)).await.unwrap_err();
    assert_eq!(stronger.requirement(), Some("attested"));

    let bob = || NewEnrolment::new(sign_in("bob"), &fido, Proof::FirstFactor);
    assert_eq!(engine.enrol(bob()).await.unwrap().public["attestation"], "none");
    require(&engine, &fido, "attested").await;
    assert_eq!(engine.enrol(bob()).await.unwrap().public["attestation"], "direct");
    // What was enough before is not enough now.
    let refused = engine.start(new().two_factor(&fido)).await.unwrap_err();
    assert_eq!(refused.requirement(), Some("attested"));
    let available = engine.available(&sign_in("alice")).await.unwrap();
    assert_eq!(available.iter().find(|one| one.id == fido).unwrap().factors, Some(0));
}

#[tokio::test]
async fn a_passkey_that_does_not_satisfy_a_stricter_policy_is_neither_asked_for_nor_accepted() {
    let (engine, _folder) = world().await;
    let fido = instance(&engine, "fido").await;
    let (phone, key) = (synced("phone"), bound("key"));
    let handle = enrol(&engine, &fido, Proof::FirstFactor, &phone).await.unwrap();
    let new = || NewChallenge::new(sign_in("alice"));
    let challenge = engine.start(new()).await.unwrap();
    verify(&engine, &challenge, &phone, None).await.unwrap();
    enrol(&engine, &fido, Proof::Challenge(challenge.id), &key).await.unwrap();
    require(&engine, &fido, "device-bound").await;

    let challenge = engine.start(new()).await.unwrap();
    let asked = challenge.public.as_ref().unwrap()["allowCredentials"].as_array().unwrap().len();
    assert_eq!(asked, 1);
    assert!(verify(&engine, &challenge, &phone, None).await.unwrap_err().is_code_rejected());
    verify(&engine, &challenge, &key, None).await.unwrap();
    // Nobody is named.
    let unknown = NewChallenge::new(SignIn::new(SUBSCRIPTION).tenant("t")).two_factor(&fido);
    let challenge = engine.start(unknown).await.unwrap();
    assert!(verify(&engine, &challenge, &phone, Some(&handle)).await.unwrap_err().is_code_rejected());
    let verified = verify(&engine, &challenge, &key, Some(&handle)).await.unwrap();
    assert_eq!(verified.user.as_deref(), Some("alice"));
}

#[tokio::test]
async fn an_instance_of_which_nothing_satisfies_the_policy_is_not_valid_and_says_why() {
    let (engine, folder) = world().await;
    let totp = instance(&engine, "totp").await;
    for required in ["phishing-resistant", "device-bound", "attested"] {
        let apps = require(&engine, &totp, required).await;
        let [problem] = &apps.problems[..] else { panic!("{:?}", apps.problems) };
        let names_both = problem.detail.contains("`required_factor`") && problem.detail.contains(required);
        assert!(!apps.valid && problem.pointer.is_empty() && names_both, "{problem:?}");
        let refused = engine.start(NewChallenge::new(sign_in("alice")).two_factor(&totp)).await.unwrap_err();
        assert!(refused.is_no_instance_available());
    }
    assert!(require(&engine, &totp, "any").await.valid);
    drop(engine);

    // The policy of the installation applies to instances that do not state their own.
    let policy = Policy { required_factor: RequiredFactor::PhishingResistant, ..Policy::default() };
    let engine = held::engine(Place::new(folder.path()).builder().policy(policy)).await;
    let all = engine.administration(Actor::new("test")).instances(SUBSCRIPTION).await.unwrap();
    let mut valid: Vec<(&str, bool)> = all.iter().map(|one| (&*one.type_id, one.valid)).collect();
    valid.sort_unstable();
    assert_eq!(valid, [("fido", true), ("recovery", false), ("totp", true)]);
}

#[tokio::test]
async fn administrators_add_and_use_what_the_policy_requires() {
    let (engine, _folder) = world().await;
    let (admin, accounts) = (engine.administration(Actor::new("test")), engine.accounts());
    let fido = instance(&engine, "fido").await;
    let kind = twofactor::store::AssignmentKind::ClientApplication;
    let logins = Assignment { kind, id: "twofactor-admin".to_owned() };
    admin.set_assignments(SUBSCRIPTION, &fido, vec![Assignment::tenant("t"), logins]).await.unwrap();
    let ((anna, _), (bert, _)) = (active(&accounts, "anna").await, active(&accounts, "bert").await);
    accounts.set_second_factor(&Actor::new("test"), Some(SUBSCRIPTION.to_owned()), false, None).await.unwrap();
    let (of_anna, of_bert) = (log_in(&accounts, &anna).await.session, log_in(&accounts, &bert).await.session);
    let add = async |session: &Session, device: &Authenticator| {
        let enrolment = accounts.enrol_own_factor(session, &fido, PASSWORD, &client(1)).await.unwrap();
        let credential = device.create(&enrolment.public, ORIGIN).answer(device);
        let finish = EnrolmentAnswer::credential(&enrolment.id, credential);
        accounts.finish_own_enrolment(session, finish, &client(1)).await
    };
    add(&of_anna, &synced("anna")).await.unwrap();
    pending(accounts.log_in(&anna.email, PASSWORD, &client(1)).await.unwrap());
    require(&engine, &fido, "device-bound").await;
    assert_eq!(add(&of_bert, &synced("bert")).await.unwrap_err().requirement(), Some("device-bound"));
    add(&of_bert, &bound("bert")).await.unwrap();
    pending(accounts.log_in(&bert.email, PASSWORD, &client(1)).await.unwrap());
    // Neither what is not enough now nor a password alone lets anybody in.
    let refused = accounts.log_in(&anna.email, PASSWORD, &client(1)).await.unwrap_err();
    assert!(refused.is_no_instance_available(), "{refused:?}");
}
