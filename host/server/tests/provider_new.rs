//! `twofactor provider new` makes a project that builds with its language's own commands and keeps the contract.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Command, Output};

fn twofactor(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_twofactor")).arg("provider").args(arguments).output().unwrap()
}

/// As a new user would type it: without what cargo set for this test.
fn cargo(folder: &Path, arguments: &[&str]) {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(folder).args(arguments);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_BIN_") || name == "CARGO_MANIFEST_DIR" {
            cargo.env_remove(name);
        }
    }
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_project_in_rust_passes_its_tests_and_the_check_as_its_readme_has_it() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("my-gateway");
    let made = twofactor(&["new", folder.to_str().unwrap(), "--language", "rust"]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
    for command in ["cargo test", "cargo build --release --target wasm32-wasip2"] {
        assert!(readme.contains(&format!("\n{command}\n")), "{command}");
        cargo(&folder, &command.split(' ').skip(1).collect::<Vec<_>>());
    }
    let component = "target/wasm32-wasip2/release/my_gateway.wasm";
    assert!(readme.contains(&format!("twofactor provider check {component}\n")));
    let checked = twofactor(&["check", folder.join(component).to_str().unwrap()]);
    let said = String::from_utf8(checked.stdout).unwrap();
    assert!(checked.status.success() && said.contains("faults: 0, advice: 0, skipped: 0"), "{said}");
    println!("{}", said.lines().take(4).collect::<Vec<_>>().join("\n"));
}

#[test]
fn nothing_is_written_where_something_is() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("kept"), "kept").unwrap();
    let folder = home.path().join("there");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("kept"), "kept").unwrap();
    let made = twofactor(&["new", folder.to_str().unwrap(), "--language", "rust"]);
    assert!(String::from_utf8(made.stderr).unwrap().contains("is not empty: nothing was written"));
    assert_eq!(folder.read_dir().unwrap().count(), 1);
    let made = twofactor(&["new", home.path().join("My Gateway").to_str().unwrap(), "--language", "rust"]);
    assert!(String::from_utf8(made.stderr).unwrap().contains("lower-case letters"));
}
