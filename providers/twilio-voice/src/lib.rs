//! Calls through Twilio Programmable Voice, in which the code is read out.
//! <https://www.twilio.com/docs/voice/api/call-resource>, <https://www.twilio.com/docs/voice/twiml/say>

mod options;
mod outcome;
mod speech;

use options::Options;
use serde::Deserialize;
use twofactor_provider::{
    About, Connection, Delivery, DeliveryStatus, Http, Message, Problem, Provider, Recipient, Report, Reports,
    Signature, accepted, form_field, report_url,
};

/// The provider.
pub struct TwilioVoice;

/// How long a call may last, in seconds: enough to hear the code twice, and no answering machine's whole tape.
const LONGEST: &str = "120";

#[derive(Deserialize)]
struct Accepted {
    sid: String,
}

impl Provider for TwilioVoice {
    type Options = Options;
    const ABOUT: About = About {
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
        let twiml = speech::twiml(message);
        let mut fields = vec![
            ("To", message.recipient.as_str()),
            ("From", options.from.as_str()),
            ("Twiml", twiml.as_str()),
            ("TimeLimit", LONGEST),
        ];
        // Called when the call is over, unless other events are asked for.
        fields.extend(report_url(message).map(|url| ("StatusCallback", url)));
        let answer = Http::post(options.account().url_of("Calls")).form(fields).send()?;
        match (answer.status, answer.json::<Accepted>()) {
            (200 | 201, Some(call)) => Ok(accepted(call.sid)),
            _ => Err(twofactor_twilio_account::failure(&answer, outcome::known)),
        }
    }
}

/// <https://www.twilio.com/docs/voice/api/call-resource#call-status-values>
impl Reports for TwilioVoice {
    type Options = Options;

    /// Reports are signed with the account's auth token; whoever logs in with an API key has not given it.
    fn report_signature(options: &Options) -> Option<Signature> {
        options.api_key_sid.is_none().then(|| Signature::twilio(&options.auth_token))
    }

    fn parse_report(_: &Options, _: &str, body: &[u8]) -> Option<Report> {
        let status = form_field(body, "CallStatus")?;
        Some(match &*status {
            // Somebody, or a machine, took it.
            "completed" => Report { status: DeliveryStatus::Delivered, code: String::new() },
            "busy" | "no-answer" | "failed" | "canceled" => Report { status: DeliveryStatus::Failed, code: status },
            _ => Report { status: DeliveryStatus::Pending, code: String::new() },
        })
    }
}

twofactor_provider::export!(TwilioVoice);
twofactor_provider::export_reports!(TwilioVoice);

#[cfg(test)]
mod tests;
