//! The audit log.

pub(super) const SENTENCES: &[(&str, &str)] = &[
    (
        "this did not happen: somebody else changed it first",
        "nicht ausgeführt: ein anderer Benutzer hat es zuerst geändert",
    ),
    (
        "this did not happen: it is the last system administrator",
        "nicht ausgeführt: es ist der letzte Systemadministrator",
    ),
    ("without a second factor", "ohne zweiten Faktor"),
    ("with the identity provider's second factor", "mit dem zweiten Faktor des Identity Providers"),
    ("its sessions end", "seine Sitzungen enden"),
    ("no second factor is available", "es ist kein zweiter Faktor verfügbar"),
    ("all lines are missing", "alle Einträge fehlen"),
    ("what says which line is the last was changed", "die Angabe, welcher Eintrag der letzte ist, wurde verändert"),
];
