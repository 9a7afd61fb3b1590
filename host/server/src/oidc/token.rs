//! Verification of ID tokens (OpenID Connect Core 1.0 section 3.1.3.7).

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::jwt;

/// Allowed difference between the clocks of the provider and of this server, in seconds.
const SKEW: u64 = 60;

/// The maximum age of a token, in seconds: it is issued after the browser was sent to the provider.
const OLDEST: i64 = 600;

pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

/// Returns the claims of a valid token, or why it is not valid.
pub(super) fn verify(token: &str, keys: &[u8], expected: &Expected<'_>) -> Result<Map<String, Value>, &'static str> {
    jwt::install();
    let header = decode_header(token).map_err(|_| "it is malformed, or its algorithm is not supported")?;
    if !jwt::ALGORITHMS.contains(&header.alg) {
        return Err("it is not signed with an asymmetric algorithm");
    }
    if header.crit.is_some() {
        return Err("it has a critical header that is not supported");
    }
    let keys: KeySet = serde_json::from_slice(keys).map_err(|_| "the key set of the provider is not valid")?;
    let mut why = "its key is not in the key set of the provider";
    for key in keys.keys.into_iter().filter_map(|key| fitting(key, &header)) {
        match decode::<Map<String, Value>>(token, &key, &validation(&header, expected)) {
            Ok(data) => return check(data.claims, expected),
            Err(error) => why = words(error.kind()),
        }
    }
    Err(why)
}

/// Returns the key, if it may have signed the token. Others of a set may be of kinds that nobody here knows.
fn fitting(key: Value, header: &Header) -> Option<DecodingKey> {
    let alike = key.get("alg").is_none_or(|own| serde_json::to_value(header.alg).is_ok_and(|alg| alg == *own));
    let curve = match header.alg {
        Algorithm::ES256 => Some("P-256"),
        Algorithm::ES384 => Some("P-384"),
        Algorithm::EdDSA => Some("Ed25519"),
        _ => None,
    };
    let alike = alike && curve.is_none_or(|curve| key.get("crv").and_then(Value::as_str) == Some(curve));
    let key: Jwk = serde_json::from_value(key).ok()?;
    let named = header.kid.is_none() || header.kid == key.common.key_id;
    let signs = key.common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature);
    let key = if named && signs && alike { DecodingKey::from_jwk(&key).ok()? } else { return None };
    key.family().algorithms().contains(&header.alg).then_some(key)
}

fn validation(header: &Header, expected: &Expected<'_>) -> Validation {
    let mut validation = Validation::new(header.alg);
    validation.set_required_spec_claims(&["iss", "sub", "aud", "exp"]);
    validation.set_audience(&[expected.client_id]);
    // `check` does: here `null` would not be one that was left out.
    validation.validate_nbf = false;
    validation.leeway = SKEW;
    validation
}

/// Returns what the crate that reads tokens leaves to others.
fn check(claims: Map<String, Value>, expected: &Expected<'_>) -> Result<Map<String, Value>, &'static str> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    // It would take a list of issuers for one that has the right one in it.
    if text("iss") != Some(expected.issuer) {
        return Err("it has another issuer");
    }
    // Others may read a token that is for several: it must be made for us.
    let several = claims.get("aud").and_then(Value::as_array).is_some_and(|list| list.len() > 1);
    let party =
        claims.get("azp").filter(|party| !party.is_null()).map(|party| party.as_str() == Some(expected.client_id));
    if party == Some(false) || several && party.is_none() {
        return Err("it was issued to another client");
    }
    if text("nonce") != Some(expected.nonce) {
        return Err("it belongs to another login");
    }
    let now = jiff::Timestamp::now().as_second();
    if let Some(begin) = claims.get("nbf").filter(|begin| !begin.is_null()) {
        let begin = seconds(begin).ok_or("its `nbf` claim is not valid")?;
        if begin.saturating_sub(now) > SKEW as i64 {
            return Err("it is not valid yet");
        }
    }
    let issued = claims.get("iat").and_then(seconds).ok_or("its `iat` claim is missing")?;
    let age = now.saturating_sub(issued);
    if age > OLDEST + SKEW as i64 || age < -(SKEW as i64) {
        return Err("it was issued too long ago, or in the future");
    }
    Ok(claims)
}

/// Returns a `NumericDate`, which may have a fraction (RFC 7519 section 2).
fn seconds(value: &Value) -> Option<i64> {
    let fraction = || value.as_f64().filter(|seconds| seconds.abs() < 1e15);
    #[allow(clippy::cast_possible_truncation, reason = "it was looked at")]
    value.as_i64().or_else(|| Some(fraction()?.floor() as i64))
}

/// No text of the crate's own: it may repeat the token.
fn words(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidSignature => "its signature is not valid",
        ErrorKind::ExpiredSignature => "it has expired",
        ErrorKind::ImmatureSignature => "it is not valid yet",
        ErrorKind::InvalidAudience => "it has another audience",
        ErrorKind::MissingRequiredClaim(_) => "a required claim is missing",
        _ => "it is malformed",
    }
}
