//! Digits as people write them: with spaces and punctuation between them, in other scripts, as
//! words, in reverse order.

use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;

use zeroize::Zeroizing;

use super::{Needle, views};

/// A digit and its place.
pub(super) struct Digit {
    value: u8,
    place: Range<usize>,
}

/// The number of characters, neither letters nor digits, that may be between two digits.
const GAP: usize = 4;

/// The digits in English, German, French and Italian. A word that is the beginning of another comes
/// after it.
const WORDS: [(&str, u8); 44] = [
    ("zero", 0),
    ("zéro", 0),
    ("zÉro", 0),
    ("null", 0),
    ("one", 1),
    ("eins", 1),
    ("ein", 1),
    ("uno", 1),
    ("une", 1),
    ("un", 1),
    ("two", 2),
    ("zwei", 2),
    ("zwo", 2),
    ("deux", 2),
    ("due", 2),
    ("three", 3),
    ("drei", 3),
    ("trois", 3),
    ("tre", 3),
    ("four", 4),
    ("vier", 4),
    ("quatre", 4),
    ("quattro", 4),
    ("five", 5),
    ("fünf", 5),
    ("fÜnf", 5),
    ("fuenf", 5),
    ("funf", 5),
    ("cinque", 5),
    ("cinq", 5),
    ("sechs", 6),
    ("six", 6),
    ("seven", 7),
    ("sieben", 7),
    ("sept", 7),
    ("sette", 7),
    ("sei", 6),
    ("eight", 8),
    ("acht", 8),
    ("huit", 8),
    ("otto", 8),
    ("neuf", 9),
    ("neun", 9),
    ("nine", 9),
];

/// More words, none of which begins like one of the above.
const MORE_WORDS: [(&str, u8); 1] = [("nove", 9)];

/// The first of each ten digits in Unicode's category Nd other than ASCII; those of mathematics
/// five times in a row.
const ZEROS: [u32; 64] = [
    0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6, 0x0E50,
    0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50,
    0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0, 0x10D30, 0x11066, 0x110F0, 0x11136,
    0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0, 0x11950, 0x11C50, 0x11D50, 0x11DA0,
    0x16A60, 0x16B50, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E950, 0x1FBF0,
];

/// The first of nine digits that begin with one: in circles, in brackets, with a full stop.
const ONES: [u32; 7] = [0x2460, 0x2474, 0x2488, 0x24F5, 0x2776, 0x2780, 0x278A];

fn value(c: char) -> Option<u8> {
    if c.is_ascii() {
        return c.to_digit(10).and_then(|value| u8::try_from(value).ok());
    }
    let code = u32::from(c);
    let within = |first: u32, many: u32| code.checked_sub(first).filter(|offset| *offset < many);
    let digit = match c {
        '²' => Some(2),
        '³' => Some(3),
        '¹' => Some(1),
        '⓪' | '〇' => Some(0),
        '一' => Some(1),
        '二' => Some(2),
        '三' => Some(3),
        '四' => Some(4),
        '五' => Some(5),
        '六' => Some(6),
        '七' => Some(7),
        '八' => Some(8),
        '九' => Some(9),
        '\u{2070}'..='\u{2079}' => Some(code - 0x2070),
        '\u{2080}'..='\u{2089}' => Some(code - 0x2080),
        _ => {
            let zero = ZEROS.iter().find_map(|zero| within(*zero, 10));
            zero.or_else(|| ONES.iter().find_map(|one| within(*one, 9)).map(|offset| offset + 1))
        }
    };
    digit.and_then(|digit| u8::try_from(digit).ok())
}

/// Returns whether a character is invisible or combines with the one before it.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{300}'..='\u{36f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

fn word(text: &str) -> Option<(u8, usize)> {
    let first = text.as_bytes().first()?.to_ascii_lowercase();
    let begins = |word: &str| {
        let word = word.as_bytes();
        word[0] == first && text.len() >= word.len() && text.as_bytes()[..word.len()].eq_ignore_ascii_case(word)
    };
    let found = WORDS.iter().chain(&MORE_WORDS).find(|(word, _)| begins(word));
    found.map(|(word, value)| (*value, word.len()))
}

/// Finds the runs of digits in a text.
pub(super) fn runs(bytes: &[u8], found: &mut impl FnMut(&[Digit])) {
    let mut run: Vec<Digit> = Vec::new();
    let (mut gap, mut start) = (0, 0);
    // A word begins only where no letter precedes it, unless that belongs to another word.
    let mut after_letter = false;
    for chunk in bytes.utf8_chunks() {
        let text = chunk.valid();
        let mut at = 0;
        while let Some(c) = text[at..].chars().next() {
            let digit = match value(c) {
                Some(value) => Some((value, c.len_utf8())),
                None if c.is_alphabetic() && !after_letter => word(&text[at..]),
                None => None,
            };
            if let Some((value, length)) = digit {
                run.push(Digit { value, place: start + at..start + at + length });
                (gap, at, after_letter) = (0, at + length, false);
                continue;
            }
            at += c.len_utf8();
            after_letter = c.is_alphabetic();
            if is_unseen(c) || run.is_empty() {
                continue;
            }
            gap += 1;
            if c.is_alphanumeric() || gap > GAP {
                found(&run);
                run.clear();
                gap = 0;
            }
        }
        start += text.len() + chunk.invalid().len();
        if !chunk.invalid().is_empty() && !run.is_empty() {
            found(&run);
            run.clear();
            gap = 0;
        }
    }
    if !run.is_empty() {
        found(&run);
    }
}

