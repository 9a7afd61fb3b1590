//! SMS through Twilio Programmable Messaging.
//! <https://www.twilio.com/docs/messaging/api/message-resource>

mod options;
mod outcome;

use options::Options;
use serde::Deserialize;
use twofactor_provider::{
    About, Connection, Delivery, Failure, Fate, Http, Message, Problem, Provider, Receipt, Recipient, Report, Reports,
    Signature, accepted, form_field, report_url,
};

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
        let mut fields = vec![
            ("To", message.recipient.as_str()),
            (from, sender),
            ("Body", message.text.as_str()),
            ("ValidityPeriod", validity.as_str()),
            ("ContentRetention", "discard"),
            ("AddressRetention", "obfuscate"),
        ];
        fields.extend(report_url(message).map(|url| ("StatusCallback", url)));
        let answer = Http::post(options.account().url_of("Messages")).form(fields).send()?;
        match (answer.status, answer.json::<Accepted>()) {
            // It was made a message, so whatever is wrong with it for now, it may go out.
            (200 | 201, Some(Accepted { error_code: Some(code), .. })) => Err(match outcome::by_code(code, None) {
                Failure::RetryLater(retry) => Failure::OutcomeUnknown(retry.reason),
                failure => failure,
            }),
            (200 | 201, Some(message)) => {
                let parts = message.num_segments.and_then(|parts| parts.parse().ok());
                Ok(Receipt { parts, ..accepted(message.sid) })
            }
            _ => Err(twofactor_twilio_account::failure(&answer, outcome::known)),
        }
    }
}

/// <https://www.twilio.com/docs/messaging/guides/track-outbound-message-status>
impl Reports for Twilio {
    type Options = Options;

    /// Reports are signed with the account's auth token; whoever logs in with an API key has not given it.
    fn signed_by(options: &Options) -> Option<Signature> {
        options.api_key_sid.is_none().then(|| Signature::twilio(&options.auth_token))
    }

    fn read(_: &Options, _: &str, body: &[u8]) -> Option<Report> {
        let fate = match &*form_field(body, "MessageStatus")? {
            "delivered" | "read" => Fate::Delivered,
            "undelivered" | "failed" | "canceled" => Fate::Undelivered,
            _ => Fate::UnderWay,
        };
        let code = form_field(body, "ErrorCode").filter(|code| code.bytes().all(|b| b.is_ascii_digit()));
        Some(Report { fate, code: code.unwrap_or_default() })
    }
}

twofactor_provider::export!(Twilio);
twofactor_provider::export_reports!(Twilio);

#[cfg(test)]
mod tests;
