//! The otpauth URI, which apps read from a QR code.
//!
//! It follows the description of Google Authenticator
//! (<https://github.com/google/google-authenticator/wiki/Key-Uri-Format>): the issuer is in the label and in the parameter, because apps
//! differ in which one they show.

use std::fmt::Write as _;

use data_encoding::BASE32_NOPAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

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

/// The shortest secret that is read, in bytes: RFC 4226 section 4, R6.
const SHORTEST: usize = 16;

/// The longest one: the block length of SHA-512. HMAC would hash a longer one.
const LONGEST: usize = 128;

/// What a URI says of an app that is set up.
pub struct SetUp {
    /// The shared secret.
    pub secret: Vec<u8>,
    /// How the app computes codes.
    pub parameters: Parameters,
    /// The time until which codes may have been used somewhere else, in seconds since 1970: the parameter `after`, which is our own.
    pub after: Option<u64>,
}

/// Reads a URI. Nothing is returned for one of another kind, with a parameter that occurs twice, or with values that are not supported.
pub fn parse(uri: &str) -> Option<SetUp> {
    let (scheme, rest) = uri.split_once("://")?;
    let (label, query) = rest.split_once('?')?;
    let (kind, _) = label.split_once('/')?;
    if !scheme.eq_ignore_ascii_case("otpauth") || !kind.eq_ignore_ascii_case("totp") {
        return None;
    }
    let (mut secret, mut algorithm, mut digits, mut period, mut after) = (None, None, None, None, None);
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=')?;
        let place = match name {
            "secret" => &mut secret,
            "algorithm" => &mut algorithm,
            "digits" => &mut digits,
            "period" => &mut period,
            "after" => &mut after,
            _ => continue,
        };
        if place.replace(percent_decode_str(value).decode_utf8().ok()?).is_some() {
            return None;
        }
    }
    let number = |text: &str| text.parse::<u64>().ok();
    let algorithm = match algorithm.as_deref().unwrap_or("SHA1").to_ascii_uppercase().as_str() {
        "SHA1" => Algorithm::SHA1,
        "SHA256" => Algorithm::SHA256,
        "SHA512" => Algorithm::SHA512,
        _ => return None,
    };
    let digits = digits.map_or(Some(6), |text| text.parse().ok()).filter(|digits| (6..=8).contains(digits))?;
    let period = period.map_or(Some(30), |text| number(&text)).filter(|period| (15..=60).contains(period))?;
    let after = match after {
        Some(text) => Some(number(&text)?),
        None => None,
    };
    let secret = secret?.trim_end_matches('=').to_ascii_uppercase();
    let secret = BASE32_NOPAD.decode(secret.as_bytes()).ok()?;
    let parameters = Parameters { algorithm, digits, period };
    (SHORTEST..=LONGEST).contains(&secret.len()).then_some(SetUp { secret, parameters, after })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
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
    fn spaces_are_percent_encoded_and_never_a_plus() {
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

    #[test]
    fn what_is_written_is_read() {
        for parameters in [PORTABLE, Parameters { algorithm: Algorithm::SHA512, digits: 8, period: 60 }] {
            let read = parse(&otpauth("Müller & Söhne", "ada", b"12345678901234567890", &parameters)).unwrap();
            assert_eq!((&*read.secret, read.parameters), (&b"12345678901234567890"[..], parameters));
            assert_eq!(read.after, None);
        }
    }

    #[test]
    fn spellings_of_other_programs_are_read() {
        for uri in [
            "otpauth://totp/ACME:ada?secret=gezdgnbvgy3tqojqgezdgnbvgy3tqojq&image=https%3A%2F%2Facme.example",
            "OTPAUTH://TOTP/ada?digits=6&secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&algorithm=sha1&period=30",
        ] {
            let read = parse(uri).unwrap();
            assert_eq!((&*read.secret, read.parameters), (&b"12345678901234567890"[..], PORTABLE), "{uri}");
        }
    }

    #[test]
    fn what_is_not_supported_is_not_read() {
        const SECRET: &str = "secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        let parts = |kind: &str, query: &str| format!("otpauth://{kind}/a?{query}");
        assert!(parse(&parts("totp", SECRET)).is_some());
        assert!(parse(&parts("hotp", &format!("{SECRET}&counter=1"))).is_none());
        for more in
            ["digits=5", "digits=9", "digits=", "period=14", "period=90", "period=-30", "algorithm=MD5", "after=x"]
        {
            assert!(parse(&parts("totp", &format!("{SECRET}&{more}"))).is_none(), "{more}");
        }
        assert!(parse(&parts("totp", &format!("{SECRET}&{SECRET}"))).is_none());
        for secret in ["", "GEZDGNBVGY3TQOJQ", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ0", "A", &"A".repeat(208)] {
            assert!(parse(&parts("totp", &format!("secret={secret}"))).is_none(), "{secret}");
        }
        for other in ["", "otpauth", "otpauth://totp", "https://totp/a?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"] {
            assert!(parse(other).is_none(), "{other}");
        }
    }
}
