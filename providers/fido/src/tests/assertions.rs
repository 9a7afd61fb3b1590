use serde_json::json;
use twofactor_factor::{Observation, Requirements, Suspicion, UserVerification};

use super::*;
use crate::testing::{Algorithm, base64url, flag};

use VerificationError::{Malformed, Suspicious, Wrong};

fn requirements() -> Requirements {
    testing::context().requirements
}

#[test]
fn each_algorithm_is_verified() {
    for algorithm in Algorithm::OFFERED {
        let authentication = Authentication::with(Authenticator::new(algorithm, "one"), testing::context());
        let accepted = authentication.verdict().unwrap();
        assert_eq!((accepted.held.index, accepted.observations), (3, vec![]), "{algorithm:?}");
        assert_eq!(accepted.facts.user_present, Some(true));
        assert_eq!(accepted.facts.user_verified, Some(true));
        assert_eq!(accepted.facts.device_bound, Some(true));
    }
}

/// A5.
#[test]
fn a_credential_that_was_not_allowed_is_refused() {
    let refused = refused_authentication(|it| it.challenge.allowed = vec![state::shortened(b"other")]);
    assert_eq!(refused, Wrong("the credential is none of those that were allowed"));
}

/// A6.
#[test]
fn an_unknown_credential_or_one_of_another_user_is_refused() {
    let refused = refused_authentication(|it| it.state.id = vec![1; 32].into());
    assert_eq!(refused, Wrong("the user has no such credential"));
    let refused = refused_authentication(|it| it.context.user.handle = vec![8; 64]);
    assert_eq!(refused, Wrong("the credential was created for another user handle"));
}

/// A6.
#[test]
fn another_user_handle_is_refused() {
    let mut authentication = Authentication::new();
    authentication.assertion.user_handle = Some(vec![7; 64]);
    assert!(authentication.verdict().is_ok());
    for handle in [vec![8; 64], vec![7; 63], vec![]] {
        let refused = refused_authentication(|it| it.assertion.user_handle = Some(handle));
        assert_eq!(refused, Wrong("the user handle is missing or another one"));
    }
}

/// A6.
#[test]
fn a_passwordless_sign_in_needs_the_user_handle() {
    let mut context = testing::context();
    context.requirements.passwordless = true;
    let mut authentication = Authentication::with(Authenticator::new(Algorithm::Es256, "one"), context);
    assert!(authentication.challenge.allowed.is_empty());
    assert_eq!(authentication.verdict().err(), Some(Wrong("the user handle is missing or another one")));
    authentication.assertion.user_handle = Some(vec![7; 64]);
    assert!(authentication.verdict().is_ok());
}

#[test]
fn an_answer_names_its_credential() {
    let authentication = Authentication::new();
    let answer = authentication.assertion.answer(&authentication.authenticator);
    assert_eq!(Fido::identify(&answer), Some(authentication.authenticator.id.clone()));
    assert_eq!(Fido::identify("{}"), None);
    assert_eq!(Fido::identify(&changed(&answer, "/id", json!("AAAA"))), None);
}

/// A10.
#[test]
fn another_type_is_refused() {
    for kind in ["webauthn.create", "payment.get", "WEBAUTHN.GET", ""] {
        let refused = refused_authentication(|it| it.assertion.client_data["type"] = kind.into());
        assert_eq!(refused, Wrong("the client data are of another ceremony"));
    }
}

/// A11.
#[test]
fn another_challenge_is_refused() {
    let refused = refused_authentication(|it| it.assertion.client_data["challenge"] = base64url(&[1; 32]).into());
    assert_eq!(refused, Wrong("the challenge is another one"));
}

/// A11 and section 13.4.3.
#[test]
fn a_late_answer_is_refused() {
    let refused = refused_authentication(|it| it.context.now += 301);
    assert_eq!(refused, Wrong("the answer comes too late"));
}

/// A12.
#[test]
fn an_origin_that_only_resembles_a_listed_one_is_refused() {
    for origin in ["https://evil-login.example.com", "https://login.example.com.evil.com", "https://example.com"] {
        let refused = refused_authentication(|it| it.assertion.client_data["origin"] = origin.into());
        assert_eq!(refused, Wrong("the origin is none of the site's"), "{origin}");
    }
}

