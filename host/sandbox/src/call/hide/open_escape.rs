//! Escapes that end only after a placeholder. What stands for it there is read as a part of the escape: an upstream that reads
//! `%482913` and repeats what it read shows `H2913`, which is neither the code nor found as such.

use memchr::memmem;
use percent_encoding::percent_decode;

use crate::egress::HttpRequest;

/// The header, also of a part of a body, that names how it is escaped, and the way that has escapes of its own.
const QUOTED_PRINTABLE: [&str; 2] = ["content-transfer-encoding", "quoted-printable"];

/// Returns whether a placeholder is directly behind the beginning of an escape, somewhere in a text. `is_quoted_printable` is asked only
/// if that matters: `=` begins an escape only then (RFC 2045 section 6.7).
pub(super) fn is_before(letters: &str, text: &[u8], is_quoted_printable: impl FnOnce() -> bool) -> bool {
    let is_any = |text: &[u8], is_open: fn(&[u8]) -> bool| {
        memmem::find_iter(text, letters.as_bytes()).any(|at| text.get(..at).is_some_and(is_open))
    };
    is_any(text, is_open)
        // A form may contain JSON or HTML, whose escapes are escaped themselves.
        || memchr::memchr(b'%', text).is_some()
            && is_any(&percent_decode(text).collect::<Vec<u8>>(), |before| in_backslash(before) || in_reference(before))
        || is_any(text, |before| in_octet(before, b'=')) && is_quoted_printable()
}

/// Returns whether a body, or a part of it, may be quoted-printable.
pub(super) fn is_quoted_printable(request: &HttpRequest) -> bool {
    let [header, encoding] = QUOTED_PRINTABLE;
    let is_in =
        |text: &[u8], word: &str| text.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()));
    let mut headers = request.headers.iter();
    headers.any(|(name, value)| name.eq_ignore_ascii_case(header) && is_in(value.as_bytes(), encoding))
        || is_in(&request.body, header) && is_in(&request.body, encoding)
}

/// Returns whether a text ends within an escape.
fn is_open(before: &[u8]) -> bool {
    in_octet(before, b'%') || in_backslash(before) || in_reference(before)
}

/// Within `%41`: two digits follow the sign.
fn in_octet(before: &[u8], sign: u8) -> bool {
    match before {
        [.., last] if *last == sign => true,
        [.., first, digit] => *first == sign && digit.is_ascii_hexdigit(),
        _ => false,
    }
}

/// Within `\n`, `\101`, `\x41`, `\u0041`, `\U00000041` or `\u{41}`. Two backslashes are a backslash.
fn in_backslash(before: &[u8]) -> bool {
    let (before_octal, before_hex) = (without(before, |byte| matches!(byte, b'0'..=b'7')), without_hex(before));
    let digits = before.len() - before_hex.len();
    let longest = |letter: u8| match letter {
        b'x' => Some(1),
        b'u' => Some(3),
        b'U' => Some(7),
        _ => None,
    };
    let in_number = match before_hex {
        [start @ .., b'u', b'{'] => ends_in_backslash(start),
        [start @ .., letter] => longest(*letter).is_some_and(|most| digits <= most) && ends_in_backslash(start),
        [] => false,
    };
    in_number || before.len() - before_octal.len() < 3 && ends_in_backslash(before_octal)
}

fn ends_in_backslash(text: &[u8]) -> bool {
    let others = without(text, |byte| byte == b'\\');
    (text.len() - others.len()) % 2 == 1
}

/// Within `&#65;` or `&#x41;`, which may have any number of digits.
fn in_reference(before: &[u8]) -> bool {
    let hex = without_hex(before);
    without(before, |byte| byte.is_ascii_digit()).ends_with(b"&#") || hex.ends_with(b"&#x") || hex.ends_with(b"&#X")
}

fn without_hex(text: &[u8]) -> &[u8] {
    without(text, |byte| byte.is_ascii_hexdigit())
}

/// Returns a text without these bytes at its end.
fn without(text: &[u8], is_left_out: impl Fn(u8) -> bool) -> &[u8] {
    let end = text.iter().rposition(|byte| !is_left_out(*byte)).map_or(0, |last| last + 1);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LETTERS: &str = "QXZJKV";

    fn is_refused(before: &str) -> bool {
        is_before(LETTERS, format!("{LETTERS} {before}{LETTERS}").as_bytes(), || false)
    }

    #[test]
    fn what_would_be_read_as_a_part_of_an_escape_is_found() {
        for before in [
            "Body=%",
            "Body=%4",
            "%%4",
            "%25%",
            r"\",
            r"\\\",
            r"\x",
            r"\x4",
            r"\1",
            r"\12",
            r"\u",
            r"\u0",
            r"\u00",
            r"\u004",
            r"\\\u00",
            r"\U0000004",
            r"\u{",
            r"\u{0000004",
            "&#",
            "&#4",
            "&#0000004",
            "&#x",
            "&#X",
            "&#x0000004",
            "k=%5C",
            "k=%5cu00",
            "k=%7B%5C%5C%5Cu00",
            "k=%26%23",
            "k=%26%230000",
        ] {
            assert!(is_refused(before), "{before}");
        }
    }

    #[test]
    fn what_follows_a_complete_escape_is_not() {
        for before in [
            "",
            "Body=",
            "Body=%20",
            "%25",
            "%254",
            r"\n",
            r"\b",
            r"\f",
            r"\\",
            r"\\u00",
            r"\\x",
            r"\\1",
            r"\x41",
            r"\101",
            r"\u0041",
            r"\u{41}",
            r"\U00000041",
            "&#65;",
            "&#x41;",
            "&amp;",
            "&amp;#",
            "#",
            "u",
            "x4",
            "4",
            "&x",
            "k=%5Cn",
            "k=%5C%5C",
            "k=%26amp%3B",
            "%40h%20%23",
        ] {
            assert!(!is_refused(before), "{before}");
        }
    }

    #[test]
    fn an_equals_sign_begins_an_escape_only_in_a_quoted_printable_text() {
        for (before, expected) in [("=", true), ("=4", true), ("=3D", false), ("=\r\n", false)] {
            let text = format!("{before}{LETTERS}");
            assert_eq!(is_before(LETTERS, text.as_bytes(), || true), expected, "{before}");
            assert!(!is_before(LETTERS, text.as_bytes(), || false), "{before}");
        }
        let request = |headers: &[(&str, &str)], body: &str| HttpRequest {
            method: "POST".to_owned(),
            url: String::new(),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: body.as_bytes().to_vec(),
        };
        assert!(is_quoted_printable(&request(&[("Content-Transfer-Encoding", "Quoted-Printable")], "")));
        assert!(is_quoted_printable(&request(&[], "--x\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=")));
        assert!(!is_quoted_printable(&request(&[("content-type", "application/x-www-form-urlencoded")], "Body=1")));
    }
}
