//! The rule for names that are shown to people, in an approval, a list, an email or an SMS: a name must not mislead.
//!
//! Invisible characters and those that reorder others are refused: control characters, direction marks and overrides, zero-width
//! characters, line separators, private and unassigned code points, white space other than a space, and many combining marks on one
//! letter (Unicode TR 36 and TR 39). Joiners are allowed where scripts need them (RFC 5892 appendix A), and in emoji.

use std::fmt;
use std::ops::RangeInclusive;

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::props::{
    CanonicalCombiningClass, DefaultIgnorableCodePoint, EmojiModifier, ExtendedPictographic, GeneralCategory,
    JoiningType,
};
use icu_properties::{CodePointMapData, CodePointSetData};

/// The maximum number of combining marks on a letter. Vietnamese, Hebrew and Tibetan need up to
/// three or four.
const MARKS: usize = 4;

/// Digits in a row that could be taken for a code or a phone number.
const DIGITS: usize = 5;

/// The schemes that programs make a link of even without slashes.
const SCHEMES: &[&str] = &[
    "callto",
    "data",
    "facetime",
    "file",
    "ftp",
    "geo",
    "http",
    "https",
    "intent",
    "javascript",
    "mailto",
    "maps",
    "market",
    "sip",
    "sips",
    "skype",
    "sms",
    "smsto",
    "tel",
    "whatsapp",
];

/// The reason why a text could mislead people. Of the text it repeats only a code point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// It has too few or too many characters.
    Length {
        /// At least.
        least: usize,
        /// At most.
        most: usize,
    },
    /// It begins or ends with a space, or contains two in a row.
    Blanks,
    /// It contains an invisible or misleading character.
    Character {
        /// The code point.
        code_point: u32,
        /// Which character of the text it is, from 1.
        position: usize,
    },
    /// It has more combining marks on one letter than any language needs, or begins with one.
    Marks,
    /// Mail or SMS programs would turn it into a link, an address or a phone number.
    Link,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { least: 0, most } => write!(f, "must be a single line of at most {most} characters"),
            Self::Length { least, most } => write!(f, "must be a single line of {least} to {most} characters"),
            Self::Blanks => f.write_str("must not begin or end with a space, or contain two in a row"),
            Self::Character { code_point, position } => write!(
                f,
                "must not contain the invisible or misleading character U+{code_point:04X} (at position {position}): remove it"
            ),
            Self::Marks => write!(f, "must not begin with a combining mark or have more than {MARKS} on one letter"),
            Self::Link => f.write_str(
                "must not look like a link, an address or a phone number: leave out `@`, `://`, names such as \
                 `example.com` and five or more digits in a row",
            ),
        }
    }
}

impl std::error::Error for Unreadable {}

/// Checks a name that is shown to people: one line with a number of characters within `length`.
///
/// # Errors
/// The reason why it could mislead people.
pub fn check(text: &str, length: RangeInclusive<usize>) -> Result<(), Unreadable> {
    if !length.contains(&text.chars().count()) {
        return Err(Unreadable::Length { least: *length.start(), most: *length.end() });
    }
    if text.trim() != text || text.contains("  ") {
        return Err(Unreadable::Blanks);
    }
    visible(text, |_| false)
}

/// Checks a text that is shown to people and may have several lines, such as a description.
///
/// # Errors
/// The reason why it could mislead people.
pub fn check_text(text: &str, most: usize) -> Result<(), Unreadable> {
    if text.chars().count() > most {
        return Err(Unreadable::Length { least: 0, most });
    }
    visible(text, |c| matches!(c, '\n' | '\t' | '\r'))
}

/// Checks a name that is in emails and SMS beside a code; it may be empty. Text that these programs would turn into a link or a number is
/// refused as well, in any script.
///
/// # Errors
/// The reason why it could mislead people, or be followed like a link.
pub fn check_in_messages(text: &str, most: usize) -> Result<(), Unreadable> {
    check(text, 0..=most)?;
    let plain = ComposingNormalizerBorrowed::new_nfkc().normalize(text).replace(['。', '︒'], ".").to_lowercase();
    if looks_like_link(&plain) || has_number(&plain) { Err(Unreadable::Link) } else { Ok(()) }
}

