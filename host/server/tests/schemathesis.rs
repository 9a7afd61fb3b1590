//! Thousands of calls made up from the OpenAPI document: none fails in the server, and each answer is one the document names.

use std::path::Path;
use std::process::Command;

use crate::{common, python};
use common::Server;

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/clients/schemathesis");

/// What must hold for every response.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,\
                      response_headers_conformance,negative_data_rejection";

#[tokio::test]
#[allow(clippy::print_stdout, reason = "prints measurements")]
async fn no_call_generated_from_the_document_fails_or_contradicts_it() {
    let test = "no_call_generated_from_the_document_fails_or_contradicts_it";
    let requirements = Path::new(SOURCES).join("requirements.txt");
    let Some(programs) = python::environment(test, "schemathesis", &requirements) else { return };
    let config = format!("{SOURCES}/schemathesis.toml");
    for (token, tag) in [("admin_token", "administration"), ("application_token", "challenges")] {
        let demo = Server::demo();
        let document = format!("{}/openapi.json", demo.url);
        let bearer = format!("Authorization: Bearer {}", demo.token(token));
        let said = python::run(Command::new(programs.join("schemathesis")).args([
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
        ]));
        let summary = said.lines().skip_while(|line| !line.starts_with("Test cases:")).skip(1).take(1);
        println!("{tag}: {}", summary.map(str::trim).collect::<String>());
    }
}
