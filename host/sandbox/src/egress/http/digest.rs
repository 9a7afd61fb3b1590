//! HTTP Digest authentication (RFC 7616), at the origins that the operator named for it.
//!
//! Supports MD5 and SHA-256, also in their session variants, with the quality of protection `auth`. A challenge without one (RFC 2069) is
//! not answered: its response would contain nothing of our choice, so that an origin could have it computed for a nonce of its choice.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http_auth::ChallengeRef;
use http_auth::parser::ChallengeParser;
use md5::Md5;
use sha2::{Digest as _, Sha256};

use crate::egress::policy::{Credentials, TokenKey};

/// The maximum length of a header with challenges, in bytes.
const MOST_BYTES: usize = 4096;

/// The maximum number of challenges that are kept.
const MOST_CHALLENGES: usize = 1024;

/// The hash functions, the strongest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Hash {
    Md5,
    Sha256,
}

impl Hash {
    /// Returns the hash of these parts with colons between them, as RFC 7616 writes it.
    fn of(self, parts: &[&str]) -> String {
        let text = parts.join(":");
        match self {
            Self::Md5 => hex::encode(Md5::digest(text)),
            Self::Sha256 => hex::encode(Sha256::digest(text)),
        }
    }
}

/// The challenge of an origin, which must be answered.
#[derive(Debug, Clone)]
pub(super) struct Challenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    hash: Hash,
    is_session: bool,
    hashes_username: bool,
    /// How many requests have used the nonce, this one included.
    count: u32,
}

/// The value of `Authorization`.
pub(super) struct Answer {
    pub(super) header: String,
    /// The hash in it. Whoever has it could repeat the request.
    pub(super) response: String,
}

impl Challenge {
    /// Returns the supported challenge with the strongest hash function among the values of `WWW-Authenticate`.
    pub(super) fn strongest(values: &[String]) -> Option<Self> {
        let values = values.iter().filter(|value| value.len() <= MOST_BYTES);
        let all = values.flat_map(|value| ChallengeParser::new(value).map_while(Result::ok));
        all.filter_map(|challenge| Self::new(&challenge)).max_by_key(|challenge| challenge.hash)
    }

    fn new(challenge: &ChallengeRef<'_>) -> Option<Self> {
        let names: BTreeSet<String> = challenge.params.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        if !challenge.scheme.eq_ignore_ascii_case("digest") || names.len() < challenge.params.len() {
            return None;
        }
        let parameter = |name: &str| {
            let own = challenge.params.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
            own.map(|(_, value)| value.to_unescaped())
        };
        let protections = parameter("qop")?;
        if !protections.split(',').any(|one| one.trim().eq_ignore_ascii_case("auth")) {
            return None;
        }
        let algorithm = parameter("algorithm").unwrap_or_else(|| "MD5".to_owned()).to_ascii_lowercase();
        let (name, is_session) = match algorithm.strip_suffix("-sess") {
            Some(name) => (name, true),
            None => (&*algorithm, false),
        };
        let hash = match name {
            "md5" => Hash::Md5,
            "sha-256" => Hash::Sha256,
            _ => return None,
        };
        let nonce = parameter("nonce").filter(|nonce| !nonce.is_empty())?;
        let hashes_username = parameter("userhash").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let (realm, opaque) = (parameter("realm")?, parameter("opaque"));
        Some(Self { realm, nonce, opaque, hash, is_session, hashes_username, count: 1 })
    }

