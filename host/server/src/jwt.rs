//! Cryptography for JWTs, by ring. The crate that reads and writes them comes without any.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::signature::{Error as SignatureError, Signer, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::signature::{self, Ed25519KeyPair, RsaParameters, RsaPublicKeyComponents, VerificationAlgorithm};

/// The signature algorithms that are accepted in tokens of others: all of them have a public key. A
/// token with a shared secret could have been made by the party that verifies it.
pub(crate) const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

struct Ed25519(Ed25519KeyPair);

impl Signer<Vec<u8>> for Ed25519 {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, SignatureError> {
        Ok(self.0.sign(message).as_ref().to_vec())
    }
}

impl JwtSigner for Ed25519 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

/// Only results of sign-ins are signed here.
fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    if *algorithm != Algorithm::EdDSA {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    let pair = Ed25519KeyPair::from_seed_unchecked(key.as_bytes()).map_err(|_| ErrorKind::InvalidEddsaKey)?;
    Ok(Box::new(Ed25519(pair)))
}

enum PublicKey {
    Point(&'static dyn VerificationAlgorithm, Vec<u8>),
    Rsa(&'static RsaParameters, RsaPublicKeyComponents<Vec<u8>>),
}

struct Check {
    algorithm: Algorithm,
    key: PublicKey,
}

impl Verifier<Vec<u8>> for Check {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), SignatureError> {
        let checked = match &self.key {
            PublicKey::Point(algorithm, point) => {
                signature::UnparsedPublicKey::new(*algorithm, point).verify(message, signature)
            }
            PublicKey::Rsa(parameters, key) => key.verify(parameters, message, signature),
        };
        checked.map_err(|_| SignatureError::new())
    }
}

impl JwtVerifier for Check {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    let key = match (key.family(), key.kind()) {
        (AlgorithmFamily::Rsa, DecodingKeyKind::RsaModulusExponent { n, e }) => {
            PublicKey::Rsa(rsa(algorithm)?, RsaPublicKeyComponents { n: trimmed(n), e: trimmed(e) })
        }
        (family @ (AlgorithmFamily::Ec | AlgorithmFamily::Ed), DecodingKeyKind::SecretOrDer(point)) => {
            PublicKey::Point(curve(family, algorithm)?, point.clone())
        }
        _ => return Err(ErrorKind::InvalidKeyFormat.into()),
    };
    Ok(Box::new(Check { algorithm: *algorithm, key }))
}

/// Removes leading zero bytes, which some issuers write.
fn trimmed(number: &[u8]) -> Vec<u8> {
    number.iter().copied().skip_while(|byte| *byte == 0).collect()
}

fn rsa(algorithm: &Algorithm) -> Result<&'static RsaParameters> {
    Ok(match algorithm {
        Algorithm::RS256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::RS384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::RS512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::PS256 => &signature::RSA_PSS_2048_8192_SHA256,
        Algorithm::PS384 => &signature::RSA_PSS_2048_8192_SHA384,
        Algorithm::PS512 => &signature::RSA_PSS_2048_8192_SHA512,
        _ => return Err(ErrorKind::InvalidAlgorithm.into()),
    })
}

fn curve(family: AlgorithmFamily, algorithm: &Algorithm) -> Result<&'static dyn VerificationAlgorithm> {
    Ok(match (family, algorithm) {
        (AlgorithmFamily::Ec, Algorithm::ES256) => &signature::ECDSA_P256_SHA256_FIXED,
        (AlgorithmFamily::Ec, Algorithm::ES384) => &signature::ECDSA_P384_SHA384_FIXED,
        (AlgorithmFamily::Ed, Algorithm::EdDSA) => &signature::ED25519,
        _ => return Err(ErrorKind::InvalidAlgorithm.into()),
    })
}

static RING: CryptoProvider =
    CryptoProvider { signer_factory: signer, verifier_factory: verifier, key_utils: KeyUtils::new_unimplemented() };

/// Installs it. This fails only if it is installed already.
pub(crate) fn install() {
    let _ = RING.install_default();
}
