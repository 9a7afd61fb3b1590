//! The codes: 24 letters of Crockford's base32, which have 120 bits.
//!
//! NIST SP 800-63B-4 section 3.1.2.2 allows an ordinary hash function for secrets of at least 112 bits.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq};
use twofactor_factor::Bytes;

/// The number of letters of a code.
pub const LETTERS: u32 = 24;

/// The random bytes of a code: 5 bits for each letter.
const RANDOM_BYTES: usize = 15;

/// Crockford's alphabet (<https://www.crockford.com/base32.html>): without I, L, O and U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Returns the code of random bytes.
pub fn from_random(bytes: [u8; RANDOM_BYTES]) -> String {
    let letter = |group: &[u8], place: usize| {
        let bits = group.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        char::from(ALPHABET[(bits >> (35 - 5 * place) & 31) as usize])
    };
    bytes.chunks(5).flat_map(|group| (0..8).map(move |place| letter(group, place))).collect()
}

/// Returns a code as people read it: in groups of four letters.
pub fn grouped(code: &str) -> String {
    let letters: Vec<char> = code.chars().collect();
    letters.chunks(4).map(String::from_iter).collect::<Vec<_>>().join("-")
}

/// Returns what a person typed as a code, or nothing if it is none. Letters that look like a digit are read as that digit.
pub fn canonical(typed: &str) -> Option<String> {
    let letters = typed.chars().filter(|letter| !matches!(letter, ' ' | '-'));
    let code: String = letters
        .map(|letter| match letter.to_ascii_uppercase() {
            'I' | 'L' => '1',
            'O' => '0',
            other => other,
        })
        .take(LETTERS as usize + 1)
        .collect();
    (code.len() == LETTERS as usize && code.bytes().all(|letter| ALPHABET.contains(&letter))).then_some(code)
}

/// The SHA-256 digest of a code.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(Bytes);

impl Digest {
    /// Returns the digest of a code in its canonical form.
    pub fn of(code: &str) -> Self {
        Self(Sha256::digest(code).to_vec().into())
    }
}

impl ConstantTimeEq for Digest {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bit_is_in_the_code() {
        assert_eq!(from_random([0; 15]), "0".repeat(24));
        assert_eq!(from_random([255; 15]), "Z".repeat(24));
        let mut codes: Vec<String> = (0..120)
            .map(|bit| {
                let mut bytes = [0; 15];
                bytes[bit / 8] = 1 << (bit % 8);
                from_random(bytes)
            })
            .collect();
        codes.sort();
        codes.dedup();
        assert_eq!(codes.len(), 120);
        assert_eq!(
            from_random(*b"\x00\x44\x32\x14\xc7\x42\x54\xb6\x35\xcf\x84\x65\x3a\x56\xd7"),
            "0123456789ABCDEFGHJKMNPQ"
        );
    }

    #[test]
    fn codes_are_read_as_people_type_them() {
        let code = "01230123ABCDEFGHJKMNPQRS";
        assert_eq!(grouped(code), "0123-0123-ABCD-EFGH-JKMN-PQRS");
        for typed in [code, "0123-0123-ABCD-EFGH-JKMN-PQRS", "olz3 oi23 abcd efgh jkmn pqrs".replace('z', "2").as_str()]
        {
            assert_eq!(canonical(typed).as_deref(), Some(code), "{typed}");
        }
    }

    #[test]
    fn input_that_is_not_a_code_is_refused() {
        let long = "0".repeat(1_000_000);
        for typed in [
            "",
            "0123",
            "01230123ABCDEFGHJKMNPQR",
            "01230123ABCDEFGHJKMNPQRSS",
            "U1230123ABCDEFGHJKMNPQRS",
            "é1230123ABCDEFGHJKMNPQR",
            &long,
        ] {
            assert_eq!(canonical(typed), None);
        }
    }
}
