//! The models of the metadata that are trusted.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use twofactor::factor::TrustedAuthenticator;

use super::blob::{Entry, Payload};

/// The most models that are taken.
const MODELS: usize = 5000;

/// The most certificates of a model, and the longest one in bytes.
const ROOTS: usize = 64;
const ROOT_BYTES: usize = 16 << 10;

/// The most bytes of all certificates: they are given to the component at each enrolment that requires attestation.
const ALL_BYTES: usize = 4 << 20;

/// Statuses of models that are not trusted: whoever has such an authenticator, or its keys, may be somebody else (FIDO Metadata Service
/// 3.1, section 3.1.4).
const COMPROMISED: [&str; 5] = [
    "REVOKED",
    "USER_VERIFICATION_BYPASS",
    "ATTESTATION_KEY_COMPROMISE",
    "USER_KEY_REMOTE_COMPROMISE",
    "USER_KEY_PHYSICAL_COMPROMISE",
];

/// An AAGUID.
pub(super) type Aaguid = [u8; 16];

/// Returns the models that are trusted: those with certificates and without a status that says that they are compromised. If `allowed` is
/// not empty, only the models in it.
pub(super) fn trusted(payload: &Payload, allowed: &BTreeSet<Aaguid>) -> Vec<TrustedAuthenticator> {
    let (mut models, mut bytes) = (Vec::new(), 0);
    for entry in &payload.entries {
        let Some(aaguid) = entry.aaguid.as_deref().and_then(parse) else { continue };
        if !allowed.is_empty() && !allowed.contains(&aaguid) || is_compromised(entry) {
            continue;
        }
        let roots = roots(entry);
        bytes += roots.iter().map(Vec::len).sum::<usize>();
        if models.len() == MODELS || bytes > ALL_BYTES {
            tracing::warn!(
                models = models.len(),
                "the FIDO metadata lists too many models; limit them with `fido_metadata.aaguids`"
            );
            break;
        }
        if !roots.is_empty() {
            models.push(TrustedAuthenticator { aaguid, roots });
        }
    }
    models
}

fn is_compromised(entry: &Entry) -> bool {
    entry.status_reports.iter().any(|report| COMPROMISED.contains(&report.status.as_str()))
}

/// Returns the certificates of a model. Some statements break their lines.
fn roots(entry: &Entry) -> Vec<Vec<u8>> {
    let texts = entry.metadata_statement.attestation_root_certificates.iter().take(ROOTS);
    let decode = |text: &String| {
        let text: String = text.split_ascii_whitespace().collect();
        STANDARD.decode(text).ok().filter(|root| root.len() <= ROOT_BYTES)
    };
    texts.filter_map(decode).collect()
}

/// Reads an AAGUID, such as `cb69481e-8ff7-4039-93ec-0a2729a154a8`.
pub(super) fn parse(text: &str) -> Option<Aaguid> {
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    if groups != [8, 4, 4, 4, 12] {
        return None;
    }
    hex::decode(text.replace('-', "")).ok()?.try_into().ok()
}
