//! Passkeys whose model is proved: from the models that an engine trusts, through the component, to what a sign-in proves.

use tempfile::TempDir;
use twofactor::challenge::RateLimits;
use twofactor::factor::{Aal, RequiredFactor, TrustedAuthenticator};
use twofactor::{Answer, NewChallenge, TwoFactor};
use twofactor_fido::testing::{Algorithm, Authenticator, ORIGIN, flag};
use twofactor_tests::attestation::{Manufacturer, enrol, enrol_for, use_key};
use twofactor_tests::ecall::Place;
use twofactor_tests::held_factors::{SUBSCRIPTION, engine, sign_in};

async fn world(trusted: Vec<TrustedAuthenticator>) -> (TwoFactor, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let builder = Place::new(folder.path()).builder().rate_limits(RateLimits::none());
    (engine(builder.trusted_authenticators(trusted)).await, folder)
}

/// Returns an authenticator whose passkey cannot be copied.
fn key(seed: &str) -> Authenticator {
    Authenticator { flags: flag::UP | flag::UV, ..Authenticator::new(Algorithm::Es256, seed) }
}

#[tokio::test]
async fn a_key_of_a_trusted_model_signs_in_with_the_highest_assurance() {
    let (manufacturer, alices) = (Manufacturer::default(), key("alice"));
    let (engine, _folder) = world(vec![manufacturer.trusted(alices.aaguid)]).await;
    let statement = manufacturer.certify(&alices.aaguid);
    let factor = enrol(&engine, "alice", &alices, &statement).await.unwrap();
    assert_eq!((factor.facts.attested, factor.facts.device_bound), (true, Some(true)));
    // It also satisfies whoever asks for that.
    let challenge = engine.start(NewChallenge::new(sign_in("alice")).acr("phrh")).await.unwrap();
    let credential = alices.get(challenge.public.as_ref().unwrap(), ORIGIN).answer(&alices);
    let verified = engine.verify(SUBSCRIPTION, Answer::credential(&challenge.id, &credential)).await.unwrap();
    assert_eq!((verified.acr.as_deref(), verified.assurance.aal), (Some("phrh"), Aal::Aal3));
    assert_eq!(verified.amr, ["hwk", "user"]);
    assert!(verified.assurance.attested && verified.assurance.device_bound);

    // A model that is trusted no longer proves nothing new, and what it has proved stays proved.
    engine.set_trusted_authenticators(Vec::new());
    let bobs = Authenticator { aaguid: alices.aaguid, ..key("bob") };
    let refused = enrol(&engine, "bob", &bobs, &statement).await.unwrap_err();
    assert_eq!(refused.requirement(), Some("trusted-authenticator"));
    assert_eq!(use_key(&engine, "alice", &alices).await.unwrap().acr.as_deref(), Some("phrh"));
}

#[tokio::test]
async fn a_key_of_a_model_that_is_not_trusted_is_refused_and_never_signs_in_as_hardware() {
    let (manufacturer, other, alices) = (Manufacturer::default(), Manufacturer::default(), key("alice"));
    let (engine, _folder) = world(Vec::new()).await;
    let statement = manufacturer.certify(&alices.aaguid);
    for trusted in [vec![], vec![manufacturer.trusted([9; 16])], vec![other.trusted(alices.aaguid)]] {
        engine.set_trusted_authenticators(trusted.clone());
        let refused = enrol(&engine, "alice", &alices, &statement).await.unwrap_err();
        assert_eq!(refused.requirement(), Some("trusted-authenticator"), "{trusted:?}");
    }
    // Nor is one that can be copied, whatever its certificate says.
    engine.set_trusted_authenticators(vec![manufacturer.trusted(alices.aaguid)]);
    let synced = Authenticator { flags: flag::UP | flag::UV | flag::BE | flag::BS, ..alices.clone() };
    let refused = enrol(&engine, "alice", &synced, &statement).await.unwrap_err();
    assert_eq!(refused.requirement(), Some("device-bound"));

    engine.set_trusted_authenticators(vec![other.trusted(alices.aaguid)]);
    let factor = enrol_for(&engine, "alice", &alices, &statement, RequiredFactor::DeviceBound).await.unwrap();
    assert!(!factor.facts.attested);
    let verified = use_key(&engine, "alice", &alices).await.unwrap();
    assert_eq!((verified.acr.as_deref(), verified.assurance.aal), (Some("phr"), Aal::Aal2));
    assert_eq!(verified.amr, ["pop", "user"]);
    let refused = engine.start(NewChallenge::new(sign_in("alice")).acr("phrh")).await.unwrap_err();
    assert_eq!(refused.requirement(), Some("attested"));
}
