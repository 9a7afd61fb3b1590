//! JSON Web Tokens (RFC 7519) in the compact serialization (RFC 7515 section 7.1), signed and verified by ring.
//!
//! The algorithm is that of the key. A token does not choose it (RFC 8725 section 3.1).

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey, VerificationAlgorithm,
};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::authentication::{Entries, JwtAlgorithm, JwtKey, SignedJwt};
use super::pem;
use super::secret::Secret;

/// The longest token that is verified, in bytes.
const LONGEST: usize = 16 << 10;

/// How far the clock of who issued a token may be from ours, in seconds.
const SKEW: i64 = 60;

/// For how long a token without `exp` is believed after its `iat`, in seconds.
const WITHOUT_EXPIRY: i64 = 5 * 60;

/// Claims and members of the header that the host sets.
const CLAIMS_OF_THE_HOST: [&str; 3] = ["iat", "exp", "jti"];
const HEADER_OF_THE_HOST: [&str; 3] = ["alg", "crit", "b64"];

impl JwtAlgorithm {
    /// Its name in `alg`.
    fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
        }
    }
}

/// A key that was read. The texts of its errors say what to do and repeat nothing of the key.
enum SigningKey {
    Hmac(hmac::Key),
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair),
}

impl SigningKey {
    fn new(key: &JwtKey) -> Result<Self, String> {
        let text = key.key.expose();
        if key.algorithm == JwtAlgorithm::Hs256 {
            // RFC 7518 section 3.2 asks for as many bits as the hash has; upstreams that issue shorter secrets exist.
            return match text.len() {
                0 => Err("the secret that signs tokens is empty".to_owned()),
                _ => Ok(Self::Hmac(hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes()))),
            };
        }
        let (label, der) = pem::section(text, "PRIVATE KEY").ok_or(
            "the private key that signs tokens is not PEM: enter the whole text from `-----BEGIN PRIVATE KEY-----` to \
             `-----END PRIVATE KEY-----`",
        )?;
        match (key.algorithm, label) {
            (_, "ENCRYPTED PRIVATE KEY") => {
                Err("the private key is protected with a passphrase: remove it with `openssl pkcs8 -topk8 -nocrypt`"
                    .to_owned())
            }
            (JwtAlgorithm::Rs256, "PRIVATE KEY") => RsaKeyPair::from_pkcs8(&der).map(Self::Rsa).map_err(not_rsa),
            (JwtAlgorithm::Rs256, "RSA PRIVATE KEY") => RsaKeyPair::from_der(&der).map(Self::Rsa).map_err(not_rsa),
            (JwtAlgorithm::Es256, "PRIVATE KEY") => ecdsa(&der),
            (JwtAlgorithm::Es256, "EC PRIVATE KEY") => ecdsa(&pkcs8_of_sec1(&der)),
            _ => Err(format!("the private key is not of the kind that {} requires", key.algorithm.name())),
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, ring::error::Unspecified> {
        match self {
            Self::Hmac(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)?;
                Ok(signature)
            }
            Self::Ecdsa(pair) => Ok(pair.sign(&SystemRandom::new(), message)?.as_ref().to_vec()),
        }
    }
}

fn not_rsa(_: ring::error::KeyRejected) -> String {
    "the private key is not a valid RSA key of 2048 to 4096 bits".to_owned()
}

fn ecdsa(pkcs8: &[u8]) -> Result<SigningKey, String> {
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &SystemRandom::new()).map(SigningKey::Ecdsa).map_err(|_| {
        "the private key is not a valid key of the curve P-256 that contains its public key: `openssl pkcs8 -topk8 -nocrypt` adds it"
            .to_owned()
    })
}

