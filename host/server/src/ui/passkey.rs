//! What forms that are answered with a passkey share. The script is that of the sign-in page, which exists wherever passkeys work.

use maud::{Markup, html};

use crate::sign_in::passkey_script;
use crate::wording::Language;

/// Returns the field for the browser's answer, and the sentences that the script shows. `failed` is shown if the browser returns no
/// passkey.
pub(super) fn parts(l: Language, failed: &str) -> Markup {
    let sentences = [
        (
            "unsupported",
            l.say(
                "This browser cannot use passkeys here. Update it, or choose another second factor.",
                "Dieser Browser kann hier keine Passkeys verwenden. Aktualisieren Sie ihn, oder wählen Sie einen anderen zweiten Faktor.",
            ),
        ),
        ("failed", failed),
        (
            "known",
            l.say("This device already has a passkey for your account.", "Auf diesem Gerät gibt es bereits einen Passkey für Ihr Konto."),
        ),
    ];
    html! {
        input type="hidden" name="credential";
        noscript { p.error { (l.say("Passkeys need JavaScript. Allow it for this page, or choose another second factor.",
            "Passkeys brauchen JavaScript. Erlauben Sie es für diese Seite, oder wählen Sie einen anderen zweiten Faktor.")) } }
        div role="alert" { @for (name, sentence) in sentences { p.error data-say=(name) hidden { (sentence) } } }
    }
}

pub(super) fn script() -> Markup {
    html! { script src=(passkey_script()) defer {} }
}
