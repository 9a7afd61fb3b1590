//! Phone numbers. libphonenumber decides what a valid number is, its country and its type, through
//! the port `rlibphonenumber` with Google's metadata. `phone_number/oracle.rs` compares the port
//! with the original.

use rlibphonenumber::{PhoneNumber, PhoneNumberFormat, PhoneNumberType};

use super::canonical::Canonical;
use super::digits::{is_dash, is_invisible, to_ascii};
use crate::error::Error;
use crate::instance::Policy;

/// The maximum length of a spelling, in characters. Numbers have at most 17 digits (15 in ITU-T
/// E.164).
const INPUT_CHARS: usize = 64;

/// Mexico dropped the 1 before mobile numbers in 2019, and libphonenumber no longer knows it.
/// People's contacts still contain it, carriers still accept it, and both spellings reach one
/// person.
const OLD_MEXICAN_MOBILE: &str = "521";

/// Parses a number in international form in any spelling, and checks that codes may go there.
pub(super) fn canonical(text: &str, policy: &Policy) -> Result<Canonical, Error> {
    let wrong = || {
        Error::recipient_rejected(
            "`recipient.phone` is not a valid phone number in international format, such as +41791234567",
        )
    };
    let number: PhoneNumber = international(text).and_then(|number| number.parse().ok()).ok_or_else(wrong)?;
    if !number.is_valid() {
        return Err(wrong());
    }
    if !reaches_one_person(number.get_type()) {
        return Err(Error::recipient_rejected(
            "`recipient.phone` is a premium-rate, shared-cost, personal, pager, company or voicemail number: codes are \
             sent only to a subscriber's own phone",
        ));
    }
    // `001` is libphonenumber's region for numbers of no country, such as those of satellites.
    let country = number.get_region_code().map(|region| region.as_region_str().to_string());
    let country = country.filter(|region| region.len() == 2);
    if !policy.allows_country(country.as_deref()) {
        return Err(match country {
            Some(country) => Error::country_refused(&country),
            None => Error::recipient_rejected("messages to numbers that belong to no country are not enabled"),
        });
    }
    let address = number.format_as(PhoneNumberFormat::E164).into_owned();
    let code = number.country_code.to_string();
    let national = address.get(1 + code.len()..).unwrap_or_default();
    let first = national.get(..4).unwrap_or(national);
    let last = national.get(national.len().saturating_sub(2)..).unwrap_or_default();
    Ok(Canonical {
        bucket: format!("tel:{address}"),
        prefix: format!("+{code}{first}"),
        country: country.unwrap_or_default(),
        hint: format!("+{code} ••• •• {last}"),
        address,
    })
}

/// Returns whether a message to a number of this type reaches one person, at normal rates.
fn reaches_one_person(kind: PhoneNumberType) -> bool {
    use PhoneNumberType as Type;
    match kind {
        Type::FixedLine | Type::Mobile | Type::FixedLineOrMobile | Type::TollFree | Type::VoIP => true,
        Type::PremiumRate
        | Type::SharedCost
        | Type::PersonalNumber
        | Type::Pager
        | Type::UAN
        | Type::VoiceMail
        | Type::Unknown => false,
    }
}

/// Converts a spelling to `+` and ASCII digits. Accepts what libphonenumber accepts between digits,
/// and what comes along from a phone's contacts. Letters (`1-800-FLOWERS`, an extension) are
/// refused: no message can be sent to them.
fn international(text: &str) -> Option<String> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || is_invisible(c));
    if text.chars().nth(INPUT_CHARS).is_some() {
        return None;
    }
    let text = match text.split_at_checked(4) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("tel:") => rest,
        _ => text,
    };
    let (mut plus, mut digits) = (false, String::new());
    for c in text.chars() {
        if let Some(digit) = to_ascii(c) {
            digits.push(digit);
        } else if matches!(c, '+' | '＋') && digits.is_empty() && !plus {
            plus = true;
        } else if !separates(c) {
            return None;
        }
    }
    let digits = if plus { &digits } else { digits.strip_prefix("00")? };
    Some(match digits.strip_prefix(OLD_MEXICAN_MOBILE) {
        Some(rest) if rest.len() == 10 => format!("+52{rest}"),
        _ => format!("+{digits}"),
    })
}

