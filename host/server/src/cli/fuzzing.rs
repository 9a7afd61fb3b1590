//! Fuzz targets: documents that administrators and registries give. They exist in tests, which run each of them briefly, and where
//! libFuzzer drives them (`./run fuzz`). Their seeds are in `fuzz/seeds`.

use zeroize::Zeroizing;

use super::as_code;
use super::factors::{Entry, authelia, otpauth, pskc};
use super::providers::Manifest;

/// A target: the name of its seeds' folder, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("configuration_document", configuration_document),
    ("factors_authelia", factors_authelia),
    ("factors_otpauth", factors_otpauth),
    ("factors_pskc", factors_pskc),
    ("registry_manifest", registry_manifest),
];

/// Configuration as code, in YAML.
fn configuration_document(input: &[u8]) {
    match as_code::parse(&String::from_utf8_lossy(input)) {
        Ok(document) => {
            let Ok(written) = serde_saphyr::to_string(&document) else { return };
            let read = as_code::parse(&written).and_then(|read| Ok(serde_saphyr::to_string(&read)?));
            assert_eq!(read.ok().as_ref(), Some(&written), "what is exported is imported as something else");
        }
        Err(error) => assert!(!error.to_string().contains(|c: char| c.is_control() && c != '\n'), "{error:?}"),
    }
}

/// Apps in a list of otpauth URIs.
fn factors_otpauth(input: &[u8]) {
    entries(input, otpauth::parse(&String::from_utf8_lossy(input)));
}

/// Apps in an export of Authelia.
fn factors_authelia(input: &[u8]) {
    match authelia::parse(&String::from_utf8_lossy(input)) {
        Ok(read) => entries(input, read),
        Err(error) => assert!(!error.to_string().contains(|c: char| c.is_control() && c != '\n'), "{error:?}"),
    }
}

/// Apps in PSKC, encrypted with the key of RFC 6030 section 6.1. The first line is the list of users.
fn factors_pskc(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (users, text) = text.split_once('\n').unwrap_or(("", &text));
    let key = [0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56, 0x78, 0x90, 0x12];
    for protection in [pskc::Protection::None, pskc::Protection::Key(Zeroizing::new(key.to_vec()))] {
        if let Ok(read) = pskc::parse(text, &protection, users) {
            entries(input, read);
        }
    }
}

fn entries(input: &[u8], entries: Vec<Entry>) {
    let lines = input.iter().filter(|byte| **byte == b'\n').count() + 1;
    for Entry { line, app } in entries {
        assert!((1..=lines + 1).contains(&line), "there is no line {line}");
        match app {
            Ok(app) => {
                assert!(!app.secret.is_empty() && app.secret.len() <= input.len());
                assert!(matches!(&*app.algorithm, "SHA1" | "SHA256" | "SHA512"));
            }
            Err(why) => assert!(why.len() < 100 && !why.contains(char::is_control), "{why:?}"),
        }
    }
}

/// The manifest of a component in a registry.
fn registry_manifest(input: &[u8]) {
    let Ok(manifest) = Manifest::parse(input) else { return };
    assert_eq!(manifest.component.media_type, "application/wasm");
    // It would be its own signature.
    assert!(manifest.signature.is_none_or(|layer| layer.media_type != "application/wasm"));
}

#[cfg(test)]
#[test]
fn every_target_withstands_its_seeds_and_their_mutations() {
    twofactor_fuzz::run_briefly(TARGETS);
}
