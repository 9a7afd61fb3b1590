//! A client that is generated from the OpenAPI document compiles, and works against the server.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common;
use common::Server;

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/clients/typescript");
const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");

fn run(folder: &Path, program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(folder).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {arguments:?}: {out}{err}");
    out.into_owned()
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Returns the sources, with what they depend on, in a folder of their own.
fn workshop() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("typescript-client");
    std::fs::create_dir_all(&folder).unwrap();
    for name in ["package.json", "package-lock.json", "tsconfig.json", "check.ts"] {
        std::fs::copy(Path::new(SOURCES).join(name), folder.join(name)).unwrap();
    }
    // What was installed stays while the lock is the same.
    let lock = std::fs::read(folder.join("package-lock.json")).unwrap();
    let installed = folder.join("installed-lock.json");
    if std::fs::read(&installed).ok() != Some(lock.clone()) {
        run(&folder, "npm", &["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
        std::fs::write(&installed, lock).unwrap();
    }
    folder
}

#[tokio::test]
async fn a_generated_client_compiles_and_does_what_an_administrator_and_an_application_do() {
    if !is_there("node") || !is_there("npm") {
        let _ =
            writeln!(std::io::stderr(), "SKIPPED: the generated client needs node and npm, which are not installed");
        return;
    }
    let folder = workshop();
    let tool = |name: &str| folder.join("node_modules/.bin").join(name).to_str().unwrap().to_owned();
    run(&folder, &tool("openapi-typescript"), &[DOCUMENT, "--output", "schema.d.ts"]);
    run(&folder, &tool("tsc"), &["--project", "."]);
    let demo = Server::demo();
    let outbox = demo.said["outbox_url"].as_str().unwrap();
    let arguments = ["dist/check.js", &demo.url, demo.token("admin_token"), demo.token("application_token"), outbox];
    let said = run(&folder, "node", &arguments);
    assert_eq!(said.trim(), "the generated client did all it was asked");
}
