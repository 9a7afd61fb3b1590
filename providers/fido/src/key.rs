//! Public keys and signatures: ES256, EdDSA with Ed25519, and RS256.

use ed25519_dalek::Verifier as _;
use rsa::BoxedUint;
use rsa::pkcs1v15::{Signature as RsaSignature, VerifyingKey as RsaVerifyingKey};
use sha2::Sha256;

use crate::Refusal;
use crate::cbor::{self, Map, Value, integer};

/// A signature algorithm, by its COSE number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// EdDSA, with the curve Ed25519.
    EdDsa = -8,
    /// ECDSA with SHA-256, with the curve P-256.
    Es256 = -7,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256 = -257,
}

impl Algorithm {
    /// Those that are offered, the preferred one first. Level 3 advises against the fully specified numbers (-9, -19): too few
    /// authenticators know them.
    pub const OFFERED: [Self; 3] = [Self::EdDsa, Self::Es256, Self::Rs256];

    /// Returns an offered algorithm.
    pub fn of(number: i64) -> Option<Self> {
        Self::OFFERED.into_iter().find(|algorithm| *algorithm as i64 == number)
    }
}

/// The bounds of an RSA key: what is considered secure, and what is verified in bounded time.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// A public key.
#[derive(Debug, Clone, PartialEq)]
pub enum PublicKey {
    /// For [`Algorithm::Es256`].
    P256(p256::ecdsa::VerifyingKey),
    /// For [`Algorithm::EdDsa`].
    Ed25519(ed25519_dalek::VerifyingKey),
    /// For [`Algorithm::Rs256`].
    Rsa(Box<RsaVerifyingKey<Sha256>>),
}

/// Labels of a COSE_Key (RFC 9052 section 7, RFC 9053 section 7, RFC 8230 section 4).
mod label {
    pub(super) const KTY: i64 = 1;
    pub(super) const ALG: i64 = 3;
    pub(super) const CRV: i64 = -1;
    pub(super) const X: i64 = -2;
    pub(super) const Y: i64 = -3;
    pub(super) const N: i64 = -1;
    pub(super) const E: i64 = -2;
}

impl PublicKey {
    /// Parses a COSE_Key. Type and curve must be those of the algorithm, and a point must be on its curve.
    ///
    /// # Errors
    /// [`Refusal::Unmet`] for an algorithm that is not offered.
    pub fn parse(cose: &[u8]) -> Result<Self, Refusal> {
        let (value, rest) = cbor::item(cose)?;
        let key = Map::of(value)?;
        if !rest.is_empty() {
            return Err(Refusal::Malformed("bytes follow the public key"));
        }
        let number = |label| key.label(label).and_then(integer);
        let bytes = |label| key.label(label).and_then(Value::as_bytes).map(Vec::as_slice);
        let algorithm = number(label::ALG).ok_or(Refusal::Malformed("the public key names no algorithm"))?;
        let algorithm =
            Algorithm::of(algorithm).ok_or(Refusal::Unmet(twofactor_factor::UnmetRequirement::Algorithm))?;
        let parsed = match (algorithm, number(label::KTY), number(label::CRV)) {
            (Algorithm::Es256, Some(2), Some(1)) => p256_key(bytes(label::X), bytes(label::Y)),
            (Algorithm::EdDsa, Some(1), Some(6)) => ed25519_key(bytes(label::X)),
            (Algorithm::Rs256, Some(3), _) => rsa_key(bytes(label::N), bytes(label::E)),
            _ => return Err(Refusal::Wrong("the public key's type or curve does not fit its algorithm")),
        };
        parsed.ok_or(Refusal::Wrong("the public key is not valid"))
    }

    /// Returns the key of P-256 with this point (SEC 1), if it is on the curve.
    pub fn of_point(point: &[u8]) -> Option<Self> {
        p256::ecdsa::VerifyingKey::from_sec1_bytes(point).ok().map(Self::P256)
    }

    /// Returns the RSA key with these numbers, if it is neither weak nor costly.
    pub fn of_rsa(n: &[u8], e: &[u8]) -> Option<Self> {
        if n.len() > RSA_BITS.end() / 8 || e.len() > 8 {
            return None;
        }
        let (n, e) = (BoxedUint::from_be_slice_vartime(n), BoxedUint::from_be_slice_vartime(e));
        let key = rsa::PublicKey::new_with_size_limits(n, e, RSA_BITS).ok()?;
        Some(Self::Rsa(Box::new(RsaVerifyingKey::new(key))))
    }

    /// Returns the algorithm that the key is for.
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::P256(_) => Algorithm::Es256,
            Self::Ed25519(_) => Algorithm::EdDsa,
            Self::Rsa(_) => Algorithm::Rs256,
        }
    }

    /// Returns whether the signature is one of this key over the message.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::P256(key) => p256::ecdsa::Signature::from_der(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            // Strict: small-order points and more than one encoding of a signature are refused.
            Self::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
            Self::Rsa(key) => {
                RsaSignature::try_from(signature).is_ok_and(|signature| key.verify(message, &signature).is_ok())
            }
        }
    }
}

/// A point in uncompressed form. That it is on the curve is checked by `p256`.
fn p256_key(x: Option<&[u8]>, y: Option<&[u8]>) -> Option<PublicKey> {
    let (x, y): ([u8; 32], [u8; 32]) = (x?.try_into().ok()?, y?.try_into().ok()?);
    PublicKey::of_point(&[&[4], &x[..], &y[..]].concat())
}

fn ed25519_key(x: Option<&[u8]>) -> Option<PublicKey> {
    let key = ed25519_dalek::VerifyingKey::from_bytes(x?.try_into().ok()?).ok()?;
    // With a weak key, one signature fits many messages.
    (!key.is_weak()).then_some(PublicKey::Ed25519(key))
}

fn rsa_key(n: Option<&[u8]>, e: Option<&[u8]>) -> Option<PublicKey> {
    PublicKey::of_rsa(n?, e?)
}
