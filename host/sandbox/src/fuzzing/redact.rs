//! What others wrote, with what must not be in it.

use crate::redact::{Code, Numbers, Redactor, Texts};

/// Words in lines, an empty line, and the text that they are removed from.
pub(super) fn redaction(input: &[u8]) {
    let (words, text) = super::halves(input);
    let words = String::from_utf8_lossy(words);
    let words: Vec<&str> = words.lines().take(8).collect();

    let said = String::from_utf8_lossy(text);
    let redacted = Redactor::new(words.iter().map(|word| (*word).to_owned())).redact(&said);
    assert_eq!(redacted.len(), said.len(), "a redacted text has another length");
    for word in words.iter().filter(|word| word.len() >= 4 && !word.contains('*')) {
        assert!(!redacted.contains(word), "`{word}` is still in {redacted:?}");
    }

    let mut covered = text.to_vec();
    Texts::new(words.iter().copied(), 4).cover(&mut covered);
    assert_eq!(covered.len(), text.len(), "a covered text has another length");

    let is_code = |word: &&&str| (4..=10).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(code) = words.iter().find(is_code) {
        let letters: String = ('A'..).take(code.len()).collect();
        let mut covered = text.to_vec();
        Code::new(code).cover(&mut [&mut covered], &letters, &mut Numbers::default());
        assert_eq!(covered.len(), text.len(), "a covered text has another length");
    }
}