/// Returns the canonical form (NFC) of an id that an application chose for a user, a tenant and the like, so that equal texts are the
/// same id.
///
/// # Errors
/// If it does not have 1 to 256 characters, begins or ends with a space, or contains an invisible character.
pub fn identifier(id: &str) -> Result<String, Unreadable> {
    let id = ComposingNormalizerBorrowed::new_nfc().normalize(id);
    if !(1..=256).contains(&id.chars().count()) {
        return Err(Unreadable::Length { least: 1, most: 256 });
    }
    if id.trim() != id {
        return Err(Unreadable::Blanks);
    }
    match id.chars().position(is_invisible) {
        None => Ok(id.into_owned()),
        Some(at) => Err(Unreadable::at(&id, at)),
    }
}

impl Unreadable {
    fn at(text: &str, index: usize) -> Self {
        Self::Character { code_point: text.chars().nth(index).map_or(0, u32::from), position: index + 1 }
    }
}

/// Returns a domain name, a scheme or an address, in text in lower case.
fn looks_like_link(text: &str) -> bool {
    let scheme = text.split(':').rev().skip(1).any(|before| {
        let word = before.rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        SCHEMES.contains(&word)
    });
    // A point before a blank or at the end is punctuation, and one between single letters abbreviates.
    let is_part = |c: char| c.is_alphanumeric() || c == '-';
    let mut labels = text.split('.').peekable();
    let mut domain = false;
    while let (Some(before), Some(after)) = (labels.next(), labels.peek()) {
        let label: usize = after.chars().take_while(|c| is_part(*c)).count();
        domain |= before.ends_with(is_part) && label >= 2;
    }
    scheme || domain || text.contains('@') || text.contains("://") || text.contains("www.")
}

/// Five digits or more, without a letter between them.
fn has_number(text: &str) -> bool {
    let mut digits = 0;
    for c in text.chars() {
        if c.is_numeric() {
            digits += 1;
            if digits >= DIGITS {
                return true;
            }
        } else if c.is_alphabetic() {
            digits = 0;
        }
    }
    false
}

/// Returns whether a character is invisible, or looks like another one.
fn is_invisible(c: char) -> bool {
    use GeneralCategory as Category;
    let category = CodePointMapData::<GeneralCategory>::new().get(c);
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
        || matches!(
            category,
            Category::Control
                | Category::Format
                | Category::Surrogate
                | Category::PrivateUse
                | Category::Unassigned
                | Category::LineSeparator
                | Category::ParagraphSeparator
        )
        || category == Category::SpaceSeparator && c != ' '
        // Blank although no space: the empty pattern of Braille.
        || c == '\u{2800}'
}

fn is_mark(c: char) -> bool {
    matches!(
        CodePointMapData::<GeneralCategory>::new().get(c),
        GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark
    )
}

fn visible(text: &str, also: impl Fn(char) -> bool) -> Result<(), Unreadable> {
    let characters: Vec<char> = text.chars().collect();
    let mut marks = 0;
    for (at, c) in characters.iter().copied().enumerate() {
        marks = if is_mark(c) { marks + 1 } else { 0 };
        if marks > MARKS || marks > 0 && at == 0 {
            return Err(Unreadable::Marks);
        }
        let (before, after) = characters.split_at(at);
        if is_invisible(c) && !also(c) && !joins(before, c, &after[1..]) {
            return Err(Unreadable::at(text, at));
        }
    }
    Ok(())
}

