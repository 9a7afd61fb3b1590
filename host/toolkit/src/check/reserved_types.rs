//! Checks that a component does not use the type of another provider.

use twofactor_sandbox::ProviderInfo;

use super::report::Report;

/// The types and names of the providers of this repository.
const BUNDLED: [(&str, &str); 18] = [
    ("email", "Email"),
    ("ecall", "eCall SMS"),
    ("twilio", "Twilio SMS"),
    ("ses", "Amazon SES"),
    ("slack", "Slack"),
    ("twilio-verify", "Twilio Verify"),
    ("twilio-voice", "Twilio Voice"),
    ("webhook", "Webhook"),
    ("infobip", "Infobip SMS"),
    ("sendgrid", "SendGrid"),
    ("telnyx", "Telnyx SMS"),
    ("vonage", "Vonage SMS"),
    ("whatsapp", "WhatsApp"),
    // In other languages, built beside them.
    ("bird", "Bird SMS"),
    ("lan-gateway", "LAN gateway"),
    ("matrix", "Matrix"),
    ("sinch", "Sinch SMS"),
    ("telegram-gateway", "Telegram Gateway"),
];

/// The types and names of the factors of this repository.
const FACTORS: [(&str, &str); 3] =
    [("totp", "Authenticator app"), ("fido", "Passkey or security key"), ("recovery", "Recovery codes")];

pub(super) fn check(info: &ProviderInfo, report: &mut Report) {
    let (type_id, name) = (&*info.manifest.type_id, &*info.manifest.name);
    let is_factor = info.manifest.factor.is_some();
    let own = if is_factor { &FACTORS[..] } else { &BUNDLED };
    let bundled = own.iter().find(|(bundled, _)| *bundled == type_id).map(|(_, name)| *name);
    let wrong = match bundled {
        Some(bundled) if bundled != name => {
            Some(format!("`{type_id}` is the type of the bundled provider {bundled}, which it would replace"))
        }
        _ if !is_factor && FACTORS.iter().any(|(factor, _)| *factor == type_id) => {
            Some(format!("`{type_id}` is a kind of factor that users hold, not the type of a provider"))
        }
        _ if is_factor && BUNDLED.iter().any(|(provider, _)| *provider == type_id) => {
            Some(format!("`{type_id}` is the type of a bundled provider, not of a factor"))
        }
        _ => None,
    };
    report.rule("type-id-taken", wrong.into_iter().collect(), "Choose another type, such as the name of your gateway.");
}
