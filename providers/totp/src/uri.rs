//! The otpauth URI, which apps read from a QR code.
//!
//! It follows the description of Google Authenticator
//! (<https://github.com/google/google-authenticator/wiki/Key-Uri-Format>): the issuer is in the label and in the parameter, because apps
//! differ in which one they show.

use std::fmt::Write as _;

use data_encoding::BASE32_NOPAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{Algorithm, Parameters};

/// All but the unreserved characters of RFC 3986. A blank becomes `%20`: apps show `+` as it is.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Returns the URI. Parameters with default values are left out: some apps refuse what they do not know.
pub fn otpauth(issuer: &str, account: &str, secret: &[u8], parameters: &Parameters) -> String {
    let (issuer, account) = (label_part(issuer), label_part(account));
    let issuer = utf8_percent_encode(&issuer, RESERVED);
    let account = utf8_percent_encode(&account, RESERVED);
    let mut uri = format!("otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}", base32(secret));
    // Writing to a string does not fail.
    match parameters.algorithm {
        Algorithm::SHA1 => {}
        Algorithm::SHA256 => uri.push_str("&algorithm=SHA256"),
        Algorithm::SHA512 => uri.push_str("&algorithm=SHA512"),
    }
    if parameters.digits != 6 {
        let _ = write!(uri, "&digits={}", parameters.digits);
    }
    if parameters.period != 30 {
        let _ = write!(uri, "&period={}", parameters.period);
    }
    uri
}

/// Returns bytes in base32 (RFC 4648), upper case and without padding, which some apps refuse.
pub fn base32(secret: &[u8]) -> String {
    BASE32_NOPAD.encode(secret)
}

/// Returns a name without colons, which separate issuer and account even when they are encoded.
fn label_part(name: &str) -> String {
    name.trim().replace(':', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORTABLE: Parameters = Parameters { algorithm: Algorithm::SHA1, digits: 6, period: 30 };

    #[test]
    fn the_issuer_is_in_label_and_parameter_and_defaults_are_left_out() {
        assert_eq!(
            otpauth("Example", "ada@example.com", b"12345678901234567890", &PORTABLE),
            "otpauth://totp/Example:ada%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Example"
        );
    }

    #[test]
    fn other_values_are_given() {
        let parameters = Parameters { algorithm: Algorithm::SHA256, digits: 8, period: 60 };
        let uri = otpauth("Example", "ada", b"12345678901234567890", &parameters);
        assert!(uri.ends_with("&issuer=Example&algorithm=SHA256&digits=8&period=60"), "{uri}");
    }

    #[test]
    fn blanks_are_percent_encoded_and_never_a_plus() {
        let uri = otpauth("Müller & Söhne", "ada lovelace", b"12345678901234567890", &PORTABLE);
        assert!(uri.starts_with("otpauth://totp/M%C3%BCller%20%26%20S%C3%B6hne:ada%20lovelace?"), "{uri}");
        assert!(!uri.contains('+'));
    }

    #[test]
    fn a_colon_in_a_name_does_not_end_the_issuer() {
        let uri = otpauth("Example", "realm:ada", b"12345678901234567890", &PORTABLE);
        assert!(uri.starts_with("otpauth://totp/Example:realm-ada?"), "{uri}");
    }

    #[test]
    fn base32_has_no_padding_and_no_lower_case() {
        for length in 16..=64 {
            let text = base32(&vec![0xa5; length]);
            assert!(text.bytes().all(|byte| byte.is_ascii_uppercase() || (b'2'..=b'7').contains(&byte)), "{text}");
        }
    }
}
