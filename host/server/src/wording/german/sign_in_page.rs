//! The settings of the sign-in page.

pub(super) const SENTENCES: &[(&str, &str)] = &[
    ("`return_urls` can have at most {} entries", "höchstens {} Rückkehr-URLs sind möglich"),
    (
        "`application_name` must be a single line of 1 to 60 characters",
        "der Name der Anwendung muss eine Zeile mit 1 bis 60 Zeichen sein",
    ),
    (
        "`colours.{}` must be `#` and six hexadecimal digits",
        "die Farbe `{}` muss aus `#` und sechs hexadezimalen Ziffern bestehen",
    ),
    (
        "`colours.{}` is not readable on white; choose a darker color: the contrast is {}:1 and must be at least {}:1",
        "die Farbe `{}` ist mit Weiß nicht lesbar: wählen Sie eine dunklere; der Kontrast ist {} zu 1 und muss {} zu 1 sein",
    ),
    (
        "`colours.{}` is not readable under dark text; choose a lighter color: the contrast is {}:1 and must be at least {}:1",
        "die Farbe `{}` ist unter dunklem Text nicht lesbar: wählen Sie eine hellere; der Kontrast ist {} zu 1 und muss {} zu 1 sein",
    ),
    ("`logo` must be a PNG, JPEG or WebP", "das Logo muss ein PNG, JPEG oder WebP sein"),
    (
        "`logo` must be a `data:` URI of a PNG, JPEG or WebP in base64",
        "das Logo muss eine `data:`-URI eines PNG, JPEG oder WebP in Base64 sein",
    ),
    ("`logo` can be at most {} KiB", "das Logo darf höchstens {} KiB groß sein"),
    (
        "each of `return_urls` must be an absolute URL of at most 2000 ASCII characters, such as https://shop.example.com/signed-in",
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
];