    /// Returns the response for one request (RFC 7616 section 3.4).
    pub(super) fn answer(&self, credentials: &Credentials, method: &str, uri: &str, client_nonce: &str) -> Answer {
        let (hash, realm, nonce) = (self.hash, &*self.realm, &*self.nonce);
        let username = &*credentials.username;
        let mut secret = hash.of(&[username, realm, credentials.password.expose()]);
        if self.is_session {
            secret = hash.of(&[&secret, nonce, client_nonce]);
        }
        let count = format!("{:08x}", self.count);
        let request = hash.of(&[method, uri]);
        let response = hash.of(&[&secret, nonce, &count, client_nonce, "auth", &request]);
        let username = match username {
            _ if self.hashes_username => format!("username=\"{}\", userhash=true", hash.of(&[username, realm])),
            ascii if ascii.bytes().all(|byte| matches!(byte, b' '..=b'~')) => format!("username={}", quoted(ascii)),
            other => format!("username*=UTF-8''{}", percent_encoded(other)),
        };
        let (realm, nonce, uri) = (quoted(realm), quoted(nonce), quoted(uri));
        let algorithm = match hash {
            Hash::Md5 => "MD5",
            Hash::Sha256 => "SHA-256",
        };
        let session = if self.is_session { "-sess" } else { "" };
        let mut header = format!(
            "Digest {username}, realm={realm}, uri={uri}, algorithm={algorithm}{session}, nonce={nonce}, nc={count}, \
             cnonce={}, qop=auth, response=\"{response}\"",
            quoted(client_nonce)
        );
        if let Some(opaque) = &self.opaque {
            header.push_str(", opaque=");
            header.push_str(&quoted(opaque));
        }
        Answer { header, response }
    }
}

