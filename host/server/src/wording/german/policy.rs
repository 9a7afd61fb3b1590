//! The code policy.

pub(super) const SENTENCES: &[(&str, &str)] = &[
    ("cannot be read", "kann nicht gelesen werden"),
    ("is not a field of a policy", "ist kein Feld der Richtlinie"),
    (
        "has a value of the wrong type or far out of range",
        "hat einen Wert vom falschen Typ oder weit außerhalb der Grenzen",
    ),
    ("must be a single line of at most {} characters", "muss einzeilig sein und darf höchstens {} Zeichen haben"),
    (
        "must not look like a link, an address or a phone number: leave out `@`, `://`, names such as `example.com` and five or more digits in a row",
        "darf nicht wie ein Link, eine Adresse oder eine Telefonnummer aussehen: Lassen Sie `@`, `://`, Namen wie `example.com` und fünf oder mehr Ziffern in Folge weg",
    ),
    (
        "must be a host name in lower case, such as `login.example.com`",
        "muss ein Hostname in Kleinbuchstaben sein, etwa `login.example.com`",
    ),
    (
        "must be at most `lifetime_seconds`; otherwise a code expires before it can be resent",
        "darf höchstens `lifetime_seconds` sein: Sonst läuft ein Code ab, bevor er erneut gesendet werden kann",
    ),
    (
        "must be country codes (ISO 3166-1 alpha-2) such as `CH`, or `*`; the United Kingdom is `GB`",
        "muss aus Ländercodes (ISO 3166-1 alpha-2) bestehen, etwa `CH`, oder aus `*`; Großbritannien ist `GB`",
    ),
];
