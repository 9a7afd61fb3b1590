//! What a request or a policy requires of factors.

use serde::{Deserialize, Serialize};

/// Which factors satisfy a sign-in. Each kind is among those before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RequiredFactor {
    /// Any factor, delivered codes included.
    #[default]
    Any,
    /// One whose answers are worthless on any other site: WebAuthn.
    PhishingResistant,
    /// One that cannot be copied to another device, too.
    DeviceBound,
    /// One whose model is proved and trusted, too.
    Attested,
}

impl RequiredFactor {
    /// Returns its stable name, such as `phishing-resistant`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::PhishingResistant => "phishing-resistant",
            Self::DeviceBound => "device-bound",
            Self::Attested => "attested",
        }
    }
}
