//! How an upstream proves that a delivery report comes from it: `proof` in `wit/reports.wit`.

mod verifier;

use ::http::HeaderMap;

use super::authentication::{Credentials, Entries, HmacKey, JwtAlgorithm, first};
use super::secret::Secret;

pub(crate) use verifier::ReportVerifier;

/// The key of a signature over reports.
#[derive(Debug, Clone)]
pub(crate) enum ReportKey {
    Hmac(HmacKey),
    /// A public key in base64.
    Ed25519(String),
}

/// A signature over reports, as the provider describes it.
#[derive(Debug, Clone)]
pub(crate) struct ReportSignature {
    pub(crate) key: ReportKey,
    /// A template.
    pub(crate) text: String,
    pub(crate) header: String,
    pub(crate) prefix: String,
    /// Whether it is written in base64; otherwise in hexadecimal digits.
    pub(crate) base64: bool,
    /// May be empty.
    pub(crate) timestamp_header: String,
}

/// A JSON Web Token that proves reports, as the provider describes it.
#[derive(Debug, Clone)]
pub(crate) struct ReportJwt {
    pub(crate) algorithm: JwtAlgorithm,
    /// The shared secret for HS256, otherwise a public key.
    pub(crate) key: Secret,
    pub(crate) header: String,
    pub(crate) claims: Entries,
    /// May be empty.
    pub(crate) body_hash_claim: String,
}

/// How an upstream proves its reports, as the provider describes it.
#[derive(Debug, Clone)]
pub(crate) enum ReportProof {
    SecretUrl,
    Basic(Credentials),
    Header { name: String, value: Secret },
    Signature(ReportSignature),
    Jwt(ReportJwt),
    Twilio(Secret),
    Webhook(Secret),
}

impl ReportProof {
    /// Names a field that differs, except for secrets. A public key is none.
    pub(crate) fn difference(&self, other: &Self) -> Option<&'static str> {
        match (self, other) {
            (Self::SecretUrl, Self::SecretUrl)
            | (Self::Twilio(_), Self::Twilio(_))
            | (Self::Webhook(_), Self::Webhook(_)) => None,
            (Self::Basic(one), Self::Basic(other)) => one.difference(other),
            (Self::Header { name: one, .. }, Self::Header { name: other, .. }) => {
                first([("the name of the header", one != other)])
            }
            (Self::Signature(one), Self::Signature(other)) => {
                let key = match (&one.key, &other.key) {
                    (ReportKey::Hmac(one), ReportKey::Hmac(other)) => one.difference(other),
                    (ReportKey::Ed25519(one), ReportKey::Ed25519(other)) => first([("the public key", one != other)]),
                    _ => Some("the kind of the key"),
                };
                let names = |it: &ReportSignature| (it.header.clone(), it.prefix.clone(), it.timestamp_header.clone());
                key.or_else(|| {
                    first([
                        ("the template", one.text != other.text),
                        ("the name of a header", names(one) != names(other)),
                        ("how a signature is written", one.base64 != other.base64),
                    ])
                })
            }
            (Self::Jwt(one), Self::Jwt(other)) => first([
                ("the algorithm", one.algorithm != other.algorithm),
                ("the public key", one.algorithm != JwtAlgorithm::Hs256 && one.key != other.key),
                ("the name of the header", one.header != other.header),
                ("a claim", (&one.claims, &one.body_hash_claim) != (&other.claims, &other.body_hash_claim)),
            ]),
            _ => Some("the kind of proof"),
        }
    }

    /// Returns the secret that it is made with, if there is one.
    pub(crate) fn secret_mut(&mut self) -> Option<&mut Secret> {
        match self {
            Self::SecretUrl => None,
            Self::Basic(credentials) => Some(&mut credentials.password),
            Self::Signature(ReportSignature { key, .. }) => match key {
                ReportKey::Hmac(key) => Some(&mut key.key),
                ReportKey::Ed25519(_) => None,
            },
            Self::Jwt(token) => (token.algorithm == JwtAlgorithm::Hs256).then_some(&mut token.key),
            Self::Header { value: secret, .. } | Self::Twilio(secret) | Self::Webhook(secret) => Some(secret),
        }
    }

    /// Returns a copy of it.
    pub(crate) fn secret(&self) -> Option<Secret> {
        self.clone().secret_mut().map(|secret| secret.clone())
    }
}

/// A report as it came from outside.
#[derive(Debug, Clone, Copy)]
pub struct ReportRequest<'a> {
    /// The method, `POST` or `GET`.
    pub method: &'a str,
    /// The query of the URL; usually empty.
    pub query: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
}

/// Why a delivery report is not accepted, for the operator. It repeats nothing of the report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReportProofError {
    /// It is neither POST nor GET, or its query is too long.
    #[error("it is neither POST nor GET, or its query has more than 8192 bytes")]
    Request,
    /// A header of the proof is missing or malformed.
    #[error("it has no header {0}, or a malformed one")]
    Header(String),
    /// It was signed too long ago, or in the future.
    #[error("its time is more than five minutes from this host's")]
    Time,
    /// Its credentials or its secret header are others.
    #[error("its password or secret is not the one in the instance's options")]
    Secret,
    /// It was signed with another secret, or for another URL or body.
    #[error(
        "its signature does not match: the secret in the instance's options must be the one that signs at the upstream, and the upstream \
         must call the URL at `public_url` as it was given"
    )]
    Signature,
    /// Its token is not valid.
    #[error("its token {0}")]
    Token(&'static str),
}
