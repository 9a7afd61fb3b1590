//! The signers whose components an installation accepts. Signatures are those of minisign (Ed25519 over BLAKE2b, with a trusted
//! comment): small keys, no certificate authority, and tools in every distribution.

use minisign_verify::{PublicKey, Signature};

use super::info::LoadError;

/// The public keys that are trusted to sign components, each with the operator's name for it.
#[derive(Clone, Default)]
pub struct Signers {
    keys: Vec<(String, PublicKey)>,
    required: bool,
}

/// A public key that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "the public key of `{0}` cannot be read: it is the second line of the file `minisign -G` makes, 56 characters that begin with `RW`"
)]
pub struct SignerError(String);

impl Signers {
    /// Creates signers without keys; signatures are not required.
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts a minisign public key, in base64.
    ///
    /// # Errors
    /// If the key is not valid.
    pub fn trust(mut self, name: impl Into<String>, public_key: &str) -> Result<Self, SignerError> {
        let name = name.into();
        match PublicKey::from_base64(public_key.trim()) {
            Ok(key) => self.keys.push((name, key)),
            Err(_) => return Err(SignerError(name)),
        }
        Ok(self)
    }

    /// Sets whether a component without a signature of one of these keys is refused.
    pub fn required(mut self, required: bool) -> Self {
        self.required = required;
        self
    }

    /// Verifies the signature and returns the signer's name; `None` if unsigned and none is required. An invalid one is always an error.
    ///
    /// # Errors
    /// Why the component may not be loaded.
    pub fn verify(&self, component: &[u8], signature: Option<&str>) -> Result<Option<String>, LoadError> {
        let Some(signature) = signature else {
            if !self.required {
                return Ok(None);
            }
            let why = "the component is not signed, and this installation accepts only components signed with a key under `providers.signers`";
            return Err(LoadError::new(why.to_owned()));
        };
        let read = Signature::decode(signature).map_err(|_| {
            LoadError::new("the signature cannot be read: it is the text `minisign -S` makes".to_owned())
        })?;
        let known = self.keys.iter().find(|(_, key)| key.verify(component, &read, false).is_ok());
        known.map(|(name, _)| Some(name.clone())).ok_or_else(|| {
            let why = "the signature is not one of this component by a key under `providers.signers`";
            LoadError::new(why.to_owned())
        })
    }
}
