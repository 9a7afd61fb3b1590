//! Capabilities of providers.

use twofactor::sandbox::Capability;
use twofactor_toolkit::wording::capability as in_english;

use super::language::Language;

/// Returns a capability of a provider, as an item of a list.
pub(crate) fn capability(l: Language, capability: &Capability) -> String {
    match l {
        Language::English => in_english(capability),
        Language::German => in_german(capability),
    }
}

fn in_german(capability: &Capability) -> String {
    let text = match capability {
        Capability::Http => "HTTP-Anfragen an die für die Instanz erlaubten Ziele senden",
        Capability::Smtp => "E-Mails über den für die Instanz erlaubten SMTP-Server senden",
        Capability::Log => "ins Log schreiben",
        Capability::WasiHttp => "HTTP-Anfragen an die für die Instanz erlaubten Ziele senden (über wasi:http)",
        Capability::Environment => "Umgebungsvariablen lesen (keine gesetzt)",
        Capability::StandardInput => "Standardeingabe lesen (geschlossen)",
        Capability::StandardOutput => "ins Log schreiben (über die Standardausgabe)",
        Capability::StandardError => "ins Log schreiben (über die Standardfehlerausgabe)",
        Capability::MonotonicClock => "vergangene Zeit messen",
        Capability::WallClock => "aktuelle Uhrzeit lesen",
        Capability::Random => "Zufallszahlen erzeugen",
        Capability::Code => "den Code sehen (andere Provider erhalten nur einen Platzhalter)",
        Capability::Verification => "entscheiden, wer verifiziert wird: der SMS-Anbieter erstellt und prüft die Codes",
        Capability::Factor => {
            "die Antworten der Faktoren dieses Typs prüfen (der Provider hat dabei keinen Netzwerkzugriff)"
        }
        Capability::Reports => {
            "Zustellberichte lesen, nach denen Nachrichten als zugestellt oder fehlgeschlagen zählen"
        }
        Capability::Secret(option) => {
            return format!("beim Zustellen das Geheimnis `{option}` sehen (andere Provider erhalten es nicht)");
        }
        Capability::PlaceSecret(placement) => {
            let (option, parts) = (&placement.option[1..], super::connection::parts_in_german(placement.parts));
            return format!(
                "das Geheimnis `{option}` {parts} seiner Anfragen einsetzen lassen (der Provider sieht es nicht)"
            );
        }
        // A capability that is newer than this program.
        other => return other.to_string(),
    };
    text.to_owned()
}

/// Returns several capabilities, as items of a list.
pub(crate) fn capabilities(l: Language, all: &[Capability]) -> Vec<String> {
    all.iter().map(|one| capability(l, one)).collect()
}
