//! Finds in what operators read what must not be there: the message, the code, the recipient and secrets.
//!
//! The host removes them, so where it left a mark, the component disclosed something.

use super::upstream::{Responses, Script};

/// What the host writes in place of the code, the recipient and revealed secrets.
const REMOVED: &str = "[removed]";

/// What the host writes in place of a credential, repeated to its length.
const MASKED: &str = "******";

/// The letters that the placeholder of a code consists of.
const PLACEHOLDER: &str = "QXZJKVWY";

/// Returns what a text discloses. `masks` says whether a mask in it can only come from the host.
pub(super) fn found(text: &str, code: &str, masks: bool) -> Option<&'static str> {
    let placeholder = text.split(|c| !PLACEHOLDER.contains(c)).any(|run| run.len() >= code.len());
    if placeholder || text.contains(code) {
        Some("the text of a message, or the placeholder of the code")
    } else if text.contains(REMOVED) {
        Some("the code, the recipient or a secret")
    } else if masks && text.contains(MASKED) {
        Some("the credential of a request")
    } else {
        None
    }
}

/// Returns whether an upstream's own responses contain what looks like a mask, as recorded ones do.
pub(super) fn has_mask(responses: &Responses) -> bool {
    let Responses { before, accepted, before_answer, approved, .. } = responses;
    before.iter().chain(accepted).chain(before_answer).chain(approved).any(|script| match script {
        Script::Respond { body, .. } => memchr::memmem::find(body, MASKED.as_bytes()).is_some(),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::found;

    #[test]
    fn marks_of_the_host_and_placeholders_are_found() {
        let found = |text, masks| found(text, "7305918264", masks);
        for text in ["for [removed]", "QXZJKVWYQX is your code", "key ******", "7305918264"] {
            assert!(found(text, true).is_some(), "{text}");
        }
        for text in ["SM0123456789", "the upstream did not like it", "QXZ", "* 4711 *"] {
            assert!(found(text, true).is_none(), "{text}");
        }
        assert!(found("key ******", false).is_none());
    }
}
