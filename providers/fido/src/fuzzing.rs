//! Fuzz targets: what reads the answers of browsers and authenticators. They exist in tests, which run each of them briefly, and where
//! libFuzzer drives them (`./run fuzz`). Their seeds are in `fuzz/seeds`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use twofactor_factor::{Context, Factor as _, Held, testing};

use crate::authenticator_data::AuthenticatorData;
use crate::key::{Algorithm, PublicKey};
use crate::options::Options;
use crate::testing::{Authenticator, ORIGIN, base64url, to_cbor};
use crate::{Fido, State, credential};

/// A target: the name of its seeds' folder, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("webauthn_answer", answer),
    ("webauthn_attestation", attestation),
    ("webauthn_authenticator_data", authenticator_data),
    ("webauthn_public_key", public_key),
];

/// The largest state that the host stores.
const STATE: usize = 8192;

fn enrol(context: &Context, answer: &str) {
    let pending = Fido::begin_enrolment(&Options::default(), context, &[]).pending;
    if let Ok(enrolled) = Fido::finish_enrolment(&Options::default(), context, pending, answer) {
        assert!(enrolled.unique_id.len() <= 1023);
        assert!(serde_json::to_vec(&enrolled.state).is_ok_and(|state| state.len() <= STATE));
    }
}

/// The answer as the page sends it, to both ceremonies.
fn answer(input: &[u8]) {
    let Ok(answer) = str::from_utf8(input) else { return };
    let context = testing::context();
    let id = credential::id(answer);
    enrol(&context, answer);
    let authenticator = Authenticator::new(Algorithm::Es256, "one");
    let state = State {
        id: authenticator.id.clone().into(),
        key: to_cbor(&authenticator.public_key()).into(),
        rp_id: context.site.rp_id.clone(),
        user_handle: context.user.handle.clone().into(),
        ..State::default()
    };
    let begun = Fido::begin_challenge(&Options::default(), &context, std::slice::from_ref(&state));
    let held = vec![Held { index: 0, state }];
    if Fido::verify(&Options::default(), &context, held, begun.challenge, answer).is_ok() {
        assert_eq!(id, Some(authenticator.id), "the host looks up what was verified");
    }
}

/// An attestation object, in an answer that is right otherwise.
fn attestation(input: &[u8]) {
    let context = testing::context();
    let begun = Fido::begin_enrolment(&Options::default(), &context, &[]);
    let client_data = json!({"type": "webauthn.create", "challenge": begun.public["challenge"], "origin": ORIGIN});
    let id = base64url(&Authenticator::new(Algorithm::Es256, "one").id);
    let answer = json!({"id": id, "rawId": id, "type": "public-key", "response": {
        "clientDataJSON": URL_SAFE_NO_PAD.encode(client_data.to_string()),
        "attestationObject": URL_SAFE_NO_PAD.encode(input),
    }});
    enrol(&context, &answer.to_string());
}

/// Authenticator data: what was read are all of the bytes.
fn authenticator_data(input: &[u8]) {
    let Ok(data) = AuthenticatorData::parse(input) else { return };
    let credential = data.credential.map_or(0, |credential| 18 + credential.id.len() + credential.key.len());
    let has_extensions = data.flags.0 & crate::testing::flag::ED != 0;
    assert!(if has_extensions { 37 + credential < input.len() } else { 37 + credential == input.len() });
}

/// A public key, which verifies nothing that it did not sign.
fn public_key(input: &[u8]) {
    let Ok(key) = PublicKey::parse(input) else { return };
    assert!(Algorithm::OFFERED.contains(&key.algorithm()));
    for signature in
        [&b""[..], &[0; 64], &[0; 256], b"\x30\x06\x02\x01\x00\x02\x01\x00", b"\x30\x06\x02\x01\x01\x02\x01\x01"]
    {
        assert!(!key.verify(b"message", signature));
    }
}

#[cfg(test)]
#[test]
fn every_target_withstands_its_seeds_and_their_mutations() {
    twofactor_fuzz::run_briefly(TARGETS);
}

/// Writes the seeds again: `cargo test -p twofactor-fido writes_the_seeds -- --ignored`.
#[cfg(test)]
#[test]
#[ignore = "writes files"]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
fn writes_the_seeds() {
    use crate::testing::Statement;
    let context = testing::context();
    let write = |target: &str, name: String, bytes: &[u8]| {
        let folder = format!("{}/../../fuzz/seeds/{target}", env!("CARGO_MANIFEST_DIR"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(format!("{folder}/{name}"), bytes).unwrap();
    };
    for algorithm in Algorithm::OFFERED {
        let authenticator = Authenticator::new(algorithm, "one");
        let name = format!("{algorithm:?}").to_lowercase();
        let begun = Fido::begin_enrolment(&Options::default(), &context, &[]);
        let mut creation = authenticator.create(&begun.public, ORIGIN);
        creation.format = "packed".to_owned();
        creation.statement = Statement::SelfSigned;
        let answer = creation.answer(&authenticator);
        write("webauthn_answer", format!("create-{name}"), answer.as_bytes());
        let parsed: serde_json::Value = serde_json::from_str(&answer).unwrap();
        let object = parsed["response"]["attestationObject"].as_str().unwrap();
        write("webauthn_attestation", name.clone(), &URL_SAFE_NO_PAD.decode(object).unwrap());
        write("webauthn_authenticator_data", format!("create-{name}"), &creation.data.bytes());
        write("webauthn_public_key", name.clone(), &to_cbor(&authenticator.public_key()));
        let begun = Fido::begin_challenge(&Options::default(), &context, &[]);
        let assertion = authenticator.get(&begun.public, ORIGIN);
        write("webauthn_answer", format!("get-{name}"), assertion.answer(&authenticator).as_bytes());
        write("webauthn_authenticator_data", format!("get-{name}"), &assertion.data.bytes());
    }
}
