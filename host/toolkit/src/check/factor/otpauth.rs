//! An authenticator app: reads an `otpauth:` URI as apps do, and computes codes (RFC 6238).

use ring::hmac;
use url::Url;

/// An app that scanned a URI.
#[derive(Clone)]
pub(super) struct App {
    key: hmac::Key,
    digits: u32,
    /// In seconds.
    pub(super) period: i64,
    /// The length of the secret in bits.
    pub(super) bits: usize,
    /// What most apps would show or do wrongly.
    pub(super) complaints: Vec<String>,
}

impl App {
    /// Reads a URI, and the secret for those who type it.
    ///
    /// # Errors
    /// If no app could use it.
    pub(super) fn scan(uri: &str, secret: &str) -> Result<Self, String> {
        let parsed = Url::parse(uri).map_err(|_| "the `otpauth:` URI is not a URI")?;
        if parsed.host_str() != Some("totp") {
            return Err("the `otpauth:` URI is not of type `totp`".to_owned());
        }
        let parameter =
            |name: &str| parsed.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned());
        let number = |name: &str, usual: u32| parameter(name).map_or(Some(usual), |value| value.parse().ok());
        let shared = parameter("secret").ok_or("the `otpauth:` URI has no secret")?;
        let bytes =
            base32(&shared).ok_or("the secret of the `otpauth:` URI is not base32 in upper case without `=`")?;
        let algorithm = match parameter("algorithm").as_deref() {
            None | Some("SHA1") => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Some("SHA256") => hmac::HMAC_SHA256,
            Some("SHA512") => hmac::HMAC_SHA512,
            Some(_) => return Err("the algorithm of the `otpauth:` URI is not SHA1, SHA256 or SHA512".to_owned()),
        };
        let digits = number("digits", 6).filter(|digits| (6..=8).contains(digits));
        let digits = digits.ok_or("the `digits` of the `otpauth:` URI are not 6 to 8")?;
        let period = number("period", 30).filter(|period| (1..=600).contains(period));
        let period = period.ok_or("the `period` of the `otpauth:` URI is not 1 to 600 seconds")?.into();
        let mut complaints = Vec::new();
        if shared != secret {
            complaints.push("the secret of the URI is not the one that is shown".to_owned());
        }
        if uri.contains('+') {
            complaints.push("the URI has a `+`, which apps show unchanged: write a space as `%20`".to_owned());
        }
        let label = percent_encoding::percent_decode_str(parsed.path().trim_start_matches('/')).decode_utf8_lossy();
        let (issuer, account) = label.split_once(':').unwrap_or(("", &label));
        if account.contains(':') {
            complaints.push("the label has two colons, so apps cannot tell where the account begins".to_owned());
        }
        if parameter("issuer").as_deref() != Some(issuer) {
            complaints.push("the issuer of the label is not that of the parameter `issuer`".to_owned());
        }
        Ok(Self { key: hmac::Key::new(algorithm, &bytes), digits, period, bits: bytes.len() * 8, complaints })
    }

    /// Returns the code at a time.
    pub(super) fn code(&self, now: i64) -> String {
        let digest = hmac::sign(&self.key, &now.div_euclid(self.period).to_be_bytes());
        let digest = digest.as_ref();
        let at = usize::from(digest.last().copied().unwrap_or_default() & 15);
        let number =
            digest[at..at + 4].iter().fold(0, |number: u32, byte| number << 8 | u32::from(*byte)) & 0x7fff_ffff;
        format!("{:0width$}", number % 10_u32.pow(self.digits), width = self.digits as usize)
    }
}

/// Decodes base32 (RFC 4648) without padding.
fn base32(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut buffer, mut bits) = (Vec::new(), 0_u32, 0);
    for letter in text.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'2'..=b'7' => letter - b'2' + 26,
            _ => return None,
        };
        (buffer, bits) = (buffer << 5 | u32::from(value), bits + 5);
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(buffer >> bits & 0xff).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_rfc_6238_appendix_b() {
        let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        let uri = format!("otpauth://totp/A:b?secret={secret}&issuer=A&digits=8");
        let app = App::scan(&uri, secret).unwrap();
        assert_eq!((app.bits, &app.complaints), (160, &Vec::new()));
        for (now, code) in [(59, "94287082"), (1_111_111_109, "07081804"), (20_000_000_000, "65353130")] {
            assert_eq!(app.code(now), code);
        }
    }
}
