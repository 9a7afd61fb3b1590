//! Calls through Twilio Programmable Voice, in which the code is read out.
//! <https://www.twilio.com/docs/voice/api/call-resource>, <https://www.twilio.com/docs/voice/twiml/say>

mod options;
mod outcome;
mod speech;

use options::Options;
use serde::Deserialize;
use twofactor_provider::{About, Connection, Delivery, Http, Message, Problem, Provider, Recipient, accepted};

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
        reads_code: true,
    };

    fn configure(options: &Options) -> Result<Vec<Connection>, Vec<Problem>> {
        options.check()?;
        let account = options.account();
        Ok(vec![Connection::basic(account.origin(), account.user(), &options.auth_token)])
    }

    fn deliver(options: &Options, message: &Message) -> Delivery {
        let twiml = speech::twiml(message);
        let answer = Http::post(options.account().url_of("Calls"))
            .form([
                ("To", message.recipient.as_str()),
                ("From", options.from.as_str()),
                ("Twiml", twiml.as_str()),
                ("TimeLimit", LONGEST),
            ])
            .send()?;
        match (answer.status, answer.json::<Accepted>()) {
            (200 | 201, Some(call)) => Ok(accepted(call.sid)),
            _ => Err(twofactor_twilio_account::failure(&answer, outcome::known)),
        }
    }
}

twofactor_provider::export!(TwilioVoice);

#[cfg(test)]
mod tests;
