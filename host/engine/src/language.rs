//! Choosing a language.

/// Returns the `known` language with the highest weight in a list as in `Accept-Language` (RFC 9110 section 12.5.4).
///
/// `known` contains primary tags such as `de`. Of two with the same weight, the first in the list is chosen. Languages with the
/// weight 0, and ranges whose weight is malformed, are ignored.
pub fn preferred_language<'a>(list: &str, known: &[&'a str]) -> Option<&'a str> {
    let mut wanted: Option<(&str, u16)> = None;
    for range in list.split(',').take(MOST_RANGES) {
        let mut parts = range.split(';').map(str::trim);
        let tag = parts.next().unwrap_or_default().split(['-', '_']).next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        let Some(weight) = weight.map_or(Some(1000), thousandths) else { continue };
        let found = known.iter().find(|known| known.eq_ignore_ascii_case(tag));
        if let Some(language) = found
            && weight > wanted.map_or(0, |(_, weight)| weight)
        {
            wanted = Some((language, weight));
        }
    }
    wanted.map(|(language, _)| language)
}

/// The maximum number of ranges in a list that are read.
const MOST_RANGES: usize = 50;

/// Returns a weight (RFC 9110 section 12.4.2): 0 to 1 with at most three digits behind the point. `None` for anything else.
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, rest) = weight.split_once('.').unwrap_or((weight, ""));
    if !matches!(whole, "0" | "1") || rest.len() > 3 || !rest.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    format!("{whole}{rest:0<3}").parse().ok().filter(|weight| *weight <= 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_with_the_highest_weight_is_chosen() {
        for (list, expected) in [
            ("de-CH", Some("de")),
            ("fr_CH", Some("fr")),
            ("es, it;q=0.5", Some("it")),
            ("en;q=0.1, de;q=0.9", Some("de")),
            ("de;q=0, fr", Some("fr")),
            ("de;q=0.0, de-CH;q=0", None),
            ("fr;q=0.5, it;q=0.5", Some("fr")),
            ("it; q=0.8 , de;Q=0.85", Some("de")),
            ("es, de;q=0.001", Some("de")),
            ("de;q=2, fr;q=0.1", Some("fr")),
            ("de;q=nan, fr;q=0.1", Some("fr")),
            ("*;q=0.5, it;q=0.1", Some("it")),
            ("de;level=1, fr;q=0.9", Some("de")),
            ("", None),
            ("xx", None),
        ] {
            assert_eq!(preferred_language(list, &["en", "de", "fr", "it"]), expected, "{list}");
        }
    }
}
