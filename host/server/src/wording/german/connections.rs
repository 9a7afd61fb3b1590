//! Connections that cannot be granted.

pub(super) const SENTENCES: &[(&str, &str)] = &[
    ("an instance may request at most 8 connections", "eine Instanz darf höchstens 8 Verbindungen verlangen"),
    (
        "{} is requested twice: request each origin once",
        "{} wird zweimal verlangt: Jedes Ziel darf nur einmal verlangt werden",
    ),
    ("the name of an authenticating header is malformed", "der Name eines Headers zur Anmeldung ist fehlerhaft"),
    (
        "`{}` controls how requests are routed and cannot be used to authenticate",
        "`{}` bestimmt den Weg von Anfragen und kann nicht zur Anmeldung dienen",
    ),
    ("an instance may request only one SMTP server", "eine Instanz darf nur einen SMTP-Server verlangen"),
    (
        "an SMTP server needs a full host name and a port (a single-label name or an IP address only if the operator's network settings contain it)",
        "ein SMTP-Server braucht einen vollständigen Hostnamen und einen Port (ein Name ohne Punkt oder eine IP-Adresse nur, wenn die Netzwerkeinstellungen des Betreibers sie enthalten)",
    ),
    (
        "mail to {}:{} without TLS is not allowed: turn TLS on, or have the operator list \"{}\" under `allowed_plaintext_smtp`",
        "E-Mail an {}:{} ohne TLS ist nicht erlaubt: Schalten Sie TLS ein, oder lassen Sie den Betreiber \"{}\" unter `allowed_plaintext_smtp` eintragen",
    ),
    ("a connection may have at most {} settings", "eine Verbindung darf höchstens {} Einstellungen haben"),
    (
        "{} gets the code in the URL, and URLs are written to logs: use another API of this upstream, or have the operator list \"{}\" under `allowed_code_in_query`",
        "{} erhält den Code in der URL, und URLs werden in Logs geschrieben: Verwenden Sie eine andere API dieses Anbieters, oder lassen Sie den Betreiber \"{}\" unter `allowed_code_in_query` eintragen",
    ),
    (
        "the provider requests the connection setting `{}`, which this version of TwoFactor does not know: update TwoFactor",
        "der Provider verlangt die Verbindungseinstellung `{}`, die diese Version von TwoFactor nicht kennt: Aktualisieren Sie TwoFactor",
    ),
    (
        "the provider requests to place the option `{}`, whose schema has no `x-twofactor-placement`",
        "der Provider will die Option `{}` einsetzen lassen, deren Schema kein `x-twofactor-placement` hat",
    ),
    (
        "{} is not encrypted: only https origins are allowed, and those that the operator lists under `allowed_plaintext_http`",
        "{} ist nicht verschlüsselt: Nur Ziele mit https sind erlaubt und jene, die der Betreiber unter `allowed_plaintext_http` einträgt",
    ),
    (
        "{} is listed under `digest_authentication`, but does not ask for HTTP Digest authentication with MD5 or SHA-256 and `qop=auth`",
        "{} ist unter `digest_authentication` eingetragen, verlangt aber keine HTTP-Digest-Authentifizierung mit MD5 oder SHA-256 und `qop=auth`",
    ),
    ("the URL `{}` is malformed", "die URL `{}` ist fehlerhaft"),
    ("the URL `{}` must begin with `https://`", "die URL `{}` muss mit `https://` beginnen"),
    (
        "the URL `{}` must contain a host name, not an IP address",
        "die URL `{}` muss einen Hostnamen enthalten, keine IP-Adresse",
    ),
    ("the URL `{}` must not contain a user name", "die URL `{}` darf keinen Benutzernamen enthalten"),
    ("the URL `{}` must not have a fragment", "die URL `{}` darf kein Fragment haben"),
    (
        "the URL `{}` must contain a full host name: lower-case letters, digits, `-` and inner dots",
        "die URL `{}` muss einen vollständigen Hostnamen enthalten: Kleinbuchstaben, Ziffern, `-` und Punkte dazwischen",
    ),
    (
        "`{}` is not an origin: use only scheme, host and port",
        "`{}` ist kein Ziel: Geben Sie nur Schema, Host und Port an",
    ),
];
