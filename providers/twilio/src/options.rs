//! The options of a Twilio instance.

use schemars::JsonSchema;
use serde::Deserialize;
use twofactor_provider::{Problem, Secret, problem};
use twofactor_twilio_account::{Account, is_number, is_sid};

/// SMS through an account at Twilio.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// The account SID: AC followed by 32 hexadecimal digits.
    #[serde(rename = "TwilioAccountSid")]
    #[schemars(regex(pattern = "^AC[0-9a-fA-F]{32}$"))]
    pub account_sid: String,
    /// The account's auth token, or the API key's secret if you use an API key.
    #[serde(rename = "TwilioAuthToken")]
    pub auth_token: Secret,
    /// The sender: a phone number in E.164 format (+41…), a short code, an alphanumeric sender of up to 11 characters, or a messaging service SID (MG…).
    #[serde(rename = "TwilioSmsFromNumber")]
    #[schemars(length(min = 1, max = 40))]
    pub from: String,
    /// The SID of an API key (SK…), to authenticate with instead of the account (optional).
    #[serde(rename = "TwilioApiKeySid")]
    #[serde(default)]
    #[schemars(regex(pattern = "^SK[0-9a-fA-F]{32}$"))]
    pub api_key_sid: Option<String>,
    /// The region that processes messages, such as ie1. Default: us1.
    #[serde(rename = "TwilioRegion")]
    #[serde(default)]
    #[schemars(regex(pattern = "^[a-z]{2}[0-9]$"))]
    pub region: Option<String>,
    /// The Twilio edge location to connect to, such as dublin (optional).
    #[serde(rename = "TwilioEdge")]
    #[serde(default)]
    #[schemars(regex(pattern = "^[a-z][a-z-]{1,20}$"))]
    pub edge: Option<String>,
}

impl Options {
    pub fn check(&self) -> Result<(), Vec<Problem>> {
        let mut problems = self.account().problems();
        let (from, service) = (&self.from, self.is_service());
        if !(service || is_number(from) || is_short_code(from) || is_alphanumeric_sender(from)) {
            let message = "must be a phone number such as +41791234567, a short code, an alphanumeric sender of up to 11 characters, or a messaging service SID (MG…)";
            problems.push(problem("/TwilioSmsFromNumber", message));
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    pub fn account(&self) -> Account<'_> {
        Account {
            sid: &self.account_sid,
            api_key_sid: self.api_key_sid.as_deref(),
            region: self.region.as_deref(),
            edge: self.edge.as_deref(),
        }
    }

    /// Returns the name and value of the field that holds the sender.
    pub fn sender(&self) -> (&'static str, &str) {
        if self.is_service() { ("MessagingServiceSid", &self.from) } else { ("From", &self.from) }
    }

    fn is_service(&self) -> bool {
        is_sid("MG", &self.from)
    }
}

/// <https://www.twilio.com/docs/glossary/what-is-a-short-code>: three to six digits, by country.
fn is_short_code(text: &str) -> bool {
    (3..=6).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_alphanumeric_sender(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"+-_& ".contains(&b);
    (1..=11).contains(&text.len()) && text.bytes().all(fits) && text.bytes().any(|b| b.is_ascii_alphabetic())
}
