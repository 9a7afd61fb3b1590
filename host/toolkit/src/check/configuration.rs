//! Whether `configure` is as the contract wants it: the same answer to the same options, an answer to all that satisfy the
//! schema, and problems that name their option.

use std::time::Instant;

use serde_json::Value;
use twofactor::sandbox::{Component, Configured, Problem};

use super::report::Report;

/// Texts that an administrator may type, one way or another.
const TEXTS: [&str; 6] =
    ["", " ", "x", "\"}]\r\n\u{0}\\", "Zürich \u{1f510} \u{202e}", "https://example.com@127.0.0.1/"];

/// Judges `configure`; answers with what it made of the options given.
pub(super) async fn judge(component: &Component, options: &Value, report: &mut Report) -> Option<Configured> {
    let begin = Instant::now();
    let first = match component.configure(options).await {
        Ok(configured) => configured,
        Err(problems) => {
            let said = problems.iter().map(|problem| format!("`{}`: {}", problem.option, problem.message)).collect();
            report.judge("configure", said, "Give options that are valid: the rest of the check needs them.");
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
    report.judge("configure", Vec::new(), "");
    let wrong = changed.then(|| "the same options were judged in different ways".to_owned());
    report.judge("deterministic", wrong.into_iter().collect(), "Let `configure` depend on its options alone.");

    let unmarked = component.unmarked_secrets(options).await.unwrap_or_default();
    let unmarked =
        unmarked.iter().map(|at| format!("`{at}` authenticates at the upstream and is not marked as secret"));
    report.judge("credentials-marked", unmarked.collect(), super::manifest::MARK);

    let (mut broke, mut nameless, mut told) = (Vec::new(), Vec::new(), Vec::new());
    for (pointer, altered) in alterations(options) {
        if !component.satisfies_schema(&altered) {
            continue;
        }
        match component.problems(&altered).await {
            Err(reason) => broke.push(format!("with another value of `{pointer}` there is no answer: {reason}")),
            Ok(problems) => {
                for problem in problems {
                    judge_problem(&problem, &altered, component, &mut nameless, &mut told);
                }
            }
        }
    }
    for found in [&mut broke, &mut nameless, &mut told] {
        found.sort();
        found.dedup();
    }
    report.judge(
        "configure-answers",
        broke,
        "Answer all options that satisfy the schema: with connections or with problems.",
    );
    report.judge("problems-name-options", nameless, "Give a JSON Pointer to an option of the schema, and a sentence.");
    report.judge("problems-keep-secrets", told, "Say what is wrong with a secret without repeating it.");
    Some(first)
}

fn judge_problem(
    problem: &Problem,
    options: &Value,
    component: &Component,
    nameless: &mut Vec<String>,
    told: &mut Vec<String>,
) {
    let schema = component.info().manifest.options_schema.to_string();
    let last = problem.option.rsplit('/').next().unwrap_or_default().replace("~1", "/").replace("~0", "~");
    let known = problem.option.is_empty()
        || options.pointer(&problem.option).is_some()
        || problem.option.starts_with('/') && schema.contains(&Value::from(last).to_string());
    if !known {
        nameless.push(format!("a problem names `{}`, which is no option", problem.option));
    }
    if problem.message.trim().is_empty() {
        nameless.push(format!("the problem of `{}` has no sentence", problem.option));
    }
    // The host blots a secret out of what a component says; where it had to, it was said.
    if problem.message.contains("[removed]") {
        told.push(format!("the problem of `{}` repeats a secret", problem.option));
    }
}

/// The options with one value changed, for each value and some changes.
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
        // Left out altogether.
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
