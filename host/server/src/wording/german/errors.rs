//! Errors of the engine as a whole.

pub(super) const SENTENCES: &[(&str, &str)] = &[
    ("there is no such {}", "das gibt es nicht ({})"),
    (
        "somebody else changed it meanwhile: read it again",
        "jemand anderes hat es inzwischen geändert: laden Sie es neu",
    ),
    ("no TwoFactor instance is available to this sign-in", "für diese Anmeldung ist keine TwoFactor-Instanz verfügbar"),
    ("too many requests: try again later", "zu viele Anfragen: versuchen Sie es später"),
    ("the service is not available for the moment", "der Dienst ist zurzeit nicht verfügbar"),
    ("this challenge is closed", "diese Challenge ist geschlossen"),
    ("this is not the code", "das ist nicht der Code"),
    ("this email address and password do not fit", "E-Mail-Adresse oder Passwort ist falsch"),
    (
        "this link was used, replaced or is over: ask for another",
        "dieser Link wurde verwendet, ersetzt oder ist abgelaufen: verlangen Sie einen neuen",
    ),
    ("this log-in is over: begin again", "diese Anmeldung ist abgelaufen: beginnen Sie von vorn"),
    ("the message was not sent: try again later", "die Nachricht wurde nicht gesendet: versuchen Sie es später"),
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
        "the TwoFactor instance cannot send: call the operator",
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
    ("the input is wrong", "die Eingabe ist falsch"),
    ("is needed for this instance", "wird für diese Instanz gebraucht"),
    ("a valid bearer token is needed", "ein gültiges Bearer-Token wird gebraucht"),
    ("this call is for administrators", "das ist Administratoren vorbehalten"),
    (
        "this call is for those of the whole installation",
        "das ist Personen vorbehalten, die für die ganze Installation zuständig sind",
    ),
    ("an auditor reads: this call is for administrators", "Auditoren lesen nur: das ist Administratoren vorbehalten"),
];
