//! Whether a component says the code, the recipient or a secret where operators read: in reasons, references, `extra` and lines of the log.
//! The host takes them out, and where it had to, they were said.

use serde_json::{Value, json};

use super::delivery::{CODE, Run};
use super::report::Report;
use super::upstream::{Says, Script};

const KEEP: &str = "Say the upstream's own code and a sentence of yours. Do not pass on words of the upstream: it may repeat what it was sent. \
    In a line of the log, a reference or `extra` there is no code, no address and no secret either.";

/// What the host writes in the place of the code, the recipient and revealed secrets.
const REMOVED: &str = "[removed]";

/// What it writes in the place of what authenticates, as often as that has characters.
const MASKED: &str = "******";

/// Of these are the letters that stand for the code.
const LETTERS: &str = "QXZJKVWY";

/// Whether an upstream's own answers hold what looks like a mask: recorded ones do.
pub(super) fn has_mask(says: &Says) -> bool {
    let scripts = says.before.iter().chain(&says.accepted).chain(&says.before_answer).chain(&says.approved);
    scripts.into_iter().any(|script| match script {
        Script::Answer { body, .. } => memchr::memmem::find(body, MASKED.as_bytes()).is_some(),
        _ => false,
    })
}

/// What a text says that it must not. `masks` says whether a mask in it can only be the host's.
pub(super) fn found(text: &str, masks: bool) -> Option<&'static str> {
    let letters = text.split(|c| !LETTERS.contains(c)).any(|run| run.len() >= CODE.len());
    if letters || text.contains(CODE) {
        Some("the text of a message, or the place of the code in it")
    } else if text.contains(REMOVED) {
        Some("the code, the recipient or a secret")
    } else if masks && text.contains(MASKED) {
        Some("what authenticates the request")
    } else {
        None
    }
}

/// Has upstreams repeat what they were sent, in an answer that takes the message and in ones that do not.
pub(super) async fn provoke(run: &Run<'_>, says: &Says) {
    let words = format!("cannot send \"{}\" to {}", run.message().text, run.to);
    let taken = match says.accepted() {
        Script::Answer { body, .. } => serde_json::from_slice::<Value>(&body).ok(),
        _ => None,
    };
    let mut echoes = vec![(200, taken), (400, None)];
    echoes.extend([400, 401, 403, 429, 500].map(|status| (status, Some(json!({"code": 4711, "status": status})))));
    run.ends.upstream.play(&says.before, says.accepted());
    run.deliver(run.message()).await;
    let requests = run.ends.upstream.seen();
    let message = requests.iter().position(|request| run.holds_message(request)).unwrap_or(says.before.len());
    for (status, answer) in echoes {
        let script = Script::Echo { status, answer, words: words.clone() };
        run.ends.upstream.play(&says.first(message), script);
        run.deliver(run.message()).await;
    }
}

pub(super) fn judge(run: &Run<'_>, report: &mut Report) {
    report.judge("leaks", run.leaks.borrow().iter().cloned().collect(), KEEP);
}

#[cfg(test)]
mod tests {
    use super::found;

    #[test]
    fn what_the_host_took_out_and_what_stands_for_the_code_is_found() {
        for text in ["for [removed]", "QXZJKVWYQX is your code", "key ******", "7305918264"] {
            assert!(found(text, true).is_some(), "{text}");
        }
        for text in ["SM0123456789", "the upstream did not like it", "QXZ", "* 4711 *"] {
            assert!(found(text, true).is_none(), "{text}");
        }
        assert!(found("key ******", false).is_none());
    }
}
