//! An instance's own policy for codes, as fields of its form.

use super::schema::{Field, Kind};
use crate::wording::Language;

/// Where its fields stand in the form.
pub(super) const AT: &str = "policy";

/// The fields of [`twofactor::Policy`].
pub(super) fn fields(l: Language) -> Vec<Field> {
    let number = |name: &str, label: &str, help: &str| Field { kind: Kind::Number, ..text(name, label, help) };
    vec![
        text(
            "application_name",
            l.say("Application name", "Name der Applikation"),
            l.say("Stands in the messages.", "Steht in den Nachrichten."),
        ),
        number(
            "code_length",
            l.say("Digits", "Stellen"),
            l.say("4 to 10; fewer than 6 are too few for most uses.", "4 bis 10; weniger als 6 sind meist zu wenig."),
        ),
        number("lifetime_seconds", l.say("Good for (seconds)", "Gültig (Sekunden)"), "30–600"),
        number(
            "attempts",
            l.say("Answers", "Antworten"),
            l.say(
                "How many a challenge takes, over all its codes.",
                "Wie viele eine Challenge annimmt, über alle ihre Codes.",
            ),
        ),
        number(
            "resend_interval_seconds",
            l.say("Between two messages (seconds)", "Zwischen zwei Nachrichten (Sekunden)"),
            "5–600",
        ),
        number("resends", l.say("Resends", "Erneute Sendungen"), "0–10"),
        Field {
            kind: Kind::Flag,
            ..text(
                "keep_earlier_codes",
                l.say("Earlier codes stay good", "Frühere Codes bleiben gültig"),
                l.say(
                    "After a resend the code before it is accepted as well.",
                    "Nach einer erneuten Sendung gilt auch der Code davor.",
                ),
            )
        },
        text(
            "webotp_host",
            l.say("Host for WebOTP", "Host für WebOTP"),
            l.say(
                "Browsers fill in codes of SMS on this host only, such as login.example.com.",
                "Browser füllen Codes aus SMS nur auf diesem Host ein, etwa login.example.com.",
            ),
        ),
        Field {
            kind: Kind::Lines,
            ..text(
                "countries",
                l.say("Countries", "Länder"),
                l.say(
                    "Where SMS may go: a code of two letters a line, or * for all.",
                    "Wohin SMS gehen dürfen: je Zeile ein Code aus zwei Buchstaben, oder * für alle.",
                ),
            )
        },
        number(
            "messages_per_day",
            l.say("Messages a day", "Nachrichten am Tag"),
            l.say(
                "Beyond them another instance is tried. 0 for as many as come.",
                "Darüber wird eine andere Instanz versucht. 0 für beliebig viele.",
            ),
        ),
        number(
            "parts_per_day",
            l.say("Parts of SMS a day", "SMS-Teile am Tag"),
            l.say(
                "What gateways bill, as they report it. 0 for as many as come.",
                "Was Gateways verrechnen, wie sie es melden. 0 für beliebig viele.",
            ),
        ),
        number(
            "bytes_per_day",
            l.say("Bytes a day", "Bytes am Tag"),
            l.say("To and from the upstream. 0 for as many as come.", "Zum Dienst und von ihm. 0 für beliebig viele."),
        ),
        number(
            "retries",
            l.say("Retries", "Wiederholungen"),
            l.say(
                "0–5: how often a message that surely was not sent is tried again by itself.",
                "0–5: wie oft eine Nachricht, die sicher nicht gesendet wurde, von selbst wiederholt wird.",
            ),
        ),
        number(
            "pause_after",
            l.say("Pause after (failures)", "Pause nach (Fehlern)"),
            l.say(
                "After so many in a row the upstream is left alone, and another instance is tried. 0 for never.",
                "Nach so vielen in Folge wird der Dienst in Ruhe gelassen und eine andere Instanz versucht. 0 für nie.",
            ),
        ),
        number("pause_seconds", l.say("Pause (seconds)", "Pause (Sekunden)"), "1–3600"),
    ]
}

fn text(name: &str, label: &str, help: &str) -> Field {
    Field {
        name: name.to_owned(),
        label: label.to_owned(),
        help: help.to_owned(),
        link: None,
        required: false,
        default: None,
        kind: Kind::Text { input: "text", max: Some(100) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_policy_has_its_field() {
        let policy = serde_json::to_value(twofactor::Policy::default()).unwrap_or_default();
        let mut of_policy: Vec<&str> =
            policy.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        let fields = fields(Language::English);
        let mut of_form: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        of_policy.sort_unstable();
        of_form.sort_unstable();
        assert_eq!(of_form, of_policy);
    }
}
