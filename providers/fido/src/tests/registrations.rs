use ciborium::cbor;
use serde_json::json;
use twofactor_factor::UnmetRequirement;

use super::*;
use crate::testing::{Algorithm, Statement, base64url, flag, to_cbor};

use EnrolmentError::{Malformed, Unmet, Wrong};

#[test]
fn each_algorithm_is_registered_with_none_and_with_self_attestation() {
    for algorithm in Algorithm::OFFERED {
        for (format, statement) in [("none", None), ("packed", Some(Statement::SelfSigned))] {
            let authenticator = Authenticator::new(algorithm, "one");
            let mut registration = Registration::begin(authenticator, testing::context());
            registration.creation.format = format.to_owned();
            if let Some(statement) = statement {
                registration.creation.statement = statement;
            }
            let enrolled = registration.verdict().unwrap();
            assert_eq!(enrolled.unique_id, registration.authenticator.id, "{algorithm:?} {format}");
        }
    }
}

#[test]
fn the_credential_record_has_what_level_3_stores() {
    let mut registration = Registration::new();
    registration.creation.data.flags |= flag::BE | flag::BS;
    registration.creation.data.sign_count = 7;
    registration.creation.credential["clientExtensionResults"] = json!({"credProps": {"rk": true}});
    let enrolled = registration.verdict().unwrap();
    let authenticator = &registration.authenticator;
    assert_eq!(
        enrolled.state,
        State {
            id: authenticator.id.clone().into(),
            key: to_cbor(&authenticator.public_key()).into(),
            rp_id: "example.com".to_owned(),
            user_handle: vec![7; 64].into(),
            sign_count: 7,
            uv_initialized: true,
            backup_eligible: true,
            backed_up: true,
            transports: vec!["hybrid".to_owned(), "internal".to_owned()],
            aaguid: authenticator.aaguid.into(),
            attested: false,
            discoverable: Some(true),
        }
    );
    assert_eq!(
        enrolled.facts,
        Facts {
            user_present: Some(true),
            user_verified: Some(true),
            device_bound: Some(false),
            backed_up: Some(true),
            attested: false,
            aaguid: Some(authenticator.aaguid.to_vec()),
            uses_left: None,
        }
    );
}

/// Otherwise a later verification alone could sign in with it: see assertion step 24.
#[test]
fn an_authenticator_that_did_not_verify_its_user_is_not_stored_as_one_that_did() {
    let mut registration = Registration::new();
    registration.creation.data.flags &= !flag::UV;
    let enrolled = registration.verdict().unwrap();
    assert!(!enrolled.state.uv_initialized);
    assert_eq!(enrolled.facts.user_verified, Some(false));
}

/// R7.
#[test]
fn another_type_is_refused() {
    let refused = refused_registration(|it| it.creation.client_data["type"] = "webauthn.get".into());
    assert_eq!(refused, Wrong("the client data are of another ceremony"));
}

/// R8.
#[test]
fn another_challenge_is_refused() {
    for challenge in [base64url(&[1; 32]), String::new()] {
        let refused = refused_registration(|it| it.creation.client_data["challenge"] = challenge.into());
        assert_eq!(refused, Wrong("the challenge is another one"));
    }
    let refused = refused_registration(|it| {
        it.pending.challenge = Vec::new().into();
        it.creation.client_data["challenge"] = "".into();
    });
    assert_eq!(refused, Wrong("the challenge is another one"));
}

/// R8 and section 13.4.3.
#[test]
fn a_late_answer_is_refused() {
    let mut registration = Registration::new();
    registration.context.now += 300;
    assert!(registration.verdict().is_ok());
    registration.context.now += 1;
    assert_eq!(registration.verdict().err(), Some(Wrong("the answer comes too late")));
}

/// R9.
#[test]
fn an_origin_that_only_resembles_a_listed_one_is_refused() {
    for origin in [
        "https://example.com",
        "https://evil-login.example.com",
        "https://login.example.com.evil.com",
        "https://login.example.com:8443",
        "https://login.example.com/",
        "https://LOGIN.example.com",
        "http://login.example.com",
        "login.example.com",
        "",
    ] {
        let refused = refused_registration(|it| it.creation.client_data["origin"] = origin.into());
        assert_eq!(refused, Wrong("the origin is none of the site's"), "{origin}");
    }
}

/// R9, with origins of applications and related origins, which are listed as they are.
#[test]
fn origins_of_applications_and_related_ones_are_compared_as_they_are() {
    for origin in ["android:apk-key-hash:7d1043473d55bfa90e8530d35801d4e381bc69f0", "https://example.ch"] {
        let mut registration = Registration::new();
        registration.context.site.origins.push(origin.to_owned());
        registration.creation.client_data["origin"] = origin.into();
        assert!(registration.verdict().is_ok());
    }
}

