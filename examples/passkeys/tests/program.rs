//! The program that the guide shows is in a crate of its own, which depends on `twofactor` alone.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Command, Stdio};

#[test]
fn the_program_is_the_one_that_the_guide_shows() {
    let guide = include_str!("../../../docs/embedding.md");
    let shown = guide.split("```rust\n").nth(2).unwrap().split("```").next().unwrap();
    assert_eq!(shown, include_str!("../src/main.rs"));
    assert!(shown.lines().count() <= 30);
}

#[test]
fn the_program_asks_the_browser_for_a_passkey() {
    let program = Command::new(env!("CARGO_BIN_EXE_passkeys-example")).stdin(Stdio::null()).output().unwrap();
    assert!(program.status.success(), "{}", String::from_utf8_lossy(&program.stderr));
    let asked = String::from_utf8(program.stdout).unwrap();
    assert!(asked.starts_with('{') && asked.contains(r#""id":"localhost""#), "{asked}");
}
