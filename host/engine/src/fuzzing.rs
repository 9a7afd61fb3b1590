//! Fuzz targets: what reads the words of applications and of people. They exist in tests, which run each of them briefly, and where
//! libFuzzer drives them (`./run fuzz`). Their seeds are in `fuzz/seeds`.

use crate::challenge::{Recipient, email_address, phone_number};
use crate::language::preferred_language;

/// A target: the name of its seeds' folder, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[("language", language), ("recipient", recipient)];

/// `Accept-Language`.
fn language(input: &[u8]) {
    let known = ["en", "de", "fr", "it"];
    let wanted = preferred_language(&String::from_utf8_lossy(input), &known);
    assert!(wanted.is_none_or(|language| known.contains(&language)));
}

/// An email address or a phone number, as an application or a person spells it.
fn recipient(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    for canonical in [email_address, phone_number] {
        let Ok(address) = canonical(&text) else { continue };
        assert_eq!(canonical(&address).ok().as_ref(), Some(&address), "the canonical form has another one");
        // Otherwise somebody gets more messages by another spelling.
        let counted = Recipient::buckets(&address);
        assert!(Recipient::buckets(&text).iter().any(|bucket| counted.contains(bucket)), "it is counted twice");
        assert!(!address.contains(char::is_control), "{address:?}");
    }
}

#[cfg(test)]
#[test]
fn every_target_withstands_its_seeds_and_their_mutations() {
    twofactor_fuzz::run_briefly(TARGETS);
}
