//! The metadata BLOB: a JWS (RFC 7515) whose certificates lead to a known root (FIDO Metadata Service 3.1, section 3.2).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use jiff::civil::Date;
use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use serde::Deserialize;
use serde_json::Value;
use webpki::{EndEntityCert, KeyUsage};

/// The longest BLOB, in bytes. Today's has about 6 MiB, most of it icons.
pub(super) const BLOB_BYTES: usize = 32 << 20;

/// The most certificates that come with a BLOB.
const CHAIN: usize = 8;

/// The longest header, in bytes.
const HEADER_BYTES: usize = 64 << 10;

/// The name in the certificate that signs the BLOB.
const SIGNER: &str = "mds.fidoalliance.org";

/// Why a BLOB is not accepted.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BlobError {
    #[error("it is not a metadata BLOB: {0}")]
    Malformed(&'static str),
    #[error("its certificate does not chain to the root: {0}")]
    NotTrusted(webpki::Error),
    #[error("its signature does not match its certificate")]
    WrongSignature,
}

/// The contents of a BLOB whose signature was verified.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Payload {
    /// Counts the BLOBs.
    pub(super) no: u64,
    /// The day on which the next one is due.
    pub(super) next_update: Date,
    pub(super) entries: Vec<Entry>,
}

/// An authenticator model.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    /// Missing for models that are not of FIDO2.
    pub(super) aaguid: Option<String>,
    #[serde(default)]
    pub(super) metadata_statement: Statement,
    #[serde(default)]
    pub(super) status_reports: Vec<Report>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Statement {
    /// In base64, DER.
    #[serde(default)]
    pub(super) attestation_root_certificates: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Report {
    pub(super) status: String,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    x5c: Vec<String>,
    #[serde(default)]
    crit: Option<Value>,
}

/// Returns the contents of a BLOB, if a certificate for the metadata service signed it that leads to one of the roots at this time.
/// Certificates are not looked up in revocation lists.
pub(super) fn verify(blob: &[u8], roots: &[TrustAnchor<'_>], now: Timestamp) -> Result<Payload, BlobError> {
    if blob.len() > BLOB_BYTES {
        return Err(BlobError::Malformed("it is too long"));
    }
    let text = std::str::from_utf8(blob).map_err(|_| BlobError::Malformed("it is not text"))?.trim();
    let (signed, signature) = text.rsplit_once('.').ok_or(BlobError::Malformed("it does not have three parts"))?;
    let (header, payload) = signed.split_once('.').ok_or(BlobError::Malformed("it does not have three parts"))?;
    if header.len() > HEADER_BYTES {
        return Err(BlobError::Malformed("its header is too long"));
    }
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| BlobError::Malformed("a part is not base64url"));
    let header: Header =
        serde_json::from_slice(&decode(header)?).map_err(|_| BlobError::Malformed("its header is not as specified"))?;
    if header.crit.is_some() {
        return Err(BlobError::Malformed("its header has critical extensions"));
    }
    if !(1..=CHAIN).contains(&header.x5c.len()) {
        return Err(BlobError::Malformed("it has no certificates, or too many"));
    }
    let chain = header.x5c.iter().map(|one| STANDARD.decode(one).map(CertificateDer::from));
    let chain = chain.collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|_| BlobError::Malformed("a certificate is not base64"))?;
    let (own, others) = chain.split_first().ok_or(BlobError::Malformed("it has no certificates"))?;
    let certificate = EndEntityCert::try_from(own).map_err(BlobError::NotTrusted)?;
    is_trusted(&certificate, others, roots, now).map_err(BlobError::NotTrusted)?;
    let signature = decode(signature)?;
    let (algorithm, signature) = match header.alg.as_str() {
        "RS256" => (webpki::ring::RSA_PKCS1_2048_8192_SHA256, signature),
        "ES256" => (webpki::ring::ECDSA_P256_SHA256, der_signature(&signature).ok_or(BlobError::WrongSignature)?),
        _ => return Err(BlobError::Malformed("its algorithm is neither RS256 nor ES256")),
    };
    let verified = certificate.verify_signature(algorithm, signed.as_bytes(), &signature);
    verified.map_err(|_| BlobError::WrongSignature)?;
    serde_json::from_slice(&decode(payload)?).map_err(|_| BlobError::Malformed("its payload is not as specified"))
}

fn is_trusted(
    certificate: &EndEntityCert<'_>,
    others: &[CertificateDer<'_>],
    roots: &[TrustAnchor<'_>],
    now: Timestamp,
) -> Result<(), webpki::Error> {
    let time = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now.as_second()).unwrap_or_default()));
    let usage = KeyUsage::server_auth();
    certificate.verify_for_usage(webpki::ALL_VERIFICATION_ALGS, roots, others, time, usage, None, None)?;
    let name = ServerName::try_from(SIGNER).map_err(|_| webpki::Error::MalformedDnsIdentifier)?;
    certificate.verify_is_valid_for_subject_name(&name)
}

/// Returns a signature of ES256, which JWS writes as two numbers of 32 bytes, as certificates have it (DER).
fn der_signature(signature: &[u8]) -> Option<Vec<u8>> {
    let numbers: &[u8; 64] = signature.try_into().ok()?;
    let mut content = Vec::with_capacity(70);
    for number in numbers.chunks_exact(32) {
        let first = number.iter().position(|byte| *byte != 0).unwrap_or(31);
        let digits = number.get(first..)?;
        let sign = usize::from(digits.first()? & 0x80 != 0);
        content.extend([0x02, u8::try_from(digits.len() + sign).ok()?]);
        content.extend(std::iter::repeat_n(0, sign));
        content.extend(digits);
    }
    let mut der = vec![0x30, u8::try_from(content.len()).ok()?];
    der.extend(content);
    Some(der)
}
