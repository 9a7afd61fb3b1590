//! What is remembered: a passkey, and what is pending.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use twofactor_factor::{Bytes, Facts, Requirements};

/// An enrolled passkey: the credential record of WebAuthn Level 3, section 4.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The credential's id.
    pub id: Bytes,
    /// Its public key: a COSE_Key in CBOR, as the authenticator sent it.
    pub key: Bytes,
    /// The relying party's id that it was created for.
    pub rp_id: String,
    /// The user handle that it was created for.
    pub user_handle: Bytes,
    /// The signature counter.
    pub sign_count: u32,
    /// Whether the authenticator ever verified its user (`uvInitialized`).
    pub uv_initialized: bool,
    /// Whether it can be copied to other devices (BE).
    pub backup_eligible: bool,
    /// Whether a copy exists (BS).
    pub backed_up: bool,
    /// How the authenticator can be reached, as the browser said it.
    pub transports: Vec<String>,
    /// The authenticator's model. Without attestation nothing proves it.
    pub aaguid: Bytes,
    /// Whether attestation proved the model, and it was a trusted one.
    pub attested: bool,
    /// Whether the authenticator finds it without its id, if the browser said so.
    pub discoverable: Option<bool>,
}

impl State {
    /// Returns what is known without a use.
    pub fn facts(&self) -> Facts {
        Facts {
            device_bound: Some(!self.backup_eligible),
            backed_up: Some(self.backed_up),
            attested: self.attested,
            aaguid: Some(self.aaguid.0.clone()),
            ..Facts::default()
        }
    }

    /// Returns whether it can be used where this is demanded.
    pub fn meets(&self, requirements: &Requirements) -> bool {
        (!requirements.device_bound || !self.backup_eligible) && (!requirements.attested || self.attested)
    }
}

/// A registration that has begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The challenge.
    pub challenge: Bytes,
    /// When it was made, in seconds since 1970.
    pub began: u64,
    /// The user handle that was given to the authenticator.
    pub user_handle: Bytes,
    /// Whether the authenticator had to verify its user.
    pub user_verification: bool,
}

/// An authentication that has begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// The challenge.
    pub challenge: Bytes,
    /// When it was made, in seconds since 1970.
    pub began: u64,
    /// The ids that were allowed, shortened: there may be many long ones. Empty if any was.
    pub allowed: Vec<Bytes>,
    /// Whether the authenticator had to verify its user.
    pub user_verification: bool,
}

/// Returns an id, shortened.
pub fn shortened(id: &[u8]) -> Bytes {
    Sha256::digest(id)[..16].to_vec().into()
}
