//! Telephone numbers, brought to E.164.

use super::policy::Policy;
use super::recipient::Canonical;
use crate::error::Error;

/// Reads a number in international form.
pub(super) fn canonical(text: &str, policy: &Policy) -> Result<Canonical, Error> {
    let wrong = || {
        Error::recipient_rejected(
            "`recipient.phone` is not a valid telephone number in international form, such as +41791234567",
        )
    };
    let text = text.trim();
    let fits = |c: char| c.is_ascii_digit() || matches!(c, '+' | ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}');
    if text.chars().count() > 32 || !text.chars().all(fits) {
        return Err(wrong());
    }
    let international = match text.strip_prefix("00") {
        Some(rest) => format!("+{rest}"),
        None => text.to_owned(),
    };
    if !international.starts_with('+') {
        return Err(wrong());
    }
    let number = phonenumber::parse(None, &international).map_err(|_| wrong())?;
    let country = number.country().id();
    let country = country.as_ref().map(AsRef::as_ref);
    if !policy.allows_country(country) {
        return Err(Error::recipient_rejected("messages to this country are not enabled"));
    }
    if !phonenumber::is_viable(&international) {
        return Err(wrong());
    }
    let address = number.format().mode(phonenumber::Mode::E164).to_string();
    let digits = address.len() - 1;
    if !(8..=15).contains(&digits) {
        return Err(wrong());
    }
    let code = number.country().code().to_string();
    let national = &address[1 + code.len()..];
    Ok(Canonical {
        bucket: format!("tel:{address}"),
        prefix: format!("+{code}{}", &national[..national.len().min(4)]),
        country: country.unwrap_or_default().to_owned(),
        hint: format!("+{code} ••• •• {}", &address[address.len() - 2..]),
        address,
    })
}
