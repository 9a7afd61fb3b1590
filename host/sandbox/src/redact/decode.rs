//! Decodes the encodings that a text may be written in, and records the source position of every
//! byte.

use std::borrow::Cow;
use std::ops::Range;

/// A byte that ends a decoded section: no match crosses it.
const END: u8 = 0xff;

/// A text after decoding.
pub(super) struct View<'a> {
    pub(super) bytes: Cow<'a, [u8]>,
    /// The source range of each byte; `None` if nothing was decoded.
    spans: Option<Vec<(u32, u32)>>,
}

impl<'a> View<'a> {
    /// Returns a view of the source itself.
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self { bytes: Cow::Borrowed(bytes), spans: None }
    }

    /// Returns the source range of these bytes.
    pub(super) fn source(&self, range: Range<usize>) -> Range<usize> {
        match &self.spans {
            None => range,
            Some(spans) if range.is_empty() => {
                let at = spans.get(range.start).map_or(0, |span| span.0 as usize);
                at..at
            }
            Some(spans) => spans[range.start].0 as usize..spans[range.end - 1].1 as usize,
        }
    }

    fn span(&self, at: usize) -> (u32, u32) {
        match &self.spans {
            // Windows are far shorter than 4 GiB.
            None => (at as u32, at as u32 + 1),
            Some(spans) => spans[at],
        }
    }
}

/// The output of a decoder so far.
struct Decoded<'v, 'a> {
    from: &'v View<'a>,
    bytes: Vec<u8>,
    spans: Vec<(u32, u32)>,
}

impl<'v, 'a> Decoded<'v, 'a> {
    fn of(from: &'v View<'a>) -> Self {
        Self { from, bytes: Vec::with_capacity(from.bytes.len()), spans: Vec::with_capacity(from.bytes.len()) }
    }

    fn push(&mut self, byte: u8, range: Range<usize>) {
        self.bytes.push(byte);
        self.spans.push((self.from.span(range.start).0, self.from.span(range.end - 1).1));
    }

    fn push_char(&mut self, c: char, range: Range<usize>) {
        for byte in c.encode_utf8(&mut [0; 4]).bytes() {
            self.push(byte, range.clone());
        }
    }

    fn end(&mut self, at: usize) {
        if self.bytes.last().is_some_and(|last| *last != END) {
            self.push(END, at..at + 1);
        }
    }

    fn view(self) -> View<'static> {
        View { bytes: Cow::Owned(self.bytes), spans: Some(self.spans) }
    }
}

/// The properties of the texts that are searched for: what cannot be part of one need not be
/// decoded.
#[derive(Clone, Copy)]
pub(super) struct Needle {
    /// The minimum length in bytes.
    pub(super) shortest: usize,
    /// The maximum length in bytes.
    pub(super) longest: usize,
    pub(super) is_ascii: bool,
}

impl Needle {
    /// Returns what these texts and others have in common.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            shortest: self.shortest.min(other.shortest),
            longest: self.longest.max(other.longest),
            is_ascii: self.is_ascii && other.is_ascii,
        }
    }
}

/// Decodes one encoding. `None` if the text contains nothing in it.
pub(super) type Decoder = fn(&View<'_>, Needle) -> Option<View<'static>>;

/// All decoders.
pub(super) const DECODERS: [Decoder; 7] =
    [percent, backslash, character_reference, quoted_printable, without_nul, hexadecimal, base64];

fn digit(byte: Option<&u8>) -> Option<u8> {
    byte.and_then(|byte| char::from(*byte).to_digit(16)).and_then(|digit| u8::try_from(digit).ok())
}

fn pair(bytes: &[u8], at: usize) -> Option<u8> {
    Some(digit(bytes.get(at))? << 4 | digit(bytes.get(at + 1))?)
}

/// Copies a text and decodes each escape that begins with `sign`. `decode` gets the bytes after the
/// sign, and returns a character and the number of bytes it takes, without the sign.
fn escapes(
    view: &View<'_>,
    sign: u8,
    decode: impl Fn(&[u8]) -> Option<(Option<Letter>, usize)>,
) -> Option<View<'static>> {
    let bytes = &*view.bytes;
    let decoded = |at: usize| if bytes[at] == sign { decode(&bytes[at + 1..]) } else { None };
    // Most signs begin no escape, and need no copy.
    let first = memchr::memchr_iter(sign, bytes).find(|at| decoded(*at).is_some())?;
    let mut out = Decoded::of(view);
    (0..first).for_each(|n| out.push(bytes[n], n..n + 1));
    let mut at = first;
    while at < bytes.len() {
        match decoded(at) {
            Some((letter, length)) => {
                match letter {
                    Some(Letter::Byte(byte)) => out.push(byte, at..at + 1 + length),
                    Some(Letter::Char(c)) => out.push_char(c, at..at + 1 + length),
                    None => {}
                }
                at += 1 + length;
            }
            None => {
                out.push(bytes[at], at..at + 1);
                at += 1;
            }
        }
    }
    Some(out.view())
}

