//! Computes codes: RFC 4226 section 5.3, with the hash functions of RFC 6238 section 1.2.

use hmac::Hmac;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

/// The hash function of the HMAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum Algorithm {
    /// The only one that all apps support.
    #[default]
    SHA1,
    /// SHA-256.
    SHA256,
    /// SHA-512.
    SHA512,
}

/// How an app computes codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameters {
    /// The hash function.
    pub algorithm: Algorithm,
    /// The number of digits.
    pub digits: u32,
    /// The length of a time step in seconds.
    pub period: u64,
}

impl Parameters {
    /// Returns the code of a time step.
    pub fn code(&self, secret: &[u8], step: u64) -> String {
        let mac = match self.algorithm {
            Algorithm::SHA1 => hmac::<Hmac<Sha1>>(secret, step),
            Algorithm::SHA256 => hmac::<Hmac<Sha256>>(secret, step),
            Algorithm::SHA512 => hmac::<Hmac<Sha512>>(secret, step),
        };
        let number = u64::from(truncate(&mac)) % 10_u64.saturating_pow(self.digits);
        format!("{number:0width$}", width = self.digits as usize)
    }
}

fn hmac<M: hmac::Mac + hmac::KeyInit>(secret: &[u8], step: u64) -> Vec<u8> {
    // A key of any length is taken.
    let Ok(mut mac) = <M as hmac::KeyInit>::new_from_slice(secret) else { return Vec::new() };
    mac.update(&step.to_be_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// Returns 31 bits of the MAC: the dynamic truncation of RFC 4226 section 5.3.
fn truncate(mac: &[u8]) -> u32 {
    let offset = mac.last().map_or(0, |last| usize::from(last & 0xf));
    let word = mac.get(offset..offset + 4).and_then(|word| word.try_into().ok()).map_or(0, u32::from_be_bytes);
    word & 0x7fff_ffff
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4226 appendix D.
    #[test]
    fn codes_are_those_of_rfc_4226() {
        let parameters = Parameters { algorithm: Algorithm::SHA1, digits: 6, period: 30 };
        let expected =
            ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];
        for (step, code) in (0..).zip(expected) {
            assert_eq!(parameters.code(b"12345678901234567890", step), code, "step {step}");
        }
    }

    /// RFC 6238 appendix B, with the secrets of its reference implementation.
    #[test]
    fn codes_are_those_of_rfc_6238() {
        let digits = "1234567890".repeat(7);
        let secrets =
            [(Algorithm::SHA1, &digits[..20]), (Algorithm::SHA256, &digits[..32]), (Algorithm::SHA512, &digits[..64])];
        let rows = [
            (59, ["94287082", "46119246", "90693936"]),
            (1_111_111_109, ["07081804", "68084774", "25091201"]),
            (1_111_111_111, ["14050471", "67062674", "99943326"]),
            (1_234_567_890, ["89005924", "91819424", "93441116"]),
            (2_000_000_000, ["69279037", "90698825", "38618901"]),
            (20_000_000_000_u64, ["65353130", "77737706", "47863826"]),
        ];
        for (time, codes) in rows {
            for ((algorithm, secret), code) in secrets.into_iter().zip(codes) {
                let parameters = Parameters { algorithm, digits: 8, period: 30 };
                assert_eq!(parameters.code(secret.as_bytes(), time / 30), code, "{algorithm:?} at {time}");
            }
        }
    }
}
