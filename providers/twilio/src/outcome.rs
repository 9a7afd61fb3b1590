//! Maps Twilio's error codes for messages to failures. <https://www.twilio.com/docs/api/errors>

use twofactor_provider::{Failure, misconfigured, outcome_unknown, rejected_message, rejected_recipient, retry_later};
use twofactor_twilio_account::of_the_account;

/// Maps an error code to a failure.
pub fn by_code(code: u32, after: Option<u32>) -> Failure {
    known(code, after)
        .or_else(|| of_the_account(code, after))
        .unwrap_or_else(|| outcome_unknown(&code.to_string(), "Twilio reported an error with the message"))
}

/// Maps an error code that is specific to messages to a failure.
pub fn known(code: u32, after: Option<u32>) -> Option<Failure> {
    let text = code.to_string();
    Some(match code {
        21212 | 21601 | 21603 | 21606 | 21608 | 21659..=21661 => {
            misconfigured(&text, "Twilio does not accept the sender")
        }
        21701 | 21703 | 21705 => misconfigured(&text, "the messaging service does not exist or has no sender"),
        30032 | 30034 => misconfigured(&text, "the sender's number is not registered or verified with the carriers"),
        63038 => misconfigured(&text, "the account has reached its daily message limit"),
        21408 => misconfigured(&text, "messages to this country are not enabled at Twilio"),
        21211 | 21604 | 21612 | 21614 | 21635 => rejected_recipient(&text, "Twilio cannot reach this number"),
        21610 => rejected_recipient(&text, "the recipient has unsubscribed"),
        30004..=30006 => rejected_recipient(&text, "the message cannot be delivered to this number"),
        21617 => rejected_message(&text, "the message is too long"),
        30007 => rejected_message(&text, "the message was filtered by the carrier"),
        21611 | 30001 | 30003 | 30008 => retry_later(after, &text, "Twilio cannot send the message at the moment"),
        _ => return None,
    })
}
