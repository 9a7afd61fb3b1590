//! What goes into a delivery and what comes out, in the host's own types.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::capability::UpstreamFailure;

/// The longest wait that is passed on, in seconds. No code lives so long, and a number without bounds could be one.
pub(super) const LONGEST_WAIT: u32 = 3600;

/// One code on its way to one person. `Debug` shows neither its texts nor its recipient.
#[derive(Clone)]
pub struct Message {
    /// The same over all attempts at this message.
    pub id: String,
    /// Where to, in its canonical spelling.
    pub recipient: String,
    /// For channels with a subject line.
    pub subject: String,
    /// The whole text.
    pub text: String,
    /// The same as HTML.
    pub html: Option<String>,
    /// The code by itself, for providers whose manifest says that they read it.
    pub code: String,
    /// How many seconds the code stays good.
    pub valid_seconds: u32,
    /// BCP 47.
    pub locale: String,
    /// The application's word for what the code is for.
    pub purpose: String,
    /// The application's name.
    pub application: String,
    /// Facts of later minor versions of the contract.
    pub extra: Vec<(String, String)>,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The upstream took the message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// The upstream's reference.
    pub reference: String,
    /// Billed parts.
    pub segments: Option<u32>,
    /// Facts for the operator.
    pub extra: Vec<(String, String)>,
}

/// The upstream made a code of its own and sent it. `Debug` does not show the state.
#[derive(Clone, PartialEq, Eq)]
pub struct Begun {
    /// What the provider needs to find it again.
    pub state: String,
    /// How many digits the code has.
    pub code_length: u8,
}

impl fmt::Debug for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Begun").field("code_length", &self.code_length).finish_non_exhaustive()
    }
}

/// What became of a message that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// What the upstream said.
    pub receipt: Receipt,
    /// Set if the upstream judges the answers.
    pub begun: Option<Begun>,
}

/// What an upstream says of an answer to a code of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the code.
    Right,
    /// It is not.
    Wrong,
    /// No answer counts any more.
    Over,
}

/// What went wrong, for the operator. Its texts are bounded, on one line, and searched for the code and the
/// recipient before they get here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// The upstream's own code, or empty.
    pub code: String,
    /// A sentence.
    pub detail: String,
    /// Where the exchange with the upstream failed, as the host saw it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<Box<UpstreamFailure>>,
}

/// The code of what failed for the host has too much to do.
pub(super) const BUSY: &str = "busy";

impl Reason {
    /// A reason with a code, which may be empty, and a sentence.
    pub fn new(code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { code: code.into(), detail: detail.into(), upstream: None }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.code.is_empty() { f.write_str(&self.detail) } else { write!(f, "{} ({})", self.detail, self.code) }
    }
}

/// Why a message was not delivered, named for what the caller does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryFailure {
    /// Surely not sent.
    RetryLater {
        /// How many seconds the upstream asked to wait.
        after_seconds: Option<u32>,
        /// Why.
        reason: Reason,
    },
    /// It may have gone out.
    OutcomeUnknown(Reason),
    /// A final no.
    Rejected {
        /// The recipient was refused, else the message.
        recipient: bool,
        /// Why.
        reason: Reason,
    },
    /// The operator must mend something.
    Misconfigured(Reason),
    /// The upstream suspects fraud.
    Blocked(Reason),
}

impl DeliveryFailure {
    /// Whether the host had no room for the call: it says nothing of the upstream.
    pub fn is_of_the_host(&self) -> bool {
        matches!(self, Self::RetryLater { reason, .. } if reason.code == BUSY)
    }

    /// Adds where the exchange with the upstream failed. A wait that the upstream asked for and the component was not told of (that
    /// of a token endpoint) is passed on.
    pub(super) fn with_upstream(mut self, upstream: Option<UpstreamFailure>) -> Self {
        let wait = upstream.as_ref().and_then(|upstream| upstream.retry_after_seconds);
        if let Self::RetryLater { after_seconds: after @ None, .. } = &mut self {
            *after = wait.map(|seconds| seconds.min(LONGEST_WAIT));
        }
        let (Self::RetryLater { reason, .. }
        | Self::OutcomeUnknown(reason)
        | Self::Rejected { reason, .. }
        | Self::Misconfigured(reason)
        | Self::Blocked(reason)) = &mut self;
        reason.upstream = upstream.map(Box::new);
        self
    }

    /// Why, for the operator.
    pub fn reason(&self) -> &Reason {
        match self {
            Self::RetryLater { reason, .. }
            | Self::OutcomeUnknown(reason)
            | Self::Rejected { reason, .. }
            | Self::Misconfigured(reason)
            | Self::Blocked(reason) => reason,
        }
    }

    /// A stable name: `retry-later`, `outcome-unknown`, `rejected-recipient`, `rejected-message`, `misconfigured`
    /// or `blocked`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::RetryLater { .. } => "retry-later",
            Self::OutcomeUnknown(_) => "outcome-unknown",
            Self::Rejected { recipient: true, .. } => "rejected-recipient",
            Self::Rejected { recipient: false, .. } => "rejected-message",
            Self::Misconfigured(_) => "misconfigured",
            Self::Blocked(_) => "blocked",
        }
    }
}

/// Why options are not valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// JSON Pointer into the options; empty for the whole.
    pub option: String,
    /// What to do about it.
    pub message: String,
}

impl Problem {
    /// A sentence about an option.
    pub fn new(option: impl Into<String>, message: impl Into<String>) -> Self {
        Self { option: option.into(), message: message.into() }
    }
}
