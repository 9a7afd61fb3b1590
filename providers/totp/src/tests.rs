#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use twofactor_factor::testing;

use super::*;

fn options(value: &Value) -> Options {
    serde_json::from_value(value.clone()).unwrap()
}

fn portable() -> Options {
    options(&json!({}))
}

/// Enrols an app.
fn enrolled() -> State {
    let context = testing::context();
    let begun = Totp::begin_enrolment(&portable(), &context, &[]);
    let code = begun.pending.parameters.code(&begun.pending.secret, context.now / 30);
    Totp::finish_enrolment(&portable(), &context, begun.pending, &code).unwrap().state
}

fn held(states: Vec<State>) -> Vec<Held<State>> {
    (0..).zip(states).map(|(index, state)| Held { index, state }).collect()
}

fn verify(states: Vec<State>, now: u64, answer: &str) -> Result<Accepted<State>, VerificationError> {
    let context = Context { now, ..testing::context() };
    Totp::verify(&portable(), &context, held(states), (), answer)
}

const WRONG: VerificationError = VerificationError::Wrong("the code fits no step that is accepted");

#[test]
fn the_description_has_the_portable_values_as_defaults() {
    let manifest = testing::describe::<Totp>();
    let schema: Value = serde_json::from_str(&manifest.options_schema).unwrap();
    let default = |name: &str| schema["properties"][name]["default"].clone();
    assert_eq!(
        [default("TotpAlgorithm"), default("TotpDigits"), default("TotpPeriodSeconds")],
        [json!("SHA1"), json!(6), json!(30)]
    );
    assert!(!manifest.options_schema.contains("writeOnly"));
    assert_eq!((manifest.type_id.as_str(), manifest.state_format), ("totp", 1));
}

#[test]
fn codes_have_as_many_digits_as_the_option_says() {
    for (value, length) in [(json!({}), 6), (json!({"TotpDigits": 8}), 8)] {
        let format = testing::configure::<Totp>(&value).unwrap();
        assert_eq!(format, Some(CodeFormat { alphabet: CodeAlphabet::Digits, length }));
    }
}

#[test]
fn options_that_make_codes_weak_or_the_uri_ambiguous_are_refused() {
    for (value, pointer) in [
        (json!({"TotpIssuer": "Example: production"}), "/TotpIssuer"),
        (json!({"TotpIssuer": " Example"}), "/TotpIssuer"),
        (json!({"TotpDigits": 5}), "/TotpDigits"),
        (json!({"TotpDigits": 9}), "/TotpDigits"),
        (json!({"TotpPeriodSeconds": 0}), "/TotpPeriodSeconds"),
        (json!({"TotpPeriodSeconds": 3600}), "/TotpPeriodSeconds"),
        (json!({"TotpAlgorithm": "MD5"}), ""),
        (json!({"Other": 1}), ""),
    ] {
        let problems = testing::configure::<Totp>(&value).unwrap_err();
        assert_eq!(problems[0].pointer, pointer, "{value}");
    }
}

#[test]
fn a_secret_is_160_bits_of_the_hosts_randomness() {
    let begin = |seed| {
        let context = Context { entropy: testing::entropy(seed), ..testing::context() };
        Totp::begin_enrolment(&portable(), &context, &[]).pending.secret
    };
    assert_eq!(begin(1).len(), 20);
    assert_ne!(begin(1), begin(2));
    assert_eq!(begin(1).0, testing::entropy(1).draw::<20>());
}

#[test]
fn what_the_page_needs_holds_no_secret() {
    let begun = Totp::begin_enrolment(&portable(), &testing::context(), &[]);
    assert_eq!(begun.public, json!({"algorithm": "SHA1", "digits": 6, "period": 30}));
    let Some(Reveal::Otpauth(otpauth)) = begun.reveal else { panic!("the secret is revealed") };
    assert_eq!(otpauth.secret, uri::base32(&begun.pending.secret));
    assert!(otpauth.uri.starts_with("otpauth://totp/Example:ada%40example.com?secret="), "{}", otpauth.uri);
}

#[test]
fn the_issuer_is_the_option_or_the_sites_name() {
    let begun = Totp::begin_enrolment(&options(&json!({"TotpIssuer": "Intranet"})), &testing::context(), &[]);
    let Some(Reveal::Otpauth(otpauth)) = begun.reveal else { panic!("the secret is revealed") };
    assert!(otpauth.uri.contains("totp/Intranet:") && otpauth.uri.ends_with("&issuer=Intranet"), "{}", otpauth.uri);
}

#[test]
fn an_app_is_enrolled_only_after_a_right_code() {
    let context = testing::context();
    let pending = || Totp::begin_enrolment(&portable(), &context, &[]).pending;
    let code = pending().parameters.code(&pending().secret, context.now / 30 + 5);
    let refused = Totp::finish_enrolment(&portable(), &context, pending(), &code);
    assert!(matches!(refused, Err(EnrolmentError::Wrong(_))));
    for malformed in ["", "12345", "1234567", "12345a", "١٢٣٤٥٦", "-12345"] {
        let refused = Totp::finish_enrolment(&portable(), &context, pending(), malformed);
        assert!(matches!(refused, Err(EnrolmentError::Malformed(_))), "{malformed}");
    }
}

