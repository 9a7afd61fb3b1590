//! Hides from a component what it must not see or repeat: the code, the recipient, secrets.

mod placeholder;
mod redact;

pub(crate) use placeholder::{NoPlaceholder, Placeholder};
pub(crate) use redact::CallRedactor;
