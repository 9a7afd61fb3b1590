//! Searches for everything that must not be displayed, in one reading of a text.

use std::ops::Range;

use super::decode::Needle;
use super::spelled::{PhoneNumber, runs};
use super::{Code, Texts, merged, views};

/// Texts, codes and phone numbers that are searched for together. `Debug` shows none.
#[derive(Debug, Default)]
pub(crate) struct Words {
    texts: Texts,
    codes: Vec<Code>,
    numbers: Vec<PhoneNumber>,
}

impl Words {
    /// Creates a search for texts. Texts shorter than `shortest` bytes are left out. Those that are phone numbers in E.164 are also found
    /// in their national forms.
    pub(crate) fn new<'a>(texts: impl IntoIterator<Item = &'a str> + Clone, shortest: usize) -> Self {
        let numbers = texts.clone().into_iter().filter_map(PhoneNumber::new).collect();
        Self { texts: Texts::new(texts, shortest), codes: Vec::new(), numbers }
    }

    /// Adds codes, in every spelling.
    pub(crate) fn with_codes(mut self, codes: impl IntoIterator<Item = Code>) -> Self {
        self.codes.extend(codes);
        self
    }

    /// Returns their places in a text, in order.
    pub(crate) fn places(&self, text: &[u8]) -> Vec<Range<usize>> {
        let of_codes = self.codes.iter().map(|code| code.sought().needle());
        let of_digits = of_codes.chain(self.numbers.iter().map(PhoneNumber::needle));
        let Some(needle) = self.texts.needle().into_iter().chain(of_digits).reduce(Needle::or) else {
            return Vec::new();
        };
        let mut places = Vec::new();
        views(text, needle, &mut |view, from| {
            let mut note = |place: Range<usize>| places.push(from + place.start..from + place.end);
            self.texts.find(view, &mut note);
            if self.codes.is_empty() && self.numbers.is_empty() {
                return;
            }
            let mut note = |place: Range<usize>| note(view.source(place));
            runs(&view.bytes, &mut |run| {
                self.codes.iter().for_each(|code| code.sought().find(run, 0, &mut note));
                self.numbers.iter().for_each(|number| number.find(run, &mut note));
            });
        });
        merged(places)
    }
}
