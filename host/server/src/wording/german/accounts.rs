//! Names, ids and accounts.

pub(super) const SENTENCES: &[(&str, &str)] = &[
    ("must be a single line of {} to {} characters", "muss eine Zeile mit {} bis {} Zeichen sein"),
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
        "muss die Rolle einer Person sein: eine Anwendung erhält ein Token",
    ),
    (
        "must name at least one for an `auditor`, or be left out for the whole installation",
        "muss für einen Auditor mindestens eine nennen, oder leer bleiben, wenn er für die ganze Installation zuständig ist",
    ),
    (
        "must name at least one for a `subscription_admin`",
        "muss für einen Subscription-Administrator mindestens eine nennen",
    ),
    ("there is a subscription of this id already", "eine Subscription mit dieser ID gibt es bereits"),
    (
        "the subscription is not empty: {} instances to remove, {} tokens to revoke, {} accounts of its administrators",
        "die Subscription ist nicht leer: {} Instanzen sind zu entfernen, {} Tokens zu widerrufen, {} Konten ihrer Administratoren zu ändern",
    ),
    ("assigned to it: {}", "ihm zugewiesen: {}"),
    ("this email address has an account already", "für diese E-Mail-Adresse gibt es bereits ein Konto"),
    ("`email` is not an email address", "das ist keine E-Mail-Adresse"),
    (
        "`phone` is not a valid telephone number in international form, such as +41791234567",
        "das ist keine gültige Telefonnummer in internationaler Form, etwa +41791234567",
    ),
    (
        "an account becomes active when its person sets a password",
        "ein Konto wird aktiv, sobald der Benutzer ein Passwort festlegt",
    ),
    (
        "this is the last system administrator who can log in: invite another, and once they have set a password do this again",
        "dies ist der letzte Systemadministrator, der sich anmelden kann: laden Sie einen weiteren ein und versuchen Sie es erneut, sobald dieser ein Passwort festgelegt hat",
    ),
    (
        "the account is disabled: let it log in again first",
        "das Konto ist deaktiviert: aktivieren Sie es zuerst wieder",
    ),
    (
        "this account logs in through the identity provider: it has no password",
        "dieses Konto meldet sich über den Identity Provider an und hat kein Passwort",
    ),
    ("a password has at most 128 characters", "ein Passwort hat höchstens 128 Zeichen"),
    ("a password has at least 12 characters", "ein Passwort hat mindestens 12 Zeichen"),
    (
        "this password is one of those that are guessed first: a common one, your own name or address, or a row of keys",
        "dieses Passwort ist zu leicht zu erraten: es ist verbreitet, enthält Ihren Namen oder Ihre Adresse, oder ist eine Tastenfolge",
    ),
];
