//! The upstream's answers that the author collected (`--answers FOLDER`), each with the outcome that it must lead to: many
//! gateways report errors in a response with 200, which no rule of ours can know.
//!
//! `answers.json` in the folder names each file and its outcome, in short or in full:
//!
//! ```json
//! {
//!   "900.json": "misconfigured",
//!   "busy.json": {"outcome": "retry-later", "status": 503, "headers": {"retry-after": "7"}, "after_seconds": 7, "code": "17"}
//! }
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;

use super::report::Report;
use super::run::{CLASSIFY, Run};
use super::upstream::{Responses, Script};

/// The file that names the others.
const LIST: &str = "answers.json";

/// The outcomes of a delivery.
const OUTCOMES: [&str; 7] = [
    "delivered",
    "retry-later",
    "outcome-unknown",
    "rejected-recipient",
    "rejected-message",
    "misconfigured",
    "blocked",
];

/// An answer, and what it must lead to.
pub(super) struct Answer {
    file: String,
    script: Script,
    expected: Expected,
}

/// What an answer must lead to, and how it is sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    outcome: String,
    /// The code of the failure; not looked at if it is not given.
    code: Option<String>,
    /// The wait that is passed on; not looked at if it is not given.
    after_seconds: Option<u32>,
    #[serde(default = "ok")]
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

fn ok() -> u16 {
    200
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Outcome(String),
    Full(Expected),
}

/// Reads a folder of answers.
///
/// # Errors
/// If there is no list, if it does not name each file of the folder, or names an outcome that does not exist.
pub(super) fn read(folder: &Path) -> anyhow::Result<Vec<Answer>> {
    let list = folder.join(LIST);
    let bytes = std::fs::read(&list).with_context(|| format!("cannot read {}", list.display()))?;
    let entries: BTreeMap<String, Entry> = serde_json::from_slice(&bytes)
        .with_context(|| format!("{} does not name files and their outcomes", list.display()))?;
    ensure!(!entries.is_empty(), "{} names no answer", list.display());
    let mut unlisted: BTreeSet<String> = BTreeSet::new();
    for file in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        unlisted.insert(file?.file_name().to_string_lossy().into_owned());
    }
    let mut answers = Vec::new();
    for (file, entry) in entries {
        let expected = match entry {
            Entry::Outcome(outcome) => {
                Expected { outcome, code: None, after_seconds: None, status: ok(), headers: BTreeMap::new() }
            }
            Entry::Full(expected) => expected,
        };
        if !OUTCOMES.contains(&&*expected.outcome) {
            bail!("{file}: `{}` is not an outcome; the outcomes are {}", expected.outcome, OUTCOMES.join(", "));
        }
        ensure!((200..600).contains(&expected.status), "{file}: {} is not the status of a response", expected.status);
        ensure!(unlisted.remove(&file), "{} names {file}, which is not in the folder", list.display());
        let body = crate::read(&folder.join(&file))?;
        let is_json = serde_json::from_slice::<serde_json::Value>(&body).is_ok();
        let kind = if is_json { "application/json" } else { "text/plain; charset=utf-8" };
        let mut headers: Vec<(String, String)> =
            expected.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
        if !headers.iter().any(|(name, _)| name == "content-type") {
            headers.push(("content-type".to_owned(), kind.to_owned()));
        }
        let script = Script::Respond { status: expected.status, headers, body };
        answers.push(Answer { file, script, expected });
    }
    unlisted.remove(LIST);
    if let Some(file) = unlisted.first() {
        bail!("{file} is in {}, but {LIST} does not say which outcome it must produce", folder.display());
    }
    Ok(answers)
}

/// Checks that each answer to the request that carries the message leads to its outcome.
pub(super) async fn check(run: &Run<'_>, responses: &Responses, answers: &[Answer], report: &mut Report) {
    if answers.is_empty() {
        return;
    }
    let requests = run.accepted_requests(responses).await;
    let place = requests.iter().position(|request| run.carries_message(request)).unwrap_or_default();
    let mut wrong = Vec::new();
    for Answer { file, script, expected } in answers {
        run.servers.upstream.respond(&responses.first(place), script.clone());
        let outcome = run.deliver(run.message()).await;
        if outcome.name != expected.outcome {
            wrong.push(format!("{file}: {}", outcome.described(&format!("not {}", expected.outcome))));
            continue;
        }
        if let Some(code) = expected.code.as_ref().filter(|code| outcome.code != **code) {
            wrong.push(format!("{file}: the code is `{}`, not `{code}`", outcome.code));
        }
        if let Some(after) = expected.after_seconds.filter(|after| outcome.wait != Some(*after)) {
            let passed_on = outcome.wait.map_or_else(|| "none".to_owned(), |seconds| format!("{seconds} s"));
            wrong.push(format!("{file}: the wait passed on is {passed_on}, not {after} s"));
        }
    }
    report.rule("answers", wrong, CLASSIFY);
}
