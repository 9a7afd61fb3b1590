//! Certificates of attestation: what section 8.2.1 requires of them, and whether they lead to a trusted one.

use std::time::Duration;

use rustls_pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, SignatureVerificationAlgorithm, TrustAnchor, UnixTime,
    alg_id,
};
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter};
use x509_cert::Certificate;
use x509_cert::certificate::Version;
use x509_cert::der::asn1::{OctetStringRef, UintRef};
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{Decode as _, Reader as _, SliceReader};
use x509_cert::ext::pkix::BasicConstraints;

use crate::Refusal;
use crate::key::{Algorithm, PublicKey};

/// `id-fido-gen-ce-aaguid`: the model that a certificate is for.
const AAGUID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.45724.1.1.4");

/// What the subject's organizational unit must be.
const UNIT: &str = "Authenticator Attestation";

/// The most certificates that a chain may have.
const CHAIN: usize = 6;

/// Checks what section 8.2.1 requires of the certificate of an authenticator of this model.
///
/// # Errors
/// If it does not meet it.
pub fn check(certificate: &[u8], aaguid: &[u8; 16]) -> Result<(), Refusal> {
    let parsed = Certificate::from_der(certificate).map_err(|_| Refusal::Malformed("this is not a certificate"))?;
    let content = parsed.tbs_certificate();
    let subject = content.subject();
    let has_country = subject.country().is_ok_and(|country| country.is_some_and(|country| country.as_str().len() == 2));
    let has_organization = subject.organization().is_ok_and(|name| name.is_some());
    let has_name = subject.common_name().is_ok_and(|name| name.is_some());
    let has_unit = subject.organization_unit().is_ok_and(|unit| unit.is_some_and(|unit| unit.value() == UNIT));
    if content.version() != Version::V3 || !(has_country && has_organization && has_name && has_unit) {
        return Err(Refusal::Wrong("the attestation certificate's version or subject is not that of an authenticator"));
    }
    let is_authority = match content.get_extension::<BasicConstraints>() {
        Ok(Some((_, constraints))) => constraints.ca,
        _ => true,
    };
    if is_authority {
        return Err(Refusal::Wrong("the attestation certificate may sign certificates"));
    }
    let mut models = content.extensions().into_iter().flatten().filter(|extension| extension.extn_id == AAGUID);
    let is_for_model = models.all(|model| {
        let named = <&OctetStringRef>::from_der(model.extn_value.as_bytes());
        !model.critical && named.is_ok_and(|named| named.as_bytes() == aaguid)
    });
    if is_for_model { Ok(()) } else { Err(Refusal::Wrong("the attestation certificate is for another model")) }
}

/// Returns whether the signature over the message is one of the certificate's key.
pub fn verify_signature(certificate: &[u8], algorithm: i64, message: &[u8], signature: &[u8]) -> bool {
    let algorithm: &dyn SignatureVerificationAlgorithm = match Algorithm::of(algorithm) {
        Some(Algorithm::Es256) => &EcdsaP256,
        Some(Algorithm::Rs256) => &RsaPkcs1,
        _ => return false,
    };
    let certificate = CertificateDer::from(certificate);
    let Ok(certificate) = EndEntityCert::try_from(&certificate) else { return false };
    certificate.verify_signature(algorithm, message, signature).is_ok()
}

/// Returns whether the chain, whose first certificate is the authenticator's, leads to one of the roots at this time (RFC 5280). The
/// authenticator's own certificate may be a root, as in FIDO's metadata.
///
/// Signatures with P-256 and SHA-256 and with RSA and SHA-256 are known.
pub fn leads_to(chain: &[Vec<u8>], roots: &[Vec<u8>], now: u64) -> bool {
    let Some((own, others)) = chain.split_first() else { return false };
    if chain.len() > CHAIN {
        return false;
    }
    let roots: Vec<CertificateDer<'_>> = roots.iter().map(|root| CertificateDer::from(root.as_slice())).collect();
    let own = CertificateDer::from(own.as_slice());
    if roots.contains(&own) {
        return true;
    }
    let anchors: Vec<TrustAnchor<'_>> =
        roots.iter().filter_map(|root| webpki::anchor_from_trusted_cert(root).ok()).collect();
    let others: Vec<CertificateDer<'_>> = others.iter().map(|other| CertificateDer::from(other.as_slice())).collect();
    let Ok(own) = EndEntityCert::try_from(&own) else { return false };
    let time = UnixTime::since_unix_epoch(Duration::from_secs(now));
    own.verify_for_usage(&[&EcdsaP256, &RsaPkcs1], &anchors, &others, time, AnyUsage, None, None).is_ok()
}

/// Attestation has no extended key usage of its own.
struct AnyUsage;

impl ExtendedKeyUsageValidator for AnyUsage {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        Ok(())
    }
}

/// ECDSA with SHA-256 and a key of P-256.
#[derive(Debug)]
struct EcdsaP256;

impl SignatureVerificationAlgorithm for EcdsaP256 {
    fn verify_signature(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        verified(PublicKey::of_point(public_key), message, signature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_P256
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_SHA256
    }
}

/// RSASSA-PKCS1-v1_5 with SHA-256.
#[derive(Debug)]
struct RsaPkcs1;

impl SignatureVerificationAlgorithm for RsaPkcs1 {
    fn verify_signature(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        // RSAPublicKey (RFC 8017 appendix A.1.1).
        let numbers = SliceReader::new(public_key)
            .and_then(|mut reader| reader.sequence(|it| Ok((UintRef::decode(it)?, UintRef::decode(it)?))));
        let (n, e) = numbers.map_err(|_| InvalidSignature)?;
        verified(PublicKey::of_rsa(n.as_bytes(), e.as_bytes()), message, signature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::RSA_ENCRYPTION
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::RSA_PKCS1_SHA256
    }
}

fn verified(key: Option<PublicKey>, message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
    if key.is_some_and(|key| key.verify(message, signature)) { Ok(()) } else { Err(InvalidSignature) }
}
