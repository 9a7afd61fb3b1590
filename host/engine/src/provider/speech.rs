//! What a provider says to people: bounded, on one line, and without what it must not repeat.

use std::fmt::Write as _;
use std::sync::OnceLock;

/// Cleans the texts that come out of one call.
pub(super) struct Speech {
    /// Texts that must not come out: the code, the recipient, secrets.
    unspeakable: Vec<String>,
    /// All their spellings, the longest first: a text that holds another goes first, so nothing of it stays. Worked out when there
    /// is a text to clean.
    spellings: OnceLock<Vec<String>>,
    chars: usize,
}

impl Speech {
    /// What is shorter than this is not searched for: it would turn up in every other word.
    const SHORTEST: usize = 4;

    pub(super) fn new(unspeakable: impl IntoIterator<Item = String>, chars: usize) -> Self {
        let fits = |text: &String| text.len() >= Self::SHORTEST;
        Self { unspeakable: unspeakable.into_iter().filter(fits).collect(), spellings: OnceLock::new(), chars }
    }

    fn spellings(&self) -> &[String] {
        self.spellings.get_or_init(|| {
            let mut all: Vec<String> = self.unspeakable.iter().flat_map(|text| spellings(text)).collect();
            all.sort_by_key(|text| std::cmp::Reverse(text.len()));
            all
        })
    }

    /// Control characters, and those that reorder or break lines, appear as escapes.
    pub(super) fn clean(&self, text: &str) -> String {
        if text.is_empty() {
            return String::new();
        }
        let mut text = text.to_owned();
        for word in self.spellings() {
            text = without(text, word);
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

/// How an upstream may have spelt a text before it was repeated: in a form or a URL, in JSON; a number without its sign.
fn spellings(text: &str) -> Vec<String> {
    let in_a_form = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let in_json = serde_json::Value::from(text).to_string().trim_matches('"').to_owned();
    let digits = text.strip_prefix('+').filter(|rest| rest.bytes().all(|b| b.is_ascii_digit())).map(str::to_owned);
    let mut all = vec![in_a_form, in_json];
    all.extend(digits);
    all.push(text.to_owned());
    all.sort();
    all.dedup();
    all
}

/// A text without a word, in upper case or lower.
fn without(text: String, word: &str) -> String {
    if text.len() < word.len() {
        return text;
    }
    let (there, sought) = (text.to_ascii_lowercase(), word.to_ascii_lowercase());
    if !there.contains(&sought) {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    // ASCII letters have one length in both cases, so places in one text are places in the other.
    for (at, found) in there.match_indices(&sought) {
        out.push_str(&text[from..at]);
        out.push_str("[removed]");
        from = at + found.len();
    }
    out.push_str(&text[from..]);
    out
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
    fn it_is_removed_as_an_upstream_may_have_spelt_it() {
        let speech = Speech::new(["+41791234567", "Ann.B@example.com", "a \"b\"\nc"].map(str::to_owned), 200);
        let said = "0041791234567 %2B41791234567 ANN.B@example.COM ann.b%40example.com a \\\"b\\\"\\nc";
        assert_eq!(speech.clean(said), "00[removed] [removed] [removed] [removed] [removed]");
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
