//! The message that `try` and `check` have a component deliver.

use anyhow::bail;
use twofactor_sandbox::{Message, RecipientKind};

/// The time that `check` gives to components, in seconds since 1970. It is fixed so that each run is the same.
pub(crate) const NOW: i64 = 1_767_225_600;

/// Returns a message that reads like those of a sign-in.
pub(crate) fn message(code: &str, to: &str) -> Message {
    Message {
        id: "sample".to_owned(),
        recipient: to.to_owned(),
        subject: "Your code".to_owned(),
        text: format!("{code} is your code. It is valid for 5 minutes."),
        html: Some(format!("<p><b>{code}</b> is your code. It is valid for 5 minutes.</p>")),
        code: code.to_owned(),
        valid_seconds: 300,
        locale: "en".to_owned(),
        purpose: "sign-in".to_owned(),
        application: "TwoFactor".to_owned(),
        extra: Vec::new(),
        tried_before: false,
    }
}

/// Checks that a recipient has the form in which the engine gives it to providers of this kind.
///
/// # Errors
/// If a phone number is not in E.164 without spaces.
pub(crate) fn check_recipient(kind: RecipientKind, to: &str) -> anyhow::Result<()> {
    if kind == RecipientKind::PhoneNumber && !is_e164(to) {
        bail!("the recipient must be a phone number in E.164 format, such as +41791234567");
    }
    Ok(())
}

fn is_e164(number: &str) -> bool {
    number
        .strip_prefix('+')
        .is_some_and(|digits| (2..=15).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit()))
}
