//! The format `packed`: WebAuthn Level 3, section 8.2.

use crate::Refusal;
use crate::attestation::Evidence;
use crate::authenticator_data::AttestedCredential;
use crate::cbor::{Map, Value, integer};
use crate::key::PublicKey;

/// Verifies a statement.
///
/// # Errors
/// If it has not its form, or a check fails.
pub fn verify(
    mut statement: Map,
    signed: &[u8],
    _credential: &AttestedCredential<'_>,
    key: &PublicKey,
) -> Result<Evidence, Refusal> {
    let algorithm = statement.take("alg").as_ref().and_then(integer);
    let (Some(algorithm), Some(Value::Bytes(signature))) = (algorithm, statement.take("sig")) else {
        return Err(Refusal::Malformed("the attestation lacks a member"));
    };
    if statement.take("x5c").is_some() {
        return Err(Refusal::Wrong("attestation by certificates is not supported"));
    }
    self_signed(algorithm, &signature, signed, key)
}

/// Without certificates: the credential's key signs about itself.
fn self_signed(algorithm: i64, signature: &[u8], signed: &[u8], key: &PublicKey) -> Result<Evidence, Refusal> {
    if algorithm != key.algorithm() as i64 {
        return Err(Refusal::Wrong("the attestation has another algorithm than the credential"));
    }
    if !key.verify(signed, signature) {
        return Err(Refusal::Wrong("the attestation's signature is not valid"));
    }
    Ok(Evidence::SelfSigned)
}
