//! Phone numbers in the spellings of upstreams: with or without the country code, in groups or not.

use std::ops::Range;

/// The number of digits at the end of a number that its national form has too.
const NATIONAL: usize = 7;

/// Returns the digits that every spelling of a number in E.164 ends with; `None` for a shorter number, or another text.
pub(super) fn end(number: &str) -> Option<&[u8]> {
    let digits = number.strip_prefix('+')?.as_bytes();
    digits.get(digits.len().checked_sub(NATIONAL)?..)
}

/// Returns where a text contains a number that ends with these digits: runs of digits, with separators between groups.
pub(super) fn find(bytes: &[u8], end: &[u8]) -> Vec<Range<usize>> {
    let between = |byte: u8| b" .-()/+\xc2\xa0".contains(&byte);
    let (mut found, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let length = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit() || between(**byte)).count();
        let digits: Vec<u8> = bytes[at..at + length].iter().copied().filter(u8::is_ascii_digit).collect();
        if digits.windows(end.len()).any(|part| part == end) {
            found.push(at..at + length);
        }
        at += length;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_in_its_national_forms() {
        let end = end("+41791234567").unwrap_or_default();
        assert_eq!(end, b"1234567");
        for text in ["0791234567", "079 123 45 67", "0041791234567", "(079) 123-45-67", "41 79 123 45 67", "1234567"] {
            assert_eq!(find(text.as_bytes(), end).len(), 1, "{text}");
        }
        for text in ["079 123 45 68", "123456", "a"] {
            assert!(find(text.as_bytes(), end).is_empty(), "{text}");
        }
    }
}