/// Wraps a key of the curve P-256 (SEC 1, RFC 5915) as PKCS #8 (RFC 5208), the only form that ring reads.
fn pkcs8_of_sec1(sec1: &[u8]) -> Zeroizing<Vec<u8>> {
    const P256: &[u8] = &[
        0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d,
        0x03, 0x01, 0x07,
    ];
    let wrap = |tag: u8, content: &[u8]| {
        let length = content.len();
        let mut der = Zeroizing::new(vec![tag]);
        match length {
            0..=127 => der.push(length as u8),
            128..=255 => der.extend([0x81, length as u8]),
            _ => der.extend([0x82, (length >> 8) as u8, length as u8]),
        }
        der.extend_from_slice(content);
        der
    };
    let mut parts = Zeroizing::new(vec![0x02, 0x01, 0x00]);
    parts.extend_from_slice(P256);
    parts.extend_from_slice(&wrap(0x04, sec1));
    wrap(0x30, &parts)
}

/// Checks a key and what surrounds it. The text of an error says what to do.
pub(super) fn check_key(key: &JwtKey) -> Result<(), String> {
    check_entries("the header of a token", &key.header, &HEADER_OF_THE_HOST)?;
    SigningKey::new(key).map(|_| ())
}

/// Checks a description of tokens. The text of an error says what to do.
pub(super) fn check(token: &SignedJwt) -> Result<(), String> {
    check_entries("the claims of a token", &token.claims, &CLAIMS_OF_THE_HOST)?;
    if !(60..=3600).contains(&token.valid_seconds) {
        return Err("a token that the host signs must be valid for 60 to 3600 seconds".to_owned());
    }
    check_key(&token.key)
}

/// Checks that there are not too many names, none twice, and none that the host sets.
pub(super) fn check_entries(of: &str, entries: &Entries, of_the_host: &[&str]) -> Result<(), String> {
    if entries.len() > 32 || entries.iter().any(|(name, value)| name.len() > 128 || value.len() > 4096) {
        return Err(format!(
            "{of} must have at most 32 entries, with names of at most 128 bytes and values of at most 4096"
        ));
    }
    for (n, (name, _)) in entries.iter().enumerate() {
        if name.is_empty() || entries[..n].iter().any(|(earlier, _)| earlier == name) {
            return Err(format!("{of} must have names, each once"));
        }
        if of_the_host.contains(&&**name) {
            return Err(format!("`{name}` in {of} is set by the host alone: leave it out"));
        }
    }
    Ok(())
}

/// Returns a signed token. `also` are claims that are added where the description has none of that name.
pub(crate) fn sign(token: &SignedJwt, also: &[(&str, &str)], now: SystemTime) -> Result<Secret, String> {
    let unsignable = || "the token cannot be signed".to_owned();
    let key = SigningKey::new(&token.key)?;
    let issued = seconds(now);
    let mut header = Map::new();
    header.insert("typ".to_owned(), "JWT".into());
    let given = token.key.header.iter().map(|(name, value)| (name.clone(), Value::from(&**value)));
    header.extend(given);
    header.insert("alg".to_owned(), token.key.algorithm.name().into());
    let mut claims = Map::new();
    claims.extend(also.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))));
    claims.extend(token.claims.iter().map(|(name, value)| (name.clone(), Value::from(&**value))));
    claims.insert("iat".to_owned(), issued.into());
    claims.insert("exp".to_owned(), (issued + i64::from(token.valid_seconds)).into());
    let mut id = [0_u8; 16];
    getrandom::fill(&mut id).map_err(|_| unsignable())?;
    claims.insert("jti".to_owned(), hex::encode(id).into());
    let encoded = |part: Map<String, Value>| URL_SAFE_NO_PAD.encode(Value::Object(part).to_string());
    let message = format!("{}.{}", encoded(header), encoded(claims));
    let signature = key.sign(message.as_bytes()).map_err(|_| unsignable())?;
    Ok(Secret::new(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))))
}

