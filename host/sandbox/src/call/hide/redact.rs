//! Redacts the texts of a provider: limits their length, keeps them on one line, and removes
//! secrets, codes and recipients.

use std::fmt::Write as _;
use std::sync::OnceLock;

use zeroize::Zeroizing;

use crate::redact::{Code, Words};

/// The replacement for removed text.
const REMOVED: &str = "[removed]";

/// The number of bytes searched beyond those that are shown: a match that begins within them may
/// end there.
const BEYOND: usize = 16 << 10;

/// Redacts the texts of one call.
pub(crate) struct CallRedactor {
    texts: Vec<String>,
    /// Digits.
    code: Option<Zeroizing<String>>,
    recipient: String,
    /// The search, built when the first text is redacted.
    sought: OnceLock<Words>,
    chars: usize,
}

impl CallRedactor {
    /// Shorter texts are not searched for: they would occur everywhere.
    const SHORTEST: usize = 4;

    /// Creates one for texts of at most this many characters.
    pub(crate) fn new(chars: usize) -> Self {
        Self { texts: Vec::new(), code: None, recipient: String::new(), sought: OnceLock::new(), chars }
    }

    /// Adds texts to remove.
    pub(crate) fn without(mut self, texts: impl IntoIterator<Item = String>) -> Self {
        self.texts.extend(texts);
        self
    }

    /// Adds a code to remove: digits in every spelling, and anything else as a text, such as a recovery code.
    pub(crate) fn without_code(mut self, code: &str) -> Self {
        if code.bytes().all(|byte| byte.is_ascii_digit()) {
            self.code = (code.len() >= Self::SHORTEST).then(|| Zeroizing::new(code.to_owned()));
        } else {
            self.texts.push(code.to_owned());
        }
        self
    }

    /// Adds a recipient to remove; a phone number also in its national forms.
    pub(crate) fn without_recipient(mut self, recipient: &str) -> Self {
        recipient.clone_into(&mut self.recipient);
        self
    }

    fn sought(&self) -> &Words {
        self.sought.get_or_init(|| {
            let backwards: String = self.recipient.chars().rev().collect();
            let texts = self.texts.iter().map(String::as_str).chain([&*self.recipient, &backwards]);
            Words::new(texts, Self::SHORTEST).with_codes(self.code.iter().map(|code| Code::new(code)))
        })
    }

    /// Returns the redacted text. Control characters, and those that reorder or break lines, are
    /// escaped.
    pub(crate) fn clean(&self, text: &str) -> String {
        if text.is_empty() {
            return String::new();
        }
        let searched = text.floor_char_boundary(self.chars.saturating_mul(4).saturating_add(BEYOND).min(text.len()));
        let text = &text[..searched];
        let places = self.sought().places(text.as_bytes());

        let mut clean = String::with_capacity(text.len().min(self.chars));
        let (mut at, mut places) = (0, places.into_iter().peekable());
        let mut left = self.chars;
        while let Some(c) = text[at..].chars().next() {
            let Some(next) = left.checked_sub(1) else {
                clean.push('…');
                break;
            };
            left = next;
            if let Some(place) = places.next_if(|place| place.start < at + c.len_utf8()) {
                clean.push_str(REMOVED);
                at = text.ceil_char_boundary(place.end.max(at + c.len_utf8()));
                continue;
            }
            at += c.len_utf8();
            if c.is_control()
                || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
            {
                let _ = write!(clean, "\\u{{{:x}}}", u32::from(c));
            } else {
                clean.push(c);
            }
        }
        clean
    }
}

#[cfg(test)]
mod tests {
    use super::CallRedactor;

    #[test]
    fn secrets_codes_and_recipients_are_removed() {
        let redactor = CallRedactor::new(200).without_code("482913").without_recipient("a@example.com");
        assert_eq!(redactor.clean("sent 482913 to a@example.com"), "sent [removed] to [removed]");
    }

