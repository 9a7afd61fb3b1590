//! The code policy.

pub(super) const SENTENCES: &[(&str, &str)] = &[
    ("cannot be read", "kann nicht gelesen werden"),
    ("is no field of a policy", "ist kein Feld der Regeln"),
    (
        "has a value of the wrong type, or one that is far out of bounds",
        "hat einen Wert vom falschen Typ oder weit außerhalb der Grenzen",
    ),
    ("must be one line of at most {} characters", "muss eine Zeile von höchstens {} Zeichen sein"),
    (
        "must not look like a link, an address or a telephone number: leave out `@`, `://`, names such as `example.com` and five or more digits in a row",
        "darf nicht wie ein Link, eine Adresse oder eine Telefonnummer aussehen: lassen Sie `@`, `://`, Namen wie `example.com` und fünf oder mehr Ziffern in Folge weg",
    ),
    (
        "must be a host name in lower case, such as `login.example.com`",
        "muss ein Hostname in Kleinbuchstaben sein, etwa `login.example.com`",
    ),
    (
        "must be at most `lifetime_seconds`: a code would expire before it could be sent again",
        "darf höchstens `lifetime_seconds` sein: ein Code würde ablaufen, bevor er nochmals gesendet werden könnte",
    ),
    (
        "must be codes of countries (ISO 3166-1 alpha-2) that have telephone numbers, such as `CH`, or `*`: Britain is `GB`",
        "muss aus Codes von Ländern (ISO 3166-1 alpha-2) bestehen, die Telefonnummern haben, etwa `CH`, oder `*`: Großbritannien ist `GB`",
    ),
    (
        "codes of fewer than 6 digits are below what NIST SP 800-63B-4 asks for",
        "Codes mit weniger als 6 Stellen genügen NIST SP 800-63B-4 nicht",
    ),
    (
        "messages may go to every country: premium numbers abroad are how SMS pumping earns",
        "Nachrichten dürfen in jedes Land gehen: an Mehrwertnummern im Ausland verdient, wer SMS-Pumping betreibt",
    ),
];
