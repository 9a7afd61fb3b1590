//! Mail to granted servers.

mod mail;
mod send;
mod stream;

pub(crate) use mail::Mail;
pub(crate) use send::{MailError, MailStage, SmtpEgress};
#[cfg(any(test, fuzzing))]
pub(crate) use stream::Replies;
