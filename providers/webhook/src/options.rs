//! The options of a webhook instance.

use schemars::JsonSchema;
use serde::Deserialize;
use twofactor_provider::{Problem, Secret, problem};

/// Codes sent to your own webhook, which delivers them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
// The host derives a stand-in for a withheld secret from this example.
#[schemars(extend("examples" = [{
    "WebhookUrl": "https://gateway.example.com/codes",
    "WebhookSecret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
}]))]
pub struct Options {
    /// The URL to post messages to, such as https://gateway.example.com/codes. It is displayed and may be logged: do not put a secret into it.
    #[serde(rename = "WebhookUrl")]
    #[schemars(length(min = 1, max = 2000))]
    pub url: String,
    /// The signing secret, shared with the receiver: whsec_ followed by 24 to 64 random bytes in base64.
    #[serde(rename = "WebhookSecret")]
    pub secret: Secret,
}

impl Options {
    /// Returns the URL's origin.
    pub fn check(&self) -> Result<String, Vec<Problem>> {
        let mut problems = Vec::new();
        let origin = origin(&self.url);
        if origin.is_none() {
            let message = "must be an https URL such as https://gateway.example.com/codes: a full host name in lower case, no user, no \
                           part after #, other characters percent-encoded";
            problems.push(problem("/WebhookUrl", message));
        }
        if !is_signing_secret(self.secret.reveal()) {
            problems.push(problem("/WebhookSecret", "must be whsec_ followed by 24 to 64 bytes in base64"));
        }
        match (origin, problems.is_empty()) {
            (Some(origin), true) => Ok(origin),
            _ => Err(problems),
        }
    }
}

/// Returns scheme, host and port of a URL in its plain form.
fn origin(url: &str) -> Option<String> {
    let rest = url.strip_prefix("https://")?;
    if !rest.bytes().all(|b| b.is_ascii_graphic() && !b"#\\".contains(&b)) {
        return None;
    }
    let authority = rest.split(['/', '?']).next()?;
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|n| n != 0 && n != 443 && n.to_string() == port));
    (host.contains('.') && host.split('.').all(label) && port).then(|| format!("https://{authority}"))
}

/// Returns whether a text is a secret for symmetric signatures in the format of Standard Webhooks 1.0.0.
fn is_signing_secret(text: &str) -> bool {
    let Some(encoded) = text.strip_prefix("whsec_") else { return false };
    let key = encoded.trim_end_matches('=');
    let of_base64 = |b: u8| b.is_ascii_alphanumeric() || b"+/".contains(&b);
    let whole = encoded.len().is_multiple_of(4) && encoded.len() - key.len() <= 2;
    whole && key.bytes().all(of_base64) && (24..=64).contains(&(key.len() * 3 / 4))
}
