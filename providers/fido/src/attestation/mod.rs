//! Attestation statements: WebAuthn Level 3, section 8.

mod certificate;
mod packed;

use twofactor_factor::{Context, UnmetRequirement};

use crate::Refusal;
use crate::authenticator_data::AttestedCredential;
use crate::cbor::Map;
use crate::key::PublicKey;

/// A statement about the authenticator that created a credential.
pub struct Statement<'a> {
    /// Its format, such as `packed`.
    pub format: &'a str,
    /// Its members.
    pub members: Map,
    /// What it signs: the authenticator data and the hash of the client data.
    pub signed: &'a [u8],
}

/// What a verified statement shows.
pub enum Evidence {
    /// Nothing.
    None,
    /// That whoever made the statement has the credential's key. It shows nothing about the model.
    SelfSigned,
    /// That the owner of this chain of certificates (DER, the signer's first) made the statement.
    Certificates(Vec<Vec<u8>>),
}

impl Statement<'_> {
    /// R21 to R23: verifies the statement, by its format.
    ///
    /// # Errors
    /// If its format is unknown, or it is not valid.
    pub fn verify(self, credential: &AttestedCredential<'_>, key: &PublicKey) -> Result<Evidence, Refusal> {
        match self.format {
            "none" if self.members.is_empty() => Ok(Evidence::None),
            "none" => Err(Refusal::Wrong("there is a statement where none is announced")),
            "packed" => packed::verify(self.members, self.signed, credential, key),
            _ => Err(Refusal::Wrong("the format of the attestation is unknown")),
        }
    }
}

impl Evidence {
    /// R24: whether the model is proved, and is a trusted one.
    ///
    /// # Errors
    /// [`Refusal::Unmet`] if not.
    pub fn is_trusted(&self, context: &Context, aaguid: &[u8; 16]) -> Result<(), Refusal> {
        let Self::Certificates(chain) = self else { return Err(Refusal::Unmet(UnmetRequirement::Attested)) };
        let mut models = context.trusted_authenticators.iter().filter(|trusted| trusted.aaguid == aaguid);
        if models.any(|trusted| certificate::leads_to(chain, &trusted.roots, context.now)) {
            return Ok(());
        }
        Err(Refusal::Unmet(UnmetRequirement::TrustedAuthenticator))
    }
}
