//! Whether a component takes a name that belongs to another.

use twofactor::sandbox::ProviderInfo;

use super::report::Report;

/// The providers that come with the program: the type of each, and its name.
const BUNDLED: [(&str, &str); 8] = [
    ("email", "Email"),
    ("ecall", "eCall SMS"),
    ("twilio", "Twilio SMS"),
    ("ses", "Amazon SES"),
    ("slack", "Slack"),
    ("twilio-verify", "Twilio Verify"),
    ("twilio-voice", "Twilio Voice"),
    ("webhook", "Webhook"),
];

/// Factors that a person holds, which no provider delivers.
const FACTORS: [&str; 3] = ["totp", "fido", "recovery"];

pub(super) fn judge(info: &ProviderInfo, report: &mut Report) {
    let (type_id, name) = (&*info.manifest.type_id, &*info.manifest.name);
    let bundled = BUNDLED.iter().find(|(bundled, _)| *bundled == type_id).map(|(_, name)| *name);
    let wrong = match bundled {
        Some(bundled) if bundled != name => {
            Some(format!("`{type_id}` is the type of {bundled}, which comes with the program: it would replace that"))
        }
        _ if FACTORS.contains(&type_id) => {
            Some(format!("`{type_id}` is a factor that people hold, and no provider's type"))
        }
        _ => None,
    };
    report.judge(
        "type-id-taken",
        wrong.into_iter().collect(),
        "Choose a type of your own, such as the name of your gateway.",
    );
}
