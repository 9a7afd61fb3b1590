//! The redactor for tools that store what upstreams and components wrote.

use super::{Code, Words};

/// Shorter words are not searched for: they would be found in every other text.
const SHORTEST: usize = 4;

/// Removes known words from texts: in plain text, in common encodings, and in two encodings nested
/// in each other. It also finds the national forms of a phone number in E.164, and every spelling
/// of a word that consists of digits, which may be a code.
#[derive(Debug)]
pub struct Redactor(Words);

impl Redactor {
    /// Creates one for these words. Words of fewer than four bytes are left out.
    pub fn new(words: impl IntoIterator<Item = String>) -> Self {
        let words: Vec<String> = words.into_iter().filter(|word| word.len() >= SHORTEST).collect();
        let is_code = |word: &&String| word.bytes().all(|byte| byte.is_ascii_digit());
        let codes = words.iter().filter(is_code).map(|word| Code::new(word));
        Self(Words::new(words.iter().map(String::as_str), SHORTEST).with_codes(codes))
    }

    /// Returns a text with `*` in place of every byte of the words.
    pub fn redact(&self, text: &str) -> String {
        let mut redacted = String::with_capacity(text.len());
        let mut at = 0;
        for place in self.0.places(text.as_bytes()) {
            // A character is redacted as a whole.
            let (from, to) = (text.floor_char_boundary(place.start).max(at), text.ceil_char_boundary(place.end));
            redacted.push_str(&text[at..from]);
            redacted.extend(std::iter::repeat_n('*', to - from));
            at = to;
        }
        redacted.push_str(&text[at..]);
        redacted
    }
}

#[cfg(test)]
mod tests {
    use super::Redactor;

    fn left(words: &[&str], text: &str) -> String {
        Redactor::new(words.iter().map(|word| (*word).to_owned())).redact(text).replace('*', "")
    }

    #[test]
    fn words_codes_and_phone_numbers_are_removed_in_every_spelling() {
        let words = ["+41791234567", "Ann.B@example.com", "s3cr\"et", "482913"];
        let said = "0041791234567 %2B41791234567 ann.b%40EXAMPLE.com s3cr\\\"et czNjciJldA== 482913 4 8 2 9 1 3 m-1";
        assert_eq!(left(&words, said).trim_end_matches("m-1").replace("==", "").trim(), "");
        assert_eq!(left(&words, "079 123 45 67; 0791234568 2026-11-25"), "; 0791234568 2026-11-25");
    }

    #[test]
    fn text_next_to_a_redacted_word_stays_unchanged() {
        assert_eq!(left(&["é-s3cret"], "«é-s3cret» ü"), "«» ü");
        assert_eq!(left(&["abc"], "abc"), "abc");
        assert_eq!(Redactor::new(Vec::new()).redact("é 482913"), "é 482913");
    }
}
