//! Phone calls through Twilio Programmable Voice that read out the code.
//! <https://www.twilio.com/docs/voice/api/call-resource>, <https://www.twilio.com/docs/voice/twiml/say>

mod options;
mod outcome;
mod twiml;

use options::Options;
use serde::Deserialize;
use twofactor_provider::{
    Connection, Delivery, DeliveryStatus, Http, Message, Metadata, Problem, Proof, Provider, Recipient, Report,
    ReportRequest, Reports, accepted, form_field, report, report_url,
};

/// The provider.
pub struct TwilioVoice;

/// The maximum duration of a call, in seconds: enough to hear the code twice, without filling an answering machine.
const LONGEST: &str = "120";

#[derive(Deserialize)]
struct Accepted {
    sid: String,
}

impl Provider for TwilioVoice {
    type Options = Options;
    const METADATA: Metadata = Metadata {
        type_id: "twilio-voice",
        name: "Twilio Voice",
        version: env!("CARGO_PKG_VERSION"),
        channel: "voice",
        recipient: Recipient::PhoneNumber,
        // To say its digits one by one.
        needs_code: true,
    };

    fn configure(options: &Options) -> Result<Vec<Connection>, Vec<Problem>> {
        options.check()?;
        let account = options.account();
        Ok(vec![Connection::basic(account.origin(), account.user(), &options.auth_token)])
    }

    fn deliver(options: &Options, message: &Message) -> Delivery {
        let script = twiml::script(message);
        let mut fields = vec![
            ("To", message.recipient.as_str()),
            ("From", options.from.as_str()),
            ("Twiml", script.as_str()),
            ("TimeLimit", LONGEST),
        ];
        // Called when the call has ended, unless other events are requested.
        fields.extend(report_url(message).map(|url| ("StatusCallback", url)));
        let response = Http::post(options.account().url_of("Calls")).form(fields).send()?;
        match (response.status, response.json::<Accepted>()) {
            (200 | 201, Some(call)) => Ok(accepted(call.sid)),
            _ => Err(twofactor_twilio_account::failure(&response, outcome::known)),
        }
    }
}

/// <https://www.twilio.com/docs/voice/api/call-resource#call-status-values>
impl Reports for TwilioVoice {
    type Options = Options;

    /// Reports are signed with the account's auth token, which is not known if an API key is used.
    fn report_proof(options: &Options) -> Option<Proof> {
        options.api_key_sid.is_none().then(|| Proof::twilio(&options.auth_token))
    }

    fn parse_report(_: &Options, request: &ReportRequest) -> Option<Report> {
        let status = form_field(&request.body, "CallStatus")?;
        Some(match &*status {
            // A person or an answering machine picked up.
            "completed" => report(DeliveryStatus::Delivered, ""),
            "busy" | "no-answer" | "failed" | "canceled" => report(DeliveryStatus::Failed, status),
            _ => report(DeliveryStatus::Pending, ""),
        })
    }
}

twofactor_provider::export!(TwilioVoice);
twofactor_provider::export_reports!(TwilioVoice);

#[cfg(test)]
mod tests;
