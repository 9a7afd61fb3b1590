//! Maps eCall's errors to outcomes. The REST API names the error and the parameter it is about; result codes of the older APIs
//! occur as well. Nothing depends on the texts.

use serde::Deserialize;
use serde_json::Value;
use twofactor_provider::{
    Delivery, Failure, Response, accepted, misconfigured, outcome_unknown, rejected_message, rejected_recipient,
    retry_later,
};

/// The result codes of success in the older APIs.
const SENT: u32 = 0;
const QUEUED: u32 = 11912;

#[derive(Deserialize)]
struct Refused {
    #[serde(rename = "errorCode")]
    code: Value,
    #[serde(rename = "errorDetails", default)]
    details: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    #[serde(default)]
    errors: Vec<Parameter>,
}

#[derive(Deserialize)]
struct Parameter {
    parameter: String,
}

/// Maps a response without a message id to a failure.
pub fn of(response: &Response) -> Delivery {
    let refused = response.json::<Refused>();
    let number = refused.as_ref().and_then(|refused| refused.name().parse().ok());
    if let (200..300, Some(SENT | QUEUED)) = (response.status, number) {
        return Ok(accepted(""));
    }
    Err(failure(response, refused))
}

fn failure(response: &Response, refused: Option<Refused>) -> Failure {
    let status = response.status.to_string();
    match (response.status, refused) {
        (500.., _) => outcome_unknown(&status, "eCall failed after it received the message"),
        (429, _) => retry_later(response.retry_after(), &status, "eCall is throttling requests"),
        (200..300, Some(refused)) => refused.name().parse().ok().and_then(by_result_code).unwrap_or_else(|| {
            outcome_unknown(&refused.name(), "eCall accepted the request, but its response is malformed")
        }),
        (200..300, None) => outcome_unknown(&status, "eCall accepted the request, but its response is malformed"),
        (_, Some(refused)) => named(&refused).unwrap_or_else(|| response.failure_by_status(&refused.name())),
        _ => response.failure_by_status(&status),
    }
}

impl Refused {
    /// A result code of the older APIs may be a number or text.
    fn name(&self) -> String {
        match &self.code {
            Value::String(text) if text.len() <= 40 && text.bytes().all(|b| b.is_ascii_alphanumeric()) => text.clone(),
            Value::Number(number) => number.to_string(),
            // Anything else may repeat what was sent.
            _ => String::new(),
        }
    }
}

fn named(refused: &Refused) -> Option<Failure> {
    let name = refused.name();
    if let Ok(number) = name.parse() {
        return by_result_code(number);
    }
    let parameters = refused.details.iter().flat_map(|details| &details.errors);
    let parameter = parameters.map(|error| error.parameter.to_ascii_lowercase()).next()?;
    Some(match parameter.rsplit('.').next().unwrap_or_default() {
        "to" => rejected_recipient(&name, "eCall does not accept the recipient's number"),
        "from" => misconfigured(&name, "eCall does not accept the sender"),
        "text" | "content" | "type" | "options" | "pagelimit" => {
            rejected_message(&name, "eCall does not accept the text")
        }
        _ => rejected_message(&name, "eCall does not accept the message"),
    })
}

fn by_result_code(code: u32) -> Option<Failure> {
    let text = code.to_string();
    Some(match code {
        11001 | 11300 | 11301 => misconfigured(&text, "eCall does not accept the account"),
        11303 => misconfigured(&text, "the eCall account has no credit left"),
        11400..=11402 | 11800 => misconfigured(&text, "eCall cannot send for this account"),
        11100 | 11102 | 11105 => rejected_recipient(&text, "eCall does not accept the recipient's number"),
        11200 | 11201 | 11204 => rejected_message(&text, "eCall does not accept the text"),
        11403 => retry_later(None, &text, "eCall cannot send the message at the moment"),
        _ => return None,
    })
}
