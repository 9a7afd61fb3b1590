//! Maps Twilio's error codes for calls to failures. <https://www.twilio.com/docs/api/errors>

use twofactor_provider::{Failure, blocked, misconfigured, rejected_message, rejected_recipient, retry_later};

/// Maps an error code that is specific to calls to a failure.
pub fn known(code: u32, after: Option<u32>) -> Option<Failure> {
    let text = code.to_string();
    Some(match code {
        10001 | 10002 | 10005 => misconfigured(&text, "the Twilio account is not allowed to make calls"),
        10004 => retry_later(after, &text, "the Twilio account has reached its limit of concurrent calls"),
        21210 | 21212 | 21213 => misconfigured(&text, "Twilio does not accept the caller's number"),
        21203 | 21215 | 13227 => misconfigured(&text, "calls to this country are not enabled at Twilio"),
        21219 => misconfigured(&text, "a trial account can call verified numbers only"),
        21201 | 21211 | 21214 | 21217 | 13223 | 13224 => rejected_recipient(&text, "Twilio cannot call this number"),
        21216 => blocked(
            &text,
            "Twilio blocks calls to this number: it suspects fraud, or the account's profile is incomplete",
        ),
        21200 | 21205 | 21218 => rejected_message(&text, "Twilio does not accept the call"),
        _ => return None,
    })
}
