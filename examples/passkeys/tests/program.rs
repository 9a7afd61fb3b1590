//! The program that the guide shows is in a crate of its own, which depends on `twofactor` alone. An authenticator in software takes
//! the place of the page.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use twofactor::serde_json::Value;
use twofactor_fido::testing::{Algorithm, Authenticator};

const ORIGIN: &str = "http://localhost:3000";

#[test]
fn the_program_is_the_one_that_the_guide_shows() {
    let guide = include_str!("../../../docs/embedding.md");
    let shown = guide.split("```rust\n").nth(2).unwrap().split("```").next().unwrap();
    assert_eq!(shown, include_str!("../src/main.rs"));
    assert!(shown.lines().count() <= 30);
}

#[test]
fn the_program_enrols_a_passkey_and_verifies_an_assertion_of_it() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_passkeys-example"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut page, said) = (program.stdin.take().unwrap(), program.stdout.take().unwrap());
    let mut said = BufReader::new(said).lines().map(Result::unwrap);
    let key = Authenticator::new(Algorithm::Es256, "key");

    let asked: Value = said.next().unwrap().parse().unwrap();
    assert_eq!(asked["rp"]["id"], "localhost");
    writeln!(page, "{}", key.create(&asked, ORIGIN).answer(&key)).unwrap();
    let factor = said.next().unwrap();
    assert!(factor.contains("My laptop"), "{factor}");

    let asked: Value = said.next().unwrap().parse().unwrap();
    assert_eq!(asked["allowCredentials"].as_array().map(Vec::len), Some(1));
    writeln!(page, "{}", key.get(&asked, ORIGIN).answer(&key)).unwrap();
    let verified = said.next().unwrap();
    assert!(verified.contains(r#"acr: Some("phr")"#), "{verified}");
    assert!(program.wait().unwrap().success());
}