/// R10 and R11.
#[test]
fn a_frame_of_another_origin_is_refused_unless_its_top_origin_is_listed() {
    let refuse = |cross_origin: Value, top_origin: Option<&str>| {
        refused_registration(|it| {
            it.context.site.top_origins = vec!["https://portal.example.org".to_owned()];
            it.creation.client_data["crossOrigin"] = cross_origin;
            if let Some(top_origin) = top_origin {
                it.creation.client_data["topOrigin"] = top_origin.into();
            }
        })
    };
    let expected = Wrong("the page was in a frame, and its top origin is not listed");
    assert_eq!(refuse(json!(true), None), expected);
    assert_eq!(refuse(json!(true), Some("https://evil.example.org")), expected);
    assert_eq!(refuse(json!(false), Some("https://evil.example.org")), expected);
    assert_eq!(refuse(Value::Null, Some("https://login.example.com")), expected);

    let mut registration = Registration::new();
    registration.context.site.top_origins = vec!["https://portal.example.org".to_owned()];
    registration.creation.client_data["crossOrigin"] = true.into();
    registration.creation.client_data["topOrigin"] = "https://portal.example.org".into();
    assert!(registration.verdict().is_ok());
}

/// R14.
#[test]
fn another_relying_party_is_refused() {
    let refused = refused_registration(|it| it.creation.data.rp_id = "login.example.com".to_owned());
    assert_eq!(refused, Wrong("the authenticator answered another relying party"));
}

/// R15.
#[test]
fn an_absent_person_is_refused() {
    let refused = refused_registration(|it| it.creation.data.flags &= !flag::UP);
    assert_eq!(refused, Wrong("the person was not present"));
}

/// R16.
#[test]
fn a_missing_user_verification_is_refused_if_it_is_required() {
    let without = |it: &mut Registration| it.creation.data.flags &= !flag::UV;
    let mut optional = Registration::new();
    without(&mut optional);
    assert_eq!(optional.verdict().unwrap().facts.user_verified, Some(false));
    for require in [
        (|it: &mut Registration| {
            it.context.requirements.user_verification = twofactor_factor::UserVerification::Required
        }) as fn(&mut Registration),
        |it| it.context.requirements.passwordless = true,
        |it| it.pending.user_verification = true,
    ] {
        let refused = refused_registration(|it| {
            without(it);
            require(it);
        });
        assert_eq!(refused, Unmet(UnmetRequirement::UserVerification));
    }
}

/// R17.
#[test]
fn a_copy_of_what_cannot_be_copied_is_refused() {
    let refused = refused_registration(|it| it.creation.data.flags |= flag::BS);
    assert_eq!(refused, Wrong("a copy is reported of a credential that cannot be copied"));
}

/// R20; the rest of it is in `keys`.
#[test]
fn an_algorithm_that_was_not_offered_is_refused() {
    for algorithm in [-35, -36, -9, -19, -37, -47, 0] {
        let refused = refused_registration(|it| {
            let key = cbor!({1 => 2, 3 => algorithm, -1 => 1}).unwrap();
            it.creation.data.credential.as_mut().unwrap().2 = to_cbor(&key);
        });
        assert_eq!(refused, Unmet(UnmetRequirement::Algorithm));
    }
}

/// R21.
#[test]
fn an_unknown_format_of_attestation_is_refused() {
    for format in ["", "NONE", "packed2", "fido-u2f", "android-safetynet"] {
        let refused = refused_registration(|it| it.creation.format = format.to_owned());
        assert_eq!(refused, Wrong("the format of the attestation is unknown"));
    }
}

/// R22, for `none`.
#[test]
fn a_statement_where_none_is_announced_is_refused() {
    let refused = refused_registration(|it| it.creation.statement = Statement::SelfSigned);
    assert_eq!(refused, Wrong("there is a statement where none is announced"));
}

/// R22, for `packed`.
#[test]
fn a_wrong_self_attestation_is_refused() {
    let packed = |it: &mut Registration, members| {
        it.creation.format = "packed".to_owned();
        it.creation.statement = Statement::Members(members);
    };
    let refused = refused_registration(|it| packed(it, ciborium::Value::Map(Vec::new())));
    assert_eq!(refused, Malformed("the attestation lacks a member"));
    let members = cbor!({"alg" => -8, "sig" => ciborium::Value::Bytes(vec![0; 64])}).unwrap();
    let refused = refused_registration(|it| packed(it, members));
    assert_eq!(refused, Wrong("the attestation has another algorithm than the credential"));
    let other = Authenticator::new(Algorithm::Es256, "other").sign(b"other");
    let members = cbor!({"alg" => -7, "sig" => ciborium::Value::Bytes(other)}).unwrap();
    let refused = refused_registration(|it| packed(it, members));
    assert_eq!(refused, Wrong("the attestation's signature is not valid"));
}

