//! Descriptions and errors of the options of our own providers.

pub(super) const SENTENCES: &[(&str, &str)] = &[
    // Our own providers: descriptions of options.
    ("The sender's email address.", "Die E-Mail-Adresse des Absenders."),
    ("The sender's display name (optional).", "Der Anzeigename des Absenders (optional)."),
    ("The mail server: SMTP or Microsoft 365.", "Der Mailserver: SMTP oder Microsoft 365."),
    ("An SMTP server.", "Ein SMTP-Server."),
    ("A Microsoft 365 mailbox, through Microsoft Graph.", "Ein Postfach bei Microsoft 365, über Microsoft Graph."),
    ("The name of the eCall account or API sub-user.", "Der Name des eCall-Kontos oder des API-Unterbenutzers."),
    ("The password of that account or API sub-user.", "Das Passwort dieses Kontos oder API-Unterbenutzers."),
    (
        "The sender: up to 16 digits, or up to 11 ASCII characters.",
        "Der Absender: bis zu 16 Ziffern, oder bis zu 11 ASCII-Zeichen.",
    ),
    ("The account SID: AC followed by 32 hexadecimal digits.", "Die SID des Kontos: AC und 32 hexadezimale Ziffern."),
    (
        "The account's auth token, or the API key's secret if you use an API key.",
        "Das Auth-Token des Kontos oder, wenn Sie einen API-Schlüssel verwenden, dessen Secret.",
    ),
    (
        "The sender: a phone number in E.164 format (+41…), a short code, an alphanumeric sender of up to 11 characters, or a messaging service SID (MG…).",
        "Der Absender: eine Nummer im Format E.164 (+41…), eine Kurznummer, ein alphanumerischer Absender von bis zu 11 Zeichen, oder die SID eines Messaging Service (MG…).",
    ),
    (
        "The SID of an API key (SK…), to authenticate with instead of the account (optional).",
        "Die SID eines API-Schlüssels (SK…), der statt des Kontos zur Anmeldung dient (optional).",
    ),
    (
        "The region that processes messages, such as ie1. Default: us1.",
        "Die Region, in der Nachrichten verarbeitet werden, etwa ie1; Standard ist us1.",
    ),
    (
        "The region that processes calls, such as ie1. Default: us1.",
        "Die Region, in der Anrufe verarbeitet werden, etwa ie1; Standard ist us1.",
    ),
    (
        "The Twilio edge location to connect to, such as dublin (optional).",
        "Der Twilio-Zugangspunkt (Edge), z. B. dublin (optional).",
    ),
    (
        "The AWS region in which the sender is verified, such as eu-central-1.",
        "Die AWS-Region, in der der Absender bestätigt ist, z. B. eu-central-1.",
    ),
    (
        "The id of an access key whose only permission is ses:SendEmail.",
        "Die ID eines Zugriffsschlüssels, dessen einzige Berechtigung ses:SendEmail ist.",
    ),
    ("The secret access key.", "Der geheime Zugriffsschlüssel."),
    (
        "The sender's email address. It or its domain must be verified at Amazon SES.",
        "Die E-Mail-Adresse des Absenders. Sie oder ihre Domain muss bei Amazon SES bestätigt sein.",
    ),
    (
        "The configuration set to send with (optional). Do not use one that tracks opens or clicks: it changes the messages.",
        "Das Configuration Set, mit dem gesendet wird (optional). Verwenden Sie keines, das Öffnungen oder Klicks verfolgt: Es verändert die Nachrichten.",
    ),
    (
        "The app's bot token (xoxb-…), with the scopes users:read, users:read.email and chat:write.",
        "Das Bot-Token der App (xoxb-…), mit den Scopes users:read, users:read.email und chat:write.",
    ),
    (
        "The SID of the Verify service: VA followed by 32 hexadecimal digits.",
        "Die SID des Verify-Service: VA und 32 hexadezimale Ziffern.",
    ),
    (
        "The code length that is set for the service at Twilio.",
        "Die Länge der Codes, die bei Twilio für den Service eingestellt ist.",
    ),
    (
        "The caller's phone number in E.164 format (+41…): a Twilio number, or one that is verified at Twilio.",
        "Die Telefonnummer des Anrufers im Format E.164 (+41…): eine Nummer von Twilio oder eine dort bestätigte.",
    ),
    (
        "The URL to post messages to, such as https://gateway.example.com/codes. It is displayed and may be logged: do not put a secret into it.",
        "Die URL, an die Nachrichten gesendet werden, z. B. https://gateway.example.com/codes. Sie wird angezeigt und eventuell protokolliert: Schreiben Sie kein Geheimnis hinein.",
    ),
    (
        "The signing secret, shared with the receiver: whsec_ followed by 24 to 64 random bytes in base64.",
        "Das Signaturgeheimnis, das auch der Empfänger hat: whsec_, gefolgt von 24 bis 64 zufälligen Bytes in Base64.",
    ),
    ("The global cloud.", "Die weltweite Cloud."),
    ("The cloud for the US government.", "Die Cloud für US-Behörden."),
    ("The cloud operated by 21Vianet in China.", "Die von 21Vianet in China betriebene Cloud."),
    (
        "The server's host name, as it appears in its certificate.",
        "Der Hostname des Servers, wie er im Zertifikat steht.",
    ),
    ("The port: 465 for implicit TLS, 587 for STARTTLS.", "Der Port: 465 für implizites TLS, 587 für STARTTLS."),
    (
        "Encrypt the connection: implicit TLS on port 465, STARTTLS on any other port. Leave this on.",
        "Verbindung verschlüsseln: implizites TLS auf Port 465, STARTTLS auf anderen Ports. Lassen Sie dies eingeschaltet.",
    ),
    (
        "The user name to log in with. Leave empty if the server requires no login.",
        "Der Benutzername für die Anmeldung. Leer lassen, wenn der Server keine Anmeldung verlangt.",
    ),
    (
        "The password to log in with. Leave empty if there is no user name.",
        "Das Passwort für die Anmeldung. Leer lassen, wenn es keinen Benutzernamen gibt.",
    ),
    (
        "The time limit for sending one email, in milliseconds.",
        "Das Zeitlimit für das Senden einer E-Mail, in Millisekunden.",
    ),
    ("The application's client id.", "Die Client-ID der Anwendung."),
    ("The application's client secret.", "Der geheime Clientschlüssel der Anwendung."),
    ("The directory (tenant) id or domain.", "Die ID oder Domain des Verzeichnisses (Mandanten)."),
    (
        "The object id or user principal name of the mailbox that sends.",
        "Die Objekt-ID oder der User Principal Name des Postfachs, das sendet.",
    ),
    ("The tenant's cloud. Default: Global.", "Die Cloud des Mandanten. Standard: Global."),
    ("An API key (SG.…) with the permission Mail Send.", "Ein API-Schlüssel (SG.…) mit der Berechtigung Mail Send."),
    (
        "The sender's email address: in an authenticated domain, or of a verified sender.",
        "Die E-Mail-Adresse des Absenders: aus einer authentifizierten Domain oder die eines verifizierten Absenders.",
    ),
    ("The region of the account or subuser.", "Die Region des Kontos oder Unterkontos (Subuser)."),
    (
        "The base URL of your account, such as xxxxx.api.infobip.com.",
        "Die Basis-URL Ihres Kontos, z. B. xxxxx.api.infobip.com.",
    ),
    ("An API key with the scope sms:message:send.", "Ein API-Schlüssel mit dem Scope sms:message:send."),
    (
        "The sender: a name of 3 to 11 characters, or a number of 3 to 15 digits, that your account may use.",
        "Der Absender: ein Name mit 3 bis 11 Zeichen oder eine Nummer mit 3 bis 15 Ziffern, den Ihr Konto verwenden darf.",
    ),
    ("An API key (KEY…).", "Ein API-Schlüssel (KEY…)."),
    (
        "The sender: one of your numbers in E.164 format (+1…), a short code, or a name of up to 11 characters, which needs a messaging profile.",
        "Der Absender: eine Ihrer Nummern im Format E.164 (+1…), eine Kurznummer oder ein Name von bis zu 11 Zeichen, der ein Messaging Profile braucht.",
    ),
    ("The id of a messaging profile (optional).", "Die ID eines Messaging Profile (optional)."),
    (
        "Your account's public key, 32 bytes in base64. With it Telnyx reports whether messages arrive (optional).",
        "Der öffentliche Schlüssel Ihres Kontos, 32 Bytes in Base64. Damit meldet Telnyx, ob Nachrichten ankommen (optional).",
    ),
    (
        "The sender: one of your numbers without a plus sign, or a name of up to 11 characters.",
        "Der Absender: eine Ihrer Nummern ohne Pluszeichen, oder ein Name von bis zu 11 Zeichen.",
    ),
    (
        "Senders for countries that do not accept the usual one, such as one of your numbers for the United States, where names are not allowed (optional).",
        "Absender für Länder, die den üblichen nicht annehmen, z. B. eine Ihrer Nummern für die USA, wo Namen nicht erlaubt sind (optional).",
    ),
    ("The id of an application with the capability Messages.", "Die ID einer Anwendung mit der Capability Messages."),
    (
        "The application's private key: the whole file private.key, in PEM.",
        "Der private Schlüssel der Anwendung: die ganze Datei private.key, in PEM.",
    ),
    ("The account's API key, instead of an application.", "Der API-Schlüssel des Kontos, anstelle einer Anwendung."),
    ("The account's API secret.", "Das API-Secret des Kontos."),
    (
        "The account's signature secret. With it Vonage reports whether messages arrive (optional).",
        "Das Signaturgeheimnis (Signature Secret) des Kontos. Damit meldet Vonage, ob Nachrichten ankommen (optional).",
    ),
    (
        "The id of the phone number that sends: digits, and not the number itself.",
        "Die ID der Telefonnummer, die sendet: nur Ziffern, und nicht die Nummer selbst.",
    ),
    (
        "The access token of a system user, with the permission whatsapp_business_messaging.",
        "Das Zugriffstoken eines Systemnutzers mit der Berechtigung whatsapp_business_messaging.",
    ),
    (
        "The name of an approved template of the category Authentication, with a copy code button.",
        "Der Name einer genehmigten Vorlage der Kategorie Authentifizierung, mit einem Button, der den Code kopiert.",
    ),
    (
        "The languages in which the template is approved, as WhatsApp writes them (en_US, de). The first is for all others.",
        "Die Sprachen, in denen die Vorlage genehmigt ist, in der Schreibweise von WhatsApp (en_US, de). Die erste gilt für alle anderen.",
    ),
    // A choice and what it means.
    ("{}: {}", "{}: {}"),
    // Our own providers: errors in options.
    (
        "must be an email address such as codes@example.com, with a domain name that does not end in a dot",
        "muss eine E-Mail-Adresse wie codes@example.com sein, mit einem Domainnamen, der nicht mit einem Punkt endet",
    ),
    ("must be an email address, such as codes@example.com", "muss eine E-Mail-Adresse sein, etwa codes@example.com"),
    ("must be a single line", "muss einzeilig sein"),
    (
        "`UserName` and `Password` belong together: set both or neither",
        "`UserName` und `Password` gehören zusammen: Setzen Sie beide oder keine der beiden Optionen",
    ),
    ("must be the directory (tenant) id or domain", "muss die ID oder die Domain des Verzeichnisses sein"),
    (
        "must be the user's object id or user principal name",
        "muss die Objekt-ID oder der Principal Name des Benutzers sein",
    ),
    ("must not contain a colon or a control character", "darf keinen Doppelpunkt und kein Steuerzeichen enthalten"),
    (
        "must be up to 16 digits, or up to 11 ASCII characters",
        "muss aus bis zu 16 Ziffern oder bis zu 11 ASCII-Zeichen bestehen",
    ),
    ("must be a region of AWS, such as eu-central-1", "muss eine Region von AWS sein, etwa eu-central-1"),
    ("must be the id of an access key, such as AKIA…", "muss die ID eines Zugriffsschlüssels sein, etwa AKIA…"),
    (
        "must be an ASCII email address; write an internationalized domain in Punycode",
        "muss eine E-Mail-Adresse aus ASCII-Zeichen sein: Schreiben Sie eine Domain mit anderen Zeichen in Punycode",
    ),
    (
        "must be the name of a configuration set, or empty",
        "muss der Name eines Configuration Set sein, oder leer bleiben",
    ),
    (
        "must be AC followed by 32 hexadecimal digits; copy it from the Twilio console",
        "muss aus AC und 32 hexadezimalen Ziffern bestehen: Kopieren Sie es aus der Konsole von Twilio",
    ),
    (
        "must be SK followed by 32 hexadecimal digits, or empty",
        "muss aus SK und 32 hexadezimalen Ziffern bestehen, oder leer bleiben",
    ),
    ("must be a name that Twilio uses, such as ie1 or dublin", "muss ein Name von Twilio sein, etwa ie1 oder dublin"),
    ("must be between 4 and 10", "muss zwischen 4 und 10 liegen"),
    ("must be a phone number such as +41791234567", "muss eine Nummer wie +41791234567 sein"),
    ("must be whsec_ followed by 24 to 64 bytes in base64", "muss aus whsec_ und 24 bis 64 Bytes in Base64 bestehen"),
    (
        "must be the base URL of your account: xxxxx.api.infobip.com",
        "muss die Basis-URL Ihres Kontos sein: xxxxx.api.infobip.com",
    ),
    ("a name can have at most 11 characters", "ein Name darf höchstens 11 Zeichen haben"),
    ("a name as sender needs a messaging profile", "ein Name als Absender braucht ein Messaging Profile"),
    ("the application needs its private key", "die Anwendung braucht ihren privaten Schlüssel"),
    ("the API key needs its secret", "der API-Schlüssel braucht sein Secret"),
    (
        "enter an application id and its private key, or an API key and its secret",
        "geben Sie die ID einer Anwendung und ihren privaten Schlüssel an, oder einen API-Schlüssel und sein Secret",
    ),
    ("must be the id of the phone number, digits only", "muss die ID der Telefonnummer sein: nur Ziffern"),
    (
        "these options do not have the form that the schema requires",
        "diese Optionen haben nicht die Form, die das Schema verlangt",
    ),
    // Our own factors.
    (
        "Codes of an authenticator app. The default values work with every app.",
        "Codes einer Authenticator-App. Die Standardwerte funktionieren mit jeder App.",
    ),
    (
        "The name that apps show above the code; without one, the name of the site.",
        "Der Name, den Apps über dem Code anzeigen; ohne Angabe der Name der Anwendung.",
    ),
    (
        "The hash function. Some apps ignore it and compute codes with SHA1; they cannot be set up with another one.",
        "Die Hashfunktion. Manche Apps ignorieren sie und berechnen Codes mit SHA1; mit einer anderen lassen sie sich nicht einrichten.",
    ),
    (
        "The number of digits. Some apps ignore it and show 6. Do not change it while apps are set up: their codes would be refused.",
        "Die Anzahl der Ziffern. Manche Apps ignorieren sie und zeigen 6. Ändern Sie sie nicht, solange Apps eingerichtet sind: Deren Codes würden abgelehnt.",
    ),
    (
        "How long an app shows a code, in seconds. Some apps ignore it and use 30; they cannot be set up with another value.",
        "Wie lange eine App einen Code anzeigt, in Sekunden. Manche Apps ignorieren es und nehmen 30; mit einem anderen Wert lassen sie sich nicht einrichten.",
    ),
    ("The only one that all apps support.", "die einzige, die alle Apps unterstützen"),
    ("Preferably not.", "möglichst nicht"),
    ("If possible.", "wenn möglich"),
    ("Always.", "in jedem Fall"),
    (
        "must not be empty, or begin or end with a space",
        "darf nicht leer sein und nicht mit einem Leerzeichen beginnen oder enden",
    ),
    ("Recovery codes have no options.", "Wiederherstellungscodes haben keine Optionen."),
    (
        "Passkeys and security keys (WebAuthn). The site's settings say on which pages they are used.",
        "Passkeys und Sicherheitsschlüssel (WebAuthn). Auf welchen Seiten sie verwendet werden, legen die Einstellungen der Anmeldeseite fest.",
    ),
    (
        "Whether an authenticator stores the passkey so that it finds it without the user's name. Passkeys that are the only factor are always stored.",
        "Ob ein Authenticator den Passkey so speichert, dass er ihn ohne Benutzernamen findet. Passkeys, die der einzige Faktor sind, werden immer gespeichert.",
    ),
    (
        "What browsers offer first, in order of preference: a security key, this device, or a phone. Empty: the browser decides.",
        "Was Browser zuerst anbieten, in der gewünschten Reihenfolge: einen Sicherheitsschlüssel, dieses Gerät oder ein Telefon. Leer: Der Browser entscheidet.",
    ),
    (
        "How long the user has to answer, in seconds. An enrolment ends after 300 seconds, a challenge after `lifetime_seconds` of the policy.",
        "Wie viel Zeit der Benutzer für die Antwort hat, in Sekunden. Eine Einrichtung endet nach 300 Sekunden, eine Challenge nach `lifetime_seconds` der Richtlinie.",
    ),
    ("A security key.", "ein Sicherheitsschlüssel"),
    ("The device that the page is on.", "das Gerät, das die Seite anzeigt"),
    ("A phone.", "ein Telefon"),
    ("can have at most three entries", "darf höchstens drei Einträge haben"),
    (
        "needs the relying party's id and its origins in the settings of the sign-in page",
        "braucht die RP-ID und ihre Origins in den Einstellungen der Anmeldeseite",
    ),
];
