//! Searches for fixed texts: secrets, tokens, addresses.

use std::fmt;
use std::ops::Range;

use memchr::memmem;
use zeroize::Zeroizing;

use super::{Needle, merged, views};

/// Texts that must not be displayed, found in any case and encoding. `Debug` shows none.
#[derive(Default)]
pub(crate) struct Texts {
    /// With case folded.
    needles: Vec<Zeroizing<Vec<u8>>>,
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
            self.needles.push(folded);
        }
    }

    /// Returns their places, in order.
    pub(crate) fn places(&self, text: &[u8]) -> Vec<Range<usize>> {
        let lengths = self.needles.iter().map(|needle| needle.len());
        let (Some(shortest), Some(longest)) = (lengths.clone().min(), lengths.max()) else { return Vec::new() };
        let sought = Needle { shortest, longest, is_ascii: self.needles.iter().all(|needle| needle.is_ascii()) };
        let (mut places, mut folded) = (Vec::new(), Vec::new());
        views(text, sought, &mut |view, from| {
            folded.clear();
            folded.extend(view.bytes.iter().copied().map(fold));
            for needle in &self.needles {
                for at in memmem::find_iter(&folded, &**needle) {
                    let place = view.source(at..at + needle.len());
                    places.push(from + place.start..from + place.end);
                }
            }
        });
        merged(places)
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
