//! Factors that were built against a released version of the contract load and verify in every later version, and what they stored is
//! read by the components of today.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use twofactor::sandbox::{FactorState, FactorVerdict};
use twofactor_tests::factors::{Place, factor, load};

/// The folder of each version.
fn versions() -> Vec<PathBuf> {
    let frozen = Path::new(env!("CARGO_MANIFEST_DIR")).join("frozen");
    let entries = fs::read_dir(frozen).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("factor-")).collect()
}

/// Verifies a stored answer with a stored state.
async fn verifies(name: &str, component: &[u8], stored: &Value) {
    let place = Place::default();
    let component = load(component).await;
    let configured = place.configure(&component, &json!({})).await;
    let state = FactorState {
        format: stored["state_format"].as_u64().unwrap().try_into().unwrap(),
        data: serde_json::to_vec(&stored["state"]).unwrap(),
    };
    let pending = serde_json::to_vec(&stored["pending"]).unwrap();
    let answer = stored["answer"].as_str().unwrap();
    let verdict = factor(&configured).verify(&place.context(), &[state], &pending, answer).await.unwrap();
    assert!(matches!(verdict, FactorVerdict::Right(_)), "{name}: {verdict:?}");
}

#[tokio::test]
async fn each_factor_of_each_version_verifies_and_so_does_that_of_today() {
    let mut count = 0;
    for folder in versions() {
        for (name, today) in [
            ("fido", twofactor_bundle::FIDO),
            ("recovery", twofactor_bundle::RECOVERY),
            ("totp", twofactor_bundle::TOTP),
        ] {
            let stored = fs::read(folder.join(format!("{name}.json"))).unwrap();
            let stored: Value = serde_json::from_slice(&stored).unwrap();
            let frozen = fs::read(folder.join(format!("{name}.wasm"))).unwrap();
            verifies(name, &frozen, &stored).await;
            verifies(name, today, &stored).await;
            count += 1;
        }
    }
    assert!(count >= 3);
}

#[test]
fn none_of_them_was_built_again() {
    for folder in versions() {
        let check = ["--check", "--strict", "--quiet", "SHA256SUMS"];
        let output = Command::new("sha256sum").args(check).current_dir(&folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        let listed = fs::read_to_string(folder.join("SHA256SUMS")).unwrap().lines().count();
        assert_eq!(listed, 6, "{}", folder.display());
    }
}