#[test]
fn the_code_that_confirms_an_enrolment_is_spent() {
    let state = enrolled();
    let now = testing::context().now;
    let code = state.parameters.code(&state.secret, now / 30);
    assert_eq!(verify(vec![state], now, &code).err(), Some(WRONG));
}

#[test]
fn a_code_is_accepted_once_and_a_replay_reads_like_a_wrong_code() {
    let now = testing::context().now + 30;
    let state = enrolled();
    let code = state.parameters.code(&state.secret, now / 30);
    let accepted = verify(vec![state], now, &code).unwrap();
    assert_eq!(verify(vec![accepted.held.state], now, &code).err(), Some(WRONG));
}

#[test]
fn an_app_whose_clock_is_off_is_observed_and_another_is_not() {
    let now = testing::context().now + 300;
    let state = enrolled();
    for (offset, observed) in [(0, vec![]), (1, vec![Observation::ClockDrift])] {
        let code = state.parameters.code(&state.secret, now / 30 + offset);
        assert_eq!(verify(vec![state.clone()], now, &code).unwrap().observations, observed);
    }
}

#[test]
fn the_index_names_the_app_that_was_used() {
    let now = testing::context().now + 30;
    let mut other = enrolled();
    other.secret = vec![1; 20].into();
    let state = enrolled();
    let code = state.parameters.code(&state.secret, now / 30);
    let accepted = verify(vec![other.clone(), state.clone()], now, &code).unwrap();
    assert_eq!((accepted.held.index, &accepted.held.state.secret), (1, &state.secret));
    assert_eq!(accepted.facts, twofactor_factor::Facts::default());
    assert_eq!(verify(vec![other], now, &code).err(), Some(WRONG));
}

#[test]
fn a_changed_option_does_not_change_an_app_that_is_set_up() {
    let state = enrolled();
    let context = Context { now: testing::context().now + 30, ..testing::context() };
    let code = state.parameters.code(&state.secret, context.now / 30);
    let changed = options(&json!({"TotpAlgorithm": "SHA512", "TotpPeriodSeconds": 60}));
    assert!(Totp::verify(&changed, &context, held(vec![state]), (), &code).is_ok());
}

#[test]
fn a_malformed_code_is_not_counted() {
    for malformed in ["", "12345", "1234567", "12 456"] {
        let refused = verify(vec![enrolled()], testing::context().now, malformed);
        assert!(matches!(refused, Err(VerificationError::Malformed(_))), "{malformed}");
    }
}

#[test]
fn nobody_without_an_app_is_accepted() {
    assert_eq!(verify(Vec::new(), testing::context().now, "123456").err(), Some(WRONG));
}

/// A state as this component wrote it when format 1 was released.
#[test]
fn a_state_of_format_1_is_read() {
    let stored = br#"{"secret":"MTIzNDU2Nzg5MDEyMzQ1Njc4OTA","parameters":{"algorithm":"SHA1","digits":6,"period":30},"window":{"last_step":59999999,"drift":-1,"last_offset":-1}}"#;
    assert_eq!(testing::upgrade::<Totp>(1, stored).unwrap(), stored);
    let state: State = serde_json::from_slice(stored).unwrap();
    let now = testing::context().now;
    assert!(verify(vec![state.clone()], now, &state.parameters.code(&state.secret, now / 30)).is_ok());
    assert_eq!(testing::upgrade::<Totp>(2, stored), Err(twofactor_factor::StateError::LaterFormat));
    assert_eq!(testing::upgrade::<Totp>(1, &stored[1..]), Err(twofactor_factor::StateError::Damaged));
}

/// Format 0 is what `twofactor factors import` gives: an app that was set up somewhere else.
#[test]
fn a_state_of_format_0_is_an_otpauth_uri() {
    let now = testing::context().now;
    let uri = format!("otpauth://totp/ACME:ada?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=ACME&after={now}");
    let upgraded = testing::upgrade::<Totp>(0, uri.as_bytes()).unwrap();
    let state: State = serde_json::from_slice(&upgraded).unwrap();
    assert_eq!(state.secret.0, b"12345678901234567890");
    // The code of the step of `after` may have been used where the app was set up.
    let code = |step: u64| state.parameters.code(&state.secret, step);
    assert_eq!(verify(vec![state.clone()], now, &code(now / 30)).err(), Some(WRONG));
    assert!(verify(vec![state.clone()], now, &code(now / 30 + 1)).is_ok());
    assert!(verify(vec![state.clone()], now + 30, &code(now / 30 + 1)).is_ok());
    for damaged in [&b"otpauth://hotp/a?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"[..], b"", b"\xff", b"{}"] {
        assert_eq!(testing::upgrade::<Totp>(0, damaged), Err(twofactor_factor::StateError::Damaged));
    }
}

#[test]
fn a_user_has_at_most_two_apps() {
    assert_eq!(testing::describe::<Totp>().max_per_user, 2);
}
