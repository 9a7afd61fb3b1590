//! The options of an Amazon SES instance.

use schemars::JsonSchema;
use serde::Deserialize;
use twofactor_provider::{Problem, Secret, problem};

/// Email from one sender through Amazon SES.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// The AWS region in which the sender is verified, such as eu-central-1.
    #[serde(rename = "SesRegion")]
    #[schemars(regex(pattern = "^[a-z]{2}(-[a-z]+)+-[0-9]$"), length(max = 30))]
    pub region: String,
    /// The id of an access key whose only permission is ses:SendEmail.
    #[serde(rename = "SesAccessKeyId")]
    #[schemars(regex(pattern = "^[0-9A-Za-z_]{16,128}$"))]
    pub access_key_id: String,
    /// The secret access key.
    #[serde(rename = "SesSecretAccessKey")]
    pub secret_access_key: Secret,
    /// The sender's email address. It or its domain must be verified at Amazon SES.
    #[serde(rename = "SesSenderAddress")]
    #[schemars(length(min = 3, max = 254))]
    pub sender_address: String,
    /// The sender's display name (optional).
    #[serde(rename = "SesSenderName", default)]
    #[schemars(length(max = 100))]
    pub sender_name: Option<String>,
    /// The configuration set to send with (optional). Do not use one that tracks opens or clicks: it changes the messages.
    #[serde(rename = "SesConfigurationSet", default)]
    #[schemars(regex(pattern = "^[0-9A-Za-z_-]{1,64}$"))]
    pub configuration_set: Option<String>,
}

impl Options {
    pub fn check(&self) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        // It becomes part of a host name.
        let part = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if self.region.split('-').count() < 3 || !self.region.split('-').all(part) {
            problems.push(problem("/SesRegion", "must be a region of AWS, such as eu-central-1"));
        }
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        if !(16..=128).contains(&self.access_key_id.len()) || !self.access_key_id.bytes().all(word) {
            problems.push(problem("/SesAccessKeyId", "must be the id of an access key, such as AKIA…"));
        }
        if !is_address(&self.sender_address) {
            let message = "must be an ASCII email address; write an internationalized domain in Punycode";
            problems.push(problem("/SesSenderAddress", message));
        }
        let breaks_line = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
        if self.sender_name.as_ref().is_some_and(|name| name.chars().any(breaks_line)) {
            problems.push(problem("/SesSenderName", "must be a single line"));
        }
        let in_name = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
        if self.configuration_set.as_ref().is_some_and(|set| set.is_empty() || !set.bytes().all(in_name)) {
            problems.push(problem("/SesConfigurationSet", "must be the name of a configuration set, or empty"));
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// <https://docs.aws.amazon.com/general/latest/gr/ses.html>
    pub fn origin(&self) -> String {
        format!("https://email.{}.amazonaws.com", self.region)
    }
}

/// Returns whether a text is a dot-atom, `@` and a domain name (RFC 5321 section 4.1.2, RFC 5322 section 3.4.1), which needs no quotes
/// beside a display name. SES accepts ASCII only.
fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let in_local = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b);
    let local_fits = local.len() <= 64 && local.split('.').all(|part| !part.is_empty() && part.bytes().all(in_local));
    let label = |label: &str| {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        (1..=63).contains(&label.len()) && label.bytes().all(fits) && !label.starts_with('-') && !label.ends_with('-')
    };
    let is_number = |label: &str| label.bytes().all(|b| b.is_ascii_digit());
    let domain_fits =
        domain.contains('.') && domain.split('.').all(label) && !domain.rsplit('.').next().is_some_and(is_number);
    local_fits && domain_fits
}