enum Letter {
    Byte(u8),
    Char(char),
}

/// `%2B` (RFC 3986 section 2.1).
fn percent(view: &View<'_>, _: Needle) -> Option<View<'static>> {
    escapes(view, b'%', |rest| Some((Some(Letter::Byte(pair(rest, 0)?)), 2)))
}

/// `=2B` and soft line breaks (RFC 2045 section 6.7).
fn quoted_printable(view: &View<'_>, _: Needle) -> Option<View<'static>> {
    escapes(view, b'=', |rest| match rest {
        [b'\r', b'\n', ..] => Some((None, 2)),
        [b'\n', ..] => Some((None, 1)),
        _ => Some((Some(Letter::Byte(pair(rest, 0)?)), 2)),
    })
}

/// `\u002B`, `\x2B`, `\/` and similar escapes: JSON (RFC 8259 section 7) and related languages.
fn backslash(view: &View<'_>, _: Needle) -> Option<View<'static>> {
    let unit = |bytes: &[u8], at| Some(u16::from(pair(bytes, at)?) << 8 | u16::from(pair(bytes, at + 2)?));
    escapes(view, b'\\', |rest| match rest {
        [b'u', ..] => {
            let first = unit(rest, 1)?;
            if let Some(c) = char::from_u32(first.into()) {
                return Some((Some(Letter::Char(c)), 5));
            }
            let second = if rest.get(5..7) == Some(b"\\u") { unit(rest, 7)? } else { return None };
            let c = char::decode_utf16([first, second]).next()?.ok()?;
            Some((Some(Letter::Char(c)), 11))
        }
        [b'x', ..] => Some((Some(Letter::Byte(pair(rest, 1)?)), 3)),
        [b'n', ..] => Some((Some(Letter::Byte(b'\n')), 1)),
        [b'r', ..] => Some((Some(Letter::Byte(b'\r')), 1)),
        [b't', ..] => Some((Some(Letter::Byte(b'\t')), 1)),
        [b'b', ..] => Some((Some(Letter::Byte(8)), 1)),
        [b'f', ..] => Some((Some(Letter::Byte(12)), 1)),
        [sign, ..] if sign.is_ascii_punctuation() => Some((Some(Letter::Byte(*sign)), 1)),
        _ => None,
    })
}

/// The named character references of ASCII (HTML, "Named character references"), and the no-break
/// space.
const NAMED: [(&[u8], char); 37] = [
    (b"amp", '&'),
    (b"lt", '<'),
    (b"gt", '>'),
    (b"quot", '"'),
    (b"apos", '\''),
    (b"nbsp", '\u{a0}'),
    (b"plus", '+'),
    (b"commat", '@'),
    (b"sol", '/'),
    (b"bsol", '\\'),
    (b"equals", '='),
    (b"period", '.'),
    (b"comma", ','),
    (b"colon", ':'),
    (b"semi", ';'),
    (b"lowbar", '_'),
    (b"hyphen", '-'),
    (b"dash", '-'),
    (b"num", '#'),
    (b"percnt", '%'),
    (b"excl", '!'),
    (b"quest", '?'),
    (b"dollar", '$'),
    (b"ast", '*'),
    (b"lpar", '('),
    (b"rpar", ')'),
    (b"lsqb", '['),
    (b"lbrack", '['),
    (b"rsqb", ']'),
    (b"rbrack", ']'),
    (b"lcub", '{'),
    (b"rcub", '}'),
    (b"verbar", '|'),
    (b"vert", '|'),
    (b"grave", '`'),
    (b"Hat", '^'),
    (b"Tab", '\t'),
];

/// `&amp;`, `&#43;`, `&#x2b;`, with or without the semicolon.
fn character_reference(view: &View<'_>, _: Needle) -> Option<View<'static>> {
    escapes(view, b'&', |rest| {
        let numeric = |from: usize, radix: u32| {
            let digits = rest[from.min(rest.len())..].iter().take(8);
            let digits = digits.take_while(|byte| char::from(**byte).is_digit(radix)).count();
            let text = std::str::from_utf8(rest.get(from..from + digits)?).ok()?;
            let c = u32::from_str_radix(text, radix).ok().and_then(char::from_u32)?;
            Some((c, from + digits))
        };
        let (c, length) = match rest {
            [b'#', b'x' | b'X', ..] => numeric(2, 16)?,
            [b'#', ..] => numeric(1, 10)?,
            _ => NAMED.iter().find(|(name, _)| rest.starts_with(name)).map(|(name, c)| (*c, name.len()))?,
        };
        Some((Some(Letter::Char(c)), length + usize::from(rest.get(length) == Some(&b';'))))
    })
}

/// UTF-16 whose units each contain a zero byte, in either byte order.
fn without_nul(view: &View<'_>, _: Needle) -> Option<View<'static>> {
    memchr::memchr(0, &view.bytes)?;
    let mut out = Decoded::of(view);
    for (at, byte) in view.bytes.iter().enumerate().filter(|(_, byte)| **byte != 0) {
        out.push(*byte, at..at + 1);
    }
    Some(out.view())
}

/// Returns whether a decoded byte may be part of a text, in any encoding, including UTF-16. Other bytes are random.
fn is_texty(byte: u8, needle: Needle) -> bool {
    matches!(byte, 0 | b'\t' | b'\n' | b'\r' | b' '..=b'~') || byte >= 0x80 && !needle.is_ascii
}

impl Decoded<'_, '_> {
    /// Adds the sections of decoded bytes that may be part of a text and are long enough. `at` is where the encoding begins.
    fn add_texts(&mut self, decoded: impl Iterator<Item = (u8, Range<usize>)> + Clone, needle: Needle, at: usize) {
        // Most of what can be decoded is random, and needs no memory.
        let mut length = 0;
        let is_long = decoded.clone().any(|(byte, _)| {
            length = if is_texty(byte, needle) { length + 1 } else { 0 };
            length >= needle.shortest.max(1)
        });
        if !is_long {
            return;
        }
        let mut from = self.bytes.len();
        for (byte, range) in decoded {
            if is_texty(byte, needle) {
                self.push(byte, range);
            } else {
                from = self.end_text(from, needle, range.start);
            }
        }
        self.end_text(from, needle, at);
    }

    /// Ends the section that began at `from`, and removes it if it is too short. Returns where the next one begins.
    fn end_text(&mut self, from: usize, needle: Needle, at: usize) -> usize {
        if self.bytes.len() - from < needle.shortest {
            self.bytes.truncate(from);
            self.spans.truncate(from);
        } else {
            self.end(at);
        }
        self.bytes.len()
    }
}

/// Pairs of hexadecimal digits, starting at the first or the second digit of each run.
fn hexadecimal(view: &View<'_>, needle: Needle) -> Option<View<'static>> {
    let bytes = &*view.bytes;
    let mut out = Decoded { from: view, bytes: Vec::new(), spans: Vec::new() };
    let mut at = 0;
    while at < bytes.len() {
        let run = bytes[at..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        if run >= 2 * needle.shortest.max(1) {
            for first in [at, at + 1] {
                let pairs = (first..at + run - 1).step_by(2);
                let decoded = pairs.map(|at| (pair(bytes, at).unwrap_or_default(), at..at + 2));
                out.add_texts(decoded, needle, at);
            }
        }
        at += run + 1;
    }
    (!out.bytes.is_empty()).then(|| out.view())
}

const NO_SEXTET: u8 = 64;

/// The value of each character of base64, in both alphabets (RFC 4648 sections 4 and 5).
const SEXTETS: [u8; 256] = {
    let mut all = [NO_SEXTET; 256];
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut n = 0;
    while n < 64 {
        all[letters[n] as usize] = n as u8;
        n += 1;
    }
    all[b'-' as usize] = 62;
    all[b'_' as usize] = 63;
    all
};

/// Returns the characters of base64 that begin at a place, also across line ends: their places and values.
fn sextets(bytes: &[u8], at: usize) -> impl Iterator<Item = (usize, u8)> + Clone + '_ {
    let line_ends = |byte: u8| matches!(byte, b'\r' | b'\n');
    let values = bytes[at..].iter().enumerate().map(move |(n, byte)| (at + n, *byte, SEXTETS[usize::from(*byte)]));
    let run = values.take_while(move |(_, byte, sextet)| *sextet != NO_SEXTET || line_ends(*byte));
    run.filter(|(.., sextet)| *sextet != NO_SEXTET).map(|(at, _, sextet)| (at, sextet))
}

/// Decodes characters of base64, four at a time.
fn of_sextets(letters: impl Iterator<Item = (usize, u8)> + Clone) -> impl Iterator<Item = (u8, Range<usize>)> + Clone {
    let mut before = (0, 0);
    letters.enumerate().filter_map(move |(n, (at, low))| {
        let (from, high) = std::mem::replace(&mut before, (at, low));
        let byte = match n % 4 {
            0 => return None,
            1 => high << 2 | low >> 4,
            2 => high << 4 | low >> 2,
            _ => high << 6 | low,
        };
        Some((byte, from..at + 1))
    })
}

/// Runs of base64 characters, also across line ends, starting at each of the first four characters.
fn base64(view: &View<'_>, needle: Needle) -> Option<View<'static>> {
    let bytes = &*view.bytes;
    let mut out = Decoded { from: view, bytes: Vec::new(), spans: Vec::new() };
    let mut at = 0;
    while at < bytes.len() {
        if SEXTETS[usize::from(bytes[at])] == NO_SEXTET {
            at += 1;
            continue;
        }
        let letters = sextets(bytes, at);
        let (count, last) = letters.clone().fold((0, at), |(count, _), (at, _)| (count + 1, at));
        if count * 3 >= needle.shortest.max(1) * 4 {
            for first in 0..4 {
                out.add_texts(of_sextets(letters.clone().skip(first)), needle, at);
            }
        }
        at = last + 1;
    }
    (!out.bytes.is_empty()).then(|| out.view())
}
