//! The progress of an exchange with a mail server, and its errors.

use std::error::Error as _;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use lettre::transport::smtp;
use lettre::transport::smtp::response::{Response, Severity};

use crate::egress::failure::{UpstreamCause, UpstreamFailure, UpstreamStep};
use crate::egress::policy::SmtpGrant;

/// The stage at which a server refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MailStage {
    Greeting,
    Authentication,
    Sender,
    Recipient,
    Data,
}

/// Why an email was not accepted. The texts contain no secret and no address.
#[derive(Debug)]
pub(crate) enum MailError {
    Invalid(String),
    Denied(String),
    /// The server does not offer what the options require.
    Unsuitable(UpstreamFailure),
    NotSent(UpstreamFailure),
    Refused {
        stage: MailStage,
        code: u16,
        enhanced: String,
        upstream: UpstreamFailure,
    },
    OutcomeUnknown(UpstreamFailure),
}

impl MailError {
    /// Returns whether there may be too many connections to the server: it temporarily refuses this one before it knows of the mail.
    pub(super) fn means_too_many(&self) -> bool {
        let at_first = |stage: &MailStage| matches!(stage, MailStage::Greeting | MailStage::Authentication);
        matches!(self, Self::Refused { stage, code: 400..=499, .. } if at_first(stage))
    }

    /// Returns the server's failure, if it caused this.
    pub(crate) fn upstream(&self) -> Option<&UpstreamFailure> {
        match self {
            Self::Invalid(_) | Self::Denied(_) => None,
            Self::Unsuitable(upstream)
            | Self::NotSent(upstream)
            | Self::Refused { upstream, .. }
            | Self::OutcomeUnknown(upstream) => Some(upstream),
        }
    }
}

/// The progress of an exchange with a server, readable also by the code that aborts it.
pub(super) struct Progress<'a> {
    pub(super) grant: &'a SmtpGrant,
    step: Mutex<UpstreamStep>,
    pub(super) handed_over: AtomicBool,
}

impl<'a> Progress<'a> {
    pub(super) fn new(grant: &'a SmtpGrant) -> Self {
        Self { grant, step: Mutex::new(UpstreamStep::NameResolution), handed_over: AtomicBool::new(false) }
    }

    pub(super) fn reach(&self, step: UpstreamStep) {
        *self.step.lock().unwrap_or_else(PoisonError::into_inner) = step;
    }

    /// Returns a failure at the current step.
    pub(super) fn failure(&self, cause: UpstreamCause) -> UpstreamFailure {
        let step = *self.step.lock().unwrap_or_else(PoisonError::into_inner);
        UpstreamFailure::new(step, &self.grant.host, self.grant.port, cause)
    }

    /// Returns a failure without a reply. Whether the message may have been accepted depends on the
    /// progress.
    pub(super) fn broken(&self, cause: UpstreamCause) -> MailError {
        let failure = self.failure(cause);
        if self.handed_over.load(Ordering::Relaxed) {
            MailError::OutcomeUnknown(failure)
        } else {
            MailError::NotSent(failure)
        }
    }

    /// Returns a negative reply, or a missing one. Only the enhanced status code of its text is
    /// kept: the rest may quote an address.
    pub(super) fn refused(&self, stage: MailStage, error: &smtp::Error) -> MailError {
        match error.status() {
            Some(code) => {
                let (code, enhanced) = (code.into(), enhanced(&error.to_string()).unwrap_or_default());
                let cause = UpstreamCause::Refused { reply_code: code, enhanced_code: enhanced.clone() };
                MailError::Refused { stage, code, enhanced, upstream: self.failure(cause) }
            }
            None => self.broken(no_reply(error)),
        }
    }

    /// Refuses a reply that asks for more input where none is expected: it belongs to something
    /// else.
    pub(super) fn completed(&self, reply: &Response) -> Result<(), MailError> {
        match reply.code().severity {
            Severity::PositiveCompletion => Ok(()),
            _ => Err(self.broken(UpstreamCause::OutOfStep)),
        }
    }
}

/// Returns why there is no reply: it was malformed, it was refused before the library saw it, or
/// the connection is closed.
fn no_reply(error: &smtp::Error) -> UpstreamCause {
    if error.is_timeout() {
        return UpstreamCause::TimedOut;
    }
    if error.is_response() {
        return UpstreamCause::Malformed;
    }
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    source.map_or(UpstreamCause::Closed, UpstreamCause::of_io)
}

/// Returns the enhanced status code (RFC 3463) in a reply: class, subject, detail. The registered subjects have one digit and the details
/// two: longer ones could spell out a code.
fn enhanced(text: &str) -> Option<String> {
    text.split(|c: char| c.is_whitespace()).find_map(|word| {
        let parts: Vec<&str> = word.split('.').collect();
        let digits = |part: &str, most| (1..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        let fits =
            parts.len() == 3 && matches!(parts[0], "2" | "4" | "5") && digits(parts[1], 1) && digits(parts[2], 2);
        fits.then(|| word.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enhanced_status_code_is_read_and_a_number_in_its_place_is_not() {
        for (text, code) in [
            ("550 5.1.1 no such user", Some("5.1.1")),
            ("4.7.26 try later", Some("4.7.26")),
            ("5.482.913", None),
            ("5.7.913", None),
            ("5.48.1", None),
            ("3.1.1", None),
        ] {
            assert_eq!(enhanced(text).as_deref(), code, "{text}");
        }
    }
}
