//! The form of the codes that people type.

use serde::Serialize;

use super::bounds::TYPED_BYTES;

/// The characters of a typed code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CodeAlphabet {
    /// Decimal digits.
    Digits,
    /// ASCII letters and digits.
    LettersAndDigits,
}

/// The form of the codes that people type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CodeFormat {
    /// Their characters.
    pub alphabet: CodeAlphabet,
    /// How many characters a code has, without separators.
    pub length: u32,
}

impl CodeFormat {
    /// Returns a typed code in the form that components get: without spaces and dashes, letters in upper case. `None` if it is not a
    /// code of this format.
    pub fn canonical(&self, typed: &str) -> Option<String> {
        if typed.len() > TYPED_BYTES {
            return None;
        }
        // Phones replace hyphens by typographic dashes.
        let is_separator = |c: char| c.is_whitespace() || matches!(c, '-' | '\u{2010}'..='\u{2015}');
        let mut code = String::with_capacity(self.length as usize);
        for c in typed.chars().filter(|c| !is_separator(*c)) {
            match self.alphabet {
                CodeAlphabet::Digits if c.is_ascii_digit() => code.push(c),
                CodeAlphabet::LettersAndDigits if c.is_ascii_alphanumeric() => code.push(c.to_ascii_uppercase()),
                _ => return None,
            }
        }
        (u32::try_from(code.len()) == Ok(self.length)).then_some(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_code_is_accepted_with_separators_and_in_lower_case() {
        let digits = CodeFormat { alphabet: CodeAlphabet::Digits, length: 6 };
        for typed in ["123456", " 123 456\n", "123-456", "123\u{a0}456", "123\u{2013}456"] {
            assert_eq!(digits.canonical(typed).as_deref(), Some("123456"), "{typed:?}");
        }
        let long = format!("123456{}", " ".repeat(300));
        for typed in ["", "12345", "1234567", "12345a", "１２３４５６", "12345\u{200b}6", "12.456", &long] {
            assert_eq!(digits.canonical(typed), None, "{typed:?}");
        }
        let letters = CodeFormat { alphabet: CodeAlphabet::LettersAndDigits, length: 8 };
        assert_eq!(letters.canonical("ab3d-Ef5h").as_deref(), Some("AB3DEF5H"));
        for typed in ["ab3d-ef5", "ab3d_ef5h", "äb3d-ef5h"] {
            assert_eq!(letters.canonical(typed), None, "{typed:?}");
        }
    }
}
