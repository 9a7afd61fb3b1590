//! Recipients: brought to one spelling, so that all spellings share a limit, and shown masked.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::policy::Policy;
use crate::error::Error;
use crate::provider::RecipientKind;

/// Where a person can be reached. `Debug` does not show it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipient {
    /// An email address.
    #[serde(default)]
    pub email: Option<String>,
    /// A telephone number in international form, such as `+41 79 123 45 67`.
    #[serde(default)]
    pub phone: Option<String>,
    /// A name that the instance's provider understands: an account of a chat, a device.
    #[serde(default)]
    pub handle: Option<String>,
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recipient")
            .field("email", &self.email.is_some())
            .field("phone", &self.phone.is_some())
            .field("handle", &self.handle.is_some())
            .finish()
    }
}

/// One address in its one spelling.
pub(super) struct Canonical {
    /// What the provider gets.
    pub(super) address: String,
    /// What limits count: providers of mail do not tell upper from lower case, nor do most tell `a+b` from `a`.
    pub(super) bucket: String,
    /// What a number's prefix is counted under: its country and first digits. Empty for mail.
    pub(super) prefix: String,
    /// A number's country (ISO 3166-1), if it is one of a country. Empty for mail.
    pub(super) country: String,
    /// What a person may see of it.
    pub(super) hint: String,
}

impl Recipient {
    /// Picks what the provider delivers to.
    pub(super) fn canonical(&self, kind: RecipientKind, policy: &Policy) -> Result<Canonical, Error> {
        let (name, given) = match kind {
            RecipientKind::EmailAddress => ("email", &self.email),
            RecipientKind::PhoneNumber => ("phone", &self.phone),
            RecipientKind::Handle => ("handle", &self.handle),
        };
        let missing = || Error::invalid_at(format!("/recipient/{name}"), "is needed for this instance");
        let given = given.as_deref().ok_or_else(missing)?;
        match kind {
            RecipientKind::EmailAddress => mail(given),
            RecipientKind::PhoneNumber => phone(given, policy),
            RecipientKind::Handle => handle(given),
        }
    }

    /// Whether it says where somebody of that kind is.
    pub(super) fn fits(&self, kind: RecipientKind) -> bool {
        match kind {
            RecipientKind::EmailAddress => self.email.is_some(),
            RecipientKind::PhoneNumber => self.phone.is_some(),
            RecipientKind::Handle => self.handle.is_some(),
        }
    }
}

/// An email address in the spelling it is written to.
pub(crate) fn email_address(text: &str) -> Result<String, Error> {
    Ok(mail(text)?.address)
}

/// A telephone number of any country in its one spelling.
pub(crate) fn phone_number(text: &str) -> Result<String, Error> {
    let everywhere = Policy { countries: ["*".to_owned()].into(), ..Policy::default() };
    Ok(phone(text, &everywhere)?.address)
}

fn mail(text: &str) -> Result<Canonical, Error> {
    let wrong = || Error::recipient_rejected("`recipient.email` is no email address");
    let text = text.trim();
    if text.len() > 254 || text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        return Err(wrong());
    }
    let options = email_address::Options::default().without_display_text().without_domain_literal().with_required_tld();
    let parsed = email_address::EmailAddress::parse_with_options(text, options).map_err(|_| wrong())?;
    // A quoted local part may hold blanks, quotes and signs that upstreams read in their own ways.
    if parsed.local_part().starts_with('"') {
        return Err(wrong());
    }
    let (local, domain) = (parsed.local_part(), parsed.domain().to_lowercase());
    let person = local.split('+').next().unwrap_or(local).to_lowercase();
    let first = |text: &str| text.chars().next().map(String::from).unwrap_or_default();
    let top = domain.rsplit('.').next().unwrap_or_default();
    Ok(Canonical {
        address: format!("{local}@{domain}"),
        bucket: format!("mailto:{person}@{domain}"),
        prefix: String::new(),
        country: String::new(),
        hint: format!("{}•••@{}•••.{top}", first(local), first(&domain)),
    })
}

