//! Verifies reports by the proof that their provider describes.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use ::http::{HeaderMap, HeaderName, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::Value;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use url::{Position, Url};

use super::{ReportJwt, ReportKey, ReportProof, ReportProofError, ReportRequest, ReportSignature};
use crate::egress::policy::authentication::JwtAlgorithm;
use crate::egress::policy::hmac_key::Key;
use crate::egress::policy::jwt::{self, BadToken, VerificationKey};
use crate::egress::policy::request_signature::header_value;
use crate::egress::policy::secret::Secret;
use crate::egress::policy::signature::{webhook_key, webhook_mac};
use crate::egress::policy::template::{BUDGET, Name, Scope, Template, Values};

/// How far the time at which a report was signed may be from ours (Standard Webhooks 1.0.0, "Verifying the timestamp").
const WINDOW: Duration = Duration::from_secs(5 * 60);

/// The longest query of a report, in bytes.
const QUERY_BYTES: usize = 8 << 10;

/// A proof that was read and checked: verifies reports.
pub(crate) enum ReportVerifier {
    SecretUrl,
    /// What `Authorization: Basic` must contain.
    Basic(Secret),
    Header(HeaderName, Secret),
    Signature(Box<SignatureVerifier>),
    Jwt(Box<JwtVerifier>),
    Twilio(Secret),
    Webhook(Secret),
}

pub(crate) struct SignatureVerifier {
    key: SignatureKey,
    text: Template,
    header: HeaderName,
    prefix: String,
    base64: bool,
    timestamp: Option<HeaderName>,
}

enum SignatureKey {
    Hmac(Key),
    Ed25519([u8; 32]),
}

pub(crate) struct JwtVerifier {
    algorithm: JwtAlgorithm,
    key: VerificationKey,
    header: HeaderName,
    claims: Vec<(String, Template)>,
    body_hash_claim: String,
}

/// What a template for reports may name.
const SCOPE: Scope<'_> = Scope { requests: false, own: &[], later_headers: &[], signature: false };

/// The parts of a report that a proof covers.
#[derive(Clone, Copy)]
struct Covered {
    query: bool,
    body: bool,
}

impl Covered {
    const ALL: Self = Self { query: true, body: true };

    fn by(template: &Template) -> Self {
        Self {
            query: template.names(&Name::Query) || template.names(&Name::UrlWithQuery),
            body: template.names(&Name::Body),
        }
    }

    fn or(self, other: Self) -> Self {
        Self { query: self.query || other.query, body: self.body || other.body }
    }
}

impl ReportVerifier {
    /// Reads a proof. The text of an error says what is wrong.
    pub(crate) fn new(proof: &ReportProof) -> Result<Self, String> {
        let filled = |secret: &Secret, what: &str| match secret.expose().is_empty() {
            true => Err(format!("the {what} that proves reports is empty")),
            false => Ok(secret.clone()),
        };
        Ok(match proof {
            ReportProof::SecretUrl => Self::SecretUrl,
            ReportProof::Basic(credentials) => {
                let password = filled(&credentials.password, "password")?;
                if credentials.username.contains(':') {
                    return Err("the user name that proves reports contains a colon".to_owned());
                }
                Self::Basic(Secret::new(format!("{}:{}", credentials.username, password.expose())))
            }
            ReportProof::Header { name, value } => Self::Header(header_name(name)?, filled(value, "secret")?),
            ReportProof::Signature(signature) => Self::Signature(Box::new(SignatureVerifier::new(signature)?)),
            ReportProof::Jwt(token) => Self::Jwt(Box::new(JwtVerifier::new(token)?)),
            ReportProof::Twilio(token) => Self::Twilio(filled(token, "auth token")?),
            ReportProof::Webhook(secret) => {
                webhook_key(secret)?;
                Self::Webhook(secret.clone())
            }
        })
    }

