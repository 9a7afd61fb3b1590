//! What is known about a factor, and what a sign-in requires of it.

use serde::{Deserialize, Serialize};

use super::context::{Requirements, UserVerification};

/// What is known about a factor or about its use. `None` means that it is not known or does not apply.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactorFacts {
    /// The person was present, for example touched the authenticator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_present: Option<bool>,
    /// The authenticator verified its user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_verified: Option<bool>,
    /// The factor cannot be copied to another device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_bound: Option<bool>,
    /// A copy exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backed_up: Option<bool>,
    /// The authenticator's model was proved by attestation and is a trusted one.
    #[serde(default)]
    pub attested: bool,
    /// The authenticator's AAGUID. Without attestation it only serves to find a display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aaguid: Option<[u8; 16]>,
    /// How many uses are left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses_left: Option<u32>,
}

/// A requirement that a factor does not meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnmetRequirement {
    /// The authenticator did not verify its user.
    UserVerification,
    /// It can be copied between devices.
    DeviceBound,
    /// Its model is not proved.
    Attested,
    /// Its model is not a trusted one.
    TrustedAuthenticator,
    /// It uses no algorithm that was offered.
    Algorithm,
}

impl FactorFacts {
    /// Returns the first requirement that these facts do not meet.
    pub fn unmet(&self, requirements: Requirements) -> Option<UnmetRequirement> {
        if requirements.user_verification == UserVerification::Required && self.user_verified != Some(true) {
            return Some(UnmetRequirement::UserVerification);
        }
        if requirements.device_bound && self.device_bound != Some(true) {
            return Some(UnmetRequirement::DeviceBound);
        }
        (requirements.attested && !self.attested).then_some(UnmetRequirement::Attested)
    }
}
