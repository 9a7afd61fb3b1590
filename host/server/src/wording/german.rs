//! The engine's and our own providers' English sentences in German, by the English sentence, as gettext does it: the English text is the
//! message's id. `{}` stands for what differs from case to case. What a stranger's provider says has no entry and stays as it is.

/// English and German.
pub(super) const SENTENCES: &[(&str, &str)] = &[
    // Errors of the engine as a whole.
    ("there is no such {}", "das gibt es nicht ({})"),
    ("modified by someone else; reload and retry", "jemand anderes hat es inzwischen geändert: laden Sie es neu"),
    ("no TwoFactor instance is available to this sign-in", "für diese Anmeldung ist keine TwoFactor-Instanz verfügbar"),
    ("too many requests; try again later", "zu viele Anfragen: versuchen Sie es später"),
    ("the service is temporarily unavailable", "der Dienst ist zurzeit nicht verfügbar"),
    ("this challenge is closed", "diese Challenge ist geschlossen"),
    ("incorrect code", "der Code ist falsch"),
    ("incorrect email address or password", "E-Mail-Adresse oder Passwort ist falsch"),
    (
        "this link was used, replaced or has expired; request a new one",
        "dieser Link wurde verwendet, ersetzt oder ist abgelaufen: verlangen Sie einen neuen",
    ),
    ("this login has expired; log in again", "diese Anmeldung ist abgelaufen: beginnen Sie von vorn"),
    ("the message was not sent; try again later", "die Nachricht wurde nicht gesendet: versuchen Sie es später"),
    ("it is not known whether the message was sent", "es ist nicht bekannt, ob die Nachricht gesendet wurde"),
    ("the message was not accepted", "die Nachricht wurde nicht angenommen"),
    ("the message was blocked", "die Nachricht wurde gesperrt"),
    ("messages to this recipient are not accepted", "Nachrichten an diesen Empfänger werden nicht angenommen"),
    ("messages to this country are not enabled", "Nachrichten in dieses Land sind nicht freigegeben"),
    ("messages to numbers of no country are not enabled", "Nachrichten an Nummern ohne Land sind nicht freigegeben"),
    (
        "messages to this country are not enabled: add {} to `countries` of the policy, of the TwoFactor instance or of the installation",
        "Nachrichten in dieses Land sind nicht freigegeben: fügen Sie {} zu `countries` in den Regeln hinzu, denen der TwoFactor-Instanz oder der Installation",
    ),
    (
        "the TwoFactor instance cannot send; contact the operator",
        "die TwoFactor-Instanz kann nicht senden: wenden Sie sich an den Betreiber",
    ),
    ("`recipient.email` is not an email address", "das ist keine E-Mail-Adresse"),
    (
        "`recipient.phone` is not a valid telephone number in international form, such as +41791234567",
        "das ist keine gültige Telefonnummer in internationaler Form, etwa +41791234567",
    ),
    (
        "`recipient.phone` is a premium-rate, shared-cost, personal, pager, company or voicemail number: codes go to a subscriber's own telephone only",
        "das ist eine Mehrwert-, Geteilte-Kosten-, persönliche, Pager-, Firmen- oder Mailbox-Nummer: Codes gehen nur an das eigene Telefon eines Teilnehmers",
    ),
    (
        "`recipient.handle` must be one line of 1 to {} characters",
        "die Kennung muss eine Zeile von 1 bis {} Zeichen sein",
    ),
    ("`{}` {}", "`{}` {}"),
    ("{}; {} more like this", "{}; {} weitere dieser Art"),
    ("invalid input", "die Eingabe ist ungültig"),
    ("is needed for this instance", "wird für diese Instanz gebraucht"),
    ("a valid bearer token is needed", "ein gültiges Bearer-Token wird gebraucht"),
    ("this call is for administrators", "das ist Administratoren vorbehalten"),
    (
        "this call is for those of the whole installation",
        "das ist Personen vorbehalten, die für die ganze Installation zuständig sind",
    ),
    ("an auditor reads: this call is for administrators", "Auditoren lesen nur: das ist Administratoren vorbehalten"),
    // Names, ids, accounts.
    ("must be one line of {} to {} characters", "muss eine Zeile von {} bis {} Zeichen sein"),
    (
        "must not begin or end with a blank, or have two in a row",
        "darf nicht mit einem Leerzeichen beginnen oder enden und nicht zwei in Folge haben",
    ),
    (
        "must not have the invisible or misleading character U+{} (at position {}): remove it",
        "darf das unsichtbare oder irreführende Zeichen U+{} (an Stelle {}) nicht enthalten: entfernen Sie es",
    ),
    (
        "must not begin with a combining mark or have more than {} on one letter",
        "darf nicht mit einem kombinierenden Zeichen beginnen und nicht mehr als {} auf einem Buchstaben haben",
    ),
    (
        "of a {} must be 1 to 64 letters, digits, `-`, `_` or `.`, and not `.` or `..`",
        "muss aus 1 bis 64 Buchstaben, Ziffern, `-`, `_` oder `.` bestehen und darf nicht `.` oder `..` sein ({})",
    ),
    ("must be the `next` of the part before", "muss der `next`-Wert der Seite davor sein"),
    ("must lie in the future", "muss in der Zukunft liegen"),
    (
        "names a subscription that does not exist: create it first",
        "nennt eine Subscription, die es nicht gibt: erstellen Sie sie zuerst",
    ),
    (
        "must be a person's: an application gets a token",
        "muss die Rolle einer Person sein: eine Applikation bekommt ein Token",
    ),
    (
        "must name at least one for an `auditor`, or be left out for the whole installation",
        "muss für einen Auditor mindestens eine nennen, oder fehlen, wenn er für die ganze Installation zuständig ist",
    ),
    (
        "must name at least one for a `subscription_admin`",
        "muss für einen Subscription-Administrator mindestens eine nennen",
    ),
    ("there is a subscription of this id already", "es gibt schon eine Subscription mit dieser Id"),
    (
        "the subscription is not empty: {} instances to remove, {} tokens to revoke, {} accounts of its administrators",
        "die Subscription ist nicht leer: {} Instanzen sind zu entfernen, {} Tokens zu widerrufen, {} Konten ihrer Administratoren zu ändern",
    ),
    ("assigned to it: {}", "ihm zugewiesen: {}"),
    ("this email address has an account already", "diese E-Mail-Adresse hat schon ein Konto"),
    ("`email` is not an email address", "das ist keine E-Mail-Adresse"),
    (
        "`phone` is not a valid telephone number in international form, such as +41791234567",
        "das ist keine gültige Telefonnummer in internationaler Form, etwa +41791234567",
    ),
    (
        "an account becomes active when its person sets a password",
        "ein Konto wird aktiv, wenn seine Person ein Passwort setzt",
    ),
    (
        "this is the last system administrator who can log in: invite another, and once they have set a password do this again",
        "das ist der letzte Systemadministrator, der sich anmelden kann: laden Sie einen anderen ein, und wiederholen Sie dies, sobald er ein Passwort gesetzt hat",
    ),
    ("the account is disabled: let it log in again first", "das Konto ist gesperrt: geben Sie es zuerst wieder frei"),
    (
        "this account logs in through the identity provider: it has no password",
        "dieses Konto meldet sich beim Identity Provider an: es hat kein Passwort",
    ),
    ("a password has at most 128 characters", "ein Passwort hat höchstens 128 Zeichen"),
    ("a password has at least 12 characters", "ein Passwort hat mindestens 12 Zeichen"),
    (
        "this password is one of those that are guessed first: a common one, your own name or address, or a row of keys",
        "dieses Passwort wird als eines der ersten erraten: es ist verbreitet, Ihr Name oder Ihre Adresse, oder eine Tastenfolge",
    ),
    // Options of instances.
    ("must be a JSON object", "muss ein JSON-Objekt sein"),
    ("must be a JSON object, or a text that holds one", "muss ein JSON-Objekt sein, oder ein Text, der eines enthält"),
    (
        "must be the type of a provider that is loaded: see the list of providers",
        "muss der Typ eines geladenen Providers sein: siehe die Liste der Provider",
    ),
    (
        "is masked, but no secret is stored there: enter it",
        "ist maskiert, aber dort ist kein Geheimnis gespeichert: geben Sie es ein",
    ),
    ("the provider of this type is not installed", "der Provider dieses Typs ist nicht installiert"),
    ("the provider could not judge the options: {}", "der Provider konnte die Optionen nicht prüfen: {}"),
    (
        "other options are being checked: try again later",
        "gerade werden andere Optionen geprüft: versuchen Sie es später",
    ),
    ("has an option without a name", "hat eine Option ohne Namen"),
    (
        "the provider checks the form of this secret, which it is not shown where it comes from the base service settings: give this instance a secret of its own, or have the provider's author add `examples` to its schema",
        "der Provider prüft die Form dieses Geheimnisses und bekommt es nicht zu sehen, wenn es aus den Basiseinstellungen kommt: geben Sie dieser Instanz ein eigenes Geheimnis, oder lassen Sie `examples` in das Schema des Providers aufnehmen",
    ),
    (
        "the provider changes a secret of the base service settings before it uses it, which it is not shown: give this instance a secret of its own",
        "der Provider verändert ein Geheimnis der Basiseinstellungen, bevor er es verwendet, und bekommt es nicht zu sehen: geben Sie dieser Instanz ein eigenes Geheimnis",
    ),
    (
        "the provider takes these options with these secrets only, so that nobody can tell whether what it asks for gives something of a secret away: its author can add `examples` to its schema, with secrets of the form it takes",
        "der Provider nimmt diese Optionen nur mit diesen Geheimnissen an, so dass niemand weiß, ob er durch das, was er verlangt, etwas von einem Geheimnis verrät: wer ihn geschrieben hat, kann `examples` in sein Schema aufnehmen, mit Geheimnissen der passenden Form",
    ),
    (
        "must be nested {} deep at most and hold {} values at most",
        "darf höchstens {} Ebenen tief sein und höchstens {} Werte enthalten",
    ),
    ("must be of {} KiB at most", "darf höchstens {} KiB groß sein"),
    (
        "the provider does not accept the value of this secret: enter it again, as the provider's description says",
        "der Provider nimmt den Wert dieses Geheimnisses nicht an: geben Sie es neu ein, wie es der Provider beschreibt",
    ),
    (
        "the provider does not accept the value of one of the secrets: enter it again, as the provider's description says",
        "der Provider nimmt den Wert eines der Geheimnisse nicht an: geben Sie es neu ein, wie es der Provider beschreibt",
    ),
    (
        "{} that the provider asks for depends on a secret, which could be read from it: this provider cannot be used so",
        "dieser Provider ist so nicht verwendbar: von einem Geheimnis, das sich daraus lesen ließe, hängt ab, was er verlangt ({})",
    ),
    ("the user name", "der Benutzername"),
    ("the name of the authenticating header", "der Name des Headers zur Anmeldung"),
    ("the token URL", "die Token-URL"),
    ("the client id", "die Client-Id"),
    ("the access key's id", "die Id des Zugriffsschlüssels"),
    ("the way to authenticate", "die Art der Anmeldung"),
    ("the mail server", "der Mailserver"),
    ("the mail server's port", "der Port des Mailservers"),
    ("the mail server's protection", "die Verschlüsselung zum Mailserver"),
    ("the mail server's time-out", "die Zeitgrenze des Mailservers"),
    ("whether to log in at the mail server", "ob man sich beim Mailserver anmeldet"),
    ("the kind of a connection", "die Art einer Verbindung"),
    ("the number of connections", "die Anzahl der Verbindungen"),
    ("the origin", "das Ziel"),
    ("the region", "die Region"),
    ("the scope", "der Scope"),
    ("the service", "der Dienst"),
    (
        "this change sends a stored secret to another destination: enter the secret again instead of its mask",
        "diese Änderung sendet ein gespeichertes Geheimnis an ein anderes Ziel: geben Sie das Geheimnis neu ein",
    ),
    (
        "this change sends a stored secret of an instance to another destination: give that instance the secret anew, with a destination of its own, before",
        "diese Änderung sendet ein gespeichertes Geheimnis einer Instanz an ein anderes Ziel: geben Sie das Geheimnis zuerst bei dieser Instanz neu ein, mit einem eigenen Ziel",
    ),
    (
        "nobody can tell where the stored secret goes after this change, since no instance is valid with it: enter the secret again instead of its mask",
        "wohin das gespeicherte Geheimnis nach dieser Änderung geht, ist nicht bekannt, weil keine Instanz damit gültig ist: geben Sie das Geheimnis neu ein",
    ),
    (
        "these are more options than can be judged beside a secret of the base service settings: give this instance a secret of its own",
        "das sind mehr Optionen, als neben einem Geheimnis der Basiseinstellungen geprüft werden können: geben Sie dieser Instanz ein eigenes Geheimnis",
    ),
    (
        "the provider could not be asked now where secrets go: try again",
        "der Provider konnte jetzt nicht gefragt werden, wohin Geheimnisse gehen: versuchen Sie es nochmals",
    ),
    (
        "a secret of the base service settings would go to {}, where those settings do not send it: give this instance a secret of its own",
        "ein Geheimnis der Basiseinstellungen ginge an {}, wohin diese es nicht senden: geben Sie dieser Instanz ein eigenes Geheimnis",
    ),
    ("of the instance `{}` {}", "bei der Instanz `{}`: {}"),
    ("the component did not answer in time", "die Komponente hat nicht rechtzeitig geantwortet"),
    ("the component ran longer than it may", "die Komponente ist länger gelaufen, als sie darf"),
    ("the component used more stack than it may", "die Komponente hat mehr Stack verwendet, als sie darf"),
    ("the component broke off", "die Komponente ist abgebrochen"),
    (
        "the component exceeded a limit or broke off",
        "die Komponente hat eine Grenze überschritten oder ist abgebrochen",
    ),
    ("too many deliveries are in flight", "zu viele Zustellungen laufen gleichzeitig"),
    // The rules of a schema.
    ("is required", "fehlt"),
    (
        "is not known to this provider: remove it, or check its spelling",
        "ist diesem Provider nicht bekannt: entfernen Sie es, oder prüfen Sie die Schreibweise",
    ),
    ("fits none of the forms the provider knows", "hat keine der Formen, die der Provider kennt"),
    ("fits more than one of the forms the provider knows", "hat mehr als eine der Formen, die der Provider kennt"),
    ("must not be set", "darf nicht gesetzt sein"),
    ("must be one of: {}", "muss eines von diesen sein: {}"),
    ("must be of type {}", "muss vom Typ {} sein"),
    ("must be at least {}", "muss mindestens {} sein"),
    ("must be at most {}", "darf höchstens {} sein"),
    ("must be more than {}", "muss mehr als {} sein"),
    ("must be less than {}", "muss weniger als {} sein"),
    ("must not be empty", "darf nicht leer sein"),
    ("must have at least {} characters", "muss mindestens {} Zeichen haben"),
    ("must have at most {} characters", "darf höchstens {} Zeichen haben"),
    ("must have at least {} entries", "muss mindestens {} Einträge haben"),
    ("must have at most {} entries", "darf höchstens {} Einträge haben"),
    ("must not hold an entry twice", "darf keinen Eintrag zweimal enthalten"),
    ("must have the form `{}`", "muss die Form `{}` haben"),
    ("does not have the form the provider asks for", "hat nicht die Form, die der Provider verlangt"),
    ("must be {} to {}", "muss zwischen {} und {} liegen"),
    ("must be {}", "muss {} sein"),
    ("does not satisfy `{}` of the provider's schema", "erfüllt `{}` im Schema des Providers nicht"),
    // Connections that cannot be granted.
    ("an instance may ask for at most 8 connections", "eine Instanz darf höchstens 8 Verbindungen verlangen"),
    ("{} is asked for twice: one connection an origin", "{} wird zweimal verlangt: eine Verbindung je Ziel"),
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
        "mail to {}:{} without TLS is not allowed: turn TLS on, or have the operator list \"{}\" under `allow_plaintext_smtp`",
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
    // A policy.
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
    // The sign-in page.
    ("`return_urls` must be at most {}", "höchstens {} Rückkehr-URLs sind möglich"),
    (
        "`application_name` must be one line of 1 to 60 characters",
        "der Name der Applikation muss eine Zeile von 1 bis 60 Zeichen sein",
    ),
    (
        "`colours.{}` must be `#` and six hexadecimal digits",
        "die Farbe `{}` muss aus `#` und sechs hexadezimalen Ziffern bestehen",
    ),
    (
        "`colours.{}` cannot be read with white: take a darker one: the contrast is {} to 1 and must be {} to 1",
        "die Farbe `{}` ist mit Weiß nicht lesbar: wählen Sie eine dunklere; der Kontrast ist {} zu 1 und muss {} zu 1 sein",
    ),
    (
        "`colours.{}` cannot be read under dark text: take a lighter one: the contrast is {} to 1 and must be {} to 1",
        "die Farbe `{}` ist unter dunklem Text nicht lesbar: wählen Sie eine hellere; der Kontrast ist {} zu 1 und muss {} zu 1 sein",
    ),
    ("`logo` must be a PNG, JPEG or WebP", "das Logo muss ein PNG, JPEG oder WebP sein"),
    (
        "`logo` must be a `data:` URI of a PNG, JPEG or WebP in base64",
        "das Logo muss eine `data:`-URI eines PNG, JPEG oder WebP in Base64 sein",
    ),
    ("`logo` must be a picture of at most {} KiB", "das Logo darf höchstens {} KiB groß sein"),
    (
        "each of `return_urls` must be a whole URL of at most 2000 ASCII characters, such as https://shop.example.com/signed-in",
        "jede Rückkehr-URL muss eine ganze URL von höchstens 2000 ASCII-Zeichen sein, etwa https://shop.example.com/signed-in",
    ),
    (
        "each of `return_urls` must be `https:`, or `http:` with a loopback address",
        "jede Rückkehr-URL muss mit `https:` beginnen, oder mit `http:` und einer Loopback-Adresse",
    ),
    (
        "each of `return_urls` must be without user name, password and fragment",
        "jede Rückkehr-URL muss ohne Benutzernamen, Passwort und Fragment sein",
    ),
    (
        "each of `return_urls` must be without the parameters `state`, `result` and `error`, which are added to it",
        "jede Rückkehr-URL muss ohne die Parameter `state`, `result` und `error` sein, die angehängt werden",
    ),
    ("`support_url` must be an `https:` or `mailto:` URL", "die Support-URL muss mit `https:` oder `mailto:` beginnen"),
    // Components.
    (
        "the component has {} bytes, more than the {} that `component_bytes` admits",
        "die Komponente hat {} Bytes, mehr als die {}, die `component_bytes` erlaubt",
    ),
    ("the component asks for what cannot be granted: {}", "die Komponente verlangt, was nicht gewährt werden kann: {}"),
    (
        "the component does not fit the contract `twofactor:provider`: {}",
        "die Komponente passt nicht zum Vertrag `twofactor:provider`: {}",
    ),
    ("the component's manifest is wrong: {}", "das Manifest der Komponente ist falsch: {}"),
    (
        "the component's manifest could not be checked now: try again later",
        "das Manifest der Komponente konnte jetzt nicht geprüft werden: versuchen Sie es später",
    ),
    (
        "with this component, {} instances that are valid now would be invalid and send nothing ({}): change their options so that both components accept them, or allow it explicitly (`allow_invalid`)",
        "mit dieser Komponente würden {} jetzt gültige Instanzen ungültig und würden nichts senden ({}): ändern Sie deren Optionen so, dass beide Komponenten sie annehmen, oder erlauben Sie es ausdrücklich (`allow_invalid`)",
    ),
    (
        "another component is compiled at the moment: try again later",
        "gerade wird eine andere Komponente übersetzt: versuchen Sie es später",
    ),
    (
        "the component took longer to compile than `compile_time` admits",
        "die Komponente zu übersetzen dauerte länger, als `compile_time` erlaubt",
    ),
    ("the component could not be compiled", "die Komponente konnte nicht übersetzt werden"),
    ("this is no WebAssembly component that can be run: {}", "das ist keine ausführbare WebAssembly-Komponente: {}"),
    ("the component could not describe itself: {}", "die Komponente konnte sich nicht beschreiben: {}"),
    (
        "this is not the component that was meant: its digest is sha256:{}",
        "das ist nicht die gemeinte Komponente: ihr Digest ist sha256:{}",
    ),
    (
        "there is no provider of type `{}` before this one: it can be removed only",
        "vor diesem gibt es keinen Provider vom Typ `{}`: er kann nur entfernt werden",
    ),
    (
        "with it secrets of instances would go to where they do not go now ({}): that is taken only where it is allowed by name (`destinations`)",
        "mit ihr gingen Geheimnisse von Instanzen dorthin, wohin sie jetzt nicht gehen ({}): das wird nur angenommen, wenn es namentlich erlaubt ist (`destinations`)",
    ),
    (
        "with the component before, secrets of instances would go to where they do not go now ({}): add that component anew, which asks for an approval",
        "mit der Komponente davor gingen Geheimnisse von Instanzen dorthin, wohin sie jetzt nicht gehen ({}): fügen Sie jene Komponente neu hinzu, dann wird um eine Genehmigung gebeten",
    ),
    (
        "version {} is older than {}, which serves: an older one is taken only where that is allowed by name (`allow_older`)",
        "Version {} ist älter als {}, die bedient: eine ältere wird nur angenommen, wenn das ausdrücklich erlaubt ist (`allow_older`)",
    ),
    // The audit log.
    ("this did not happen: somebody else changed it first", "das ist nicht geschehen: jemand anderes war schneller"),
    (
        "this did not happen: it is the last system administrator",
        "das ist nicht geschehen: es ist der letzte Systemadministrator",
    ),
    ("without a second factor", "ohne zweiten Faktor"),
    ("with the identity provider's second factor", "mit dem zweiten Faktor des Identity Providers"),
    ("its sessions end", "seine Sitzungen enden"),
    ("no second factor is available", "es ist kein zweiter Faktor verfügbar"),
    ("all lines are missing", "alle Zeilen fehlen"),
    ("what says which line is the last was changed", "die Angabe, welche Zeile die letzte ist, wurde verändert"),
    // Our own providers: what their options are.
    ("The address messages come from.", "Die Adresse, von der die Nachrichten kommen."),
    ("The name beside that address; may be left out.", "Der Name neben dieser Adresse; darf fehlen."),
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
        "Die Region, in der Nachrichten verarbeitet werden, etwa ie1; us1, wenn sie fehlt.",
    ),
    (
        "The region where calls are processed, such as ie1; us1 if left out.",
        "Die Region, in der Anrufe verarbeitet werden, etwa ie1; us1, wenn sie fehlt.",
    ),
    ("The edge where Twilio is entered, such as dublin.", "Der Zugangspunkt (Edge) zu Twilio, etwa dublin."),
    (
        "The region in which the sender is verified, such as eu-central-1.",
        "Die Region, in der der Absender bestätigt ist, etwa eu-central-1.",
    ),
    (
        "The id of an access key that may do ses:SendEmail and nothing else.",
        "Die Id eines Zugriffsschlüssels, der ses:SendEmail darf und sonst nichts.",
    ),
    ("Its secret access key.", "Dessen geheimer Schlüssel."),
    (
        "The address messages come from: verified at Amazon SES, by itself or with its domain.",
        "Die Adresse, von der die Nachrichten kommen: bei Amazon SES bestätigt, selbst oder mit ihrer Domain.",
    ),
    (
        "The configuration set to send with; may be left out. One that follows links or counts openings changes messages.",
        "Das Configuration Set, mit dem gesendet wird; darf fehlen. Eines, das Links verfolgt oder Öffnungen zählt, verändert die Nachrichten.",
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
    ("The global one.", "Die weltweite."),
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
    ("must be the directory's id or domain", "muss die Id oder die Domain des Verzeichnisses sein"),
    ("must be the user's object id or principal name", "muss die Objekt-Id oder der Principal Name des Benutzers sein"),
    ("must not hold a colon or a control character", "darf keinen Doppelpunkt und kein Steuerzeichen enthalten"),
    (
        "must be up to 16 digits, or up to 11 ASCII characters",
        "muss aus bis zu 16 Ziffern oder bis zu 11 ASCII-Zeichen bestehen",
    ),
    ("must be a region of AWS, such as eu-central-1", "muss eine Region von AWS sein, etwa eu-central-1"),
    ("must be the id of an access key, such as AKIA…", "muss die Id eines Zugriffsschlüssels sein, etwa AKIA…"),
    (
        "must be an email address of ASCII characters: write a domain with others in Punycode",
        "muss eine E-Mail-Adresse aus ASCII-Zeichen sein: schreiben Sie eine Domain mit anderen Zeichen in Punycode",
    ),
    ("must be the name of a configuration set, or left out", "muss der Name eines Configuration Set sein, oder fehlen"),
    (
        "must be AC and 32 hexadecimal digits: copy it from Twilio's console",
        "muss aus AC und 32 hexadezimalen Ziffern bestehen: kopieren Sie es aus der Konsole von Twilio",
    ),
    (
        "must be SK and 32 hexadecimal digits, or left out",
        "muss aus SK und 32 hexadezimalen Ziffern bestehen, oder fehlen",
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
