//! Maps a receiver's response to an outcome: by its status (RFC 9110), and by nothing else.

use twofactor_provider::{Delivery, Response, accepted, misconfigured, outcome_unknown, rejected_message, retry_later};

/// Maps a response to an outcome.
pub fn of(response: &Response) -> Delivery {
    let code = response.status.to_string();
    let says_when = response.headers.iter().any(|(name, _)| name == "retry-after");
    Err(match response.status {
        200..=299 => return Ok(accepted("")),
        // Misdirected (section 15.5.20) or too early (RFC 8470 section 5.2): neither was processed.
        421 | 425 => retry_later(response.retry_after(), &code, "the receiver did not process the request"),
        // Section 15.5.9 means that the request did not arrive completely. But servers also send it if a handler was too slow.
        408 => outcome_unknown(&code, "the receiver took too long"),
        // RFC 6585 section 4: refused because of the rate, so not processed.
        429 => retry_later(response.retry_after(), &code, "the receiver is throttling requests"),
        // Section 15.6.4: it cannot handle the request now. With Retry-After the receiver itself says so. Without it, a proxy may say
        // so about a receiver that had the request and did not respond.
        503 if says_when => {
            retry_later(response.retry_after(), &code, "the receiver cannot accept messages at the moment")
        }
        500.. => outcome_unknown(&code, "the receiver failed after it received the message"),
        404 | 405 | 410 => misconfigured(&code, "no webhook accepts messages at this URL"),
        401 | 403 => misconfigured(&code, "the receiver does not accept the signature: compare the secrets"),
        415 => misconfigured(&code, "the receiver does not accept JSON"),
        400 | 413 | 422 => rejected_message(&code, "the receiver does not accept the message"),
        _ => response.failure_by_status(&code),
    })
}
