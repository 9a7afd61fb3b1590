//! Mail to granted servers.

mod mail;
mod open;
mod pool;
mod progress;
mod send;
mod stream;

pub(crate) use mail::Mail;
pub(crate) use progress::{MailError, MailStage};
pub(crate) use send::SmtpEgress;
#[cfg(any(test, fuzzing))]
pub(crate) use stream::Replies;
