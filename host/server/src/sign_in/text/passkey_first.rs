//! The texts of the page that asks for a passkey before anybody is known.

/// The texts in one language.
pub(in crate::sign_in) struct PasskeyFirstWords {
    pub(in crate::sign_in) title: &'static str,
    pub(in crate::sign_in) sign_in: &'static str,
    pub(in crate::sign_in) or: &'static str,
    pub(in crate::sign_in) name: &'static str,
}

pub(super) const ENGLISH: PasskeyFirstWords = PasskeyFirstWords {
    title: "Sign in",
    sign_in: "Sign in with a passkey",
    or: "No passkey? Continue with your user name.",
    name: "User name",
};

pub(super) const GERMAN: PasskeyFirstWords = PasskeyFirstWords {
    title: "Anmelden",
    sign_in: "Mit Passkey anmelden",
    or: "Kein Passkey? Fahren Sie mit Ihrem Benutzernamen fort.",
    name: "Benutzername",
};

pub(super) const FRENCH: PasskeyFirstWords = PasskeyFirstWords {
    title: "Se connecter",
    sign_in: "Se connecter avec une clé d’accès",
    or: "Pas de clé d’accès\u{202f}? Continuez avec votre nom d’utilisateur.",
    name: "Nom d’utilisateur",
};

pub(super) const ITALIAN: PasskeyFirstWords = PasskeyFirstWords {
    title: "Accedi",
    sign_in: "Accedi con una passkey",
    or: "Nessuna passkey? Continui con il nome utente.",
    name: "Nome utente",
};
