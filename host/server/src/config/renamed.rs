//! Keys of the configuration that have been renamed. An old key is refused, and the error names the new one.

/// Old and new keys with their tables, except for a key that several tables have. Both are in the same table.
const RENAMED: [(&str, &str); 21] = [
    ("drain_seconds", "shutdown_timeout_seconds"),
    ("limits", "rate_limits"),
    ("rate_limits.wrong_in_a_row", "rate_limits.lockout_threshold"),
    ("rate_limits.wrong_per_day", "rate_limits.wrong_answers_per_day"),
    ("rate_limits.recipient_in_all_per_hour", "rate_limits.recipient_total_per_hour"),
    ("policy.digits", "policy.code_length"),
    ("parts_per_day", "segments_per_day"),
    ("accounts.idle_minutes", "accounts.session_idle_minutes"),
    ("accounts.session_hours", "accounts.session_lifetime_hours"),
    ("network.resolve", "network.hosts"),
    ("network.stand_ins", "network.overrides"),
    ("network.trust_certificates", "network.ca_certificates"),
    ("network.allow_networks", "network.allowed_networks"),
    ("network.allow_plaintext_smtp", "network.allowed_plaintext_smtp"),
    ("providers.bundled", "providers.load"),
    ("providers.also", "providers.load"),
    ("providers.files", "providers.load"),
    ("connections.head_seconds", "connections.header_timeout_seconds"),
    ("connections.body_seconds", "connections.body_timeout_seconds"),
    ("connections.idle_seconds", "connections.idle_timeout_seconds"),
    ("connections.response_seconds", "connections.response_timeout_seconds"),
];

/// Returns the old and the new key if this error of the TOML parser is about a key that has been renamed.
pub(super) fn renamed(message: &str) -> Option<(&'static str, &'static str)> {
    let unknown = message.strip_prefix("unknown field `")?.split('`').next()?;
    RENAMED.into_iter().find(|(old, _)| old.rsplit('.').next() == Some(unknown))
}

/// Returns a sentence about the key that has been renamed, if this error of the TOML parser is about one.
pub(super) fn hint(message: &str) -> Option<String> {
    renamed(message).map(|(old, new)| format!("`{old}` has been renamed to `{new}`"))
}
