//! Bounds of the texts in requests of applications. Whatever is stored or counted by is checked here, for every request.

use twofactor_sandbox::readable::{self, Unreadable};

use super::recipient::Recipient;
use crate::error::Error;

/// The maximum length of a name that apps and browsers show, in characters.
const NAME_CHARS: usize = 100;

/// The maximum length of an address, in bytes. Each kind of address has a lower one.
const ADDRESS_BYTES: usize = 1000;

/// The maximum length of a language, and of an authentication context class, in bytes.
const WORD_BYTES: usize = 100;

pub(crate) fn check_purpose(purpose: &str) -> Result<(), Error> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    if purpose.is_empty() || purpose.len() > 64 || !purpose.chars().all(fits) {
        return Err(Error::invalid_at("/purpose", "must be 1 to 64 letters, digits, `-`, `_`, `.` or `:`"));
    }
    Ok(())
}

pub(crate) fn check_locale(locale: Option<&str>) -> Result<(), Error> {
    check_length("/locale", locale, WORD_BYTES)
}

pub(crate) fn check_acr(acr: Option<&str>) -> Result<(), Error> {
    check_length("/acr", acr, WORD_BYTES)
}

pub(crate) fn check_idempotency_key(key: Option<&str>) -> Result<(), Error> {
    if key.is_some_and(|key| key.is_empty() || key.len() > 255) {
        return Err(Error::invalid("`Idempotency-Key` must be 1 to 255 characters"));
    }
    Ok(())
}

pub(crate) fn check_recipient(recipient: &Recipient) -> Result<(), Error> {
    let Recipient { email, phone, handle } = recipient;
    check_length("/recipient/email", email.as_deref(), ADDRESS_BYTES)?;
    check_length("/recipient/phone", phone.as_deref(), ADDRESS_BYTES)?;
    check_length("/recipient/handle", handle.as_deref(), ADDRESS_BYTES)
}

/// Checks a name that is shown to its user.
pub(crate) fn check_name(pointer: &str, name: Option<&str>) -> Result<(), Error> {
    let Some(name) = name else { return Ok(()) };
    let wrong = |why: Unreadable| Error::invalid_at(pointer, why.to_string());
    readable::check(name, 1..=NAME_CHARS).map_err(wrong)
}

fn check_length(pointer: &str, text: Option<&str>, most: usize) -> Result<(), Error> {
    if text.is_some_and(|text| text.len() > most) {
        return Err(Error::invalid_at(pointer, format!("must be at most {most} characters")));
    }
    Ok(())
}
