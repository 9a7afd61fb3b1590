//! The providers of this repository, built for `wasm32-wasip2` and embedded.

/// Email over SMTP or Microsoft 365.
pub const EMAIL: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/twofactor_email.wasm"));
/// eCall SMS.
pub const ECALL: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/twofactor_ecall.wasm"));
/// Twilio SMS.
pub const TWILIO: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/twofactor_twilio.wasm"));
/// Email through Amazon SES.
pub const SES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/twofactor_ses.wasm"));
/// Direct messages in Slack.
pub const SLACK: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/twofactor_slack.wasm"));
/// Calls through Twilio.
pub const TWILIO_VOICE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/twofactor_twilio_voice.wasm"));
/// Signed webhooks.
pub const WEBHOOK: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/twofactor_webhook.wasm"));

/// Those that are loaded together.
pub fn usual() -> [&'static [u8]; 3] {
    [EMAIL, ECALL, TWILIO]
}

/// All of them, by the type of their instances.
pub const BY_TYPE: [(&str, &[u8]); 7] = [
    ("email", EMAIL),
    ("ecall", ECALL),
    ("twilio", TWILIO),
    ("ses", SES),
    ("slack", SLACK),
    ("twilio-voice", TWILIO_VOICE),
    ("webhook", WEBHOOK),
];
