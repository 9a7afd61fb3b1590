//! Finds and removes secrets, codes and recipients in texts from outside: in plain text, in any
//! common encoding, and in two encodings nested in each other.
//!
//! A text is read once for each way it may have been encoded ([`views`]). Each match is recorded as
//! a place in the original text. Time is linear in the text's length, and memory is bounded because
//! a long text is read in windows.

mod decode;
mod digits;
mod redactor;
mod spelled;
#[cfg(test)]
mod tests;
mod texts;
mod words;

use std::ops::Range;

pub(crate) use digits::{Code, Numbers};
pub use redactor::Redactor;
pub(crate) use texts::Texts;
pub(crate) use words::Words;

use decode::{DECODERS, Needle, View};

/// The maximum number of nested encodings that are decoded.
const DEPTH: usize = 2;

/// The number of bytes that are decoded at a time.
const WINDOW: usize = 128 << 10;

/// The factor by which two nested encodings lengthen a text at most, approximately: `%5Cu002B`,
/// `\u0025\u0032\u0042`, three bytes to twelve.
const LONGER: usize = 24;

/// Reads a text in every encoding that may contain the needle. `read` also gets the position of the
/// view's source.
fn views(text: &[u8], needle: Needle, read: &mut impl FnMut(&View<'_>, usize)) {
    // No encoding is shorter than what it encodes.
    if text.len() < needle.shortest {
        return;
    }
    let overlap = needle.longest * LONGER;
    let window = WINDOW.max(2 * overlap);
    let mut from = 0;
    loop {
        let to = text.len().min(from + window);
        decoded(&View::of(&text[from..to]), needle, DEPTH, &mut |view| read(view, from));
        if to == text.len() {
            return;
        }
        from = to - overlap;
    }
}

fn decoded(view: &View<'_>, needle: Needle, depth: usize, read: &mut impl FnMut(&View<'_>)) {
    read(view);
    let Some(depth) = depth.checked_sub(1) else { return };
    for decoder in DECODERS {
        if let Some(view) = decoder(view, needle) {
            decoded_dyn(&view, needle, depth, read);
        }
    }
}

/// Ends the recursion of types.
fn decoded_dyn(view: &View<'_>, needle: Needle, depth: usize, read: &mut dyn FnMut(&View<'_>)) {
    decoded(view, needle, depth, &mut |view| read(view));
}

/// Returns the places in order, with adjacent and overlapping ones merged.
pub(crate) fn merged(mut places: Vec<Range<usize>>) -> Vec<Range<usize>> {
    places.sort_by_key(|place| (place.start, place.end));
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(places.len());
    for place in places.into_iter().filter(|place| !place.is_empty()) {
        match merged.last_mut() {
            Some(last) if place.start <= last.end => last.end = last.end.max(place.end),
            _ => merged.push(place),
        }
    }
    merged
}
