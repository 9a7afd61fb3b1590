//! The wording of factors that users hold, and of their events.

use twofactor::factor::{AddressKind, FactorFacts, FactorStatus, UserEvent, UserEventKind};

use super::language::Language;

/// Returns the name of a type of factor, or the type itself if it does not come with the server.
pub(crate) fn factor_type(l: Language, type_id: &str) -> &str {
    match type_id {
        "fido" => "Passkey",
        "totp" => l.say("Authenticator app", "Authenticator-App"),
        "recovery" => l.say("Recovery codes", "Wiederherstellungscodes"),
        other => other,
    }
}

/// Returns whether a factor can be used.
pub(crate) fn factor_status(l: Language, status: FactorStatus) -> &'static str {
    match status {
        FactorStatus::Active => l.say("Active", "Aktiv"),
        FactorStatus::Suspended => l.say("Suspended", "Ausgesetzt"),
        FactorStatus::Ended => l.say("Ended", "Beendet"),
    }
}

/// Returns the known facts about a factor.
pub(crate) fn factor_facts(l: Language, facts: &FactorFacts) -> Vec<String> {
    let mut known = Vec::new();
    let mut say = |text: &str| known.push(text.to_owned());
    match facts.user_verified {
        Some(true) => say(l.say("PIN or biometrics were used", "PIN oder Biometrie wurde verwendet")),
        Some(false) => say(l.say("No PIN or biometrics were used", "Weder PIN noch Biometrie wurde verwendet")),
        None => {}
    }
    match (facts.device_bound, facts.backed_up) {
        (Some(true), _) => say(l.say("Bound to one device", "An ein Gerät gebunden")),
        (_, Some(true)) => say(l.say("Synced to other devices", "Mit anderen Geräten synchronisiert")),
        (Some(false), _) => {
            say(l.say("Can be synced to other devices", "Kann mit anderen Geräten synchronisiert werden"))
        }
        (None, _) => {}
    }
    if facts.attested {
        say(l.say("Model verified by attestation", "Modell durch Attestierung nachgewiesen"));
    }
    if let Some(aaguid) = facts.aaguid {
        known.push(format!("AAGUID {}", uuid(aaguid)));
    }
    match facts.uses_left {
        None => {}
        Some(1) => known.push(l.say("1 code left", "Noch 1 Code").to_owned()),
        Some(n) => known.push(match l {
            Language::English => format!("{n} codes left"),
            Language::German => format!("Noch {n} Codes"),
        }),
    }
    known
}

/// Returns the name of a kind of address.
pub(crate) fn address_kind(l: Language, kind: AddressKind) -> &'static str {
    match kind {
        AddressKind::Email => l.say("Email address", "E-Mail-Adresse"),
        AddressKind::Phone => l.say("Phone number", "Telefonnummer"),
    }
}

/// Returns an event, and its subject if it has one.
pub(crate) fn user_event(l: Language, event: &UserEvent) -> (&'static str, Option<&str>) {
    let what = match event.kind {
        UserEventKind::Added => l.say("Added", "Hinzugefügt"),
        UserEventKind::Replaced => l.say("Replaced", "Ersetzt"),
        UserEventKind::Removed => l.say("Removed", "Entfernt"),
        UserEventKind::Suspended => l.say("Suspended", "Ausgesetzt"),
        UserEventKind::Resumed => l.say("Resumed", "Wieder aktiviert"),
        UserEventKind::Reset => l.say("All factors reset", "Alle Faktoren zurückgesetzt"),
        UserEventKind::PassIssued => l.say("Temporary pass issued", "Temporärer Zugangscode ausgestellt"),
        UserEventKind::PassUsed => l.say("Temporary pass used", "Temporärer Zugangscode verwendet"),
        UserEventKind::BrowserRemembered => l.say("Browser remembered", "Browser gespeichert"),
        UserEventKind::BrowserForgotten => l.say("Browser forgotten", "Browser entfernt"),
        UserEventKind::Unreadable => l.say("Unreadable entry", "Nicht lesbarer Eintrag"),
        other => other.name(),
    };
    let subject = event.subject.as_deref().map(|subject| match subject {
        "email-address" => address_kind(l, AddressKind::Email),
        "phone-number" => address_kind(l, AddressKind::Phone),
        type_id => factor_type(l, type_id),
    });
    (what, subject)
}

/// Writes 16 bytes as a UUID (RFC 9562 section 4).
pub(crate) fn uuid(bytes: [u8; 16]) -> String {
    let text = hex::encode(bytes);
    [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_said_once_and_only_if_known() {
        let mut facts = FactorFacts::default();
        assert!(factor_facts(Language::English, &facts).is_empty());
        (facts.device_bound, facts.backed_up, facts.uses_left) = (Some(false), Some(true), Some(1));
        assert_eq!(factor_facts(Language::English, &facts), ["Synced to other devices", "1 code left"]);
        (facts.device_bound, facts.backed_up, facts.uses_left) = (Some(true), Some(false), Some(3));
        facts.aaguid = Some([0x1f; 16]);
        let aaguid = "AAGUID 1f1f1f1f-1f1f-1f1f-1f1f-1f1f1f1f1f1f";
        assert_eq!(factor_facts(Language::German, &facts), ["An ein Gerät gebunden", aaguid, "Noch 3 Codes"]);
    }
}
