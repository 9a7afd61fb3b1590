//! Codes, and numbers that could be a code.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use zeroize::Zeroizing;

use super::spelled::Sought;
use super::{Needle, View, merged, views};

/// A code of this length or longer is also searched for within longer numbers. A shorter one occurs
/// in too many of them by chance.
const WITHIN_NUMBERS: usize = 6;

/// The number of numbers of the code's length that a component may read besides its code.
const MOST_NUMBERS: usize = 100;

/// A code. `Debug` does not show it.
pub(crate) struct Code {
    code: Zeroizing<String>,
    sought: Sought,
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(…)")
    }
}

/// The numbers of the code's length that one call has read. Since the code is covered in them, a
/// reader learns of each whether it is the code: each number is a guess.
#[derive(Default)]
pub(crate) struct Numbers(BTreeSet<u64>);

impl Numbers {
    fn are_too_many(&self) -> bool {
        self.0.len() > MOST_NUMBERS
    }

    fn note(&mut self, digits: &[u8]) {
        self.add(digits.iter().fold(0_u64, |number, digit| number * 10 + u64::from(digit - b'0')));
    }

    fn add(&mut self, number: u64) {
        if !self.are_too_many() {
            self.0.insert(number);
        }
    }
}

impl Code {
    pub(crate) fn new(code: &str) -> Self {
        Self { code: Zeroizing::new(code.to_owned()), sought: Sought::of(code) }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.code
    }

    /// Returns its digits, for a search in every spelling.
    pub(super) fn sought(&self) -> &Sought {
        &self.sought
    }

    /// Returns whether a text contains it, in any spelling.
    pub(crate) fn is_in(&self, text: &[u8]) -> bool {
        if self.code.len() >= WITHIN_NUMBERS {
            return self.sought.is_in(text, false);
        }
        let mut is_alone = false;
        self.runs(text, &mut |view, run, _| is_alone |= view.bytes[run] == *self.code.as_bytes());
        is_alone || self.sought.is_in(text, true)
    }

    /// Returns whether it occurs by chance in texts that existed before it. Then its presence in
    /// other texts proves nothing. Texts with very many numbers, in whatever spelling, do not count as chance.
    pub(crate) fn is_by_chance_in(&self, texts: &[&str]) -> bool {
        let mut numbers = Numbers::default();
        texts.iter().for_each(|text| self.sought.windows(text.as_bytes(), &mut |number| numbers.add(number)));
        !numbers.are_too_many() && texts.iter().any(|text| self.is_in(text.as_bytes()))
    }

    /// Covers the code in an upstream's response: with `letters`, one for each digit, or with `*`
    /// where it is encoded. If there are so many numbers that covering one would tell which of them
    /// is the code, all of them are covered with ones.
    pub(crate) fn cover(&self, texts: &mut [&mut [u8]], letters: &str, numbers: &mut Numbers) {
        let mut places: Vec<Vec<Range<usize>>> = Vec::with_capacity(texts.len());
        for text in texts.iter() {
            let mut found = Vec::new();
            self.windows(text, &mut |digits, place| {
                numbers.note(digits);
                if digits == self.code.as_bytes() {
                    found.push(place);
                }
            });
            places.push(merged(found));
        }
        if numbers.are_too_many() {
            for text in texts.iter_mut() {
                for place in self.numbers(text) {
                    text[place].iter_mut().filter(|byte| **byte != 0).for_each(|byte| *byte = b'1');
                }
            }
            return;
        }
        for (text, places) in texts.iter_mut().zip(places) {
            for place in places {
                match text[place.clone()] == *self.code.as_bytes() {
                    true => text[place].copy_from_slice(letters.as_bytes()),
                    false => text[place].fill(b'*'),
                }
            }
        }
    }

    /// Finds all numbers of the code's length, also within longer ones.
    fn windows(&self, text: &[u8], found: &mut impl FnMut(&[u8], Range<usize>)) {
        let length = self.code.len();
        self.runs(text, &mut |view, run, from| {
            for at in run.start..=run.end - length {
                let place = view.source(at..at + length);
                found(&view.bytes[at..at + length], from + place.start..from + place.end);
            }
        });
    }

    /// Returns the places of numbers of at least the code's length.
    fn numbers(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut places = Vec::new();
        self.runs(text, &mut |view, run, from| {
            let place = view.source(run);
            places.push(from + place.start..from + place.end);
        });
        merged(places)
    }

    fn runs(&self, text: &[u8], found: &mut impl FnMut(&View<'_>, Range<usize>, usize)) {
        let length = self.code.len();
        if length == 0 {
            return;
        }
        views(text, Needle { shortest: length, longest: length, is_ascii: true }, &mut |view, from| {
            let mut at = 0;
            while at < view.bytes.len() {
                let run = view.bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                if run >= length {
                    found(view, at..at + run, from);
                }
                at += run + 1;
            }
        });
    }
}
