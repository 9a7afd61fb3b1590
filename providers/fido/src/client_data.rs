//! The client data: what the browser says about the page (WebAuthn Level 3, section 5.8.1).

use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use twofactor_factor::Bytes;

use crate::Refusal;

/// The parsed client data. Other members are allowed: browsers add some on purpose.
#[derive(Deserialize)]
pub struct ClientData {
    /// `webauthn.create` or `webauthn.get`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The challenge.
    pub challenge: Bytes,
    /// The origin of the page.
    pub origin: String,
    /// Whether the page was in a frame of another origin.
    #[serde(rename = "crossOrigin", default)]
    pub cross_origin: Option<bool>,
    /// The origin of the page at the top, if the frame's differs.
    #[serde(rename = "topOrigin", default)]
    pub top_origin: Option<String>,
}

impl ClientData {
    /// Parses client data. A byte order mark is skipped, as "UTF-8 decode" does.
    ///
    /// # Errors
    /// If they are no JSON, or a member is missing or is there twice.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        serde_json::from_slice(bytes).map_err(|_| Refusal::Malformed("the client data have not their form"))
    }
}

/// Returns the hash of client data, as authenticators sign it: of the bytes as they are.
pub fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &[u8] = br#"{"type":"webauthn.get","challenge":"AAAA","origin":"https://example.com"}"#;

    #[test]
    fn members_that_are_unknown_pass_and_a_byte_order_mark_is_skipped() {
        assert!(ClientData::parse(MINIMAL).is_ok());
        assert!(ClientData::parse(&[b"\xef\xbb\xbf", MINIMAL].concat()).is_ok());
        let more = br#"{"other_keys_can_be_added_here":"do not compare","x":[{}],"type":"","challenge":"","origin":"","crossOrigin":null}"#;
        assert!(ClientData::parse(more).is_ok());
    }

    #[test]
    fn the_byte_order_mark_is_hashed() {
        assert_ne!(hash(&[b"\xef\xbb\xbf", MINIMAL].concat()), hash(MINIMAL));
    }

    #[test]
    fn other_forms_are_refused() {
        for bytes in [
            &b""[..],
            b"[]",
            br#"{"type":"webauthn.get","challenge":"AAAA"}"#,
            br#"{"type":"a","type":"b","challenge":"AAAA","origin":""}"#,
            br#"{"type":"a","challenge":"AA==","origin":""}"#,
            br#"{"type":"a","challenge":"A+/A","origin":""}"#,
            br#"{"type":"a","challenge":"AAAA","origin":"","crossOrigin":"true"}"#,
            b"{\"type\":\"\xff\",\"challenge\":\"AAAA\",\"origin\":\"\"}",
            &[MINIMAL, b"x"].concat(),
            &b"[".repeat(100_000),
        ] {
            assert!(ClientData::parse(bytes).is_err(), "{}", bytes[..bytes.len().min(80)].escape_ascii());
        }
    }
}
