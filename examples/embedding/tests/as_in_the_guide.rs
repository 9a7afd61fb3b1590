//! The program that the guide shows is in a crate of its own, which depends on `twofactor` alone.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[test]
fn the_program_is_the_one_that_the_guide_shows() {
    let guide = include_str!("../../../docs/embedding.md");
    let shown = guide.split("```rust\n").nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(shown, include_str!("../src/main.rs"));
    assert!(shown.lines().count() <= 25);
}

#[test]
fn the_program_runs_to_its_end() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_embedding-example")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_crate_depends_on_nothing_else() {
    let manifest = include_str!("../Cargo.toml");
    let dependencies = manifest.split("[dependencies]").nth(1).unwrap().split("[[").next().unwrap();
    assert_eq!(dependencies.trim(), "twofactor.workspace = true");
}