/// A key that verifies tokens.
pub(crate) enum VerificationKey {
    Hmac(hmac::Key),
    Public(&'static dyn VerificationAlgorithm, Vec<u8>),
}

impl VerificationKey {
    /// Reads a shared secret, or a public key in PEM (SubjectPublicKeyInfo, RFC 5280). The text of an error says what to do.
    pub(crate) fn new(algorithm: JwtAlgorithm, key: &str) -> Result<Self, String> {
        let verification: &'static dyn VerificationAlgorithm = match algorithm {
            JwtAlgorithm::Hs256 if key.is_empty() => return Err("the secret that signs reports is empty".to_owned()),
            // Whoever knows a public key could sign with it (RFC 8725 section 2.1).
            JwtAlgorithm::Hs256 if key.contains("-----BEGIN") => {
                return Err("the key of reports is a key in PEM, and HS256 needs a shared secret".to_owned());
            }
            JwtAlgorithm::Hs256 => return Ok(Self::Hmac(hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()))),
            JwtAlgorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
            JwtAlgorithm::Es256 => &ECDSA_P256_SHA256_FIXED,
        };
        let public = pem::section(key, "PUBLIC KEY").filter(|(label, _)| *label == "PUBLIC KEY");
        let public = public.and_then(|(_, der)| subject_public_key(algorithm, &der));
        let public = public.ok_or_else(|| {
            format!(
                "the upstream's public key must be a key for {} in PEM, from `-----BEGIN PUBLIC KEY-----` to \
                 `-----END PUBLIC KEY-----`",
                algorithm.name()
            )
        })?;
        Ok(Self::Public(verification, public))
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Hmac(key) => hmac::verify(key, message, signature).is_ok(),
            Self::Public(algorithm, key) => UnparsedPublicKey::new(*algorithm, key).verify(message, signature).is_ok(),
        }
    }
}

/// Returns the key itself of a SubjectPublicKeyInfo (RFC 5280 section 4.1), if it is for the algorithm.
fn subject_public_key(algorithm: JwtAlgorithm, spki: &[u8]) -> Option<Vec<u8>> {
    /// `rsaEncryption` (RFC 3279 section 2.3.1) without parameters but NULL.
    const RSA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    /// `id-ecPublicKey` on `secp256r1` (RFC 5480 section 2.1.1).
    const P256: &[u8] = &[
        0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01,
        0x07,
    ];
    let expected = match algorithm {
        JwtAlgorithm::Hs256 => return None,
        JwtAlgorithm::Rs256 => RSA,
        JwtAlgorithm::Es256 => P256,
    };
    let (whole, rest) = element(0x30, spki)?;
    let (identifier, key) = element(0x30, whole)?;
    let (bits, after) = element(0x03, key)?;
    let key = bits.strip_prefix(&[0])?;
    (identifier == expected && rest.is_empty() && after.is_empty()).then(|| key.to_vec())
}

/// Returns the content of a DER element and what follows it.
fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 | 0x82 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (length.iter().fold(0, |all, byte| all << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    (found == tag).then_some(())?;
    rest.split_at_checked(length)
}

/// Why a token is not believed, for the operator. It repeats nothing of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadToken {
    Malformed,
    Algorithm,
    Signature,
    Time,
}

