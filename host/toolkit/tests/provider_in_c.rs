//! The provider in C: built with its own script, it keeps the contract.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

use twofactor_tests::authors::{bash, skipped};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

#[test]
fn the_provider_in_c_is_built_by_its_script_and_has_no_fault() {
    let path = std::env::var_os("PATH").unwrap();
    let has = |program: &str| std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    for programs in [["zig", "clang"], ["wasm-tools", "jco"]] {
        if !programs.iter().any(|program| has(program)) {
            return skipped(&format!("the provider in C needs {}, and neither is installed", programs.join(" or ")));
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let copy = format!("mkdir -p examples && cp -r {ROOT}/wit . && cp -r {ROOT}/examples/c examples");
    let check = "examples/c/build && twofactor-toolkit check examples/c/provider.wasm";
    let output = bash(Path::new(env!("CARGO_BIN_EXE_twofactor-toolkit")), folder.path())
        .args(["-euo", "pipefail", "-c", &format!("{copy} && {check}")])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("Gateway (C) 0.1.0") && said.contains("faults: 0, advice: 0, skipped: 0"), "{said}");
    // Nothing of WASI is in it.
    let inspect = Command::new(env!("CARGO_BIN_EXE_twofactor-toolkit"))
        .arg("inspect")
        .arg(folder.path().join("examples/c/provider.wasm"))
        .output()
        .unwrap();
    assert!(!String::from_utf8_lossy(&inspect.stdout).contains("wasi:"));
}
