//! Each bound of what a component returns.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

fn manifest(enrolment: AnswerKind, challenge: AnswerKind) -> FactorManifest {
    FactorManifest {
        enrolment,
        challenge,
        max_per_user: 1,
        replaces_earlier: false,
        never_sole: false,
        state_format: 2,
    }
}

fn typed() -> FactorManifest {
    manifest(AnswerKind::TypedCode, AnswerKind::TypedCode)
}

fn webauthn() -> FactorManifest {
    manifest(AnswerKind::WebauthnCreate, AnswerKind::WebauthnGet)
}

fn of_format(format: u32, bytes: usize) -> wit::State {
    wit::State { format, data: vec![b'x'; bytes] }
}

fn said_facts() -> wit::Facts {
    wit::Facts {
        user_present: None,
        user_verified: None,
        device_bound: None,
        backed_up: None,
        attested: false,
        aaguid: None,
        uses_left: None,
    }
}

fn begun(public: &str, reveal: Option<wit::Reveal>, pending: usize) -> wit::BegunEnrolment {
    wit::BegunEnrolment { public: public.to_owned(), reveal, pending: vec![b'x'; pending] }
}

const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn otpauth(uri: &str, secret: &str) -> Option<wit::Reveal> {
    Some(wit::Reveal::Otpauth(wit::Otpauth { uri: uri.to_owned(), secret: secret.to_owned() }))
}

fn codes(codes: &[&str]) -> Option<wit::Reveal> {
    Some(wit::Reveal::Codes(codes.iter().map(|&code| code.to_owned()).collect()))
}

#[test]
fn a_format_of_codes_exists_exactly_if_people_type_codes() {
    let format = |length| Some(wit::CodeFormat { alphabet: wit::CodeAlphabet::Digits, length });
    for length in [4, 64] {
        assert_eq!(code_format(format(length), &typed()).unwrap().unwrap().length, length);
    }
    for length in [0, 3, 65, u32::MAX] {
        assert!(code_format(format(length), &typed()).is_err(), "{length}");
    }
    assert!(code_format(None, &typed()).is_err());
    assert_eq!(code_format(None, &webauthn()), Ok(None));
    assert!(code_format(format(6), &webauthn()).is_err());
    assert!(code_format(format(24), &manifest(AnswerKind::ShowOnce, AnswerKind::TypedCode)).is_ok());
}

#[test]
fn what_a_page_gets_is_a_json_object_of_bounded_size() {
    let object = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
    for public in ["{}", r#" {"a": [1]} "#, &object(64 << 10)] {
        assert!(begun_enrolment(begun(public, None, 8192), AnswerKind::TypedCode).is_ok());
    }
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(1000), "]".repeat(1000));
    for public in ["", "[]", "null", "\"{}\"", "{", "{} {}", &object((64 << 10) + 1), &deep] {
        assert!(begun_enrolment(begun(public, None, 1), AnswerKind::TypedCode).is_err(), "{public:.40}");
        let challenge = wit::BegunChallenge { public: public.to_owned(), pending: Vec::new() };
        assert!(begun_challenge(challenge).is_err(), "{public:.40}");
        let signal = wit::Signal { kind: wit::SignalKind::UnknownCredential, argument: public.to_owned() };
        assert!(signals(vec![signal]).is_err(), "{public:.40}");
    }
}

#[test]
fn pending_data_and_states_have_at_most_8192_bytes() {
    assert!(begun_enrolment(begun("{}", None, 8193), AnswerKind::TypedCode).is_err());
    assert!(begun_challenge(wit::BegunChallenge { public: "{}".to_owned(), pending: vec![0; 8193] }).is_err());
    assert!(state(of_format(2, 8192), &typed()).is_ok());
    assert!(state(of_format(2, 8193), &typed()).is_err());
}

#[test]
fn a_new_state_is_not_empty() {
    assert_eq!(state(of_format(2, 0), &typed()), Err("the state is empty"));
    assert!(state(of_format(2, 1), &typed()).is_ok());
    let said = wit::Enrolled { state: of_format(2, 0), unique_id: vec![1], facts: said_facts() };
    assert!(enrolled(said, &webauthn()).is_err());
    assert!(accepted(right(0, of_format(2, 0), said_facts()), &typed(), &[of_format(2, 1)]).is_err());
}

