//! The audit log.

pub(super) const SENTENCES: &[(&str, &str)] = &[
    ("not applied: modified by someone else first", "nicht ausgeführt: Ein anderer Benutzer hat es zuerst geändert"),
    ("not applied: this is the last system administrator", "nicht ausgeführt: Es ist der letzte Systemadministrator"),
    (
        "not applied: the subscription has the maximum number of instances",
        "nicht ausgeführt: Die Subscription hat bereits die Höchstzahl an Instanzen",
    ),
    ("without a second factor", "ohne zweiten Faktor"),
    ("with the identity provider's second factor", "mit dem zweiten Faktor des Identity Providers"),
    ("sessions ended", "Sitzungen beendet"),
    ("no second factor is available", "es ist kein zweiter Faktor verfügbar"),
    ("all entries are missing", "alle Einträge fehlen"),
    ("the record of the last entry was changed", "die Angabe, welcher Eintrag der letzte ist, wurde verändert"),
];