    #[test]
    fn it_is_removed_as_an_upstream_may_have_spelled_it() {
        let redactor = CallRedactor::new(200).without_recipient("+41791234567");
        let said = "0041791234567 %2B41791234567 \\u002B41791234567 &#43;41791234567 KzQxNzkxMjM0NTY3";
        assert_eq!(redactor.clean(said), "[removed] [removed] [removed] [removed] [removed]");
        let redactor = CallRedactor::new(200).without_recipient("Ann.B@example.com").without(["a \"b\"\nc".to_owned()]);
        let said = "ANN.B@example.COM; ann.b%40example.com; moc.elpmaxe@B.nnA; a \\\"b\\\"\\nc";
        assert_eq!(redactor.clean(said), "[removed]; [removed]; [removed]; [removed]");
    }

    #[test]
    fn a_recovery_code_with_few_digits_is_removed_as_a_text() {
        for code in ["ABCD-EFGH-JKMN", "ABCD-EFGH-JKM1", "A1CD-EF2H-JKM3"] {
            let redactor = CallRedactor::new(500).without_code(code);
            for other in ["", "a", "ab", "no 1 of 3, AB ab== 12"] {
                assert_eq!(redactor.clean(other), other, "{code}");
                assert_eq!(redactor.clean(&format!("{other} {code}")), format!("{other} [removed]"));
            }
        }
    }

    #[test]
    fn a_code_is_removed_however_people_spell_it() {
        let redactor = CallRedactor::new(500).without_code("482913");
        for said in [
            "482913",
            "4 8 2 9 1 3",
            "482-913",
            "4, 8, 2, 9, 1, 3",
            "319284",
            "٤٨٢٩١٣",
            "４８２９１３",
            "④⑧②⑨①③",
            "4️⃣8️⃣2️⃣9️⃣1️⃣3️⃣",
            "four eight two nine one three",
            "FourEightTwoNineOneThree",
            "vier acht zwei neun eins drei",
            "quatre-huit-deux-neuf-un-trois",
            "quattro otto due nove uno tre",
            "4\u{200b}8\u{200b}2\u{ad}913",
            "34 38 32 39 31 33",
            "343832393133",
            "NDgyOTEz",
        ] {
            let clean = redactor.clean(&format!("code: {said}!"));
            let left = clean.replace("[removed]", "");
            assert!(!left.contains(|c: char| c.is_numeric()) || said.starts_with("34 "), "{said}: {clean}");
            assert!(clean.contains("[removed]") || said.starts_with("34 "), "{said}: {clean}");
        }
        assert_eq!(redactor.clean("SM482914, 48291, 2026-11-29"), "SM482914, 48291, 2026-11-29");
    }

    #[test]
    fn a_phone_number_is_removed_in_its_national_forms() {
        let redactor = CallRedactor::new(200).without_recipient("+41791234567");
        for said in [
            "+41791234567",
            "0041 79 123 45 67",
            "079 123 45 67",
            "079/123.45.67",
            "+41 (0)79 123 45 67",
            "(0)79 1234567",
            "791234567",
            "765432197",
        ] {
            let clean = redactor.clean(said);
            assert!(clean.contains("[removed]") && !clean.contains(|c: char| c.is_ascii_digit()), "{said}: {clean}");
        }
        assert_eq!(redactor.clean("+41791234568"), "+41791234568");
    }

    #[test]
    fn a_line_stays_one_line() {
        let redactor = CallRedactor::new(200);
        assert_eq!(redactor.clean("a\nb\u{1b}[31m\u{2028}\u{202e}"), "a\\u{a}b\\u{1b}[31m\\u{2028}\\u{202e}");
    }

    #[test]
    fn a_long_line_is_cut_and_shows_no_beginning_of_what_it_must_not() {
        assert_eq!(CallRedactor::new(3).clean("abcdef"), "abc…");
        let redactor = CallRedactor::new(10).without_recipient("ann@example.com");
        assert_eq!(redactor.clean(&format!("to you, ann@example.com{}", "x".repeat(100_000))), "to you, [removed]x…");
    }
}
