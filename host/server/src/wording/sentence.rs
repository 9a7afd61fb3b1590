//! Sentences of the engine and of providers, in the reader's language.

use maud::{Markup, html};

use super::german::sentences;
use super::language::Language;

/// The depth to which sentences within sentences are translated.
const DEPTH: u8 = 3;

/// Returns the sentence in the reader's language, or unchanged if there is no translation.
pub(crate) fn sentence(l: Language, english: &str) -> String {
    match l {
        Language::English => english.to_owned(),
        Language::German => german(english, DEPTH).unwrap_or_else(|| english.to_owned()),
    }
}

/// Returns the sentence for a page; without a translation, it is marked as English.
pub(crate) fn spoken(l: Language, english: &str) -> Markup {
    match (l, german(english, DEPTH)) {
        (Language::English, _) => html! { (english) },
        (Language::German, Some(german)) => html! { (german) },
        (Language::German, None) => html! { span lang="en" { (english) } },
    }
}

fn german(english: &str, depth: u8) -> Option<String> {
    let depth = depth.checked_sub(1)?;
    if let Some((_, german)) = sentences().find(|(known, _)| *known == english) {
        return Some(german.to_owned());
    }
    sentences().filter(|(known, _)| known.contains("{}")).find_map(|(known, german_text)| {
        let values = values(known, english)?;
        let mut text = String::new();
        let mut parts = german_text.split("{}");
        text.push_str(parts.next()?);
        for (part, value) in parts.zip(&values) {
            match german(value, depth) {
                Some(translated) => text.push_str(&translated),
                // A name or a number needs no translation. If the value is a sentence, the whole text has no translation.
                None if is_sentence(value) => return None,
                None => text.push_str(value),
            }
            text.push_str(part);
        }
        Some(text)
    })
}

/// Returns whether a value is a sentence. Names, numbers and lists of them have spaces only after commas.
fn is_sentence(value: &str) -> bool {
    value.split(", ").any(|part| part.contains(' '))
}

/// Returns the values of the placeholders of a template.
fn values<'a>(template: &str, text: &'a str) -> Option<Vec<&'a str>> {
    let mut parts = template.split("{}");
    let mut rest = text.strip_prefix(parts.next()?)?;
    let mut values = Vec::new();
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        let end = if part.is_empty() && parts.peek().is_none() {
            rest.len()
        } else if parts.peek().is_none() {
            rest.strip_suffix(part)?.len()
        } else {
            rest.find(part)?
        };
        values.push(&rest[..end]);
        rest = &rest[end + part.len()..];
    }
    Some(values).filter(|values| rest.is_empty() && values.iter().all(|value| !value.is_empty()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn variable_values_keep_their_place() {
        for (english, in_german) in [
            ("must be 30 to 600", "muss zwischen 30 und 600 liegen"),
            ("must be one of: SMTP, M365", "muss einer der folgenden Werte sein: SMTP, M365"),
            (
                "`name` must be a single line of 1 to 100 characters",
                "`name` muss einzeilig sein und 1 bis 100 Zeichen haben",
            ),
            (
                "the component failed in `describe`: the component exceeded its running time",
                "Fehler der Komponente in `describe`: die Komponente hat die erlaubte Laufzeit überschritten",
            ),
        ] {
            assert_eq!(sentence(Language::German, english), in_german);
            assert_eq!(sentence(Language::English, english), english);
        }
    }

    #[test]
    fn untranslated_texts_of_others_are_kept_and_marked() {
        for strange in ["must be blue on Mondays", "`name` must be blue on Mondays", ""] {
            assert_eq!(sentence(Language::German, strange), strange);
        }
        assert_eq!(spoken(Language::German, "be <blue>").into_string(), "<span lang=\"en\">be &lt;blue&gt;</span>");
        assert_eq!(spoken(Language::English, "be blue").into_string(), "be blue");
    }

    #[test]
    fn each_sentence_is_listed_once_and_has_as_many_places_in_german() {
        for (n, (english, german)) in sentences().enumerate() {
            assert_eq!(english.matches("{}").count(), german.matches("{}").count(), "{english}");
            assert!(sentences().skip(n + 1).all(|(other, _)| other != english), "{english}");
        }
    }
}