/// Finds digits in a run, forwards or backwards. Returns ranges of the run.
fn within<'r>(run: &'r [Digit], sought: &'r [u8]) -> impl Iterator<Item = Range<usize>> + 'r {
    let windows = run.windows(sought.len().max(1)).enumerate();
    let fits = move |window: &[Digit]| {
        let forwards = window.iter().zip(sought).all(|(digit, sought)| digit.value == *sought);
        forwards || window.iter().rev().zip(sought).all(|(digit, sought)| digit.value == *sought)
    };
    windows.filter(move |(_, window)| fits(window)).map(|(at, window)| at..at + window.len())
}

/// Digits that are searched for in every spelling. `Debug` does not show them.
pub(super) struct Sought(pub(super) Zeroizing<Vec<u8>>);

impl Sought {
    /// Returns the ASCII digits of a text.
    pub(super) fn of(text: &str) -> Self {
        Self(Zeroizing::new(text.bytes().filter(u8::is_ascii_digit).map(|digit| digit - b'0').collect()))
    }

    /// A digit is up to eight bytes long as a word, with a gap after it. Text decoded from base64
    /// or hexadecimal digits is ASCII.
    pub(super) fn needle(&self) -> Needle {
        Needle { shortest: self.0.len(), longest: self.0.len() * 12, is_ascii: true }
    }

    /// Passes on their places in a run. Each begins with the `before` digits in front of it, or with fewer if another place ends there.
    pub(super) fn find(&self, run: &[Digit], before: usize, found: &mut impl FnMut(Range<usize>)) {
        let mut end = 0;
        for place in within(run, &self.0) {
            let first = place.start.saturating_sub(before).max(end).min(place.start);
            end = place.end;
            found(run[first].place.start..run[place.end - 1].place.end);
        }
    }

    /// Passes on each number of as many digits in a text, in every spelling, forwards and backwards.
    pub(super) fn windows(&self, text: &[u8], found: &mut impl FnMut(u64)) {
        let number = |number: u64, digit: &Digit| number.wrapping_mul(10).wrapping_add(u64::from(digit.value));
        views(text, self.needle(), &mut |view, _| {
            runs(&view.bytes, &mut |run| {
                for window in run.windows(self.0.len().max(1)) {
                    found(window.iter().fold(0, number));
                    found(window.iter().rev().fold(0, number));
                }
            });
        });
    }

    /// Returns whether a text contains them. If `alone`, no other digit may be in the same run.
    pub(super) fn is_in(&self, text: &[u8], alone: bool) -> bool {
        let mut is_in = false;
        views(text, self.needle(), &mut |view, _| {
            if is_in {
                return;
            }
            runs(&view.bytes, &mut |run| {
                is_in |= (!alone || run.len() == self.0.len()) && within(run, &self.0).next().is_some();
            });
        });
        is_in
    }
}

/// Returns the digits of a number in E.164 without its country code, or `None` if it is not a
/// number.
fn national_digits(e164: &str) -> Option<String> {
    let number = e164.parse::<rlibphonenumber::PhoneNumber>().ok()?;
    Some(number.get_national_significant_number())
}

/// A phone number, found in its international and its national forms: `+41791234567`, `0041 79 123 45 67`, `079/123.45.67`,
/// `+41 (0)79 123 45 67`.
pub(crate) struct PhoneNumber {
    e164: Zeroizing<String>,
    /// Its last digits, which each form ends with.
    end: Sought,
    /// Its national form, without which it is not found. It takes long to parse, and most texts do not even have the last digits.
    national: OnceLock<Sought>,
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhoneNumber(…)")
    }
}

impl PhoneNumber {
    /// The maximum number of digits before the national number: `00`, three digits of a country
    /// code, a zero.
    const BEFORE: usize = 6;

    /// The minimum length of a national number that is searched for.
    const SHORTEST: usize = 6;

    /// Reads a number in E.164. `None` if it is not one, or too short.
    pub(crate) fn new(e164: &str) -> Option<Self> {
        let digits = e164.strip_prefix('+')?;
        if digits.len() < Self::SHORTEST || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let end = Sought::of(&digits[digits.len() - Self::SHORTEST..]);
        Some(Self { e164: Zeroizing::new(e164.to_owned()), end, national: OnceLock::new() })
    }

    /// Returns the digits that are in all its forms.
    fn national(&self) -> &Sought {
        self.national.get_or_init(|| {
            let digits = self.e164.trim_start_matches('+');
            // For some numbers that do not exist, such as zeros only, what is parsed is not part of the digits.
            let national = national_digits(&self.e164).filter(|national| digits.ends_with(national));
            // If the country is unknown, its last digits belong to the national number in any case.
            let national = national.unwrap_or_else(|| digits[digits.len().min(3)..].to_owned());
            Sought::of(if national.len() < Self::SHORTEST { digits } else { &national })
        })
    }

    pub(super) fn needle(&self) -> Needle {
        // Longer than the national number, so that it is in each window.
        let longest = Sought::of(&self.e164).needle().longest;
        Needle { longest, ..self.end.needle() }
    }

    /// Passes on its places in a run of digits.
    pub(super) fn find(&self, run: &[Digit], found: &mut impl FnMut(Range<usize>)) {
        if within(run, &self.end.0).next().is_some() {
            self.national().find(run, Self::BEFORE, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_national_form_of_a_number_ends_with_its_last_digits(digits in "[1-9][0-9]{5,14}") {
            prop_assert!(ends_as_it_should(&digits), "{digits}");
        }
    }

    #[test]
    fn the_national_form_of_a_number_of_zeros_ends_with_its_last_digits() {
        assert!(ends_as_it_should("67200000"));
    }

    fn ends_as_it_should(digits: &str) -> bool {
        PhoneNumber::new(&format!("+{digits}")).is_some_and(|number| number.national().0.ends_with(&number.end.0))
    }
}
