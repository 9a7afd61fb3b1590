//! Errors of the engine as a whole.

pub(super) const SENTENCES: &[(&str, &str)] = &[
    ("{} not found", "{} nicht gefunden"),
    (
        "modified by someone else; reload and retry",
        "ein anderer Benutzer hat es inzwischen geändert: Laden Sie die Seite neu und versuchen Sie es erneut",
    ),
    (
        "no TwoFactor instance is available for this sign-in",
        "für diese Anmeldung ist keine TwoFactor-Instanz verfügbar",
    ),
    ("too many requests; try again later", "zu viele Anfragen: Versuchen Sie es später erneut"),
    ("the service is temporarily unavailable", "der Dienst ist zurzeit nicht verfügbar"),
    (
        "it is not known whether the request took effect; send the same request again",
        "es ist nicht bekannt, ob die Anfrage wirksam wurde: Senden Sie dieselbe Anfrage noch einmal",
    ),
    (
        "it is not known whether the answer was accepted; send the same request again, and start a new challenge if this one is closed",
        "es ist nicht bekannt, ob die Antwort akzeptiert wurde: Senden Sie dieselbe Anfrage noch einmal, und starten Sie eine neue \
         Challenge, falls diese geschlossen ist",
    ),
    (
        "codes of authenticator apps are not accepted in the first minutes after a failover or a restore of the database; try again \
         later, or use another factor",
        "in den ersten Minuten nach einem Failover oder einer Wiederherstellung der Datenbank werden keine Codes von Authenticator-Apps \
         akzeptiert: Versuchen Sie es später erneut, oder verwenden Sie einen anderen Faktor",
    ),
    ("this challenge is closed", "diese Challenge ist geschlossen"),
    ("incorrect code", "falscher Code"),
    ("incorrect email address or password", "E-Mail-Adresse oder Passwort ist falsch"),
    (
        "this link was used, replaced or has expired; request a new one",
        "dieser Link wurde verwendet, ersetzt oder ist abgelaufen: Fordern Sie einen neuen an",
    ),
    ("this login has expired; log in again", "diese Anmeldung ist abgelaufen: Melden Sie sich erneut an"),
    ("the message was not sent; try again later", "die Nachricht wurde nicht gesendet: Versuchen Sie es später erneut"),
    ("it is unknown whether the message was sent", "es ist nicht bekannt, ob die Nachricht gesendet wurde"),
    ("the message was not accepted", "die Nachricht wurde nicht angenommen"),
    ("the message was blocked", "die Nachricht wurde blockiert"),
    ("messages to this recipient are not accepted", "Nachrichten an diesen Empfänger werden nicht angenommen"),
    (
        "messages to numbers that belong to no country are not enabled",
        "Nachrichten an Nummern, die keinem Land zugeordnet sind, sind nicht freigegeben",
    ),
    (
        "messages to this country are not enabled; add {} to `countries` in the policy of the TwoFactor instance or of the installation",
        "Nachrichten in dieses Land sind nicht freigegeben: Fügen Sie {} zu `countries` in der Richtlinie der TwoFactor-Instanz oder der Installation hinzu",
    ),
    (
        "the TwoFactor instance cannot send; contact the operator",
        "die TwoFactor-Instanz kann nicht senden: Wenden Sie sich an den Betreiber",
    ),
    ("`recipient.email` is not an email address", "das ist keine E-Mail-Adresse"),
    (
        "`recipient.phone` is not a valid phone number in international format, such as +41791234567",
        "das ist keine gültige Telefonnummer im internationalen Format, etwa +41791234567",
    ),
    (
        "`recipient.phone` is a premium-rate, shared-cost, personal, pager, company or voicemail number: codes are sent only to a subscriber's own phone",
        "das ist eine Mehrwert-, Shared-Cost-, Personal-Number-, Pager-, Firmen- oder Mailbox-Nummer: Codes werden nur an persönliche Telefonanschlüsse gesendet",
    ),
    (
        "`recipient.handle` must be a single line of 1 to {} characters",
        "die Kennung muss einzeilig sein und 1 bis {} Zeichen haben",
    ),
    ("`{}` {}", "`{}` {}"),
    ("{}; {} more like this", "{}; {} weitere dieser Art"),
    ("invalid input", "die Eingabe ist ungültig"),
    ("is required for this instance", "ist für diese Instanz erforderlich"),
    ("a valid bearer token is required", "ein gültiges Bearer-Token ist erforderlich"),
    ("only administrators can call this", "das ist Administratoren vorbehalten"),
    (
        "only administrators and auditors of the whole installation can call this",
        "das ist Administratoren und Auditoren der ganzen Installation vorbehalten",
    ),
    (
        "this user is an administrator's account; only a system administrator can change its factors",
        "dieser Benutzer ist das Konto eines Administrators: Nur ein Systemadministrator kann dessen Faktoren ändern",
    ),
    (
        "administrators use their passkeys at this site; only a system administrator can change its RP ID and origins",
        "Administratoren verwenden hier ihre Passkeys: Nur ein Systemadministrator kann RP-ID und Origins ändern",
    ),
    (
        "other subscriptions use this RP ID, so only a system administrator can add related origins; ask one, or set your own RP ID",
        "Andere Subscriptions verwenden diese RP-ID, darum kann nur ein Systemadministrator verwandte Origins hinzufügen: Fragen Sie einen, oder legen Sie eine eigene RP-ID fest",
    ),
    (
        "log in again, with a second factor, to change your second factors",
        "melden Sie sich erneut mit einem zweiten Faktor an, um Ihre zweiten Faktoren zu ändern",
    ),
    (
        "log in again: you can change your second factors in the first ten minutes after a login",
        "melden Sie sich erneut an: In den ersten zehn Minuten nach der Anmeldung können Sie Ihre zweiten Faktoren ändern",
    ),
    (
        "administrators cannot issue a temporary pass for their own account",
        "Administratoren können für ihr eigenes Konto keinen temporären Zugangscode ausstellen",
    ),
    (
        "factors of this kind are only a fallback: enrol another factor first",
        "Faktoren dieser Art dienen nur als Ausweichfaktor: Richten Sie zuerst einen anderen Faktor ein",
    ),
    (
        "the user has the maximum number of factors of this instance; remove one first",
        "der Benutzer hat bereits die Höchstzahl an Faktoren dieser Instanz: Entfernen Sie zuerst einen",
    ),
    (
        "this authenticator is already enrolled; use another one",
        "dieser Authenticator ist bereits eingerichtet: Verwenden Sie einen anderen",
    ),
    ("is not a code of this factor", "ist kein Code dieses Faktors"),
    ("is not a credential as returned by `toJSON()`", "ist kein gültiger Passkey"),
    ("auditors can only read", "Auditoren haben nur Lesezugriff"),
];
