//! Checks `configure` against the contract: the same answer to the same options, an answer to all options that satisfy the schema, and
//! problems that name their option.

use std::time::Instant;

use serde_json::Value;
use twofactor_sandbox::{Component, Configured, FieldError};

use super::report::Report;

/// Texts that an administrator may enter.
const TEXTS: [&str; 6] =
    ["", " ", "x", "\"}]\r\n\u{0}\\", "Zürich \u{1f510} \u{202e}", "https://example.com@127.0.0.1/"];

/// Returns a problem with the option that it names.
pub(super) fn located(problem: &FieldError) -> String {
    match &*problem.pointer {
        "" => format!("the options: {}", problem.detail),
        pointer => format!("`{pointer}`: {}", problem.detail),
    }
}

/// Checks `configure`, and returns what it answered to the given options.
pub(super) async fn check(component: &Component, options: &Value, report: &mut Report) -> Option<Configured> {
    let begin = Instant::now();
    let first = match component.configure(options).await {
        Ok(configured) => configured,
        Err(problems) => {
            let said = problems.iter().map(located).collect();
            report.rule("configure", said, "Provide valid options: the other rules need them.");
            return None;
        }
    };
    let mut fastest = begin.elapsed();
    let mut changed = false;
    for _ in 0..9 {
        let begin = Instant::now();
        let again = component.configure(options).await;
        fastest = fastest.min(begin.elapsed());
        changed |= again.map_or(true, |again| again.connections() != first.connections());
    }
    report.configure_microseconds = Some(fastest.as_micros());
    report.rule("configure", Vec::new(), "");
    let wrong = changed.then(|| "two calls with the same options returned different results".to_owned());
    report.rule("deterministic", wrong.into_iter().collect(), "Make `configure` depend only on its options.");

    let unmarked = component.unmarked_secrets(options).await.unwrap_or_default();
    let unmarked = unmarked.iter().map(|at| format!("`{at}` is a credential, but is not marked as secret"));
    report.rule("credentials-marked", unmarked.collect(), super::manifest::MARK);

    let (mut unanswered, mut unnamed, mut disclosed) = (Vec::new(), Vec::new(), Vec::new());
    for (pointer, altered) in alterations(options) {
        if !component.satisfies_schema(&altered) {
            continue;
        }
        match component.problems(&altered).await {
            Err(reason) => unanswered.push(format!("no answer with another value of `{pointer}`: {reason}")),
            Ok(problems) => {
                for problem in problems {
                    check_problem(&problem, &altered, component, &mut unnamed, &mut disclosed);
                }
            }
        }
    }
    for found in [&mut unanswered, &mut unnamed, &mut disclosed] {
        found.sort();
        found.dedup();
    }
    report.rule(
        "configure-answers",
        unanswered,
        "Return connections or problems for all options that satisfy the schema.",
    );
    report.rule("problems-name-options", unnamed, "Return a JSON Pointer to an option of the schema, and a message.");
    report.rule("problems-keep-secrets", disclosed, "Describe what is wrong with a secret without repeating it.");
    Some(first)
}

fn check_problem(
    problem: &FieldError,
    options: &Value,
    component: &Component,
    unnamed: &mut Vec<String>,
    disclosed: &mut Vec<String>,
) {
    let schema = component.info().manifest.options_schema.to_string();
    let last = problem.pointer.rsplit('/').next().unwrap_or_default().replace("~1", "/").replace("~0", "~");
    let known = problem.pointer.is_empty()
        || options.pointer(&problem.pointer).is_some()
        || problem.pointer.starts_with('/') && schema.contains(&Value::from(last).to_string());
    if !known {
        unnamed.push(format!("a problem names `{}`, which is not an option", problem.pointer));
    }
    if problem.detail.trim().is_empty() {
        unnamed.push(format!("the problem of `{}` has no message", problem.pointer));
    }
    // The host redacts secrets: where it left its mark, the component repeated one.
    if problem.detail.contains("[removed]") {
        disclosed.push(format!("the problem of `{}` repeats a secret", problem.pointer));
    }
}

/// Returns copies of the options that differ in one value each.
fn alterations(options: &Value) -> Vec<(String, Value)> {
    let mut places = Vec::new();
    walk(options, "", &mut places);
    let mut all = Vec::new();
    for (pointer, value) in places {
        let others: Vec<Value> = match value {
            Value::String(_) => TEXTS.into_iter().map(Value::from).chain([Value::from("x".repeat(10_000))]).collect(),
            Value::Number(_) => [0_i64, -1, 1, 65_536, 1 << 53].into_iter().map(Value::from).collect(),
            Value::Bool(truth) => vec![Value::Bool(!truth)],
            _ => vec![Value::Null],
        };
        for other in others {
            let mut altered = options.clone();
            if let Some(place) = altered.pointer_mut(&pointer) {
                *place = other;
                all.push((pointer.clone(), altered));
            }
        }
        // Without the option.
        if let Some((parent, name)) = pointer.rsplit_once('/') {
            let mut altered = options.clone();
            let name = name.replace("~1", "/").replace("~0", "~");
            if let Some(object) = altered.pointer_mut(parent).and_then(Value::as_object_mut) {
                object.shift_remove(&name);
                all.push((pointer.clone(), altered));
            }
        }
    }
    all
}

fn walk<'a>(value: &'a Value, at: &str, places: &mut Vec<(String, &'a Value)>) {
    for (name, inner) in value.as_object().into_iter().flatten() {
        let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        places.push((at.clone(), inner));
        walk(inner, &at, places);
    }
}