/// Returns whether an invisible character affects only how its neighbours are written.
fn joins(before: &[char], c: char, after: &[char]) -> bool {
    const NON_JOINER: char = '\u{200c}';
    const JOINER: char = '\u{200d}';
    match c {
        // Text and emoji style.
        '\u{fe0e}' | '\u{fe0f}' => {
            before.last().is_some_and(|c| CodePointSetData::new::<ExtendedPictographic>().contains(*c))
        }
        JOINER if is_emoji_end(before) => {
            after.first().is_some_and(|c| CodePointSetData::new::<ExtendedPictographic>().contains(*c))
        }
        JOINER | NON_JOINER if before.last().is_some_and(is_virama) => after.first().is_some_and(|c| c.is_alphabetic()),
        NON_JOINER => {
            let joining = |c: &char| CodePointMapData::<JoiningType>::new().get(*c);
            let next_to = |mut types: Box<dyn Iterator<Item = JoiningType> + '_>| {
                types.find(|it| *it != JoiningType::Transparent)
            };
            let left = next_to(Box::new(before.iter().rev().map(joining)));
            let right = next_to(Box::new(after.iter().map(joining)));
            matches!(left, Some(JoiningType::DualJoining | JoiningType::LeftJoining))
                && matches!(right, Some(JoiningType::DualJoining | JoiningType::RightJoining))
        }
        _ => false,
    }
}

fn is_virama(c: &char) -> bool {
    CodePointMapData::<CanonicalCombiningClass>::new().get(*c) == CanonicalCombiningClass::Virama
}

