//! The providers in C: built with their own scripts, they keep the contract.

use std::path::Path;
use std::process::Command;

use twofactor_tests::authors::{bash, skipped};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Builds the providers of a folder with its script and checks one; `None` if this machine lacks the tools.
fn checked(folder: &Path, providers: &str, script: &str, component: &str) -> Option<String> {
    let path = std::env::var_os("PATH").unwrap();
    let has = |program: &str| std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    for programs in [["zig", "clang"], ["wasm-tools", "jco"]] {
        if !programs.iter().any(|program| has(program)) {
            skipped(&format!("the provider in C needs {}, and neither is installed", programs.join(" or ")));
            return None;
        }
    }
    let copy = format!("mkdir -p {providers} && cp -r {ROOT}/wit . && cp -r {ROOT}/{providers}/. {providers}");
    let check = format!("{providers}/{script} && twofactor-toolkit check {component}");
    let output = bash(Path::new(env!("CARGO_BIN_EXE_twofactor-toolkit")), folder)
        .args(["-euo", "pipefail", "-c", &format!("{copy} && {check}")])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("faults: 0, advice: 0, skipped: 0"), "{said}");
    Some(said.into_owned())
}

#[test]
fn the_provider_in_c_is_built_by_its_script_and_has_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    let component = "examples/c/provider.wasm";
    let Some(said) = checked(folder.path(), "examples/c", "build", component) else { return };
    assert!(said.contains("Gateway (C) 0.1.0"), "{said}");
    // Nothing of WASI is in it.
    let inspect = Command::new(env!("CARGO_BIN_EXE_twofactor-toolkit"))
        .arg("inspect")
        .arg(folder.path().join(component))
        .output()
        .unwrap();
    assert!(!String::from_utf8_lossy(&inspect.stdout).contains("wasi:"));
}

/// It sends the text in the query, where `check` must find it.
#[test]
fn the_provider_for_gateways_on_a_local_network_has_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    checked(folder.path(), "providers/c", "build built", "built/lan-gateway.wasm");
}
