//! The options of an instance.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use twofactor_factor::{Problem, Site, problem};

/// Passkeys and security keys (WebAuthn). The site's settings say on which pages they are used.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// Whether an authenticator stores the passkey so that it finds it without the user's name. Passkeys that are the only factor are always
    /// stored.
    #[serde(rename = "FidoResidentKey", default)]
    pub resident_key: ResidentKey,
    /// What browsers offer first, in order of preference: a security key, this device, or a phone. Empty: the browser decides.
    #[serde(rename = "FidoHints", default)]
    #[schemars(length(max = 3))]
    pub hints: Vec<Hint>,
    /// How long the user has to answer, in seconds. An enrolment ends after 300 seconds, a challenge after `lifetime_seconds` of the
    /// policy.
    #[serde(rename = "FidoTimeoutSeconds", default = "five_minutes")]
    #[schemars(range(min = 60, max = 300))]
    pub timeout: Timeout,
}

/// Seconds.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Timeout(pub u64);

impl Default for Timeout {
    fn default() -> Self {
        Self(300)
    }
}

fn five_minutes() -> Timeout {
    Timeout::default()
}

/// Whether a passkey is stored in the authenticator: `ResidentKeyRequirement`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ResidentKey {
    /// Preferably not.
    #[default]
    Discouraged,
    /// If possible.
    Preferred,
    /// Always.
    Required,
}

/// What kind of authenticator is expected: `PublicKeyCredentialHint`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Hint {
    /// A security key.
    SecurityKey,
    /// The device that the page is on.
    ClientDevice,
    /// A phone.
    Hybrid,
}

impl Options {
    /// Checks what the schema does not say.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self, site: &Site) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        if !(60..=300).contains(&self.timeout.0) {
            problems.push(problem("/FidoTimeoutSeconds", "must be between 60 and 300"));
        }
        if self.hints.len() > 3 {
            problems.push(problem("/FidoHints", "can have at most three entries"));
        }
        if site.rp_id.is_empty() || site.origins.is_empty() {
            problems
                .push(problem("", "needs the relying party's id and its origins in the settings of the sign-in page"));
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// Returns the attachment for browsers that do not know hints, if all hints agree.
    pub fn attachment(&self) -> Option<&'static str> {
        let mut attachments = self.hints.iter().map(|hint| match hint {
            Hint::ClientDevice => "platform",
            Hint::SecurityKey | Hint::Hybrid => "cross-platform",
        });
        let first = attachments.next()?;
        attachments.all(|other| other == first).then_some(first)
    }
}
