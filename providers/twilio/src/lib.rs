//! SMS through Twilio Programmable Messaging.
//! <https://www.twilio.com/docs/messaging/api/message-resource>

mod options;
mod outcome;

use options::Options;
use serde::Deserialize;
use serde_json::Value;
use twofactor_provider::{
    Connection, Delivery, DeliveryStatus, Failure, Http, Message, Metadata, Problem, Proof, Provider, Receipt,
    Recipient, Report, ReportRequest, Reports, Retry, accepted, form_field, price as price_of, report, report_url,
    retry_later,
};

/// The provider.
pub struct Twilio;

/// A response with a SID means that a message was created. The other fields may be of any type: an odd one must not hide that.
#[derive(Deserialize)]
struct Accepted {
    sid: String,
    #[serde(default)]
    status: Value,
    #[serde(default)]
    num_segments: Value,
    #[serde(default)]
    error_code: Value,
    #[serde(default)]
    price: Value,
    #[serde(default)]
    price_unit: Value,
}

/// Returns a number that is written as a number or as text.
fn number(value: &Value) -> Option<u32> {
    match value {
        Value::Number(number) => number.as_u64()?.try_into().ok(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// Maps a created message to an outcome. It may be sent if it has no error, and also if its error is temporary.
fn accepted_or_failed(message: Accepted) -> Delivery {
    let is_final = matches!(message.status.as_str(), Some("failed" | "undelivered" | "canceled"));
    match number(&message.error_code).filter(|code| *code != 0) {
        Some(code) => Err(match outcome::by_code(code, None) {
            Failure::RetryLater(retry) if !is_final => Failure::OutcomeUnknown(retry.reason),
            // Twilio has given up, whatever the code says.
            Failure::OutcomeUnknown(reason) if is_final => Failure::RetryLater(Retry { after_seconds: None, reason }),
            failure => failure,
        }),
        None if is_final => Err(retry_later(None, "failed", "Twilio could not send the message")),
        None => {
            let price = message.price.as_str().zip(message.price_unit.as_str());
            let price = price.map(|(amount, currency)| price_of(amount, currency));
            Ok(Receipt { segments: number(&message.num_segments), price, ..accepted(message.sid) })
        }
    }
}

impl Provider for Twilio {
    type Options = Options;
    const METADATA: Metadata = Metadata {
        type_id: "twilio",
        name: "Twilio SMS",
        version: env!("CARGO_PKG_VERSION"),
        channel: "sms",
        recipient: Recipient::PhoneNumber,
        needs_code: false,
    };

    fn configure(options: &Options) -> Result<Vec<Connection>, Vec<Problem>> {
        options.check()?;
        let account = options.account();
        Ok(vec![Connection::basic(account.origin(), account.user(), &options.auth_token)])
    }

    fn deliver(options: &Options, message: &Message) -> Delivery {
        // Have Twilio discard the body and obfuscate the number: nobody needs them afterwards.
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
        let response = Http::post(options.account().url_of("Messages")).form(fields).send()?;
        match (response.status, response.json::<Accepted>()) {
            (200 | 201, Some(message)) => accepted_or_failed(message),
            _ => Err(twofactor_twilio_account::failure(&response, outcome::known)),
        }
    }
}

/// <https://www.twilio.com/docs/messaging/guides/track-outbound-message-status>
impl Reports for Twilio {
    type Options = Options;

    /// Reports are signed with the account's auth token, which is not known if an API key is used.
    fn report_proof(options: &Options) -> Option<Proof> {
        options.api_key_sid.is_none().then(|| Proof::twilio(&options.auth_token))
    }

    fn parse_report(_: &Options, request: &ReportRequest) -> Option<Report> {
        let body = &request.body;
        let status = match &*form_field(body, "MessageStatus")? {
            "delivered" | "read" => DeliveryStatus::Delivered,
            "undelivered" | "failed" | "canceled" => DeliveryStatus::Failed,
            _ => DeliveryStatus::Pending,
        };
        let code = form_field(body, "ErrorCode").filter(|code| code.bytes().all(|b| b.is_ascii_digit()));
        let price = form_field(body, "Price").zip(form_field(body, "PriceUnit"));
        let price = price.map(|(amount, currency)| price_of(&amount, &currency));
        Some(Report { price, ..report(status, code.unwrap_or_default()) })
    }
}

twofactor_provider::export!(Twilio);
twofactor_provider::export_reports!(Twilio);

#[cfg(test)]
mod tests;