#[test]
fn a_new_state_is_of_the_format_that_the_manifest_names() {
    for format in [0, 1, 3, u32::MAX] {
        assert!(state(of_format(format, 1), &typed()).is_err(), "{format}");
    }
}

#[test]
fn a_reveal_is_a_secret_that_a_page_can_show() {
    let uri = "otpauth://totp/Example:ann?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Example";
    let of = |reveal| begun_enrolment(begun("{}", reveal, 1), AnswerKind::TypedCode);
    assert!(of(otpauth(uri, SECRET)).is_ok());
    assert!(of(codes(&["AAAA-BBBB"])).is_ok());
    let long = format!("{uri}{}", "x".repeat(2048));
    for (uri, secret) in [
        ("https://example.com/", SECRET),
        ("javascript:otpauth://", SECRET),
        ("otpauth://totp/Example: ann", SECRET),
        ("otpauth://totp/\u{202e}", SECRET),
        (&*long, SECRET),
        (uri, ""),
        (uri, "GEZDGNBVGY3TQOJ"),
        (uri, "gezdgnbvgy3tqojq"),
        (uri, "GEZDGNBVGY3TQOJQ===="),
        (uri, "GEZD GNBV GY3T QOJQ"),
        (uri, &*"A".repeat(257)),
    ] {
        assert!(of(otpauth(uri, secret)).is_err(), "{uri:.60} {secret:.60}");
    }
    let many = vec!["AAAA-BBBB"; 101];
    for wrong in [&[][..], &["AAAA"], &["<b>AAAABBBB"], &["AAAA\u{202e}BBBB"], &["AAAA-BBBB", ""], &many] {
        assert!(of(codes(wrong)).is_err(), "{wrong:?}");
    }
    let long = "A".repeat(129);
    assert!(of(codes(&[&long])).is_err());
}

#[test]
fn what_is_shown_once_is_not_in_what_the_page_keeps() {
    let uri = "otpauth://totp/Example:ann?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    let public = format!(r#"{{"secret":"{SECRET}"}}"#);
    assert!(begun_enrolment(begun(&public, otpauth(uri, SECRET), 1), AnswerKind::TypedCode).is_err());
    let public = r#"{"first":"AAAA-BBBB"}"#;
    assert!(begun_enrolment(begun(public, codes(&["CCCC-DDDD", "AAAA-BBBB"]), 1), AnswerKind::ShowOnce).is_err());
}

#[test]
fn an_enrolment_reveals_something_if_its_kind_shows_something() {
    assert!(begun_enrolment(begun("{}", None, 1), AnswerKind::ShowOnce).is_err());
    assert!(begun_enrolment(begun("{}", codes(&["AAAA-BBBB"]), 1), AnswerKind::ShowOnce).is_ok());
    assert!(begun_enrolment(begun("{}", codes(&["AAAA-BBBB"]), 1), AnswerKind::WebauthnCreate).is_err());
}

#[test]
fn a_unique_id_has_1_to_1023_bytes_and_a_credential_has_one() {
    for (bytes, fits) in [(0, false), (1, true), (1023, true), (1024, false)] {
        assert_eq!(unique_id(vec![0; bytes]).is_ok(), fits, "{bytes}");
        let said = || wit::Enrolled { state: of_format(2, 1), unique_id: vec![0; bytes], facts: said_facts() };
        assert_eq!(enrolled(said(), &webauthn()).is_ok(), fits, "{bytes}");
        assert_eq!(enrolled(said(), &typed()).is_ok(), fits || bytes == 0, "{bytes}");
    }
}