/// Returns a quoted string (RFC 9110 section 5.6.4).
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Returns the characters of an extended value (RFC 8187 section 3.2.1).
fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() {
            encoded.push(byte.into());
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

/// The challenges that origins accepted a response to, by origin and credentials. They save the request that only asks for one.
#[derive(Default)]
pub(super) struct Challenges(Mutex<HashMap<TokenKey, Challenge>>);

impl Challenges {
    fn all(&self) -> MutexGuard<'_, HashMap<TokenKey, Challenge>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the challenge for one more request.
    pub(super) fn next(&self, key: TokenKey) -> Option<Challenge> {
        let mut all = self.all();
        let challenge = all.get_mut(&key)?;
        challenge.count = challenge.count.checked_add(1)?;
        Some(challenge.clone())
    }

    /// Keeps a challenge to which the origin accepted a response.
    pub(super) fn keep(&self, key: TokenKey, challenge: Challenge) {
        let mut all = self.all();
        if all.len() >= MOST_CHALLENGES {
            all.clear();
        }
        all.insert(key, challenge);
    }

    /// Removes a challenge to which the origin no longer accepts responses.
    pub(super) fn remove(&self, key: TokenKey) {
        self.all().remove(&key);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use ::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;
    use crate::egress::policy::Secret;

    const NONCE: &str = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";

    fn mufasa() -> Credentials {
        Credentials { username: "Mufasa".to_owned(), password: Secret::new("Circle of Life") }
    }

    fn challenge(text: &str) -> Option<Challenge> {
        Challenge::strongest(&[text.to_owned()])
    }

    /// The examples of RFC 7616 section 3.9.1.
    #[test]
    fn the_examples_of_the_specification() {
        let client_nonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        for (algorithm, response) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let demanded = format!(
                "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, nonce=\"{NONCE}\", \
                 opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
            );
            let answer = challenge(&demanded).unwrap().answer(&mufasa(), "GET", "/dir/index.html", client_nonce);
            assert_eq!(answer.response, response);
            let header = format!(
                "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", algorithm={algorithm}, \
                 nonce=\"{NONCE}\", nc=00000001, cnonce=\"{client_nonce}\", qop=auth, response=\"{response}\", \
                 opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
            );
            assert_eq!(answer.header, header);
        }
    }

    #[test]
    fn the_strongest_supported_challenge_is_answered() {
        let values = [
            "Basic realm=\"a\"",
            "Digest realm=\"a\", nonce=\"1\", qop=auth, algorithm=SHA-256, Digest realm=\"a\", nonce=\"2\", qop=auth",
            "Digest realm=\"a\", nonce=\"3\", qop=auth, algorithm=SHA-512-256",
        ];
        let strongest = Challenge::strongest(&values.map(str::to_owned)).unwrap();
        assert_eq!((strongest.hash, &*strongest.nonce), (Hash::Sha256, "1"));
        for refused in [
            "Basic realm=\"a\"",
            "Digest realm=\"a\", nonce=\"1\"",
            "Digest realm=\"a\", nonce=\"1\", qop=\"auth-int\"",
            "Digest realm=\"a\", nonce=\"\", qop=auth",
            "Digest realm=\"a\", qop=auth",
            "Digest nonce=\"1\", qop=auth",
            "Digest realm=\"a\", nonce=\"1\", nonce=\"2\", qop=auth",
            "Digest realm=\"a\", nonce=\"1\", qop=auth, algorithm=SHA-1",
            "Digest realm=\"a\", nonce=\"1, qop=auth",
            "",
        ] {
            assert!(challenge(refused).is_none(), "{refused}");
        }
        assert!(challenge(&format!("Digest realm=\"{}\", nonce=\"1\", qop=auth", "a".repeat(5000))).is_none());
    }

    #[test]
    fn user_names_are_quoted_encoded_or_hashed() {
        let header = |username: &str, more: &str| {
            let credentials = Credentials { username: username.to_owned(), password: Secret::new("p") };
            let challenge = challenge(&format!("Digest realm=\"a\\\"b\", nonce=\"1\", qop=auth{more}")).unwrap();
            challenge.answer(&credentials, "GET", "/", "c").header
        };
        assert!(header("a\"b\\c", "").starts_with(r#"Digest username="a\"b\\c", realm="a\"b", "#));
        assert!(header("Jäsøn Doe", "").starts_with("Digest username*=UTF-8''J%C3%A4s%C3%B8n%20Doe, realm="));
        let hashed = hex::encode(Md5::digest("Jäsøn Doe:a\"b"));
        let expected = format!("Digest username=\"{hashed}\", userhash=true, realm=");
        assert!(header("Jäsøn Doe", ", userhash=true").starts_with(&expected));
    }

    #[test]
    fn a_nonce_is_counted_and_the_number_of_kept_challenges_is_bounded() {
        let challenges = Challenges::default();
        let one = challenge("Digest realm=\"a\", nonce=\"1\", qop=auth").unwrap();
        assert!(challenges.next([1; 32]).is_none());
        challenges.keep([1; 32], one.clone());
        assert_eq!([2, 3].map(|_| challenges.next([1; 32]).unwrap().count), [2, 3]);
        challenges.keep([2; 32], Challenge { count: u32::MAX, ..one.clone() });
        assert!(challenges.next([2; 32]).is_none());
        challenges.remove([1; 32]);
        assert!(challenges.next([1; 32]).is_none());
        for n in 0..3000_u32 {
            let mut key = [0; 32];
            key[..4].copy_from_slice(&n.to_le_bytes());
            challenges.keep(key, one.clone());
        }
        assert!(challenges.all().len() <= MOST_CHALLENGES);
    }

    proptest! {
        #[test]
        fn whatever_an_origin_requires_the_answer_is_a_header(
            realm in "[ -~]{0,40}", nonce in "[ -~]{1,40}", opaque in "[ -~]{0,40}", username in ".{0,20}", noise in "\\PC{0,80}",
        ) {
            prop_assert!(Challenge::strongest(&[noise]).is_none_or(|challenge| !challenge.nonce.is_empty()));
            let (realm, nonce, opaque) = (quoted(&realm), quoted(&nonce), quoted(&opaque));
            let demanded = format!("Digest realm={realm}, nonce={nonce}, opaque={opaque}, qop=\"auth\"");
            let credentials = Credentials { username, password: Secret::new("p") };
            let answer = challenge(&demanded).unwrap().answer(&credentials, "POST", "/a?b", "c");
            prop_assert!(HeaderValue::from_str(&answer.header).is_ok());
            let sent = [format!("realm={realm}, uri="), format!("nonce={nonce}, nc="), format!("opaque={opaque}")];
            prop_assert!(sent.iter().all(|part| answer.header.contains(part)), "{}", answer.header);
        }
    }
}
