//! Texts for what happened to a person's sign-in methods. `{name}` is the method.

use twofactor::factor::{UserEvent, UserEventKind};

use super::FactorWords;

/// The texts in one language.
pub(in crate::sign_in) struct EventWords {
    pub(in crate::sign_in) title: &'static str,
    added: &'static str,
    replaced: &'static str,
    removed: &'static str,
    suspended: &'static str,
    resumed: &'static str,
    reset: &'static str,
    pass_issued: &'static str,
    pass_used: &'static str,
    browser_remembered: &'static str,
    browser_forgotten: &'static str,
    unreadable: &'static str,
    email_address: &'static str,
    phone_number: &'static str,
    other: &'static str,
}

impl EventWords {
    /// Returns the text of an event, if its kind has one.
    pub(in crate::sign_in) fn say(&self, factors: &FactorWords, event: &UserEvent) -> Option<String> {
        let name = match event.subject.as_deref() {
            Some("fido") => factors.passkey,
            Some("totp") => factors.app,
            Some("recovery") => factors.recovery_codes,
            Some("email-address") => self.email_address,
            Some("phone-number") => self.phone_number,
            _ => self.other,
        };
        let text = match event.kind {
            UserEventKind::Added => self.added,
            UserEventKind::Replaced => self.replaced,
            UserEventKind::Removed => self.removed,
            UserEventKind::Suspended => self.suspended,
            UserEventKind::Resumed => self.resumed,
            UserEventKind::Reset => self.reset,
            UserEventKind::PassIssued => self.pass_issued,
            UserEventKind::PassUsed => self.pass_used,
            UserEventKind::BrowserRemembered => self.browser_remembered,
            UserEventKind::BrowserForgotten => self.browser_forgotten,
            UserEventKind::Unreadable => self.unreadable,
            _ => return None,
        };
        Some(text.replace("{name}", name))
    }
}

pub(super) const ENGLISH: EventWords = EventWords {
    title: "Recent activity",
    added: "{name} added",
    replaced: "{name} replaced",
    removed: "{name} removed",
    suspended: "{name} suspended",
    resumed: "{name} reactivated",
    reset: "All methods removed by an administrator",
    pass_issued: "Temporary pass issued by an administrator",
    pass_used: "Temporary pass used",
    browser_remembered: "Browser remembered",
    browser_forgotten: "Browser forgotten",
    unreadable: "Unreadable entry",
    email_address: "Email address",
    phone_number: "Phone number",
    other: "Another method",
};

pub(super) const GERMAN: EventWords = EventWords {
    title: "Letzte Aktivitäten",
    added: "{name} hinzugefügt",
    replaced: "{name} ersetzt",
    removed: "{name} entfernt",
    suspended: "{name} ausgesetzt",
    resumed: "{name} wieder aktiviert",
    reset: "Alle Methoden von einem Administrator entfernt",
    pass_issued: "Temporärer Zugangscode von einem Administrator ausgestellt",
    pass_used: "Temporärer Zugangscode verwendet",
    browser_remembered: "Browser gespeichert",
    browser_forgotten: "Browser entfernt",
    unreadable: "Nicht lesbarer Eintrag",
    email_address: "E-Mail-Adresse",
    phone_number: "Telefonnummer",
    other: "Andere Methode",
};

pub(super) const FRENCH: EventWords = EventWords {
    title: "Activité récente",
    added: "Ajout\u{a0}: {name}",
    replaced: "Remplacement\u{a0}: {name}",
    removed: "Suppression\u{a0}: {name}",
    suspended: "Suspension\u{a0}: {name}",
    resumed: "Réactivation\u{a0}: {name}",
    reset: "Toutes les méthodes ont été supprimées par un administrateur",
    pass_issued: "Code d’accès temporaire délivré par un administrateur",
    pass_used: "Code d’accès temporaire utilisé",
    browser_remembered: "Navigateur mémorisé",
    browser_forgotten: "Navigateur retiré",
    unreadable: "Entrée illisible",
    email_address: "Adresse e-mail",
    phone_number: "Numéro de téléphone",
    other: "Autre méthode",
};

pub(super) const ITALIAN: EventWords = EventWords {
    title: "Attività recente",
    added: "Aggiunta: {name}",
    replaced: "Sostituzione: {name}",
    removed: "Rimozione: {name}",
    suspended: "Sospensione: {name}",
    resumed: "Riattivazione: {name}",
    reset: "Tutti i metodi sono stati rimossi da un amministratore",
    pass_issued: "Codice di accesso temporaneo rilasciato da un amministratore",
    pass_used: "Codice di accesso temporaneo usato",
    browser_remembered: "Browser memorizzato",
    browser_forgotten: "Browser rimosso",
    unreadable: "Voce illeggibile",
    email_address: "Indirizzo e-mail",
    phone_number: "Numero di telefono",
    other: "Altro metodo",
};
