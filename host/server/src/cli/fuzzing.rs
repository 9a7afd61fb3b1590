//! Fuzz targets: documents that administrators and registries give. They exist in tests, which run each of them briefly, and where
//! libFuzzer drives them (`./run fuzz`). Their seeds are in `fuzz/seeds`.

use super::as_code;
use super::providers::Manifest;

/// A target: the name of its seeds' folder, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] =
    &[("configuration_document", configuration_document), ("registry_manifest", registry_manifest)];

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
