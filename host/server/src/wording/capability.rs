//! What a provider may do.

use twofactor::Capability;

use super::language::Language;

/// What a provider may do, as it follows "It may".
fn capability(l: Language, capability: &Capability) -> String {
    let text = match capability {
        Capability::Http => l.say(
            "send HTTP requests to the origins its instance is granted",
            "HTTP-Anfragen an die Ziele senden, die seiner Instanz gewährt sind",
        ),
        Capability::Smtp => l.say(
            "send mail through the SMTP server its instance is granted",
            "E-Mails über den SMTP-Server senden, der seiner Instanz gewährt ist",
        ),
        Capability::Log => l.say("write lines to the log", "Zeilen ins Log schreiben"),
        Capability::WasiHttp => l.say(
            "send HTTP requests to the origins its instance is granted (as wasi:http)",
            "HTTP-Anfragen an die Ziele senden, die seiner Instanz gewährt sind (über wasi:http)",
        ),
        Capability::Environment => {
            l.say("read an environment, which is empty", "Umgebungsvariablen lesen; es gibt keine")
        }
        Capability::StandardInput => {
            l.say("read standard input, which is closed", "die Standardeingabe lesen; sie ist geschlossen")
        }
        Capability::StandardOutput => {
            l.say("write lines to the log (as standard output)", "Zeilen ins Log schreiben (über die Standardausgabe)")
        }
        Capability::StandardError => l.say(
            "write lines to the log (as standard error)",
            "Zeilen ins Log schreiben (über die Standardfehlerausgabe)",
        ),
        Capability::MonotonicClock => l.say("measure time", "Zeit messen"),
        Capability::WallClock => l.say("read the time of day", "die Uhrzeit lesen"),
        Capability::Random => l.say("draw random numbers", "Zufallszahlen ziehen"),
        Capability::Code => l.say(
            "see the code, which others get as a placeholder",
            "den Code sehen, den andere nur als Platzhalter bekommen",
        ),
        Capability::Verification => l.say(
            "decide who is let in: its upstream makes the codes and judges the answers",
            "entscheiden, wer eingelassen wird: seine Gegenstelle erstellt die Codes und prüft die Antworten",
        ),
        Capability::Reports => l.say(
            "read what its upstream reports of messages, and count them as arrived or not",
            "lesen, was seine Gegenstelle über Nachrichten meldet, und sie als angekommen oder nicht angekommen zählen",
        ),
        Capability::Secret(option) => {
            return match l {
                Language::English => {
                    format!("see the secret `{option}` while it delivers, which is withheld from others")
                }
                Language::German => {
                    format!("beim Zustellen das Geheimnis `{option}` sehen, das andere nicht bekommen")
                }
            };
        }
        // One that this program is too old to word.
        other => return other.to_string(),
    };
    text.to_owned()
}

/// The same for several.
pub(crate) fn capabilities(l: Language, all: &[Capability]) -> Vec<String> {
    all.iter().map(|one| capability(l, one)).collect()
}
