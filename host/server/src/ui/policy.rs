//! An instance's own policy for codes, as fields of its form.

use super::schema::{Choice, Field, Kind};
use crate::wording::Language;

/// The prefix of its fields in the form.
pub(super) const AT: &str = "policy";

/// Returns the fields of [`twofactor::instance::Policy`].
pub(super) fn fields(l: Language) -> Vec<Field> {
    let number = |name: &str, label: &str, help: &str| Field { kind: Kind::Number, ..text(name, label, help) };
    let choice = |value: &str, label: &str| Choice { value: value.to_owned(), label: label.to_owned() };
    vec![
        text(
            "application_name",
            l.say("Application name", "Name der Anwendung"),
            l.say("Shown in messages.", "Wird in Nachrichten angezeigt."),
        ),
        number(
            "code_length",
            l.say("Code length (digits)", "Länge des Codes (Ziffern)"),
            l.say("4–10; at least 6 is recommended.", "4–10; mindestens 6 werden empfohlen."),
        ),
        number("lifetime_seconds", l.say("Valid for (seconds)", "Gültigkeit (Sekunden)"), "30–600"),
        number(
            "attempts",
            l.say("Attempts per challenge", "Versuche pro Challenge"),
            l.say(
                "Counted over all codes of the challenge.",
                "Gezählt über alle Codes der Challenge.",
            ),
        ),
        number(
            "resend_interval_seconds",
            l.say("Resend interval (seconds)", "Abstand zwischen zwei Codes (Sekunden)"),
            "5–600",
        ),
        number("resends", l.say("Resends", "Erneute Zusendungen"), "0–10"),
        Field {
            kind: Kind::Flag,
            ..text(
                "keep_earlier_codes",
                l.say("Keep earlier codes valid", "Frühere Codes bleiben gültig"),
                l.say(
                    "After a resend, the previous code is also accepted.",
                    "Nach einer erneuten Zusendung wird auch der vorherige Code akzeptiert.",
                ),
            )
        },
        text(
            "webotp_host",
            l.say("WebOTP host", "WebOTP-Host"),
            l.say(
                "Browsers autofill codes from SMS only on this host, for example login.example.com.",
                "Browser füllen Codes aus SMS nur auf diesem Host automatisch aus, zum Beispiel login.example.com.",
            ),
        ),
        Field {
            kind: Kind::Lines,
            ..text(
                "countries",
                l.say("Countries", "Länder"),
                l.say(
                    "Countries to which SMS and calls may go: one two-letter country code per line, or * for all.",
                    "Länder, in die SMS und Anrufe gehen dürfen: ein Ländercode aus zwei Buchstaben pro Zeile, oder * für alle.",
                ),
            )
        },
        number(
            "messages_per_day",
            l.say("Messages per day", "Nachrichten pro Tag"),
            l.say(
                "Above this limit, another instance is tried. 0 = unlimited.",
                "Ist das Limit erreicht, wird eine andere Instanz verwendet. 0 = unbegrenzt.",
            ),
        ),
        number(
            "segments_per_day",
            l.say("SMS segments per day", "SMS-Segmente pro Tag"),
            l.say(
                "Billed segments as reported by the SMS gateway. 0 = unlimited.",
                "Abgerechnete Segmente laut SMS-Anbieter. 0 = unbegrenzt.",
            ),
        ),
        number(
            "bytes_per_day",
            l.say("Bytes per day", "Bytes pro Tag"),
            l.say("Sent to and received from the upstream. 0 = unlimited.", "An den Mailserver oder SMS-Anbieter gesendet und von ihm empfangen. 0 = unbegrenzt."),
        ),
        number(
            "retries",
            l.say("Retries", "Wiederholungen"),
            l.say(
                "0–5; automatic retries of messages that were definitely not sent.",
                "0–5; automatische Wiederholungen von Nachrichten, die sicher nicht gesendet wurden.",
            ),
        ),
        number(
            "pause_after",
            l.say("Pause after (failures)", "Pause nach (Anzahl Fehler)"),
            l.say(
                "After this many consecutive failures, sending pauses and another instance is tried. 0 = after 50.",
                "Nach so vielen aufeinanderfolgenden Fehlern pausiert das Senden, und eine andere Instanz wird verwendet. 0 = nach 50.",
            ),
        ),
        number("pause_seconds", l.say("Pause (seconds)", "Pause (Sekunden)"), "1–3600"),
        Field {
            kind: Kind::Choice(vec![
                choice("any", l.say("Any", "Beliebig")),
                choice("phishing-resistant", l.say("Passkey or security key", "Passkey oder Sicherheitsschlüssel")),
                choice("device-bound", l.say("Bound to one device", "An ein Gerät gebunden")),
                choice(
                    "attested",
                    l.say(
                        "Bound to one device, model verified by attestation",
                        "An ein Gerät gebunden, Modell durch Attestierung nachgewiesen",
                    ),
                ),
            ]),
            ..text(
                "required_factor",
                l.say("Required factor", "Erforderlicher Faktor"),
                l.say(
                    "Applies when a factor is added and when it is used. An instance that cannot provide it is invalid.",
                    "Gilt beim Einrichten und beim Verwenden eines Faktors. Eine Instanz, die keinen solchen Faktor bieten kann, ist ungültig.",
                ),
            )
        },
        Field {
            kind: Kind::Choice(vec![
                choice(
                    "first-factor",
                    l.say("First factor, stated by the application", "Erster Faktor (von der Anwendung bestätigt)"),
                ),
                choice("pass", l.say("Temporary pass", "Temporärer Zugangscode")),
            ]),
            ..text(
                "first_enrolment",
                l.say("First enrolment needs", "Voraussetzung für die erste Einrichtung"),
                l.say(
                    "What a user without a factor needs to add the first one.",
                    "Was ein Benutzer ohne Faktor braucht, um den ersten einzurichten.",
                ),
            )
        },
        text(
            "first_enrolment_until",
            l.say("Enrol without a pass until", "Einrichtung ohne Zugangscode bis"),
            l.say(
                "After this time a temporary pass is required, for example 2027-01-31T00:00:00Z.",
                "Danach ist ein temporärer Zugangscode nötig, zum Beispiel 2027-01-31T00:00:00Z.",
            ),
        ),
        Field {
            kind: Kind::Flag,
            ..text(
                "enrol_in_sign_in",
                l.say("Offer enrolment during sign-in", "Einrichtung während der Anmeldung anbieten"),
                l.say(
                    "The sign-in page invites users without a factor to add one.",
                    "Die Anmeldeseite bietet Benutzern ohne Faktor an, einen einzurichten.",
                ),
            )
        },
        Field {
            kind: Kind::Flag,
            ..text(
                "pass_signs_in",
                l.say("Sign in with temporary passes", "Anmeldung mit temporärem Zugangscode"),
                l.say(
                    "Otherwise a pass is only for adding factors.",
                    "Sonst lassen sich damit nur Faktoren einrichten.",
                ),
            )
        },
        Field {
            kind: Kind::Flag,
            ..text(
                "passwordless",
                l.say("Sign in with passkeys, without a user name", "Anmeldung mit Passkey ohne Benutzernamen"),
                l.say(
                    "The sign-in page then asks for a passkey if the application names no user. Only for passkeys.",
                    "Die Anmeldeseite fragt dann nach einem Passkey, wenn die Anwendung keinen Benutzer nennt. Nur für Passkeys.",
                ),
            )
        },
        number(
            "remembered_days",
            l.say("Remember browsers (days)", "Browser speichern (Tage)"),
            l.say(
                "0–30; users are not asked for a factor in a remembered browser. 0 = never.",
                "0–30; in einem gespeicherten Browser wird kein Faktor verlangt. 0 = nie.",
            ),
        ),
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
        let policy = serde_json::to_value(twofactor::instance::Policy::default()).unwrap_or_default();
        let mut of_policy: Vec<&str> =
            policy.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        let fields = fields(Language::English);
        let mut of_form: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        of_policy.sort_unstable();
        of_form.sort_unstable();
        assert_eq!(of_form, of_policy);
    }
}
