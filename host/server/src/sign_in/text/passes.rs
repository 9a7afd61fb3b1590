//! The texts about temporary passes.

/// The texts in one language.
pub(in crate::sign_in) struct PassWords {
    pub(in crate::sign_in) have: &'static str,
    pub(in crate::sign_in) title: &'static str,
    pub(in crate::sign_in) lead: &'static str,
    pub(in crate::sign_in) label: &'static str,
    pub(in crate::sign_in) length: &'static str,
    pub(in crate::sign_in) rejected: &'static str,
}

pub(super) const ENGLISH: PassWords = PassWords {
    have: "I have a temporary pass",
    title: "Enter your temporary pass",
    lead: "Enter the pass that your administrator gave you. It works once.",
    label: "Temporary pass",
    length: "Enter all 16 letters and digits of the pass.",
    rejected: "This pass isn’t valid. Check it, or ask your administrator for a new one.",
};

pub(super) const GERMAN: PassWords = PassWords {
    have: "Ich habe einen temporären Zugangscode",
    title: "Temporären Zugangscode eingeben",
    lead: "Geben Sie den Zugangscode ein, den Sie von Ihrem Administrator erhalten haben. Er gilt nur einmal.",
    label: "Temporärer Zugangscode",
    length: "Geben Sie alle 16 Buchstaben und Ziffern des Zugangscodes ein.",
    rejected: "Dieser Zugangscode ist ungültig. Prüfen Sie ihn, oder bitten Sie Ihren Administrator um einen neuen.",
};

pub(super) const FRENCH: PassWords = PassWords {
    have: "J’ai un code d’accès temporaire",
    title: "Saisissez votre code d’accès temporaire",
    lead: "Saisissez le code que votre administrateur vous a remis. Il n’est valable qu’une fois.",
    label: "Code d’accès temporaire",
    length: "Saisissez les 16 caractères du code (lettres et chiffres).",
    rejected: "Ce code n’est pas valable. Vérifiez-le ou demandez-en un nouveau à votre administrateur.",
};

pub(super) const ITALIAN: PassWords = PassWords {
    have: "Ho un codice di accesso temporaneo",
    title: "Inserisca il codice di accesso temporaneo",
    lead: "Inserisca il codice ricevuto dal Suo amministratore. Vale una sola volta.",
    label: "Codice di accesso temporaneo",
    length: "Inserisca tutti i 16 caratteri del codice (lettere e cifre).",
    rejected: "Questo codice non è valido. Lo controlli o ne chieda uno nuovo al Suo amministratore.",
};
