//! The format `packed`: WebAuthn Level 3, section 8.2.

use crate::Refusal;
use crate::attestation::{Evidence, certificate};
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
    credential: &AttestedCredential<'_>,
    key: &PublicKey,
) -> Result<Evidence, Refusal> {
    let algorithm = statement.take("alg").as_ref().and_then(integer);
    let (Some(algorithm), Some(Value::Bytes(signature))) = (algorithm, statement.take("sig")) else {
        return Err(Refusal::Malformed("the attestation lacks a member"));
    };
    match statement.take("x5c") {
        Some(certificates) => certified(algorithm, &signature, signed, certificates, credential),
        None => self_signed(algorithm, &signature, signed, key),
    }
}

/// With certificates: the first one's key signs.
fn certified(
    algorithm: i64,
    signature: &[u8],
    signed: &[u8],
    certificates: Value,
    credential: &AttestedCredential<'_>,
) -> Result<Evidence, Refusal> {
    let malformed = Refusal::Malformed("the attestation's certificates have not their form");
    let chain = certificates.into_array().map_err(|_| malformed)?;
    let chain: Vec<Vec<u8>> =
        chain.into_iter().map(|one| one.into_bytes().map_err(|_| malformed)).collect::<Result<_, _>>()?;
    let own = chain.first().ok_or(malformed)?;
    certificate::check(own, &credential.aaguid)?;
    if !certificate::verify_signature(own, algorithm, signed, signature) {
        return Err(Refusal::Wrong("the attestation's signature is not valid"));
    }
    Ok(Evidence::Certificates(chain))
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
