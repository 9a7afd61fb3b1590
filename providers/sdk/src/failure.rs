//! Results of a delivery. Details of a failure are for the operator: put no code, address or secret into them.

use crate::bindings::twofactor::provider::types as wit;
use crate::{Receipt, http};

/// The result of a delivery.
pub type Delivery = Result<Receipt, Failure>;

/// Why a message was not delivered, named for what the caller does next.
pub type Failure = wit::DeliveryFailure;

/// Returns a receipt: the upstream accepted the message. `reference` is the upstream's id for it; it may be empty.
pub fn accepted(reference: impl Into<String>) -> Receipt {
    Receipt { reference: reference.into(), segments: None, price: None, extra: Vec::new() }
}

fn reason(code: &str, detail: &str) -> wit::Reason {
    wit::Reason { code: code.to_owned(), detail: detail.to_owned() }
}

/// Returns a failure: the message was certainly not sent, and can be retried later.
pub fn retry_later(after_seconds: Option<u32>, code: &str, detail: &str) -> Failure {
    Failure::RetryLater(wit::Retry { after_seconds, reason: reason(code, detail) })
}

/// Returns a failure: the message may have been sent.
pub fn outcome_unknown(code: &str, detail: &str) -> Failure {
    Failure::OutcomeUnknown(reason(code, detail))
}

/// Returns a failure: the upstream will never accept this recipient.
pub fn rejected_recipient(code: &str, detail: &str) -> Failure {
    Failure::Rejected(wit::Rejection { part: wit::RejectedPart::Recipient, reason: reason(code, detail) })
}

/// Returns a failure: the upstream will never accept this message.
pub fn rejected_message(code: &str, detail: &str) -> Failure {
    Failure::Rejected(wit::Rejection { part: wit::RejectedPart::Message, reason: reason(code, detail) })
}

/// Returns a failure: the operator must fix something, such as options, credentials, or the account at the upstream.
pub fn misconfigured(code: &str, detail: &str) -> Failure {
    Failure::Misconfigured(reason(code, detail))
}

/// Returns a failure: the upstream blocked the message because it suspects fraud.
pub fn blocked(code: &str, detail: &str) -> Failure {
    Failure::Blocked(reason(code, detail))
}

impl From<http::Error> for Failure {
    fn from(error: http::Error) -> Self {
        match error {
            http::Error::Denied(why) => misconfigured("denied", &why),
            http::Error::Unauthenticated(why) => misconfigured("unauthenticated", &why),
            http::Error::NotSent(why) => retry_later(None, "not-sent", &why),
            http::Error::OutcomeUnknown(why) => outcome_unknown("no-answer", &why),
        }
    }
}
