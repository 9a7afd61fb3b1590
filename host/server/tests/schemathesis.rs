//! Thousands of calls made up from the OpenAPI document: none fails in the server, and each answer is one the document names.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common;
use common::Server;

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/clients/schemathesis");

/// What must hold for every response.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,\
                      response_headers_conformance,negative_data_rejection";

fn run(program: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(env!("CARGO_TARGET_TMPDIR")).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}: {out}{err}", program.display());
    out.into_owned()
}

/// Returns the program, in an environment of its own.
fn schemathesis() -> Option<PathBuf> {
    let python = Path::new("python3");
    if !Command::new(python).args(["-m", "venv", "--help"]).output().is_ok_and(|output| output.status.success()) {
        return None;
    }
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("schemathesis");
    let wanted = format!("{SOURCES}/requirements.txt");
    let text = std::fs::read_to_string(&wanted).unwrap();
    let installed = folder.join("installed.txt");
    if std::fs::read_to_string(&installed).ok().as_deref() != Some(&text) {
        run(python, &["-m", "venv", "--clear", folder.to_str().unwrap()]);
        run(&folder.join("bin/python"), &["-m", "pip", "install", "--quiet", "--requirement", &wanted]);
        std::fs::write(&installed, text).unwrap();
    }
    Some(folder.join("bin/schemathesis"))
}

#[tokio::test]
#[allow(clippy::print_stdout, reason = "prints measurements")]
async fn no_call_generated_from_the_document_fails_or_contradicts_it() {
    let Some(program) = schemathesis() else {
        let _ = writeln!(std::io::stderr(), "SKIPPED: schemathesis needs python3 with venv, which is not installed");
        return;
    };
    let config = format!("{SOURCES}/schemathesis.toml");
    for (token, tag) in [("admin_token", "administration"), ("application_token", "challenges")] {
        let demo = Server::demo();
        let document = format!("{}/openapi.json", demo.url);
        let bearer = format!("Authorization: Bearer {}", demo.token(token));
        let said = run(
            &program,
            &[
                "--config-file",
                &config,
                "run",
                &document,
                "--header",
                &bearer,
                "--include-tag",
                tag,
                // It would revoke its own token, and it cannot generate components.
                "--exclude-operation-id",
                "revokeToken",
                "--exclude-operation-id",
                "addProvider",
                "--exclude-operation-id",
                "previewProvider",
                "--checks",
                CHECKS,
                "--max-examples",
                "12",
                "--seed",
                "1",
                "--no-color",
            ],
        );
        let summary = said.lines().skip_while(|line| !line.starts_with("Test cases:")).skip(1).take(1);
        println!("{tag}: {}", summary.map(str::trim).collect::<String>());
    }
}
