//! The texts of the page, in English, German, French and Italian.

mod english;
mod events;
mod factors;
mod french;
mod german;
mod italian;
mod passes;
mod passkey_first;
mod remembered;

use jiff::Timestamp;
use maud::{Markup, html};
use twofactor::language::preferred_language;

pub(super) use events::EventWords;
pub(super) use factors::FactorWords;
pub(super) use passes::PassWords;
pub(super) use passkey_first::PasskeyFirstWords;
pub(super) use remembered::RememberedWords;

/// The texts in one language.
pub(super) struct Words {
    pub(super) tag: &'static str,
    /// The language's own name.
    pub(super) name: &'static str,
    pub(super) languages: &'static str,
    pub(super) error: &'static str,
    pub(super) choose_title: &'static str,
    pub(super) choose_lead: &'static str,
    pub(super) choose_only: &'static str,
    pub(super) by_email: &'static str,
    pub(super) by_sms: &'static str,
    pub(super) by_voice: &'static str,
    pub(super) by_other: &'static str,
    pub(super) send: &'static str,
    pub(super) code_title: &'static str,
    /// `{n}` digits, `{to}` a masked recipient.
    pub(super) sent_email: &'static str,
    pub(super) sent_sms: &'static str,
    pub(super) sent_voice: &'static str,
    pub(super) sent_other: &'static str,
    pub(super) code_label: &'static str,
    pub(super) proceed: &'static str,
    pub(super) resend: &'static str,
    pub(super) resend_wait: &'static str,
    pub(super) resent: &'static str,
    pub(super) other_way: &'static str,
    pub(super) back_to_code: &'static str,
    pub(super) cancel: &'static str,
    pub(super) back: &'static str,
    pub(super) help: &'static str,
    pub(super) second: &'static str,
    pub(super) seconds: &'static str,
    pub(super) minute: &'static str,
    pub(super) minutes: &'static str,
    pub(super) wrong: &'static str,
    pub(super) wrong_last: &'static str,
    pub(super) exhausted: &'static str,
    pub(super) length: &'static str,
    pub(super) code_over: &'static str,
    pub(super) limited: &'static str,
    pub(super) locked: &'static str,
    pub(super) not_there: &'static str,
    pub(super) try_again: &'static str,
    pub(super) not_sent: &'static str,
    pub(super) verification_failed: &'static str,
    pub(super) no_more: &'static str,
    pub(super) no_way: &'static str,
    /// Over what is being confirmed.
    pub(super) facts: &'static str,
    pub(super) what: &'static str,
    pub(super) signing_in: &'static str,
    pub(super) started: &'static str,
    pub(super) from: &'static str,
    pub(super) just_now: &'static str,
    /// `{wait}` is a span of time.
    pub(super) ago: &'static str,
    pub(super) caution: &'static str,
    pub(super) begun_elsewhere: &'static str,
    pub(super) unknown: Notice,
    pub(super) elsewhere: Notice,
    pub(super) expired: Notice,
    pub(super) done: Notice,
    pub(super) cancelled: Notice,
    pub(super) refused: Notice,
    pub(super) unavailable: Notice,
    /// About factors that a person holds.
    pub(super) factors: FactorWords,
    pub(super) passes: PassWords,
    pub(super) passkey_first: PasskeyFirstWords,
    pub(super) remembered: RememberedWords,
    /// Recent events.
    pub(super) events: EventWords,
}

/// A page with a message only: what is the case, and what to do.
pub(super) struct Notice {
    pub(super) title: &'static str,
    pub(super) text: &'static str,
}

impl Words {
    /// Returns the first supported language: the one chosen on the page, those of the application,
    /// those of the browser.
    pub(super) fn of(asked: Option<&str>, said: Option<&str>, accepted: Option<&str>) -> &'static Self {
        let tags: Vec<&str> = LANGUAGES.iter().map(|words| words.tag).collect();
        let mut lists = [asked, said, accepted].into_iter().flatten();
        let wanted = lists.find_map(|list| preferred_language(list, &tags));
        LANGUAGES.iter().find(|words| Some(words.tag) == wanted).unwrap_or(&LANGUAGES[0])
    }

    /// Returns a day, in UTC.
    pub(super) fn date(&self, at: Timestamp) -> String {
        let format = match self.tag {
            "de" => "%-d.%-m.%Y",
            "fr" | "it" => "%d/%m/%Y",
            _ => "%b %-d, %Y",
        };
        at.strftime(format).to_string()
    }

    /// Returns a day and a time in UTC. A script shows them as the person's clock does.
    pub(super) fn time(&self, at: Timestamp) -> Markup {
        let text = format!("{}, {} UTC", self.date(at), at.strftime("%H:%M"));
        html! { time datetime=(at.strftime("%Y-%m-%dT%H:%M:%SZ")) { (text) } }
    }

    /// Returns a span of time.
    pub(super) fn wait(&self, seconds: u64) -> String {
        let (n, one, many) = if seconds < 100 {
            (seconds.max(1), self.second, self.seconds)
        } else {
            (seconds.div_ceil(60), self.minute, self.minutes)
        };
        format!("{n}\u{a0}{}", if n == 1 { one } else { many })
    }
}

pub(super) const LANGUAGES: [Words; 4] = [english::WORDS, german::WORDS, french::WORDS, italian::WORDS];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_the_one_asked_for_then_the_applications_then_the_browsers() {
        for (asked, said, accepted, tag) in [
            (Some("it"), Some("de"), Some("fr"), "it"),
            (None, Some("de-CH"), Some("fr"), "de"),
            (None, None, Some("fr-CH, fr;q=0.9, en;q=0.8"), "fr"),
            (Some("xx"), Some("es"), Some("it_CH"), "it"),
            (None, None, None, "en"),
        ] {
            assert_eq!(Words::of(asked, said, accepted).tag, tag);
        }
    }

    #[test]
    fn every_language_has_the_places_that_are_filled_in() {
        for words in &LANGUAGES {
            for text in [words.sent_email, words.sent_sms, words.sent_voice, words.sent_other] {
                assert!(text.contains("{n}") && text.matches("{to}").count() == 1, "{text}");
            }
            assert!(words.wrong.contains("{n}") && words.length.contains("{n}"));
            assert!(words.limited.contains("{wait}") && words.resend_wait.contains("{wait}"));
            assert!(words.back.contains("{application}") && words.ago.contains("{wait}"));
            let factors = &words.factors;
            for text in [factors.app_lead, factors.length, factors.few_left, factors.codes_left] {
                assert!(text.contains("{n}"), "{text}");
            }
            for text in [factors.added_on, factors.last_used] {
                assert!(text.contains("{date}"), "{text}");
            }
            for text in [factors.typed_lead, factors.remove_title, factors.add_other] {
                assert!(text.contains("{name}"), "{text}");
            }
        }
    }

    #[test]
    fn durations_are_shown_in_the_units_that_people_use() {
        let [english, german, ..] = &LANGUAGES;
        assert_eq!(english.wait(1), "1\u{a0}second");
        assert_eq!(english.wait(30), "30\u{a0}seconds");
        assert_eq!(german.wait(101), "2\u{a0}Minuten");
        assert_eq!(german.wait(0), "1\u{a0}Sekunde");
    }
}