    /// Whether a report comes from the upstream. `url` is what the upstream was given, to the letter. Secrets are compared in
    /// constant time.
    ///
    /// # Errors
    /// Why it is not believed.
    pub(crate) fn verify(
        &self,
        url: &str,
        report: &ReportRequest<'_>,
        now: SystemTime,
    ) -> Result<(), ReportProofError> {
        if !matches!(report.method, "POST" | "GET") || report.query.len() > QUERY_BYTES {
            return Err(ReportProofError::Request);
        }
        match self {
            Self::SecretUrl => Ok(()),
            Self::Basic(pair) => verify_basic(pair, report.headers),
            Self::Header(name, value) => {
                let given = report.headers.get(name).ok_or_else(|| ReportProofError::Header(name.to_string()))?;
                is_equal(given.as_bytes(), value)
            }
            Self::Signature(signature) => signature.verify(url, report, now),
            Self::Jwt(token) => token.verify(url, report, now),
            Self::Twilio(token) => verify_twilio(token, url, report),
            Self::Webhook(secret) => verify_webhook(secret, report, now),
        }
    }

    /// Returns the parts of a verified report that the proof covers. A proof that only shows who sends covers all of them; a signature
    /// covers what is signed, and whoever has seen a signed report could send it again with another query or body.
    pub(crate) fn proved<'a>(&self, report: &ReportRequest<'a>) -> ReportRequest<'a> {
        let covered = match self {
            Self::SecretUrl | Self::Basic(_) | Self::Header(..) => Covered::ALL,
            Self::Signature(signature) => Covered::by(&signature.text),
            Self::Jwt(token) => token.covered(),
            Self::Twilio(_) | Self::Webhook(_) => Covered { query: false, body: true },
        };
        let query = if covered.query { report.query } else { "" };
        let body = if covered.body { report.body } else { &[] };
        ReportRequest { query, body, ..*report }
    }
}

fn header_name(name: &str) -> Result<HeaderName, String> {
    HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| "the name of a header that proves reports is malformed".to_owned())
}

fn is_equal(given: &[u8], secret: &Secret) -> Result<(), ReportProofError> {
    // Their lengths are compared first; a secret's length is not secret.
    match bool::from(given.ct_eq(secret.expose().as_bytes())) {
        true => Ok(()),
        false => Err(ReportProofError::Secret),
    }
}

/// RFC 7617.
fn verify_basic(pair: &Secret, headers: &HeaderMap) -> Result<(), ReportProofError> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given =
        given.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"));
    let given = given.and_then(|(_, encoded)| STANDARD.decode(encoded.trim()).ok());
    is_equal(&given.ok_or_else(|| ReportProofError::Header("authorization".to_owned()))?, pair)
}

impl SignatureVerifier {
    fn new(asked: &ReportSignature) -> Result<Self, String> {
        let text =
            Template::parse(&asked.text, SCOPE).map_err(|why| format!("the text that is signed in reports {why}"))?;
        if ![Name::Url, Name::UrlWithQuery, Name::Body, Name::Query].iter().any(|name| text.names(name)) {
            return Err("the text that is signed in reports contains neither `url` nor `body` nor `query`: one signature would \
                        prove every report"
                .to_owned());
        }
        let timestamp = match &*asked.timestamp_header {
            "" => None,
            name => Some(header_name(name)?),
        };
        if let Some(name) = timestamp.as_ref().filter(|name| !text.names(&Name::Header(name.to_string()))) {
            return Err(format!(
                "the header `{name}` with the time must be among what is signed: name `header.{name}`"
            ));
        }
        let key = match &asked.key {
            ReportKey::Hmac(key) => SignatureKey::Hmac(Key::new(key)?),
            ReportKey::Ed25519(key) => {
                let bytes = STANDARD.decode(key).ok().and_then(|bytes| bytes.try_into().ok());
                SignatureKey::Ed25519(bytes.ok_or("the upstream's public key must be 32 bytes in base64")?)
            }
        };
        let header = header_name(&asked.header)?;
        Ok(Self { key, text, header, prefix: asked.prefix.clone(), base64: asked.base64, timestamp })
    }