fn phone(text: &str, policy: &Policy) -> Result<Canonical, Error> {
    let wrong = || {
        Error::recipient_rejected(
            "`recipient.phone` is no telephone number in international form, such as +41791234567",
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

/// The longest handle, in characters.
const HANDLE_CHARS: usize = 256;

/// What it means is the provider's to know; that it is one line is not.
fn handle(text: &str) -> Result<Canonical, Error> {
    let text = text.trim();
    let fits = !text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'));
    if text.is_empty() || text.chars().nth(HANDLE_CHARS).is_some() || !fits {
        let what = format!("`recipient.handle` must be one line of 1 to {HANDLE_CHARS} characters");
        return Err(Error::recipient_rejected(what));
    }
    Ok(Canonical {
        address: text.to_owned(),
        // One that is the same but for upper and lower case may be somebody else, and shares the limits.
        bucket: format!("handle:{}", text.to_lowercase()),
        prefix: String::new(),
        country: String::new(),
        hint: format!("{}•••", text.chars().next().map(String::from).unwrap_or_default()),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn phone_of(text: &str) -> Result<Canonical, Error> {
        let recipient = Recipient { phone: Some(text.to_owned()), ..Recipient::default() };
        recipient.canonical(RecipientKind::PhoneNumber, &Policy::default())
    }

    fn mail_of(text: &str) -> Result<Canonical, Error> {
        let recipient = Recipient { email: Some(text.to_owned()), ..Recipient::default() };
        recipient.canonical(RecipientKind::EmailAddress, &Policy::default())
    }

    #[test]
    fn all_spellings_of_a_number_are_one() {
        for text in
            ["+41791234567", "+41 79 123 45 67", "0041 79 123 45 67", "+41 (0) 79 123 45 67", "+41-79-123-45-67"]
        {
            assert_eq!(phone_of(text).unwrap().address, "+41791234567", "{text}");
        }
        assert_eq!(phone_of("+41791234567").unwrap().hint, "+41 ••• •• 67");
    }

    #[test]
    fn what_is_no_number_is_rejected() {
        for text in
            ["", "079 123 45 67", "+41", "+4179123456a", "+41\n79", "+999999999999", "٠٠٤١٧٩", "+41791234567;ext=1"]
        {
            assert!(phone_of(text).is_err_and(|error| error.is_recipient_rejected()), "{text}");
        }
    }

    #[test]
    fn countries_that_are_not_listed_are_closed() {
        assert!(phone_of("+14155552671").is_err_and(|error| error.is_recipient_rejected()));
        let open = Policy { countries: ["*".to_owned()].into(), ..Policy::default() };
        let recipient = Recipient { phone: Some("+1 415 555 2671".to_owned()), ..Recipient::default() };
        assert_eq!(recipient.canonical(RecipientKind::PhoneNumber, &open).unwrap().address, "+14155552671");
    }

    #[test]
    fn spellings_of_an_address_share_a_bucket() {
        let bucket = |text: &str| mail_of(text).unwrap().bucket;
        assert_eq!(bucket("Alice+x@Example.com"), bucket(" alice@EXAMPLE.COM"));
        assert_eq!(mail_of("Alice@Example.com").unwrap().address, "Alice@example.com");
        assert_eq!(mail_of("alice@example.com").unwrap().hint, "a•••@e•••.com");
    }

    #[test]
    fn what_is_no_address_is_rejected() {
        for text in [
            "",
            "alice",
            "alice@",
            "@example.com",
            "a@b",
            "a b@example.com",
            "a@example.com\r\nBcc: x@example.com",
            "Alice <a@example.com>",
            "a@[127.0.0.1]",
            "\"a b\"@example.com",
            "a@example.com,b@example.com",
        ] {
            assert!(mail_of(text).is_err_and(|error| error.is_recipient_rejected()), "{text}");
        }
    }

    #[test]
    fn a_handle_is_one_line_and_goes_to_its_provider_as_it_is() {
        let of = |text: &str| {
            let recipient = Recipient { handle: Some(text.to_owned()), ..Recipient::default() };
            recipient.canonical(RecipientKind::Handle, &Policy::default())
        };
        let canonical = of(" @Alice:example.org ").unwrap();
        assert_eq!((&*canonical.address, &*canonical.hint), ("@Alice:example.org", "@•••"));
        assert_eq!(canonical.bucket, of("@alice:EXAMPLE.org").unwrap().bucket);
        assert!(of(&"ä".repeat(256)).is_ok());
        for text in ["", " ", "a\nb", "a\u{2028}b", "a\0", &"a".repeat(257)] {
            assert!(of(text).is_err_and(|error| error.is_recipient_rejected()), "{text:?}");
        }
    }
}
