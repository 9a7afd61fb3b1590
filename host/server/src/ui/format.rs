//! Times, numbers and shares, as readers of each language write them.

use jiff::Timestamp;
use maud::{Markup, html};

use crate::wording::Language;

/// Returns a time in UTC: exact for machines, to the minute for people.
pub(super) fn time(l: Language, at: Timestamp) -> Markup {
    html! { time datetime=(at) { (time_text(l, at)) } }
}

/// Returns the same as text.
pub(super) fn time_text(l: Language, at: Timestamp) -> String {
    at.strftime(l.say("%Y-%m-%d %H:%M UTC", "%d.%m.%Y, %H:%M UTC")).to_string()
}

/// Returns a day and time of this year.
pub(super) fn short_time(l: Language, at: Timestamp) -> String {
    at.strftime(l.say("%m-%d %H:%M", "%d.%m., %H:%M")).to_string()
}

/// Returns a number with separators between thousands.
pub(super) fn number(l: Language, n: u64) -> String {
    let separator = match l {
        Language::English => ',',
        Language::German => '.',
    };
    let digits = n.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(separator);
        }
        text.push(digit);
    }
    text
}

/// Returns a share in percent, rounded; a dash for a share of nothing.
pub(super) fn percent(l: Language, part: u64, all: u64) -> String {
    match (100 * part.min(all) + all / 2).checked_div(all) {
        None => "–".to_owned(),
        Some(share) => format!("{share}{}", l.say("%", "\u{a0}%")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Language::{English, German};

    #[test]
    fn times_are_written_as_in_the_language_and_say_that_they_are_utc() {
        let at = Timestamp::from_second(1_795_929_120).unwrap_or_default();
        assert_eq!(time_text(English, at), "2026-11-29 05:12 UTC");
        assert_eq!(time_text(German, at), "29.11.2026, 05:12 UTC");
        assert_eq!((short_time(English, at), short_time(German, at)), ("11-29 05:12".into(), "29.11., 05:12".into()));
    }

    #[test]
    fn thousands_are_separated() {
        for (n, english, german) in [(0, "0", "0"), (999, "999", "999"), (1000, "1,000", "1.000")] {
            assert_eq!((&*number(English, n), &*number(German, n)), (english, german));
        }
        assert_eq!(number(German, 12_345_678), "12.345.678");
    }

    #[test]
    fn a_share_of_nothing_is_a_dash_and_shares_are_rounded() {
        let shares = [(0, 0), (0, 3), (2, 3), (3, 3), (4, 3)].map(|(part, all)| percent(English, part, all));
        assert_eq!(shares, ["–", "0%", "67%", "100%", "100%"]);
        assert_eq!(percent(German, 2, 3), "67\u{a0}%");
    }
}