    fn verify(&self, url: &str, report: &ReportRequest<'_>, now: SystemTime) -> Result<(), ReportProofError> {
        let malformed = |name: &HeaderName| ReportProofError::Header(name.to_string());
        let text = |name: &HeaderName| {
            let value = report.headers.get(name).and_then(|value| value.to_str().ok());
            value.ok_or_else(|| malformed(name))
        };
        let given = text(&self.header)?.strip_prefix(&*self.prefix).ok_or_else(|| malformed(&self.header))?;
        let given = match self.base64 {
            true => STANDARD.decode(given).ok(),
            false => hex::decode(given).ok(),
        };
        let given = given.ok_or_else(|| malformed(&self.header))?;
        if let Some(name) = &self.timestamp {
            check_time(text(name)?, now).ok_or_else(|| malformed(name))??;
        }
        let mut budget = BUDGET;
        let signed =
            self.text.evaluate(&OfReport { url, report }, &mut budget).map_err(|_| ReportProofError::Request)?;
        let is_signed = match &self.key {
            SignatureKey::Hmac(key) => key.verify(&signed, &given),
            SignatureKey::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(&signed, &given).is_ok(),
        };
        if is_signed { Ok(()) } else { Err(ReportProofError::Signature) }
    }
}

/// Compares a time in seconds since 1970 with ours; `None` if it is not one.
fn check_time(seconds: &str, now: SystemTime) -> Option<Result<(), ReportProofError>> {
    let sent = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds.parse().ok()?))?;
    let apart = now.duration_since(sent).or_else(|_| sent.duration_since(now)).unwrap_or(Duration::MAX);
    Some(if apart > WINDOW { Err(ReportProofError::Time) } else { Ok(()) })
}

/// The values of a report.
struct OfReport<'a> {
    url: &'a str,
    report: &'a ReportRequest<'a>,
}

impl Values for OfReport<'_> {
    fn value(&self, name: &Name) -> Cow<'_, [u8]> {
        match name {
            Name::Url => Cow::Borrowed(self.url.as_bytes()),
            Name::UrlWithQuery if self.report.query.is_empty() => Cow::Borrowed(self.url.as_bytes()),
            Name::UrlWithQuery => Cow::Owned(format!("{}?{}", self.url, self.report.query).into_bytes()),
            Name::Method => Cow::Borrowed(self.report.method.as_bytes()),
            Name::Query => Cow::Borrowed(self.report.query.as_bytes()),
            Name::Body => Cow::Borrowed(self.report.body),
            Name::Header(name) => Cow::Owned(header_value(self.report.headers, name)),
            // Only requests have the others.
            _ => Cow::Borrowed(&[]),
        }
    }
}

impl JwtVerifier {
    fn new(asked: &ReportJwt) -> Result<Self, String> {
        jwt::check_entries("the claims that prove reports", &asked.claims, &[])?;
        let template = |(name, text): &(String, String)| {
            let wrong = |why: &str| format!("the claim `{name}` that proves reports {why}");
            let template = Template::parse(text, SCOPE).map_err(|why| wrong(&why))?;
            match template.is_text() {
                true => Ok((name.clone(), template)),
                false => Err(wrong("is not text: end the value with `hex` or `base64`")),
            }
        };
        Ok(Self {
            algorithm: asked.algorithm,
            key: VerificationKey::new(asked.algorithm, asked.key.expose())?,
            header: header_name(&asked.header)?,
            claims: asked.claims.iter().map(template).collect::<Result<_, _>>()?,
            body_hash_claim: asked.body_hash_claim.clone(),
        })
    }

    /// A token without a hash only shows who sends.
    fn covered(&self) -> Covered {
        let of_body = Covered { query: false, body: !self.body_hash_claim.is_empty() };
        let covered = self.claims.iter().fold(of_body, |all, (_, template)| all.or(Covered::by(template)));
        if covered.query || covered.body { covered } else { Covered::ALL }
    }

