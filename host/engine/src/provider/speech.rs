//! What a provider says to people: bounded, on one line, and without what it must not repeat.

use std::fmt::Write as _;

/// Cleans the texts that come out of one call.
pub(super) struct Speech {
    /// Texts that must not come out: the code, the recipient, secrets.
    unspeakable: Vec<String>,
    chars: usize,
}

impl Speech {
    /// What is shorter than this is not searched for: it would turn up in every other word.
    const SHORTEST: usize = 4;

    pub(super) fn new(unspeakable: impl IntoIterator<Item = String>, chars: usize) -> Self {
        let unspeakable = unspeakable.into_iter().filter(|text| text.len() >= Self::SHORTEST).collect();
        Self { unspeakable, chars }
    }

    /// Control characters, and those that reorder or break lines, appear as escapes.
    pub(super) fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for word in &self.unspeakable {
            if text.contains(word.as_str()) {
                text = text.replace(word.as_str(), "[removed]");
            }
        }
        let mut clean = String::with_capacity(text.len().min(self.chars));
        for (n, c) in text.chars().enumerate() {
            if n == self.chars {
                clean.push('…');
                break;
            }
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
    use super::Speech;

    #[test]
    fn what_must_not_be_said_is_removed() {
        let speech = Speech::new(["482913".to_owned(), "a@example.com".to_owned()], 200);
        assert_eq!(speech.clean("sent 482913 to a@example.com"), "sent [removed] to [removed]");
    }

    #[test]
    fn a_line_stays_one_line() {
        let speech = Speech::new([], 200);
        assert_eq!(speech.clean("a\nb\u{1b}[31m\u{2028}\u{202e}"), "a\\u{a}b\\u{1b}[31m\\u{2028}\\u{202e}");
    }

    #[test]
    fn a_long_line_is_cut() {
        assert_eq!(Speech::new([], 3).clean("abcdef"), "abc…");
    }
}
