//! What a receiver's answer means: its status, as HTTP (RFC 9110) has it, and nothing else.

use twofactor_provider::{Answer, Delivery, accepted, misconfigured, rejected_message, retry_later, unknown};

/// What an answer means.
pub fn of(answer: &Answer) -> Delivery {
    let code = answer.status.to_string();
    let says_when = answer.headers.iter().any(|(name, _)| name == "retry-after");
    Err(match answer.status {
        200..=299 => return Ok(accepted("")),
        // The request is for another server (section 15.5.20), or would not be risked yet (RFC 8470 section 5.2): neither was processed.
        421 | 425 => retry_later(answer.retry_after(), &code, "the receiver did not process the request"),
        // Section 15.5.9 means a request that did not come whole; but servers also say it of a handler that was too slow.
        408 => unknown(&code, "the receiver took too long"),
        // RFC 6585 section 4: refused for being one too many.
        429 => retry_later(answer.retry_after(), &code, "the receiver is throttling requests"),
        // Section 15.6.4: it cannot handle the request now. With a time to come back this is the receiver's own word; without, it is
        // also what a proxy says of a receiver that fell silent over a request it had.
        503 if says_when => {
            retry_later(answer.retry_after(), &code, "the receiver cannot accept messages at the moment")
        }
        500.. => unknown(&code, "the receiver failed after it received the message"),
        404 | 405 | 410 => misconfigured(&code, "no webhook accepts messages at this URL"),
        401 | 403 => misconfigured(&code, "the receiver does not accept the signature: compare the secrets"),
        415 => misconfigured(&code, "the receiver does not accept JSON"),
        400 | 413 | 422 => rejected_message(&code, "the receiver does not accept the message"),
        _ => answer.failure_by_status(&code),
    })
}
