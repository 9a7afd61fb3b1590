//! The test vectors of the specification (Web Authentication Level 3, section 16): registrations and authentications that nobody here made.

use serde_json::json;
use twofactor_factor::{TrustedAuthenticator, UnmetRequirement, UserVerification};

use super::*;
use crate::testing::base64url;

/// Names as in the specification, values in hexadecimal. They are the W3C's: see `vectors-license.txt`.
const VECTORS: &str = include_str!("vectors.json");

fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// Returns an answer as `toJSON()` gives it.
fn answer(vector: &Value, ceremony: &str, members: &[&str]) -> String {
    let id = base64url(&bytes(&vector["credential_id"]));
    let mut response = json!({});
    for member in members {
        response[*member] = base64url(&bytes(&vector[ceremony][*member])).into();
    }
    json!({"id": id, "rawId": id, "type": "public-key", "clientExtensionResults": {}, "response": response}).to_string()
}

struct Vector {
    name: &'static str,
    value: Value,
    context: Context,
}

impl Vector {
    fn new(name: &'static str) -> Self {
        let all: Value = serde_json::from_str(VECTORS).unwrap();
        let mut context = testing::context();
        (context.site.rp_id, context.site.origins) = ("example.org".to_owned(), vec!["https://example.org".to_owned()]);
        context.requirements.user_verification = UserVerification::Discouraged;
        Self { name, value: all[name].clone(), context }
    }

    /// The AAGUID, which stands after RP ID hash, flags and counter in the authenticator data.
    fn aaguid(&self) -> Vec<u8> {
        let object = bytes(&self.value["registration"]["attestationObject"]);
        let hash = bytes(&self.value["authentication"]["authenticatorData"])[..32].to_vec();
        let at = object.windows(32).position(|part| part == hash).unwrap() + 32 + 1 + 4;
        object[at..at + 16].to_vec()
    }

    fn register(&self, challenge: Vec<u8>) -> Result<Enrolled<State>, EnrolmentError> {
        let begun = Fido::begin_enrolment(&Options::default(), &self.context, &[]);
        let pending = Pending { challenge: challenge.into(), ..begun.pending };
        let answer = answer(&self.value, "registration", &["clientDataJSON", "attestationObject"]);
        Fido::finish_enrolment(&Options::default(), &self.context, pending, &answer)
    }

    fn registered(&self) -> Enrolled<State> {
        let challenge = bytes(&self.value["registration"]["challenge"]);
        self.register(challenge).unwrap_or_else(|error| panic!("{}: {error:?}", self.name))
    }

    fn authenticate(
        &self,
        state: State,
        change: impl FnOnce(&mut Value),
    ) -> Result<Accepted<State>, VerificationError> {
        let begun = Fido::begin_challenge(&Options::default(), &self.context, std::slice::from_ref(&state));
        let challenge = bytes(&self.value["authentication"]["challenge"]);
        let challenge = Challenge { challenge: challenge.into(), ..begun.challenge };
        let answer = answer(&self.value, "authentication", &["clientDataJSON", "authenticatorData", "signature"]);
        let mut answer: Value = serde_json::from_str(&answer).unwrap();
        change(&mut answer);
        let held = vec![Held { index: 0, state }];
        Fido::verify(&Options::default(), &self.context, held, challenge, &answer.to_string())
    }
}

/// The vectors that are accepted.
const NAMES: [&str; 6] = [
    "none.ES256",
    "none.ES256.long-credential-id",
    "packed-self.ES256",
    "packed.ES256",
    "packed.EdDSA",
    "packed.RS256",
];

#[test]
fn each_registration_and_authentication_of_the_specification_is_accepted() {
    for name in NAMES {
        let vector = Vector::new(name);
        let enrolled = vector.registered();
        assert_eq!(enrolled.unique_id, bytes(&vector.value["credential_id"]), "{name}");
        assert!(!enrolled.facts.attested, "{name}: no model is trusted");
        let accepted = vector.authenticate(enrolled.state, |_| {});
        let facts = accepted.unwrap_or_else(|error| panic!("{name}: {error:?}")).facts;
        assert_eq!(facts.user_present, Some(true), "{name}");
    }
}

