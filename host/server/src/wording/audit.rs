//! The audit log in words.

use serde_json::Value;

use super::language::Language;
use super::sentence;

/// What can be done, in the order in which a filter offers it: the stable name, English, German.
const ACTIONS: &[(&str, &str, &str)] = &[
    ("instance.create", "created a TwoFactor instance", "TwoFactor-Instanz erstellt"),
    ("instance.update", "changed a TwoFactor instance", "TwoFactor-Instanz geändert"),
    ("instance.assign", "changed the assignments of an instance", "Zuweisungen einer Instanz geändert"),
    ("instance.test", "sent a test", "Test gesendet"),
    ("instance.delete", "removed a TwoFactor instance", "TwoFactor-Instanz entfernt"),
    ("base-settings.set", "changed base service settings", "Basiseinstellungen geändert"),
    ("subscription.create", "created a subscription", "Subscription erstellt"),
    ("subscription.change", "changed a subscription", "Subscription geändert"),
    ("subscription.delete", "removed a subscription", "Subscription entfernt"),
    ("sign-in-page.set", "changed a sign-in page", "Anmeldeseite geändert"),
    ("directory.put", "changed a directory", "Verzeichnis geändert"),
    ("directory.delete", "removed a directory entry", "Verzeichniseintrag entfernt"),
    ("user.unlock", "unlocked a user", "Benutzer entsperrt"),
    ("provider.add", "installed a provider", "Provider installiert"),
    ("provider.roll_back", "rolled a provider back", "Provider zurückgenommen"),
    ("provider.remove", "removed a provider", "Provider entfernt"),
    ("token.issue", "issued a token", "Token ausgestellt"),
    ("token.revoke", "revoked a token", "Token widerrufen"),
    ("account.create", "created an account", "Konto erstellt"),
    ("account.update", "changed an account", "Konto geändert"),
    ("account.delete", "removed an account", "Konto entfernt"),
    ("account.invite", "invited somebody", "Einladung erstellt"),
    ("account.accept-invitation", "accepted an invitation", "Einladung angenommen"),
    ("account.log-in", "logged in", "angemeldet"),
    ("account.log-in-refused", "login refused", "Anmeldung abgelehnt"),
    ("account.log-out", "logged out", "abgemeldet"),
];

/// What can be done, by its stable name and in words.
pub(crate) fn actions(l: Language) -> impl Iterator<Item = (&'static str, &'static str)> {
    ACTIONS.iter().map(move |(name, english, german)| (*name, l.say(english, german)))
}

/// What was done, in words; its stable name if it has none.
pub(crate) fn action(l: Language, name: &str) -> &str {
    ACTIONS.iter().find(|(known, ..)| *known == name).map_or(name, |(_, english, german)| l.say(english, german))
}

/// The details of a line, each as what it is about and what was said of it.
pub(crate) fn details(l: Language, detail: &str) -> Vec<(String, String)> {
    let Ok(Value::Object(fields)) = serde_json::from_str(detail) else {
        return if detail.is_empty() { Vec::new() } else { vec![(String::new(), plain(l, detail))] };
    };
    let one = |(pointer, value): (String, Value)| {
        let said = match &value {
            Value::Array(pair) if pair.len() == 2 => match (&pair[0], &pair[1]) {
                (Value::Null, after) => shown(l, after),
                (before, Value::Null) => format!("{}: {}", l.say("removed", "entfernt"), shown(l, before)),
                (before, after) => format!("{} → {}", shown(l, before), shown(l, after)),
            },
            Value::String(word) => match &**word {
                "entered" => l.say("entered", "eingegeben").to_owned(),
                "changed" => l.say("changed", "geändert").to_owned(),
                "removed" => l.say("removed", "entfernt").to_owned(),
                other => other.to_owned(),
            },
            other => other.to_string(),
        };
        let about = match &*pointer {
            "more" => l.say("fields left out", "weggelassene Felder"),
            "/name" => l.say("name", "Name"),
            "/active" => l.say("active", "aktiv"),
            "/type" => l.say("type", "Typ"),
            "/role" => l.say("role", "Rolle"),
            "/revoked_at" => l.say("revoked", "widerrufen"),
            "/expires_at" => l.say("expires", "läuft ab"),
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
        Value::Bool(true) => l.say("yes", "ja").to_owned(),
        Value::Bool(false) => l.say("no", "nein").to_owned(),
        Value::String(text) if text == "(holds a secret)" => {
            l.say("(holds a secret)", "(enthält ein Geheimnis)").to_owned()
        }
        Value::String(text) => match &**text {
            "system_admin" => l.say("System administrator", "Systemadministrator").to_owned(),
            "subscription_admin" => l.say("Subscription administrator", "Subscription-Administrator").to_owned(),
            "auditor" => "Auditor".to_owned(),
            "application" => l.say("Application", "Applikation").to_owned(),
            _ => text.clone(),
        },
        Value::Array(all) => all.iter().map(|one| shown(l, one)).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
