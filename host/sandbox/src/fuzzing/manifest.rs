//! What a component says of itself, and who signed it.

use crate::component::{Manifest, Signers};
use crate::contract::v0_2::twofactor::provider::types as wit;
use crate::readable;

/// The key of the seeds' signatures.
const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

/// A line each of type, channel, version and name, an empty line, and an options schema.
pub(super) fn manifest(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (words, schema) = text.split_once("\n\n").unwrap_or((&text, "{}"));
    let mut words = words.split('\n').map(str::to_owned);
    let mut word = || words.next().unwrap_or_default();
    let said = wit::Manifest {
        type_id: word(),
        channel: word(),
        version: word(),
        name: word(),
        recipient: wit::RecipientKind::PhoneNumber,
        options_schema: schema.to_owned(),
        needs_code: false,
        extra: Vec::new(),
    };
    match Manifest::check(said) {
        Ok((manifest, _)) => {
            assert!(readable::check(&manifest.name, 1..=100).is_ok());
            assert!(!manifest.is_older_than(&manifest));
            let is_word = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            assert!(is_word(&manifest.type_id) && is_word(&manifest.channel));
        }
        // Whoever decides on a component reads why it is refused.
        Err(error) => assert_eq!(readable::check_text(&error, usize::MAX), Ok(()), "{error:?}"),
    }
}

/// The text of a signature, an empty line, and a component.
pub(super) fn component_signature(input: &[u8]) {
    let (signature, component) = super::halves(input);
    let Ok(signers) = Signers::new().trust("key", KEY) else { return };
    let signature = String::from_utf8_lossy(signature);
    if let Ok(by) = signers.verify(component, Some(&signature)) {
        assert_eq!(by.as_deref(), Some("key"));
        let other = [component, b"x"].concat();
        assert!(signers.verify(&other, Some(&signature)).is_err(), "it signs every component");
    }
}
