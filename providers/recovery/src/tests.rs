#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use twofactor_factor::testing;

use super::*;

const OPTIONS: Options = Options {};

/// Returns the codes of a new set, and its state.
fn enrolled(seed: u64) -> (Vec<String>, State) {
    let context = Context { entropy: testing::entropy(seed), ..testing::context() };
    let begun = Recovery::begin_enrolment(&OPTIONS, &context, &[]);
    let Some(Reveal::Codes(codes)) = begun.reveal else { panic!("the codes are revealed") };
    let enrolled = Recovery::finish_enrolment(&OPTIONS, &context, begun.pending, "").unwrap();
    assert_eq!(enrolled.facts.uses_left, Some(10));
    (codes, enrolled.state)
}

fn verify(state: &State, answer: &str) -> Result<Accepted<State>, VerificationError> {
    let factors = vec![Held { index: 0, state: state.clone() }];
    Recovery::verify(&OPTIONS, &testing::context(), factors, (), answer)
}

const WRONG: VerificationError = VerificationError::Wrong("it is none of the unused codes");

#[test]
fn a_set_is_only_ever_a_fallback_and_replaces_the_earlier_one() {
    let manifest = testing::describe::<Recovery>();
    assert!(manifest.never_sole && manifest.replaces_earlier);
    assert_eq!((manifest.type_id.as_str(), manifest.max_per_user), ("recovery", 1));
    let format = testing::configure::<Recovery>(&json!({})).unwrap();
    assert_eq!(format, Some(CodeFormat { alphabet: CodeAlphabet::LettersAndDigits, length: 24 }));
    assert!(testing::configure::<Recovery>(&json!({"Codes": 3})).is_err());
}

#[test]
fn a_set_has_ten_different_codes_of_the_hosts_randomness() {
    let (mut codes, _) = enrolled(1);
    assert_ne!(codes, enrolled(2).0);
    codes.sort();
    codes.dedup();
    assert_eq!(codes.len(), 10);
    assert!(codes.iter().all(|code| code.len() == 29 && code::canonical(code).is_some()), "{codes:?}");
}

#[test]
fn neither_page_nor_state_nor_pending_data_has_a_code() {
    let begun = Recovery::begin_enrolment(&OPTIONS, &testing::context(), &[]);
    let Some(Reveal::Codes(codes)) = begun.reveal else { panic!("the codes are revealed") };
    assert_eq!(begun.public, json!({}));
    let stored = serde_json::to_string(&begun.pending).unwrap();
    for code in codes {
        assert!(!stored.contains(&code) && !stored.contains(&code.replace('-', "")));
    }
}

#[test]
fn each_code_is_accepted_once_and_the_rest_counts_down() {
    let (codes, mut state) = enrolled(1);
    for (code, left) in codes.iter().zip((0..10).rev()) {
        let accepted = verify(&state, code).unwrap();
        assert_eq!(accepted.facts.uses_left, Some(left));
        state = accepted.held.state;
        assert_eq!(verify(&state, code).err(), Some(WRONG));
    }
}

#[test]
fn a_code_of_another_set_is_wrong() {
    let ((codes, _), (_, state)) = (enrolled(1), enrolled(2));
    assert_eq!(verify(&state, &codes[0]).err(), Some(WRONG));
    let nobody = Recovery::verify(&OPTIONS, &testing::context(), Vec::new(), (), &codes[0]);
    assert_eq!(nobody.err(), Some(WRONG));
}

#[test]
fn input_that_is_not_a_code_is_not_counted() {
    let (_, state) = enrolled(1);
    assert!(matches!(verify(&state, "123456"), Err(VerificationError::Malformed(_))));
}

#[test]
fn a_code_is_accepted_as_the_host_hands_it_on() {
    let (codes, state) = enrolled(1);
    assert!(verify(&state, &codes[3].replace('-', "")).is_ok());
    assert!(verify(&state, &codes[3].to_lowercase().replace('1', "l").replace('0', "o")).is_ok());
}

/// A state as this component wrote it when format 1 was released.
#[test]
fn a_state_of_format_1_is_read() {
    let digest = "LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ"; // of "hello"
    let stored = format!(r#"{{"unused":["{digest}"]}}"#);
    assert_eq!(testing::upgrade::<Recovery>(1, stored.as_bytes()).unwrap(), stored.as_bytes());
    let state: State = serde_json::from_str(&stored).unwrap();
    assert!(state.without(&Digest::of("hello")).is_some());
    let stored: Value = serde_json::from_str(&stored).unwrap();
    assert_eq!(serde_json::to_value(&state).unwrap(), stored);
}
