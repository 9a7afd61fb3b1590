//! Suites of the toolkit, one topic a file, in one program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking and may print"
)]

mod answers;
mod cassette;
mod check;
mod command_line;
mod dependencies;
mod factors;
mod junit;
mod new;
mod provider_in_c;

#[test]
fn every_file_of_this_folder_is_run() {
    twofactor_tests::suites::listed(concat!(env!("CARGO_MANIFEST_DIR"), "/tests"), include_str!("main.rs"), &[]);
}
