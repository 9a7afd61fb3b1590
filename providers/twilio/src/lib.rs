//! SMS through Twilio Programmable Messaging.
//! <https://www.twilio.com/docs/messaging/api/message-resource>

mod options;
mod outcome;

use options::Options;
use serde::Deserialize;
use twofactor_provider::{About, Connection, Delivery, Http, Message, Problem, Provider, Receipt, Recipient, accepted};

/// The provider.
pub struct Twilio;

#[derive(Deserialize)]
struct Accepted {
    sid: String,
    #[serde(default)]
    num_segments: Option<String>,
    #[serde(default)]
    error_code: Option<u32>,
}

impl Provider for Twilio {
    type Options = Options;
    const ABOUT: About = About {
        type_id: "twilio",
        name: "Twilio SMS",
        version: env!("CARGO_PKG_VERSION"),
        channel: "sms",
        recipient: Recipient::PhoneNumber,
        reads_code: false,
    };

    fn configure(options: &Options) -> Result<Vec<Connection>, Vec<Problem>> {
        options.check()?;
        let account = options.account();
        Ok(vec![Connection::basic(account.origin(), account.user(), &options.auth_token)])
    }

    fn deliver(options: &Options, message: &Message) -> Delivery {
        // What Twilio keeps of the message is of no use to anybody afterwards: the body is discarded, the number obfuscated.
        let validity = message.valid_seconds.clamp(1, 36_000).to_string();
        let (from, sender) = options.sender();
        let answer = Http::post(options.account().url_of("Messages"))
            .form([
                ("To", message.recipient.as_str()),
                (from, sender),
                ("Body", message.text.as_str()),
                ("ValidityPeriod", validity.as_str()),
                ("ContentRetention", "discard"),
                ("AddressRetention", "obfuscate"),
            ])
            .send()?;
        match (answer.status, answer.json::<Accepted>()) {
            (200 | 201, Some(Accepted { error_code: Some(code), .. })) => Err(outcome::by_code(code, None)),
            (200 | 201, Some(message)) => {
                let parts = message.num_segments.and_then(|parts| parts.parse().ok());
                Ok(Receipt { parts, ..accepted(message.sid) })
            }
            _ => Err(twofactor_twilio_account::failure(&answer, outcome::known)),
        }
    }
}

twofactor_provider::export!(Twilio);

#[cfg(test)]
mod tests;