/// R24.
#[test]
fn without_attestation_a_required_model_is_not_proved() {
    for (format, statement) in
        [("none", Statement::Members(ciborium::Value::Map(Vec::new()))), ("packed", Statement::SelfSigned)]
    {
        let refused = refused_registration(|it| {
            it.context.requirements.attested = true;
            it.creation.format = format.to_owned();
            it.creation.statement = statement.clone();
        });
        assert_eq!(refused, Unmet(UnmetRequirement::Attested));
    }
}

/// R25.
#[test]
fn an_id_of_more_than_1023_bytes_is_refused() {
    let with = |length| {
        let authenticator = Authenticator { id: vec![1; length], ..Authenticator::new(Algorithm::Es256, "one") };
        Registration::begin(authenticator, testing::context()).verdict()
    };
    assert!(with(1023).is_ok());
    assert_eq!(with(1024).err(), Some(Wrong("the credential's id is too long")));
    assert_eq!(with(0).err(), Some(Malformed("the credential's two ids differ")));
}

/// R26: the host compares this id with those of all users.
#[test]
fn the_id_that_no_two_users_may_share_is_the_signed_one() {
    let refused = refused_registration(|it| {
        let other = base64url(&[9; 32]);
        it.creation.credential["id"] = other.clone().into();
        it.creation.credential["rawId"] = other.into();
    });
    assert_eq!(refused, Wrong("the authenticator data name another credential"));
}

/// R28.
#[test]
fn extensions_that_were_not_requested_are_ignored() {
    let mut registration = Registration::new();
    registration.creation.data.flags |= flag::ED;
    registration.creation.data.more = to_cbor(&cbor!({"credProtect" => 2}).unwrap());
    registration.creation.credential["clientExtensionResults"] = json!({"largeBlob": {"supported": true}});
    assert!(registration.verdict().is_ok());
}

#[test]
fn another_users_registration_is_refused() {
    let refused = refused_registration(|it| it.context.user.handle = vec![8; 64]);
    assert_eq!(refused, Wrong("the registration was begun for another user"));
}

#[test]
fn a_passkey_that_can_be_copied_is_refused_where_it_must_not() {
    let refused = refused_registration(|it| {
        it.context.requirements.device_bound = true;
        it.creation.data.flags |= flag::BE;
    });
    assert_eq!(refused, Unmet(UnmetRequirement::DeviceBound));
}

/// R5: the bytes are hashed as they came, whatever else is in them.
#[test]
fn client_data_with_a_byte_order_mark_and_unknown_members_pass() {
    let mut registration = Registration::new();
    registration.creation.format = "packed".to_owned();
    registration.creation.statement = Statement::SelfSigned;
    registration.creation.client_data["other_keys_can_be_added_here"] = json!({"a": [1]});
    let bytes = [b"\xef\xbb\xbf", registration.creation.client_data.to_string().as_bytes()].concat();
    let answer = registration.creation.answer_with(&registration.authenticator, &bytes, |_| {});
    assert!(registration.finish(&answer).is_ok());
}

#[test]
fn bytes_after_the_attestation_object_are_refused() {
    let registration = Registration::new();
    let client_data = registration.creation.client_data.to_string();
    let answer =
        registration.creation.answer_with(&registration.authenticator, client_data.as_bytes(), |object| object.push(0));
    assert_eq!(registration.finish(&answer).err(), Some(Malformed("bytes follow the attestation object")));
}

#[test]
fn answers_of_another_form_are_not_counted() {
    let registration = Registration::new();
    let answer = registration.answer();
    for malformed in [
        String::new(),
        "{}".to_owned(),
        "[".repeat(60_000),
        changed(&answer, "/type", json!("password")),
        changed(&answer, "/rawId", json!("AAAA")),
        changed(&answer, "/response/attestationObject", json!("oA")),
        changed(&answer, "/response/attestationObject", json!("not base64url!")),
        changed(&answer, "/response/clientDataJSON", json!("e30")),
        changed(&answer, "/response", json!({})),
    ] {
        let refused = registration.finish(&malformed).err();
        assert!(matches!(refused, Some(Malformed(_))), "{refused:?}: {}", &malformed[..malformed.len().min(200)]);
    }
}

#[test]
fn transports_that_are_no_names_are_not_stored() {
    let registration = Registration::new();
    let transports = json!(["usb", "<script>", "", "usb", "x".repeat(100), "smart-card"]);
    let answer = changed(&registration.answer(), "/response/transports", transports);
    assert_eq!(registration.finish(&answer).unwrap().state.transports, ["smart-card", "usb"]);
    let many: Vec<String> = ('a'..='z').map(String::from).collect();
    let answer = changed(&registration.answer(), "/response/transports", json!(many));
    assert_eq!(registration.finish(&answer).unwrap().state.transports, many[..8]);
    let answer = changed(&registration.answer(), "/response/transports", Value::Null);
    assert!(registration.finish(&answer).is_ok());
}
