//! Searches for fixed texts: secrets, tokens, addresses.

use std::fmt;
use std::ops::Range;

use memchr::memmem;
use zeroize::Zeroizing;

use super::{Needle, View, merged, views};

/// In a shorter text than this many bytes, `memmem` searches without building a searcher, which would take longer than the search.
const SHORT: usize = 64;

/// Texts that must not be displayed, found in any case and encoding. `Debug` shows none.
#[derive(Default)]
pub(crate) struct Texts {
    /// With case folded.
    needles: Vec<Zeroizing<Vec<u8>>>,
    /// What they have in common. `None` if there are none.
    needle: Option<Needle>,
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Texts(…)")
    }
}

impl Texts {
    /// Creates a search. Texts shorter than `shortest` bytes are left out: they would be found
    /// everywhere.
    pub(crate) fn new<'a>(texts: impl IntoIterator<Item = &'a str>, shortest: usize) -> Self {
        let mut all = Self::default();
        for text in texts.into_iter().filter(|text| text.len() >= shortest) {
            all.add(text.as_bytes());
            if !text.is_ascii() {
                all.add(text.to_lowercase().as_bytes());
                all.add(text.to_uppercase().as_bytes());
                // In UTF-16. Without zero bytes it is Latin-1, if that has the characters.
                let units = |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<_>>();
                all.add(&units(u16::to_le_bytes));
                all.add(&units(u16::to_be_bytes));
                let latin: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
                latin.iter().for_each(|latin| all.add(latin));
            }
        }
        all
    }

    fn add(&mut self, text: &[u8]) {
        let folded = Zeroizing::new(text.iter().copied().map(fold).collect::<Vec<_>>());
        if !self.needles.contains(&folded) {
            let needle = Needle { shortest: folded.len(), longest: folded.len(), is_ascii: folded.is_ascii() };
            self.needle = Some(self.needle.map_or(needle, |others| others.or(needle)));
            self.needles.push(folded);
        }
    }

    /// Returns what the texts have in common. `None` if there are none.
    pub(super) fn needle(&self) -> Option<Needle> {
        self.needle
    }

    /// Returns their places, in order.
    pub(crate) fn places(&self, text: &[u8]) -> Vec<Range<usize>> {
        let Some(needle) = self.needle else { return Vec::new() };
        let mut places = Vec::new();
        views(text, needle, &mut |view, from| {
            self.find(view, &mut |place| places.push(from + place.start..from + place.end));
        });
        merged(places)
    }

    /// Passes on each place in the source of a view.
    pub(super) fn find(&self, view: &View<'_>, found: &mut impl FnMut(Range<usize>)) {
        let mut folded = Vec::new();
        for needle in self.needles.iter().filter(|needle| needle.len() <= view.bytes.len()) {
            if folded.is_empty() {
                folded.extend(view.bytes.iter().copied().map(fold));
            }
            let mut note = |at: usize| found(view.source(at..at + needle.len()));
            if folded.len() < SHORT {
                let mut from = 0;
                while let Some(at) = memmem::find(&folded[from..], needle) {
                    note(from + at);
                    from += at + needle.len();
                }
            } else {
                memmem::find_iter(&folded, &**needle).for_each(note);
            }
        }
    }

    /// Covers them with `*`. Nothing else in the text changes, nor does its length.
    pub(crate) fn cover(&self, text: &mut [u8]) {
        for place in self.places(text) {
            text[place].fill(b'*');
        }
    }

    /// Returns the text with `*` in their place.
    pub(crate) fn covered(&self, text: String) -> String {
        let places = self.places(text.as_bytes());
        if places.is_empty() {
            return text;
        }
        let mut bytes = text.into_bytes();
        places.into_iter().for_each(|place| bytes[place].fill(b'*'));
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Ignores case, and the difference between a space and `+`, which is a space in a form.
fn fold(byte: u8) -> u8 {
    if byte == b' ' { b'+' } else { byte.to_ascii_lowercase() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes that are compared to find these texts in a response: those of all its views, once for each spelling of each text.
    fn compared(texts: &Texts, response: &[u8]) -> usize {
        let mut read = 0;
        if let Some(needle) = texts.needle() {
            views(response, needle, &mut |view, _| read += view.bytes.len());
        }
        read * texts.needles.len()
    }

    #[test]
    fn the_secrets_of_the_largest_login_are_found_in_a_mebibyte_in_a_bounded_number_of_steps() {
        // Each field has as many spellings as a text can have.
        let fields: Vec<String> = (0..8).map(|n| format!("{n}é").repeat(100)).collect();
        let texts = Texts::new(fields.iter().map(String::as_str), 6);
        assert_eq!(texts.needles.len(), 8 * 5);
        let whole = |piece: &str| piece.bytes().cycle().take(1 << 20).collect::<Vec<_>>();
        let most = [
            "x",
            " a1",
            "%25",
            "\\u0025",
            "\\\\u0041",
            "&#37;",
            "&amp;#37;",
            "4142",
            "QUJD",
            "=3D25",
            "a\0",
            "%5Cu0025",
        ]
        .map(|piece| compared(&texts, &whole(piece)) >> 20)
        .into_iter()
        .max();
        assert!(most.is_some_and(|most| most <= 40 * MOST_VIEWS), "{most:?} times its bytes");
    }

    /// How often a byte is read at most, in all encodings.
    const MOST_VIEWS: usize = 8;
}