/// Verifies a token's signature and, as far as it has them, `exp`, `nbf` and `iat`; returns its claims. A token without `exp` expires by
/// its `iat`; one that has neither does not expire.
pub(crate) fn verify(
    token: &str,
    algorithm: JwtAlgorithm,
    key: &VerificationKey,
    now: SystemTime,
) -> Result<Map<String, Value>, BadToken> {
    if token.len() > LONGEST {
        return Err(BadToken::Malformed);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(BadToken::Malformed)?;
    let (header, claims) = message.split_once('.').ok_or(BadToken::Malformed)?;
    let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| BadToken::Malformed);
    let object =
        |part: &str| serde_json::from_slice::<Map<String, Value>>(&decoded(part)?).map_err(|_| BadToken::Malformed);
    let header = object(header)?;
    if header.get("alg").and_then(Value::as_str) != Some(algorithm.name()) || header.contains_key("crit") {
        return Err(BadToken::Algorithm);
    }
    if !key.verify(message.as_bytes(), &decoded(signature)?) {
        return Err(BadToken::Signature);
    }
    let claims = object(claims)?;
    let now = seconds(now);
    let is_in_time = |name: &str, holds: &dyn Fn(i64) -> bool| match claims.get(name) {
        None => true,
        // A `NumericDate` may have a fraction (RFC 7519 section 2).
        Some(time) => time.as_f64().filter(|time| time.abs() < 1e12).is_some_and(|time| holds(time as i64)),
    };
    let is_valid = is_in_time("exp", &|end| now < end.saturating_add(SKEW))
        && is_in_time("nbf", &|begin| begin <= now + SKEW)
        && is_in_time("iat", &|issued| {
            let is_fresh = claims.contains_key("exp") || now < issued.saturating_add(WITHOUT_EXPIRY + SKEW);
            issued <= now + SKEW && is_fresh
        });
    if is_valid { Ok(claims) } else { Err(BadToken::Time) }
}

