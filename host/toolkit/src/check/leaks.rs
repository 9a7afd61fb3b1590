//! Checks that a component discloses no code, recipient or secret in reasons, references, `extra` and log lines.

use serde_json::{Value, json};

use super::report::Report;
use super::run::Run;
use super::upstream::{Responses, Script};

const REMEDY: &str = "Report the upstream's own code and a sentence of yours. Do not pass on the upstream's text: it may repeat what was \
    sent to it. Log lines, references and `extra` must not contain a code, an address or a secret either.";

/// Has upstreams repeat what they were sent, in a response that accepts the message and in ones that do not.
pub(super) async fn provoke(run: &Run<'_>, responses: &Responses) {
    let words = format!("cannot send \"{}\" to {}", run.message().text, run.to);
    let accepted = match responses.accepted() {
        Script::Respond { body, .. } => serde_json::from_slice::<Value>(&body).ok(),
        _ => None,
    };
    let mut echoes = vec![(200, accepted), (400, None)];
    echoes.extend([400, 401, 403, 429, 500].map(|status| (status, Some(json!({"code": 4711, "status": status})))));
    let requests = run.accepted_requests(responses).await;
    let message = requests.iter().position(|request| run.carries_message(request)).unwrap_or(responses.before.len());
    for (status, answer) in echoes {
        let script = Script::Echo { status, answer, words: words.clone() };
        run.servers.upstream.respond(&responses.first(message), script);
        run.deliver(run.message()).await;
    }
}

/// Reports what all deliveries of the run disclosed.
pub(super) fn check(run: &Run<'_>, report: &mut Report) {
    run.note_leaks("a log line", run.servers.recording.lines().iter());
    report.rule("leaks", run.leaks.borrow().iter().cloned().collect(), REMEDY);
}