/// Returns whether a character may occur between the digits of a number.
fn separates(c: char) -> bool {
    let blank = c.is_whitespace() && !c.is_control();
    let mark = matches!(
        c,
        '(' | ')' | '（' | '）' | '[' | ']' | '［' | '］' | '.' | '．' | '/' | '／' | '~' | '⁓' | '～' | '∼'
    );
    blank || mark || is_dash(c) || is_invisible(c)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod oracle;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn everywhere() -> Policy {
        Policy { countries: ["*".to_owned()].into(), ..Policy::default() }
    }

    fn only_in(country: &str) -> Policy {
        Policy { countries: [country.to_owned()].into(), ..Policy::default() }
    }

    fn address(text: &str) -> Result<String, Error> {
        canonical(text, &everywhere()).map(|number| number.address)
    }

    #[test]
    fn all_spellings_of_a_number_are_one() {
        for text in [
            "+41791234567",
            "+41 79 123 45 67",
            "0041 79 123 45 67",
            "00 41 79 123 45 67",
            "+41 (0) 79 123 45 67",
            "+41-79-123-45-67",
            "(+41) 79 123 45 67",
            "(0041) 79 123 45 67",
            "+41\u{a0}79\u{a0}123\u{a0}45\u{a0}67",
            "+41\u{2009}79\u{202f}123\u{3000}45 67",
            "+41 79\u{2011}123\u{2011}45\u{2011}67",
            "+41 79 123\u{2013}45\u{2013}67",
            "\u{202a}+41 79 123 45 67\u{202c}",
            "\u{202d}+41\u{200b}79\u{2060}1234567\u{202c}\u{feff}",
            "＋４１７９１２３４５６７",
            "００４１７９１２３４５６７",
            "+٤١٧٩١٢٣٤٥٦٧",
            "tel:+41791234567",
            "TEL:+41-79-123-45-67",
            " +41/79.123.45.67 ",
        ] {
            let number = canonical(text, &Policy::default()).unwrap();
            assert_eq!((&*number.address, &*number.bucket), ("+41791234567", "tel:+41791234567"), "{text:?}");
            assert_eq!((&*number.hint, &*number.country, &*number.prefix), ("+41 ••• •• 67", "CH", "+417912"));
        }
        assert_eq!(address("+52 1 55 1234 5678").unwrap(), address("+525512345678").unwrap());
        assert_eq!(address("+54 11 15 2345 6789").unwrap(), address("+5491123456789").unwrap());
    }

    #[test]
    fn no_digit_is_lost_that_belongs_to_a_number() {
        for (text, sent) in [
            ("+7 800 555 35 35", "+78005553535"),
            ("+7 812 123 45 67", "+78121234567"),
            ("+37080123456", "+37080123456"),
            ("+370 800 12345", "+37080012345"),
            ("+390612345678", "+390612345678"),
            ("+6907290", "+6907290"),
            ("+6907230", "+6907230"),
            ("+2908999", "+2908999"),
            ("+6835751", "+6835751"),
        ] {
            assert_eq!(address(text).unwrap(), sent);
        }
    }

    #[test]
    fn an_invalid_phone_number_is_rejected() {
        for text in [
            "",
            "+",
            "079 123 45 67",
            "+41",
            "+4179123456a",
            "+41791234567a",
            "+41\n79 123 45 67",
            "+999999999999",
            "٠٠٤١٧٩",
            "+41791234567;ext=1",
            "+41 79 123 45 67 ext. 5",
            "+1-800-FLOWERS",
            "+41791234567,+41791234568",
            "+41 79 +123 45 67",
            "+4179123456",
            "+417912345678",
            "+41790000000000",
            "tel:",
            "sms:+41791234567",
            &"+41 79 123 45 67".repeat(100_000),
        ] {
            assert!(address(text).is_err_and(|error| error.is_recipient_rejected()), "{:.40}", text);
        }
    }

    #[test]
    fn numbers_that_cost_more_or_are_nobodys_own_are_refused() {
        for text in [
            "+41900123456",
            "+499001234567",
            "+33899123456",
            "+41840123456",
            "+19002345678",
            "+979123456789",
            "+41860791234567",
            "+41878123456",
            "+41740907283",
            "+41582522984",
            "+78081234567",
        ] {
            let error = address(text).unwrap_err();
            assert!(error.is_recipient_rejected() && error.to_string().contains("premium-rate"), "{text} {error}");
        }
    }

    #[test]
    fn a_number_is_of_the_country_that_libphonenumber_says() {
        for (text, country) in [
            ("+390612345678", "IT"),
            ("+390212345678", "IT"),
            ("+390669812345", "VA"),
            ("+393123456789", "IT"),
            ("+14155552671", "US"),
            ("+15062345678", "CA"),
            ("+77012345678", "KZ"),
            ("+447400123456", "GB"),
            ("+447781123456", "GG"),
        ] {
            assert_eq!(canonical(text, &only_in(country)).unwrap().country, country);
            let error = canonical(text, &only_in("AQ")).err().unwrap();
            assert!(error.to_string().contains("this country"), "{error}");
        }
        // Of no country: accepted only if all countries are allowed.
        assert_eq!(canonical("+870773111632", &everywhere()).unwrap().country, "");
        assert!(canonical("+870773111632", &Policy::default()).is_err());
    }
}
