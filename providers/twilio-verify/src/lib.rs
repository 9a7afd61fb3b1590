//! Codes that Twilio Verify generates, sends by SMS and verifies.
//! <https://www.twilio.com/docs/verify/api/verification>, <https://www.twilio.com/docs/verify/api/verification-check>

mod options;
mod outcome;

use options::Options;
use serde::Deserialize;
use twofactor_provider::{
    Connection, Failure, Http, Message, Metadata, Problem, Recipient, StartedVerification, Verdict, Verifier, accepted,
    misconfigured, outcome_unknown,
};

/// The provider.
pub struct TwilioVerify;

#[derive(Deserialize)]
struct Verification {
    sid: String,
}

#[derive(Deserialize)]
struct Check {
    status: String,
}

impl Verifier for TwilioVerify {
    type Options = Options;
    const METADATA: Metadata = Metadata {
        type_id: "twilio-verify",
        name: "Twilio Verify",
        version: env!("CARGO_PKG_VERSION"),
        channel: "sms",
        recipient: Recipient::PhoneNumber,
        needs_code: false,
    };

    fn configure(options: &Options) -> Result<Vec<Connection>, Vec<Problem>> {
        options.check()?;
        Ok(vec![Connection::basic(options::ORIGIN, options.account().user(), &options.auth_token)])
    }

    fn begin(options: &Options, message: &Message) -> Result<StartedVerification, Failure> {
        let mut fields = vec![("To", message.recipient.as_str()), ("Channel", "sms")];
        fields.extend(locale(&message.locale).map(|locale| ("Locale", locale)));
        let response = Http::post(options.url_of("Verifications")).form(fields).send()?;
        match (response.status, response.json::<Verification>()) {
            // If the person asks for the code once more, Twilio returns the same verification.
            (200 | 201, Some(begun)) => Ok(StartedVerification {
                receipt: accepted(&begun.sid),
                state: begun.sid,
                code_length: options.code_length,
            }),
            _ => Err(outcome::of_begin(&response)),
        }
    }

    fn check(options: &Options, state: &str, answer: &str) -> Result<Verdict, Failure> {
        let fields = [("VerificationSid", state), ("Code", answer)];
        let response = Http::post(options.url_of("VerificationCheck")).form(fields).send()?;
        if outcome::is_over(&response) {
            return Ok(Verdict::Expired);
        }
        match (response.status, response.json::<Check>().as_ref().map(|check| check.status.as_str())) {
            (200 | 201, Some("approved")) => Ok(Verdict::Right),
            (200 | 201, Some("pending")) => Ok(Verdict::Wrong),
            (200 | 201, Some("canceled" | "max_attempts_reached" | "deleted" | "failed" | "expired")) => {
                Ok(Verdict::Expired)
            }
            (200..300, _) => Err(outcome_unknown("", "Twilio's response to the check is malformed")),
            (300..400, _) => Err(misconfigured(&response.status.to_string(), "Twilio redirects the check")),
            _ => Err(outcome::of_check(&response)),
        }
    }
}

/// Returns the language of the text, if Twilio supports it. Otherwise Twilio chooses by the number's country.
fn locale(locale: &str) -> Option<&'static str> {
    /// <https://www.twilio.com/docs/verify/supported-languages>
    const KNOWN: [&str; 41] = [
        "af", "ar", "ca", "zh", "zh-CN", "zh-HK", "hr", "cs", "da", "nl", "en", "en-GB", "et", "fi", "fr", "de", "el",
        "he", "hi", "hu", "id", "it", "ja", "kn", "ko", "lt", "ms", "mr", "nb", "pl", "pt", "pt-BR", "ro", "ru", "sk",
        "es", "sv", "te", "th", "tr", "vi",
    ];
    let language = locale.split(['-', '_']).next().unwrap_or_default();
    let find = |wanted: &str| KNOWN.into_iter().find(|known| *known == wanted);
    find(locale).or_else(|| find(language))
}

twofactor_provider::export_verifier!(TwilioVerify);

#[cfg(test)]
mod tests;
