//! Recipients: converted to a canonical form, so that all spellings share a limit, and displayed
//! masked.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::canonical::Canonical;
use super::mailbox;
use crate::error::Error;
use crate::instance::Policy;
use twofactor_sandbox::RecipientKind;

/// A person's addresses. `Debug` does not show them.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipient {
    /// An email address.
    #[serde(default)]
    pub email: Option<String>,
    /// A phone number in international form, such as `+41 79 123 45 67`.
    #[serde(default)]
    pub phone: Option<String>,
    /// A name that the instance's provider understands: a chat account, a device.
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

impl Recipient {
    /// Returns whether there is no address at all.
    pub(super) fn is_empty(&self) -> bool {
        self.email.is_none() && self.phone.is_none() && self.handle.is_none()
    }

    /// Selects the address that the provider delivers to.
    pub(super) fn canonical(&self, kind: RecipientKind, policy: &Policy) -> Result<Canonical, Error> {
        let (name, given) = match kind {
            RecipientKind::EmailAddress => ("email", &self.email),
            RecipientKind::PhoneNumber => ("phone", &self.phone),
            RecipientKind::Handle => ("handle", &self.handle),
        };
        let missing = || Error::invalid_at(format!("/recipient/{name}"), "is required for this instance");
        let given = given.as_deref().ok_or_else(missing)?;
        match kind {
            RecipientKind::EmailAddress => mailbox::canonical(given),
            RecipientKind::PhoneNumber => super::phone_number::canonical(given, policy),
            RecipientKind::Handle => handle(given),
        }
    }

    /// Returns whether it has an address of the kind that the provider needs.
    pub(super) fn fits(&self, kind: RecipientKind) -> bool {
        match kind {
            RecipientKind::EmailAddress => self.email.is_some(),
            RecipientKind::PhoneNumber => self.phone.is_some(),
            RecipientKind::Handle => self.handle.is_some(),
        }
    }
}

impl Recipient {
    /// Returns the canonical form, whatever the country: of the first address that is well formed.
    pub(super) fn known(&self) -> Option<Canonical> {
        let given = [(&self.email, RecipientKind::EmailAddress), (&self.phone, RecipientKind::PhoneNumber)];
        let mut all = given.into_iter().filter_map(|(text, kind)| known_as(text.as_deref()?, kind));
        all.next().or_else(|| known_as(self.handle.as_deref()?, RecipientKind::Handle))
    }

    /// Returns the forms that limits count a typed recipient as, in every way it can be read: as an
    /// address, a number, a handle.
    pub(crate) fn buckets(text: &str) -> Vec<String> {
        let kinds = [RecipientKind::EmailAddress, RecipientKind::PhoneNumber, RecipientKind::Handle];
        kinds.into_iter().filter_map(|kind| known_as(text, kind)).map(|known| known.bucket).collect()
    }
}

fn known_as(text: &str, kind: RecipientKind) -> Option<Canonical> {
    match kind {
        RecipientKind::EmailAddress => mailbox::canonical(text).ok(),
        RecipientKind::PhoneNumber => super::phone_number::canonical(text, &everywhere()).ok(),
        RecipientKind::Handle => handle(text).ok(),
    }
}

/// Returns the prefix under which a number's messages are counted; empty for anything else.
pub(super) fn prefix_of(bucket: &str) -> String {
    let number = bucket.strip_prefix("tel:").and_then(|number| known_as(number, RecipientKind::PhoneNumber));
    number.map(|number| number.prefix).unwrap_or_default()
}

fn everywhere() -> Policy {
    Policy { countries: ["*".to_owned()].into(), ..Policy::default() }
}

/// Returns an email address in its canonical form.
pub(crate) fn email_address(text: &str) -> Result<String, Error> {
    Ok(mailbox::canonical(text)?.address)
}

/// Returns a phone number of any country in its canonical form.
pub(crate) fn phone_number(text: &str) -> Result<String, Error> {
    Ok(super::phone_number::canonical(text, &everywhere())?.address)
}

/// The maximum length of a handle, in characters.
const HANDLE_CHARS: usize = 256;

/// Only the provider knows what it means. It must be a single line.
fn handle(text: &str) -> Result<Canonical, Error> {
    let text = text.trim();
    let fits = !text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'));
    if text.is_empty() || text.chars().nth(HANDLE_CHARS).is_some() || !fits {
        let what = format!("`recipient.handle` must be a single line of 1 to {HANDLE_CHARS} characters");
        return Err(Error::recipient_rejected(what));
    }
    Ok(Canonical {
        address: text.to_owned(),
        // One that differs only by case may be another person, and shares the limits.
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

    #[test]
    fn a_handle_is_one_line_and_goes_to_its_provider_unchanged() {
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