fn seconds(time: SystemTime) -> i64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs().try_into().unwrap_or(i64::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const NOW: u64 = 1_769_860_800;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn key(algorithm: JwtAlgorithm, key: &str) -> JwtKey {
        JwtKey { algorithm, key: Secret::new(key), header: vec![("kid".to_owned(), "k1".to_owned())] }
    }

    fn token(key: JwtKey) -> SignedJwt {
        SignedJwt { key, claims: vec![("iss".to_owned(), "me".to_owned())], valid_seconds: 600 }
    }

    /// The keys, made with OpenSSL, with the public ones.
    fn keys() -> [(JwtAlgorithm, &'static str, &'static str); 5] {
        let rsa = include_str!("test_keys/rsa-public.pem");
        let ec = include_str!("test_keys/ec-public.pem");
        [
            (JwtAlgorithm::Hs256, "shared s3cret", "shared s3cret"),
            (JwtAlgorithm::Rs256, include_str!("test_keys/rsa.pem"), rsa),
            (JwtAlgorithm::Rs256, include_str!("test_keys/rsa-pkcs1.pem"), rsa),
            (JwtAlgorithm::Es256, include_str!("test_keys/ec.pem"), ec),
            (JwtAlgorithm::Es256, include_str!("test_keys/ec-sec1.pem"), ec),
        ]
    }

    #[test]
    fn a_token_is_signed_by_each_kind_of_key_and_believed_by_its_other_half_alone() {
        for (algorithm, private, public) in keys() {
            let signed = sign(&token(key(algorithm, private)), &[("aud", "you"), ("iss", "other")], at(NOW)).unwrap();
            let verification = VerificationKey::new(algorithm, public).unwrap();
            let claims = verify(signed.expose(), algorithm, &verification, at(NOW)).unwrap();
            assert_eq!((claims["iss"].as_str(), claims["aud"].as_str()), (Some("me"), Some("you")));
            assert_eq!((claims["iat"].as_u64(), claims["exp"].as_u64()), (Some(NOW), Some(NOW + 600)));
            assert_eq!(claims["jti"].as_str().map(str::len), Some(32));
            let header = URL_SAFE_NO_PAD.decode(signed.expose().split('.').next().unwrap()).unwrap();
            let expected = format!(r#"{{"typ":"JWT","kid":"k1","alg":"{}"}}"#, algorithm.name());
            assert_eq!(String::from_utf8(header).unwrap(), expected);

            let refused = |token: &str, now| verify(token, algorithm, &verification, at(now)).unwrap_err();
            assert_eq!(refused(signed.expose(), NOW + 600 + 60), BadToken::Time);
            assert_eq!(refused(signed.expose(), NOW - 61), BadToken::Time);
            let (message, signature) = signed.expose().rsplit_once('.').unwrap();
            assert_eq!(refused(&format!("{message}x.{signature}"), NOW), BadToken::Signature);
            assert_eq!(refused(&format!("{message}."), NOW), BadToken::Signature);
            let (_, claims) = message.split_once('.').unwrap();
            for header in [r#"{"alg":"none"}"#, r#"{"alg":"HS512"}"#, "{}", r#"{"alg":"HS256","crit":["b64"]}"#] {
                let forged = format!("{}.{claims}.{signature}", URL_SAFE_NO_PAD.encode(header));
                assert_eq!(refused(&forged, NOW), BadToken::Algorithm, "{header}");
            }
            for malformed in ["", "a.b", "a.b.c.d", "..", &"a".repeat(20_000)] {
                assert!(matches!(
                    refused(malformed, NOW),
                    BadToken::Malformed | BadToken::Signature | BadToken::Algorithm
                ));
            }
        }
    }

    /// RFC 7515 appendix A.3, and A.1 with its binary key.
    #[test]
    fn the_example_of_the_standard_is_believed_until_it_expires() {
        let public = "-----BEGIN PUBLIC KEY-----MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==-----END PUBLIC KEY-----";
        let key = VerificationKey::new(JwtAlgorithm::Es256, public).unwrap();
        let token = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
        let verified = |seconds| verify(token, JwtAlgorithm::Es256, &key, at(seconds));
        assert_eq!(verified(1_300_819_379).unwrap()["iss"], "joe");
        assert_eq!(verified(1_300_819_380 + 60), Err(BadToken::Time));
    }

    #[test]
    fn a_key_that_cannot_be_used_is_refused_without_repeating_it() {
        let ec = include_str!("test_keys/ec.pem");
        let rsa = include_str!("test_keys/rsa.pem");
        for (algorithm, text, why) in [
            (JwtAlgorithm::Hs256, "", "empty"),
            (JwtAlgorithm::Rs256, "c2VjcmV0LWtleQ", "is not PEM"),
            (JwtAlgorithm::Rs256, &rsa[..400], "is not PEM"),
            (JwtAlgorithm::Rs256, include_str!("test_keys/rsa-1024.pem"), "2048"),
            (JwtAlgorithm::Rs256, include_str!("test_keys/rsa-encrypted.pem"), "passphrase"),
            (JwtAlgorithm::Rs256, ec, "not a valid RSA key"),
            (JwtAlgorithm::Rs256, include_str!("test_keys/ec-sec1.pem"), "not of the kind"),
            (JwtAlgorithm::Es256, rsa, "P-256"),
            (JwtAlgorithm::Es256, include_str!("test_keys/rsa-pkcs1.pem"), "not of the kind"),
            (JwtAlgorithm::Es256, include_str!("test_keys/ec-public.pem"), "is not PEM"),
        ] {
            let error = check(&token(key(algorithm, text))).unwrap_err();
            assert!(error.contains(why), "{why}: {error}");
            let shown = format!("{:?}", key(algorithm, text));
            let lines = text.lines().filter(|line| line.len() > 20 && !line.starts_with('-'));
            for line in lines {
                assert!(!error.contains(line) && !shown.contains(line), "{error}");
            }
        }
        let mut long = token(key(JwtAlgorithm::Hs256, "s"));
        long.valid_seconds = 3601;
        assert!(check(&long).is_err());
        let mut own = token(key(JwtAlgorithm::Hs256, "s"));
        own.claims.push(("exp".to_owned(), "1".to_owned()));
        assert!(check(&own).unwrap_err().contains("`exp`"));
        let public = include_str!("test_keys/rsa-public.pem");
        for (algorithm, text) in
            [(JwtAlgorithm::Rs256, rsa), (JwtAlgorithm::Es256, public), (JwtAlgorithm::Hs256, public)]
        {
            assert!(VerificationKey::new(algorithm, text).is_err());
        }
    }
}
