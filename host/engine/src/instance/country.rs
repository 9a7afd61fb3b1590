//! Countries that messages may go to.

use rlibphonenumber::PHONE_NUMBER_UTIL;

/// Returns whether a code (ISO 3166-1 alpha-2, in upper case) is that of a country with phone
/// numbers.
pub(crate) fn is_country(code: &str) -> bool {
    code.len() == 2 && PHONE_NUMBER_UTIL.get_supported_regions().any(|region| region.as_region_str().as_str() == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_is_one_that_has_phone_numbers() {
        for code in ["CH", "GB", "US", "VA"] {
            assert!(is_country(code), "{code}");
        }
        for code in ["UK", "EU", "XX", "ch", "001", "", "*"] {
            assert!(!is_country(code), "{code}");
        }
    }
}
