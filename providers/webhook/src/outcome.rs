//! Maps a receiver's response to an outcome: by its status (RFC 9110), and by nothing else.

use twofactor_provider::{Answer, Delivery, accepted, misconfigured, rejected_message, retry_later, unknown};

/// Maps a response to an outcome.
pub fn of(answer: &Answer) -> Delivery {
    let code = answer.status.to_string();
    let says_when = answer.headers.iter().any(|(name, _)| name == "retry-after");
    Err(match answer.status {
        200..=299 => return Ok(accepted("")),
        // Misdirected (section 15.5.20) or too early (RFC 8470 section 5.2): neither was processed.
        421 | 425 => retry_later(answer.retry_after(), &code, "the receiver did not process the request"),
        // Section 15.5.9 means that the request did not arrive completely. But servers also send it if a handler was too slow.
        408 => unknown(&code, "the receiver took too long"),
        // RFC 6585 section 4: refused because of the rate, so not processed.
        429 => retry_later(answer.retry_after(), &code, "the receiver is throttling requests"),
        // Section 15.6.4: it cannot handle the request now. With Retry-After the receiver itself says so. Without it, a proxy may say
        // so about a receiver that had the request and did not respond.
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
