//! Names, ids and accounts.

pub(super) const SENTENCES: &[(&str, &str)] = &[
    ("must be a single line of {} to {} characters", "muss einzeilig sein und {} bis {} Zeichen haben"),
    (
        "must not begin or end with a space, or contain two in a row",
        "darf weder mit einem Leerzeichen beginnen oder enden noch zwei hintereinander enthalten",
    ),
    (
        "must not contain the invisible or misleading character U+{} (at position {}): remove it",
        "darf das unsichtbare oder irreführende Zeichen U+{} (an Position {}) nicht enthalten: Entfernen Sie es",
    ),
    (
        "must not begin with a combining mark or have more than {} on one letter",
        "darf nicht mit einem kombinierenden Zeichen beginnen und höchstens {} davon pro Buchstaben enthalten",
    ),
    (
        "of a {} must be 1 to 64 letters, digits, `-`, `_` or `.`, and not `.` or `..`",
        "muss aus 1 bis 64 Buchstaben, Ziffern, `-`, `_` oder `.` bestehen und darf nicht `.` oder `..` sein ({})",
    ),
    ("must be the `next` of the previous page", "muss der `next`-Wert der vorherigen Seite sein"),
    ("must be in the future", "muss in der Zukunft liegen"),
    (
        "is not an existing subscription; create it first",
        "nennt eine Subscription, die es nicht gibt: Erstellen Sie sie zuerst",
    ),
    (
        "must be a person's role; applications use tokens",
        "muss die Rolle einer Person sein: Eine Anwendung erhält ein Token",
    ),
    (
        "must name at least one subscription for an `auditor`, or be omitted for the whole installation",
        "muss für einen Auditor mindestens eine nennen, oder leer bleiben, wenn er für die ganze Installation zuständig ist",
    ),
    (
        "must name at least one subscription for a `subscription_admin`",
        "muss für einen Subscription-Administrator mindestens eine nennen",
    ),
    ("a subscription with this id already exists", "eine Subscription mit dieser ID gibt es bereits"),
    (
        "the subscription is not empty: {} instances to remove, {} tokens to revoke, {} accounts of its administrators",
        "die Subscription ist nicht leer: {} Instanzen sind zu entfernen, {} Tokens zu widerrufen, {} Konten ihrer Administratoren zu ändern",
    ),
    ("assigned to it: {}", "ihm zugewiesen: {}"),
    ("an account with this email address already exists", "für diese E-Mail-Adresse gibt es bereits ein Konto"),
    ("`email` is not an email address", "das ist keine E-Mail-Adresse"),
    (
        "`phone` is not a valid phone number in international format, such as +41791234567",
        "das ist keine gültige Telefonnummer im internationalen Format, etwa +41791234567",
    ),
    (
        "an account becomes active when its owner sets a password",
        "ein Konto wird aktiv, sobald der Benutzer ein Passwort festlegt",
    ),
    (
        "this is the last system administrator who can log in; invite another one, and retry once they have set a password",
        "dies ist der letzte Systemadministrator, der sich anmelden kann: Laden Sie einen weiteren ein und versuchen Sie es erneut, sobald dieser ein Passwort festgelegt hat",
    ),
    ("the account is disabled; enable it first", "das Konto ist deaktiviert: Aktivieren Sie es zuerst wieder"),
    (
        "this account logs in through an identity provider and has no password",
        "dieses Konto meldet sich über den Identity Provider an und hat kein Passwort",
    ),
    ("a password can have at most 128 characters", "ein Passwort darf höchstens 128 Zeichen haben"),
    ("a password must have at least 12 characters", "ein Passwort muss mindestens 12 Zeichen haben"),
    (
        "this password is too easy to guess: it is common, contains your name or address, or is a keyboard sequence",
        "dieses Passwort ist zu leicht zu erraten: Es ist verbreitet, enthält Ihren Namen oder Ihre Adresse oder ist eine Tastenfolge",
    ),
];
