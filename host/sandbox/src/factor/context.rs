//! What the host passes a factor component in each call.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::bounds::ENTROPY_BYTES;
use crate::contract::factor_v0_1::twofactor::factor::types as wit;

/// The site on which factors are used. It comes from the operator's settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// The WebAuthn relying party id, such as `example.com`.
    pub rp_id: String,
    /// The name that people read.
    pub name: String,
    /// The origins whose pages may use factors, such as `https://login.example.com`.
    pub origins: Vec<String>,
    /// The origins that may show those pages in frames.
    pub top_origins: Vec<String>,
}

/// The user whose factor it is. All fields are empty while a passwordless sign-in has not identified the user. `Debug` shows nothing.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct FactorUser {
    /// 64 random bytes that stand for this user at this relying party: the WebAuthn user handle.
    pub handle: Vec<u8>,
    /// The user's name as the application knows it.
    pub name: String,
    /// The name that people read.
    pub display_name: String,
}

impl fmt::Debug for FactorUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FactorUser").finish_non_exhaustive()
    }
}

/// Whether an authenticator must verify its user, by PIN or biometrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UserVerification {
    /// It must.
    Required,
    /// If it can.
    #[default]
    Preferred,
    /// Not needed.
    Discouraged,
}

/// What a sign-in requires of a factor. By default nothing but the factor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirements {
    /// User verification.
    pub user_verification: UserVerification,
    /// Whether the factor must not be copied between devices.
    pub device_bound: bool,
    /// Whether the factor's make must be proved by attestation.
    pub attested: bool,
    /// Whether the factor alone identifies the user.
    pub passwordless: bool,
}

/// An authenticator model that the operator trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedAuthenticator {
    /// Its AAGUID.
    pub aaguid: [u8; 16],
    /// The certificates (DER, X.509) that its attestations chain to.
    pub roots: Vec<Vec<u8>>,
}

/// What the host tells in one call. The sandbox adds random numbers.
#[derive(Debug, Clone, Copy)]
pub struct FactorContext<'a> {
    /// The time.
    pub now: Timestamp,
    /// The site.
    pub site: &'a Site,
    /// The user.
    pub user: &'a FactorUser,
    /// What is required.
    pub requirements: Requirements,
    /// The authenticator models that satisfy `requirements.attested`. Empty: no model does.
    pub trusted: &'a [TrustedAuthenticator],
}

impl FactorContext<'_> {
    /// Returns it as a component gets it.
    pub(crate) fn for_call(&self, entropy: &[u8; ENTROPY_BYTES]) -> wit::Context {
        let trusted = |one: &TrustedAuthenticator| wit::TrustedAuthenticator {
            aaguid: one.aaguid.to_vec(),
            roots: one.roots.clone(),
        };
        wit::Context {
            now: u64::try_from(self.now.as_second()).unwrap_or_default(),
            entropy: entropy.to_vec(),
            site: self.site.for_call(),
            user: wit::User {
                handle: self.user.handle.clone(),
                name: self.user.name.clone(),
                display_name: self.user.display_name.clone(),
            },
            requirements: wit::Requirements {
                user_verification: match self.requirements.user_verification {
                    UserVerification::Required => wit::UserVerification::Required,
                    UserVerification::Preferred => wit::UserVerification::Preferred,
                    UserVerification::Discouraged => wit::UserVerification::Discouraged,
                },
                device_bound: self.requirements.device_bound,
                attested: self.requirements.attested,
                passwordless: self.requirements.passwordless,
            },
            trusted_authenticators: self.trusted.iter().map(trusted).collect(),
            extra: Vec::new(),
        }
    }
}

impl Site {
    /// Returns it as a component gets it.
    pub(crate) fn for_call(&self) -> wit::Site {
        wit::Site {
            rp_id: self.rp_id.clone(),
            name: self.name.clone(),
            origins: self.origins.clone(),
            top_origins: self.top_origins.clone(),
        }
    }
}