#[test]
fn facts_do_not_contradict_each_other() {
    let of = |change: &dyn Fn(&mut wit::Facts)| {
        let mut said = said_facts();
        change(&mut said);
        enrolled(wit::Enrolled { state: of_format(2, 1), unique_id: vec![1], facts: said }, &webauthn())
    };
    let right = of(&|facts| {
        (facts.user_present, facts.user_verified, facts.device_bound) = (Some(true), Some(true), Some(true));
        (facts.attested, facts.aaguid, facts.uses_left) = (true, Some(vec![7; 16]), Some(3));
    });
    let facts = right.unwrap().facts;
    assert!(facts.attested && facts.aaguid == Some([7; 16]) && facts.uses_left == Some(3));
    assert!(of(&|facts| facts.aaguid = Some(vec![7; 15])).is_err());
    assert!(of(&|facts| facts.aaguid = Some(Vec::new())).is_err());
    assert!(of(&|facts| facts.attested = true).is_err());
    assert!(of(&|facts| (facts.device_bound, facts.backed_up) = (Some(true), Some(true))).is_err());
    assert!(of(&|facts| (facts.user_verified, facts.user_present) = (Some(true), Some(false))).is_err());
}

fn right(index: u32, state: wit::State, facts: wit::Facts) -> wit::Accepted {
    wit::Accepted { index, state, facts, observations: Vec::new() }
}

#[test]
fn an_accepted_answer_names_a_factor_of_the_list() {
    let factors = [of_format(2, 1), of_format(2, 2)];
    for (index, fits) in [(0, true), (1, true), (2, false), (u32::MAX, false)] {
        assert_eq!(accepted(right(index, of_format(2, 3), said_facts()), &typed(), &factors).is_ok(), fits, "{index}");
        assert_eq!(super::index(index, factors.len()).is_ok(), fits, "{index}");
    }
    assert!(accepted(right(0, of_format(2, 3), said_facts()), &typed(), &[]).is_err());
}

#[test]
fn a_code_is_accepted_only_with_a_new_state() {
    let factors = [of_format(2, 1), of_format(2, 2)];
    assert!(accepted(right(0, of_format(2, 1), said_facts()), &typed(), &factors).is_err());
    assert!(accepted(right(1, of_format(2, 1), said_facts()), &typed(), &factors).is_ok());
    // Counters of synced passkeys stay 0.
    let present = wit::Facts { user_present: Some(true), ..said_facts() };
    assert!(accepted(right(0, of_format(2, 1), present), &webauthn(), &factors).is_ok());
}

#[test]
fn an_assertion_is_accepted_only_with_a_person_present() {
    for user_present in [None, Some(false)] {
        let facts = wit::Facts { user_present, ..said_facts() };
        assert!(accepted(right(0, of_format(2, 3), facts), &webauthn(), &[of_format(2, 1)]).is_err());
    }
}

#[test]
fn each_observation_is_noted_once() {
    let observations = vec![wit::Observation::ClockDrift; 1000];
    let said = wit::Accepted { observations, ..right(0, of_format(2, 3), said_facts()) };
    assert_eq!(accepted(said, &typed(), &[of_format(2, 1)]).unwrap().observations, [Observation::ClockDrift]);
}

#[test]
fn signals_are_few() {
    let signal = |bytes: usize| wit::Signal {
        kind: wit::SignalKind::AllAcceptedCredentials,
        argument: format!("{{\"a\":\"{}\"}}", "x".repeat(bytes)),
    };
    assert_eq!(signals(vec![signal(1); 16]).unwrap().len(), 16);
    assert!(signals(vec![signal(1); 17]).is_err());
    assert!(signals(vec![signal(5000); 16]).is_err());
}

#[test]
fn debug_output_shows_no_secret() {
    let begun =
        begun_enrolment(begun("{\"seen\":1}", otpauth("otpauth://totp/a?secret=x", SECRET), 1), AnswerKind::TypedCode)
            .unwrap();
    let enrolled = enrolled(
        wit::Enrolled { state: of_format(2, 1), unique_id: b"unique".to_vec(), facts: said_facts() },
        &webauthn(),
    )
    .unwrap();
    let said = format!("{begun:?} {:?} {enrolled:?} {:?}", begun.reveal, enrolled.state);
    for hidden in [SECRET, "otpauth:", "seen", "120", "[117"] {
        assert!(!said.contains(hidden), "{said}");
    }
}
