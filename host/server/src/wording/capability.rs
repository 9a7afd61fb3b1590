//! What a provider may do.

use twofactor::Capability;
use twofactor_toolkit::wording::capability as in_english;

use super::language::Language;

/// What a provider may do, as it follows "It may".
pub(crate) fn capability(l: Language, capability: &Capability) -> String {
    match l {
        Language::English => in_english(capability),
        Language::German => in_german(capability),
    }
}

fn in_german(capability: &Capability) -> String {
    let text = match capability {
        Capability::Http => "HTTP-Anfragen an die Ziele senden, die seiner Instanz gewährt sind",
        Capability::Smtp => "E-Mails über den SMTP-Server senden, der seiner Instanz gewährt ist",
        Capability::Log => "Zeilen ins Log schreiben",
        Capability::WasiHttp => "HTTP-Anfragen an die Ziele senden, die seiner Instanz gewährt sind (über wasi:http)",
        Capability::Environment => "Umgebungsvariablen lesen; es gibt keine",
        Capability::StandardInput => "die Standardeingabe lesen; sie ist geschlossen",
        Capability::StandardOutput => "Zeilen ins Log schreiben (über die Standardausgabe)",
        Capability::StandardError => "Zeilen ins Log schreiben (über die Standardfehlerausgabe)",
        Capability::MonotonicClock => "Zeit messen",
        Capability::WallClock => "die Uhrzeit lesen",
        Capability::Random => "Zufallszahlen ziehen",
        Capability::Code => "den Code sehen, den andere nur als Platzhalter bekommen",
        Capability::Verification => {
            "entscheiden, wer eingelassen wird: seine Gegenstelle erstellt die Codes und prüft die Antworten"
        }
        Capability::Reports => {
            "lesen, was seine Gegenstelle über Nachrichten meldet, und sie als angekommen oder nicht angekommen zählen"
        }
        Capability::Secret(option) => {
            return format!("beim Zustellen das Geheimnis `{option}` sehen, das andere nicht bekommen");
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