    fn verify(&self, url: &str, report: &ReportRequest<'_>, now: SystemTime) -> Result<(), ReportProofError> {
        let value = report.headers.get(&self.header).and_then(|value| value.to_str().ok());
        let value = value.ok_or_else(|| ReportProofError::Header(self.header.to_string()))?;
        let token = match value.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            _ => value,
        };
        let claims = jwt::verify(token, self.algorithm, &self.key, now).map_err(|bad| {
            ReportProofError::Token(match bad {
                BadToken::Malformed => "is malformed",
                BadToken::Algorithm => "has another algorithm than the provider expects",
                BadToken::Signature => "was not signed with the key in the instance's options",
                BadToken::Time => "has expired, or is not valid yet",
            })
        })?;
        let is = |name: &str, expected: &[u8]| match claims.get(name) {
            Some(Value::String(text)) => text.as_bytes() == expected,
            Some(Value::Number(number)) => number.to_string().as_bytes() == expected,
            Some(Value::Bool(bool)) => bool.to_string().as_bytes() == expected,
            _ => false,
        };
        let mut budget = BUDGET;
        for (name, template) in &self.claims {
            let expected =
                template.evaluate(&OfReport { url, report }, &mut budget).map_err(|_| ReportProofError::Request)?;
            if !is(name, &expected) {
                return Err(ReportProofError::Token("has other claims than the provider expects"));
            }
        }
        let hash = || hex::encode(Sha256::digest(report.body));
        let hash_is_right = self.body_hash_claim.is_empty()
            || claims
                .get(&self.body_hash_claim)
                .and_then(Value::as_str)
                .is_some_and(|given| given.eq_ignore_ascii_case(&hash()));
        if hash_is_right { Ok(()) } else { Err(ReportProofError::Token("was made for another body")) }
    }
}

/// <https://www.twilio.com/docs/usage/security#validating-requests>: Base64(HMAC-SHA1(auth token, URL and, by name, each field's name
/// and value)). Of a field that stands there several times equal values count once.
fn verify_twilio(token: &Secret, given_url: &str, report: &ReportRequest<'_>) -> Result<(), ReportProofError> {
    const HEADER: &str = "x-twilio-signature";
    let given = report.headers.get(HEADER).and_then(|value| STANDARD.decode(value).ok());
    let given = given.ok_or_else(|| ReportProofError::Header(HEADER.to_owned()))?;
    let fields: BTreeSet<_> = url::form_urlencoded::parse(report.body).collect();
    // Twilio signs the URL with its port or without it, and its own libraries take both.
    let mut urls = vec![given_url.to_owned()];
    if let Ok(url) = Url::parse(given_url)
        && let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default())
    {
        let rest = &url[Position::BeforePath..];
        urls.extend([format!("{}://{host}{rest}", url.scheme()), format!("{}://{host}:{port}{rest}", url.scheme())]);
    }
    let is_signed = urls.iter().any(|url| {
        let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(token.expose().as_bytes()) else { return false };
        mac.update(url.as_bytes());
        for (name, value) in &fields {
            mac.update(name.as_bytes());
            mac.update(value.as_bytes());
        }
        mac.verify_slice(&given).is_ok()
    });
    if is_signed { Ok(()) } else { Err(ReportProofError::Signature) }
}

fn verify_webhook(secret: &Secret, report: &ReportRequest<'_>, now: SystemTime) -> Result<(), ReportProofError> {
    let text = |name: &'static str| {
        let value = report.headers.get(name).and_then(|value| value.to_str().ok());
        value.ok_or_else(|| ReportProofError::Header(name.to_owned()))
    };
    let (id, time, signatures) = (text("webhook-id")?, text("webhook-timestamp")?, text("webhook-signature")?);
    check_time(time, now).ok_or_else(|| ReportProofError::Header("webhook-timestamp".to_owned()))??;
    let mac = webhook_key(secret).ok().and_then(|key| webhook_mac(&key, id, time, report.body));
    let mac = mac.ok_or(ReportProofError::Signature)?;
    let one = |signature: &str| {
        let given = signature.strip_prefix("v1,").and_then(|encoded| STANDARD.decode(encoded).ok());
        given.is_some_and(|given| mac.clone().verify_slice(&given).is_ok())
    };
    if signatures.split(' ').any(one) { Ok(()) } else { Err(ReportProofError::Signature) }
}

#[cfg(test)]
mod tests;
