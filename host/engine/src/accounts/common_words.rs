//! Easily guessed passwords.

/// Words that people build passwords of, in lower-case letters and digits. Each matches itself with
/// anything but letters around it, and with the digits and signs that resemble its letters.
const WORDS: &str = include_str!("common_words.txt");

pub(super) fn is_common(word: &str) -> bool {
    WORDS.split_whitespace().any(|common| common == word)
}

/// Rows of keys on a keyboard, matched forwards and backwards.
pub(super) const WALKS: &[&str] = &[
    "012345678901234567890123456789",
    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "1q2w3e4r5t6y7u8i9o0p",
    "1q2w3e4r5t6z7u8i9o0p",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "1yaq2xsw3cde4vfr5bgt6nhz7mju8ki9lo0p",
    "qazwsxedcrfvtgbyhnujmikolp",
];
