//! How an upstream proves that a delivery report comes from it: `proof` in `wit/reports.wit`.

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

use super::authentication::{Credentials, Entries, HmacKey, JwtAlgorithm, first};
use super::hmac_key::Key;
use super::jwt::{self, BadToken, VerificationKey};
use super::request_signature::header_value;
use super::secret::Secret;
use super::signature::{webhook_key, webhook_mac};
use super::template::{BUDGET, Name, Scope, Template, Values};

/// How far the time at which a report was signed may be from ours (Standard Webhooks 1.0.0, "Verifying the timestamp").
const WINDOW: Duration = Duration::from_secs(5 * 60);

/// The longest query of a report, in bytes.
const QUERY_BYTES: usize = 8 << 10;

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
    claims: Entries,
    body_hash_claim: String,
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
            ReportProof::Jwt(token) => {
                jwt::check_entries("the claims that prove reports", &token.claims, &[])?;
                Self::Jwt(Box::new(JwtVerifier {
                    algorithm: token.algorithm,
                    key: VerificationKey::new(token.algorithm, token.key.expose())?,
                    header: header_name(&token.header)?,
                    claims: token.claims.clone(),
                    body_hash_claim: token.body_hash_claim.clone(),
                }))
            }
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
            Self::Jwt(token) => token.verify(report, now),
            Self::Twilio(token) => verify_twilio(token, url, report),
            Self::Webhook(secret) => verify_webhook(secret, report, now),
        }
    }

    /// Returns the parts of a verified report that the proof covers. A proof that only shows who sends covers all of them; a signature
    /// covers what is signed, and whoever has seen a signed report could send it again with another query or body.
    pub(crate) fn proved<'a>(&self, report: &ReportRequest<'a>) -> ReportRequest<'a> {
        let (query, body) = match self {
            Self::SecretUrl | Self::Basic(_) | Self::Header(..) | Self::Jwt(_) => (true, true),
            Self::Signature(signature) => (signature.text.names(&Name::Query), signature.text.names(&Name::Body)),
            Self::Twilio(_) | Self::Webhook(_) => (false, true),
        };
        let (query, body) = (if query { report.query } else { "" }, if body { report.body } else { &[] });
        ReportRequest { query, body, ..*report }
    }
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
        let scope = Scope { requests: false, own: &[], later_headers: &[], signature: false };
        let text =
            Template::parse(&asked.text, scope).map_err(|why| format!("the text that is signed in reports {why}"))?;
        if ![Name::Url, Name::Body, Name::Query].iter().any(|name| text.names(name)) {
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
    fn verify(&self, report: &ReportRequest<'_>, now: SystemTime) -> Result<(), ReportProofError> {
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
        let is = |name: &str, expected: &str| match claims.get(name) {
            Some(Value::String(text)) => text == expected,
            Some(Value::Number(number)) => number.to_string().as_str() == expected,
            Some(Value::Bool(bool)) => (if *bool { "true" } else { "false" }) == expected,
            _ => false,
        };
        if !self.claims.iter().all(|(name, value)| is(name, value)) {
            return Err(ReportProofError::Token("has other claims than the provider expects"));
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
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use ring::signature::{Ed25519KeyPair, KeyPair as _};

    use super::*;
    use crate::egress::policy::authentication::{HmacHash, JwtKey, KeyEncoding, SignedJwt};

    const URL: &str = "https://auth.example.com/reports/s/i/c/0/p";
    const NOW: u64 = 1_769_860_800;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
        all.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    fn post<'a>(headers: &'a HeaderMap, body: &'a [u8]) -> ReportRequest<'a> {
        ReportRequest { method: "POST", query: "", headers, body }
    }

    fn proved(proof: &ReportProof, with: &[(&'static str, &str)], body: &[u8]) -> Result<(), ReportProofError> {
        ReportVerifier::new(proof).unwrap().verify(URL, &post(&headers(with), body), at(NOW))
    }

    fn hmac(text: &str) -> ReportSignature {
        let key = HmacKey { hash: HmacHash::Sha256, key: Secret::new("key"), encoding: KeyEncoding::Text };
        ReportSignature {
            key: ReportKey::Hmac(key),
            text: text.to_owned(),
            header: "x-signature".to_owned(),
            prefix: "sha256=".to_owned(),
            base64: false,
            timestamp_header: String::new(),
        }
    }

    #[test]
    fn a_url_that_nobody_can_guess_is_enough_where_an_upstream_offers_no_more() {
        let verifier = ReportVerifier::new(&ReportProof::SecretUrl).unwrap();
        let none = HeaderMap::new();
        for method in ["POST", "GET"] {
            let report = ReportRequest { method, query: "status=DELIVRD", headers: &none, body: b"" };
            assert_eq!(verifier.verify(URL, &report, at(NOW)), Ok(()));
        }
        let long = "a".repeat(QUERY_BYTES + 1);
        for (method, query) in [("PUT", ""), ("get", ""), ("GET", &*long)] {
            let report = ReportRequest { method, query, headers: &none, body: b"" };
            assert_eq!(verifier.verify(URL, &report, at(NOW)), Err(ReportProofError::Request));
        }
    }

    #[test]
    fn a_password_and_a_secret_header_are_compared_as_a_whole() {
        let basic = ReportProof::Basic(Credentials { username: "u".to_owned(), password: Secret::new("p:w") });
        let with = |value: &str| proved(&basic, &[("authorization", value)], b"");
        assert_eq!(with(&format!("Basic {}", STANDARD.encode("u:p:w"))), Ok(()));
        assert_eq!(with(&format!("basic {}", STANDARD.encode("u:p:w"))), Ok(()));
        for pair in ["u:p:", "u:p:wx", "v:p:w", "", ":"] {
            assert_eq!(with(&format!("Basic {}", STANDARD.encode(pair))), Err(ReportProofError::Secret), "{pair}");
        }
        for other in ["", "Basic", "Basic !", "Bearer x"] {
            assert_eq!(with(other), Err(ReportProofError::Header("authorization".to_owned())), "{other}");
        }
        let header = ReportProof::Header { name: "X-Token".to_owned(), value: Secret::new("t0ken") };
        assert_eq!(proved(&header, &[("x-token", "t0ken")], b""), Ok(()));
        for other in ["", "t0ke", "t0kenx", "T0ken"] {
            assert_eq!(proved(&header, &[("x-token", other)], b""), Err(ReportProofError::Secret));
        }
        assert_eq!(proved(&header, &[], b""), Err(ReportProofError::Header("x-token".to_owned())));
    }

    /// The values were computed with `hmac` of Python.
    #[test]
    fn a_component_gets_the_parts_of_a_report_that_are_proved() {
        let headers = headers(&[]);
        let report = ReportRequest { query: "status=delivered", ..post(&headers, b"status=failed") };
        let secret = || Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signed = |text: &str| ReportProof::Signature(hmac(text));
        for (proof, query, body) in [
            (ReportProof::SecretUrl, true, true),
            (ReportProof::Twilio(secret()), false, true),
            (ReportProof::Webhook(secret()), false, true),
            (signed("{url}"), false, false),
            (signed("{url}{body}"), false, true),
            (signed("{query}"), true, false),
        ] {
            let proved = ReportVerifier::new(&proof).unwrap().proved(&report);
            assert_eq!((!proved.query.is_empty(), !proved.body.is_empty()), (query, body), "{proof:?}");
        }
    }

    #[test]
    fn a_signature_is_verified_over_what_its_template_names() {
        let signed = "sha256=bd26cc6766775703d8ff9a655703258ac3c65423214902adfb06f158c6969780";
        let proof = ReportProof::Signature(hmac("{body}"));
        assert_eq!(proved(&proof, &[("x-signature", signed)], b"report"), Ok(()));
        assert_eq!(proved(&proof, &[("x-signature", signed)], b"reporT"), Err(ReportProofError::Signature));
        let malformed = Err(ReportProofError::Header("x-signature".to_owned()));
        for other in [&signed[7..], "sha256=zz", "sha1=00"] {
            assert_eq!(proved(&proof, &[("x-signature", other)], b"report"), malformed, "{other}");
        }
        assert_eq!(proved(&proof, &[("x-signature", "sha256=")], b"report"), Err(ReportProofError::Signature));

        let mut timed = hmac("{header.x-time}.{url}.{body}");
        timed.timestamp_header = "X-Time".to_owned();
        timed.base64 = true;
        timed.prefix = String::new();
        let timed = ReportProof::Signature(timed);
        let verified = |time: &str, now| {
            let verifier = ReportVerifier::new(&timed).unwrap();
            let headers = headers(&[("x-signature", "ltz/J3VV0xP0aje2fZ7s+ZIXTXK4+CUN8Ocnq5lhEkc="), ("x-time", time)]);
            verifier.verify(URL, &post(&headers, b"report"), at(now))
        };
        assert_eq!(verified("1769860800", NOW + 300), Ok(()));
        for now in [NOW + 301, NOW - 301] {
            assert_eq!(verified("1769860800", now), Err(ReportProofError::Time));
        }
        assert_eq!(verified("1769860801", NOW), Err(ReportProofError::Signature));
        assert_eq!(verified("soon", NOW), Err(ReportProofError::Header("x-time".to_owned())));
    }

    /// Plivo's version 2, with the example of its own libraries: the URL and a random number are signed.
    #[test]
    fn a_report_of_plivo_is_verified() {
        let key = HmacKey { hash: HmacHash::Sha256, key: Secret::new("my_auth_token"), encoding: KeyEncoding::Text };
        let signature = ReportSignature {
            key: ReportKey::Hmac(key),
            header: "x-plivo-signature-v2".to_owned(),
            prefix: String::new(),
            base64: true,
            ..hmac("{url}{header.x-plivo-signature-v2-nonce}")
        };
        let verifier = ReportVerifier::new(&ReportProof::Signature(signature)).unwrap();
        let verified = |nonce, url| {
            let with = [
                ("x-plivo-signature-v2", "ehV3IKhLysWBxC1sy8INm0qGoQYdYsHwuoKjsX7FsXc="),
                ("x-plivo-signature-v2-nonce", nonce),
            ];
            verifier.verify(url, &post(&headers(&with), b""), at(NOW))
        };
        assert_eq!(verified("12345", "https://answer.url"), Ok(()));
        assert_eq!(verified("12346", "https://answer.url"), Err(ReportProofError::Signature));
        assert_eq!(verified("12345", "https://answer.urk"), Err(ReportProofError::Signature));
    }

    /// As Telnyx signs: Ed25519 over the time and the body.
    #[test]
    fn a_report_is_verified_with_a_public_key() {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let mut signature = hmac("{header.telnyx-timestamp}|{body}");
        signature.key = ReportKey::Ed25519(STANDARD.encode(pair.public_key()));
        (signature.header, signature.prefix) = ("telnyx-signature-ed25519".to_owned(), String::new());
        (signature.base64, signature.timestamp_header) = (true, "telnyx-timestamp".to_owned());
        let proof = ReportProof::Signature(signature);
        let signed = STANDARD.encode(pair.sign(b"1769860800|{}"));
        let with = [("telnyx-signature-ed25519", &*signed), ("telnyx-timestamp", "1769860800")];
        assert_eq!(proved(&proof, &with, b"{}"), Ok(()));
        assert_eq!(proved(&proof, &with, b"[]"), Err(ReportProofError::Signature));
        assert_eq!(proof.secret().map(|_| ()), None);
    }

    /// As Vonage signs: a token by a shared secret, with the hash of the body.
    #[test]
    fn a_report_is_verified_by_a_token_with_the_hash_of_the_body() {
        let proof = ReportProof::Jwt(ReportJwt {
            algorithm: JwtAlgorithm::Hs256,
            key: Secret::new("signature secret"),
            header: "Authorization".to_owned(),
            claims: vec![("iss".to_owned(), "Vonage".to_owned())],
            body_hash_claim: "payload_hash".to_owned(),
        });
        let signed = |issuer: &str, body: &[u8], secret: &str| {
            let key = JwtKey { algorithm: JwtAlgorithm::Hs256, key: Secret::new(secret), header: Vec::new() };
            let claims = vec![("iss".to_owned(), issuer.to_owned())];
            let hash = hex::encode(Sha256::digest(body));
            let token = SignedJwt { key, claims, valid_seconds: 300 };
            jwt::sign(&token, &[("payload_hash", &hash)], at(NOW)).unwrap().expose().to_owned()
        };
        let with = |token: String, body| proved(&proof, &[("authorization", &token)], body);
        let right = || signed("Vonage", b"{}", "signature secret");
        assert_eq!(with(right(), b"{}"), Ok(()));
        assert_eq!(with(format!("Bearer {}", right()), b"{}"), Ok(()));
        assert_eq!(with(right(), b"[]"), Err(ReportProofError::Token("was made for another body")));
        for (issuer, secret, why) in [
            ("Other", "signature secret", "has other claims than the provider expects"),
            ("Vonage", "other", "was not signed with the key in the instance's options"),
        ] {
            assert_eq!(with(signed(issuer, b"{}", secret), b"{}"), Err(ReportProofError::Token(why)));
        }
    }

    /// Vonage's own tokens have `iat` and no `exp`.
    #[test]
    fn a_token_that_does_not_say_when_it_expires_is_believed_for_five_minutes() {
        let proof = ReportProof::Jwt(ReportJwt {
            algorithm: JwtAlgorithm::Hs256,
            key: Secret::new("signature secret"),
            header: "Authorization".to_owned(),
            claims: vec![("iss".to_owned(), "Vonage".to_owned())],
            body_hash_claim: "payload_hash".to_owned(),
        });
        let token = |times: Value| {
            let mut claims = serde_json::json!({"iss": "Vonage", "payload_hash": hex::encode(Sha256::digest(b"{}"))});
            claims.as_object_mut().unwrap().extend(times.as_object().unwrap().clone());
            let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
            let message = format!("{}.{}", part(&serde_json::json!({"alg": "HS256", "typ": "JWT"})), part(&claims));
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"signature secret");
            format!("{message}.{}", URL_SAFE_NO_PAD.encode(ring::hmac::sign(&key, message.as_bytes())))
        };
        let verified = |times: Value, second| {
            let headers = headers(&[("authorization", &token(times))]);
            ReportVerifier::new(&proof).unwrap().verify(URL, &post(&headers, b"{}"), at(second))
        };
        let expired: Result<(), ReportProofError> = Err(ReportProofError::Token("has expired, or is not valid yet"));
        let issued = || serde_json::json!({"iat": NOW});
        for second in [NOW, NOW + 300, NOW + 359] {
            assert_eq!(verified(issued(), second), Ok(()), "{second}");
        }
        for second in [NOW - 61, NOW + 360, NOW + 3600] {
            assert_eq!(verified(issued(), second), expired, "{second}");
        }
        // With `exp`, that alone says it.
        let long = || serde_json::json!({"iat": NOW, "exp": NOW + 7200});
        assert_eq!(verified(long(), NOW + 3600), Ok(()));
        assert_eq!(verified(long(), NOW + 7260), expired);
        // Without a time nothing can be said of its age.
        assert_eq!(verified(serde_json::json!({}), NOW + 3600), Ok(()));
        assert_eq!(verified(serde_json::json!({"iat": "yesterday"}), NOW), expired);
    }

    #[test]
    fn a_proof_that_proves_nothing_is_refused_with_what_is_wrong() {
        let header = |name: &str, value: &str| ReportProof::Header { name: name.to_owned(), value: Secret::new(value) };
        let password = |password: &str| {
            ReportProof::Basic(Credentials { username: "u".to_owned(), password: Secret::new(password) })
        };
        let mut untimed = hmac("{body}");
        untimed.timestamp_header = "x-time".to_owned();
        let mut public = hmac("{body}");
        public.key = ReportKey::Ed25519("AAAA".to_owned());
        for (proof, why) in [
            (header("x-token", ""), "empty"),
            (header("a b", "t"), "malformed"),
            (password(""), "empty"),
            (ReportProof::Twilio(Secret::new("")), "empty"),
            (ReportProof::Webhook(Secret::new("whsec_AAAA")), "24 to 64 bytes"),
            (ReportProof::Signature(hmac("{header.x-id}")), "would prove every report"),
            (ReportProof::Signature(hmac("{path}")), "unknown name `path`"),
            (ReportProof::Signature(untimed), "must be among what is signed"),
            (ReportProof::Signature(public), "32 bytes"),
        ] {
            let error = ReportVerifier::new(&proof).map(|_| ()).unwrap_err();
            assert!(error.contains(why), "{why}: {error}");
        }
    }

    /// The example of Twilio's own libraries.
    #[test]
    fn a_report_of_twilio_is_checked_as_twilio_documents_it() {
        let proof = ReportProof::Twilio(Secret::new("12345"));
        let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
        let body = b"CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212";
        let right = headers(&[("x-twilio-signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8=")]);
        let is_of = |url: &str, headers: &HeaderMap, body: &[u8]| {
            ReportVerifier::new(&proof).unwrap().verify(url, &post(headers, body), SystemTime::now()).is_ok()
        };
        assert!(is_of(url, &right, body));
        assert!(!is_of("https://mycompany.com/myapp.php?foo=1&bar=3", &right, body));
        assert!(!is_of(url, &right, &body[..body.len() - 1]));
        assert!(!is_of(url, &headers(&[]), body));
        // The order of the fields is no part of it, nor how often one stands there.
        assert!(is_of(url, &right, b"Digits=1234&CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212"));
        // Twilio may sign with the port.
        assert!(is_of(url, &headers(&[("x-twilio-signature", "kvajT1Ptam85bY51eRf/AJRuM3w=")]), body));
        assert!(is_of("https://mycompany.com:443/myapp.php?foo=1&bar=2", &right, body));
        // Different values of one field.
        let several = headers(&[("x-twilio-signature", "IK+Dwps556ElfBT0I3Rgjkr1wJU=")]);
        assert!(is_of(url, &several, b"Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234"));
        for wrong in ["", "x", "RSOYDt4T1cUTdK1PDd93/VVr8B8", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="] {
            assert!(!is_of(url, &headers(&[("x-twilio-signature", wrong)]), body), "{wrong}");
        }
        let other = ReportVerifier::new(&ReportProof::Twilio(Secret::new("12346"))).unwrap();
        assert!(other.verify(url, &post(&right, body), SystemTime::now()).is_err());
    }

    #[test]
    fn a_report_by_webhook_is_checked_by_signature_and_time() {
        let proof = ReportProof::Webhook(Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
        let (verifier, body) = (ReportVerifier::new(&proof).unwrap(), br#"{"test": 2432232314}"#);
        let of = |id, time, signed: &str| {
            headers(&[("webhook-id", id), ("webhook-timestamp", time), ("webhook-signature", signed)])
        };
        let (id, time, right) =
            ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let is_of =
            |headers: &HeaderMap, body: &[u8], second| verifier.verify(URL, &post(headers, body), at(second)).is_ok();
        assert!(is_of(&of(id, time, right), body, 1_614_265_330));
        assert!(is_of(&of(id, time, &format!("v1,AAAA v1a,x {right}")), body, 1_614_265_330 + 300));
        for second in [1_614_265_330 - 301, 1_614_265_330 + 301] {
            assert!(!is_of(&of(id, time, right), body, second));
        }
        assert!(!is_of(&of(id, time, right), b"{}", 1_614_265_330));
        assert!(!is_of(&of("other", time, right), body, 1_614_265_330));
        assert!(!is_of(&of(id, "1614265331", right), body, 1_614_265_330));
        assert!(!is_of(&of(id, "-1", right), body, 1_614_265_330));
        assert!(!is_of(&headers(&[]), body, 1_614_265_330));
    }
}