/// A13 and A14.
#[test]
fn a_frame_of_another_origin_is_refused_unless_its_top_origin_is_listed() {
    let expected = Wrong("the page was in a frame, and its top origin is not listed");
    assert_eq!(refused_authentication(|it| it.assertion.client_data["crossOrigin"] = true.into()), expected);
    let refused = refused_authentication(|it| it.assertion.client_data["topOrigin"] = "https://example.org".into());
    assert_eq!(refused, expected);
    let mut authentication = Authentication::new();
    authentication.context.site.top_origins = vec!["https://example.org".to_owned()];
    authentication.assertion.client_data["topOrigin"] = "https://example.org".into();
    authentication.assertion.client_data["crossOrigin"] = true.into();
    assert!(authentication.verdict().is_ok());
}

/// A15.
#[test]
fn another_relying_party_is_refused() {
    let refused = refused_authentication(|it| it.assertion.data.rp_id = "example.org".to_owned());
    assert_eq!(refused, Wrong("the authenticator answered another relying party"));
    let refused = refused_authentication(|it| it.state.rp_id = "example.org".to_owned());
    assert_eq!(refused, Wrong("the credential was created for another relying party"));
}

/// A16.
#[test]
fn an_absent_person_is_refused() {
    let refused = refused_authentication(|it| it.assertion.data.flags &= !flag::UP);
    assert_eq!(refused, Wrong("the person was not present"));
}

/// A17.
#[test]
fn a_missing_user_verification_is_refused_only_if_it_was_required() {
    let mut optional = Authentication::new();
    optional.assertion.data.flags &= !flag::UV;
    assert_eq!(optional.verdict().unwrap().facts.user_verified, Some(false));
    let refused = refused_authentication(|it| {
        it.challenge.user_verification = true;
        it.assertion.data.flags &= !flag::UV;
    });
    assert_eq!(refused, Wrong("the authenticator did not verify its user"));
}

/// A18.
#[test]
fn a_copy_of_what_cannot_be_copied_is_refused() {
    let refused = refused_authentication(|it| it.assertion.data.flags |= flag::BS);
    assert_eq!(refused, Wrong("a copy is reported of a credential that cannot be copied"));
}

/// A19.
#[test]
fn a_passkey_that_became_copyable_is_accepted_and_observed() {
    let mut authentication = Authentication::new();
    authentication.assertion.data.flags |= flag::BE | flag::BS;
    let accepted = authentication.verdict().unwrap();
    assert_eq!(accepted.observations, [Observation::BecameCopyable]);
    assert_eq!(accepted.facts.device_bound, Some(false));
    assert!(accepted.held.state.backup_eligible && accepted.held.state.backed_up);
    authentication.context.requirements.device_bound = true;
    assert_eq!(authentication.verdict().err(), Some(Wrong("the passkey does not meet a requirement")));
}

/// A19.
#[test]
fn a_passkey_that_is_copyable_no_longer_is_suspicious() {
    let refused = refused_authentication(|it| it.state.backup_eligible = true);
    assert_eq!(refused, Suspicious(3, Suspicion::PropertyChanged));
}

/// A21.
#[test]
fn a_signature_of_another_key_or_over_other_bytes_is_refused() {
    for algorithm in Algorithm::OFFERED {
        let authentication = Authentication::with(Authenticator::new(algorithm, "one"), testing::context());
        let client_data = authentication.assertion.client_data.to_string();
        let (assertion, authenticator) = (&authentication.assertion, &authentication.authenticator);
        let wrong = Some(Wrong("the signature is not valid"));
        for change in [
            (|signature: &mut Vec<u8>| *signature.last_mut().unwrap() ^= 1) as fn(&mut Vec<u8>),
            |signature| signature.push(0),
            |signature| signature.clear(),
            |signature| signature.truncate(signature.len() - 1),
        ] {
            let answer = assertion.answer_with(authenticator, client_data.as_bytes(), change);
            assert_eq!(authentication.verify(&answer).err(), wrong, "{algorithm:?}");
        }
        let answer = assertion.answer(authenticator);
        let other = base64url(format!("{client_data} ").as_bytes());
        let answer = changed(&answer, "/response/clientDataJSON", other.into());
        assert_eq!(authentication.verify(&answer).err(), wrong, "{algorithm:?}");
    }
    let refused = refused_authentication(|it| it.authenticator = Authenticator::new(Algorithm::Es256, "another key"));
    assert_eq!(refused, Wrong("the signature is not valid"));
}

