//! To whom the messages of a check go, and how requests are known that name them.

use twofactor::sandbox::RecipientKind;

use super::delivery::holds;
use super::upstream::Request;
use crate::phone_number;

/// What is shorter than this stands in requests for other reasons.
const SHORTEST_MARK: usize = 4;

/// To whom messages go if nobody is named. Digits make it easy to find in any form.
pub(super) fn somebody(kind: RecipientKind) -> &'static str {
    match kind {
        RecipientKind::EmailAddress => "someone41791234567@example.com",
        RecipientKind::PhoneNumber => "+41791234567",
        RecipientKind::Handle => "someone41791234567",
    }
}

/// Whether a request names the recipient: as it is given, or a phone number in one of its national forms.
pub(super) fn is_named(kind: RecipientKind, to: &str, request: &Request) -> bool {
    if marks(kind, to).iter().any(|mark| holds(mark, request)) {
        return true;
    }
    let end = (kind == RecipientKind::PhoneNumber).then(|| phone_number::end(to)).flatten();
    end.is_some_and(|end| {
        let named = |text: &[u8]| !phone_number::find(text, end).is_empty();
        request.texts().iter().any(|one| named(one.text.as_bytes())) || named(request.target().as_bytes())
    })
}

/// One of these stands in a request that names the recipient: the longest part that is the same in JSON, forms and URLs, of a mailbox
/// not its domain, which may be the upstream's too. Where that part is too short, the whole.
pub(super) fn marks(kind: RecipientKind, to: &str) -> Vec<String> {
    let name = match kind {
        RecipientKind::EmailAddress => to.rsplit_once('@').map_or(to, |(name, _)| name),
        RecipientKind::PhoneNumber | RecipientKind::Handle => to,
    };
    let parts = name.split(|c: char| !c.is_ascii_alphanumeric() && !"-._".contains(c));
    match parts.max_by_key(|part| part.len()) {
        Some(longest) if longest.len() >= SHORTEST_MARK => vec![longest.to_owned()],
        _ => vec![to.to_owned(), url::form_urlencoded::byte_serialize(to.as_bytes()).collect()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipient_is_found_by_what_no_encoding_changes() {
        let of = |kind, to| marks(kind, to).join(" ");
        for (kind, to, mark) in [
            (RecipientKind::PhoneNumber, "+4915112345678", "4915112345678"),
            (RecipientKind::EmailAddress, "Ann.B@upstream.example.com", "Ann.B"),
            (RecipientKind::EmailAddress, "a@b.example.com", "a@b.example.com a%40b.example.com"),
            (RecipientKind::Handle, "@ann:matrix.example.com", "matrix.example.com"),
            (RecipientKind::Handle, "Ü", "Ü %C3%9C"),
        ] {
            assert_eq!(of(kind, to), mark);
        }
        for kind in [RecipientKind::PhoneNumber, RecipientKind::EmailAddress, RecipientKind::Handle] {
            assert!(of(kind, somebody(kind)).ends_with("41791234567"));
        }
    }
}
