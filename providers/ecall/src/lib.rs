//! SMS through eCall (F24 Schweiz), REST interface 2.0.

mod options;
mod outcome;

use options::Options;
use serde::Deserialize;
use serde_json::json;
use twofactor_provider::{Connection, Delivery, Http, Message, Metadata, Problem, Provider, Recipient, accepted};

/// The provider.
pub struct ECall;

const ORIGIN: &str = "https://rest.ecall.ch";

/// The maximum number of segments that a message may be billed as. Messages with codes need one or two.
const PAGES: u32 = 3;

#[derive(Deserialize)]
struct Accepted {
    #[serde(rename = "messageId")]
    message_id: Id,
}

/// Reads the id of a message, which is text or a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Id {
    Text(String),
    Number(u64),
}

impl Provider for ECall {
    type Options = Options;
    const METADATA: Metadata = Metadata {
        type_id: "ecall",
        name: "eCall SMS",
        version: env!("CARGO_PKG_VERSION"),
        channel: "sms",
        recipient: Recipient::PhoneNumber,
        needs_code: false,
    };

    fn configure(options: &Options) -> Result<Vec<Connection>, Vec<Problem>> {
        options.check()?;
        Ok(vec![Connection::basic(ORIGIN, &options.account_name, &options.account_password)])
    }

    fn deliver(options: &Options, message: &Message) -> Delivery {
        let body = json!({
            "channel": "Sms",
            "from": options.from_number,
            "to": message.recipient,
            "content": {"type": "Text", "text": message.text, "options": {"pageLimit": PAGES}},
        });
        let response = Http::post(format!("{ORIGIN}/api/message")).json(&body).send()?;
        match (response.status, response.json::<Accepted>()) {
            (200..300, Some(Accepted { message_id: Id::Text(id) })) => Ok(accepted(id)),
            (200..300, Some(Accepted { message_id: Id::Number(id) })) => Ok(accepted(id.to_string())),
            _ => outcome::of(&response),
        }
    }
}

twofactor_provider::export!(ECall);

#[cfg(test)]
mod tests;
