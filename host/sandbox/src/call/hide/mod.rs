//! Hides from a component what it must not see or repeat: the code, the recipient, secrets.

mod escape;
mod given_options;
mod open_escape;
mod placed_secrets;
mod placeholder;
mod redact;

pub(crate) use given_options::GivenOptions;
pub(crate) use placed_secrets::PlacedSecrets;
pub(crate) use placeholder::{MailRefused, NoPlaceholder, Placeholder, RequestRefused};
pub(crate) use redact::CallRedactor;