#[test]
fn they_are_refused_for_another_challenge_origin_or_signature() {
    for name in NAMES {
        let mut vector = Vector::new(name);
        assert!(matches!(vector.register(vec![0; 32]), Err(EnrolmentError::Wrong(_))), "{name}");
        let state = vector.registered().state;
        for member in ["signature", "authenticatorData", "clientDataJSON"] {
            let pointer = format!("/response/{member}");
            let refused = vector.authenticate(state.clone(), |answer| {
                let text = answer.pointer_mut(&pointer).unwrap();
                // Of a base64url text without padding, each character but the last few changes a whole byte.
                let changed = text.as_str().unwrap().chars().enumerate();
                let changed: String =
                    changed.map(|(n, c)| if n == 9 { if c == 'A' { 'B' } else { 'A' } } else { c }).collect();
                *text = changed.into();
            });
            assert!(refused.is_err(), "{name}: {member}");
        }
        vector.context.site.origins = vec!["https://example.com".to_owned()];
        assert!(vector.authenticate(state, |_| {}).is_err(), "{name}");
    }
}

#[test]
fn the_models_of_the_specification_are_proved_by_its_root() {
    let root = bytes(&serde_json::from_str::<Value>(VECTORS).unwrap()["attestation_ca_cert"]);
    for name in ["packed.ES256", "packed.EdDSA", "packed.RS256"] {
        let mut vector = Vector::new(name);
        vector.context.requirements.attested = true;
        let trusted = TrustedAuthenticator { aaguid: vector.aaguid(), roots: vec![root.clone()] };
        vector.context.trusted_authenticators = vec![trusted];
        assert!(vector.registered().facts.attested, "{name}");
        vector.context.trusted_authenticators[0].aaguid[0] ^= 1;
        let challenge = bytes(&vector.value["registration"]["challenge"]);
        assert!(matches!(vector.register(challenge), Err(EnrolmentError::Unmet(_))), "{name}");
    }
    // Self attestation proves no model.
    let mut vector = Vector::new("packed-self.ES256");
    vector.context.requirements.attested = true;
    let challenge = bytes(&vector.value["registration"]["challenge"]);
    assert!(matches!(vector.register(challenge), Err(EnrolmentError::Unmet(_))));
}

#[test]
fn what_is_not_supported_is_refused_for_that_reason() {
    let unknown = EnrolmentError::Wrong("the format of the attestation is unknown");
    let algorithm = EnrolmentError::Unmet(UnmetRequirement::Algorithm);
    for (name, reason) in [
        ("packed.ES384", &algorithm),
        ("packed.ES512", &algorithm),
        ("packed.Ed448", &algorithm),
        ("tpm.ES256", &unknown),
        ("android-key.ES256", &unknown),
        ("apple.ES256", &unknown),
        ("fido-u2f.ES256", &unknown),
    ] {
        let vector = Vector::new(name);
        let challenge = bytes(&vector.value["registration"]["challenge"]);
        assert_eq!(vector.register(challenge).err().as_ref(), Some(reason), "{name}");
    }
}

#[test]
fn a_frame_of_another_origin_is_accepted_only_if_its_top_origin_is_listed() {
    for (name, is_accepted) in [("none.ES256.topOrigin", true), ("none.ES256.crossOrigin", false)] {
        let mut vector = Vector::new(name);
        let challenge = bytes(&vector.value["registration"]["challenge"]);
        assert!(matches!(vector.register(challenge.clone()), Err(EnrolmentError::Wrong(_))), "{name}");
        vector.context.site.top_origins = vec!["https://example.com".to_owned()];
        let registered = vector.register(challenge);
        assert_eq!(registered.is_ok(), is_accepted, "{name}");
        if let Ok(enrolled) = registered {
            assert!(vector.authenticate(enrolled.state.clone(), |_| {}).is_ok());
            vector.context.site.top_origins.clear();
            assert!(vector.authenticate(enrolled.state, |_| {}).is_err());
        }
    }
}