/// A22: the whole table. Whether there may be a copy is what decides.
#[test]
fn a_counter_that_does_not_increase_is_suspicious_if_there_is_no_copy() {
    let verdict = |backup_eligible: bool, stored, new| {
        let mut authentication = Authentication::new();
        authentication.state.backup_eligible = backup_eligible;
        authentication.state.sign_count = stored;
        authentication.assertion.data.sign_count = new;
        if backup_eligible {
            authentication.assertion.data.flags |= flag::BE;
        }
        authentication.verdict().map(|accepted| (accepted.held.state.sign_count, accepted.observations))
    };
    for backup_eligible in [true, false] {
        assert_eq!(verdict(backup_eligible, 0, 0), Ok((0, vec![])));
        assert_eq!(verdict(backup_eligible, 0, 5), Ok((5, vec![])));
        assert_eq!(verdict(backup_eligible, 5, 6), Ok((6, vec![])));
    }
    for new in [0, 4, 5] {
        assert_eq!(verdict(true, 5, new), Ok((new, vec![Observation::CounterNotIncreased])));
        assert_eq!(verdict(false, 5, new), Err(Suspicious(3, Suspicion::CounterWentBack)));
    }
}

/// Otherwise anybody who knows an id could have a passkey suspended.
#[test]
fn nothing_is_suspicious_without_a_valid_signature() {
    for change in [(|it: &mut Authentication| it.state.backup_eligible = true) as fn(&mut Authentication), |it| {
        it.state.sign_count = 9
    }] {
        let refused = refused_authentication(|it| {
            change(it);
            it.authenticator = Authenticator::new(Algorithm::Es256, "another key");
        });
        assert_eq!(refused, Wrong("the signature is not valid"));
    }
}

/// A24.
#[test]
fn the_first_user_verification_does_not_count_where_a_passkey_is_the_only_factor() {
    let mut context = testing::context();
    context.requirements.passwordless = true;
    let mut authentication = Authentication::with(Authenticator::new(Algorithm::Es256, "one"), context);
    authentication.assertion.user_handle = Some(vec![7; 64]);
    authentication.state.uv_initialized = false;
    let expected = Wrong("the authenticator never verified its user together with another factor");
    assert_eq!(authentication.verdict().err(), Some(expected));
    // As a second factor it counts, and is remembered.
    authentication.context.requirements = requirements();
    assert!(authentication.verdict().unwrap().held.state.uv_initialized);
}

#[test]
fn requirements_of_the_sign_in_are_met_or_refused() {
    for demand in [(|it: &mut Requirements| it.attested = true) as fn(&mut Requirements), |it| {
        it.user_verification = UserVerification::Required
    }] {
        let refused = refused_authentication(|it| {
            it.assertion.data.flags &= !flag::UV;
            demand(&mut it.context.requirements);
        });
        assert!(matches!(refused, Wrong(_)));
    }
}

#[test]
fn answers_of_another_form_are_not_counted() {
    let authentication = Authentication::new();
    let answer = authentication.assertion.answer(&authentication.authenticator);
    for malformed in [
        String::new(),
        "null".to_owned(),
        changed(&answer, "/type", json!("password")),
        changed(&answer, "/response/authenticatorData", json!("AAAA")),
        changed(&answer, "/response/signature", json!(7)),
        changed(&answer, "/response/clientDataJSON", json!("AAAA")),
    ] {
        assert!(matches!(authentication.verify(&malformed), Err(Malformed(_))), "{malformed}");
    }
}

/// The same answer to another challenge, which is what a replay is.
#[test]
fn an_assertion_is_not_accepted_for_another_challenge() {
    let earlier = Authentication::new();
    let answer = earlier.assertion.answer(&earlier.authenticator);
    let context = Context { entropy: testing::entropy(2), ..testing::context() };
    let later = Authentication::begin(earlier.authenticator, earlier.state, context);
    assert_eq!(later.verify(&answer).err(), Some(Wrong("the challenge is another one")));
}
