//! Codes: drawn uniformly, stored as a MAC, compared in constant time.

use zeroize::Zeroizing;

use super::digits::{is_dash, is_invisible, to_ascii};
use crate::error::Error;
use crate::keyring::Keyring;
use crate::random;
use crate::store::CodeMac;

const PURPOSE: &str = "code";

/// The maximum length of input that is examined, in characters.
const INPUT_CHARS: usize = 64;

/// What a code is bound to: it does not match under anything else.
pub(super) struct Binding<'a> {
    pub(super) challenge: &'a str,
    pub(super) subscription: &'a str,
    pub(super) user: &'a str,
    pub(super) purpose: &'a str,
}

/// Draws a code: each of the 10^digits is equally likely (RFC 4226 section 7.1 and its appendix on
/// bias).
pub(super) fn draw(digits: u8) -> Result<Zeroizing<String>, Error> {
    let mut code = Zeroizing::new(String::with_capacity(digits.into()));
    let mut bytes = Zeroizing::new([0; 32]);
    while code.len() < digits.into() {
        random::fill(&mut *bytes)?;
        // 250 is the largest multiple of ten in a byte: higher values are drawn again.
        let fair = bytes.iter().filter(|&&byte| byte < 250);
        for byte in fair.take(usize::from(digits) - code.len()) {
            code.push(char::from(b'0' + byte % 10));
        }
    }
    Ok(code)
}

/// Converts typed input to ASCII digits, once and before anything is counted. `Err` for what cannot
/// be a code.
pub(super) fn canonical(input: &str) -> Result<Zeroizing<String>, Error> {
    let malformed = || Error::invalid_at("/code", "must be the digits of the code, as a string");
    if input.chars().nth(INPUT_CHARS).is_some() {
        return Err(malformed());
    }
    // With its maximum capacity, so that no copy stays in memory when it grows.
    let mut digits = Zeroizing::new(String::with_capacity(INPUT_CHARS));
    for c in input.chars() {
        match to_ascii(c) {
            Some(digit) => digits.push(digit),
            None if separates(c) => {}
            None => return Err(malformed()),
        }
    }
    if digits.is_empty() { Err(malformed()) } else { Ok(digits) }
}

/// Returns whether people type a character between the digits, or copy it with them.
fn separates(c: char) -> bool {
    matches!(c, '.' | '．' | '\t' | '\r' | '\n')
        || is_dash(c)
        || is_invisible(c)
        || c.is_whitespace() && !c.is_control()
}

pub(super) fn seal(keyring: &Keyring, binding: &Binding<'_>, code: &str) -> CodeMac {
    let (key, mac) = keyring.mac(PURPOSE, &binding.parts(code));
    CodeMac { key, mac }
}

/// Returns which of the codes the input matches. All of them are compared, each in constant time.
pub(super) fn fits(keyring: &Keyring, binding: &Binding<'_>, codes: &[CodeMac], input: &str) -> Option<CodeMac> {
    codes.iter().fold(None, |found, code| {
        let fits = keyring.verify_mac(code.key, &code.mac, PURPOSE, &binding.parts(input));
        if fits { Some(*code) } else { found }
    })
}

/// Returns the MAC of an answer under each key that a code of its challenge may have: those of its codes, and the newest, with which
/// the code of a later message is sealed.
pub(super) fn macs_of_answer(keyring: &Keyring, binding: &Binding<'_>, codes: &[CodeMac], input: &str) -> Vec<CodeMac> {
    let mut macs = vec![seal(keyring, binding, input)];
    for CodeMac { key, .. } in codes {
        if macs.iter().all(|mac| mac.key != *key) {
            let mac = keyring.mac_with(*key, PURPOSE, &binding.parts(input));
            macs.extend(mac.map(|mac| CodeMac { key: *key, mac }));
        }
    }
    macs
}

impl<'a> Binding<'a> {
    fn parts(&self, code: &'a str) -> [&'a [u8]; 5] {
        [self.challenge, self.subscription, self.user, self.purpose, code].map(str::as_bytes)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// χ² with 9 degrees of freedom exceeds 33.7 once in 10,000 times; for 59 out of six positions
    /// taken together 107.
    #[test]
    fn a_million_codes_are_uniform_over_digits_and_positions() {
        let mut counts = [[0u32; 10]; 6];
        for _ in 0..1_000_000 {
            for (position, digit) in draw(6).unwrap().bytes().enumerate() {
                counts[position][usize::from(digit - b'0')] += 1;
            }
        }
        let expected = 100_000.0;
        let chi2 = |row: &[u32; 10]| row.iter().map(|&n| (f64::from(n) - expected).powi(2) / expected).sum::<f64>();
        let all: Vec<f64> = counts.iter().map(chi2).collect();
        assert!(all.iter().all(|&value| value < 40.0), "{all:?}");
    }

    #[test]
    fn what_people_type_between_the_digits_does_not_count() {
        for input in [
            "123456",
            " 123 456 ",
            "123-456",
            "123\u{a0}456",
            "1.2.3.4.5.6\n",
            "123\u{2011}456",
            "123\u{2007}456",
            "123\u{3000}456",
            "\u{200b}123\u{200d}456\u{feff}",
            "\u{202a}123456\u{202c}",
            "\u{2066}\u{200e}123 456\u{200f}\u{2069}",
            "１２３４５６",
            "١٢٣٤٥٦",
            "۱۲۳ ۴۵۶",
            "12३456",
        ] {
            assert_eq!(&**canonical(input).unwrap(), "123456", "{input:?}");
        }
        assert_eq!(&**canonical("012345").unwrap(), "012345");
    }

    #[test]
    fn what_cannot_be_a_code_is_refused_before_it_is_counted() {
        let long = "1".repeat(1 << 20);
        for input in [
            "",
            "   ",
            "+123456",
            "12345a",
            "①②③④⑤⑥",
            "一二三四五六",
            "\u{200b}",
            "123456\0",
            "0x1234",
            "1e5",
            "123_456",
            &long,
        ] {
            assert!(canonical(input).unwrap_err().is_invalid_input());
        }
    }

    #[test]
    fn a_code_fits_its_own_challenge_subscription_user_and_purpose_only() {
        let keyring = Keyring::generate().unwrap();
        let bound = |challenge, subscription, user, purpose| Binding { challenge, subscription, user, purpose };
        let codes = [seal(&keyring, &bound("c", "s", "u", "p"), "012345")];
        assert!(fits(&keyring, &bound("c", "s", "u", "p"), &codes, "012345").is_some());
        assert!(fits(&keyring, &bound("c", "s", "u", "p"), &codes, "12345").is_none());
        for other in
            [bound("d", "s", "u", "p"), bound("c", "t", "u", "p"), bound("c", "s", "v", "p"), bound("c", "s", "u", "q")]
        {
            assert!(fits(&keyring, &other, &codes, "012345").is_none());
        }
        assert!(fits(&keyring, &bound("cs", "", "u", "p"), &codes, "012345").is_none());
        assert!(fits(&Keyring::generate().unwrap(), &bound("c", "s", "u", "p"), &codes, "012345").is_none());
    }
}
