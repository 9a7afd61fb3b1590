//! `twofactor provider new` makes a project that builds with its language's own commands and keeps the contract.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use twofactor_tests::authors::Project;

const LANGUAGES: [&str; 3] = ["rust", "javascript", "python"];

fn twofactor(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_twofactor")).arg("provider").args(arguments).output().unwrap()
}

/// Runs the commands of its README, then judges what they made.
fn a_project_passes_its_tests_and_the_check(language: &str, tested: &str) {
    let below = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let Some(project) = Project::new(env!("CARGO_BIN_EXE_twofactor").as_ref(), language, below) else { return };
    assert!(project.said.contains(tested), "{}", project.said);
    assert!(project.said.contains("faults: 0, advice: 0, skipped: 0"), "{}", project.said);
    let checked = twofactor(&["check", project.component.to_str().unwrap(), "--json"]);
    let report: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert!(checked.status.success());
    let findings = report["findings"].as_array().unwrap();
    assert!(findings.len() > 20 && findings.iter().all(|finding| finding["verdict"] == "passed"), "{report:#}");
    // One name for folder, project and type.
    assert_eq!(report["provider"], "My gateway 0.1.0 (type `my-gateway`)");
    let (bytes, load) = (&report["component_bytes"], &report["load_milliseconds"]);
    println!(
        "{language}: {bytes} bytes, loaded in {load} ms, `configure` in {} µs; {} rules",
        report["configure_microseconds"],
        findings.len()
    );
}

#[test]
fn a_project_in_rust_passes_its_tests_and_the_check_as_its_readme_has_it() {
    a_project_passes_its_tests_and_the_check("rust", "test result: ok. 4 passed");
}

#[test]
fn a_project_in_javascript_passes_its_tests_and_the_check_as_its_readme_has_it() {
    a_project_passes_its_tests_and_the_check("javascript", "# pass 8\n");
}

#[test]
fn a_project_in_python_passes_its_tests_and_the_check_as_its_readme_has_it() {
    // What `unittest` says goes to standard error; that it failed would have ended the commands.
    a_project_passes_its_tests_and_the_check("python", "");
}

/// The files of a project and what is in them.
fn files(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            files(&entry.path(), found);
        } else {
            found.push((entry.path().display().to_string(), fs::read_to_string(entry.path()).unwrap()));
        }
    }
}

#[test]
fn a_project_stands_alone_and_has_one_name() {
    for language in LANGUAGES {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("red-parrot");
        let made = twofactor(&["new", folder.to_str().unwrap(), "--language", language]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut all = Vec::new();
        files(&folder, &mut all);
        for (path, text) in &all {
            let above = text.contains("../..") && !path.contains("vendor/twofactor-provider/src/lib.rs");
            assert!(!above, "{path} leads out of the project");
            for left in ["{{", "webhook-javascript", "webhook-python", "Webhook ("] {
                assert!(!text.contains(left) || path.contains("/vendor/") && left == "{{", "{path} still has `{left}`");
            }
        }
        let holds = |word: &str| all.iter().filter(|(_, text)| text.contains(word)).count();
        assert!(holds("red-parrot") >= 2 && holds("Red parrot") == 1, "{language}");
        // The contract as it is here, all of it.
        let mut contract = Vec::new();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
        files(&root, &mut contract);
        for (path, text) in contract {
            let path = Path::new(&path).strip_prefix(&root).unwrap();
            assert_eq!(fs::read_to_string(folder.join("wit").join(path)).unwrap(), text, "{}", path.display());
        }
    }
}

#[test]
fn nothing_is_written_where_something_is() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("there");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("kept"), "kept").unwrap();
    for language in LANGUAGES {
        let made = twofactor(&["new", folder.to_str().unwrap(), "--language", language]);
        assert!(String::from_utf8(made.stderr).unwrap().contains("is not empty: nothing was written"));
        assert_eq!(folder.read_dir().unwrap().count(), 1);
    }
    for name in ["My Gateway", "1st", "a_b", &"a".repeat(33)] {
        let made = twofactor(&["new", home.path().join(name).to_str().unwrap(), "--language", "rust"]);
        assert!(String::from_utf8(made.stderr).unwrap().contains("lower-case letters"), "{name}");
        assert!(!home.path().join(name).exists());
    }
}
