//! Connections that cannot be granted.

pub(super) const SENTENCES: &[(&str, &str)] = &[
    ("an instance may ask for at most 8 connections", "eine Instanz darf höchstens 8 Verbindungen verlangen"),
    ("{} is requested twice: request each origin once", "{} wird zweimal verlangt: eine Verbindung je Ziel"),
    ("the name of an authenticating header is malformed", "der Name eines Headers zur Anmeldung ist fehlerhaft"),
    (
        "`{}` says where or how a request goes and cannot be an authenticating header",
        "`{}` sagt, wohin oder wie eine Anfrage geht, und kann kein Header zur Anmeldung sein",
    ),
    ("an instance may ask for one SMTP server", "eine Instanz darf einen SMTP-Server verlangen"),
    (
        "an SMTP server must be named by its full host name (a single word or an address only where the operator's network settings name it) and a port",
        "ein SMTP-Server muss mit vollem Hostnamen und Port genannt sein (ein einzelnes Wort oder eine Adresse nur, wo die Netzwerkeinstellungen des Betreibers es nennen)",
    ),
    (
        "mail to {}:{} without TLS is not allowed: turn TLS on, or have the operator list \"{}\" under `allowed_plaintext_smtp`",
        "E-Mail an {}:{} ohne TLS ist nicht erlaubt: schalten Sie TLS ein, oder lassen Sie den Betreiber \"{}\" unter `allow_plaintext_smtp` eintragen",
    ),
    (
        "{} is not protected: only https origins are granted",
        "{} ist nicht geschützt: nur Ziele mit https werden gewährt",
    ),
    ("the URL `{}` is malformed", "die URL `{}` ist fehlerhaft"),
    ("the URL `{}` must begin with `https://`", "die URL `{}` muss mit `https://` beginnen"),
    ("the URL `{}` must name a host, not an address", "die URL `{}` muss einen Host nennen, keine Adresse"),
    ("the URL `{}` must not name a user", "die URL `{}` darf keinen Benutzer nennen"),
    ("the URL `{}` must not have a fragment", "die URL `{}` darf kein Fragment haben"),
    (
        "the URL `{}` must name a host by its full name: lower-case letters, digits, `-` and inner dots",
        "die URL `{}` muss einen Host mit vollem Namen nennen: Kleinbuchstaben, Ziffern, `-` und Punkte dazwischen",
    ),
    (
        "`{}` is no origin: write scheme, host and port only",
        "`{}` ist kein Ziel: schreiben Sie nur Schema, Host und Port",
    ),
];
