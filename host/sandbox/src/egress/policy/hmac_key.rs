//! Keys for HMAC (RFC 2104).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use zeroize::Zeroizing;

use super::authentication::{HmacHash, HmacKey, KeyEncoding};

/// A key that was read. `Debug` does not show it.
#[derive(Clone)]
pub(super) struct Key {
    hash: HmacHash,
    bytes: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?}, …)", self.hash)
    }
}

impl Key {
    /// Reads a key. The text of an error says what to do.
    pub(super) fn new(key: &HmacKey) -> Result<Self, String> {
        let text = key.key.expose();
        let bytes = match key.encoding {
            KeyEncoding::Text => text.as_bytes().to_vec(),
            KeyEncoding::Hex => hex::decode(text).map_err(|_| "the key of a signature is not hexadecimal")?,
            KeyEncoding::Base64 => STANDARD.decode(text).map_err(|_| "the key of a signature is not base64")?,
        };
        match bytes.is_empty() {
            true => Err("the key of a signature is empty".to_owned()),
            false => Ok(Self { hash: key.hash, bytes: Zeroizing::new(bytes) }),
        }
    }

    /// A key of the same hash function with other bytes.
    pub(super) fn with(&self, bytes: Zeroizing<Vec<u8>>) -> Self {
        Self { hash: self.hash, bytes }
    }

    pub(super) fn sign(&self, text: &[u8]) -> Vec<u8> {
        hmac::sign(&self.key(), text).as_ref().to_vec()
    }

    /// Whether a text was signed with this key. Compared in constant time.
    pub(super) fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        hmac::verify(&self.key(), text, signature).is_ok()
    }

    fn key(&self) -> hmac::Key {
        let algorithm = match self.hash {
            HmacHash::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            HmacHash::Sha256 => hmac::HMAC_SHA256,
            HmacHash::Sha512 => hmac::HMAC_SHA512,
        };
        hmac::Key::new(algorithm, &self.bytes)
    }
}
