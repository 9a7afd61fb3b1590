//! Keys and tokens with which requests are authenticated and reports are proved.

pub(super) const SENTENCES: &[(&str, &str)] = &[
    ("the secret that signs tokens is empty", "das Geheimnis, das Tokens signiert, ist leer"),
    (
        "the private key that signs tokens is not PEM: enter the whole text from `-----BEGIN PRIVATE KEY-----` to `-----END PRIVATE KEY-----`",
        "der private Schlüssel, der Tokens signiert, ist nicht im Format PEM: Geben Sie den ganzen Text von `-----BEGIN PRIVATE KEY-----` bis `-----END PRIVATE KEY-----` ein",
    ),
    (
        "the private key is protected with a passphrase: remove it with `openssl pkcs8 -topk8 -nocrypt`",
        "der private Schlüssel ist mit einer Passphrase geschützt: Entfernen Sie diese mit `openssl pkcs8 -topk8 -nocrypt`",
    ),
    (
        "the private key is not of the kind that {} requires",
        "der private Schlüssel ist nicht von der Art, die {} braucht",
    ),
    (
        "the private key is not a valid RSA key of 2048 to 4096 bits",
        "der private Schlüssel ist kein gültiger RSA-Schlüssel mit 2048 bis 4096 Bits",
    ),
    (
        "the private key is not a valid key of the curve P-256 that contains its public key: `openssl pkcs8 -topk8 -nocrypt` adds it",
        "der private Schlüssel ist kein gültiger Schlüssel der Kurve P-256, der den öffentlichen Schlüssel enthält: `openssl pkcs8 -topk8 -nocrypt` ergänzt diesen",
    ),
    ("the key of a signature is not hexadecimal", "der Schlüssel einer Signatur ist nicht hexadezimal"),
    ("the key of a signature is not base64", "der Schlüssel einer Signatur ist nicht in Base64 kodiert"),
    ("the key of a signature is empty", "der Schlüssel einer Signatur ist leer"),
    (
        "a client that authenticates by HTTP Basic or by an assertion needs a client id",
        "ein Client, der sich mit HTTP Basic oder einer Assertion anmeldet, braucht eine Client-ID",
    ),
    (
        "the provider computes a credential from a secret, and requests to place secrets in requests that the host authenticates with it: \
         there, a credential can only contain secrets unchanged",
        "der Provider berechnet Zugangsdaten aus einem Geheimnis und will Geheimnisse in Anfragen einsetzen, die der Host damit \
         authentifiziert: Dort dürfen Zugangsdaten Geheimnisse nur unverändert enthalten",
    ),
    (
        "the provider receives this secret when it delivers, so an instance cannot inherit it from the base service settings: give this \
         instance its own secret",
        "der Provider erhält dieses Geheimnis beim Zustellen, darum kann eine Instanz es nicht aus den Basiseinstellungen erben: Geben Sie \
         dieser Instanz ein eigenes Geheimnis",
    ),
    ("the name of {} must have 1 to {} bytes", "der Name von {} muss 1 bis {} Bytes haben"),
    // Parts of a connection that depend on a secret but must not.
    ("the algorithm of a token", "der Algorithmus eines Tokens"),
    ("the header of a token", "der Header eines Tokens"),
    ("a claim of a token", "ein Claim eines Tokens"),
    ("how long a token is valid", "die Gültigkeit eines Tokens"),
    ("the way to authenticate at the token endpoint", "die Art der Anmeldung am Token-Endpunkt"),
    ("a parameter of the token request", "ein Parameter der Token-Anfrage"),
    ("the login URL", "die Login-URL"),
    ("the name of a field of the login", "der Name eines Felds des Logins"),
    ("a login may have at most {} fields", "ein Login darf höchstens {} Felder haben"),
    ("how a login is sent", "das Format des Logins"),
    ("the expected response to a login", "die erwartete Antwort auf ein Login"),
    ("where a token is found", "die Stelle des Tokens in der Antwort"),
    ("where a token is placed", "die Stelle des Tokens in Anfragen"),
    ("the hash function of a signature", "die Hashfunktion einer Signatur"),
    ("how a key is written", "die Schreibweise eines Schlüssels"),
    ("a template of the signature", "eine Vorlage der Signatur"),
];
