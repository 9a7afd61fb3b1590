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

/// Types of factors that a person holds, which providers do not deliver.
const FACTORS: [&str; 3] = ["totp", "fido", "recovery"];

pub(super) fn check(info: &ProviderInfo, report: &mut Report) {
    let (type_id, name) = (&*info.manifest.type_id, &*info.manifest.name);
    let bundled = BUNDLED.iter().find(|(bundled, _)| *bundled == type_id).map(|(_, name)| *name);
    let wrong = match bundled {
        Some(bundled) if bundled != name => {
            Some(format!("`{type_id}` is the type of the bundled provider {bundled}, which it would replace"))
        }
        _ if FACTORS.contains(&type_id) => {
            Some(format!("`{type_id}` is a factor that a person holds, and not the type of a provider"))
        }
        _ => None,
    };
    report.rule("type-id-taken", wrong.into_iter().collect(), "Choose another type, such as the name of your gateway.");
}
