//! The settings of the sign-in page.

pub(super) const SENTENCES: &[(&str, &str)] = &[
    ("`return_urls` can have at most {} entries", "höchstens {} Rückkehr-URLs sind möglich"),
    (
        "`application_name` must be a single line of 1 to 60 characters",
        "der Name der Anwendung muss einzeilig sein und 1 bis 60 Zeichen haben",
    ),
    (
        "`colors.{}` must be `#` and six hexadecimal digits",
        "die Farbe `{}` muss aus `#` und sechs hexadezimalen Ziffern bestehen",
    ),
    (
        "`colors.{}` is not readable on white; choose a darker color: the contrast is {}:1 and must be at least {}:1",
        "die Farbe `{}` ist auf Weiß nicht lesbar: Wählen Sie eine dunklere; der Kontrast ist {} zu 1 und muss mindestens {} zu 1 betragen",
    ),
    (
        "`colors.{}` is not readable under dark text; choose a lighter color: the contrast is {}:1 and must be at least {}:1",
        "die Farbe `{}` ist unter dunklem Text nicht lesbar: Wählen Sie eine hellere; der Kontrast ist {} zu 1 und muss mindestens {} zu 1 betragen",
    ),
    ("`logo` must be a PNG, JPEG or WebP", "das Logo muss ein PNG, JPEG oder WebP sein"),
    (
        "`logo` must be a `data:` URI of a PNG, JPEG or WebP in base64",
        "das Logo muss eine `data:`-URI eines PNG, JPEG oder WebP in Base64 sein",
    ),
    ("`logo` can be at most {} KiB", "das Logo darf höchstens {} KiB groß sein"),
    (
        "each of `return_urls` must be an absolute URL of at most 2000 ASCII characters, such as https://shop.example.com/signed-in",
        "jede Rückkehr-URL muss eine vollständige URL von höchstens 2000 ASCII-Zeichen sein, etwa https://shop.example.com/signed-in",
    ),
    (
        "each of `return_urls` must be `https:`, or `http:` with a loopback address",
        "jede Rückkehr-URL muss mit `https:` beginnen, oder mit `http:` und einer Loopback-Adresse",
    ),
    (
        "each of `return_urls` must not contain a user name, a password or a fragment",
        "eine Rückkehr-URL darf keinen Benutzernamen, kein Passwort und kein Fragment enthalten",
    ),
    (
        "each of `return_urls` must not contain the parameters `state`, `handle`, `error` or `login_hint`, which are added to it",
        "eine Rückkehr-URL darf die Parameter `state`, `handle`, `error` und `login_hint` nicht enthalten: Sie werden angehängt",
    ),
    ("`support_url` must be an `https:` or `mailto:` URL", "die Support-URL muss mit `https:` oder `mailto:` beginnen"),
    ("`{}` must be a host name, not an IP address", "`{}` muss ein Hostname sein, keine IP-Adresse"),
    (
        "`{}` must be a host name in lower case, such as `example.com`, without a scheme or port",
        "`{}` muss ein Hostname in Kleinbuchstaben sein, etwa `example.com`, ohne Schema und Port",
    ),
    (
        "`{}` must not be a public suffix, below which others can register names",
        "`{}` darf kein Public Suffix sein, unter dem Dritte Namen registrieren können",
    ),
    (
        "`{}` is required: this server has no public URL whose host could be the RP ID",
        "`{}` fehlt: Dieser Server hat keine öffentliche URL, deren Host die RP-ID sein könnte",
    ),
    (
        "`{}` must have an entry: this server's public URL does not belong to the RP ID",
        "`{}` braucht einen Eintrag: Die öffentliche URL dieses Servers gehört nicht zur RP-ID",
    ),
    (
        "`{}` must be an origin as browsers write it, such as `https://login.example.com`: in lower case, without a path or the default port",
        "`{}` muss ein Origin sein, wie ihn Browser schreiben, etwa `https://login.example.com`: in Kleinbuchstaben, ohne Pfad und ohne den Standardport",
    ),
    (
        "`{}` must have a host name: an IP address cannot be used with passkeys",
        "`{}` muss einen Hostnamen haben: Mit einer IP-Adresse lassen sich keine Passkeys verwenden",
    ),
    (
        "`{}` must begin with `https:`; `http:` is allowed for `localhost` only",
        "`{}` muss mit `https:` beginnen; `http:` ist nur für `localhost` erlaubt",
    ),
    (
        "`{}` must be `android:apk-key-hash:` and the SHA-256 of the certificate in base64url without padding",
        "`{}` muss aus `android:apk-key-hash:` und dem SHA-256 des Zertifikats in Base64url ohne Padding bestehen",
    ),
    (
        "`{}` does not belong to the RP ID; list it in `related_origins` if you control it",
        "`{}` gehört nicht zur RP-ID; tragen Sie ihn bei den verwandten Origins ein, wenn Sie ihn kontrollieren",
    ),
    ("`{}` belongs to the RP ID; list it in `origins`", "`{}` gehört zur RP-ID; tragen Sie ihn bei den Origins ein"),
    ("`{}` must not be a public suffix", "`{}` darf kein Public Suffix sein"),
    ("`{}` appears twice", "`{}` kommt zweimal vor"),
    ("`{}` must have at most {} entries", "`{}` darf höchstens {} Einträge haben"),
    (
        "`{}` may have at most {} different names: browsers ignore the others",
        "`{}` darf höchstens {} verschiedene Namen haben: Browser ignorieren die übrigen",
    ),
    (
        "this changes the RP ID, and existing passkeys stop working: confirm the change, or keep the RP ID",
        "das ändert die RP-ID, und bestehende Passkeys funktionieren dann nicht mehr: Bestätigen Sie die Änderung, oder behalten Sie die RP-ID",
    ),
];
