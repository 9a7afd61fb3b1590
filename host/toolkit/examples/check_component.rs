//! Checks a component from Rust code, as a test of your own could, and prints what is wrong with it:
//! `cargo run --package twofactor-toolkit --example check_component -- FILE.wasm`

#![allow(clippy::print_stdout, reason = "the output of the program")]

use std::process::ExitCode;

use anyhow::Context as _;
use twofactor_toolkit::{Verdict, check_component};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let file = std::env::args().nth(1).context("usage: check_component FILE.wasm")?;
    let component = std::fs::read(&file).with_context(|| format!("cannot read {file}"))?;
    let report = check_component(&component, None).await?;
    for finding in report.findings.iter().filter(|finding| finding.verdict == Verdict::Fault) {
        println!("{}: {}\n    {}", finding.rule, finding.what, finding.remedy);
    }
    let faults = report.count(Verdict::Fault);
    println!("{}: passed {}, faults {faults}", report.provider, report.count(Verdict::Passed));
    Ok(if faults == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