/// Returns whether a text ends with an emoji, with its style and its skin if it has them.
fn is_emoji_end(text: &[char]) -> bool {
    let base = text.iter().rev().find(|c| **c != '\u{fe0f}' && !CodePointSetData::new::<EmojiModifier>().contains(**c));
    base.is_some_and(|c| CodePointSetData::new::<ExtendedPictographic>().contains(*c))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HONEST: &[&str] = &[
        "Müller & Söhne AG",
        "Mu\u{308}ller",
        "東京 銀行",
        "Dr. Oetker",
        "St. Gallen",
        "U.S. Bank",
        "e.l.f.",
        "L'Oréal – Paris",
        "“Zur Post”",
        "AC/DC",
        "Bank 1822",
        "24/7 Fitness",
        "بنك الراجحي",
        "شرکت می\u{200c}خواهم",
        "בנק הפועלים",
        "בַּנְק",
        "ธนาคารกรุงเทพ",
        "भारतीय स्टेट बैंक",
        "ශ්\u{200d}රී ලංකා",
        "Ngân hàng Việt",
        "Family 👨\u{200d}👩\u{200d}👧\u{200d}👦",
        "Love ❤\u{fe0f}",
        "Wave 👋🏽",
        "Pride 🏳\u{fe0f}\u{200d}🌈",
        "Schweiz 🇨🇭",
        "SMS through eCall",
        "Shop: Zürich",
        "re:publica",
        "Hotel: Post",
    ];

    #[test]
    fn honest_names_of_many_languages_are_readable() {
        for name in HONEST {
            assert_eq!(check_in_messages(name, 100), Ok(()), "{name}");
            assert_eq!(check(name, 1..=100), Ok(()), "{name}");
        }
    }

    #[test]
    fn invisible_characters_are_refused_by_code_point() {
        for c in [
            '\0',
            '\u{7}',
            '\t',
            '\n',
            '\u{7f}',
            '\u{85}',
            '\u{a0}',
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{1160}',
            '\u{1680}',
            '\u{180e}',
            '\u{2000}',
            '\u{2007}',
            '\u{200b}',
            '\u{200c}',
            '\u{200d}',
            '\u{200e}',
            '\u{200f}',
            '\u{2028}',
            '\u{2029}',
            '\u{202a}',
            '\u{202e}',
            '\u{202f}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{2800}',
            '\u{3000}',
            '\u{3164}',
            '\u{e000}',
            '\u{fe00}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fff9}',
            '\u{fffe}',
            '\u{1d173}',
            '\u{e0001}',
            '\u{e0041}',
            '\u{e0100}',
            '\u{10ffff}',
        ] {
            let name = format!("Ba{c}nk");
            let refused = Err(Unreadable::Character { code_point: c.into(), position: 3 });
            assert_eq!(check(&name, 1..=100), refused, "{name:?}");
            if !c.is_whitespace() || c == '\u{85}' || c == '\u{2028}' {
                assert_eq!(identifier(&name), refused.map(|()| String::new()), "{name:?}");
            }
        }
    }

    #[test]
    fn digits_have_no_style_of_emoji() {
        let name: String = "079123".chars().map(|digit| format!("{digit}\u{fe0f}")).collect();
        assert!(matches!(check(&name, 1..=100), Err(Unreadable::Character { code_point: 0xfe0f, position: 2 })));
    }

    #[test]
    fn surrounding_spaces_and_stacked_marks_are_refused() {
        for name in [" Bank", "Bank ", "Bank\u{a0}", "Good  Bank", " "] {
            assert_eq!(check(name, 1..=100), Err(Unreadable::Blanks), "{name:?}");
        }
        assert_eq!(check(&format!("B{}", "\u{301}".repeat(5)), 1..=100), Err(Unreadable::Marks));
        assert_eq!(check("\u{301}Bank", 1..=100), Err(Unreadable::Marks));
        assert_eq!(check("", 1..=100), Err(Unreadable::Length { least: 1, most: 100 }));
        assert_eq!(check(&"a".repeat(101), 1..=100), Err(Unreadable::Length { least: 1, most: 100 }));
    }

    #[test]
    fn what_mail_and_sms_programs_make_a_link_or_a_number_of_is_refused_in_messages() {
        for name in [
            "evil.example/login",
            "evil.example",
            "EVIL.EXAMPLE",
            "see evil.example now",
            "evil．example",
            "evil。example",
            "пример.рф",
            "https://evil",
            "https:evil",
            "tel:117",
            "mailto:me",
            "www.evil",
            "me@evil",
            "me＠evil",
            "10.0.0.12",
            "call 079 123 45 67",
            "+41 79 1",
            "123456",
            "１２３４５",
            "١٢٣٤٥",
            "1-2-3-4-5",
            "call 0•7•9•1•2",
            "1, 2, 3, 4, 5",
        ] {
            let refused = check_in_messages(name, 100);
            assert!(matches!(refused, Err(Unreadable::Link)), "{name}: {refused:?}");
        }
    }

    #[test]
    fn an_id_has_one_spelling() {
        assert_eq!(identifier("Mu\u{308}ller").unwrap(), "M\u{fc}ller");
        assert_eq!(identifier("a b").unwrap(), "a b");
        for id in [" a", "a ", "\u{3000}a"] {
            assert_eq!(identifier(id), Err(Unreadable::Blanks), "{id:?}");
        }
        for id in [String::new(), "a".repeat(257)] {
            assert_eq!(identifier(&id), Err(Unreadable::Length { least: 1, most: 256 }));
        }
    }

    proptest! {
        #[test]
        fn a_name_with_anything_invisible_anywhere_is_refused_and_ids_stay_what_they_became(
            name in "\\PC{0,20}",
            c in prop_oneof![Just('\u{202e}'), Just('\u{2066}'), Just('\u{2028}'), Just('\u{200b}'), Just('\u{feff}'), Just('\u{e000}'), any::<char>().prop_filter("control", |c| c.is_control())],
            at in 0usize..21,
        ) {
            let mut text: Vec<char> = name.chars().collect();
            text.insert(at.min(text.len()), c);
            let text: String = text.into_iter().collect();
            prop_assert!(check(&text, 0..=100).is_err());
            prop_assert!(identifier(&text).is_err());
            if let Ok(id) = identifier(&name) {
                prop_assert_eq!(identifier(&id), Ok(id.clone()));
            }
        }

        #[test]
        fn letters_in_front_of_a_domain_do_not_hide_it(before in "[a-zé ]{0,10}", label in "[a-z]{2,10}", after in "[/? a-z]{0,10}") {
            let name = format!("x{before}a.{label}{after}");
            prop_assert!(check_in_messages(&name, 100).is_err());
        }
    }
}
