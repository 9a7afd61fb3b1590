//! The options of our own providers: what they are, and what is wrong with them.

pub(super) const SENTENCES: &[(&str, &str)] = &[
    // Our own providers: what their options are.
    ("The address messages come from.", "Die Adresse, von der die Nachrichten kommen."),
    ("The name beside that address; may be left out.", "Der Name neben dieser Adresse; optional."),
    (
        "The server that takes the mail: SMTP or Microsoft 365.",
        "Der Server, der die E-Mails annimmt: SMTP oder Microsoft 365.",
    ),
    ("A mail server that speaks SMTP.", "Ein Mailserver, der SMTP spricht."),
    ("A mailbox of Microsoft 365, through Microsoft Graph.", "Ein Postfach bei Microsoft 365, über Microsoft Graph."),
    ("The name of the account or of an API sub-user.", "Der Name des Kontos oder eines API-Unterbenutzers."),
    ("Its password.", "Dessen Passwort."),
    (
        "The sender: up to 16 digits, or up to 11 characters of ASCII.",
        "Der Absender: bis zu 16 Ziffern, oder bis zu 11 ASCII-Zeichen.",
    ),
    ("The account's SID: AC and 32 hexadecimal digits.", "Die SID des Kontos: AC und 32 hexadezimale Ziffern."),
    (
        "The account's auth token; with an API key, that key's secret.",
        "Das Auth-Token des Kontos; bei einem API-Schlüssel dessen Geheimnis.",
    ),
    (
        "The sender: a number in E.164 (+41…), a short code, an alphanumeric sender of up to 11 characters, or the SID of a messaging service (MG…).",
        "Der Absender: eine Nummer in E.164 (+41…), eine Kurznummer, ein alphanumerischer Absender von bis zu 11 Zeichen, oder die SID eines Messaging Service (MG…).",
    ),
    (
        "The SID of an API key (SK…) to log in with in place of the account.",
        "Die SID eines API-Schlüssels (SK…), mit dem man sich statt mit dem Konto anmeldet.",
    ),
    (
        "The region where messages are processed, such as ie1; us1 if left out.",
        "Die Region, in der Nachrichten verarbeitet werden, etwa ie1; Standard ist us1.",
    ),
    (
        "The region where calls are processed, such as ie1; us1 if left out.",
        "Die Region, in der Anrufe verarbeitet werden, etwa ie1; Standard ist us1.",
    ),
    ("The edge where Twilio is entered, such as dublin.", "Der Zugangspunkt (Edge) zu Twilio, etwa dublin."),
    (
        "The region in which the sender is verified, such as eu-central-1.",
        "Die Region, in der der Absender bestätigt ist, etwa eu-central-1.",
    ),
    (
        "The id of an access key that may do ses:SendEmail and nothing else.",
        "Die ID eines Zugriffsschlüssels, der ses:SendEmail darf und sonst nichts.",
    ),
    ("Its secret access key.", "Dessen geheimer Schlüssel."),
    (
        "The address messages come from: verified at Amazon SES, by itself or with its domain.",
        "Die Adresse, von der die Nachrichten kommen: bei Amazon SES bestätigt, selbst oder mit ihrer Domain.",
    ),
    (
        "The configuration set to send with; may be left out. One that follows links or counts openings changes messages.",
        "Das Configuration Set, mit dem gesendet wird; optional. Eines, das Links verfolgt oder Öffnungen zählt, verändert die Nachrichten.",
    ),
    (
        "The app's bot token (xoxb-…), with the scopes users:read, users:read.email and chat:write.",
        "Das Bot-Token der App (xoxb-…), mit den Scopes users:read, users:read.email und chat:write.",
    ),
    (
        "The Verify service's SID: VA and 32 hexadecimal digits.",
        "Die SID des Verify-Service: VA und 32 hexadezimale Ziffern.",
    ),
    (
        "How many digits the service's codes have, as it is set at Twilio.",
        "Wie viele Stellen die Codes des Service haben, wie bei Twilio eingestellt.",
    ),
    (
        "The number that calls, in E.164 (+41…): one of Twilio's, or one that is verified there.",
        "Die Nummer, die anruft, in E.164 (+41…): eine von Twilio, oder eine dort bestätigte.",
    ),
    (
        "Where messages are posted, such as https://gateway.example.com/codes. It is shown and may be logged: put no secret into it.",
        "Wohin Nachrichten gesendet werden, etwa https://gateway.example.com/codes. Die URL wird angezeigt und vielleicht protokolliert: schreiben Sie kein Geheimnis hinein.",
    ),
    (
        "The secret messages are signed with: whsec_ and 24 to 64 random bytes in base64. The receiver has the same.",
        "Das Geheimnis, mit dem Nachrichten signiert werden: whsec_ und 24 bis 64 zufällige Bytes in Base64. Der Empfänger hat dasselbe.",
    ),
    ("The global one.", "Weltweit."),
    ("For the government of the United States.", "Für die Regierung der Vereinigten Staaten."),
    ("Operated by 21Vianet in China.", "Von 21Vianet in China betrieben."),
    // A choice and what it means.
    ("{}: {}", "{}: {}"),
    // Our own providers: what is wrong with options.
    ("must be an email address", "muss eine E-Mail-Adresse sein"),
    ("must be one line", "muss eine Zeile sein"),
    (
        "`UserName` and `Password` belong together: set both or neither",
        "`UserName` und `Password` gehören zusammen: setzen Sie beide oder keines",
    ),
    ("must be the directory's id or domain", "muss die ID oder die Domain des Verzeichnisses sein"),
    ("must be the user's object id or principal name", "muss die Objekt-ID oder der Principal Name des Benutzers sein"),
    ("must not hold a colon or a control character", "darf keinen Doppelpunkt und kein Steuerzeichen enthalten"),
    (
        "must be up to 16 digits, or up to 11 ASCII characters",
        "muss aus bis zu 16 Ziffern oder bis zu 11 ASCII-Zeichen bestehen",
    ),
    ("must be a region of AWS, such as eu-central-1", "muss eine Region von AWS sein, etwa eu-central-1"),
    ("must be the id of an access key, such as AKIA…", "muss die ID eines Zugriffsschlüssels sein, etwa AKIA…"),
    (
        "must be an email address of ASCII characters: write a domain with others in Punycode",
        "muss eine E-Mail-Adresse aus ASCII-Zeichen sein: schreiben Sie eine Domain mit anderen Zeichen in Punycode",
    ),
    (
        "must be the name of a configuration set, or left out",
        "muss der Name eines Configuration Set sein, oder leer bleiben",
    ),
    (
        "must be AC and 32 hexadecimal digits: copy it from Twilio's console",
        "muss aus AC und 32 hexadezimalen Ziffern bestehen: kopieren Sie es aus der Konsole von Twilio",
    ),
    (
        "must be SK and 32 hexadecimal digits, or left out",
        "muss aus SK und 32 hexadezimalen Ziffern bestehen, oder leer bleiben",
    ),
    ("must be a name of Twilio's, such as ie1 or dublin", "muss ein Name von Twilio sein, etwa ie1 oder dublin"),
    ("must be 4 to 10", "muss zwischen 4 und 10 liegen"),
    ("must be a number such as +41791234567", "muss eine Nummer wie +41791234567 sein"),
    ("must be whsec_ followed by 24 to 64 bytes in base64", "muss aus whsec_ und 24 bis 64 Bytes in Base64 bestehen"),
    (
        "these options do not have the form the schema asks for",
        "diese Optionen haben nicht die Form, die das Schema verlangt",
    ),
];
