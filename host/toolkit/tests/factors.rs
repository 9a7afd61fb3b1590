//! `twofactor-toolkit check` finds the fault of each wrong factor component, and none in a correct one.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use twofactor_tests::wrong_factor::component;

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_twofactor-toolkit")).args(arguments).output().unwrap()
}

fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// Returns the faults that a check finds, by their rules, or why the component is not loaded.
fn faults(folder: &Path, component: &[u8], more: &[&str]) -> Result<Vec<(String, String)>, String> {
    let file = write(folder, "factor.wasm", component);
    let output = run(&[&["check", file.to_str().unwrap(), "--json"], more].concat());
    let Ok(report) = serde_json::from_slice::<Value>(&output.stdout) else {
        return Err(String::from_utf8(output.stderr).unwrap());
    };
    let findings = report["findings"].as_array().unwrap().iter().filter(|finding| finding["verdict"] == "fault");
    let word = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    let faults: Vec<_> = findings.map(|finding| (word(finding, "rule"), word(finding, "what"))).collect();
    assert_eq!(output.status.success(), faults.is_empty());
    Ok(faults)
}

#[test]
fn correct_factors_have_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    for kind in ["app", "paper"] {
        assert_eq!(faults(folder.path(), &component(kind, "none"), &[]), Ok(Vec::new()), "{kind}");
    }
    for own in [twofactor_bundle::TOTP, twofactor_bundle::RECOVERY, twofactor_bundle::FIDO] {
        assert_eq!(faults(folder.path(), own, &[]), Ok(Vec::new()));
    }
}

#[test]
fn each_fault_is_found_by_its_rule() {
    let folder = tempfile::tempdir().unwrap();
    let mut missed = Vec::new();
    for (kind, fault, rule, what) in [
        ("app", "enrols with any code", "answer-wrong", "an enrolment ends with a wrong answer"),
        ("app", "half of the code", "answer-wrong", "is right"),
        ("app", "wrong is malformed", "answer-wrong", "is malformed"),
        ("app", "any code", "answer-wrong", "is right"),
        ("app", "the same secret for all", "entropy", "a secret is revealed twice"),
        ("app", "a code twice", "replay", "an answer that was used is accepted again"),
        ("app", "the first code twice", "replay", "the code that ended the enrolment"),
        ("app", "always the first", "which-factor", "is said to be of factor 0"),
        ("app", "the state grows", "answer-right", "the state grows with each use"),
        ("app", "a wide window", "time", "steps from now is right"),
        ("app", "an earlier code", "time", "before the last used one is accepted"),
        ("app", "a plus in the URI", "names", "has a `+`"),
        ("app", "another secret in the URI", "enrolment", "the right answer is wrong"),
        ("app", "two issuers", "otpauth", "the issuer of the label is not"),
        ("app", "a short secret", "otpauth", "80 bits"),
        ("app", "no long names", "names", "320 characters"),
        ("app", "reads later states", "upgrade", "not refused as `later-format`"),
        ("app", "takes damaged states", "upgrade", "not refused as `damaged`"),
        ("app", "upgrades to anything", "upgrade", "is not returned as it is"),
        ("app", "traps in upgrade", "upgrade", "`upgrade` failed"),
        ("app", "repeats the answer", "details", "repeats the answer"),
        ("app", "works for long in verify", "fuel", "instructions"),
        ("app", "a signal is a text", "signals", "not a JSON object"),
        ("app", "public is a text", "enrolment", "not a JSON object"),
        ("app", "an index beyond", "answer-right", "the index does not refer to a factor"),
        ("paper", "a code twice", "replay", "an answer that was used is accepted again"),
        ("paper", "the same code ten times", "codes", "two of the codes are the same"),
        ("paper", "one code ends all", "codes", "code 2: the right answer is wrong"),
        ("paper", "counts no uses", "codes", "does not count the uses"),
        ("paper", "reveals nothing", "enrolment", "reveals nothing"),
    ] {
        let found = faults(folder.path(), &component(kind, fault), &[]);
        let is_found = found.as_ref().is_ok_and(|all| all.iter().any(|(by, said)| by == rule && said.contains(what)));
        if !is_found {
            missed.push(format!("{kind}/{fault} by `{rule}`: {found:?}"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// A component that believes everything breaks every rule about what must be checked.
#[test]
fn a_passkey_that_believes_everything_breaks_each_rule() {
    let folder = tempfile::tempdir().unwrap();
    let found = faults(folder.path(), &component("passkey", "none"), &[]).unwrap();
    for (rule, what) in [
        ("replay", "accepted again later"),
        ("wrong-user", "another user's answer"),
        ("which-factor", "is said to be of factor 0"),
        ("site", "a site without origins"),
        ("page-options", "fewer than 16 bytes"),
        ("page-options", "`excludeCredentials`"),
        ("page-options", "ES256"),
        ("origin", "another site"),
        ("origin", "whose name ends like it"),
        ("frames", "not listed"),
        ("relying-party", "another relying party"),
        ("ceremony", "another challenge"),
        ("signature", "a signature of another key"),
        ("signature", "not a point on the curve"),
        ("credential", "another user's handle"),
        ("trailing-bytes", "after the authenticator data"),
        ("flags", "nobody present"),
        ("flags", "do not say what the flags say"),
        ("counter", "is not noticed"),
        ("malformed", "an empty object"),
        ("identify", "an empty object is identified"),
    ] {
        assert!(found.iter().any(|(by, said)| by == rule && said.contains(what)), "{rule}: {what}: {found:#?}");
    }
}

#[test]
fn states_of_released_versions_are_read() {
    let folder = tempfile::tempdir().unwrap();
    // Format 1 of `tests/wrong-factor` is a secret of 20 bytes and a step of 8; the second is damaged.
    let whole = json!({"format": 1, "data": "AAECAwQFBgcICQoLDA0ODxAREhMAAAAAAAAAAQ=="});
    let damaged = json!({"format": 1, "data": "AAEC"});
    let checked = |states: Value| {
        let file = write(folder.path(), "states.json", states.to_string());
        faults(folder.path(), &component("app", "none"), &["--states", file.to_str().unwrap()])
    };
    assert_eq!(checked(json!([whole.clone()])), Ok(Vec::new()));
    let found = checked(json!([whole, damaged])).unwrap();
    assert!(
        matches!(&found[..], [(rule, what)] if rule == "earlier-states" && what.contains("state 2 of format 1")),
        "{found:?}"
    );
    assert!(checked(json!({"format": 1})).unwrap_err().contains("is not a list of states"));
}

#[test]
fn what_a_factor_is_can_be_inspected() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "factor.wasm", component("app", "none"));
    let said = String::from_utf8(run(&["inspect", file.to_str().unwrap()]).stdout).unwrap();
    for line in [
        "Wrong in one way 1.0.0 (type `wrong-factor`, a factor)",
        "verify the answers of factors of its type (it has no network access)",
        "enrolled by typed-code, answered by typed-code",
        "at most 5 for each user",
        "states of format 2",
    ] {
        assert!(said.contains(line), "{said}");
    }
    let tried = run(&["try", file.to_str().unwrap(), "--options", "none", "--to", "+41791234567"]);
    assert!(!tried.status.success());
}
