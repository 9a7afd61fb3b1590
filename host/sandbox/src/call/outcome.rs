//! The input and the results of a delivery, in the host's own types.

use std::fmt;

use serde::Serialize;

use super::price::Price;
use crate::component::RecipientKind;
use crate::egress::UpstreamFailure;

/// The longest wait that is passed on, in seconds. No code is valid that long, and an unbounded
/// number could be a code.
pub(crate) const LONGEST_WAIT: u32 = 3600;

/// A message with a code for one person. `Debug` shows neither its texts nor its recipient.
#[derive(Clone)]
pub struct Message {
    /// The message's id, the same in all attempts.
    pub id: String,
    /// The recipient in its canonical form.
    pub recipient: String,
    /// The subject, for channels that have one.
    pub subject: String,
    /// The text, with the code in it.
    pub text: String,
    /// The text as HTML.
    pub html: Option<String>,
    /// The code, for providers whose manifest says that they need it.
    pub code: String,
    /// How long the code is valid, in seconds.
    pub valid_seconds: u32,
    /// The language of the texts (BCP 47).
    pub locale: String,
    /// The purpose of the code, as the application names it.
    pub purpose: String,
    /// The application's name.
    pub application: String,
    /// Fields of later minor versions of the contract.
    pub extra: Vec<(String, String)>,
    /// Whether an earlier attempt was tried ([`DeliveryFailure::was_tried`]), and so may have sent the code. If so, upstreams may know it
    /// already, and what they respond is searched for it from the beginning. Components do not see this.
    pub tried_before: bool,
}

impl Message {
    /// Adds the entries of `extra` that every message has: `now`, and `recipient-country` if the recipient is a phone number whose
    /// country is known.
    pub fn with_context(mut self, unix_seconds: i64, recipient: RecipientKind) -> Self {
        self.extra.push(("now".to_owned(), unix_seconds.to_string()));
        if recipient == RecipientKind::PhoneNumber {
            let number = self.recipient.parse::<rlibphonenumber::PhoneNumber>().ok();
            let country = number.and_then(|number| Some(number.get_region_code()?.as_region_str().to_string()));
            // Numbers that belong to no country have the region `001`.
            let country = country.filter(|country| country.len() == 2);
            self.extra.extend(country.map(|country| ("recipient-country".to_owned(), country)));
        }
        self
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The upstream accepted the message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// The upstream's reference.
    pub reference: String,
    /// The number of billed segments.
    pub segments: Option<u32>,
    /// The price, if the upstream reported it.
    pub price: Option<Price>,
    /// Details for the operator.
    pub extra: Vec<(String, String)>,
}

/// A code that the upstream generated and sent. `Debug` does not show the state.
#[derive(Clone, PartialEq, Eq)]
pub struct StartedVerification {
    /// What the provider needs to verify an answer.
    pub state: String,
    /// The number of digits of the code.
    pub code_length: u8,
}

impl fmt::Debug for StartedVerification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartedVerification").field("code_length", &self.code_length).finish_non_exhaustive()
    }
}

/// A message that the upstream accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The upstream's receipt.
    pub receipt: Receipt,
    /// The verification that the upstream started, if it generates and verifies the code.
    pub verification: Option<StartedVerification>,
}

/// The result of verifying an answer to a code that the upstream generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The answer is the code.
    Right,
    /// The answer is not the code.
    Wrong,
    /// The code has expired: no answer is accepted.
    Expired,
}

/// A delivery report, as the component read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryReport {
    /// The delivery status of the message.
    pub status: DeliveryStatus,
    /// The price, if the upstream reported it.
    pub price: Option<Price>,
}

/// The delivery status of a message, from a delivery report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryStatus {
    /// On its way.
    Pending,
    /// It arrived.
    Delivered,
    /// It will not arrive; with the upstream's error code of at most 32 letters, digits, `-`, `_` and `.`.
    Failed(String),
}

/// Why something failed, for the operator. Its texts are one line of bounded length; the code and the recipient are removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// The upstream's error code, or empty.
    pub code: String,
    /// A human-readable sentence.
    pub detail: String,
    /// Where the exchange with the upstream failed, as the host saw it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<Box<UpstreamFailure>>,
}

impl Reason {
    /// The code of a message that was not sent because the host has no capacity.
    pub const BUSY: &str = "busy";
    /// The code of a message that was not tried because its instance is paused.
    pub const PAUSED: &str = "pause";
    /// The code of a message that was not tried because a quota is used up.
    pub const QUOTA_USED: &str = "quota";
    /// The code of a message that was not tried because the store could not count it.
    pub const NOT_COUNTED: &str = "store";
    /// The codes that only the host uses. A component that returns one says something about its upstream: the code gets the prefix
    /// `upstream-`.
    pub(crate) const OF_THE_HOST: [&str; 4] = [Self::BUSY, Self::PAUSED, Self::QUOTA_USED, Self::NOT_COUNTED];

    /// Creates a reason with a code, which may be empty, and a sentence.
    pub fn new(code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { code: code.into(), detail: detail.into(), upstream: None }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&*self.detail, &*self.code) {
            (detail, "") => f.write_str(detail),
            ("", code) => write!(f, "code {code}"),
            (detail, code) => write!(f, "{detail} ({code})"),
        }
    }
}

/// Why a message was not delivered, named for what the caller does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryFailure {
    /// It was certainly not sent.
    RetryLater {
        /// How long the upstream asks to wait, in seconds.
        after_seconds: Option<u32>,
        /// Why.
        reason: Reason,
    },
    /// It may have been sent.
    OutcomeUnknown(Reason),
    /// It was finally rejected.
    Rejected {
        /// True if the recipient was rejected, false if the message was.
        recipient: bool,
        /// Why.
        reason: Reason,
    },
    /// The operator must fix something.
    Misconfigured(Reason),
    /// The upstream suspects fraud.
    Blocked(Reason),
}

impl DeliveryFailure {
    /// Returns whether the component was called.
    pub fn was_tried(&self) -> bool {
        !matches!(self, Self::RetryLater { reason, .. } if Reason::OF_THE_HOST.contains(&&*reason.code))
    }

    /// Returns whether the host had no capacity for the call. This says nothing about the upstream.
    pub fn is_of_the_host(&self) -> bool {
        matches!(self, Self::RetryLater { reason, .. } if reason.code == Reason::BUSY)
    }

    /// Adds where the exchange with the upstream failed. It passes on a wait that the upstream asked for and the component did not
    /// learn (that of a token endpoint).
    pub(crate) fn with_upstream(mut self, upstream: Option<UpstreamFailure>) -> Self {
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

    /// Returns why, for the operator.
    pub fn reason(&self) -> &Reason {
        match self {
            Self::RetryLater { reason, .. }
            | Self::OutcomeUnknown(reason)
            | Self::Rejected { reason, .. }
            | Self::Misconfigured(reason)
            | Self::Blocked(reason) => reason,
        }
    }

    /// Returns a stable name: `retry-later`, `outcome-unknown`, `rejected-recipient`,
    /// `rejected-message`, `misconfigured` or `blocked`.
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
