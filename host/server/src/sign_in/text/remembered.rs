//! The texts about remembered browsers. `{n}` is a number of days, `{date}` a date.

/// The texts in one language.
pub(in crate::sign_in) struct RememberedWords {
    days: &'static str,
    day: &'static str,
    pub(in crate::sign_in) caution: &'static str,
    pub(in crate::sign_in) lead: &'static str,
    pub(in crate::sign_in) title: &'static str,
    pub(in crate::sign_in) about: &'static str,
    pub(in crate::sign_in) unknown: &'static str,
    pub(in crate::sign_in) this: &'static str,
    pub(in crate::sign_in) last_used: &'static str,
    pub(in crate::sign_in) until: &'static str,
    pub(in crate::sign_in) forget: &'static str,
    pub(in crate::sign_in) forget_all: &'static str,
    pub(in crate::sign_in) was_forgotten: &'static str,
}

impl RememberedWords {
    /// Returns what a person chooses.
    pub(in crate::sign_in) fn choice(&self, days: u32) -> String {
        if days == 1 { self.day.to_owned() } else { self.days.replace("{n}", &days.to_string()) }
    }
}

pub(super) const ENGLISH: RememberedWords = RememberedWords {
    days: "Don’t ask again in this browser for {n} days",
    day: "Don’t ask again in this browser for 1 day",
    caution: "Only on a device that nobody else uses.",
    lead: "You chose not to be asked again in this browser.",
    title: "Remembered browsers",
    about: "You aren’t asked to confirm sign-ins in these browsers.",
    unknown: "Unknown browser",
    this: "This browser",
    last_used: "Last used {date}",
    until: "Until {date}",
    forget: "Forget",
    forget_all: "Forget all browsers",
    was_forgotten: "Browser forgotten. You’ll be asked to confirm again.",
};

pub(super) const GERMAN: RememberedWords = RememberedWords {
    days: "In diesem Browser {n} Tage lang nicht mehr fragen",
    day: "In diesem Browser einen Tag lang nicht mehr fragen",
    caution: "Nur auf einem Gerät, das niemand sonst benutzt.",
    lead: "In diesem Browser wollten Sie nicht mehr gefragt werden.",
    title: "Gespeicherte Browser",
    about: "In diesen Browsern müssen Sie Anmeldungen nicht bestätigen.",
    unknown: "Unbekannter Browser",
    this: "Dieser Browser",
    last_used: "Zuletzt verwendet am {date}",
    until: "Bis {date}",
    forget: "Entfernen",
    forget_all: "Alle Browser entfernen",
    was_forgotten: "Browser entfernt. Sie werden wieder um eine Bestätigung gebeten.",
};

pub(super) const FRENCH: RememberedWords = RememberedWords {
    days: "Ne plus demander dans ce navigateur pendant {n} jours",
    day: "Ne plus demander dans ce navigateur pendant un jour",
    caution: "Uniquement sur un appareil que personne d’autre n’utilise.",
    lead: "Vous avez choisi de ne plus avoir à confirmer dans ce navigateur.",
    title: "Navigateurs mémorisés",
    about: "Dans ces navigateurs, aucune confirmation ne vous est demandée.",
    unknown: "Navigateur inconnu",
    this: "Ce navigateur",
    last_used: "Utilisé pour la dernière fois le {date}",
    until: "Jusqu’au {date}",
    forget: "Retirer",
    forget_all: "Retirer tous les navigateurs",
    was_forgotten: "C’est fait. Une confirmation vous sera de nouveau demandée.",
};

pub(super) const ITALIAN: RememberedWords = RememberedWords {
    days: "Non chiedere più in questo browser per {n} giorni",
    day: "Non chiedere più in questo browser per un giorno",
    caution: "Solo su un dispositivo che non usa nessun altro.",
    lead: "Ha scelto di non dover più confermare in questo browser.",
    title: "Browser memorizzati",
    about: "In questi browser non Le viene chiesta conferma.",
    unknown: "Browser sconosciuto",
    this: "Questo browser",
    last_used: "Usato l’ultima volta il {date}",
    until: "Fino al {date}",
    forget: "Rimuovi",
    forget_all: "Rimuovi tutti i browser",
    was_forgotten: "Fatto. Le verrà chiesto di nuovo di confermare.",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_day_is_not_a_number_of_days() {
        assert_eq!(ENGLISH.choice(30), "Don’t ask again in this browser for 30 days");
        for words in [ENGLISH, GERMAN, FRENCH, ITALIAN] {
            assert!(words.choice(7).contains('7') && !words.choice(1).contains("{n}"));
            assert!(words.last_used.contains("{date}") && words.until.contains("{date}"));
        }
    }
}
