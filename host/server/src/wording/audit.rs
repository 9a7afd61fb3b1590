//! The wording of the audit log.

use serde_json::Value;

use super::language::Language;
use super::sentence;

/// The actions, in the order in which a filter offers them: stable name, English, German.
const ACTIONS: &[(&str, &str, &str)] = &[
    ("instance.create", "TwoFactor instance created", "TwoFactor-Instanz erstellt"),
    ("instance.update", "TwoFactor instance changed", "TwoFactor-Instanz geändert"),
    ("instance.assign", "Assignments changed", "Zuweisungen geändert"),
    ("instance.test", "Test message sent", "Testnachricht gesendet"),
    ("instance.delete", "TwoFactor instance deleted", "TwoFactor-Instanz gelöscht"),
    ("base-settings.set", "Base service settings changed", "Basiseinstellungen geändert"),
    ("subscription.create", "Subscription created", "Subscription erstellt"),
    ("subscription.change", "Subscription changed", "Subscription geändert"),
    ("subscription.delete", "Subscription deleted", "Subscription gelöscht"),
    ("sign-in-page.set", "Sign-in page changed", "Anmeldeseite geändert"),
    ("directory.put", "Directory changed", "Verzeichnis geändert"),
    ("directory.delete", "Directory entry deleted", "Verzeichniseintrag gelöscht"),
    ("user.unlock", "User unlocked", "Benutzer entsperrt"),
    ("user.notice", "User notified", "Benutzer benachrichtigt"),
    ("factor.enrol", "Factor added", "Faktor hinzugefügt"),
    ("factor.rename", "Factor renamed", "Faktor umbenannt"),
    ("factor.suspend", "Factor suspended", "Faktor ausgesetzt"),
    ("factor.resume", "Factor resumed", "Faktor wieder aktiviert"),
    ("factor.remove", "Factor removed", "Faktor entfernt"),
    ("factor.reset", "All factors reset", "Alle Faktoren zurückgesetzt"),
    ("factor.note", "Warning about a factor", "Warnung zu einem Faktor"),
    ("factor.import", "Authenticator apps imported", "Authenticator-Apps importiert"),
    ("pass.issue", "Temporary pass issued", "Temporärer Zugangscode ausgestellt"),
    ("pass.end", "Temporary pass revoked", "Temporärer Zugangscode widerrufen"),
    ("device.remember", "Browser remembered", "Browser gespeichert"),
    ("device.forget", "Remembered browser forgotten", "Gespeicherter Browser entfernt"),
    ("address.add", "Address verified", "Adresse bestätigt"),
    ("address.remove", "Address removed", "Adresse entfernt"),
    ("provider.add", "Provider installed", "Provider installiert"),
    ("provider.roll_back", "Provider rolled back", "Provider zurückgesetzt"),
    ("provider.remove", "Provider removed", "Provider entfernt"),
    ("token.issue", "Token created", "Token erstellt"),
    ("token.revoke", "Token revoked", "Token widerrufen"),
    ("account.create", "Account created", "Konto erstellt"),
    ("account.update", "Account changed", "Konto geändert"),
    ("account.delete", "Account deleted", "Konto gelöscht"),
    ("account.invite", "Invitation created", "Einladung erstellt"),
    ("account.accept-invitation", "Invitation accepted", "Einladung angenommen"),
    ("account.login", "Logged in", "Angemeldet"),
    ("account.login-refused", "Login denied", "Anmeldung abgelehnt"),
    ("account.logout", "Logged out", "Abgemeldet"),
    ("account.end-session", "Session ended", "Sitzung beendet"),
    ("account.change-password", "Password changed", "Passwort geändert"),
    ("account.password-refused", "Current password rejected", "Aktuelles Passwort abgelehnt"),
    ("account.reauthenticate", "Identity confirmed again", "Identität erneut bestätigt"),
    ("store.restore", "Database restored from a backup", "Datenbank aus einem Backup wiederhergestellt"),
    ("second-factor.set", "Second factor of administrators changed", "Zweiter Faktor der Administratoren geändert"),
];

/// Returns the actions: stable name, English and German.
pub(crate) fn actions(l: Language) -> impl Iterator<Item = (&'static str, &'static str)> {
    ACTIONS.iter().map(move |(name, english, german)| (*name, l.say(english, german)))
}

/// Returns the wording of an action, or its stable name if there is none.
pub(crate) fn action(l: Language, name: &str) -> &str {
    ACTIONS.iter().find(|(known, ..)| *known == name).map_or(name, |(_, english, german)| l.say(english, german))
}

/// Returns the details of an entry, each with its subject and its text.
pub(crate) fn details(l: Language, detail: &str) -> Vec<(String, String)> {
    let Ok(Value::Object(fields)) = serde_json::from_str(detail) else {
        return if detail.is_empty() { Vec::new() } else { vec![(String::new(), plain(l, detail))] };
    };
    let one = |(pointer, value): (String, Value)| {
        let said = match &value {
            Value::Array(pair) if pair.len() == 2 => match (&pair[0], &pair[1]) {
                (Value::Null, after) => shown(l, after),
                (before, Value::Null) => format!("{}: {}", l.say("Removed", "Entfernt"), shown(l, before)),
                (before, after) => format!("{} → {}", shown(l, before), shown(l, after)),
            },
            Value::String(word) => match &**word {
                "entered" => l.say("Entered", "Eingegeben").to_owned(),
                "changed" => l.say("Changed", "Geändert").to_owned(),
                "removed" => l.say("Removed", "Entfernt").to_owned(),
                other => other.to_owned(),
            },
            other => other.to_string(),
        };
        let about = match &*pointer {
            "more" => l.say("Omitted fields", "Ausgelassene Felder"),
            "/name" => l.say("Name", "Name"),
            "/active" => l.say("Active", "Aktiv"),
            "/type" => l.say("Type", "Typ"),
            "/role" => l.say("Role", "Rolle"),
            "/revoked_at" => l.say("Revoked", "Widerrufen"),
            "/expires_at" => l.say("Expires", "Läuft ab"),
            "/subscriptions" => "Subscriptions",
            other => other.trim_start_matches('/'),
        };
        (about.to_owned(), said)
    };
    fields.into_iter().map(one).collect()
}

fn plain(l: Language, detail: &str) -> String {
    match l {
        Language::English => detail.to_owned(),
        Language::German => {
            sentence(l, detail).replace(" instead of ", " anstelle von ").replace(", signed by ", ", signiert von ")
        }
    }
}

fn shown(l: Language, value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::Bool(true) => l.say("Yes", "Ja").to_owned(),
        Value::Bool(false) => l.say("No", "Nein").to_owned(),
        Value::String(text) if text == "(contains a secret)" => {
            l.say("(contains a secret)", "(enthält ein Geheimnis)").to_owned()
        }
        Value::String(text) => match &**text {
            "system_admin" => l.say("System administrator", "Systemadministrator").to_owned(),
            "subscription_admin" => l.say("Subscription administrator", "Subscription-Administrator").to_owned(),
            "auditor" => "Auditor".to_owned(),
            "application" => l.say("Application", "Anwendung").to_owned(),
            _ => text.clone(),
        },
        Value::Array(all) => all.iter().map(|one| shown(l, one)).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
