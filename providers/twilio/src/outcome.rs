//! What Twilio's error codes mean. <https://www.twilio.com/docs/api/errors>

use serde::Deserialize;
use twofactor_provider::{
    Answer, Failure, blocked, misconfigured, rejected_message, rejected_recipient, retry_later, unknown,
};

/// Both forms of an error have this much: the older one, and the one after RFC 9457.
#[derive(Deserialize)]
struct Refused {
    code: u32,
}

pub fn of(answer: &Answer) -> Failure {
    match (answer.status, answer.json::<Refused>()) {
        // A 5xx says nothing about the message: it may have been queued.
        (500.., _) => unknown(&answer.status.to_string(), "Twilio failed after it had the message"),
        // Not processed: safe to repeat after a while.
        (429, refused) => {
            let code = refused.map_or(429, |refused| refused.code);
            retry_later(answer.retry_after(), &code.to_string(), "Twilio asks to slow down")
        }
        (200..300, _) => unknown("", "Twilio's answer to an accepted message is malformed"),
        (_, Some(refused)) => known(refused.code, answer.retry_after())
            .unwrap_or_else(|| answer.failure_by_status(&refused.code.to_string())),
        _ => answer.failure_by_status(&answer.status.to_string()),
    }
}

/// The meaning of a code by itself.
pub fn by_code(code: u32, after: Option<u32>) -> Failure {
    known(code, after).unwrap_or_else(|| unknown(&code.to_string(), "Twilio reports an error with the message"))
}

fn known(code: u32, after: Option<u32>) -> Option<Failure> {
    let text = code.to_string();
    Some(match code {
        20003 | 20403 | 20404 => misconfigured(&text, "Twilio does not accept the account or its token"),
        21212 | 21601 | 21603 | 21606 | 21608 | 21659..=21661 => {
            misconfigured(&text, "Twilio does not accept the sender")
        }
        21408 => misconfigured(&text, "messages to this country are not enabled at Twilio"),
        21211 | 21604 | 21612 | 21614 => rejected_recipient(&text, "Twilio cannot reach this number"),
        21610 => rejected_recipient(&text, "the recipient has unsubscribed"),
        30004..=30006 => rejected_recipient(&text, "the message cannot be delivered to this number"),
        21617 => rejected_message(&text, "the message is too long"),
        30007 => rejected_message(&text, "the message was filtered by the carrier"),
        20429 | 21611 | 30001 | 30003 | 30008 => retry_later(after, &text, "Twilio cannot send it now"),
        30450 | 60605 => blocked(&text, "Twilio suspects fraud"),
        _ => return None,
    })
}
