//! Maps Twilio's error codes for verifications to failures. <https://www.twilio.com/docs/api/errors>

use serde::Deserialize;
use twofactor_provider::{
    Failure, Response, blocked, misconfigured, rejected_message, rejected_recipient, retry_later,
};
use twofactor_twilio_account::failure;

/// How long Twilio sends no more codes to a person who was sent too many (60203), in seconds.
const TEN_MINUTES: u32 = 600;

#[derive(Deserialize)]
struct Refused {
    code: u32,
}

fn code(response: &Response) -> Option<u32> {
    response.json::<Refused>().map(|refused| refused.code)
}

/// Returns whether a verification has ended: used, expired, or answered too often. <https://www.twilio.com/docs/verify/api/verification-check>
pub fn is_over(response: &Response) -> bool {
    matches!((response.status, code(response)), (404, _) | (400.., Some(60202)))
}

/// Maps a response to a failure to send a code.
pub fn of_begin(response: &Response) -> Failure {
    // Twilio responds with 429 to these too, but they concern one person.
    match code(response) {
        Some(60203) => {
            let wait = response.retry_after().or(Some(TEN_MINUTES));
            retry_later(wait, "60203", "Twilio has reached its limit of codes for this number in ten minutes")
        }
        Some(60202) => {
            let wait = response.retry_after().or(Some(TEN_MINUTES));
            retry_later(wait, "60202", "Twilio accepts no answers from this number for ten minutes")
        }
        _ => failure(response, known),
    }
}

/// Maps a response to a failure to verify an answer.
pub fn of_check(response: &Response) -> Failure {
    failure(response, known)
}

fn known(code: u32, after: Option<u32>) -> Option<Failure> {
    let text = code.to_string();
    Some(match code {
        60033 | 60205 | 21211 | 21614 => rejected_recipient(&text, "Twilio cannot send a code to this number"),
        60200 => rejected_message(&text, "Twilio does not accept the request"),
        60204 | 60213 | 60220 | 60223 => misconfigured(&text, "the Verify service is not allowed to send these codes"),
        21608 => misconfigured(&text, "a trial account can send to verified numbers only"),
        60207 | 60209 | 60212 => retry_later(after, &text, "Twilio is throttling requests"),
        60410 => blocked(&text, "Twilio suspects fraud"),
        _ => return None,
    })
}
