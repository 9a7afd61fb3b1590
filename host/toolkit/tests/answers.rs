//! `check --answers` compares the outcome of each of the author's answers with the one that it must lead to.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use twofactor_tests::languages::providers_in;
use twofactor_tests::wrong::component;

const ANSWERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../providers/infobip/answers");

/// All that was found, or why nothing was checked.
fn findings(component: &Path, folder: &Path) -> Result<Vec<Value>, String> {
    let mut check = Command::new(env!("CARGO_BIN_EXE_twofactor-toolkit"));
    let output = check.arg("check").arg(component).args(["--json", "--answers"]).arg(folder).output().unwrap();
    let Ok(report) = serde_json::from_slice::<Value>(&output.stdout) else {
        assert!(!output.status.success());
        return Err(String::from_utf8(output.stderr).unwrap());
    };
    Ok(report["findings"].as_array().unwrap().clone())
}

/// What was found by the rule, or why nothing was checked.
fn answers(component: &Path, folder: &Path) -> Result<Vec<String>, String> {
    let all = findings(component, folder)?;
    let of_rule: Vec<&Value> = all.iter().filter(|finding| finding["rule"] == "answers").collect();
    assert!(!of_rule.is_empty(), "{all:?}");
    Ok(of_rule.iter().filter_map(|finding| finding["what"].as_str().map(str::to_owned)).collect())
}

fn written(folder: &Path, files: &[(&str, &str)], list: &Value) -> PathBuf {
    let answers = folder.join("answers");
    let _ = std::fs::remove_dir_all(&answers);
    std::fs::create_dir(&answers).unwrap();
    files.iter().for_each(|(name, body)| std::fs::write(answers.join(name), body).unwrap());
    std::fs::write(answers.join("answers.json"), list.to_string()).unwrap();
    answers
}

#[test]
fn the_answers_of_a_provider_lead_to_their_outcomes_and_a_wrong_expectation_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("infobip.wasm");
    std::fs::write(&file, twofactor_bundle::INFOBIP).unwrap();
    assert_eq!(answers(&file, Path::new(ANSWERS)), Ok(Vec::new()));

    let credit = std::fs::read_to_string(Path::new(ANSWERS).join("no-credit.json")).unwrap();
    let busy = r#"{"errorCode":"E429"}"#;
    let list = json!({"credit.json": "rejected-recipient",
        "code.json": {"outcome": "misconfigured", "code": "12"},
        "busy.json": {"outcome": "retry-later", "status": 429, "headers": {"Retry-After": "9"}, "after_seconds": 7}});
    let wrong = written(folder.path(), &[("credit.json", &credit), ("code.json", &credit), ("busy.json", busy)], &list);
    let found = answers(&file, &wrong).unwrap().join("\n");
    for what in [
        "credit.json: the outcome is misconfigured, not rejected-recipient",
        "code.json: the code is `REJECTED_NOT_ENOUGH_CREDITS`, not `12`",
        "busy.json: the wait passed on is 9 s, not 7 s",
    ] {
        assert!(found.contains(what), "{found}");
    }
}

#[test]
fn the_answers_of_a_provider_in_go_lead_to_their_outcomes_and_it_keeps_every_other_rule() {
    let below = Path::new(env!("CARGO_TARGET_TMPDIR")).join("languages");
    let Some(built) = providers_in("go", &below) else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../providers/go/telegram-gateway/answers");
    let all = findings(&built.join("telegram-gateway.wasm"), &folder).unwrap();
    assert!(all.iter().any(|finding| finding["rule"] == "answers"), "{all:?}");
    let not_passed: Vec<&Value> = all.iter().filter(|finding| finding["verdict"] != "passed").collect();
    assert!(not_passed.is_empty(), "{not_passed:?}");
}

/// A component that believes every 200 is found by the answers alone.
#[test]
fn an_error_in_a_200_that_a_component_takes_for_a_delivery_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("believes.wasm");
    std::fs::write(&file, component("none")).unwrap();
    for (body, outcome) in [
        (r#"{"code":900,"message":"invalid key"}"#, "misconfigured"),
        (r#"{"status":"REJECTED"}"#, "rejected-recipient"),
        ("ERR 17", "retry-later"),
        (r#"{"ok":false,"error":"BLOCKED"}"#, "blocked"),
    ] {
        let list = json!({"900.json": outcome});
        let found = answers(&file, &written(folder.path(), &[("900.json", body)], &list)).unwrap();
        assert!(found[0].contains(&format!("not {outcome}")), "{found:?}");
    }
}

#[test]
fn a_folder_that_does_not_say_what_its_answers_mean_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("right.wasm");
    std::fs::write(&file, component("none")).unwrap();
    let body: &[(&str, &str)] = &[("900.json", "{}")];
    for (files, list, sentence) in [
        (body, json!({"900.json": "broken"}), "`broken` is not an outcome; the outcomes are delivered, retry-later"),
        (body, json!({}), "names no answer"),
        (body, json!({"900.json": "blocked", "901.json": "blocked"}), "names 901.json, which is not in the folder"),
        (&[("900.json", "{}"), ("901.json", "{}")], json!({"900.json": "blocked"}), "901.json is in "),
        (body, json!({"900.json": {"outcome": "blocked", "status": 99}}), "99 is not the status of a response"),
        (body, json!({"900.json": {"outcome": "blocked", "state": 1}}), "does not name files and their outcomes"),
        (body, json!(["900.json"]), "does not name files and their outcomes"),
    ] {
        let refused = answers(&file, &written(folder.path(), files, &list)).unwrap_err();
        assert!(refused.contains(sentence), "{refused}");
    }
    let refused = answers(&file, folder.path()).unwrap_err();
    assert!(refused.contains("cannot read ") && refused.contains("answers.json"), "{refused}");
}
